"""JAX: plans printed as jax.numpy code."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax
from jax.core import Tracer

from wirework.backends import generic
from wirework.backends.base import Backend, listed, one_or_tuple


class Jax(Backend):
    """JAX's spelling."""

    name = "jax"
    xp = "jnp"

    def names(self) -> Mapping[str, Any]:
        return {
            "jax": jax,
            "jnp": jnp,
            "attend": partial(generic.attend, jnp, drop=drop),
            "convolve": convolve,
            "coordinates": coordinates,
            "cheapest": generic.cheapest,
            "expect_shape": generic.expect_shape,
            "floating": floating,
            "real": real,
            "index_put": index_put,
            "promote": promote,
            "unravel": partial(generic.unravel, jnp),
            "vmap": vmap,
            "windows": partial(generic.windows, jnp),
        }

    def owns(self, kind: type) -> bool:
        return issubclass(kind, jax.Array) or issubclass(kind, Tracer)

    def cast_input(self, name: str, like: str) -> str:
        return f"jnp.asarray({name})"

    def reduce(self, x: str, *options: str, function: str, axes: Sequence[int], keepdims: bool = False) -> str:
        arguments = [one_or_tuple(axes)]
        arguments += [f"ddof={option}" for option in options]
        arguments += ["keepdims=True"] if keepdims else []
        if function == "count_nonzero":
            return f"jnp.count_nonzero({listed([x, *arguments])})"
        if function == "logsumexp":
            return f"jax.nn.logsumexp({listed([x, *arguments])})"
        return f"{x}.{function}({listed(arguments)})"

    def softmax(self, x: str, axis: int) -> str:
        return f"jax.nn.softmax(real({x}), {axis})"

    def log_softmax(self, x: str, axis: int) -> str:
        return f"jax.nn.log_softmax(real({x}), {axis})"

    def take(self, x: str, *indices: str, axis: int) -> str:
        place = listed([*[":"] * axis, *indices])
        return f'{x}.at[{place}].get(mode="fill")'


def real(x: Any) -> Any:
    """An array that is not of complex numbers."""
    if jnp.iscomplexobj(x):
        raise TypeError("it is not defined for complex numbers")
    return x


def floating(x: Any) -> Any:
    """Integers and bools as the default floating type."""
    return x if jnp.issubdtype(x.dtype, jnp.inexact) else x.astype(jnp.result_type(float))


def promote(*arrays: Any) -> list[Any]:
    """Arrays as one dtype; bools count."""
    dtype = jnp.result_type(*arrays)
    dtype = jnp.result_type(int) if dtype == jnp.bool_ else dtype
    return [array.astype(dtype) for array in arrays]


def coordinates(x: Any) -> Any:
    """An array of whole numbers."""
    if not jnp.issubdtype(x.dtype, jnp.integer):
        raise TypeError(f"coordinates must be whole numbers, not {x.dtype}")
    return x


def index_put(x: Any, indices: tuple[Any, ...], values: Any, mode: str) -> Any:
    """A copy of `x` with values put, added or subtracted at some places."""
    place = x.at[indices]
    values = jnp.asarray(values, dtype=x.dtype)
    if mode == "set":
        return place.set(values)
    return place.add(values) if mode == "add" else place.add(-values)


def drop(x: Any, rate: float, rng: Any) -> Any:
    """Zero each value with a probability, and scale the others so that the mean stays."""
    return jnp.where(jax.random.bernoulli(rng, rate, x.shape), 0, x / (1 - rate)).astype(x.dtype)


def convolve(
    x: Any, w: Any, stride: Any = 1, padding: Any = 0, dilation: Any = 1, groups: int = 1,
    transposed: bool = False, output_padding: Any = 0,
) -> Any:  # fmt: skip
    """Convolution of (batch, channels, space) with (channels, channels, kernel)."""
    count = x.ndim - 2
    stride, dilation = generic.per_axis(stride, count), generic.per_axis(dilation, count)
    kernel = w.shape[2:]
    amounts = generic.pads(padding, x.shape[2:], kernel, stride, dilation)
    if not transposed:
        for each in zip(x.shape[2:], amounts, kernel, stride, dilation, strict=True):
            generic.places(*each)
        return lax.conv_general_dilated(x, w, stride, amounts, rhs_dilation=dilation, feature_group_count=groups)
    spans = [d * (k - 1) for d, k in zip(dilation, kernel, strict=True)]
    extra = generic.per_axis(output_padding, count)
    around = [(s - a, s - b + e) for s, (a, b), e in zip(spans, amounts, extra, strict=True)]
    flipped = jnp.flip(w, tuple(range(2, w.ndim)))
    apart = flipped.reshape(groups, w.shape[0] // groups, *w.shape[1:])
    weight = apart.swapaxes(1, 2).reshape(groups * w.shape[1], w.shape[0] // groups, *kernel)
    if max(stride) > 1 and jax.default_backend() == "cpu":  # there XLA aborts on some dilated inputs
        x, weight = spaced(x, stride), spaced(weight, dilation)
        stride = dilation = (1,) * count
    return lax.conv_general_dilated(
        x, weight, (1,) * count, around, lhs_dilation=stride, rhs_dilation=dilation, feature_group_count=groups
    )


def spaced(x: Any, steps: Sequence[int]) -> Any:
    """An array with zeros between the elements of its last dimensions, not to be folded into what follows."""
    interior = [(0, 0, 0), (0, 0, 0), *((0, 0, step - 1) for step in steps)]
    return lax.optimization_barrier(lax.pad(x, jnp.zeros((), x.dtype), interior))


def vmap(function: Callable[..., Any], where: Sequence[Sequence[bool]]) -> Callable[..., Any]:
    """A function mapped over leading axes; `where` says which arrays have which."""
    for loop in reversed(range(len(where[0]) if where else 0)):
        function = jax.vmap(function, in_axes=tuple(0 if has[loop] else None for has in where))
    return function
