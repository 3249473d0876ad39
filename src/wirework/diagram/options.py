"""How a diagram is drawn: everything that can be chosen, in one place, checked."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Literal, get_args

from wirework.errors import SemanticError, did_you_mean, joined

ThemeName = Literal["light", "dark", "print"]
Labels = Literal["name", "size", "both"]
ColorBy = Literal["flops", "parameters", "memory"]


@dataclass(frozen=True, slots=True)
class Note:
    """Words beside what they are about.

    Attributes:
        target: an axis, a block, an operation or an input, as in `Diagram.annotate`.
        text: what is said.
    """

    target: str
    text: str


@dataclass(frozen=True)
class Options:
    """How a diagram is drawn.

    Attributes:
        depth: to which level blocks are open: 0 draws the whole as one block. `None`: as many as can be read well.
        opened: instead, exactly which blocks are open, by their paths.
        width: at which the drawing goes on below, in SVG units (pixels); `None`: never.
        theme: "light", "dark", or "print" for black and white.
        legend: whether the sizes of axes stand beside the drawing.
        labels: whether axes are labelled by their "name", their "size", or "both".
        hide: names of axes that are not drawn.
        title: stands above.
        caption: stands below.
        highlights: what is marked: targets as in `Diagram.highlight`.
        notes: what is said of parts.
        color_by: operations are coloured by their share of these: "flops", "parameters", "memory".
        sizes: lengths of axes that the circuit leaves open, to count shares with.
    """

    depth: int | None = None
    opened: frozenset[tuple[str, ...]] | None = None
    width: float | None = None
    theme: ThemeName = "light"
    legend: bool = True
    labels: Labels = "name"
    hide: tuple[str, ...] = ()
    title: str | None = None
    caption: str | None = None
    highlights: tuple[str, ...] = ()
    notes: tuple[Note, ...] = ()
    color_by: ColorBy | None = None
    sizes: Mapping[str, int] = field(default_factory=lambda: MappingProxyType({}))

    def __post_init__(self) -> None:
        checked_whole("depth", self.depth)
        checked_width(self.width)
        checked_choice("theme", self.theme, get_args(ThemeName))
        checked_choice("labels", self.labels, get_args(Labels))
        if self.color_by is not None:
            checked_choice("color_by", self.color_by, get_args(ColorBy))
        for name in ("title", "caption"):
            if not isinstance(getattr(self, name), str | None):
                raise SemanticError(f"{name} is a text, not {getattr(self, name)!r}")


def checked_whole(name: str, value: Any) -> None:
    """Refuse what is no number of levels."""
    if value is not None and (isinstance(value, bool) or not isinstance(value, int) or value < 0):
        raise SemanticError(f"{name} is a whole number from 0 on, or None, not {value!r}")


def checked_width(value: Any) -> None:
    """Refuse what is no width."""
    if value is None:
        return
    if isinstance(value, bool) or not isinstance(value, int | float) or not (0 < value < math.inf):
        raise SemanticError(f"width is a number of pixels above 0, or None, not {value!r}")


def checked_choice(name: str, value: Any, choices: Iterable[str]) -> None:
    """Refuse what is none of the choices."""
    known = tuple(choices)
    if value not in known:
        close = did_you_mean(value, known) if isinstance(value, str) else ""
        raise SemanticError(f"{name} is {joined(map(repr, known), 'or')}, not {value!r}{close}")


def names(what: str, value: str | Collection[str]) -> tuple[str, ...]:
    """One name or several, as a tuple of names."""
    found = (value,) if isinstance(value, str) else tuple(value)
    if not all(isinstance(name, str) for name in found):
        raise SemanticError(f"{what} takes names, not {value!r}")
    return found
