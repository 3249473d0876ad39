"""Pieces that are joined by straight wires move together, to where the other wires bend less."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from math import inf

TURNS = 8  # of moving all groups
SMALL = 1e-9

Where = tuple[int, int]  # a column, and a place in it


@dataclass(frozen=True, slots=True)
class Edge:
    """A wire between pieces of two columns that follow each other: it is straight if `right` = `left` + `rise`."""

    left: int
    right: int
    rise: float
    weight: float


def shift(
    gaps: Sequence[Sequence[float]], edges: Sequence[Sequence[Edge]], found: Sequence[list[float]], loose: float
) -> None:
    """Move groups of pieces while that straightens wires.

    Args:
        gaps: the least distance of each piece from the one above it, column by column.
        edges: between each column and the next one.
        found: the heights, which are changed.
        loose: wires of no more than this weight do not join pieces.
    """
    for _ in range(TURNS):
        moved = False
        for group in _groups(edges, found, loose):
            for way in (-1.0, 1.0):
                moved |= _moved(group, way, gaps, edges, found)
        if not moved:
            return


def _groups(edges: Sequence[Sequence[Edge]], found: Sequence[list[float]], loose: float) -> list[list[Where]]:
    """The pieces that straight wires join, the topmost group first."""
    root = {(column, place): (column, place) for column, heights in enumerate(found) for place in range(len(heights))}

    def top(where: Where) -> Where:
        while root[where] != where:
            root[where] = root[root[where]]
            where = root[where]
        return where

    for column, between in enumerate(edges):
        for edge in between:
            if edge.weight > loose and abs(_bend(edge, column, found)) < SMALL:
                root[top((column + 1, edge.right))] = top((column, edge.left))
    groups: dict[Where, list[Where]] = defaultdict(list)
    for where in root:
        groups[top(where)].append(where)
    return sorted(groups.values(), key=lambda group: (min(found[column][place] for column, place in group), group))


def _bend(edge: Edge, column: int, found: Sequence[list[float]]) -> float:
    """How far a wire falls between two columns, but for what its pieces make it fall."""
    return found[column + 1][edge.right] - found[column][edge.left] - edge.rise


def _moved(
    group: Sequence[Where], way: float, gaps: Sequence[Sequence[float]], edges: Sequence[Sequence[Edge]],
    found: Sequence[list[float]],
) -> bool:  # fmt: skip
    """Move a group up (-1) or down (1) as far as that is better, and nothing is in its way; whether it has moved."""
    members = set(group)
    better, reach = 0.0, inf
    for bend, weight in _bends(members, edges, found):
        ahead = bend * way
        better += weight if ahead > SMALL else -weight
        reach = min(reach, ahead) if ahead > SMALL else reach
    if better <= SMALL:
        return False
    for column, place in group:
        beside = place + int(way)
        if 0 <= beside < len(found[column]) and (column, beside) not in members:
            free = abs(found[column][beside] - found[column][place]) - gaps[column][max(place, beside)]
            reach = min(reach, free)
    if not SMALL < reach < inf:
        return False
    for column, place in group:
        found[column][place] += way * reach
    return True


def _bends(
    members: set[Where], edges: Sequence[Sequence[Edge]], found: Sequence[list[float]]
) -> list[tuple[float, float]]:
    """How far a group has to move for each wire to others to be straight, and the weight of the wire."""
    bends = []
    for column in sorted({column for column, _ in members}):
        for edge in edges[column] if column < len(edges) else ():
            if (column, edge.left) in members and (column + 1, edge.right) not in members:
                bends.append((_bend(edge, column, found), edge.weight))
        for edge in edges[column - 1] if column else ():
            if (column, edge.right) in members and (column - 1, edge.left) not in members:
                bends.append((-_bend(edge, column - 1, found), edge.weight))
    return bends
