"""A picture with places: what a layout makes, and what is drawn. Lengths are in SVG units, y grows downwards."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from wirework.diagram.picture import Bundle, Item, Panel

Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Size:
    """How large the glyph of an item is, and where wires meet it.

    Attributes:
        width: of the glyph.
        height: of the glyph, with all that belongs to it.
        ins: for each wire of `acts` (for a dot: of `pairs`, first and second in turn) how far below the top it enters.
        outs: for each wire of `gives` how far below the top it leaves.
        above: room that its text needs above the glyph.
        below: and below it.
    """

    width: float
    height: float
    ins: tuple[float, ...] = ()
    outs: tuple[float, ...] = ()
    above: float = 0.0
    below: float = 0.0


@dataclass(frozen=True, slots=True)
class Place:
    """Where an item stands.

    Attributes:
        item: which.
        x, y: the left upper corner of its glyph.
        width, height: of its glyph.
        ins, outs: for each wire that meets it the height at which it does: all wires of all bundles, passing ones and
            those that end on or begin at dots too (these have the height of their dot).
        inside: the layout of its panel, whose corner is the glyph's; `None` unless it is an open block.
    """

    item: Item
    x: float
    y: float
    width: float
    height: float
    ins: Mapping[int, float]
    outs: Mapping[int, float]
    inside: Layout | None = None


@dataclass(frozen=True, slots=True)
class Stretch:
    """A wire between two items that follow each other on its way: a piece of it as part of one array.

    Attributes:
        wire: its number.
        bundle: the array it is part of here.
        source, target: places of the items in `Panel.items`; -1 for the edge of the panel.
        points: from left to right. Between two points of the same height it is a straight line, else an S-curve with
            horizontal tangents.
        label: where its label begins (on the wire); `None` where it has none.
    """

    wire: int
    bundle: Bundle
    source: int
    target: int
    points: tuple[Point, ...]
    label: Point | None = None


@dataclass(frozen=True, slots=True)
class Separator:
    """The dashed line between two members of a tuple: straight pieces, jogs at 45 degrees."""

    points: tuple[Point, ...]


@dataclass(frozen=True, slots=True)
class Layout:
    """A panel with places.

    Attributes:
        panel: what it is of.
        width, height: of the whole.
        places: of each item, in the order of `Panel.items`.
        stretches: of all wires.
        separators: between members.
        ins, outs: the heights at which wires enter at x = 0 and leave at x = width, by number.
        cuts: for each gap between two columns its x and how many wires cross there: where a row may be broken.
    """

    panel: Panel
    width: float
    height: float
    places: tuple[Place, ...]
    stretches: tuple[Stretch, ...]
    separators: tuple[Separator, ...]
    ins: Mapping[int, float]
    outs: Mapping[int, float]
    cuts: tuple[tuple[float, int], ...] = ()
