"""A wide picture as rows, each laid out for itself: cut where few wires cross."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import pairwise
from math import ceil

from wirework.diagram.layout.alike import Known
from wirework.diagram.layout.frames import Frame
from wirework.diagram.layout.links import EDGE, links
from wirework.diagram.layout.placing import place_panel
from wirework.diagram.picture import Bundle, Panel, Picture
from wirework.diagram.placed import Layout, Point

LEAD = 30.0  # what a row is wider than the part of the whole that stands in it: labels, where it begins


def wrap(picture: Picture, layout: Layout, width: float) -> tuple[Layout, ...]:
    """Rows of a picture, from top to bottom, about as wide as this or less where it can be cut.

    A row is a layout of its own: its panel has the items that stand in it, and the arrays that cross its edges, in the
    order in which they cross there in the whole.

    Args:
        picture: what is drawn.
        layout: of it, in one row.
        width: how wide a row may be.
    """
    edges = [0.0, *_cuts(layout, width), layout.width]
    if len(edges) == 2:
        return (layout,)
    panels = list(_panels(layout, edges))
    last = len(panels) - 1
    known = Known()
    return tuple(place_panel(picture, panel, Frame(goes_on=number < last), known)
                 for number, panel in enumerate(panels))  # fmt: skip


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


def _panels(layout: Layout, edges: Sequence[float]) -> Iterator[Panel]:
    """The panels of the rows between these edges."""
    whole = layout.panel
    crossing = [whole.inputs, *_crossing(layout, edges[1:-1]), whole.outputs]
    columns = [bisect_right(edges, place.x) for place in layout.places]
    for row, (inputs, outputs) in enumerate(pairwise(crossing), 1):
        items = (item for item, number in zip(whole.items, columns, strict=True) if number == row)
        yield Panel(inputs, outputs, tuple(items))


def _crossing(layout: Layout, cuts: Sequence[float]) -> list[tuple[Bundle, ...]]:
    """The arrays that cross each cut, and their wires, from top to bottom."""
    ways = {(stretch.source, stretch.target, stretch.wire): stretch.points for stretch in layout.stretches}
    found: list[list[tuple[float, int, Bundle]]] = [[] for _ in cuts]
    for link in links(layout.panel).all:
        begin = 0 if link.source == EDGE else bisect_right(cuts, layout.places[link.source].x)
        end = len(cuts) if link.target == EDGE else bisect_right(cuts, layout.places[link.target].x)
        single = 0.0 if link.source == EDGE else layout.places[link.source].y
        for number in range(begin, end):
            heights = {wire: _height(ways[link.source, link.target, wire], cuts[number]) for wire in link.bundle.wires}
            bundle = replace(link.bundle, wires=tuple(sorted(heights, key=heights.__getitem__)))
            found[number].append((min(heights.values(), default=single), link.number, bundle))
    return [tuple(bundle for _, _, bundle in sorted(crossing, key=lambda one: one[:2])) for crossing in found]


def _height(points: Sequence[Point], x: float) -> float:
    """The height of a wire at a place at which it is level."""
    return [height for place, height in points if place <= x][-1]
