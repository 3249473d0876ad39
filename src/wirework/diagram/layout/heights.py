"""How high each piece of each column stands: straight wires first, with least distances between neighbours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise

from wirework.diagram.layout.pieces import Column, Piece, Port, Strand, distances
from wirework.diagram.layout.shifting import Edge, shift

Want = tuple[float, float]  # a height, and how much it is wanted
ROUNDS = 3  # of sweeps in which both sides count
LOOSE = 0.01  # the weight of a wire that begins at a dot, or ends on one: it bends there anyway
STAY = 0.001  # that of the height that a piece has
SPREAD = 50.0  # further apart wires of an array do not leave
PASSING, MET = 3.0, 1.0  # the share of each end of a wire in its weight: wires that pass are to be straight


def heights(columns: Sequence[Column], *, gather: bool = True) -> list[list[float]]:
    """The height of the reference of each piece, column by column; `gather` those that leave with much room between."""
    pieces = [list(column.pieces) for column in columns]
    gaps = [distances(column) for column in columns]
    edges = [_edges(left, right) for left, right in pairwise(pieces)]
    found = [list(accumulate(gap)) for gap in gaps]
    numbers = range(len(columns))
    for number in numbers[1:]:
        found[number] = _solved(gaps[number], _wants(number, found, edges, left=1.0, right=0.0))
    for number in reversed(numbers[:-1]):
        found[number] = _solved(gaps[number], _wants(number, found, edges, left=LOOSE, right=1.0))
    for turn in range(ROUNDS):
        before = found[:]
        for number in numbers if turn % 2 == 0 else reversed(numbers):
            found[number] = _solved(gaps[number], _wants(number, found, edges, left=1.0, right=1.0))
        if found == before:
            break
    shift(gaps, edges, found, LOOSE)
    if gather:
        _gather(columns[-1], gaps, edges, found, pieces)
    return found


def _gather(
    last: Column, gaps: Sequence[Sequence[float]], edges: Sequence[Sequence[Edge]], found: list[list[float]],
    pieces: Sequence[Sequence[Piece]],
) -> None:  # fmt: skip
    """Bring wires together that leave as one array with much room between them, as far left as nothing is between."""
    end = len(pieces[-1])
    for stack in reversed(last.stacks):
        start = end - len(stack.pieces)
        for place in reversed(range(start, end - 1)):
            if found[-1][place + 1] - found[-1][place] > SPREAD:
                _lower(len(pieces) - 1, place, found[-1][place + 1] - gaps[-1][place + 1], gaps, edges, found, pieces)
        end = start


def _lower(
    number: int, place: int, height: float, gaps: Sequence[Sequence[float]], edges: Sequence[Sequence[Edge]],
    found: list[list[float]], pieces: Sequence[Sequence[Piece]],
) -> None:  # fmt: skip
    """Lower a wire in a column, and in those before it, until something is in its way."""
    while True:
        column = found[number]
        free = place + 1 == len(column) or column[place + 1] - gaps[number][place + 1] >= height
        if pieces[number][place].solid or not free:
            return
        column[place] = height
        before = [edge for edge in edges[number - 1] if edge.right == place] if number else []
        if len(before) != 1 or before[0].rise:
            return
        number, place = number - 1, before[0].left


def _edges(left: Sequence[Piece], right: Sequence[Piece]) -> list[Edge]:
    starts = {port.strand: (place, port.drop, rank) for place, piece in enumerate(left)
              for rank, port in enumerate(piece.rights)}  # fmt: skip
    order = _order(left)
    found = []
    for place, piece in enumerate(right):
        straight = piece.lefts if piece.solid else _straight(piece, order)
        for port in piece.lefts:
            source, drop, rank = starts[port.strand]
            loose = port not in straight or (rank > 0 and not left[source].solid)
            weight = LOOSE if loose else _share(left[source]) * _share(piece)
            found.append(Edge(source, place, drop - port.drop, weight))
    return found


def _straight(piece: Piece, order: Mapping[Strand, int]) -> Sequence[Port]:
    """Which of the strands that come to a wire is straight; the others bend to it."""
    return piece.lefts[:1] if piece.firm else sorted(piece.lefts, key=lambda port: order[port.strand])[:1]


def _order(pieces: Sequence[Piece]) -> Mapping[Strand, int]:
    strands = (port.strand for piece in pieces for port in piece.rights)
    return {strand: place for place, strand in enumerate(strands)}


def _share(piece: Piece) -> float:
    """What an end of a wire adds to its weight; what comes from the left edge counts as passing."""
    return MET if piece.solid and piece.lefts else PASSING


def _wants(
    number: int, found: Sequence[Sequence[float]], edges: Sequence[Sequence[Edge]], *, left: float, right: float
) -> list[list[Want]]:
    """What heights the pieces of a column want, for their wires to be straight."""
    wants: list[list[Want]] = [[] for _ in found[number]]
    if number > 0 and left:
        for edge in edges[number - 1]:
            wants[edge.right].append((found[number - 1][edge.left] + edge.rise, edge.weight * left))
    if number < len(edges) and right:
        for edge in edges[number]:
            wants[edge.left].append((found[number + 1][edge.right] - edge.rise, edge.weight * right))
    for place, height in enumerate(found[number]):
        if wants[place]:
            wants[place].append((height, STAY))
    return wants


@dataclass(slots=True)
class Block:
    """Neighbours at their least distances: how many, what they want of the first one, and what it gets."""

    count: int
    wants: list[Want]
    height: float


def _solved(gaps: Sequence[float], wants: Sequence[list[Want]]) -> list[float]:
    """The heights, with these least distances, that are nearest to what is wanted: isotonic regression."""
    offsets = list(accumulate(gaps))
    blocks: list[Block] = []
    for offset, wanted in zip(offsets, wants, strict=True):
        shifted = [(height - offset, weight) for height, weight in wanted]
        block = Block(1, shifted, _median(shifted))
        while blocks and (not block.wants or not blocks[-1].wants or blocks[-1].height > block.height):
            upper = blocks.pop()
            together = upper.wants + block.wants
            block = Block(upper.count + block.count, together, _median(together))
        blocks.append(block)
    shared = [block.height for block in blocks for _ in range(block.count)]
    return [height + offset for height, offset in zip(shared, offsets, strict=True)]


def _median(wants: Sequence[Want]) -> float:
    """The weighted median; 0 of nothing."""
    if not wants:
        return 0.0
    half = sum(weight for _, weight in wants) / 2
    total = 0.0
    for height, weight in sorted(wants):
        total += weight
        if total >= half:
            return height
    return max(wants)[0]
