"""Which row of characters each height of a layout has."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from wirework.diagram.text.glyphs import is_framed
from wirework.diagram.text.parts import Dash, Fence, Glyph, Part, Strand

GRID = 5.0  # units of x that are looked at together


@dataclass(frozen=True, slots=True)
class Need:
    """That something on a height has free rows above and below it, between two x."""

    left: float
    right: float
    above: int = 0
    below: int = 0


def rows(parts: Sequence[Part]) -> dict[float, int]:
    """The row of each height: the order stays, and things above each other get the rows that they need.

    Heights at which nothing is above each other may share a row.
    """
    needs: dict[float, list[Need]] = defaultdict(list)
    for part in parts:
        for height, need in needs_of(part):
            needs[height].append(need)
    right = max((need.right for each in needs.values() for need in each), default=0.0)
    taken = np.full(int(right / GRID) + 2, -1)  # the lowest row that is taken so far, for each x
    found: dict[float, int] = {}
    row = 0
    for height in sorted(needs):
        spans = [slice(int(need.left / GRID), int(need.right / GRID) + 1) for need in needs[height]]
        for span, need in zip(spans, needs[height], strict=True):
            row = max(row, int(taken[span].max()) + 1 + need.above)
        for span, need in zip(spans, needs[height], strict=True):
            taken[span] = np.maximum(taken[span], row + need.below)
        found[height] = row
    return found


def needs_of(part: Part) -> list[tuple[float, Need]]:
    """What rows a part needs, and at which heights."""
    match part:
        case Strand():
            found = [(part.start, Need(part.left, part.bends[0].right if part.bends else part.right, above=1))]
            for place, bend in enumerate(part.bends):
                end = part.bends[place + 1].right if place + 1 < len(part.bends) else part.right
                found.append((bend.end, Need(bend.left, end, above=1)))
            return found
        case Glyph():
            framed = int(is_framed(part.item, len(part.heights)))
            meeting = [(height, Need(part.left, part.right, 1, framed)) for height in part.heights]
            passing = [(part.ins[wire], Need(part.left, part.right, above=1)) for wire in part.item.passing]
            alone = [] if meeting or passing else [(part.middle, Need(part.left, part.right, framed, framed))]
            return [*meeting, *passing, *alone]
        case Fence():
            return [(part.top, Need(part.left, part.right)), (part.bottom, Need(part.left, part.right))]
        case Dash():
            return [(height, Need(part.left, part.right)) for height in {part.start, part.end}]
        case _:
            return []
