"""How axes are joined and split, and what those are called that come of it."""

from __future__ import annotations

from collections.abc import Sequence

from wirework.circuit.axes import GENERATED, Axis, Dim, axis, found, hint_of, length_of
from wirework.circuit.readings import Item, Reading, Sum
from wirework.polynomial import Polynomial

WISHES = {2: ("h", "d"), 3: ("n", "h", "d")}  # what the parts of a split axis of known length are mostly


def joined(others: Sequence[Dim], place: int, parts: Sequence[Dim]) -> tuple[list[Dim], Reading]:
    """The dimensions with a new one in a place, of parts one after the other, and how it is read."""
    length = sum(map(length_of, parts), Polynomial.of(0))
    longest = max(parts, key=hint_of)
    whole = axis(length, sum(map(hint_of, parts)), longest[0].wish if len(longest) == 1 else "n")
    concat: tuple[Item, ...] = (Sum(tuple(parts)),)
    return [*others[:place], whole, *others[place:]], (*others[:place], concat, *others[place:])


def name_parts(one: Axis, parts: Sequence[Axis]) -> None:
    """Name the parts of an axis that is split: rows of windows by it, what is in a window otherwise."""
    known = WISHES.get(len(parts), ()) if one.length.constant is not None else (one.wish, "p", "q")
    for part, wish in zip(parts, known, strict=False):
        part.wish = wish
    for part in parts:
        part.rank = GENERATED


def wish(dims: Sequence[Dim], names: Sequence[str]) -> None:
    """Propose names for axes that have none."""
    for dim, name in zip(dims, names, strict=False):
        for each in found(dim):
            each.wish = each.wish or name
