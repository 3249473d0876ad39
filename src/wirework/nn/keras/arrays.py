"""The backend of Keras, and arrays without elements, by which Keras foretells shapes."""

from __future__ import annotations

from typing import Any

import keras

from wirework.errors import NotSupportedError

BACKEND = keras.backend.backend()

match BACKEND:
    case "torch":
        from wirework.nn.torch.caches import StaticCache
        from wirework.nn.torch_arrays import OPS
    case "jax":
        from wirework.nn.jax_arrays import OPS
        from wirework.nn.jax_caches import StaticCache
    case _:
        known = 'set KERAS_BACKEND to "torch" or "jax"'
        raise NotSupportedError(f"the layers run on the torch and JAX backends of Keras, not on {BACKEND}: {known}")

__all__ = ["BACKEND", "SIZES", "Ops", "StaticCache", "filled", "is_symbolic", "known_of"]

Array = Any
BackendOps: Any = type(OPS)
# Two numbers with many divisors for a size that is not known: what differs between them depends on it.
SIZES = (48, 96)


class Ops(BackendOps):
    """The functions of Keras's backend that layers need, with random numbers drawn as Keras draws them."""

    def __init__(self, seeds: keras.random.SeedGenerator | None) -> None:
        self.seeds = seeds

    def keep(self, key: Any, shape: tuple[int, ...], keep_rate: float, like: Array) -> Array:
        kept: Array = keras.ops.cast(keras.random.uniform(shape, seed=self.seeds) < keep_rate, like.dtype)
        return kept / keep_rate if keep_rate else kept


def is_symbolic(value: Any) -> bool:
    """Whether there is an array without elements in it."""
    return any(isinstance(each, keras.KerasTensor) for each in keras.tree.flatten(value))


def filled(value: Any, size: int) -> Any:
    """Arguments with a number for every size of an array without elements that is not known."""

    def fill(each: Any) -> Any:
        if not isinstance(each, keras.KerasTensor):
            return each
        return keras.KerasTensor([size if length is None else length for length in each.shape], each.dtype)

    return keras.tree.map_structure(fill, value)


def known_of(one: keras.KerasTensor, other: keras.KerasTensor) -> keras.KerasTensor:
    """An output, with `None` for every size that is not the same in two cases."""
    return keras.KerasTensor([a if a == b else None for a, b in zip(one.shape, other.shape, strict=True)], one.dtype)
