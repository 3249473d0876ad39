"""Reshaping, and changing the order of dimensions: each a rearrangement."""

from __future__ import annotations

from collections.abc import Sequence
from math import prod
from typing import Any

from torch import Tensor

from wirework.circuit.axes import Dim, found, hint_of
from wirework.circuit.readings import reshaping
from wirework.circuit.recorder import Array, Result
from wirework.circuit.shaping import split_up
from wirework.circuit.sizes import formula_of
from wirework.circuit.torch.call import Call, dtype_name
from wirework.circuit.torch.table import translates


@translates(
    "contiguous", "clone", "detach", "detach_", "data", "requires_grad_", "alias", "positive", "cpu", "cuda",
    "pin_memory", "resolve_conj", "resolve_neg", "real", "lift_fresh",
)  # fmt: skip
def identity(call: Call, input: Tensor, *_: Any, **__: Any) -> tuple[Array, ...] | None:
    """The same elements in the same place."""
    array = call.array(input)
    return (array,) if array.dtype == dtype_name(call.outs[0].dtype) else None


# -- shapes -----------------------------------------------------------------------------------------------------------


@translates("reshape", "view", "view_copy", "_unsafe_view")
def reshape(call: Call, input: Tensor, *shape: Any, **named: Any) -> tuple[Array, ...] | None:
    """Into a shape."""
    (given,) = [*named.values()] or [shape]
    given = given[0] if len(given) == 1 and not isinstance(given[0], int) else given
    if not all(isinstance(length, int) for length in given):
        return None  # view(dtype)
    return into(call, call.array(input), resolved(call, input, given))


@translates("view_as", "reshape_as")
def reshape_as(call: Call, input: Tensor, other: Tensor) -> tuple[Array, ...] | None:
    """Into the shape of another."""
    return into(call, call.array(input), call.lengths(other))


@translates("flatten", "ravel")
def flatten(call: Call, input: Tensor, start_dim: int = 0, end_dim: int = -1) -> tuple[Array, ...] | None:
    """Several dimensions into one."""
    lengths = call.lengths(input)
    if not lengths:
        return into(call, call.array(input), [1])
    start, end = start_dim % len(lengths), end_dim % len(lengths)
    return into(call, call.array(input), [*lengths[:start], prod(lengths[start : end + 1]), *lengths[end + 1 :]])


@translates("unflatten", "torch.Tensor.unflatten")
def unflatten(call: Call, input: Tensor, dim: int, sizes: Sequence[int], *_: Any) -> tuple[Array, ...] | None:
    """One dimension into several."""
    lengths = call.lengths(input)
    dim %= len(lengths)
    shape = [*lengths[:dim], *filled(lengths[dim], list(sizes)), *lengths[dim + 1 :]]
    return into(call, call.array(input), shape)


def resolved(call: Call, input: Tensor, shape: Sequence[int]) -> list[int]:
    """A shape with the length that -1 stands for."""
    return filled(prod(call.lengths(input)), list(shape))


def filled(total: int, shape: list[int]) -> list[int]:
    """A shape of so many elements, with the length that -1 stands for."""
    if -1 in [int(length) for length in shape]:
        place = [int(length) for length in shape].index(-1)
        others = prod(length for other, length in enumerate(shape) if other != place)
        shape[place] = total // others if others else 0
    return shape


def into(call: Call, array: Array, shape: Sequence[int]) -> tuple[Array, ...]:
    """An array in another shape: its axes are split and flattened, or else all are flattened, and that is split."""
    lengths = [(formula_of(length), int(length)) for length in shape]
    plan = reshaping(array.dims, lengths)
    if plan is None:
        whole = tuple(each for dim in array.dims for each in found(dim))
        (flat,) = call.rearranged(array, tuple(map(found, array.dims)), [whole])
        dims = [call.new(length) for length in shape]
        reading = (tuple(each for dim in dims for each in dim),)
        return call.step("rearrange", (flat,), (reading,), [Result(tuple(dims), array.dtype)])
    return call.rearranged(array, split_up(array, plan), plan.dims)


# -- order of dimensions ----------------------------------------------------------------------------------------------


@translates("permute")
def permute(call: Call, input: Tensor, *dims: Any, **named: Any) -> tuple[Array, ...]:
    """Dimensions in another order."""
    (order,) = [*named.values()] or [dims]
    order = order[0] if len(order) == 1 and not isinstance(order[0], int) else order
    array = call.array(input)
    return call.rearranged(array, tuple(map(found, array.dims)), [array.dims[place] for place in order])


@translates("transpose", "swapaxes", "swapdims")
def transpose(call: Call, input: Tensor, dim0: int, dim1: int) -> tuple[Array, ...]:
    """Two dimensions in each other's place."""
    rank = input.dim()
    order = list(range(rank))
    order[dim0 % rank], order[dim1 % rank] = order[dim1 % rank], order[dim0 % rank]
    return permute(call, input, order)


@translates("t", "T", "mT")
def turned(call: Call, input: Tensor) -> tuple[Array, ...]:
    """The last two dimensions in each other's place."""
    return (
        transpose(call, input, -1, -2)
        if input.dim() == 2 or call.function.endswith("mT.__get__")
        else permute(call, input, list(range(input.dim()))[::-1])
    )


@translates("movedim", "moveaxis")
def movedim(call: Call, input: Tensor, source: Any, destination: Any) -> tuple[Array, ...]:
    """Dimensions moved to other places."""
    rank = input.dim()
    sources = [place % rank for place in ([source] if isinstance(source, int) else source)]
    targets = [place % rank for place in ([destination] if isinstance(destination, int) else destination)]
    moved = dict(zip(targets, sources, strict=True))
    rest = iter(place for place in range(rank) if place not in sources)
    return permute(call, input, [moved[place] if place in moved else next(rest) for place in range(rank)])


# -- dimensions of length 1 -------------------------------------------------------------------------------------------


@translates("unsqueeze")
def unsqueeze(call: Call, input: Tensor, dim: int) -> tuple[Array, ...]:
    """One more dimension, of length 1."""
    array = call.array(input)
    dims: list[Dim] = list(array.dims)
    dims.insert(dim % (len(dims) + 1), ())
    return call.rearranged(array, tuple(map(found, array.dims)), dims)


@translates("squeeze")
def squeeze(call: Call, input: Tensor, *dims: Any, **named: Any) -> tuple[Array, ...]:
    """Without dimensions of length 1."""
    array = call.array(input)
    given = [*named.values()] or list(dims)
    given = given[0] if given and not isinstance(given[0], int) else given
    wanted = {place % len(array.dims) for place in given} if given else set(range(len(array.dims)))
    kept = [dim for place, dim in enumerate(array.dims) if not (place in wanted and hint_of(found(dim)) == 1)]
    reading = tuple(
        () if place in wanted and hint_of(found(dim)) == 1 else found(dim) for place, dim in enumerate(array.dims)
    )
    return call.rearranged(array, reading, kept)


# -- repeating --------------------------------------------------------------------------------------------------------


@translates("expand", "broadcast_to")
def expand(call: Call, input: Tensor, *shape: Any, **named: Any) -> tuple[Array, ...]:
    """Broadcast to a shape."""
    named.pop("implicit", None)
    (given,) = [*named.values()] or [shape]
    given = given[0] if len(given) == 1 and not isinstance(given[0], int) else given
    array = call.array(input)
    own = [()] * (len(given) - len(array.dims)) + [found(dim) for dim in array.dims]
    dims = [
        dim if int(length) in (-1, hint_of(dim)) else call.new(length) for dim, length in zip(own, given, strict=True)
    ]
    reading = tuple(
        () if hint_of(dim) == 1 and hint_of(new) != 1 else dim
        for dim, new in zip(map(found, array.dims), dims[len(dims) - len(array.dims) :], strict=True)
    )
    return call.rearranged(array, reading, dims)


@translates("expand_as")
def expand_as(call: Call, input: Tensor, other: Tensor) -> tuple[Array, ...]:
    """Broadcast to the shape of another."""
    array, target = call.array(input), call.array(other)
    own = [()] * (len(target.dims) - len(array.dims)) + [found(dim) for dim in array.dims]
    dims = [dim if hint_of(dim) == hint_of(found(to)) else found(to) for dim, to in zip(own, target.dims, strict=True)]
    reading = tuple(
        () if hint_of(dim) != hint_of(new) else dim
        for dim, new in zip(map(found, array.dims), dims[len(dims) - len(array.dims) :], strict=True)
    )
    return call.rearranged(array, reading, dims)


@translates("repeat", "tile")
def repeat(call: Call, input: Tensor, *repeats: Any, **named: Any) -> tuple[Array, ...]:
    """Several copies along each dimension."""
    (given,) = [*named.values()] or [repeats]
    given = given[0] if len(given) == 1 and not isinstance(given[0], int) else given
    array = call.array(input)
    given = [1] * (len(array.dims) - len(given)) + list(given)
    own = [()] * (len(given) - len(array.dims)) + [found(dim) for dim in array.dims]
    dims = [(*call.new(count, "" if hint_of(dim) == 1 else "r"), *dim) for dim, count in zip(own, given, strict=True)]
    return call.rearranged(array, tuple(map(found, array.dims)), dims)


@translates("repeat_interleave")
def repeat_interleave(
    call: Call, input: Tensor, repeats: Any = None, dim: int | None = None, **_: Any
) -> tuple[Array, ...] | None:
    """Each slice several times."""
    if not isinstance(repeats, int) or dim is None:
        return None
    array = call.array(input)
    dims = [found(each) for each in array.dims]
    place = dim % len(dims)
    dims[place] = (*dims[place], *call.new(repeats, "r"))
    return call.rearranged(array, tuple(map(found, array.dims)), dims)


@translates("pixel_shuffle")
def pixel_shuffle(call: Call, input: Tensor, upscale_factor: int) -> tuple[Array, ...]:
    """From channels to space: `b (c p q) h w -> b c (h p) (w q)`."""
    array = call.array(input)
    *batch, channels, h, w = array.dims
    p, q = call.new(upscale_factor, "p"), call.new(upscale_factor, "q")
    c = call.new(hint_of(found(channels)) // upscale_factor**2, "c")
    reading = (*map(found, batch), (*c, *p, *q), found(h), found(w))
    return call.rearranged(array, reading, [*batch, c, (*found(h), *p), (*found(w), *q)])


@translates("pixel_unshuffle")
def pixel_unshuffle(call: Call, input: Tensor, downscale_factor: int) -> tuple[Array, ...]:
    """From space to channels: `b c (h p) (w q) -> b (c p q) h w`."""
    array = call.array(input)
    *batch, channels, _, _ = array.dims
    *_, height, width = call.lengths(input)
    p, q = call.new(downscale_factor, "p"), call.new(downscale_factor, "q")
    h, w = call.new(height // downscale_factor, "h"), call.new(width // downscale_factor, "w")
    reading = (*map(found, batch), found(channels), (*h, *p), (*w, *q))
    return call.rearranged(array, reading, [*batch, (*found(channels), *p, *q), h, w])
