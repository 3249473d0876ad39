"""Normalisation: to mean 0 and variance 1 over some axes, then a learned factor and term."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from wirework.circuit.axes import Dim, found, hint_of, same
from wirework.circuit.readings import marked
from wirework.circuit.recorder import Array, Result
from wirework.circuit.shaping import wish
from wirework.circuit.torch.call import Call
from wirework.circuit.torch.table import translates


def normalise(
    call: Call, array: Array, dims: Sequence[Dim], inside: Sequence[Dim], epsilon: float, mean: bool = True
) -> tuple[Array, ...]:
    """To mean 0 and variance 1 over some axes, of an array that is read in some dimensions."""
    over = [each for dim in inside for each in found(dim)]
    options: dict[str, Any] = {"epsilon": float(epsilon)} if mean else {"mean": False, "epsilon": float(epsilon)}
    reading = tuple(map(found, dims))
    return call.step(
        "normalise",
        (array,),
        (marked(dims, over),),
        [Result(tuple(map(found, array.dims)), array.dtype, reading)],
        **options,
    )


def scaled(call: Call, array: Array, places: Sequence[int], weight: Any, bias: Any) -> tuple[Array, ...]:
    """Multiplied by a learned factor, and a learned term added, which have the dimensions in some places."""
    for kind, learned in (("multiply", weight), ("add", bias)):
        if learned is not None:
            other = call.array(learned)
            whole = [same(array.dims[place], dim) for place, dim in zip(places, other.dims, strict=True)]
            dims = [
                whole[places.index(place)] if place in places else found(dim) for place, dim in enumerate(array.dims)
            ]
            (array,) = call.step(kind, (array, other), (tuple(dims), tuple(whole)), [call.result(dims)])
    return (array,)


@translates("layer_norm")
def layer_norm(
    call: Call, input: Tensor, normalized_shape: Sequence[int], weight: Any = None, bias: Any = None,
    eps: float = 1e-5, *_: Any, **__: Any,
) -> tuple[Array, ...]:  # fmt: skip
    """Over the last dimensions."""
    array = call.array(input)
    rank, count = len(array.dims), len(normalized_shape)
    (normal,) = normalise(call, array, array.dims, array.dims[rank - count :], eps)
    return scaled(call, normal, range(rank - count, rank), weight, bias)


@translates("rms_norm")
def rms_norm(
    call: Call, input: Tensor, normalized_shape: Sequence[int], weight: Any = None, eps: float | None = None
) -> tuple[Array, ...]:
    """Over the last dimensions, without taking off the mean."""
    array = call.array(input)
    rank, count = len(array.dims), len(normalized_shape)
    epsilon = torch.finfo(call.outs[0].dtype).eps if eps is None else eps
    (normal,) = normalise(call, array, array.dims, array.dims[rank - count :], epsilon, mean=False)
    return scaled(call, normal, range(rank - count, rank), weight, None)


@translates("group_norm")
def group_norm(
    call: Call, input: Tensor, num_groups: int, weight: Any = None, bias: Any = None, eps: float = 1e-5, *_: Any
) -> tuple[Array, ...]:
    """Over space and the channels of a group."""
    array = call.array(input)
    batch, channels, *space = map(found, array.dims)
    wish([channels], "c")
    if num_groups == hint_of(channels):
        (normal,) = normalise(call, array, array.dims, space, eps)
    elif num_groups == 1:
        (normal,) = normalise(call, array, array.dims, [channels, *space], eps)
    else:
        group, inner = call.new(num_groups, "g"), call.new(hint_of(channels) // num_groups, "c")
        (normal,) = normalise(call, array, [batch, (*group, *inner), *space], [inner, *space], eps)
    return scaled(call, normal, [1], weight, bias)


@translates("instance_norm")
def instance_norm(
    call: Call, input: Tensor, weight: Any, bias: Any, running_mean: Any, running_var: Any, use_input_stats: bool,
    momentum: float, eps: float, *_: Any,
) -> tuple[Array, ...]:  # fmt: skip
    """Over space."""
    if not use_input_stats:
        return with_statistics(call, input, running_mean, running_var, weight, bias, eps)
    array = call.array(input)
    wish([array.dims[1]], "c")
    (normal,) = normalise(call, array, array.dims, array.dims[2:], eps)
    return scaled(call, normal, [1], weight, bias)


@translates("batch_norm")
def batch_norm(
    call: Call, input: Tensor, weight: Any, bias: Any, running_mean: Any, running_var: Any, training: bool,
    momentum: float, eps: float, *_: Any,
) -> tuple[Array, ...]:  # fmt: skip
    """Over all but channels in training; by the statistics that were kept otherwise."""
    array = call.array(input)
    wish([array.dims[1]], "c")
    if not training:
        return with_statistics(call, input, running_mean, running_var, weight, bias, eps)
    (normal,) = normalise(call, array, array.dims, [array.dims[0], *array.dims[2:]], eps)
    return scaled(call, normal, [1], weight, bias)


def with_statistics(
    call: Call, input: Tensor, mean: Tensor, variance: Tensor, weight: Any, bias: Any, epsilon: float
) -> tuple[Array, ...]:
    """Less a mean, over the root of a variance: those of each channel."""
    array, centre, spread = call.array(input), call.array(mean), call.array(variance)
    dims = list(map(found, array.dims))
    dims[1] = same(same(dims[1], centre.dims[0]), spread.dims[0])
    channels = (dims[1],)
    (array,) = call.step("subtract", (array, centre), (tuple(dims), channels), [call.result(dims)])
    (wider,) = call.step("add", (spread, call.number(epsilon)), (channels, ()), [Result(channels, spread.dtype)])
    (inverse,) = call.step("rsqrt", (wider,), (channels,), [Result(channels, spread.dtype)])
    (array,) = call.step("multiply", (array, inverse), (tuple(dims), channels), [call.result(dims)])
    return scaled(call, array, [1], weight, bias)
