"""The dashed lines between arrays: as straight as what is above and below them allows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field, replace
from itertools import pairwise

from wirework.diagram.layout.links import EDGE, Links
from wirework.diagram.layout.rows import Row, Standing
from wirework.diagram.layout.spans import Gap
from wirework.diagram.placed import Place, Point, Separator
from wirework.diagram.sizes import ABOVE_SEPARATOR

UNDER = 6.0  # between a wire and the separator below it, at least
OVER = 4.0  # between the separator and a wire below it, at least
GLYPH = 5.0  # between a glyph and a separator, at least
CORNER = 2.5  # beside the corner of a glyph, for a jog that goes round it
LABEL = 15.0  # between the separator and a wire below it that may have a label there
SHORT = 12.0  # a separator shorter than this is none

Pair = tuple[int, int]  # numbers of two links, one above the other


@dataclass(frozen=True, slots=True)
class Part:
    """Where a separator may run from one x to another.

    Attributes:
        begin, end: from where to where.
        low, high: between which heights it runs level.
        best: at which of them.
        lowest: how low it may come on its way to another height.
    """

    begin: float
    end: float
    low: float
    high: float
    best: float
    lowest: float

    def lets(self, height: float) -> bool:
        """Whether it may pass here at a height."""
        return self.low <= height <= self.lowest


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
    rows: Sequence[Row], gaps: Sequence[Gap], places: Sequence[Place], links: Links, *, inside: bool
) -> tuple[Separator, ...]:
    """The separators of a panel, from rows that have heights and gaps that have places; `inside` a block or not."""
    fences = {place for place, one in enumerate(places) if one.inside is not None} | ({EDGE} if inside else set())
    tracks = Tracks()
    for number, ((before, row), between) in enumerate(zip(pairwise(rows), gaps, strict=True)):
        _through_gap(tracks, before, row, between, links, fences)
        if number + 1 < len(gaps):
            _through_column(tracks, row, (between.x + between.width, gaps[number + 1].x), places, links)
    tracks.finish([])
    made = (_line(parts) for parts in tracks.done)
    return tuple(sorted((Separator(points) for points in made if points), key=lambda separator: separator.points))


# -- gaps ------------------------------------------------------------------------------------------------------------


def _through_gap(
    tracks: Tracks, before: Row, after: Row, between: Gap, links: Links, fences: Set[int]
) -> None:  # fmt: skip
    """Lead separators on to the next column; they begin where copies have come apart, and end where sums begin."""
    lefts, rights = _pairs(before, links, right=True), _pairs(after, links, right=False)
    tracks.finish(lefts)
    bent, straight = between.middle
    onwards = _onwards(lefts, rights, links)
    old = {wire for _, wire in before.left}  # these do not begin here, to have their labels in the gap
    going: dict[Pair, list[Part]] = {}
    for pair in lefts:
        end = bent if between.curves else between.x + between.width
        part = _in_gap(pair, before, between.x, end, old, right=True)
        part = _at_fence(part) if _meets(pair, before, links, fences, right=True) else part
        parts = [*tracks.going.pop(pair, []), part]
        if pair in onwards:
            going[onwards[pair]] = parts
        else:
            tracks.done.append(parts)
    for pair in rights:
        begin = straight if pair in going else (bent + straight) / 2
        part = _in_gap(pair, after, begin, between.x + between.width, old, right=False)
        parts = going.get(pair, [])
        rise = max((one.low for one in parts), default=part.low) - part.best
        room = part.end - part.begin if between.curves else between.width
        if rise <= room and _meets(pair, after, links, fences, right=False):
            part = _at_fence(part)
        tracks.going[pair] = [*parts, part]


def _onwards(lefts: Sequence[Pair], rights: Sequence[Pair], links: Links) -> Mapping[Pair, Pair]:
    """How separators go on through a gap: between the same arrays, or below a copy, or the last of what is joined."""
    found = {pair: pair for pair in lefts if pair in rights}
    for pair in lefts:
        for other in rights:
            if pair not in found and other not in lefts and pair[1] == other[1]:
                upper, new = links.all[pair[0]], links.all[other[0]]
                if upper.source == new.source != EDGE or upper.target == new.target != EDGE:
                    found[pair] = other
    return found


def _in_gap(pair: Pair, row: Row, begin: float, end: float, old: Set[int], *, right: bool) -> Part:
    """A separator at one side of a column."""
    heights = row.right if right else row.left
    strands = [strand for one in row.standing for strand in (one.rights if right else one.lefts)]
    upper = max(heights[strand] for strand in strands if strand[0] == pair[0])
    lower, wire = min((heights[strand], strand[1]) for strand in strands if strand[0] == pair[1])
    low = upper + UNDER
    lowest = max(low, lower - OVER)
    return Part(begin, end, low, lowest if wire in old else max(low, lower - LABEL), upper + ABOVE_SEPARATOR, lowest)


def _at_fence(part: Part) -> Part:
    """A separator that goes on behind a fence: both meet it at the same height."""
    return replace(part, high=max(part.low, min(part.high, part.best)))


def _meets(pair: Pair, row: Row, links: Links, fences: Set[int], *, right: bool) -> bool:
    """Whether two links begin (`right`), or end, at one fence in a column."""
    upper, lower = (links.all[number].source if right else links.all[number].target for number in pair)
    if upper != lower or upper not in fences:
        return False
    if upper == EDGE:
        return not (row.left if right else row.right)
    return any(one.item == upper for one in row.standing)


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
    return replace(part, begin=begin, end=max(begin, end))


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
    return Part(*sides, low, max(low, high), max(wire + ABOVE_SEPARATOR, low), max(low, high))


# -- lines -----------------------------------------------------------------------------------------------------------


def _line(parts: Sequence[Part]) -> tuple[Point, ...]:
    """A line through parts with as few jogs as there can be; nothing if it would be very short."""
    if parts[-1].end - parts[0].begin < SHORT:
        return ()
    levels = list(_levels(parts))
    points: list[Point] = [(levels[0].parts[0].begin, levels[0].height)]
    for left, right in pairwise(levels):
        begin, end = _jog(left, right, points[-1][0])
        points += [(begin, left.height), (end, right.height)]
    points.append((max(levels[-1].parts[-1].end, points[-1][0]), levels[-1].height))
    return tuple(points)


@dataclass(frozen=True, slots=True)
class Level:
    """A straight piece through some parts."""

    parts: Sequence[Part]
    height: float


def _jog(left: Level, right: Level, least: float) -> tuple[float, float]:
    """From where to where a separator goes from one level to the next: beside what it goes round."""
    wide = abs(right.height - left.height)
    before, after = left.parts[-1].end, right.parts[0].begin
    begin, end = before, after
    for part in reversed(left.parts):
        if not part.lets(right.height):
            begin += CORNER
            break
        begin = part.begin
    for part in right.parts:
        if not part.lets(left.height):
            end -= CORNER
            break
        end = part.end
    begin = max(begin, least)
    wide = min(wide, max(end - begin, after - before))
    start = min(max((before + after - wide) / 2, begin), end - wide)
    return max(start, least), max(start, least) + wide


def _levels(parts: Sequence[Part]) -> Iterator[Level]:
    """Straight pieces, as long as can be."""
    run: list[Part] = []
    low, high = float("-inf"), float("inf")
    for part in parts:
        if run and (max(low, part.low) > min(high, part.high)):
            yield _level(run, low, high)
            run, low, high = [], float("-inf"), float("inf")
        run.append(part)
        low, high = max(low, part.low), min(high, part.high)
    yield _level(run, low, high)


def _level(run: Sequence[Part], low: float, high: float) -> Level:
    return Level(tuple(run), min(max(max(part.best for part in run), low), high))
