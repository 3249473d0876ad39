"""A drawing as shapes at places: what every renderer draws. Lengths are in SVG units, y grows downwards."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from wirework.diagram.picture import Text

Role = Literal[
    "shadow", "fence", "solid", "solid-side", "solid-top", "bracket",  # blocks
    "wire", "separator", "dot", "arrow", "continuation", "continuation-head",  # what joins
    "plate", "box", "triangle", "circle", "bar", "conv", "window", "pentagon", "mask", "masked", "source",  # glyphs
    "label", "glyph-text", "pentagon-text", "title", "caption", "heading", "note", "note-text", "legend",
    "legend-text", "highlight", "trail",
]  # fmt: skip
Command = tuple[str, *tuple[float, ...]]  # ("M", x, y), ("L", x, y), ("C", x1, y1, x2, y2, x, y), ("Z",)


@dataclass(frozen=True, slots=True)
class Tag:
    """What a shape belongs to, so that a page can light it up and a test can read the strands back.

    Attributes:
        item: a stable name of the item, such as "3" or "3.0.2": its place in its panel, below that of the open block.
        wire: the number of the wire; -1 if it is none.
        value: the number of the array; -1 if it is none.
        axes: of the wire, as in the circuit.
        nodes: places in `Circuit.nodes` of what an item stands for.
        path: the block, joined by dots; empty if it is none.
        ends: of a wire's piece: the items (or "in", "out" and a panel: "in", "in:3", "out:3") at its left and right.
        title: what a reader is told who points at it.
    """

    item: str = ""
    wire: int = -1
    value: int = -1
    axes: tuple[str, ...] = ()
    nodes: tuple[int, ...] = ()
    path: str = ""
    ends: tuple[str, str] = ("", "")
    title: str = ""


@dataclass(frozen=True, slots=True)
class Path:
    """Lines and cubic curves.

    Attributes:
        commands: from the first point on.
        role: what it is; a theme says how that looks.
        tag: what it belongs to.
        level: of a block: which tint it has.
        share: what part of the whole it costs, from 0 to 1, where the drawing is coloured by cost.
    """

    commands: tuple[Command, ...]
    role: Role
    tag: Tag = Tag()
    level: int = 0
    share: float | None = None


@dataclass(frozen=True, slots=True)
class Circle:
    """A circle around a point."""

    x: float
    y: float
    radius: float
    role: Role
    tag: Tag = Tag()
    share: float | None = None


@dataclass(frozen=True, slots=True)
class Words:
    """A line of text.

    Attributes:
        x, y: the place on its baseline that `anchor` says.
        text: what it says.
        size: the height of an em.
        anchor: whether the place is at its start, middle or end.
    """

    x: float
    y: float
    text: Text
    size: float
    role: Role
    anchor: Literal["start", "middle", "end"] = "start"
    tag: Tag = Tag()


Shape = Path | Circle | Words


@dataclass(frozen=True, slots=True)
class Scene:
    """Shapes, in the order in which they are drawn.

    Attributes:
        width, height: of the whole; all shapes are inside.
        shapes: what is drawn.
        title: what the whole is called, for those who cannot see it.
    """

    width: float
    height: float
    shapes: tuple[Shape, ...]
    title: str = ""
