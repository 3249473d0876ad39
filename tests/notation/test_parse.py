"""Text to tree: what each way of writing means, and that every node knows its place."""

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wirework.errors import SyntaxError, WireworkError
from wirework.notation import (
    Axis,
    Bracket,
    Concat,
    Ellipsis,
    Expression,
    Group,
    Number,
    Operand,
    Shorthand,
    axis_names,
    parse,
    walk,
    without_brackets,
)

# -- random trees ---------------------------------------------------------------------------------------------

AXES = st.sampled_from(["a", "b", "c", "batch", "_x", "s2"]).map(Axis) | st.integers(0, 12).map(Number)


def repeated(term):
    return term if term == Ellipsis(None) else Ellipsis(term)


def plain(inner):
    """Terms that may stand in parentheses: a concatenation there has parentheses of its own."""
    parts = st.lists(inner.filter(lambda term: not isinstance(term, Concat)), min_size=2, max_size=3)
    several = st.lists(inner, max_size=3).map(tuple)
    groups = several.filter(lambda terms: not (len(terms) == 1 and isinstance(terms[0], Concat))).map(Group)
    return groups | several.map(Bracket) | parts.map(tuple).map(Concat) | inner.map(repeated)


TERMS = st.recursive(AXES | st.just(Ellipsis(None)), plain, max_leaves=8)
OPERANDS = st.lists(TERMS, max_size=4).map(tuple).map(Operand)
SIDES = st.lists(OPERANDS, min_size=1, max_size=3).map(tuple)
SHORTHANDS = st.builds(Shorthand, SIDES, SIDES) | st.lists(OPERANDS, min_size=2, max_size=3).map(tuple).map(
    lambda operands: Shorthand(operands, None)
)
MARKED = st.builds(
    lambda before, shorthand, after: Operand((*before.terms, shorthand, *after.terms)), OPERANDS, SHORTHANDS, OPERANDS
)
EXPRESSIONS = st.builds(Expression, SIDES, st.none() | SIDES) | st.builds(
    lambda operand: Expression((operand,), None), MARKED
)


# -- what each text means -----------------------------------------------------------------------------------

a, b, c, d = (Axis(name) for name in "abcd")


def operand(text: str) -> tuple:
    """The terms of an expression with one operand."""
    (found,) = parse(text).inputs
    return found.terms


@pytest.mark.parametrize(
    ("text", "terms"),
    [
        ("", ()),
        ("a", (a,)),
        ("a b", (a, b)),
        ("long_name _x s2", (Axis("long_name"), Axis("_x"), Axis("s2"))),
        ("0 1 12", (Number(0), Number(1), Number(12))),
        ("(a b)", (Group((a, b)),)),
        ("()", (Group(()),)),
        ("((a))", (Group((Group((a,)),)),)),
        ("[a b] c", (Bracket((a, b)), c)),
        ("[]", (Bracket(()),)),
        ("[[a]]", (Bracket((Bracket((a,)),)),)),
        ("(a [b])", (Group((a, Bracket((b,)))),)),
        ("...", (Ellipsis(None),)),
        ("a...", (Ellipsis(a),)),
        ("a ...", (a, Ellipsis(None))),
        ("(a b)...", (Ellipsis(Group((a, b))),)),
        ("[...]", (Bracket((Ellipsis(None),)),)),
        ("[a]...", (Ellipsis(Bracket((a,))),)),
        ("2...", (Ellipsis(Number(2)),)),
        ("(a... b)...", (Ellipsis(Group((Ellipsis(a), b))),)),
        ("a......", (Ellipsis(Ellipsis(a)),)),
        ("(a + b)", (Concat((a, b)),)),
        ("a + b", (Concat((a, b)),)),
        ("a + b + 1", (Concat((a, b, Number(1))),)),
        ("a b + c d", (a, Concat((b, c)), d)),
        ("(a b + c)", (Group((a, Concat((b, c)))),)),
        ("((a b) + c)", (Concat((Group((a, b)), c)),)),
        ("(a + (b + c))", (Concat((a, Concat((b, c)))),)),
        ("(1 + (s...))", (Concat((Number(1), Group((Ellipsis(Axis("s")),)))),)),
        ("[a -> b]", (Shorthand((Operand((a,)),), (Operand((b,)),)),)),
        ("[->]", (Shorthand((Operand(()),), (Operand(()),)),)),
        ("[a, b]", (Shorthand((Operand((a,)), Operand((b,))), None),)),
        ("[a, b -> c]", (Shorthand((Operand((a,)), Operand((b,))), (Operand((c,)),)),)),
    ],
)
def test_one_operand(text: str, terms: tuple) -> None:
    assert operand(text) == terms


@pytest.mark.parametrize(
    ("text", "inputs", "outputs"),
    [
        ("a -> b", ["a"], ["b"]),
        ("a, b -> c", ["a", "b"], ["c"]),
        ("a -> b, c", ["a"], ["b", "c"]),
        ("->", [""], [""]),
        ("a, -> ", ["a", ""], [""]),
        (",", ["", ""], None),
        ("a", ["a"], None),
    ],
)
def test_sides(text: str, inputs: list[str], outputs: list[str] | None) -> None:
    found = parse(text)
    assert [str(each) for each in found.inputs] == inputs
    assert (None if found.outputs is None else [str(each) for each in found.outputs]) == outputs


@pytest.mark.parametrize(
    "text",
    ["a(b c)->a b c", "  a ( b\tc )\n-> a b c ", "a\n(b\r\nc)->a\nb\nc", "a (b c)  ->a b c"],
)
def test_white_space_is_free(text: str) -> None:
    assert parse(text) == parse("a (b c) -> a b c")


def test_an_ellipsis_needs_no_space_before_its_term_ends() -> None:
    assert parse("a...b").inputs == parse("a... b").inputs
    assert parse("a ...b").inputs == parse("a ... b").inputs != parse("a... b").inputs


@given(EXPRESSIONS)
def test_a_tree_is_what_its_text_says(expression) -> None:
    assert parse(str(expression)) == expression


@given(EXPRESSIONS)
def test_text_is_stable(expression) -> None:
    assert str(parse(str(expression))) == str(expression)


@given(EXPRESSIONS, st.sampled_from(["", " ", "\n\t"]))
def test_the_place_of_a_node_holds_its_text(expression, margin: str) -> None:
    text = margin + str(expression) + margin
    parsed = parse(text)
    for operand in (*parsed.inputs, *(parsed.outputs or ())):
        for node in walk(operand):
            start, end = node.span
            written = text[start:end]
            shown = str(node)
            assert written == shown or f"({written})" == shown  # parentheses around a sum may be left out


@given(EXPRESSIONS)
def test_places_nest_and_follow_each_other(expression) -> None:
    parsed = parse(str(expression))
    for operand in (*parsed.inputs, *(parsed.outputs or ())):
        ends = operand.span[0]
        for term in operand.terms:
            assert ends <= term.span[0] <= term.span[1] <= operand.span[1]
            ends = term.span[1]
            for inner in walk(term):
                assert term.span[0] <= inner.span[0] <= inner.span[1] <= term.span[1]


@given(st.text(alphabet=string.ascii_lowercase[:3] + " .,()[]+->012|é\n", max_size=20))
def test_any_text_is_an_expression_or_a_syntax_error(text: str) -> None:
    try:
        parsed = parse(text)
    except SyntaxError as error:
        assert error.expression == text
        assert error.spans
        assert all(0 <= start <= end <= len(text) for start, end in error.spans)
        assert str(error)
    else:
        assert parse(str(parsed)) == parsed


def test_errors_are_pickled_with_their_place() -> None:
    with pytest.raises(WireworkError) as caught:
        parse("a (b")
    assert caught.value.span == (2, 3)


def test_trees_are_kept() -> None:
    assert parse("a b -> b a") is parse("a b -> b a")


def test_axis_names() -> None:
    assert axis_names(parse("b (h c) 3, ..., [c -> d] b").inputs) == ("b", "h", "c", "d")


def test_without_brackets() -> None:
    assert str(without_brackets(parse("a [b ([c] d)] [e]...").inputs[0])) == "a b (c d) e..."
