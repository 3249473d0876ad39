"""How axes are joined and split, and what those are called that come of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from wirework.circuit.axes import GENERATED, Axis, Dim, axis, found, hint_of, length_of
from wirework.circuit.readings import Item, Reading, Reshaping, Sum
from wirework.circuit.recorder import Array, Result
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


def split_up(array: Array, plan: Reshaping) -> Reading:
    """How an array is read that is reshaped: its axes as their parts, those of length 1 left out."""
    for one, parts in plan.parts.items():
        if len(parts) > 1:
            name_parts(one, parts)
    kept = {part for dim in plan.dims for part in dim}
    return tuple(tuple(part for each in found(dim) for part in plan.parts[each] if part in kept) for dim in array.dims)


class Call(Protocol):
    """What padding needs of a call that is translated."""

    def new(self, length: Any, wish: str = "", /) -> Dim:
        """A new dimension."""
        ...

    def step(self, kind: str, inputs: Any, operands: Any, results: Any, /, **options: Any) -> Any:
        """Note an operation, and the arrays it gives."""
        ...


def padded(call: Call, array: Array, place: int, front: Any, behind: Any, value: Any) -> Array:
    """A number in front and behind along a dimension: `p, b t, q -> b (p + t + q)`."""
    dims = list(map(found, array.dims))
    inputs: list[Array] = []
    operands: list[Reading] = []
    parts: list[Dim] = []
    for amount in (front, None, behind):
        if amount is None:
            inputs.append(array)
            operands.append(tuple(dims))
            parts.append(dims[place])
        elif amount != 0:
            dim = call.new(amount, "p")
            inputs += call.step("full", (), (), [Result((dim,), array.dtype)], value=value)
            operands.append((dim,))
            parts.append(dim)
    if len(inputs) == 1:
        return array
    new, reading = joined([*dims[:place], *dims[place + 1 :]], place, parts)
    return call.step("rearrange", inputs, operands, [Result(tuple(new), array.dtype, reading)])[0]
