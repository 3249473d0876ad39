"""Formulas of sizes: arithmetic agrees with whole numbers, and equal formulas are equal objects."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wirework.polynomial import Polynomial, largest

NAMES = ("b", "h", "t")
lengths = st.fixed_dictionaries({name: st.integers(1, 50) for name in NAMES})


def formulas() -> st.SearchStrategy[str]:
    leaf = st.sampled_from(NAMES) | st.integers(0, 9).map(str)
    return st.recursive(
        leaf,
        lambda inner: st.one_of(
            st.tuples(inner, st.sampled_from("+-*"), inner).map(lambda t: f"({t[0]} {t[1]} {t[2]})"),
            st.tuples(inner, st.sampled_from(("//", "%")), st.integers(1, 9)).map(lambda t: f"({t[0]} {t[1]} {t[2]})"),
            st.tuples(inner, st.sampled_from(("//", "%")), st.sampled_from(NAMES)).map(
                lambda t: f"({t[0]} {t[1]} {t[2]})"
            ),
            st.tuples(inner, inner).map(lambda t: f"max({t[0]}, {t[1]})"),
        ),
        max_leaves=8,
    )


FORMULAS = formulas()


@given(FORMULAS, lengths)
def test_means_what_python_means(text, sizes):
    found = Polynomial.parse(text)
    assert found.evaluate(**sizes) == eval(text, {"max": max}, sizes)


@given(FORMULAS)
def test_is_read_back_from_its_text(text):
    found = Polynomial.parse(text)
    assert Polynomial.parse(str(found)) == found


@given(FORMULAS, lengths)
def test_sizes_can_be_put_in_one_by_one(text, sizes):
    step = Polynomial.parse(text)
    for name, size in sizes.items():
        step = step.substitute(**{name: size})
    assert int(step) == Polynomial.parse(text).evaluate(**sizes)


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("(h - 16) // 16 + 1", "h//16"),
        ("h // 2 // 2", "h//4"),
        ("b * h // h", "b"),
        ("(b + h) * (b - h)", "b**2 - h**2"),
        ("max(b, b + 1, 0)", "b + 1"),
        ("b - b", "0"),
        ("(h + 32) % 16", "h%16"),
    ],
)
def test_simplest_form(text, shown):
    assert str(Polynomial.parse(text)) == shown


def test_numbers_are_polynomials():
    assert Polynomial.of(3) == 3
    assert hash(Polynomial.of(3)) == hash(3)
    assert int(largest(2, 3)) == 3


@pytest.mark.parametrize("text", ["b.c", "f(b)", "b / 2", "b ** h", "'b'", "", "b +", "1.5", "True"])
def test_refuses_what_is_no_formula(text):
    with pytest.raises(ValueError):
        Polynomial.parse(text)


def test_a_missing_size_is_named():
    with pytest.raises(ValueError, match="before h is"):
        Polynomial.parse("b * h").evaluate(b=2)


def test_sympy():
    sympy = pytest.importorskip("sympy")
    found = Polynomial.parse("2*b*h//3 + max(b, h) + h % 4").to_sympy()
    b, h = (sympy.Symbol(name, integer=True, positive=True) for name in "bh")
    assert found.subs({b: 5, h: 7}) == 2 * 5 * 7 // 3 + 7 + 3


@pytest.mark.parametrize("text", ["-(b//2)", "-(b//2) + h", "h - b//2", "-(b%3) - 1", "-max(b, h)"])
def test_a_negative_quotient_is_read_back(text):
    found = Polynomial.parse(text)
    assert Polynomial.parse(str(found)) == found
    assert eval(str(found), {"max": max}, {"b": 5, "h": 3}) == found.evaluate(b=5, h=3)


def test_sizes_may_be_called_like_words_of_python():
    found = Polynomial.parse("in*if + lambda//2")
    assert found.names == ("if", "in", "lambda")
    assert Polynomial.parse(str(found)) == found
