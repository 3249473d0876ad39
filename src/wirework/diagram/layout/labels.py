"""Where the labels of wires stand: where a wire begins, at the right edge, and again after a long way."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise

from wirework.diagram.layout.frames import Frame
from wirework.diagram.metrics import width as text_width
from wirework.diagram.picture import Picture
from wirework.diagram.placed import Place, Point, Stretch
from wirework.diagram.sizes import LABEL

AFTER = 4.0  # between a glyph and a label
HIGH, LOW = 14.0, 2.0  # how far above its wire a label begins and ends
AGAIN = 400.0  # after so long a way a label is repeated
CLOSE = 160.0  # no label is repeated at the right edge so near to another one
STEP = 10.0  # by which a label moves along its wire until it hits nothing
SAMPLES = 12  # points of a curve that a label must not be on
CELL = 100.0

Box = tuple[float, float, float, float]  # left, top, right, bottom


@dataclass(slots=True)
class Taken:
    """Boxes that no label may touch, found by where they are."""

    cells: dict[int, list[Box]] = field(default_factory=lambda: defaultdict(list))

    def add(self, box: Box) -> None:
        """Keep a box free of labels."""
        for cell in self._cells(box):
            self.cells[cell].append(box)

    def hits(self, box: Box) -> bool:
        """Whether a box touches one of them."""
        left, top, right, bottom = box
        return any(
            left < other[2] and other[0] < right and top < other[3] and other[1] < bottom
            for cell in self._cells(box)
            for other in self.cells.get(cell, ())
        )

    def _cells(self, box: Box) -> range:
        return range(int(box[0] // CELL), int(box[2] // CELL) + 1)


def labelled(
    stretches: Sequence[Stretch], places: Sequence[Place], picture: Picture, width: float, frame: Frame
) -> tuple[Stretch, ...]:
    """The stretches, with labels that hit nothing.

    Args:
        stretches: of a panel.
        places: of its items.
        picture: whose wires they are.
        width: of the panel.
        frame: what is around it.
    """
    taken = _taken(stretches, places)
    found = list(stretches)
    ways: dict[int, list[int]] = defaultdict(list)
    for number, stretch in enumerate(stretches):
        ways[stretch.wire].append(number)
    for wire, numbers in ways.items():
        numbers.sort(key=lambda number: stretches[number].points[0][0])
        wide = text_width(picture.wires[wire].label, LABEL)
        first = stretches[numbers[0]]
        begins = frame.outermost if first.source < 0 else places[first.source].inside is None
        last = None if begins else first.points[0][0]
        for number in numbers:
            at = _first_free(found[number], wide, last, taken)
            if at is not None:
                found[number] = replace(found[number], label=at)
                last = at[0]
        ends = found[numbers[-1]]
        if frame.ends and ends.target < 0 and ends.label is None and (last is None or width - last > CLOSE):
            found[numbers[-1]] = replace(ends, label=_last_free(ends, wide, taken))
    return tuple(found)


def _taken(stretches: Sequence[Stretch], places: Sequence[Place]) -> Taken:
    taken = Taken()
    for place in places:
        taken.add((place.x, place.y, place.x + place.width, place.y + place.height))
    for stretch in stretches:
        for start, end in pairwise(stretch.points):
            if start[1] != end[1]:
                for box in _along(start, end):
                    taken.add(box)
    return taken


def _along(start: Point, end: Point) -> Iterator[Box]:
    """Boxes around the pieces of an S-curve."""
    (x0, y0), (x1, y1) = start, end
    points = []
    for place in range(SAMPLES + 1):
        t = place / SAMPLES
        ease = t * t * (3 - 2 * t)
        across = 1.5 * t * (1 - t) ** 2 + 1.5 * t**2 * (1 - t) + t**3
        points.append((x0 + (x1 - x0) * across, y0 + (y1 - y0) * ease))
    for (left, top), (right, bottom) in pairwise(points):
        yield (left, min(top, bottom), right, max(top, bottom))


def _first_free(stretch: Stretch, wide: float, last: float | None, taken: Taken) -> Point | None:
    """The first place on a wire for its label; not before a long way after the last one."""
    least = float("-inf") if last is None else last + AGAIN
    for (left, height), (right, lower) in pairwise(stretch.points):
        x = max(left + AFTER, least)
        while height == lower and x + wide <= right:
            if _free(x, height, wide, taken):
                return x, height
            x += STEP
    return None


def _last_free(stretch: Stretch, wide: float, taken: Taken) -> Point | None:
    """The last place on a wire for its label."""
    (left, height), (right, lower) = stretch.points[-2:]
    x = right - wide - AFTER
    return (x, height) if height == lower and x >= left and _free(x, height, wide, taken) else None


def _free(x: float, height: float, wide: float, taken: Taken) -> bool:
    """Whether a label hits nothing; then its place is taken."""
    box = (x - 1, height - HIGH, x + wide + 1, height - LOW)
    if taken.hits(box):
        return False
    taken.add(box)
    return True
