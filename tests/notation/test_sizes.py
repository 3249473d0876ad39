"""The solver: sizes as formulas, and the checks that remain for run time."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wirework.notation.sizes import (
    Assign,
    Check,
    Difference,
    Dim,
    Equation,
    Given,
    Product,
    Quotient,
    Root,
    Sum,
    Var,
    code,
    evaluate,
    product,
    root,
    solve,
    total,
)

N, M = Dim(0, 0), Dim(0, 1)


def equation(whole, *parts: str, is_sum: bool = False) -> Equation:
    return Equation(whole, parts, is_sum, " ".join(parts), (0, 1))


def run(solution, values: dict) -> tuple[dict[str, int], bool]:
    """The sizes for actual numbers, and whether all checks hold."""
    found: dict[str, int] = {}

    def value(atom) -> int:
        return found[atom.name] if isinstance(atom, Var) else values[atom]

    holds = True
    for statement in solution.statements:
        if isinstance(statement, Assign):
            found[statement.name] = evaluate(statement.size, value)
        else:
            left, right = evaluate(statement.left, value), evaluate(statement.right, value)
            holds &= left == right if statement.relation == "==" else left >= right
    return {name: evaluate(size, value) for name, size in solution.sizes.items()}, holds


def test_a_plain_axis_is_its_dimension() -> None:
    found = solve([equation(N, "a")], {})
    assert found.sizes == {"a": N}
    assert found.statements == found.unknown == ()


def test_a_second_length_is_checked() -> None:
    one, other = equation(N, "a"), equation(M, "a")
    assert solve([one, other], {}).statements == (Check(M, N, other),)


def test_a_given_size_divides() -> None:
    whole = equation(N, "a", "b")
    found = solve([whole], {"a": Given("a")})
    assert found.statements == (
        Assign("b", Quotient(N, Given("a"))),
        Check(N, Product((Given("a"), Var("b"))), whole),
    )


def test_a_sum_is_subtracted() -> None:
    whole = equation(N, "a", "b", is_sum=True)
    found = solve([whole], {"a": 2})
    assert found.statements == (Assign("b", Difference(N, (2,))), Check(Var("b"), 0, whole, ">="))


def test_the_same_size_twice_is_a_root_or_a_half() -> None:
    assert solve([equation(N, "a", "a")], {}).statements[0] == Assign("a", Root(N, 2))
    assert solve([equation(N, "a", "a", is_sum=True)], {}).statements[0] == Assign("a", Quotient(N, 2))


def test_names_for_wholes_are_found_from_their_parts_and_the_other_way_round() -> None:
    inner, outer = equation("(a b)", "a", "b"), equation(N, "(a b)", "c", is_sum=True)
    assert run(solve([inner, outer], {"a": 2, "b": 3}), {N: 10})[0]["c"] == 4
    assert run(solve([inner, outer], {"a": 2, "c": 4}), {N: 10})[0]["b"] == 3


def test_what_cannot_be_found_is_named() -> None:
    assert solve([equation(N, "a", "b"), equation(M, "c")], {}).unknown == ("a", "b")


@given(st.lists(st.integers(1, 6), min_size=2, max_size=4), st.data())
def test_one_unknown_is_found_wherever_it_stands(lengths: list[int], data) -> None:
    is_sum = data.draw(st.booleans())
    hidden = data.draw(st.integers(0, len(lengths) - 1))
    names = [f"a{place}" for place in range(len(lengths))]
    known = {name: size for place, (name, size) in enumerate(zip(names, lengths, strict=True)) if place != hidden}
    whole = sum(lengths) if is_sum else math.prod(lengths)
    found = solve([equation(N, *names, is_sum=is_sum)], known)
    sizes, holds = run(found, {N: whole})
    assert holds
    assert [sizes[name] for name in names] == lengths
    if not is_sum and math.prod(known.values()) > 1:
        assert not run(found, {N: whole + 1})[1]


@given(st.lists(st.lists(st.sampled_from("abcd"), min_size=1, max_size=3), min_size=1, max_size=5), st.data())
def test_solved_sizes_are_the_ones_the_dimensions_were_made_from(groups: list[list[str]], data) -> None:
    lengths = {name: data.draw(st.integers(1, 5), label=name) for name in "abcd"}
    equations = [equation(Dim(0, place), *names) for place, names in enumerate(groups)]
    dims = {Dim(0, place): math.prod(lengths[name] for name in names) for place, names in enumerate(groups)}
    found = solve(equations, {})
    sizes, holds = run(found, dims)
    assert holds
    assert sizes == {name: lengths[name] for name in sizes}
    assert {name for names in groups for name in names} == {*sizes, *found.unknown}


@given(st.integers(0, 10**12), st.integers(1, 5))
def test_root_is_the_largest_that_fits(number: int, degree: int) -> None:
    found = root(number, degree)
    assert found**degree <= number < (found + 1) ** degree


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (product([N, 2, Given("h"), 3]), "6 * n * h"),
        (product([]), "1"),
        (product([N, 0]), "0"),
        (product([1, N]), "n"),
        (total([1, N, 2]), "n + 3"),
        (total([]), "0"),
        (Quotient(N, product([2, M])), "n // (2 * m)"),
        (Quotient(Sum((N, M)), 2), "(n + m) // 2"),
        (Difference(N, (M, Sum((2, M)))), "n - m - (2 + m)"),
        (Root(N, 3), "root(n, 3)"),
        (Product((Quotient(N, 2), M)), "(n // 2) * m"),
        (Given("s", (1, 0)), "s[1][0]"),
    ],
)
def test_formulas_as_python(size, text: str) -> None:
    def name(atom) -> str:
        match atom:
            case Given(given, path):
                return given + "".join(f"[{place}]" for place in path)
            case _:
                return {N: "n", M: "m"}[atom]

    assert code(size, name) == text


def test_sizes_have_no_limit() -> None:
    large = 2**40
    sizes, holds = run(solve([equation(N, "a", "b")], {"a": large}), {N: large * 3})
    assert (sizes["b"], holds) == (3, True)
