"""Every exception of wirework, and how a message with carets is laid out."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from typing import Any, TypeVar

Span = tuple[int, int]
Function = TypeVar("Function", bound=Callable[..., Any])


class WireworkError(ValueError):
    """What every error of wirework is: a reason, and where in the expression it lies.

    Attributes:
        reason: one sentence that says what is wrong.
        expression: the text of the expression at fault, if there is one.
        spans: the faulty places, as (start, end) offsets into `expression`.
        notes: further lines: shapes, axis equations, a suggestion.
    """

    def __init__(
        self,
        reason: str,
        expression: str | None = None,
        spans: Iterable[Span] = (),
        notes: Iterable[str] = (),
    ) -> None:
        self.reason = reason
        self.expression = expression
        self.spans = tuple(dict.fromkeys(spans))
        self.notes = tuple(notes)
        super().__init__(reason, expression, self.spans, self.notes)

    @property
    def span(self) -> Span | None:
        """The first faulty place."""
        return self.spans[0] if self.spans else None

    def __str__(self) -> str:
        lines = [self.reason]
        if self.expression is not None:
            lines += ["", *underlined(self.expression, self.spans)]
        if self.notes:
            lines += ["", *("  " + note for note in self.notes)]
        return "\n".join(lines)


class SyntaxError(WireworkError):
    """The text is not an expression."""


class AxisSizeError(WireworkError):
    """The size of an axis is contradictory, missing, or not a whole number."""


class RankError(WireworkError):
    """An array has not as many dimensions as its operand, or an ellipsis is ambiguous."""


class SemanticError(WireworkError):
    """The expression is well formed, but does not fit the operation."""


class BackendError(WireworkError, TypeError):
    """The arrays are of the wrong kind: mixed frameworks, none at all, or an unsupported dtype."""


class NotSupportedError(WireworkError, TypeError):
    """The backend cannot do what an option asks for."""


class CoordinateError(WireworkError, IndexError):
    """A coordinate lies outside its axis."""


class DataError(WireworkError):
    """Data that are not there, cannot be downloaded, or are damaged."""


class CheckpointError(WireworkError):
    """Weights that cannot be read, or do not fit the model they are for."""


def underlined(text: str, spans: Iterable[Span]) -> list[str]:
    """The lines of `text`, without blank ones around it, each followed by carets where a span covers it."""
    marked = {position for start, end in spans for position in range(start, max(end, start + 1))}
    lines: list[str] = []
    offset = 0
    for line in text.split("\n"):
        shown = line.replace("\t", " ").replace("\r", " ")
        carets = "".join("^" if offset + i in marked else " " for i in range(len(line) + 1)).rstrip()
        lines.append(("    " + shown).rstrip())
        if carets:
            lines.append("    " + carets)
        offset += len(line) + 1
    while len(lines) > 1 and not lines[0]:
        lines.pop(0)
    while len(lines) > 1 and not lines[-1]:
        lines.pop()
    return lines


def closest(name: str, candidates: Iterable[str]) -> str | None:
    """The candidate most like a mistyped name, if one is like it at all."""
    import difflib  # slow to load, and only needed for messages

    return next(iter(difflib.get_close_matches(name, list(candidates), n=1, cutoff=0.5)), None)


def did_you_mean(name: str, candidates: Iterable[str]) -> str:
    """ " (did you mean ...?)" if one of the candidates is like `name`, else ""."""
    found = closest(name, candidates)
    return f" (did you mean {found}?)" if found else ""


def counted(number: int, noun: str) -> str:
    """A number and its noun: "1 axis", "2 axes"."""
    if number == 1:
        return f"1 {noun}"
    return f"{number} {noun[:-2] + 'es' if noun == 'axis' else noun + 's'}"


def joined(items: Iterable[str], word: str = "and") -> str:
    """Items as in a sentence: "a, b and c"."""
    *first, last = items
    return f"{', '.join(first)} {word} {last}" if first else last


def brief(function: Function) -> Function:
    """Let errors of wirework leave a public function with one frame of their own, not with those of all its parts."""

    @functools.wraps(function)
    def called(*args: Any, **kwargs: Any) -> Any:
        try:
            return function(*args, **kwargs)
        except WireworkError as error:
            problem = error.with_traceback(None)
        raise problem

    return called  # type: ignore[return-value]
