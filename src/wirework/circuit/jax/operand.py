"""What a variable of a jaxpr stands for: an array, which may have been spread over more dimensions.

JAX writes a bias as an array that is broadcast first and added then. A broadcast array is therefore kept as it was,
with its place in the new dimensions, and becomes one of its own only where its elements are asked for.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from wirework.circuit.axes import Dim, columns, found, hint_of
from wirework.circuit.broadcasting import broadcast
from wirework.circuit.readings import Reading
from wirework.circuit.recorder import Array
from wirework.polynomial import Polynomial


@dataclass(frozen=True, slots=True)
class Progression:
    """Whole numbers that are known: `start + step * place`, where they go along a dimension."""

    start: Polynomial
    step: Polynomial
    along: int | None


@dataclass(eq=False, slots=True)
class Operand:
    """A variable.

    Attributes:
        array: what was computed.
        places: for each dimension which one of the array it is; `None`: the array is spread along it.
        dims: its dimensions.
        known: its elements, if they are known: one progression, or one for each place of its last dimension.
        whole: the array with all dimensions, once it has been made.
        columns: what stands side by side in its last dimension, if it was put together there.
    """

    array: Array
    places: tuple[int | None, ...]
    dims: tuple[Dim, ...]
    known: tuple[Progression, ...] = ()
    whole: Array | None = None
    columns: tuple[Operand, ...] = ()

    @property
    def spread(self) -> bool:
        """Whether it has other dimensions than its array."""
        return self.places != tuple(range(len(self.array.dims)))


def of(array: Array, known: tuple[Progression, ...] = ()) -> Operand:
    """An array as it is."""
    return Operand(array, tuple(range(len(array.dims))), array.dims, known)


def reading_of(operand: Operand, dims: Sequence[Dim]) -> Reading:
    """How the array of an operand is read where the dimensions of the operand are `dims`."""
    at = {own: place for place, own in enumerate(operand.places) if own is not None}
    return tuple(
        broadcast(found(dim), found(dims[at[place]])) if place in at else ()
        for place, dim in enumerate(operand.array.dims)
    )


def lined_up(operands: Sequence[Operand], rank: int) -> tuple[list[int], list[Dim], list[Reading]]:
    """The dimensions that any of some operands has, what they are, and how each operand is read."""
    full = [operand for operand in operands if operand.places]
    owned = [place for place in range(rank) if any(each.places[place] is not None for each in full)]
    dims = columns(
        [[each.array.dims[own] for each in full if (own := each.places[place]) is not None] for place in owned]
    )
    whole: list[Dim] = [()] * rank
    for place, dim in zip(owned, dims, strict=True):
        whole[place] = dim
    return owned, dims, [reading_of(each, whole) for each in operands]


def is_one(dim: Dim) -> bool:
    """Whether a dimension has length 1."""
    return hint_of(found(dim)) == 1
