"""A wide layout as rows: cut where few wires cross."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from math import ceil

from wirework.diagram.layout.links import EDGE
from wirework.diagram.picture import Bundle, Panel
from wirework.diagram.placed import Layout, Place, Point, Separator, Stretch

LEAD = 30.0  # the straight piece with which a row begins, for labels
AFTER = 4.0  # before a label
NEAR = 80.0  # a wire that has a label so near to where its row begins gets no other
ABOVE, AROUND = 20.0, 8.0  # room above wires, and above and below glyphs


@dataclass(frozen=True, slots=True)
class Slice:
    """A part of a layout from one x to another, with all of it moved."""

    begin: float
    end: float
    right: float
    up: float

    def moved(self, points: Sequence[Point]) -> tuple[Point, ...]:
        """Points of the layout in the row."""
        return tuple((x + self.right, y - self.up) for x, y in points)


def wrap(layout: Layout, width: float) -> tuple[Layout, ...]:
    """Rows of a layout, from top to bottom, none wider than this where it can be cut.

    A row is a layout of its own: its panel has the items that stand in it, and the arrays that cross its edges.

    Args:
        layout: of the whole.
        width: how wide a row may be.
    """
    edges = [0.0, *_cuts(layout, width), layout.width]
    if len(edges) == 2:
        return (layout,)
    return tuple(_row(layout, begin, end) for begin, end in pairwise(edges))


def _cuts(layout: Layout, width: float) -> list[float]:
    """Where to cut: in the second half of each row where the fewest wires cross, so that rows are about as wide."""
    found: list[float] = []
    begin, lead = 0.0, 0.0
    width = max(width, 2 * LEAD)
    while layout.width - begin + lead > width:
        reach = begin + width - lead
        later = [cut for cut in layout.cuts if cut[0] > begin + LEAD]
        fitting = [cut for cut in later if cut[0] <= reach]
        halves = [cut for cut in fitting if cut[0] > (begin + reach) / 2]
        if halves:
            left = layout.width - begin
            even = begin + left / ceil(left / (width - lead))  # where rows would be of one width
            begin = min(halves, key=lambda cut: (cut[1], abs(cut[0] - even), cut[0]))[0]
        elif later:
            begin = fitting[-1][0] if fitting else later[0][0]
        else:
            break
        lead = LEAD
        found.append(begin)
    return found


def _row(layout: Layout, begin: float, end: float) -> Layout:
    chosen = [number for number, place in enumerate(layout.places) if begin <= place.x < end]
    pieces = [(stretch, _clipped(stretch.points, begin, end)) for stretch in layout.stretches]
    pieces = [(stretch, points) for stretch, points in pieces if points]
    top, bottom = _extent([layout.places[number] for number in chosen], [points for _, points in pieces], layout.height)
    part = Slice(begin, end, (LEAD if begin else 0.0) - begin, top)
    renumbered = {number: place for place, number in enumerate(chosen)} | {EDGE: EDGE}
    stretches = tuple(_stretch(stretch, points, part, renumbered) for stretch, points in pieces)
    separators = (_clipped(separator.points, begin, end) for separator in layout.separators)
    width = end + part.right
    entering = [stretch for stretch in stretches if stretch.source == EDGE]
    leaving = [stretch for stretch in stretches if stretch.target == EDGE]
    items = tuple(layout.panel.items[number] for number in chosen)
    return Layout(
        Panel(_bundles(entering, 0), _bundles(leaving, -1), items), width, bottom - top,
        tuple(_moved(layout.places[number], part) for number in chosen), stretches,
        tuple(Separator(part.moved(points)) for points in separators if points and points[0][0] < points[-1][0]),
        {stretch.wire: stretch.points[0][1] for stretch in entering},
        {stretch.wire: stretch.points[-1][1] for stretch in leaving},
        tuple((x + part.right, count) for x, count in layout.cuts if begin < x < end),
    )  # fmt: skip


def _clipped(points: Sequence[Point], begin: float, end: float) -> tuple[Point, ...]:
    """The part of a line from one x to another, at which it is level; a point twice if it only comes to one of them."""
    if points[-1][0] < begin or points[0][0] > end:
        return ()
    found = [point for point in points if begin <= point[0] <= end]
    if points[0][0] < begin and (not found or found[0][0] > begin):
        found.insert(0, (begin, max(point for point in points if point[0] < begin)[1]))
    if points[-1][0] > end and (not found or found[-1][0] < end):
        found.append((end, min(point for point in points if point[0] > end)[1]))
    return tuple(found) if len(found) > 1 else (*found, *found)


def _extent(places: Sequence[Place], lines: Sequence[Sequence[Point]], height: float) -> tuple[float, float]:
    """The top and the bottom of what stands in a row."""
    wires = [y for line in lines for _, y in line]
    tops = [y - ABOVE for y in wires] + [place.y - AROUND for place in places]
    bottoms = [y + AROUND for y in wires] + [place.y + place.height + AROUND for place in places]
    return max(0.0, min(tops, default=0.0)), min(height, max(bottoms, default=height))


def _moved(place: Place, part: Slice) -> Place:
    ins, outs = ({wire: y - part.up for wire, y in side.items()} for side in (place.ins, place.outs))
    return replace(place, x=place.x + part.right, y=place.y - part.up, ins=ins, outs=outs)


def _stretch(stretch: Stretch, points: Sequence[Point], part: Slice, renumbered: Mapping[int, int]) -> Stretch:
    """A stretch, or what of it is in a row: it enters and leaves at the row's edges."""
    source = EDGE if part.begin and points[0][0] == part.begin else stretch.source
    target = EDGE if points[-1][0] == part.end else stretch.target
    label = stretch.label if stretch.label and part.begin <= stretch.label[0] < part.end else None
    moved = part.moved(points)
    if source == EDGE and part.begin:
        moved = ((0.0, moved[0][1]), *moved[1:])
        if label is None or label[0] > part.begin + NEAR:
            label = (part.begin - LEAD + AFTER, points[0][1])
    return Stretch(
        stretch.wire, stretch.bundle, renumbered.get(source, EDGE), renumbered.get(target, EDGE), moved,
        part.moved([label])[0] if label else None,
    )  # fmt: skip


def _bundles(stretches: Sequence[Stretch], end: int) -> tuple[Bundle, ...]:
    """The arrays that cross an edge, and their wires, from top to bottom."""
    found: dict[Bundle, list[int]] = {}
    for stretch in sorted(stretches, key=lambda stretch: stretch.points[end][1]):
        found.setdefault(stretch.bundle, []).append(stretch.wire)
    return tuple(replace(bundle, wires=tuple(wires)) for bundle, wires in found.items())
