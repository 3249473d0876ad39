"""Shorthands: one operand written for several."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wirework.errors import SyntaxError
from wirework.notation import distribute, parse


@pytest.mark.parametrize(
    ("text", "written_out"),
    [
        ("a [b -> c]", "a [b] -> a [c]"),
        ("a [b -> c] d", "a [b] d -> a [c] d"),
        ("a [b, c -> d]", "a [b], a [c] -> a [d]"),
        ("a [b, c]", "a [b], a [c]"),
        ("a ([b -> c] d)", "a ([b] d) -> a ([c] d)"),
        ("[a -> b] [c -> d]", "[a] [c] -> [b] [d]"),
        ("a [->]", "a [] -> a []"),
        ("a [b c ->]", "a [b c] -> a []"),
        ("a [ -> b]", "a [] -> a [b]"),
        ("b [s... -> s2] c", "b [s...] c -> b [s2] c"),
        ("[a -> b]...", "[a]... -> [b]..."),
        ("x, a [b -> c]", "x, a [b] -> a [c]"),
        ("a [b] -> a", "a [b] -> a"),
        ("a b", "a b"),
    ],
)
def test_writing_out(text: str, written_out: str) -> None:
    assert str(distribute(parse(text))) == written_out


def test_places_stay_those_of_the_text() -> None:
    text = "a [bb -> ccc]"
    found = distribute(parse(text))
    (bracket,) = found.outputs[0].terms[1:]
    assert text[slice(*bracket.span)] == "[bb -> ccc]"
    assert text[slice(*bracket.terms[0].span)] == "ccc"
    assert found.text == text


@pytest.mark.parametrize(
    ("text", "message", "marked"),
    [
        ("a [b -> c] -> d", "there cannot be another '->'", ["[b -> c]"]),
        ("a -> b [c -> d]", "there cannot be another '->'", ["[c -> d]"]),
        ("[a, b] [c -> d]", "stand for different numbers of operands", ["[a, b]", "[c -> d]"]),
    ],
)
def test_refused(text: str, message: str, marked: list[str]) -> None:
    with pytest.raises(SyntaxError, match=message) as caught:
        distribute(parse(text))
    assert [text[start:end] for start, end in caught.value.spans] == marked


@given(st.lists(st.sampled_from(["a", "[b]", "(c d)", "..."]), max_size=4).map(" ".join))
def test_without_shorthands_nothing_changes(operand: str) -> None:
    expression = parse(f"{operand}, {operand} -> {operand}")
    assert distribute(expression) == expression
