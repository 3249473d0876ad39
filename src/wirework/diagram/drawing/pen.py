"""What shapes are collected with: it knows where a panel stands, what an item is called, and what lies over what."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from wirework.diagram.drawing.curves import lines, moved
from wirework.diagram.drawing.shares import Shares
from wirework.diagram.metrics import height
from wirework.diagram.picture import Bundle, Item, Picture, Text, plain
from wirework.diagram.placed import Place, Point
from wirework.diagram.scene import Circle, Command, Path, Role, Shape, Tag, Words

Layer = Literal["fences", "notes", "shadows", "wires", "glyphs", "dots", "labels"]
LAYERS: tuple[Layer, ...] = ("fences", "notes", "shadows", "wires", "glyphs", "dots", "labels")
NOTHING = Tag()


@dataclass(frozen=True, slots=True)
class Pen:
    """Draws at a place, into layers that all pens of a drawing share.

    Attributes:
        picture: what is drawn.
        shares: what part of the whole each item costs.
        x, y: where the panel stands that is being drawn.
        name: of its block, such as "3.0"; empty for the whole.
        level: how many open blocks it is in.
        times: how often it is repeated with these.
        layers: what has been drawn.
    """

    picture: Picture
    shares: Shares
    x: float = 0.0
    y: float = 0.0
    name: str = ""
    level: int = 0
    times: int = 1
    layers: dict[Layer, list[Shape]] = field(default_factory=lambda: {layer: [] for layer in LAYERS})

    def inside(self, name: str, x: float, y: float, count: int) -> Pen:
        """A pen for the panel of a block at a place, which is repeated so often."""
        times = self.times * count
        return replace(self, x=self.x + x, y=self.y + y, name=name, level=self.level + 1, times=times)

    def called(self, index: int) -> str:
        """The stable name of an item by its place in its panel; of the edges of the panel: "in", "out:3"."""
        return f"{self.name}.{index}" if self.name else str(index)

    def edge(self, side: Literal["in", "out"]) -> str:
        """What an edge of this panel is called."""
        return f"{side}:{self.name}" if self.name else side

    def path(
        self, layer: Layer, commands: Sequence[Command], role: Role, tag: Tag = NOTHING, level: int = 0,
        share: float | None = None,
    ) -> None:  # fmt: skip
        """Draw lines, curves or a filled shape."""
        self.layers[layer].append(Path(moved(commands, self.x, self.y), role, tag, level, share))

    def circle(self, layer: Layer, at: Point, radius: float, role: Role, tag: Tag, share: float | None = None) -> None:
        """Draw a circle."""
        self.layers[layer].append(Circle(at[0] + self.x, at[1] + self.y, radius, role, tag, share))

    def words(
        self, at: Point, text: Text, size: float, role: Role, anchor: Literal["start", "middle", "end"] = "start",
        tag: Tag = NOTHING,
    ) -> None:  # fmt: skip
        """Write text on a baseline."""
        if text:
            self.layers["labels"].append(Words(at[0] + self.x, at[1] + self.y, text, size, role, anchor, tag))

    def wire(self, number: int, bundle: Bundle, commands: Sequence[Command], ends: tuple[str, str] = ("", "")) -> None:
        """Draw a piece of a wire."""
        wire = self.picture.wires[number]
        tag = Tag(wire=number, value=bundle.value, axes=wire.axes, ends=ends, title=f"axis {plain(wire.label)}")
        self.path("wires", commands, "wire", tag)


@dataclass(frozen=True, slots=True)
class Glyph:
    """A pen at one item.

    Attributes:
        pen: of its panel.
        place: where it stands.
        tag: what its shapes belong to.
        share: what it costs, where the drawing is coloured by that.
    """

    pen: Pen
    place: Place
    tag: Tag
    share: float | None

    @property
    def item(self) -> Item:
        """What is drawn."""
        return self.place.item

    @property
    def middle(self) -> Point:
        """The middle of the glyph."""
        return self.place.x + self.place.width / 2, self.place.y + self.place.height / 2

    @property
    def right(self) -> float:
        """Where it ends."""
        return self.place.x + self.place.width

    def body(self, commands: Sequence[Command], role: Role, shadow: bool = False) -> None:
        """Draw the shape that the glyph is known by, which is coloured by what the item costs."""
        if shadow:
            self.pen.path("shadows", commands, "shadow")
        self.pen.path("glyphs", commands, role, self.tag, self.item.level, self.share)

    def mark(self, commands: Sequence[Command], role: Role = "arrow") -> None:
        """Draw an arrow, a star or another small thing in ink."""
        self.pen.path("glyphs", commands, role, self.tag)

    def dot(self, x: float, y: float, radius: float) -> None:
        """Draw a dot on a wire."""
        self.pen.circle("dots", (x, y), radius, "dot", self.tag)

    def write(self, at: Point, text: Text, size: float, role: Role = "glyph-text", middle: bool = True) -> None:
        """Write text with its middle, or its left end, on a height."""
        rise = height(tuple(run for run in text if run.level == 0), size) / 2
        self.pen.words((at[0], at[1] + rise), text, size, role, "middle" if middle else "start", self.tag)

    def wire(self, number: int, *points: Point) -> None:
        """Draw a piece of one of its wires, within the glyph."""
        bundles = (*self.item.inputs, *self.item.outputs)
        bundle = next(bundle for bundle in bundles if number in bundle.wires)
        self.pen.wire(number, bundle, lines(points, self.pen.picture.wires[number].double))
