"""Where wires change rows: each bend gets a column of its own among those that are at the same place.

Between two neighbouring edges of glyphs and labels is a gap. A bend goes from row to row in one column of a gap, its
track; the order of the tracks of a gap is such that wires cross little and no two lie on each other.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from wirework.diagram.text.parts import Bend

NEVER = 1000  # what it costs if two wires lie on each other


@dataclass(frozen=True, slots=True)
class Obstacle:
    """What no bend should go through: between which x, and which rows."""

    left: float
    right: float
    top: int
    bottom: int


@dataclass(frozen=True, slots=True)
class Move:
    """A wire goes from one row to another, or, if it is a swap, two neighbours change places.

    Attributes:
        bend: of the wire, or of the upper of two.
        start, end: the rows.
        opens, closes: whether it is the first and the last move of its bend: a bend may go to a free row first.
        other: the bend of the lower one of two.
    """

    bend: Bend
    start: int
    end: int
    opens: bool = True
    closes: bool = True
    other: Bend | None = None

    @property
    def width(self) -> int:
        """How many columns it takes."""
        return 1 if self.other is None else 3

    @property
    def span(self) -> tuple[int, int]:
        """Its highest and its lowest row."""
        return min(self.start, self.end), max(self.start, self.end)

    @property
    def leaves(self) -> dict[int, int]:
        """The rows that it leaves, with the wires that are on them before."""
        first = {self.start: self.bend.first if self.opens else self.bend.wire}
        return first if self.other is None else first | {self.end: self.other.first}

    @property
    def enters(self) -> dict[int, int]:
        """The rows that it enters, with the wires that are on them afterwards."""
        last = {self.end: self.bend.last if self.closes else self.bend.wire}
        return last if self.other is None else last | {self.start: self.other.last}


@dataclass(frozen=True, slots=True)
class Track:
    """A move in a gap, and how many columns after the beginning of the gap it is."""

    move: Move
    gap: int
    column: int


def routes(
    bends: Sequence[Bend], rows: Mapping[float, int], edges: Sequence[float], obstacles: Iterable[Obstacle]
) -> list[Track]:
    """The tracks of all bends, gap by gap, from left to right.

    Args:
        bends: of all wires.
        rows: of heights.
        edges: of what stands somewhere, in order: they bound the gaps.
        obstacles: what stands there.
    """
    blocked: dict[int, list[Obstacle]] = defaultdict(list)
    for obstacle in obstacles:
        for gap in range(bisect_left(edges, obstacle.left), bisect_left(edges, obstacle.right)):
            blocked[gap].append(obstacle)
    moves: dict[int, list[Move]] = defaultdict(list)
    for bend in bends:
        if rows[bend.start] != rows[bend.end]:
            move = Move(bend, rows[bend.start], rows[bend.end])
            moves[gap_of(bend, move.span, edges, blocked)].append(move)
    return [track for gap in sorted(moves) for track in packed(gap, ordered(with_swaps(moves[gap])))]


def gap_of(bend: Bend, span: tuple[int, int], edges: Sequence[float], blocked: Mapping[int, Sequence[Obstacle]]) -> int:
    """The gap nearest to the middle of a bend in which nothing is in its way; else the nearest."""
    first = max(bisect_right(edges, bend.left) - 1, 0)
    last = min(max(bisect_left(edges, bend.right), first + 1), len(edges) - 1)
    middle = (bend.left + bend.right) / 2
    gaps = sorted(range(first, last), key=lambda gap: abs((edges[gap] + edges[gap + 1]) / 2 - middle))
    free = (gap for gap in gaps if all(span[1] < each.top or each.bottom < span[0] for each in blocked.get(gap, ())))
    return next(free, gaps[0])


def with_swaps(moves: Sequence[Move]) -> list[Move]:
    """Moves with two neighbours that change places as one."""
    found: list[Move] = []
    left = list(moves)
    while left:
        move = left.pop(0)
        other = next((each for each in left if changes_places(move, each)), None)
        if other is None:
            found.append(move)
            continue
        left.remove(other)
        upper, lower = sorted((move, other), key=lambda each: each.start)
        found.append(Move(upper.bend, upper.start, upper.end, other=lower.bend))
    return found


def changes_places(one: Move, other: Move) -> bool:
    """Whether two wires on neighbouring rows change places."""
    plain = not (one.bend.dot or other.bend.dot)
    return plain and (one.start, one.end) == (other.end, other.start) and abs(one.start - one.end) == 2


def ordered(moves: Sequence[Move]) -> list[Move]:
    """The moves of a gap from left to right: always the one that costs least before all that are left."""
    found: list[Move] = []
    left = sorted(moves, key=lambda move: (move.span, move.bend.left, move.bend.wire))
    while left:
        costs = [sum(cost(move, other) for other in left if other is not move) for move in left]
        best = costs.index(min(costs))
        move = left.pop(best)
        if costs[best] >= NEVER and move.opens and move.closes and move.other is None:
            away, back = detour(move)  # each waits for another one: this one goes out of the way first
            found.append(away)
            left.insert(0, back)
        else:
            found.append(move)
    return found


def detour(move: Move) -> tuple[Move, Move]:
    """A move in two: to the free row beside the one where it starts, and on from there."""
    beside = move.start + (1 if move.end > move.start else -1)
    return Move(move.bend, move.start, beside, closes=False), Move(move.bend, beside, move.end, opens=False)


def cost(one: Move, other: Move) -> int:
    """What it costs if one move stands left of another: crossings, and wires that lie on each other."""
    crossings = sum(one.span[0] < row < one.span[1] for row in other.leaves if not other.bend.forks)
    crossings += sum(other.span[0] < row < other.span[1] for row in one.enters if not one.bend.merges)
    return crossings + NEVER * any(after(one, other))


def after(one: Move, other: Move) -> Iterator[bool]:
    """For each row that both meet, whether the first must stand right of the other there."""
    for row, wire in one.leaves.items():  # a row is left before another wire enters it, and after its own wire has
        if row in other.enters:
            yield other.enters[row] == wire and one.bend.left >= other.bend.left
        if row in other.leaves:
            yield not one.bend.forks and other.bend.forks
    for row, wire in one.enters.items():
        if row in other.leaves:
            yield other.leaves[row] != wire or one.bend.left > other.bend.left
        if row in other.enters:
            yield one.bend.merges and not other.bend.merges


def packed(gap: int, moves: Sequence[Move]) -> list[Track]:
    """The tracks of moves in their order; those that have no row in common may share a column."""
    found: list[Track] = []
    for move in moves:
        column = max((each.column + each.move.width for each in found if meet(each.move, move)), default=0)
        found.append(Track(move, gap, column))
    return found


def meet(one: Move, other: Move) -> bool:
    """Whether two moves have a row in common."""
    return one.span[0] <= other.span[1] and other.span[0] <= one.span[1]
