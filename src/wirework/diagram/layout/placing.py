"""A panel with places, from the blocks that are open in it outwards."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from math import ceil

from wirework.diagram.layout.alike import Known, likeness
from wirework.diagram.layout.columns import columns
from wirework.diagram.layout.frames import Frame
from wirework.diagram.layout.labels import labelled
from wirework.diagram.layout.links import EDGE, Link, Links, links
from wirework.diagram.layout.orders import ordered
from wirework.diagram.layout.pieces import Stack, Strand, at_block, at_item
from wirework.diagram.layout.rows import Row, Standing, rows
from wirework.diagram.layout.separators import separators
from wirework.diagram.layout.spans import STRAIGHT, Bend, Gap, gap
from wirework.diagram.metrics import width as text_width
from wirework.diagram.picture import Item, Panel, Picture
from wirework.diagram.placed import Layout, Place, Point, Size, Stretch
from wirework.diagram.sizes import BRACKET, DOT, FENCE, HEAD, LABEL, size

AFTER = 4.0  # between a glyph and a label
BESIDE = 6.0  # between a label and what follows it,
BEFORE = 10.0  # and where wires have fallen from dots: a separator may come round what follows
FOOT = 8.0  # below the lowest wire
LATE = ("copy", "part")  # kinds that stand at the right of their column, since wires begin there at dots


@dataclass(frozen=True, slots=True)
class Grid:
    """A panel with rows and columns.

    Attributes:
        picture: the whole.
        panel: what is placed.
        frame: what is around it.
        links: of the panel.
        insides: the layouts of the blocks that are open in it, by place of the item.
        sizes: of all items.
        columns: of all items, counted from 0.
        rows: of all columns, with the two edges: one more to the left.
    """

    picture: Picture
    panel: Panel
    frame: Frame
    links: Links
    insides: Mapping[int, Layout]
    sizes: tuple[Size, ...]
    columns: tuple[int, ...]
    rows: tuple[Row, ...]


def place(picture: Picture, known: Known | None = None) -> Layout:
    """A place for each item of a picture, and a way for each wire.

    All wires meet an item at its left and its right edge; those that end on a dot, or begin at one, at its height.

    Args:
        known: layouts of blocks, which it takes and adds to, for pictures that have blocks in common.

    Raises:
        SemanticError: if a bundle is taken that none gives, or given and taken by none.
    """
    return place_panel(picture, picture.panel, Frame(), Known() if known is None else known)


def place_panel(picture: Picture, panel: Panel, frame: Frame, known: Known) -> Layout:
    """A place for each item of a panel, and a way for each wire."""
    between = links(frame.arranged(panel))
    insides = {place: _inside(picture, item.panel, Frame(item), known)
               for place, item in enumerate(panel.items) if item.panel is not None}  # fmt: skip
    grid = _grid(picture, panel, frame, between, insides)
    if insides:
        fitted = {place: _fitted(grid, place, known) for place in insides}
        grid = _grid(picture, panel, frame, between, fitted)
    return _layout(grid)


def _inside(picture: Picture, panel: Panel, frame: Frame, known: Known) -> Layout:
    """The layout of what is in a block, made once for all blocks that look alike."""
    look, counter = likeness(picture, panel, frame)
    found = known.find(look, panel, counter)
    if found is None:
        found = place_panel(picture, panel, frame, known)
        known.keep(look, found, counter)
    return found


def _grid(picture: Picture, panel: Panel, frame: Frame, between: Links, insides: Mapping[int, Layout]) -> Grid:
    """A panel with rows and columns, around the blocks that are open in it."""
    sizes = tuple(_size(picture, item, insides.get(place)) for place, item in enumerate(panel.items))
    stacks = [_stack(place, item, sizes[place], insides, between) for place, item in enumerate(panel.items)]
    numbers = columns(panel, between)
    found = ordered(stacks, numbers, between, frame)
    return Grid(picture, panel, frame, between, insides, sizes, numbers, rows(found, 0.0 if frame.outermost else HEAD))


def _fitted(grid: Grid, place: int, known: Known) -> Layout:
    """The inside of a block once more: its wires enter at the heights at which they come to it."""
    item, column = grid.panel.items[place], grid.columns[place]
    assert item.panel is not None
    if any(_falls(grid, link, wire) for link in grid.links.ins[place] for wire in link.bundle.wires):
        return grid.insides[place]
    ins = {
        inner: grid.rows[column].right[link.number, wire]
        for link, bundle in zip(grid.links.ins[place], item.panel.inputs, strict=True)
        for wire, inner in zip(link.last, bundle.wires, strict=False)
    }
    top = min(ins.values(), default=0.0)
    ins = {wire: height - top for wire, height in ins.items()}
    return _inside(grid.picture, item.panel, Frame(item, ins=ins), known)


def _falls(grid: Grid, link: Link, wire: int) -> bool:
    """Whether a wire has begun at a dot right before what takes it."""
    return begins_at_dot(grid.panel, link, wire) and grid.columns[link.source] == grid.columns[link.target] - 1


def _size(picture: Picture, item: Item, inside: Layout | None) -> Size:
    """The size of an item, a whole number wide, so that what is at one place has exactly the same x."""
    if inside is not None:
        return Size(inside.width, inside.height)
    glyph = size(item, picture)
    return replace(glyph, width=float(ceil(glyph.width)))


def _stack(place: int, item: Item, glyph: Size, insides: Mapping[int, Layout], between: Links) -> Stack:
    if item.panel is None:
        return at_item(place, item, glyph, between)
    inside = insides[place]
    lefts = [inside.ins[wire] for bundle in item.panel.inputs for wire in bundle.wires]
    rights = [inside.outs[wire] for bundle in item.panel.outputs for wire in bundle.wires]
    return at_block(place, lefts, rights, inside.height, between)


def _layout(grid: Grid) -> Layout:
    """The layout of a panel whose heights are known."""
    widths = _column_widths(grid)
    gaps = _gaps(grid, widths, 0.0)
    least = 0.0 if grid.frame.block is None else size(grid.frame.block, grid.picture).width
    spare = least - (gaps[-1].x + gaps[-1].width)
    if spare > 0:
        gaps = _gaps(grid, widths, spare)
    width = gaps[-1].x + gaps[-1].width
    places = tuple(_place(grid, place, gaps, widths) for place in range(len(grid.panel.items)))
    stretches = [stretch for link in grid.links.all if link.drawn for stretch in _stretches(grid, link, places, gaps)]
    low = max((_bottom(row) for row in grid.rows), default=0.0) + FOOT + (0.0 if grid.frame.outermost else FENCE - FOOT)
    return Layout(
        panel=grid.panel,
        width=width,
        height=low,
        places=places,
        stretches=labelled(stretches, places, grid.picture, width, grid.frame),
        separators=separators(grid.rows, gaps, places, grid.links, inside=not grid.frame.outermost),
        ins=_at_edge(grid.rows[0].right),
        outs=_at_edge(grid.rows[-1].left),
        cuts=_cuts(grid, gaps),
    )


def _at_edge(heights: Mapping[Strand, float]) -> dict[int, float]:
    """The heights of wires, by their numbers."""
    return {wire: height for (_, wire), height in heights.items() if wire >= 0}


def _bottom(row: Row) -> float:
    return max((*row.left.values(), *row.right.values(), *(standing.bottom for standing in row.standing)), default=0.0)


# -- columns and gaps ------------------------------------------------------------------------------------------------


def _column_widths(grid: Grid) -> list[float]:
    widths = [0.0] * (len(grid.rows) - 2)
    for column, glyph in zip(grid.columns, grid.sizes, strict=True):
        widths[column] = max(widths[column], glyph.width)
    return widths


def _gaps(grid: Grid, widths: Sequence[float], spare: float) -> list[Gap]:
    """The gap at the left of each column, and that at the right of the last one; the spare width is at both ends."""
    found: list[Gap] = []
    x = 0.0
    last = len(widths)
    for number, (left, right) in enumerate(pairwise(grid.rows)):
        edge = number in (0, last)
        room = spare / (1 if last == 0 else 2) if edge and spare > 0 else 0.0
        bends = [_bend(grid, number, widths, strand, height, right.left[strand])
                 for strand, height in left.right.items()]  # fmt: skip
        found.append(gap(x, bends, _least(grid, edge), _after(grid, number), room))
        x += found[-1].width + (widths[number] if number < last else 0.0)
    return found


def _least(grid: Grid, edge: bool) -> float:
    """The least width of a gap: at the edges of a block there are its fence, and brackets if it is repeated."""
    if not edge or grid.frame.block is None:
        return STRAIGHT
    return FENCE + (BRACKET if grid.frame.block.count > 1 else 0.0)


def _bend(grid: Grid, number: int, widths: Sequence[float], strand: Strand, start: float, end: float) -> Bend:
    """A wire in the gap before column `number`."""
    link = grid.links.all[strand[0]]
    fork = begins_at_dot(grid.panel, link, strand[1])
    begins = grid.columns[link.source] == number - 1 if link.source != EDGE else number == 0
    if not begins or fork or not has_label(grid.panel, link, strand[1], grid.frame.outermost):
        return Bend(strand, start, end, fork and begins)
    reach = AFTER + text_width(grid.picture.wires[strand[1]].label, LABEL) + BESIDE
    if link.source != EDGE:
        reach -= _shift(grid, link.source, widths)[1]
    return Bend(strand, start, end, False, max(0.0, reach))


def _after(grid: Grid, number: int) -> float:
    """The room at the right of a gap for labels of wires that begin at dots in it and end right after it."""
    links, last = grid.links.all, len(grid.rows) - 2
    if number == last:
        old = [link for link in grid.links.leaving if link.source == EDGE or grid.columns[link.source] != number - 1]
        fresh = [link for link in grid.links.leaving if link not in old]
        wires = [wire for link in old for wire in link.bundle.wires]
        wires += [wire for link in fresh for wire in link.bundle.wires if not has_label(grid.panel, link, wire, True)]
        return max((_reach(grid, wire) for wire in wires), default=0.0) if grid.frame.ends and number else 0.0
    begun = [link for link in links if link.source != EDGE and grid.columns[link.source] == number - 1]
    ended = [link for link in begun if link.target != EDGE and grid.columns[link.target] == number]
    return max((_reach(grid, wire) for link in ended for wire in link.bundle.wires
                if begins_at_dot(grid.panel, link, wire)), default=0.0)  # fmt: skip


def _reach(grid: Grid, wire: int) -> float:
    return AFTER + text_width(grid.picture.wires[wire].label, LABEL) + BEFORE


def begins_at_dot(panel: Panel, link: Link, wire: int) -> bool:
    """Whether a wire begins at a dot on another one, where this link begins."""
    return link.source != EDGE and any(wire == begun for _, begun in panel.items[link.source].forks)


def has_label(panel: Panel, link: Link, wire: int, outermost: bool) -> bool:
    """Whether a wire has its label where this link begins: it begins there, and not in an open block."""
    if wire < 0:
        return False
    if link.source == EDGE:
        return outermost
    item = panel.items[link.source]
    return item.panel is None and all(wire not in bundle.wires for bundle in item.inputs)


def _shift(grid: Grid, place: int, widths: Sequence[float]) -> tuple[float, float]:
    """How far an item stands from the left and from the right edge of its column."""
    spare = widths[grid.columns[place]] - grid.sizes[place].width
    item = grid.panel.items[place]
    if item.kind in LATE or item.forks:
        return spare, 0.0
    return (0.0, spare) if item.merges else (spare / 2, spare / 2)


def _cuts(grid: Grid, gaps: Sequence[Gap]) -> tuple[tuple[float, int], ...]:
    """Where a row may be broken: where wires are straight in a gap between two columns."""
    found = []
    for number, between in enumerate(gaps[1:-1], 1):
        ends = any(merges_there(grid, strand, number) for strand in between.curves)
        if between.forks and ends:
            continue
        x = between.x + between.width if between.forks else between.middle[0]
        found.append((x, sum(strand[1] >= 0 for strand in grid.rows[number].right)))
    return tuple(found)


def merges_there(grid: Grid, strand: Strand, number: int) -> bool:
    """Whether a wire ends on a dot in column `number`."""
    link = grid.links.all[strand[0]]
    if link.target == EDGE or grid.columns[link.target] != number:
        return False
    return any(strand[1] == ends for ends, _ in grid.panel.items[link.target].merges)


# -- items and wires -------------------------------------------------------------------------------------------------


def _place(grid: Grid, place: int, gaps: Sequence[Gap], widths: Sequence[float]) -> Place:
    item, glyph = grid.panel.items[place], grid.sizes[place]
    number = grid.columns[place]
    row = grid.rows[number + 1]
    x = gaps[number].x + gaps[number].width + _shift(grid, place, widths)[0]
    standing = next((one for one in row.standing if one.item == place), None)
    ins = {wire: row.left[link.number, wire] for link in grid.links.ins[place] for wire in link.bundle.wires}
    outs = {wire: row.right[link.number, wire] for link in grid.links.outs[place] for wire in link.bundle.wires}
    y, height = _extent(item, glyph, standing)
    return Place(item, x, y, glyph.width, height, ins, outs, grid.insides.get(place))


def _extent(item: Item, glyph: Size, standing: Standing | None) -> tuple[float, float]:
    """The top of a glyph and its height."""
    if standing is None:
        return 0.0, glyph.height
    if standing.glyph is not None:
        return standing.glyph + glyph.above, glyph.height
    if item.kind == "lane":
        return standing.top, glyph.height
    low, high = min(standing.wires, default=0.0), max(standing.wires, default=0.0)
    return low - DOT, high - low + 2 * DOT


def _stretches(grid: Grid, link: Link, places: Sequence[Place], gaps: Sequence[Gap]) -> Iterator[Stretch]:
    """The wires of a link, from the item that gives it to that which takes it."""
    first = 0 if link.source == EDGE else grid.columns[link.source] + 1
    last = len(gaps) - 1 if link.target == EDGE else grid.columns[link.target]
    begin = 0.0 if link.source == EDGE else places[link.source].x + places[link.source].width
    end = gaps[-1].x + gaps[-1].width if link.target == EDGE else places[link.target].x
    for wire in link.wires:
        strand = (link.number, wire)
        points: list[Point] = [(begin, grid.rows[first].right[strand])]
        for number in range(first, last + 1):
            curve = gaps[number].curves.get(strand)
            if curve is not None:
                points.append((gaps[number].x + curve[0], grid.rows[number].right[strand]))
                points.append((gaps[number].x + curve[1], grid.rows[number + 1].left[strand]))
        points.append((end, points[-1][1]))
        yield Stretch(wire, link.bundle, link.source, link.target, _distinct(points))


def _distinct(points: Sequence[Point]) -> tuple[Point, ...]:
    kept = [points[0]]
    for point in points[1:]:
        if point != kept[-1]:
            kept.append(point)
    return tuple(kept) if len(kept) > 1 else (*kept, *kept)
