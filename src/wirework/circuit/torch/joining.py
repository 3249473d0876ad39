"""Joining arrays, taking them apart, padding: concatenations in an expression."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Tensor

from wirework.circuit.axes import Dim, apart, columns, found
from wirework.circuit.readings import Sum
from wirework.circuit.recorder import Array, Result
from wirework.circuit.shaping import joined, padded
from wirework.circuit.torch.call import Call
from wirework.circuit.torch.table import opaque, translates


@translates("cat", "concat", "concatenate")
def cat(call: Call, tensors: Sequence[Tensor], dim: int = 0, **_: Any) -> tuple[Array, ...]:
    """One after the other along a dimension: `b x c, b y c -> b (x + y) c`."""
    kept = [tensor for tensor in tensors if tuple(tensor.shape) != (0,)]
    arrays = [call.array(tensor) for tensor in kept]
    if len(arrays) == 1:
        return (arrays[0],)
    rank = len(arrays[0].dims)
    dim %= rank
    others = columns([[array.dims[place] for array in arrays] for place in range(rank) if place != dim])
    parts = apart([*others, *(array.dims[dim] for array in arrays)])[len(others) :]
    operands = [tuple([*others[:dim], part, *others[dim:]]) for part in parts]
    dims, reading = joined(others, dim, parts)
    return call.step("rearrange", arrays, operands, [call.result(dims, reading)])


@translates("stack")
def stack(call: Call, tensors: Sequence[Tensor], dim: int = 0, **_: Any) -> tuple[Array, ...]:
    """One after the other along a new dimension: `b c, b c -> b (1 + 1) c`."""
    arrays = [call.array(tensor) for tensor in tensors]
    others = columns([[array.dims[place] for array in arrays] for place in range(len(arrays[0].dims))])
    place = dim % (len(others) + 1)
    if len(arrays) == 1:
        return call.rearranged(arrays[0], tuple(others), [*others[:place], (), *others[place:]])
    dims, reading = joined(others, place, [()] * len(arrays))
    return call.step("rearrange", arrays, [tuple(others)] * len(arrays), [call.result(dims, reading)])


# -- taking apart -----------------------------------------------------------------------------------------------------


def split_into(call: Call, input: Tensor, lengths: Sequence[int], dim: int) -> tuple[Array, ...]:
    """Parts of some lengths along a dimension: `b (x + y) c -> b x c, b y c`."""
    array = call.array(input)
    dims = list(map(found, array.dims))
    dim %= len(dims)
    if len(lengths) == 1:
        return (array,)
    own = dims[dim][-1].wish if dims[dim] else ""
    parts = [call.new(length, own) for length in lengths]
    results = [[*dims[:dim], part, *dims[dim + 1 :]] for part in parts]
    reading = (*dims[:dim], (Sum(tuple(parts)),), *dims[dim + 1 :])
    return call.step("rearrange", (array,), (reading,), [Result(tuple(each), array.dtype) for each in results])


@translates("split", "torch.functional.split", "torch.Tensor.split", "split_with_sizes", "unsafe_split")
def split(call: Call, tensor: Tensor, split_size_or_sections: Any, dim: int = 0) -> tuple[Array, ...]:
    """Parts of one length, and a shorter one if it does not come out even; or of some lengths."""
    if not isinstance(split_size_or_sections, int):
        return split_into(call, tensor, list(split_size_or_sections), dim)
    return split_into(call, tensor, parts_of(call, tensor, split_size_or_sections, dim), dim)


@translates("chunk")
def chunk(call: Call, input: Tensor, chunks: int, dim: int = 0) -> tuple[Array, ...]:
    """So many parts."""
    whole = call.lengths(input)[dim]
    length = -(-whole // chunks) if int(whole) % chunks else whole // chunks
    return split_into(call, input, parts_of(call, input, length, dim), dim)


def parts_of(call: Call, tensor: Tensor, length: int, dim: int) -> list[int]:
    """The lengths of parts of one length, and of the last one."""
    whole, count = call.lengths(tensor)[dim], len(call.outs)
    last = whole - length * (count - 1)
    return [*([length] * (count - 1)), length if int(last) == int(length) else last]


@translates("tensor_split")
def tensor_split(call: Call, input: Tensor, indices_or_sections: Any, dim: int = 0, **_: Any) -> tuple[Array, ...]:
    """Parts that begin at some places, or so many."""
    return split_into(call, input, [int(out.shape[dim]) for out in call.outs], dim)


@translates("unbind")
def unbind(call: Call, input: Tensor, dim: int = 0) -> tuple[Array, ...]:
    """The slices along a dimension: `(1 + 1) b -> b, b`."""
    array = call.array(input)
    dims = list(map(found, array.dims))
    dim %= len(dims)
    kept = [*dims[:dim], *dims[dim + 1 :]]
    if len(call.outs) == 1:
        return call.rearranged(array, (*dims[:dim], (), *dims[dim + 1 :]), kept)
    reading = (*dims[:dim], (Sum(((),) * len(call.outs)),), *dims[dim + 1 :])
    return call.step(
        "rearrange", (array,), (reading,), [call.result(kept, place=place) for place in range(len(call.outs))]
    )


# -- padding ----------------------------------------------------------------------------------------------------------


@translates("pad", "constant_pad_nd")
def pad(
    call: Call, input: Tensor, pad: Sequence[int], mode: str | float = "constant", value: float | None = None
) -> tuple[Array, ...] | None:
    """A number in front and behind, along some dimensions, each a concatenation with an array of it."""
    array = call.array(input)
    if not any(pad):
        return (array,)
    if mode != "constant" or any(amount < 0 for amount in pad):
        return opaque(call, padded_dims(call, input, pad))
    for place, (front, behind) in enumerate(zip(pad[::2], pad[1::2], strict=True)):
        array = padded(call, array, len(array.dims) - 1 - place, front, behind, value or 0)
    return (array,)


def padded_dims(call: Call, input: Tensor, pad: Sequence[int]) -> list[Dim]:
    """The dimensions after padding, or after cutting off."""
    dims = list(map(found, call.array(input).dims))
    for place, (front, behind) in enumerate(zip(pad[::2], pad[1::2], strict=True)):
        at = len(dims) - 1 - place
        if front or behind:
            own = dims[at][-1].wish if dims[at] else ""
            dims[at] = call.new(call.lengths(input)[at] + front + behind, own)
    return dims
