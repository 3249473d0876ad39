"""How wide and how high text is: every letter is drawn from a built-in table of outlines, so this holds everywhere."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache, lru_cache
from pathlib import Path

from wirework.diagram.picture import Run, Style, Text

SMALL = 0.68  # how large a raised or lowered letter is
RAISED = {0: 0.0, 1: 0.38, -1: -0.2}  # how far above the line it stands
OVERLINE = 0.09  # how far above the letters a line stands
UNKNOWN = 0.62  # how wide a letter is that is in no table; one of East Asia is a whole em
EM = 1000  # units of the table


@dataclass(frozen=True, slots=True)
class Letter:
    """A letter of the table, in thousandths of an em.

    Attributes:
        advance: how far on the next letter begins.
        depth, height: of its ink below (negative) and above the line.
        outline: an SVG path, y downwards.
    """

    advance: int
    depth: int
    height: int
    outline: str


@dataclass(frozen=True, slots=True)
class Part:
    """A run of a text at its place: x, and y upwards, from where the text begins; `size` is the height of its em."""

    run: Run
    x: float
    y: float
    size: float

    @property
    def width(self) -> float:
        """How wide it is."""
        return sum(advance(letter, self.run.style) for letter in self.run.text) * self.size

    @property
    def bottom(self) -> float:
        """The lowest ink, y upwards."""
        return self.y + min((ink(letter, self.run.style)[0] for letter in self.run.text), default=0.0) * self.size

    @property
    def top(self) -> float:
        """The highest ink, y upwards, without a line above."""
        return self.y + max((ink(letter, self.run.style)[1] for letter in self.run.text), default=0.0) * self.size

    @property
    def overline(self) -> float:
        """How high a line above it stands."""
        return self.top + OVERLINE * self.size


@cache
def letters() -> Mapping[Style, Mapping[str, Letter]]:
    """The table of letters by style."""
    table = json.loads(Path(__file__).with_name("letters.json").read_text(encoding="utf-8"))["letters"]
    return {style: {name: Letter(*columns) for name, columns in drawn.items()} for style, drawn in table.items()}


@cache
def letter(name: str, style: Style) -> Letter | None:
    """The letter in this style, upright where the style has none (digits and signs in maths); None if unknown."""
    table = letters()
    return table[style].get(name) or table["roman"].get(name)


def advance(name: str, style: Style) -> float:
    """How far on the next letter begins, in ems."""
    found = letter(name, style)
    if found is None:
        return 1.0 if ord(name) >= 0x2E80 else UNKNOWN
    return found.advance / EM


def ink(name: str, style: Style) -> tuple[float, float]:
    """How far the ink of a letter goes below (negative) and above the line, in ems."""
    found = letter(name, style)
    return (-0.22, 0.75) if found is None else (found.depth / EM, found.height / EM)


def parts(text: Text, size: float) -> Iterator[Part]:
    """The runs of a text at their places; what is raised and what is lowered after the same letters stand together."""
    line, ends = 0.0, {0: 0.0, 1: 0.0, -1: 0.0}
    for run in map(_in_maths, text):
        if run.level == 0:
            line = max(ends.values())
            ends = dict.fromkeys(ends, line)
        part = Part(run, ends[run.level], RAISED[run.level] * size, size * (SMALL if run.level else 1.0))
        ends[run.level] += part.width
        if run.level == 0:
            ends = dict.fromkeys(ends, ends[0])
        yield part


def _in_maths(run: Run) -> Run:
    """With the signs that maths has for a hyphen and an asterisk."""
    if run.level == 0 and run.style != "italic":
        return run
    return replace(run, text=run.text.replace("-", "−").replace("*", "∗"))


@lru_cache(maxsize=4096)
def width(text: Text, size: float) -> float:
    """How wide a text is with an em of `size`."""
    return max((part.x + part.width for part in parts(text, size)), default=0.0)


@lru_cache(maxsize=4096)
def height(text: Text, size: float) -> float:
    """How far its ink goes above the line, with lines above."""
    return max((part.overline if part.run.overline else part.top for part in parts(text, size)), default=0.0)


@lru_cache(maxsize=4096)
def depth(text: Text, size: float) -> float:
    """How far its ink goes below the line; 0 if it does not."""
    return max(0.0, -min((part.bottom for part in parts(text, size)), default=0.0))
