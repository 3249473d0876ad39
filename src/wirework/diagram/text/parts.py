"""What a layout consists of, panel in panel: its parts at their places in the whole, in SVG units."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from wirework.diagram.picture import Item, Text, plain
from wirework.diagram.placed import Layout, Place, Point, Stretch

SUMS = {"+": "⊕", "−": "⊖", "-": "⊖", "×": "⊗", "*": "⊗", "·": "⊙", "÷": "⊘", "/": "⊘"}
DOT = "●"
LETTER = 8.0  # units that a letter of a label is wide
JOG = 12.0  # units by which a separator must change its height to be drawn so


@dataclass(frozen=True, slots=True)
class Glyph:
    """An item that is no open block.

    Attributes:
        item: which.
        left, right: its edges.
        ins, outs: the heights of its wires.
        middle: its own height, which matters where it touches no wire.
    """

    item: Item
    left: float
    right: float
    ins: dict[int, float]
    outs: dict[int, float]
    middle: float

    @property
    def heights(self) -> list[float]:
        """Of the wires that meet it and do not just pass, from top to bottom."""
        return sorted({*(self.ins[wire] for wire in self.taken), *(self.outs[wire] for wire in self.item.gives)})

    @property
    def taken(self) -> tuple[int, ...]:
        """The wires that end in it."""
        return (*self.item.acts, *(wire for pair in self.item.pairs for wire in pair))


@dataclass(frozen=True, slots=True)
class Fence:
    """An open block: a frame around what is in it."""

    item: Item
    left: float
    right: float
    top: float
    bottom: float


@dataclass(frozen=True, slots=True)
class Bend:
    """Where a wire changes its height, somewhere between two x.

    Attributes:
        wire: its number.
        left, right: between which x.
        start, end: from which height to which.
        first, last: the wires that are on these heights left and right of it: others than itself where it begins or
            ends on a dot.
        dot: what that dot looks like; empty where it has none.
    """

    wire: int
    left: float
    right: float
    start: float
    end: float
    first: int
    last: int
    dot: str = ""

    @property
    def forks(self) -> bool:
        """Whether it begins on a dot."""
        return self.first != self.wire

    @property
    def merges(self) -> bool:
        """Whether it ends on a dot."""
        return self.last != self.wire


@dataclass(frozen=True, slots=True)
class Strand:
    """A wire from one item to the next: level from `left` on, through its bends, and level again up to `right`."""

    wire: int
    left: float
    right: float
    start: float
    end: float
    bends: tuple[Bend, ...]


@dataclass(frozen=True, slots=True)
class Label:
    """A text that begins at some place on a wire, and stands above it."""

    x: float
    y: float
    end: float
    text: str


@dataclass(frozen=True, slots=True)
class Dash:
    """A straight piece of a separator."""

    left: float
    right: float
    start: float
    end: float


@dataclass(frozen=True, slots=True)
class Name:
    """What stands at the left of the inputs: from which height to which."""

    text: str
    top: float
    bottom: float


Part = Glyph | Fence | Strand | Label | Dash | Name


def parts(layout: Layout, labels: dict[int, Text], x: float = 0, y: float = 0) -> Iterator[Part]:
    """All parts of a layout whose corner is at a place, the outer ones first."""
    for separator in layout.separators:
        points = steadied(separator.points)
        for (left, start), (right, end) in pairwise(points):
            yield Dash(near(left + x), near(right + x), near(start + y), near(end + y))
    for place in layout.places:
        if place.inside is None:
            yield glyph(place, x, y)
        else:
            right, bottom = place.x + place.width, place.y + place.height
            yield Fence(place.item, near(place.x + x), near(right + x), near(place.y + y), near(bottom + y))
            yield from parts(place.inside, labels, place.x + x, place.y + y)
    for stretch in layout.stretches:
        yield strand(layout, stretch, x, y)
        if stretch.label is not None:
            left, height = stretch.label
            text = plain(labels[stretch.wire])
            end = min(left + LETTER * len(text), stretch.points[-1][0])
            yield Label(near(left + x), near(height + y), near(end + x), text)


def steadied(points: Sequence[Point]) -> list[Point]:
    """The points of a separator without its small jogs around glyphs, for which characters are too large."""
    height = points[0][1]
    found = []
    for x, y in points:
        height = y if abs(y - height) > JOG else height
        found.append((x, height))
    return found


def names(layout: Layout) -> Iterator[Name]:
    """The names of the inputs."""
    for bundle in layout.panel.inputs:
        heights = [near(layout.ins[wire]) for wire in bundle.wires]
        if bundle.name and heights:
            yield Name(bundle.name, min(heights), max(heights))


def glyph(place: Place, x: float, y: float) -> Glyph:
    """An item at its place."""
    ins, outs = ({wire: near(height + y) for wire, height in ports.items()} for ports in (place.ins, place.outs))
    left, right, middle = place.x + x, place.x + place.width + x, place.y + place.height / 2 + y
    return Glyph(place.item, near(left), near(right), ins, outs, near(middle))


def near(place: float) -> float:
    """A coordinate to a tenth, so that what is at the same place is so, whichever way it was summed up."""
    return round(place, 1)


def strand(layout: Layout, stretch: Stretch, x: float, y: float) -> Strand:
    """A wire's way from one item to the next."""
    points = [(near(left + x), near(height + y)) for left, height in stretch.points]
    host_before, _ = host(layout, stretch.source, stretch.wire, forks=True)
    host_after, dot = host(layout, stretch.target, stretch.wire, forks=False)
    steps = [(first, last) for first, last in pairwise(points) if first[1] != last[1]]
    bends = tuple(
        Bend(
            stretch.wire, first[0], last[0], first[1], last[1],
            first=host_before if place == 0 else stretch.wire,
            last=host_after if place == len(steps) - 1 else stretch.wire,
            dot=DOT if place == 0 and host_before != stretch.wire else dot if place == len(steps) - 1 else "",
        )
        for place, (first, last) in enumerate(steps)
    )  # fmt: skip
    return Strand(stretch.wire, points[0][0], points[-1][0], points[0][1], points[-1][1], bends)


def host(layout: Layout, place: int, wire: int, forks: bool) -> tuple[int, str]:
    """On which wire another begins or ends, itself if on none, and what the dot there looks like."""
    if place < 0:
        return wire, ""
    item = layout.panel.items[place]
    pairs = {new: old for old, new in item.forks} if forks else dict(item.merges)
    if wire not in pairs:
        return wire, ""
    return pairs[wire], SUMS.get(plain(item.text), DOT) if item.kind == "sum" else DOT
