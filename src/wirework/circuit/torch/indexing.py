"""Indexing: slices and whole numbers, arrays of coordinates, look-up in tables."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from wirework.circuit.axes import Dim, apart, columns, found, one_axis
from wirework.circuit.broadcasting import broadcast
from wirework.circuit.readings import marked
from wirework.circuit.recorder import Array, Result
from wirework.circuit.shaping import wish
from wirework.circuit.sizes import formula_of
from wirework.circuit.torch.call import Call
from wirework.circuit.torch.table import translates

WHOLE = slice(None)


@translates("__getitem__")
def getitem(call: Call, input: Tensor, index: Any) -> tuple[Array, ...] | None:
    """`x[...]`: first what is sliced, then what is looked up, then new dimensions."""
    entries = written_out(index, input.dim())
    if entries is None:
        return None
    taken = [entry for entry in entries if entry is not None]
    array = sliced(call, input, [WHOLE if isinstance(entry, Tensor) else entry for entry in taken])
    left: list[Any] = [entry for entry in entries if isinstance(entry, Tensor | slice) or entry is None]
    if any(isinstance(entry, Tensor) for entry in left):
        if None in left:
            return None
        return looked_up(call, array, left)
    dims = iter(array.dims)
    return call.rearranged(
        array, tuple(map(found, array.dims)), [() if entry is None else next(dims) for entry in left]
    )


def written_out(index: Any, rank: int) -> list[Any] | None:
    """One entry for each dimension, and `None` for each new one; nothing for masks."""
    entries = list(index) if isinstance(index, tuple) else [index]
    entries = [torch.tensor(entry) if isinstance(entry, list) else entry for entry in entries]
    known = (Tensor, slice, int, type(None), type(...))
    if any(isinstance(entry, bool) or not isinstance(entry, known) for entry in entries):
        return None
    if any(isinstance(entry, Tensor) and entry.dtype in (torch.bool, torch.uint8) for entry in entries):
        return None
    count = sum(1 for entry in entries if entry is not None and entry is not ...)
    place = next((place for place, entry in enumerate(entries) if entry is ...), len(entries))
    entries[place : place + 1] = [WHOLE] * (rank - count)
    return entries


def sliced(call: Call, input: Tensor, entries: Sequence[int | slice]) -> Array:
    """Slices and whole numbers, one for each dimension."""
    array = call.array(input)
    lengths = call.lengths(input)
    dims: list[Dim] = []
    options: list[Any] = []
    for dim, length, entry in zip(map(found, array.dims), lengths, entries, strict=True):
        if isinstance(entry, int):
            options.append(str(formula_of(entry + length if entry < 0 else entry)))
            continue
        start, stop, step = bounds(entry, length)
        count = -(-(stop - start) // step) if step != 1 else stop - start
        whole = int(start) == 0 and int(count) == int(length)
        dims.append(dim if whole else call.new(count, dim[-1].wish if dim else ""))
        options.append(tuple(str(formula_of(each)) for each in (start, length if whole else stop, step)))
    if dims == list(map(found, array.dims)):
        return array
    old = tuple(map(found, array.dims))
    return call.step("slice", (array,), (old,), [Result(tuple(dims), array.dtype)], dims=tuple(options))[0]


def bounds(entry: slice, length: int) -> tuple[int, int, int]:
    """Start, stop and step of a slice of an axis, none of them negative."""

    def inside(value: Any, default: int) -> int:
        value = default if value is None else value
        value = value + length if value < 0 else value
        return 0 if value < 0 else length if value > length else value

    start, stop = inside(entry.start, 0), inside(entry.stop, length)
    return start, start if stop < start else stop, 1 if entry.step is None else entry.step


def looked_up(call: Call, array: Array, entries: Sequence[Any]) -> tuple[Array, ...]:
    """Arrays of coordinates in the place of some dimensions: `[h w] c, n, n -> n c`."""
    places = [place for place, entry in enumerate(entries) if isinstance(entry, Tensor)]
    coordinates = [call.array(entries[place]) for place in places]
    kept = [found(dim) for place, dim in enumerate(array.dims) if place not in places]
    rank = max(len(each.dims) for each in coordinates)
    index = columns(
        [[each.dims[place - rank] for each in coordinates if len(each.dims) >= rank - place] for place in range(rank)]
    )
    own = [one_axis(dim) if place in places else found(dim) for place, dim in enumerate(array.dims)]
    index = apart([*kept, *(own[place] for place in places), *index])[len(array.dims) :]
    adjacent = places == list(range(places[0], places[-1] + 1))
    at = places[0] if adjacent else 0
    inside = [each for place in places for each in own[place]]
    readings = [
        tuple(
            broadcast(found(own), whole) for own, whole in zip(each.dims, index[rank - len(each.dims) :], strict=True)
        )
        for each in coordinates
    ]
    return call.step(
        "get_at", (array, *coordinates), (marked(own, inside), *readings),
        [call.result([*kept[:at], *index, *kept[at:]])],
    )  # fmt: skip


@translates("embedding")
def embedding(call: Call, weight: Tensor, indices: Tensor, *_: Any, **__: Any) -> tuple[Array, ...]:
    """Rows of a table: `[v] c, b t -> b t c`."""
    table = call.array(weight)
    wish(table.dims, "vc")
    return looked_up(call, table, [indices, WHOLE])


@translates("index_select")
def index_select(call: Call, input: Tensor, dim: int, index: Tensor) -> tuple[Array, ...]:
    """Slices along a dimension."""
    entries: list[Any] = [WHOLE] * input.dim()
    entries[dim] = index
    return looked_up(call, call.array(input), entries)


@translates("select")
def select(call: Call, input: Tensor, dim: int, index: int) -> tuple[Array, ...]:
    """One slice along a dimension."""
    entries: list[Any] = [WHOLE] * input.dim()
    entries[dim] = index
    return (sliced(call, input, entries),)


@translates("narrow")
def narrow(call: Call, input: Tensor, dim: int, start: Any, length: int) -> tuple[Array, ...] | None:
    """Some slices along a dimension."""
    if isinstance(start, Tensor):
        return None
    entries: list[Any] = [WHOLE] * input.dim()
    entries[dim] = slice(start, start + length)
    return (sliced(call, input, entries),)


@translates("__setitem__")
def setitem(call: Call, input: Tensor, index: Any, value: Any) -> tuple[Array, ...] | None:
    """`x[...] = value`, as a new array in the place of the old one."""
    entries = written_out(index, input.dim())
    tracer = call.tracer
    if entries is None and isinstance(index, Tensor) and index.dtype == torch.bool:
        with tracer:
            new = torch.where(index.reshape(*index.shape, *[1] * (input.dim() - index.dim())), value, input)
        return (tracer.array(new),)
    if entries is None or None in entries:
        return None
    with tracer:
        if any(isinstance(entry, Tensor) for entry in entries):
            return (
                tracer.array(torch.index_put(input, tuple(index) if isinstance(index, tuple) else (index,), value)),
            )
        value = value if isinstance(value, Tensor) else torch.tensor(value, dtype=input.dtype)
        return (tracer.array(with_part(input, entries, 0, value)),)


def with_part(x: Tensor, entries: Sequence[Any], dim: int, value: Tensor) -> Tensor:
    """An array with another one in a part of it."""
    while entries and isinstance(entries[0], slice) and entries[0] == WHOLE:
        entries, dim = entries[1:], dim + 1
    if not entries:
        return value.to(x.dtype).expand(x.shape)
    first, *rest = entries
    if isinstance(first, int):
        return torch.select_scatter(x, with_part(x.select(dim, first), rest, dim, value), dim, first)
    start, stop, step = bounds(first, x.shape[dim])
    inner = with_part(x[(WHOLE,) * dim + (first,)], rest, dim + 1, value)
    return torch.slice_scatter(x, inner, dim, start, stop, step)
