"""The layout: what a careful person would see to, held for pictures made by hand and for random ones."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import combinations, pairwise

import pytest
from hypothesis import given, settings

from diagram import pictures
from wirework.diagram import layout
from wirework.diagram.layout import pieces
from wirework.diagram.layout.columns import columns
from wirework.diagram.layout.frames import Frame
from wirework.diagram.layout.links import links
from wirework.diagram.layout.orders import crossings, ordered, written
from wirework.diagram.layout.pieces import Stack, at_item
from wirework.diagram.metrics import width
from wirework.diagram.picture import Bundle, Panel, Picture
from wirework.diagram.placed import Layout, Place, Point, Stretch
from wirework.diagram.sizes import LABEL, size
from wirework.errors import SemanticError

made_by_hand = pytest.mark.parametrize("name", pictures.HAND_MADE)
few = settings(max_examples=40, deadline=None)


def panels(layout: Layout) -> Iterator[Layout]:
    """A layout and those of all blocks that are open in it."""
    yield layout
    for place in layout.places:
        if place.inside is not None:
            yield from panels(place.inside)


def check(picture: Picture, whole: Layout) -> None:
    """All that holds for every layout."""
    for panel in panels(whole):
        glyphs_stand_apart(panel)
        labels_stand_apart(panel, picture)
        wires_meet_their_items(panel)
        wires_pass_glyphs(panel)
        wires_keep_their_distance(panel)
        separators_pass_glyphs(panel)
        all_is_inside(panel)


def glyphs_stand_apart(panel: Layout) -> None:
    """No two glyphs overlap."""
    for one, other in combinations([place for place in panel.places if place.item.kind != "end"], 2):
        apart = one.x + one.width <= other.x or other.x + other.width <= one.x
        assert apart or one.y + one.height <= other.y or other.y + other.height <= one.y, (one.item, other.item)


def labels_stand_apart(panel: Layout, picture: Picture) -> None:
    """No two labels overlap, and none is on a glyph."""
    boxes = []
    for stretch in panel.stretches:
        if stretch.label is not None:
            x, y = stretch.label
            boxes.append((x, y - 13, x + width(picture.wires[stretch.wire].label, LABEL), y - 3))
            assert any(a[0] <= x <= b[0] and a[1] == b[1] == y for a, b in pairwise(stretch.points))
    glyphs = [(place.x, place.y, place.x + place.width, place.y + place.height) for place in panel.places]
    for number, one in enumerate(boxes):
        for other in boxes[number + 1 :] + glyphs:
            assert one[2] <= other[0] or other[2] <= one[0] or one[3] <= other[1] or other[3] <= one[1]


def wires_meet_their_items(panel: Layout) -> None:
    """Each wire of each bundle has one way, from where its item has it to where the next one has it."""
    for stretch in panel.stretches:
        source = panel.places[stretch.source] if stretch.source >= 0 else None
        target = panel.places[stretch.target] if stretch.target >= 0 else None
        start = (source.x + source.width, source.outs[stretch.wire]) if source else (0, panel.ins[stretch.wire])
        end = (target.x, target.ins[stretch.wire]) if target else (panel.width, panel.outs[stretch.wire])
        assert stretch.points[0] == pytest.approx(start)
        assert stretch.points[-1] == pytest.approx(end)
        assert all(one[0] <= other[0] for one, other in pairwise(stretch.points))
    bundles = [bundle for item in panel.panel.items for bundle in item.inputs] + list(panel.panel.outputs)
    assert len(panel.stretches) == sum(len(bundle.wires) for bundle in bundles)


def wires_pass_glyphs(panel: Layout) -> None:
    """No wire runs through a glyph; where glyphs stand, wires are level."""
    for number, place in enumerate(panel.places):
        for stretch in panel.stretches:
            if number in (stretch.source, stretch.target):
                continue
            for (left, y), (right, low) in pairwise(stretch.points):
                if left < place.x + place.width and right > place.x:
                    assert max(y, low) <= place.y or min(y, low) >= place.y + place.height, (place.item, stretch)


def separators_pass_glyphs(panel: Layout) -> None:
    """No separator comes near a glyph above or below it, or near the fence of a block."""
    for place in panel.places:
        if place.item.kind in pieces.ON_WIRES or (place.item.kind == "dot" and not place.item.pairs):
            continue
        for separator in panel.separators:
            for height in over(separator.points, place.x, place.x + place.width):
                assert height <= place.y - 5 or height >= place.y + place.height + 5, (place.item, separator)


def over(points: tuple[Point, ...], begin: float, end: float) -> Iterator[float]:
    """The heights of a line where it enters and leaves what is between two x, and of its corners there."""
    for (left, y), (right, low) in pairwise(points):
        if left < end and right > begin:
            for x in (max(left, begin), min(right, end)):
                yield y + (low - y) * (x - left) / (right - left)


def wires_keep_their_distance(panel: Layout) -> None:
    """Wires that are level at the same place are at least a pitch apart, but where they leave a dot or come to one."""
    for place in panel.places:
        levels = sorted(y for stretch in panel.stretches for y in [_level(stretch, place)] if y is not None)
        assert all(lower - upper >= 20 for upper, lower in pairwise(levels))


def _level(stretch: Stretch, place: Place) -> float | None:
    """How high a wire passes the middle of an item."""
    x = place.x + place.width / 2
    return next((a[1] for a, b in pairwise(stretch.points) if a[0] < x < b[0] and a[1] == b[1]), None)


def all_is_inside(panel: Layout) -> None:
    """Nothing is out of the panel."""
    for place in panel.places:
        assert place.x >= 0 and place.x + place.width <= panel.width + 1e-9
        assert place.y >= 0 and place.y + place.height <= panel.height + 1e-9
    for stretch in panel.stretches:
        assert all(0 <= y <= panel.height for _, y in stretch.points)


@made_by_hand
def test_pictures_made_by_hand(name: str) -> None:
    picture = pictures.HAND_MADE[name]()
    check(picture, layout.place(picture))


@few
@given(picture=pictures.pictures())
def test_random_pictures(picture: Picture) -> None:
    whole = layout.place(picture)
    check(picture, whole)
    assert whole == layout.place(picture)


def closed(picture: Picture) -> Picture:
    """The same with no block open."""
    items = tuple(
        replace(item, panel=None, acts=item.inputs[0].wires, gives=item.outputs[0].wires) if item.panel else item
        for item in picture.panel.items
    )
    return replace(picture, panel=replace(picture.panel, items=items))


@few
@given(picture=pictures.pictures())
def test_crossings_never_exceed_those_of_the_written_order(picture: Picture) -> None:
    between = links(picture.panel)
    picture = closed(picture)
    places = columns(picture.panel, between)

    def stacks() -> list[Stack]:
        return [at_item(place, item, size(item, picture), between) for place, item in enumerate(picture.panel.items)]

    assert crossings(ordered(stacks(), places, between, Frame())) <= crossings(
        written(stacks(), places, between, Frame())
    )


@few
@given(picture=pictures.pictures(steps=14))
def test_rows_have_all_items_and_are_layouts_of_their_own(picture: Picture) -> None:
    whole = layout.place(picture)
    rows = layout.wrap(picture, whole, 250)
    assert rows == layout.wrap(picture, whole, 250)
    assert sorted(place.item.kind for row in rows for place in row.places) == sorted(
        item.kind for item in picture.panel.items
    )
    for row in rows:
        check(picture, row)
    for upper, lower in pairwise(rows):
        assert downwards(upper.outs) == downwards(lower.ins)


def downwards(heights: Mapping[int, float]) -> list[int]:
    """Wires from top to bottom."""
    return sorted(heights, key=heights.__getitem__)


def test_attention_is_as_in_the_paper() -> None:
    whole = layout.place(pictures.attention())
    first, softmax, last = whole.places
    y, k_q, x, k_k, x_v, k_v = (whole.ins[wire] for wire in range(1, 7))
    assert (k_q - y, x - k_q, k_k - x, x_v - k_k, k_v - x_v) == (20, 30, 20, 30, 20)
    assert (first.ins[2], first.ins[4], first.ins[3]) == (k_q, x, k_k)  # only x and k of the keys cross
    assert softmax.ins[3] == first.outs[3] == last.ins[7] == k_k
    assert (last.ins[5], last.outs[6], whole.outs[6]) == (x_v, k_v, k_v)
    assert first.ins[1] == last.outs[1] == y
    assert whole.outs[1] == k_v - 20  # y drops at the end, to just above k
    assert len(whole.separators) == 2


def test_a_skip_runs_straight_below_its_branch() -> None:
    whole = layout.place(pictures.residual())
    block = whole.places[1]
    skips = [stretch for stretch in whole.stretches if (stretch.source, stretch.target) == (0, 2)]
    assert len(skips) == 3
    for skip in skips:
        assert len(skip.points) == 4
        assert skip.points[1][1] == skip.points[2][1] > block.y + block.height
    assert block.ins.items() >= {wire: whole.ins[wire] for wire in whole.ins}.items()


def test_linear_maps_of_one_stage_stand_in_one_column() -> None:
    whole = layout.place(pictures.multi_head())
    maps = [place for place in whole.places if place.item.kind == "linear"][:3]
    middles = {place.x + place.width / 2 for place in maps}
    assert max(middles) - min(middles) < 1e-9
    assert [place.y for place in maps] == sorted(place.y for place in maps)


def test_wires_come_straight_into_an_open_block() -> None:
    whole = layout.place(pictures.multi_head_open())
    block = next(number for number, place in enumerate(whole.places) if place.inside is not None)
    coming = [stretch for stretch in whole.stretches if stretch.target == block]
    assert len(coming) == 9
    for stretch in coming:
        assert stretch.points[-2][1] == stretch.points[-1][1]
        assert whole.places[block].x - stretch.points[-2][0] > 10 or len(stretch.points) == 2


def test_a_row_begins_with_its_wires_close_together() -> None:
    draft = pictures.Drafter()
    first = draft.bundle(draft.fresh("b t c"))
    around = draft.copies(first, 2)
    last, items = around.outputs[0], [around]
    for _ in range(6):
        items.append(pictures.opened(draft, last, "MLP"))
        last = items[-1].outputs[0]
    items.append(draft.added(last, around.outputs[1]))
    picture = draft.picture("chain", (first,), items, items[-1].outputs)
    rows = layout.wrap(picture, layout.place(picture), 500)
    assert len(rows) > 2
    for row in rows[1:]:
        upper, lower = row.panel.inputs
        b, t, c, *skips = (row.ins[wire] for bundle in (upper, lower) for wire in bundle.wires)
        block = next(place for place in row.places if place.inside is not None or place.item.kind == "sum")
        assert (t - b, c - t) == (20, 20)
        assert skips == [skips[0], skips[0] + 20, skips[0] + 40]
        assert skips[0] <= max(c + 30, block.y + block.height + 25)
        assert row.height < 200


def test_a_separator_goes_round_plates() -> None:
    whole = layout.place(pictures.multi_head())
    plates = [place for place in whole.places if place.item.kind == "linear"][:2]
    for plate, separator in zip(plates, whole.separators[:2], strict=True):
        below = [y for x, y in separator.points if plate.x <= x <= plate.x + plate.width]
        assert all(y == plate.y + plate.height + 5 for y in below)
        jogs = [(a, b) for a, b in pairwise(separator.points) if a[1] != b[1]]
        assert jogs and all(abs(b[1] - a[1]) == b[0] - a[0] for a, b in jogs)


def test_separators_go_on_behind_a_fence() -> None:
    whole = layout.place(pictures.multi_head_open())
    block = next(place for place in whole.places if place.inside is not None)
    assert block.inside is not None
    outside = {separator.points[-1] for separator in whole.separators}
    inside = {(block.x + x, block.y + y) for x, y in (one.points[0] for one in block.inside.separators)}
    assert len(inside) == 2
    assert inside <= outside


def test_a_separator_goes_on_below_a_copy() -> None:
    draft = pictures.Drafter()
    first, other = (draft.bundle(draft.fresh(axes)) for axes in ("b t c", "b t c"))
    copy = draft.copies(first, 2)
    block = pictures.opened(draft, copy.outputs[0], "MLP")
    added = draft.added(block.outputs[0], copy.outputs[1])
    whole = layout.place(draft.picture("aside", (first, other), (copy, block, added), (*added.outputs, other)))
    lowest = max(whole.separators, key=lambda separator: separator.points[0][1])
    assert lowest.points == ((0.0, lowest.points[0][1]), (whole.width, lowest.points[0][1]))


def test_blocks_that_look_alike_have_one_layout() -> None:
    draft = pictures.Drafter()
    first = draft.bundle(draft.fresh("b t c"))
    blocks = [pictures.opened(draft, first, "MLP")]
    blocks.append(pictures.opened(draft, blocks[0].outputs[0], "MLP"))
    picture = draft.picture("alike", (first,), blocks, blocks[1].outputs)
    check(picture, layout.place(picture))
    for place in layout.place(picture).places:
        assert place.inside is not None and place.item.panel is not None
        alone = Picture("alone", place.item.panel, picture.wires)
        assert [inner.item for inner in place.inside.places] == list(place.item.panel.items)
        assert {stretch.wire for stretch in place.inside.stretches} == {
            stretch.wire for stretch in layout.place(alone).stretches
        }
    one, other = (place.inside for place in layout.place(picture).places)
    assert one is not None and other is not None
    assert [stretch.points for stretch in one.stretches] == [stretch.points for stretch in other.stretches]


def test_a_long_chain_of_skips_does_not_drift() -> None:
    draft = pictures.Drafter()
    first = last = draft.bundle(draft.fresh("b t c"))
    items = []
    for _ in range(30):
        copy = draft.copies(last, 2)
        block = pictures.opened(draft, copy.outputs[0], "MLP")
        items += [copy, block, draft.added(block.outputs[0], copy.outputs[1])]
        last = items[-1].outputs[0]
    whole = layout.place(draft.picture("chain", (first,), items, (last,)))
    assert whole.height < 400


def test_a_bundle_that_nothing_gives_or_takes() -> None:
    one = Bundle(0, ())
    with pytest.raises(SemanticError, match="no item gives value 0"):
        layout.place(Picture("wrong", Panel((), (one,), ()), {}))
    with pytest.raises(SemanticError, match="nothing takes value 0"):
        layout.place(Picture("wrong", Panel((one,), (), ()), {}))


def test_a_panel_without_items() -> None:
    draft = pictures.Drafter()
    x = draft.bundle(draft.fresh("a b"))
    turned = Bundle(x.value, x.wires)
    whole = layout.place(draft.picture("nothing", (x,), (), (turned,)))
    assert len(whole.stretches) == 2
