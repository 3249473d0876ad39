"""The lines of a drawing as path commands: S-curves, cups, arrows, stars, rectangles."""

from __future__ import annotations

import math
from collections.abc import Sequence

from wirework.diagram.placed import Point
from wirework.diagram.scene import Command

ROUND = 0.5523  # how far the handles of a cubic reach, in radii, that looks like a quarter of a circle
HALF_GAP = 1.5  # of a double wire: how far each of its lines is from its middle


def moved(commands: Sequence[Command], dx: float, dy: float) -> tuple[Command, ...]:
    """The same line at another place."""
    return tuple(
        (command[0], *(value + (dy if index % 2 else dx) for index, value in enumerate(command[1:])))
        for command in commands
    )


def points_of(commands: Sequence[Command]) -> list[Point]:
    """All points of a line and of the handles of its curves: the line is within their hull."""
    return [point for _, *values in commands for point in zip(values[::2], values[1::2], strict=True)]


def polygon(*corners: Point) -> tuple[Command, ...]:
    """A closed shape with straight sides."""
    return (*polyline(*corners), ("Z",))


def polyline(*points: Point) -> tuple[Command, ...]:
    """Straight pieces from point to point."""
    (x, y), *rest = points
    return (("M", x, y), *(("L", *point) for point in rest))


def rectangle(x: float, y: float, width: float, height: float) -> tuple[Command, ...]:
    """A rectangle by its left upper corner."""
    return polygon((x, y), (x + width, y), (x + width, y + height), (x, y + height))


def curve(points: Sequence[Point], offset: float = 0.0) -> tuple[Command, ...]:
    """A wire through points: straight where they are level, else an S-curve with horizontal tangents.

    With an offset it is the line that runs beside that wire, so far below it.
    """
    (x, y), *rest = points
    commands: list[Command] = [("M", x, y + offset)]
    for to_x, to_y in rest:
        if to_y == y:
            if commands[-1][0] == "L" and commands[-1][-1] == y + offset:
                commands.pop()
            commands.append(("L", to_x, to_y + offset))
        else:
            handle, lean = (to_x - x) / 2, _lean(to_x - x, to_y - y) * -offset
            middle = x + handle + lean
            commands.append(("C", middle, y + offset, middle, to_y + offset, to_x, to_y + offset))
        x, y = to_x, to_y
    return tuple(commands)


def _lean(dx: float, dy: float) -> float:
    """How far handles shift, by unit of offset, so that a line beside an S-curve keeps its distance in the middle."""
    angle = math.atan2(1.5 * dy, dx)  # of the curve in its middle
    return 4 / 3 * math.tan(angle / 2)


def lines(points: Sequence[Point], double: bool) -> tuple[Command, ...]:
    """A wire through points, as one line or two."""
    if not double:
        return curve(points)
    return (*curve(points, -HALF_GAP), *curve(points, HALF_GAP))


def cup(x: float, upper: float, lower: float, reach: float) -> tuple[Command, ...]:
    """The half circle, or half ellipse, that joins two heights at the right."""
    middle, radius = (upper + lower) / 2, (lower - upper) / 2
    across, along = ROUND * radius, ROUND * reach
    return (
        ("M", x, upper),
        ("C", x + along, upper, x + reach, middle - across, x + reach, middle),
        ("C", x + reach, middle + across, x + along, lower, x, lower),
    )


def arrow_head(x: float, y: float, length: float = 9.0) -> tuple[Command, ...]:
    """A slim arrow head that points right, its tip at the point."""
    half = length * 0.46
    return polygon((x, y), (x - length, y - half), (x - length * 0.72, y), (x - length, y + half))


def turned_head(x: float, y: float, angle: float, length: float = 8.0) -> tuple[Command, ...]:
    """A triangular arrow head with its tip at the point, turned down by an angle in radians."""
    corners = ((0.0, 0.0), (-length, -length * 0.42), (-length, length * 0.42))
    cos, sin = math.cos(angle), math.sin(angle)
    return polygon(*((x + cos * a - sin * b, y + sin * a + cos * b) for a, b in corners))


def star(x: float, y: float, radius: float) -> tuple[Command, ...]:
    """A star of five points around a point."""
    corners = []
    for index in range(10):
        reach = radius if index % 2 == 0 else radius * 0.4
        angle = math.pi * index / 5
        corners.append((x + reach * math.sin(angle), y - reach * math.cos(angle)))
    return polygon(*corners)


def bracket(x: float, y: float, height: float, bulge: float) -> tuple[Command, ...]:
    """A large round bracket, thick in its middle, that bulges by so much: to the left if it is negative."""
    inner, outer = bulge * 0.95, bulge * 1.33
    low = y + height
    return (
        ("M", x, y),
        ("C", x + inner, y + height * 0.2, x + inner, low - height * 0.2, x, low),
        ("C", x + outer, low - height * 0.2, x + outer, y + height * 0.2, x, y),
        ("Z",),
    )
