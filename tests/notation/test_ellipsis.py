"""Ellipses: how many axes each stands for."""

import pytest

from wirework.errors import RankError, SemanticError
from wirework.notation import bind, parse


def ranks_of(text: str, *ranks: int | None, **given) -> list[int]:
    """The number of dimensions of every operand, inputs and outputs."""
    found = bind(parse(text), ranks, given)
    return [len(array.dims) for array in (*found.inputs, *found.outputs)]


@pytest.mark.parametrize(
    ("text", "ranks", "expected"),
    [
        ("a ... -> ... a", (4,), [4, 4]),
        ("... -> (...)", (3,), [3, 1]),
        ("a b..., b... -> a", (3, None), [3, 2, 1]),
        ("a b..., b... c -> c", (3, 3), [3, 3, 1]),
        ("[a b]... c", (5,), [5]),
        ("a... b..., b...", (5, 2), [5, 2]),
        ("(a b...) b...", (3,), [3]),
        ("... a, ... b -> ...", (3, 3), [3, 3, 2]),
        ("1... -> ", (2,), [2, 0]),
    ],
)
def test_ranks_determine_repetitions(text: str, ranks: tuple, expected: list[int]) -> None:
    assert ranks_of(text, *ranks) == expected


def test_tuples_of_sizes_determine_repetitions() -> None:
    assert ranks_of("(s...) -> s...", 1, s=("int", "int")) == [1, 2]
    assert ranks_of("a... b... -> a...", 3, a=("int",)) == [3, 1]
    assert ranks_of("-> a...", 0, a=()) == [0, 0]


def test_nested_tuples_say_it_at_each_level() -> None:
    assert ranks_of("(a...)... -> (a...)...", 2, a=(("int", "int"), ("int", "int"))) == [2, 2]


def test_what_is_flattened_everywhere_can_stay_one() -> None:
    assert ranks_of("(...) a -> a (...)", 2) == [2, 2]
    assert ranks_of("b (s...) c -> b c (s...)", 3) == [3, 3]


@pytest.mark.parametrize(
    ("text", "ranks", "given", "message"),
    [
        ("a...", (None,), {}, "the number of axes that a... stands for cannot be found"),
        ("a... b...", (2,), {}, "it is ambiguous how many axes a... and b... stand for"),
        ("a..., a...", (2, 3), {}, "'a...' has 2 axes, but argument 2 has 3 dimensions"),
        ("a b ...", (1,), {}, "'a b ...' has at least 2 axes, but argument 1 has 1 dimension"),
        ("[a b]...", (3,), {}, "'[a b]...' has 0 axes and 2 more for each repetition, but argument 1 has 3"),
        ("a...", (2,), {"a": ("int",)}, "'a...' has 1 axis, but argument 1 has 2 dimensions"),
        ("a", (1,), {"a": ("int",)}, "axis a is given a tuple, but is repeated by no ellipsis"),
    ],
)
def test_contradictions(text: str, ranks: tuple, given: dict, message: str) -> None:
    with pytest.raises(RankError) as caught:
        ranks_of(text, *ranks, **given)
    assert caught.value.reason.startswith(message)


def test_an_axis_is_repeated_the_same_way_everywhere() -> None:
    with pytest.raises(SemanticError, match="axis a is repeated by an ellipsis here and by no ellipsis there"):
        ranks_of("a... -> a", 1)


def test_dots_after_dots_need_parentheses() -> None:
    with pytest.raises(SemanticError, match="cannot repeat another one directly"):
        ranks_of("a......", 4)
