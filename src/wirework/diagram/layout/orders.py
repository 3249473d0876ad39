"""In which order arrays, and wires in them, stand in each column: as few crossings as a few sweeps find."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import TypeVar

import numpy as np

from wirework.diagram.layout.frames import Frame
from wirework.diagram.layout.links import EDGE, Link, Links
from wirework.diagram.layout.pieces import Column, Piece, Port, Stack, Strand, at_edge, entering, passing

Positions = Mapping[Strand, float]
SWEEPS = 4
Thing = TypeVar("Thing")
FORK = 0.01  # how far below the wire it begins at a fork counts: not to be crossed by it without need
MEMBER = 2.0  # what a crossing of two arrays counts for: that of a separator is in it


def ordered(stacks: Sequence[Stack], places: Sequence[int], links: Links, frame: Frame) -> tuple[Column, ...]:
    """The columns of a panel, between its two edges, each in the best order found.

    Args:
        stacks: of each item.
        places: the column of each item.
        links: of the panel.
        frame: what is around it. Wires of an array may leave a block in any order.
    """
    columns = written(stacks, places, links, frame)
    for stack in columns[-1].stacks:
        stack.fixed = frame.outermost
    best, least = _saved(columns), crossings(columns)
    for sweep in range(SWEEPS):
        if least == 0:
            break
        _sweep(columns, rightwards=sweep % 2 == 0)
        _swap_all(columns)
        cost = crossings(columns)
        if cost < least:
            best, least = _saved(columns), cost
    _restore(columns, best)
    return tuple(columns)


def written(stacks: Sequence[Stack], places: Sequence[int], links: Links, frame: Frame) -> list[Column]:
    """The columns in the order of the text: what is taken stands where its first operand was."""
    count = max(places, default=-1) + 1
    columns = [Column(entering(links.entering, frame.ins), fixed=True)]
    state = list(links.entering)
    for number in range(count):
        column, state = _next_column(stacks, places, links, state, number)
        columns.append(column)
        _arrange_pieces(column, positions(columns[-2], right=True), right=False)
    last = Column([at_edge(link, left=False) for link in links.leaving], fixed=True)
    return [*columns, last]


def _next_column(
    stacks: Sequence[Stack], places: Sequence[int], links: Links, state: list[Link], number: int
) -> tuple[Column, list[Link]]:
    """A column after links in this order, and the links after it."""
    rank = {link.number: place for place, link in enumerate(state)}
    items = [place for place, column in enumerate(places) if column == number]
    taken = {link.number for place in items for link in links.ins[place]}
    keyed: list[tuple[float, int, Stack, Sequence[Link]]] = [
        (rank[link.number], -1, passing(link), [link]) for link in state if link.number not in taken
    ]
    for place in items:
        keyed.append((_rank(place, links, rank), place, stacks[place], links.outs[place]))
    keyed.sort(key=lambda entry: entry[:2])
    return Column([entry[2] for entry in keyed]), [link for entry in keyed for link in entry[3]]


def _rank(place: int, links: Links, rank: Mapping[int, int]) -> float:
    """Where an item comes among links: at its first operand, or below what it is joined with, or last."""
    if links.ins[place]:
        return min(rank[link.number] for link in links.ins[place])
    targets = [link.target for link in links.outs[place] if link.target != EDGE]
    beside = [rank[link.number] for target in targets for link in links.ins[target] if link.number in rank]
    return max(beside, default=len(rank)) + 0.5


def positions(column: Column, *, right: bool) -> dict[Strand, float]:
    """The place of each strand on one side of a column, counted from the top."""
    found: dict[Strand, float] = {}
    place = 0.0
    for piece in column.pieces:
        drop = None
        for index, port in enumerate(piece.rights if right else piece.lefts):
            if drop is not None and port.drop > drop:
                place += 1
            found[port.strand] = place + (FORK * index if right else 0.0)
            drop = port.drop
        place += 1
    return found


def crossings(columns: Sequence[Column]) -> float:
    """How often wires cross between columns; those of two arrays count more."""
    return sum(_crossings(left, right) for left, right in pairwise(columns))


def _crossings(left: Column, right: Column) -> float:
    begin, end = positions(left, right=True), positions(right, right=False)
    strands = list(begin)
    starts = np.array([begin[strand] for strand in strands])
    ends = np.array([end[strand] for strand in strands])
    members = np.array([strand[0] for strand in strands])
    crossed = (starts[:, None] < starts) & (ends[:, None] > ends)
    if not crossed.any():
        return 0.0
    return float((crossed * np.where(members[:, None] == members, 1.0, MEMBER)).sum())


def _saved(columns: Sequence[Column]) -> list[list[tuple[Stack, list[Piece]]]]:
    return [[(stack, list(stack.pieces)) for stack in column.stacks] for column in columns]


def _restore(columns: Sequence[Column], saved: list[list[tuple[Stack, list[Piece]]]]) -> None:
    for column, stacks in zip(columns, saved, strict=True):
        column.stacks = [stack for stack, _ in stacks]
        for stack, pieces in stacks:
            stack.pieces = pieces


def _sweep(columns: Sequence[Column], *, rightwards: bool) -> None:
    """Arrange each column by the one before it, from one edge to the other."""
    order = columns if rightwards else columns[::-1]
    for before, column in pairwise(order):
        _arrange(column, positions(before, right=rightwards), right=not rightwards)


def _arrange(column: Column, near: Positions, *, right: bool) -> None:
    """Sort the stacks of a column, and the pieces of each, by where their strands are on one side of it."""
    _arrange_pieces(column, near, right=right)
    if not column.fixed:
        centres = [_centre(stack.pieces, near, right=right) for stack in column.stacks]
        column.stacks = _by_centre(column.stacks, centres)


def _arrange_pieces(column: Column, near: Positions, *, right: bool) -> None:
    for stack in column.stacks:
        if stack.mirrors:
            stack.pieces = [_upright(piece, near) for piece in stack.pieces]
        if not stack.fixed:
            stack.pieces = _by_centre(stack.pieces, [_centre([piece], near, right=right) for piece in stack.pieces])


def _upright(piece: Piece, near: Positions) -> Piece:
    """A cup, turned over if its wires come the other way round."""
    if not piece.solid or any(port.strand not in near for port in piece.lefts):
        return piece
    order = [near[port.strand] for port in piece.lefts]
    half = len(order) // 2
    if sum(order[:half]) <= sum(order[half:]):
        return piece
    turned = zip(piece.lefts, reversed(piece.lefts), strict=True)
    return replace(piece, lefts=tuple(Port(other.strand, port.drop) for port, other in turned))


def _centre(pieces: Sequence[Piece], near: Positions, *, right: bool) -> float | None:
    """The mean place of the strands on one side of some pieces; of wires those that go on."""
    sides = [(piece, piece.rights if right else piece.lefts) for piece in pieces]
    ports = [port for piece, side in sides for port in (side if piece.solid else side[:1])]
    return sum(near[port.strand] for port in ports) / len(ports) if ports else None


def _by_centre(things: list[Thing], centres: Sequence[float | None]) -> list[Thing]:
    """Things sorted by their centres; one without stays below the one that it was below."""
    last = -1.0
    keys = []
    for centre in centres:
        last = last if centre is None else centre
        keys.append(last)
    return [things[place] for place in sorted(range(len(things)), key=lambda place: (round(keys[place], 6), place))]


def _swap_all(columns: Sequence[Column]) -> None:
    """Swap neighbours wherever that saves crossings, until none does."""
    for _ in range(SWEEPS):
        changed = False
        for before, column, after in zip(columns, columns[1:], columns[2:], strict=False):
            near = (positions(before, right=True), positions(after, right=False))
            changed |= _swap_stacks(column, near)
            for stack in column.stacks:
                changed |= not stack.fixed and _swap_pieces(stack, near)
        if not changed:
            return


def _swap_stacks(column: Column, near: tuple[Positions, Positions]) -> bool:
    changed = False
    for place in range(len(column.stacks) - 1):
        upper, lower = column.stacks[place : place + 2]
        if _saving(upper.pieces, lower.pieces, near) > 0:
            column.stacks[place : place + 2] = [lower, upper]
            changed = True
    return changed


def _swap_pieces(stack: Stack, near: tuple[Positions, Positions]) -> bool:
    changed = False
    for place in range(len(stack.pieces) - 1):
        upper, lower = stack.pieces[place : place + 2]
        if _saving([upper], [lower], near) > 0:
            stack.pieces[place : place + 2] = [lower, upper]
            changed = True
    return changed


def _saving(upper: Sequence[Piece], lower: Sequence[Piece], near: tuple[Positions, Positions]) -> float:
    """How many crossings fewer there are if two neighbours change places."""
    saved = 0.0
    for right, known in enumerate(near):
        uppers = [port.strand for piece in upper for port in (piece.rights if right else piece.lefts)]
        lowers = [port.strand for piece in lower for port in (piece.rights if right else piece.lefts)]
        for one in uppers:
            for other in lowers:
                if known[one] != known[other]:
                    weight = 1.0 if one[0] == other[0] else MEMBER
                    saved += weight if known[one] > known[other] else -weight
    return saved
