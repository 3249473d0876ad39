"""Every mistake is answered by one typed error whose full text stands in `messages/`.

There, each call is followed by the message it must give, as in a doctest. To see what a new call gives,
write it there and run this test.
"""

import copy
import pickle
import re
import traceback
from pathlib import Path
from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest
import torch

import wirework as ww
from transcripts import Entry, read
from wirework.errors import (
    AxisSizeError,
    BackendError,
    CoordinateError,
    NotSupportedError,
    RankError,
    SemanticError,
    SyntaxError,
    WireworkError,
    closest,
    counted,
    joined,
    underlined,
)

FOLDER = Path(__file__).parent / "messages"


# -- what the calls in `messages/` may use ------------------------------------------------------------------


def ones(*shape: int) -> np.ndarray:
    return np.ones(shape)


def zeros(*shape: int) -> np.ndarray:
    return np.zeros(shape)


def ints(*values: int) -> np.ndarray:
    return np.array(values)


@ww.typed("b t c, c -> b t c")
def shift(x, by):
    return x + by


@ww.typed("b (h c) -> b h c")
def split(x, h):
    return x.reshape(x.shape[0], h, -1)


@ww.typed("b t -> b t 2")
def wrong_rank(x):
    return x


@ww.typed("b t -> t b")
def wrong_length(x):
    return x


@ww.typed("b t -> b t, b")
def one_of_two(x):
    return x


@ww.typed("b t -> b t")
def nothing(x):
    return None


@ww.typed("b t -> b t")
def a_list(x):
    return [1, 2, 3]


NAMES = {
    "ww": ww, "np": np, "torch": torch, "jnp": jnp, "ones": ones, "zeros": zeros, "ints": ints,
    "x": ones(2, 3),
    "q": torch.ones(2, 3),
    "q3": ones(2, 5, 16), "k3": ones(2, 7, 16), "t": torch.ones(2, 7, 16),
    "heads": "b q (h [d]), b [k] (h [d]), b [k] (h e) -> b q (h e)",
    "shift": shift, "split": split, "wrong_rank": wrong_rank, "wrong_length": wrong_length,
    "one_of_two": one_of_two, "nothing": nothing, "a_list": a_list,
}  # fmt: skip


# -- reading them ---------------------------------------------------------------------------------------------


def cases() -> list[Any]:
    """All of them, each named by its file and call."""
    return [
        pytest.param(entry, id=f"{path.stem}: {entry.call[:60]}")
        for path in sorted(FOLDER.glob("*.txt"))
        for entry in read(path)
    ]


def error_of(call: str) -> WireworkError:
    """What a call raises."""
    code = compile(call, "<call>", "eval")
    with pytest.raises(WireworkError) as caught:
        eval(code, dict(NAMES))
    return caught.value


def text_of(error: WireworkError) -> str:
    """The error as Python would print it, without the names of modules."""
    return f"{type(error).__name__}: {error}"


# -- what holds for all of them -----------------------------------------------------------------------------------


@pytest.mark.parametrize("case", cases())
def test_message(case: Entry) -> None:
    error = error_of(case.call)
    assert text_of(error) == case.text
    check_traceback(error)
    check_copies(error)
    check_wording(error)


def check_traceback(error: WireworkError) -> None:
    """At most one frame below the caller's, and nothing that came before."""
    frames = [frame.filename for frame in traceback.extract_tb(error.__traceback__)]
    assert len(frames) - frames.index("<call>") - 1 <= 1, frames
    assert error.__cause__ is None
    assert error.__context__ is None or error.__suppress_context__


def check_copies(error: WireworkError) -> None:
    """Errors travel between processes."""
    for copied in (pickle.loads(pickle.dumps(error)), copy.copy(error)):
        assert type(copied) is type(error)
        assert str(copied) == str(error)
        assert (copied.expression, copied.spans, copied.notes) == (error.expression, error.spans, error.notes)


def check_wording(error: WireworkError) -> None:
    """No internal names, no doubled spaces, no wrong plurals; spans lie within the expression."""
    said = [error.reason, *error.notes]
    for line in said:
        assert not re.search(r"@\d|#\d|\w\.\d|\.{4}\d", re.sub(r"\d\.\d", "", line)), line
        assert "  " not in line
        assert not re.search(r"\b1 (axes|arrays|dimensions|operands|outputs|numbers|values|parameters)\b", line), line
        assert not re.search(
            r"\b([2-9]|0) (axis|array|dimension|operand|output|number|value|parameter)\b(?! op)", line
        ), line
    for start, end in error.spans:
        assert 0 <= start <= end <= len(error.expression or "") + 1


# -- the classes ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "also"),
    [
        (SyntaxError, ValueError), (AxisSizeError, ValueError), (RankError, ValueError), (SemanticError, ValueError),
        (BackendError, TypeError), (NotSupportedError, TypeError), (CoordinateError, IndexError),
    ],
)  # fmt: skip
def test_each_class_is_also_one_of_python(kind: type, also: type) -> None:
    assert issubclass(kind, WireworkError)
    assert issubclass(kind, ValueError)
    assert issubclass(kind, also)
    assert kind.__name__ in vars(ww.errors)


def test_every_class_has_a_message() -> None:
    said = {entry.text.split(":")[0] for path in FOLDER.glob("*.txt") for entry in read(path)}
    elsewhere = {"CheckpointError", "DataError"}  # not of an operation: tests/checkpoint, tests/data
    assert said == {kind.__name__ for kind in WireworkError.__subclasses__()} - elsewhere


def test_parts_of_an_error() -> None:
    error = error_of('ww.rearrange("b (h w) -> b h w", ones(2, 16), h=3)')
    assert error.reason == "(h w) is 16, which is not divisible by h=3"
    assert error.expression == "b (h w) -> b h w"
    assert error.span == (2, 7)
    assert error.expression[slice(*error.span)] == "(h w)"
    assert error.notes[-1] == "did you mean h=2 or h=4?"


def test_a_call_that_worked_fails_as_the_first_one_does() -> None:
    first = text_of(error_of('ww.rearrange("b (p q) -> b p q", ones(2, 4), p=3)'))
    ww.rearrange("b (p q) -> b p q", ones(2, 4), p=2)
    assert text_of(error_of('ww.rearrange("b (p q) -> b p q", ones(2, 4), p=3)')) == first
    for size in ("True", "-2", "2.0", "'2'", "None", "0"):
        assert isinstance(error_of(f'ww.rearrange("b (p q) -> b p q", ones(2, 0), p={size})'), AxisSizeError)


def test_errors_of_functions_of_the_users_own_pass() -> None:
    def factory(shape):
        raise RuntimeError("no memory for this")

    with pytest.raises(RuntimeError, match="no memory for this"):
        ww.add("a, b -> a b", ones(2), factory, b=3)
    with pytest.raises(ZeroDivisionError):
        ww.adapt(lambda x: 1 / 0)("a [b] -> a", ones(2, 3))


# -- the layout of messages -------------------------------------------------------------------------------------------


def test_carets_stand_under_their_line() -> None:
    text = "\n  a (b c)\n\t-> a b) c\n"
    end = text.index(")", text.index("->"))
    assert underlined(text, [(end, end + 1)]) == ["      a (b c)", "     -> a b) c", "           ^"]


def test_an_empty_span_is_one_caret() -> None:
    assert underlined("a b", [(3, 3)]) == ["    a b", "       ^"]


def test_several_spans_in_one_line() -> None:
    assert underlined("a b a", [(0, 1), (4, 5)]) == ["    a b a", "    ^   ^"]


def test_words() -> None:
    assert [counted(n, "axis") for n in (0, 1, 2)] == ["0 axes", "1 axis", "2 axes"]
    assert counted(3, "input operand") == "3 input operands"
    assert [joined("a"), joined("ab"), joined("abc", "or")] == ["a", "a and b", "a, b or c"]
    assert closest("hight", ["height", "width"]) == "height"
    assert closest("zebra", ["a", "b"]) is None
