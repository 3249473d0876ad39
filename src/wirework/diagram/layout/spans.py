"""How wide the gaps between columns are, and where in a gap wires bend."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import ceil

from wirework.diagram.layout.pieces import Strand

STRAIGHT = 10.0  # the least width of a gap
SWAP = 30.0  # the least width of a curve,
STEP = 20.0  # and of one that falls no further than
SMALL = 10.0  # this
SLOPE = 2 / 3  # how wide a curve is at least for each unit that it falls,
WIDEST = 150.0  # up to this width
CLEAR = 15.0  # curves nearer than this bend together


@dataclass(frozen=True, slots=True)
class Bend:
    """A wire in a gap.

    Attributes:
        strand: the wire.
        start, end: its heights at the left and at the right.
        fork: whether it begins at a dot on another wire.
        label: how far into the gap its label reaches.
    """

    strand: Strand
    start: float
    end: float
    fork: bool = False
    label: float = 0.0

    @property
    def top(self) -> float:
        """The upper of its heights."""
        return min(self.start, self.end)

    @property
    def bottom(self) -> float:
        """The lower of its heights."""
        return max(self.start, self.end)

    @property
    def width(self) -> float:
        """The least width of its curve; 0 if it is straight."""
        fall = self.bottom - self.top
        if fall == 0:
            return 0.0
        return min(WIDEST, max(STEP if fall <= SMALL else SWAP, float(round(SLOPE * fall))))


@dataclass(frozen=True, slots=True)
class Gap:
    """The room between two columns.

    Attributes:
        x, width: of it.
        curves: of each wire that bends, where its curve begins and ends: relative to `x`.
        forks: whether wires begin at dots at its left end, so that it has no straight piece there.
    """

    x: float
    width: float
    curves: Mapping[Strand, tuple[float, float]]
    forks: bool

    @property
    def middle(self) -> tuple[float, float]:
        """Between which places wires bend."""
        if not self.curves:
            return self.x + self.width / 2, self.x + self.width / 2
        begins, ends = zip(*self.curves.values(), strict=True)
        return self.x + min(begins), self.x + max(ends)


def gap(x: float, bends: Sequence[Bend], least: float, after: float, room: float = 0.0) -> Gap:
    """The gap that begins at x.

    Args:
        x: its left end.
        bends: the wires in it.
        least: its least width.
        after: how wide the labels at its right are.
        room: how much wider than it need be it is.
    """
    groups = _together(bends)
    before = max((bend.label for bend in bends), default=0.0)
    starts = [_own(group) if _forks(group) else before for group in groups]
    wide = [max(bend.width for bend in group) for group in groups]
    width = max(least, after + max((start + curve for start, curve in zip(starts, wide, strict=True)), default=before))
    width = float(ceil(width + room))
    last = width - after
    curves = {
        bend.strand: (start if _forks(group) else last - curve, last)
        for group, start, curve in zip(groups, starts, wide, strict=True)
        for bend in group
    }
    return Gap(x, width, curves, any(bend.fork for bend in bends))


def _forks(group: Sequence[Bend]) -> bool:
    return any(bend.fork for bend in group)


def _own(group: Sequence[Bend]) -> float:
    """How far into the gap the labels of wires reach."""
    return max(bend.label for bend in group)


def _together(bends: Sequence[Bend]) -> list[list[Bend]]:
    """The wires that bend, those that could touch in one group."""
    groups: list[list[Bend]] = []
    reach = 0.0
    for bend in sorted((bend for bend in bends if bend.width), key=lambda bend: (bend.top, bend.strand)):
        if groups and bend.top < reach + CLEAR:
            groups[-1].append(bend)
            reach = max(reach, bend.bottom)
        else:
            groups.append([bend])
            reach = bend.bottom
    return groups
