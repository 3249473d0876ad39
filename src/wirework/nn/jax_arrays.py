"""What layers need of JAX besides operations, and how parameters are drawn there."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from wirework.nn.initialisers import Constant, Initialiser, Normal, TruncatedNormal, Uniform, ZeroAt

Array = Any
MODES = {"reflect": "reflect", "replicate": "edge", "circular": "wrap"}
ACTIVATIONS = {
    "gelu": lambda x: jax.nn.gelu(x, approximate=False),
    "gelu_tanh": lambda x: jax.nn.gelu(x, approximate=True),
    "relu": jax.nn.relu,
    "silu": jax.nn.silu,
    "sigmoid": jax.nn.sigmoid,
    "tanh": jnp.tanh,
}


class JaxOps:
    """The functions of JAX that layers need: see `wirework.nn.layers.Ops`."""

    def wide(self, x: Array) -> Array:
        return x.astype(jnp.promote_types(x.dtype, jnp.float32))

    def like(self, x: Array, other: Array) -> Array:
        floating = jnp.issubdtype(other.dtype, jnp.floating)
        return x.astype(other.dtype) if floating else self.wide(x)

    def array(self, table: np.ndarray, like: Array) -> Array:
        return jnp.asarray(table, jnp.float32 if table.dtype.kind == "f" else jnp.int32)

    def arange(self, start: int, stop: int, like: Array) -> Array:
        return jnp.arange(start, stop)

    def band(self, rows: int, columns: int, below: int | None, above: int | None, like: Array) -> Array:
        offset = jnp.arange(columns)[None, :] - jnp.arange(rows)[:, None]
        seen = jnp.ones((rows, columns), bool)
        seen = seen if above is None else seen & (offset <= above)
        return seen if below is None else seen & (offset >= -below)

    def zeros(self, shape: tuple[int, ...], like: Array) -> Array:
        return jnp.zeros(shape, like.dtype)

    def sin(self, x: Array) -> Array:
        return jnp.sin(x)

    def cos(self, x: Array) -> Array:
        return jnp.cos(x)

    def detach(self, x: Array) -> Array:
        return jax.lax.stop_gradient(x)

    def pad(self, x: Array, amounts: list[tuple[int, int]], mode: str) -> Array:
        return jnp.pad(x, amounts, MODES[mode])

    def activation(self, name: str, x: Array) -> Array:
        return ACTIVATIONS[name](x)

    def keep(self, key: Any, shape: tuple[int, ...], keep_rate: float, like: Array) -> Array:
        if not keep_rate:
            return jnp.zeros(shape, like.dtype)
        return jax.random.bernoulli(key, keep_rate, shape).astype(like.dtype) / keep_rate


OPS = JaxOps()


def draw(initialiser: Initialiser, key: Any, shape: tuple[int, ...], dtype: Any = jnp.float32) -> Array:
    """An array drawn in float32 or wider, then converted."""
    wide = jnp.promote_types(dtype, jnp.float32)
    match initialiser:
        case Constant(value):
            return jnp.full(shape, value, dtype)
        case Normal(stddev):
            return (jax.random.normal(key, shape, wide) * stddev).astype(dtype)
        case TruncatedNormal():
            drawn = jax.random.truncated_normal(key, -2, 2, shape, wide)
            return (drawn * initialiser.untruncated_stddev).astype(dtype)
        case ZeroAt(other, axis, place):
            return draw(other, key, shape, dtype).at[(slice(None),) * axis + (place,)].set(0)
        case Uniform(low, high):
            return jax.random.uniform(key, shape, wide, low, high).astype(dtype)
    return jnp.asarray(initialiser(key, shape, dtype))


def cast(x: Any, dtype: Any) -> Any:
    """An array of floating numbers in another dtype; anything else as it is."""
    floating = hasattr(x, "dtype") and jnp.issubdtype(x.dtype, jnp.floating)
    return x.astype(dtype) if floating else x


def cast_inputs(
    inputs: Sequence[Any], options: Mapping[str, Any], dtype: Any
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """The arguments of a call with their floating numbers in another dtype, but for positions."""
    named = {name: each if name == "positions" else cast(each, dtype) for name, each in options.items()}
    return tuple(cast(each, dtype) for each in inputs), named


def moved(old: Array, new: Array, decay_rate: float) -> Array:
    """A running statistic, moved towards that of a batch."""
    return (old * decay_rate + jax.lax.stop_gradient(new) * (1 - decay_rate)).astype(old.dtype)


MANY = 2**20  # for `debiased`, batches of which the first no longer count: as a statistic that is not debiased moves


def debiased(old: Array, new: Array, decay_rate: float, count: Array) -> Array:
    """The mean of a statistic over `count` batches, where each weighs `decay_rate` as much as the next.

    Args:
        old: the same mean over the batches before; of the first batch nothing is left but its own statistic.
        new: the statistic of the last batch.

    Source: Kingma and Ba, Adam, 2015, section 3; arXiv:1412.6980.
    """
    decay = math.log(decay_rate) if decay_rate else -math.inf
    share = (decay_rate - 1) / jnp.expm1(count * decay)
    return (old + share * (jax.lax.stop_gradient(new) - old)).astype(old.dtype)
