"""What stands above each other in a column: rigid pieces, each a wire or a glyph with the wires that meet it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from wirework.diagram.layout.links import Link, Links
from wirework.diagram.picture import Item
from wirework.diagram.placed import Size
from wirework.diagram.sizes import GAP, PITCH

Strand = tuple[int, int]  # a wire of a link: their numbers
ON_WIRES = ("copy", "sum", "lane", "end")  # kinds whose glyph stands on or over wires and takes no row
GRID = 5.0
NEAR = 5.0  # between a glyph and a wire of its own array that passes it
APART = 15.0  # between a glyph and the next array: a separator has room there,
LABELLED = 20.0  # and here a separator and a label under it
LIFT = 4.0  # between a lane and the wire under it


@dataclass(frozen=True, slots=True)
class Port:
    """Where a strand meets a piece: how far below its reference."""

    strand: Strand
    drop: float


@dataclass(frozen=True, slots=True)
class Piece:
    """Something rigid: its reference is a wire where it has one.

    Attributes:
        lefts, rights: strands that come from the left and go on to the right, from top to bottom.
        above, below: how far its glyph reaches from its reference.
        solid: whether it is a glyph, and not a wire that passes. Of a wire the first of `lefts` and of `rights` is
            that which goes on; the others end, or begin, at a dot on it.
        firm: whether what ends on it bends down or up to it. Else whatever comes from the top goes straight on.
        margin: between its glyph and the next array below.
    """

    lefts: tuple[Port, ...]
    rights: tuple[Port, ...]
    above: float = 0.0
    below: float = 0.0
    solid: bool = False
    firm: bool = False
    margin: float = APART

    @property
    def hanging(self) -> tuple[Port, ...]:
        """Strands that end, or begin, at a dot on another one."""
        return () if self.solid else (*self.lefts[1:], *self.rights[1:])

    @property
    def drops(self) -> tuple[float, ...]:
        """Where any strand meets it."""
        return tuple(port.drop for port in (*self.lefts, *self.rights))


@dataclass(slots=True)
class Stack:
    """The pieces of one item, or of a link that passes a column, from top to bottom.

    Attributes:
        item: place of the item; `None` for a link that passes, or one at an edge.
        pieces: of it.
        headroom: what stands above its topmost piece: a lane.
        fixed: whether the order of its pieces is given.
        mirrors: whether its glyph may stand upside down: a cup.
    """

    item: int | None
    pieces: list[Piece]
    headroom: float = 0.0
    fixed: bool = False
    mirrors: bool = False


@dataclass(slots=True)
class Column:
    """Stacks from top to bottom; `fixed` if their order is given."""

    stacks: list[Stack] = field(default_factory=list)
    fixed: bool = False

    @property
    def pieces(self) -> Iterator[Piece]:
        """Of all stacks."""
        return (piece for stack in self.stacks for piece in stack.pieces)


def piece_of_wire(strands: Sequence[Strand], onwards: Sequence[Strand], *, firm: bool = False) -> Piece:
    """A wire that passes, with all strands that end or begin on it."""
    lefts, rights = (tuple(Port(strand, 0.0) for strand in side) for side in (strands, onwards))
    return Piece(lefts, rights, firm=firm)


def passing(link: Link) -> Stack:
    """A link in a column in which it neither begins nor ends."""
    return Stack(None, [piece_of_wire([(link.number, wire)], [(link.number, wire)]) for wire in link.wires])


def at_edge(link: Link, *, left: bool) -> Stack:
    """A link at an edge of the panel."""
    strands = [(link.number, wire) for wire in (link.wires if left else link.last)]
    pieces = [piece_of_wire([], [strand]) if left else piece_of_wire([strand], []) for strand in strands]
    return Stack(None, pieces, fixed=True)


def entering(links: Sequence[Link], heights: Mapping[int, float]) -> list[Stack]:
    """The left edge of a panel; rigid if the heights of its wires below the topmost, by number, are given."""
    if not heights:
        return [at_edge(link, left=True) for link in links]
    lowest = max(heights.values())
    ports = [Port((link.number, wire), heights.get(wire, lowest)) for link in links for wire in link.wires]
    return [Stack(None, [_rigid([], ports, Size(0.0, lowest))], fixed=True)]


def at_item(place: int, item: Item, size: Size, links: Links) -> Stack:
    """The pieces of an item: its glyph, and each wire that passes it."""
    lefts = {wire: (link.number, wire) for link in links.ins[place] for wire in link.wires}
    rights = {wire: (link.number, wire) for link in links.outs[place] for wire in link.wires}
    glyph = _glyph(item, size, lefts, rights)
    pieces = [] if glyph is None else [glyph]
    met = {port.strand for piece in pieces for port in (*piece.lefts, *piece.rights)}
    pieces += _wires(item, _without(lefts, met), _without(rights, met))
    headroom = size.above if item.kind != "lane" else size.height + LIFT
    return Stack(place, pieces, headroom if glyph is None else 0.0, mirrors=item.kind == "dot")


def at_block(place: int, lefts: Sequence[float], rights: Sequence[float], height: float, links: Links) -> Stack:
    """The one piece of an open block, whose wires enter and leave where those of its panel do, at these heights."""
    ins = _ports([(link.number, wire) for link in links.ins[place] if link.drawn for wire in link.last], lefts)
    outs = _ports([(link.number, wire) for link in links.outs[place] if link.drawn for wire in link.wires], rights)
    ins += [Port((link.number, link.wires[0]), height / 2) for link in links.ins[place] if not link.drawn]
    outs += [Port((link.number, link.wires[0]), height / 2) for link in links.outs[place] if not link.drawn]
    return Stack(place, [replace(_rigid(ins, outs, Size(0.0, height)), margin=LABELLED)])


def _without(strands: dict[int, Strand], met: set[Strand]) -> dict[int, Strand]:
    return {wire: strand for wire, strand in strands.items() if strand not in met}


def _glyph(item: Item, size: Size, lefts: dict[int, Strand], rights: dict[int, Strand]) -> Piece | None:
    """The glyph with the wires that meet it; `None` if it stands on wires."""
    acts = tuple(wire for pair in item.pairs for wire in pair) if item.kind == "dot" else item.acts
    if item.kind in ON_WIRES or (item.kind == "dot" and not acts):
        return None
    heights = _spread(len(acts), size.ins, size.height)
    ins = _ports([lefts[wire] for wire in acts], heights)
    outs = _ports([rights[wire] for wire in item.gives], _spread(len(item.gives), size.outs, size.height))
    onwards = [(rights[wire], height) for wire, height in zip(acts, heights, strict=True)
               if wire in rights and wire not in item.gives]  # fmt: skip
    outs += [Port(strand, height) for strand, height in onwards]
    middle = sum(heights) / len(heights) if heights else size.height / 2
    ins += [Port(strand, middle) for wire, strand in lefts.items() if wire < 0]
    outs += [Port(strand, middle) for wire, strand in rights.items() if wire < 0]
    return _rigid(ins, outs, size)


def _spread(count: int, heights: tuple[float, ...], height: float) -> tuple[float, ...]:
    """The heights of a size, or as many as are needed about its middle."""
    if len(heights) == count:
        return heights
    return tuple(height / 2 + PITCH * (place - (count - 1) / 2) for place in range(count))


def _ports(strands: Sequence[Strand], heights: Sequence[float]) -> list[Port]:
    return [Port(strand, height) for strand, height in zip(strands, heights, strict=True)]


def _rigid(ins: list[Port], outs: list[Port], size: Size) -> Piece:
    """A glyph of these ports, whose heights are given from its top."""
    reference = (ins or outs or [Port((0, 0), size.height / 2)])[0].drop
    ordered: Callable[[list[Port]], tuple[Port, ...]] = lambda ports: tuple(  # noqa: E731
        Port(port.strand, port.drop - reference) for port in sorted(ports, key=lambda port: port.drop)
    )
    return Piece(ordered(ins), ordered(outs), reference + size.above, size.height - reference + size.below, True)


def _wires(item: Item, lefts: dict[int, Strand], rights: dict[int, Strand]) -> list[Piece]:
    """A piece for each wire that passes, with what ends and begins on it; for others too, if they are in nothing."""
    roots = {end: onto for end, onto in item.merges} | {start: onto for onto, start in item.forks}
    if any(wire < 0 for wire in lefts) and any(wire < 0 for wire in rights):  # single numbers that pass
        first = min(wire for wire in lefts if wire < 0)
        roots |= {wire: first for wire in (*lefts, *rights) if wire < 0 and wire != first}
    rows: dict[int, tuple[list[Strand], list[Strand]]] = {}
    for side, strands in enumerate((lefts, rights)):
        for wire, strand in strands.items():
            rows.setdefault(roots.get(wire, wire), ([], []))[side].append(strand)
    firm = item.kind == "dot"
    return [piece_of_wire(_first(root, ins), _first(root, outs), firm=firm) for root, (ins, outs) in rows.items()]


def _first(root: int, strands: list[Strand]) -> list[Strand]:
    """The strands with the wire that goes on before all others."""
    return sorted(strands, key=lambda strand: strand[1] != root)


def distance(upper: Piece, lower: Piece, *, apart: bool, headroom: float = 0.0) -> float:
    """The least distance between the references of two pieces; `apart` if they are of two arrays."""
    rows = max(upper.drops, default=0.0) + (GAP if apart else PITCH) - min(lower.drops, default=0.0) + headroom
    if not (upper.solid or lower.solid):
        return _on_grid(rows)
    both = upper.solid and lower.solid
    margin = upper.margin + NEAR * both if apart else NEAR * (1 + both)
    return _on_grid(max(rows, upper.below + margin + lower.above + headroom))


def distances(column: Column) -> list[float]:
    """The least distance of each piece of a column from the one above it; 0 for the first."""
    found: list[float] = []
    above: Piece | None = None
    for stack in column.stacks:
        for place, piece in enumerate(stack.pieces):
            first = place == 0
            room = stack.headroom if first else 0.0
            found.append(0.0 if above is None else distance(above, piece, apart=first, headroom=room))
            above = piece
    return found


def _on_grid(length: float) -> float:
    return -(-length // GRID) * GRID
