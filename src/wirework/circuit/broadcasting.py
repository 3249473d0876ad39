"""Which dimensions of arrays stand side by side when they are broadcast against each other."""

from __future__ import annotations

from collections.abc import Sequence

from wirework.circuit.axes import Dim, columns, found, hint_of
from wirework.circuit.readings import Reading
from wirework.circuit.recorder import Array


def lined_up(arrays: Sequence[Array]) -> tuple[list[Dim], list[Reading]]:
    """The dimensions of arrays after broadcasting, and how each array is read."""
    rank = max((len(array.dims) for array in arrays), default=0)
    entries = [
        [array.dims[place - rank] for array in arrays if len(array.dims) >= rank - place] for place in range(rank)
    ]
    dims = columns(entries)
    readings: list[Reading] = [
        tuple(map(broadcast, map(found, array.dims), dims[rank - len(array.dims) :])) for array in arrays
    ]
    return dims, readings


def broadcast(own: Dim, whole: Dim) -> Dim:
    """How a dimension is read where the result has `whole`."""
    return () if hint_of(own) == 1 != hint_of(whole) else whole
