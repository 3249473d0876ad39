"""Heights of long panels: where one array alone goes on, it comes back to the height at which all began."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from itertools import pairwise

from wirework.diagram.layout.heights import SPREAD, heights
from wirework.diagram.layout.pieces import Column, Stack, piece_of_wire

DRIFT = 60.0  # so far from where it began an array may go on
TAIL = 4  # so many columns before the right edge stay with what is before them

Heights = list[list[float]]  # of the pieces of each column


def levelled(columns: Sequence[Column]) -> Heights:
    """The height of the reference of each piece, column by column.

    The panel is cut where one array alone goes on and has come far from where it began, or its wires far from each
    other. Each part has heights of its own.
    """
    whole = heights(columns)
    cuts = _cuts(columns, whole)
    if not cuts:
        return whole
    parts = [list(columns[begin:end]) for begin, end in pairwise([0, *cuts, len(columns)])]
    solved: list[Heights] = []
    for number in reversed(range(len(parts))):
        part = parts[number] if number == 0 else [_waist(parts[number - 1][-1], left=True), *parts[number]]
        last = number == len(parts) - 1
        part = part if last else [*part, _waist(parts[number][-1], left=False)]
        solved.insert(0, heights(part, gather=last or not _spread(solved[0][0])))
    return _joined(solved)


def _cuts(columns: Sequence[Column], found: Heights) -> list[int]:
    """The columns before which a panel is cut."""
    base = min(found[0], default=0.0)
    cuts = []
    for number in range(2, len(columns) - TAIL):
        column = columns[number - 1]
        wires = _right_heights(column, found[number - 1])
        if len({port.strand[0] for piece in column.pieces for port in piece.rights}) != 1:
            continue
        if abs(wires[0] - base) >= DRIFT or _spread(wires):
            cuts.append(number)
            base = wires[0]
    return cuts


def _right_heights(column: Column, found: Sequence[float]) -> list[float]:
    pairs = zip(column.pieces, found, strict=True)
    return sorted(height + port.drop for piece, height in pairs for port in piece.rights)


def _spread(wires: Sequence[float]) -> bool:
    return any(lower - upper > SPREAD for upper, lower in pairwise(wires))


def _waist(column: Column, *, left: bool) -> Column:
    """The array that leaves a column, as the edge of a part."""
    strands = [port.strand for piece in column.pieces for port in piece.rights]
    pieces = [piece_of_wire([], [strand]) if left else piece_of_wire([strand], []) for strand in strands]
    return Column([Stack(None, pieces, fixed=True)], fixed=True)


def _joined(solved: Sequence[Heights]) -> Heights:
    """The heights of all parts, each moved to where the one before it ended, or to where all began."""
    base = min(solved[0][0])
    found = solved[0][:-1]
    ends = solved[0][-1]
    for number, part in enumerate(solved[1:], 1):
        shift = _commonest(end - start for end, start in zip(ends, part[0], strict=True))
        if abs(part[0][0] + shift - base) >= DRIFT:
            shift = base - part[0][0]
        moved = [[height + shift for height in column] for column in part]
        ends = moved[-1]
        found += moved[1:] if number == len(solved) - 1 else moved[1:-1]
    return found


def _commonest(values: Iterable[float]) -> float:
    """What comes most often; of several the smallest."""
    counts = Counter(values)
    return min(counts, key=lambda value: (-counts[value], abs(value), value))
