"""Which column of characters each edge of a layout has."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Room:
    """So many columns there must be at least between two x."""

    left: float
    right: float
    columns: int


def columns(edges: Sequence[float], rooms: Iterable[Room]) -> dict[float, int]:
    """The column of each edge: the order stays, and there is all the room that is asked for, and no more.

    Args:
        edges: in order, each once.
        rooms: between edges.
    """
    ending: dict[float, list[Room]] = defaultdict(list)
    for room in rooms:
        if room.left < room.right:
            ending[room.right].append(room)
    found: dict[float, int] = {}
    column = 0
    for edge in edges:
        column = max([column, *(found[room.left] + room.columns for room in ending[edge])])
        found[edge] = column
    return found
