"""Where shapes are: the box around them, and shapes at another place."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from wirework.diagram.drawing.curves import moved, points_of
from wirework.diagram.metrics import depth, height, width
from wirework.diagram.scene import Circle, Path, Shape, Words

BEFORE = {"start": 0.0, "middle": 0.5, "end": 1.0}  # the part of a text that is left of its anchor


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle with its sides along the axes."""

    left: float
    top: float
    right: float
    bottom: float

    @property
    def middle(self) -> float:
        """The x of its middle."""
        return (self.left + self.right) / 2

    def grown(self, by: float) -> Box:
        """With a margin around it."""
        return Box(self.left - by, self.top - by, self.right + by, self.bottom + by)

    def joined(self, other: Box) -> Box:
        """The box around both."""
        return Box(
            min(self.left, other.left),
            min(self.top, other.top),
            max(self.right, other.right),
            max(self.bottom, other.bottom),
        )


def box_of(shape: Shape) -> Box:
    """The box around a shape, without the thickness of its lines."""
    match shape:
        case Path(commands=commands):
            xs, ys = zip(*points_of(commands), strict=True)
            return Box(min(xs), min(ys), max(xs), max(ys))
        case Circle(x=x, y=y, radius=radius):
            return Box(x - radius, y - radius, x + radius, y + radius)
        case Words(x=x, y=y, text=text, size=size):
            wide = width(text, size)
            left = x - wide * BEFORE[shape.anchor]
            return Box(left, y - height(text, size), left + wide, y + depth(text, size))


def box_around(shapes: Iterable[Shape]) -> Box | None:
    """The box around all shapes; None if there are none."""
    found: Box | None = None
    for shape in shapes:
        box = box_of(shape)
        found = box if found is None else found.joined(box)
    return found


def shifted(shape: Shape, dx: float, dy: float) -> Shape:
    """The same shape at another place."""
    if isinstance(shape, Path):
        return replace(shape, commands=moved(shape.commands, dx, dy))
    return replace(shape, x=shape.x + dx, y=shape.y + dy)
