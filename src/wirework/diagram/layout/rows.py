"""The heights of a panel: where strands are at both sides of each column, and how far glyphs reach there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from wirework.diagram.layout.pieces import Column, Strand
from wirework.diagram.layout.waists import levelled

LABELLED = 16.0  # above a wire, for its label


@dataclass(frozen=True, slots=True)
class Standing:
    """What one item, or a link that passes, takes of a column.

    Attributes:
        item: place of the item; `None` for a link.
        lefts, rights: its strands at both sides, from top to bottom, but those that end, or begin, at a dot on another.
        wires: the heights of all of them.
        top, bottom: how far its glyphs reach.
        glyph: the top of its glyph, if it has one of its own.
    """

    item: int | None
    lefts: tuple[Strand, ...]
    rights: tuple[Strand, ...]
    wires: tuple[float, ...]
    top: float
    bottom: float
    glyph: float | None


@dataclass(frozen=True, slots=True)
class Row:
    """A column with heights: of each strand at its left and at its right, and what stands in it."""

    left: Mapping[Strand, float]
    right: Mapping[Strand, float]
    standing: tuple[Standing, ...]


def rows(columns: Sequence[Column], top: float) -> tuple[Row, ...]:
    """The columns with heights; all is below `top`, with room for labels above wires."""
    found = levelled(columns)
    made = [_row(column, height) for column, height in zip(columns, found, strict=True)]
    highest = min((_highest(row) for row in made), default=top)
    return tuple(
        _row(column, [place + top - highest for place in height]) for column, height in zip(columns, found, strict=True)
    )


def _highest(row: Row) -> float:
    wires = [height - LABELLED for side in (row.left, row.right) for height in side.values()]
    return min((*wires, *(standing.top for standing in row.standing)), default=0.0)


def _row(column: Column, found: Sequence[float]) -> Row:
    left: dict[Strand, float] = {}
    right: dict[Strand, float] = {}
    standing = []
    height = iter(found)
    for stack in column.stacks:
        glyph, top, bottom = None, float("inf"), float("-inf")
        lefts: list[Strand] = []
        rights: list[Strand] = []
        wires: list[float] = []
        for place, piece in enumerate(stack.pieces):
            reference = next(height)
            left |= {port.strand: reference + port.drop for port in piece.lefts}
            right |= {port.strand: reference + port.drop for port in piece.rights}
            lefts += [port.strand for port in piece.lefts if port not in piece.hanging]
            rights += [port.strand for port in piece.rights if port not in piece.hanging]
            wires += [reference + drop for drop in piece.drops]
            top = min(top, reference - piece.above - (stack.headroom if place == 0 else 0.0))
            bottom = max(bottom, reference + piece.below)
            glyph = reference - piece.above if piece.solid else glyph
        if stack.pieces:
            standing.append(Standing(stack.item, tuple(lefts), tuple(rights), tuple(wires), top, bottom, glyph))
    return Row(left, right, tuple(standing))
