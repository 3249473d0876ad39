"""The dashed lines between arrays: as straight as what is above and below them allows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from wirework.diagram.layout.links import Links
from wirework.diagram.layout.rows import Row, Standing
from wirework.diagram.layout.spans import Gap
from wirework.diagram.placed import Place, Point, Separator
from wirework.diagram.sizes import ABOVE_SEPARATOR

UNDER = 6.0  # between a wire and the separator below it, at least
OVER = 4.0  # between the separator and a wire below it, at least
GLYPH = 1.0  # between a glyph and a separator, at least
LABEL = 15.0  # between the separator and a wire below it that may have a label there
SHORT = 12.0  # a separator shorter than this is none

Pair = tuple[int, int]  # numbers of two links, one above the other


@dataclass(frozen=True, slots=True)
class Part:
    """Where a separator may run from one x to another: between two heights, best at a third."""

    begin: float
    end: float
    low: float
    high: float
    best: float


@dataclass(slots=True)
class Tracks:
    """Separators in the making, from left to right: those that go on, by what they are between, and those that end."""

    going: dict[Pair, list[Part]] = field(default_factory=dict)
    done: list[list[Part]] = field(default_factory=list)

    def finish(self, pairs: Sequence[Pair]) -> None:
        """End those that are between none of these pairs."""
        for pair in [pair for pair in self.going if pair not in pairs]:
            self.done.append(self.going.pop(pair))


def separators(
    rows: Sequence[Row], gaps: Sequence[Gap], places: Sequence[Place], links: Links
) -> tuple[Separator, ...]:
    """The separators of a panel, from rows that have heights and gaps that have places."""
    tracks = Tracks()
    for number, ((before, row), between) in enumerate(zip(pairwise(rows), gaps, strict=True)):
        _through_gap(tracks, before, row, between, links)
        if number + 1 < len(gaps):
            _through_column(tracks, row, (between.x + between.width, gaps[number + 1].x), places, links)
    tracks.finish([])
    made = (_line(parts) for parts in tracks.done)
    return tuple(sorted((Separator(points) for points in made if points), key=lambda separator: separator.points))


# -- gaps ------------------------------------------------------------------------------------------------------------


def _through_gap(tracks: Tracks, before: Row, after: Row, between: Gap, links: Links) -> None:
    """Lead separators on to the next column; they begin where copies have come apart, and end where sums begin."""
    lefts, rights = _pairs(before, links, right=True), _pairs(after, links, right=False)
    tracks.finish(lefts)
    bent, straight = between.middle
    for pair in lefts:
        on = pair in rights
        end = bent if between.curves else between.x + between.width
        tracks.going.setdefault(pair, []).append(_in_gap(pair, before, between.x, end, right=True))
        if not on:
            tracks.done.append(tracks.going.pop(pair))
    for pair in rights:
        begin = straight if pair in lefts else (bent + straight) / 2
        part = _in_gap(pair, after, begin, between.x + between.width, right=False)
        tracks.going.setdefault(pair, []).append(part)


def _in_gap(pair: Pair, row: Row, begin: float, end: float, *, right: bool) -> Part:
    """A separator at one side of a column."""
    heights = row.right if right else row.left
    strands = [strand for one in row.standing for strand in (one.rights if right else one.lefts)]
    upper = max(heights[strand] for strand in strands if strand[0] == pair[0])
    lower = min(heights[strand] for strand in strands if strand[0] == pair[1])
    return Part(begin, end, upper + UNDER, max(upper + UNDER, lower - LABEL), upper + ABOVE_SEPARATOR)


def _pairs(row: Row, links: Links, *, right: bool) -> list[Pair]:
    """The links that stand below each other on one side of a column."""
    numbers = (strand[0] for one in row.standing for strand in (one.rights if right else one.lefts))
    return list(pairwise(number for number in dict.fromkeys(numbers) if links.all[number].drawn))


# -- columns ---------------------------------------------------------------------------------------------------------


def _through_column(
    tracks: Tracks, row: Row, sides: tuple[float, float], places: Sequence[Place], links: Links
) -> None:
    """Lead separators past what stands in a column; they end at the left edge of what joins their arrays."""
    onwards: dict[Pair, list[Part]] = {}
    for one in row.standing:
        inside = [number for number in dict.fromkeys(number for number, _ in one.lefts) if links.all[number].drawn]
        for pair in pairwise(inside):
            parts = tracks.going.pop(pair, None)
            if parts is not None and one.item is not None:
                tracks.done.append([*parts, _extended(parts[-1], sides[0], places[one.item].x)])
    for upper, lower in pairwise([one for one in row.standing if _drawn(one, links)]):
        before, after = _between(upper, lower, links, right=False), _between(upper, lower, links, right=True)
        parts = tracks.going.pop(before, []) if before else []
        if after:
            onwards[after] = [*parts, _past(upper, lower, sides)]
        elif parts:
            tracks.done.append(parts)
    tracks.finish([])
    tracks.going = onwards


def _extended(part: Part, begin: float, end: float) -> Part:
    return Part(begin, max(begin, end), part.low, part.high, part.best)


def _drawn(one: Standing, links: Links) -> bool:
    return any(links.all[number].drawn for number, _ in (*one.lefts, *one.rights))


def _between(upper: Standing, lower: Standing, links: Links, *, right: bool) -> Pair | None:
    """The lowest link of the upper and the topmost of the lower on one side."""
    above = [number for number, _ in (upper.rights if right else upper.lefts) if links.all[number].drawn]
    below = [number for number, _ in (lower.rights if right else lower.lefts) if links.all[number].drawn]
    return (above[-1], below[0]) if above and below else None


def _past(upper: Standing, lower: Standing, sides: tuple[float, float]) -> Part:
    wire = max(upper.wires)
    low = max(wire + UNDER, upper.bottom + GLYPH)
    high = min(min(lower.wires) - OVER, lower.top - GLYPH)
    return Part(*sides, low, max(low, high), max(wire + ABOVE_SEPARATOR, low))


# -- lines -----------------------------------------------------------------------------------------------------------


def _line(parts: Sequence[Part]) -> tuple[Point, ...]:
    """A line through parts with as few jogs as there can be; nothing if it would be very short."""
    if parts[-1].end - parts[0].begin < SHORT:
        return ()
    level = list(_levels(parts))
    points: list[Point] = [(level[0][0], level[0][2])]
    for (_, end, height), (begin, _, other) in pairwise(level):
        half = min(abs(other - height), 2 * (end - points[-1][0]) + begin - end) / 2
        middle = (end + begin) / 2
        points += [(middle - half, height), (middle + half, other)]
    points.append((max(level[-1][1], points[-1][0]), level[-1][2]))
    return tuple(points)


def _levels(parts: Sequence[Part]) -> Iterator[tuple[float, float, float]]:
    """Straight pieces, as long as can be: begin, end and height of each."""
    run: list[Part] = []
    low, high = float("-inf"), float("inf")
    for part in parts:
        if run and (max(low, part.low) > min(high, part.high)):
            yield _level(run, low, high)
            run, low, high = [], float("-inf"), float("inf")
        run.append(part)
        low, high = max(low, part.low), min(high, part.high)
    if run:
        yield _level(run, low, high)


def _level(run: Sequence[Part], low: float, high: float) -> tuple[float, float, float]:
    best = max(part.best for part in run)
    return run[0].begin, run[-1].end, min(max(best, low), high)
