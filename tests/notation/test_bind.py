"""Binding: which axes an expression has for arrays of some ranks, and what determines their sizes."""

import pytest

from wirework.errors import AxisSizeError, RankError, SemanticError, WireworkError
from wirework.notation import Bound, Rules, bind, coarsen, distribute, parse
from wirework.notation.names import shown, shown_axis, written_name
from wirework.notation.sizes import Assign, Check, Dim, Given, code


def bound(text: str, *ranks: int | None, rules: Rules | None = None, **given) -> Bound:
    """An expression bound to arrays of some ranks. Sizes are given by their kind, "int" or a tuple of kinds."""
    return bind(distribute(parse(text)), ranks, given, rules or Rules())


def layouts(found: Bound) -> list[list[str]]:
    """The axes of each operand, those flattened together in one word."""
    return [[" ".join(dim) for dim in array.layout] for array in (*found.inputs, *found.outputs)]


def work(found: Bound) -> list[str]:
    """What is computed and checked when the expression runs, as Python."""

    def name(atom) -> str:
        match atom:
            case Dim(operand, index):
                return f"x{operand}[{index}]"
            case Given(given, path):
                return given + "".join(f"[{place}]" for place in path)
            case _:
                return atom.name

    lines = []
    for statement in found.statements:
        if isinstance(statement, Assign):
            lines.append(f"{statement.name} = {code(statement.size, name)}")
        elif isinstance(statement, Check):
            lines.append(f"{code(statement.left, name)} {statement.relation} {code(statement.right, name)}")
    return lines


# -- axes ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "ranks", "expected"),
    [
        ("a b -> b a", (2,), [["a", "b"], ["b", "a"]]),
        ("a (b c), c -> b", (2, 1), [["a", "b c"], ["c"], ["b"]]),
        ("a 1 () -> a", (3,), [["a", "", ""], ["a"]]),
        ("... a -> a ...", (3,), [["....0", "....1", "a"], ["a", "....0", "....1"]]),
        ("... a -> a ...", (1,), [["a"], ["a"]]),
        ("s... -> (s...)", (2,), [["s.0", "s.1"], ["s.0 s.1"]]),
        ("(s p)... -> s... (p...)", (2,), [["s.0 p.0", "s.1 p.1"], ["s.0", "s.1", "p.0 p.1"]]),
        ("[a a] b", (3,), [["a", "a#2", "b"]]),
        ("a a -> a", (2,), [["a", "a"], ["a"]]),
        ("3 3", (2,), [["3@0", "3@2"]]),
        ("", (0,), [[]]),
    ],
)
def test_axes(text: str, ranks: tuple[int, ...], expected: list[list[str]]) -> None:
    given = {"p": "int"} if "p" in text else {}
    assert layouts(bound(text, *ranks, **given)) == expected


def test_brackets_mark_axes() -> None:
    found = bound("a [b (c [d])] -> a", 3, b="int", c="int").inputs[0]
    assert found.select(bracket=True) == ("b", "c", "d")
    assert found.select(bracket=False) == ("a",)


def test_a_group_in_brackets_is_one_axis_where_the_operation_says_so() -> None:
    found = bound("a [(b c)]", 2, rules=Rules(units=True)).inputs[0]
    assert found.names == ("a", "(b c)")


def test_axes_that_stand_together_need_no_sizes() -> None:
    assert layouts(bound("a (b c) -> (b c) a", 2)) == [["a", "(b c)"], ["(b c)", "a"]]
    assert layouts(bound("(a (b c) d), (b c) -> a d", 1, 1, a="int")) == [["a (b c) d"], ["(b c)"], ["a", "d"]]
    assert layouts(bound("x (a + b) -> (a + b) x", 2)) == [["x", "(a + b)"], ["(a + b)", "x"]]


def test_coarsening_joins_what_is_never_told_apart() -> None:
    assert layouts(coarsen(bound("(a b) -> a b", 1, a="int"))) == [["a b"], ["a", "b"]]
    assert layouts(coarsen(bound("(a b) c -> c (a b)", 2, a="int"))) == [["(a b)", "c"], ["c", "(a b)"]]


# -- sizes ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "ranks", "given", "expected"),
    [
        ("a b -> b a", (2,), {}, []),
        ("a b, b c -> a c", (2, 2), {}, ["x1[0] == x0[1]"]),
        ("a (b c) -> a b c", (2,), {"b": "int"}, ["c = x0[1] // b", "x0[1] == b * c"]),
        ("(a b), b -> a", (1, 1), {}, ["a = x0[0] // x1[0]", "x0[0] == a * x1[0]"]),
        ("(a b), a, b", (1, 1, 1), {}, ["x0[0] == x1[0] * x2[0]"]),
        ("(a + b) -> a, b", (1,), {"a": "int"}, ["b = x0[0] - a", "b >= 0"]),
        ("(a + b), a, b", (1, 1, 1), {}, ["x0[0] == x1[0] + x2[0]"]),
        ("(b + b) -> b, b", (1,), {}, ["b = x0[0] // 2", "x0[0] == b + b"]),
        ("(a a) -> a", (1,), {}, ["a = root(x0[0], 2)", "x0[0] == a * a"]),
        ("a 4", (2,), {}, ["x0[1] == 4"]),
        ("a 1", (2,), {}, ["x0[1] == 1"]),
        ("a -> a b", (1,), {"b": "int"}, ["b >= 0"]),
        ("(s p)...", (2,), {"p": ("int", "int")},
         ["s.0 = x0[0] // p[0]", "x0[0] == s.0 * p[0]", "s.1 = x0[1] // p[1]", "x0[1] == s.1 * p[1]"]),
        ("(a b) (b c) c", (3,), {},
         ["b = x0[1] // x0[2]", "x0[1] == b * x0[2]", "a = x0[0] // b", "x0[0] == a * b"]),
        ("a b", (2,), {"a": "int"}, ["x0[0] == a"]),
    ],
)  # fmt: skip
def test_sizes(text: str, ranks: tuple[int, ...], given: dict, expected: list[str]) -> None:
    assert work(bound(text, *ranks, **given)) == expected


def test_the_same_equation_is_solved_once() -> None:
    assert work(bound("(a b), (a b) -> a b", 1, 1, a="int")) == ["b = x0[0] // a", "x0[0] == a * b", "x1[0] == x0[0]"]


def test_what_is_still_to_be_made_determines_nothing() -> None:
    assert work(bound("a b, b c", 2, None, c="int")) == []
    with pytest.raises(AxisSizeError, match="the size of axis c cannot be found"):
        bound("a b, b c", 2, None)


# -- faults -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "ranks", "kind", "marked"),
    [
        ("a b", (3,), RankError, ["a b"]),
        ("a, b c", (1, 1), RankError, ["b c"]),
        ("a (b c) -> a b c", (2,), AxisSizeError, ["b", "c"]),
        ("a -> a bb", (1,), SemanticError, ["bb"]),
        ("a... b...", (3,), RankError, ["a...", "b..."]),
        ("s... s", (2,), SemanticError, ["s", "s"]),
        ("(x...)... x", (1,), SemanticError, ["x", "x"]),
    ],
)
def test_faults_are_marked(text: str, ranks: tuple[int, ...], kind: type[WireworkError], marked: list[str]) -> None:
    with pytest.raises(kind) as caught:
        bound(text, *ranks)
    assert [text[start:end] for start, end in caught.value.spans] == marked


def test_an_unknown_size_is_refused() -> None:
    with pytest.raises(SemanticError, match=r"hight is not an axis of the expression \(did you mean height\?\)"):
        bound("(height width)", 1, hight="int")


# -- names in messages ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "in_formula", "in_sentence", "written"),
    [
        ("b", "b", "axis b", "b"),
        ("s.0", "s0", "axis s0", "s"),
        ("s.0.1", "s01", "axis s01", "s"),
        ("s2.0", "s2_0", "axis s2_0", "s2"),
        ("....1", "...1", "axis 1 of ...", "..."),
        ("3@14", "3", "axis 3", "3"),
        ("3@14.0", "3", "axis 3", "3"),
        ("a#2", "a", "axis a", "a"),
        ("s'", "s", "axis s", "s"),
        ("(a.0 b.0)", "(a0 b0)", "axis (a0 b0)", "(a"),
    ],
)
def test_internal_names_are_not_shown(name: str, in_formula: str, in_sentence: str, written: str) -> None:
    assert (shown(name), shown_axis(name), written_name(name)) == (in_formula, in_sentence, written)
