"""What the source of a circuit calls beside operations of wirework, for NumPy, torch and JAX."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType, SimpleNamespace
from typing import Any

import numpy as np

from wirework import api
from wirework.circuit.functions import dtype_of, meanings
from wirework.errors import NotSupportedError

HALF = ("float16", "bfloat16")
NO_SIZES: Mapping[str, int] = MappingProxyType({})


def namespace(backend: str) -> dict[str, Any]:
    """What the source of a circuit may use, by name."""
    functions = meanings(backend)
    return {
        "ww": api,
        "f": SimpleNamespace(**functions),
        "normalise": normaliser(functions),
        "arrays": arrays,
        "changed": changed,
        **makers(backend),
    }


def normaliser(functions: Mapping[str, Callable[..., Any]]) -> Callable[..., Any]:
    """The function for the operation "normalise"."""

    def normalise(
        x: Any, reduced: str, spread: str, mean: bool = True, epsilon: float = 1e-5, sizes: Mapping[str, int] = NO_SIZES
    ) -> Any:
        """To mean 0, unless `mean` is off, and variance 1. Half precision is counted in float32.

        Args:
            x: the array.
            reduced: the expression of the statistics.
            spread: that of an array, and statistics, to an array.
            mean: whether the mean is taken off.
            epsilon: is added to the variance.
            sizes: of axes that do not show.
        """
        dtype = str(x.dtype).rpartition(".")[2]
        exact = functions["cast"](x, "float32") if dtype in HALF else x
        if mean:
            exact = api.subtract(spread, exact, api.mean(reduced, exact, **sizes), **sizes)
        variance = api.mean(reduced, exact * exact, **sizes)
        normal = api.multiply(spread, exact, functions["rsqrt"](variance + epsilon), **sizes)
        return functions["cast"](normal, dtype) if dtype in HALF else normal

    return normalise


def makers(backend: str) -> dict[str, Callable[..., Any]]:
    """Functions that make an array of a shape and a dtype where another array is."""

    def full(value: Any, shape: tuple[int, ...], dtype: str, like: Any) -> Any:
        if backend == "torch":
            import torch

            return torch.full(shape, value, dtype=dtype_of(backend, dtype), device=like.device)
        return array_namespace(backend).full(shape, value, dtype=dtype_of(backend, dtype))

    def constant(value: Any, shape: tuple[int, ...], dtype: str, like: Any) -> Any:
        if backend == "torch":
            import torch

            return torch.tensor(value, dtype=dtype_of(backend, dtype), device=like.device).reshape(shape)
        return array_namespace(backend).asarray(value, dtype=dtype_of(backend, dtype)).reshape(shape)

    def arange(start: Any, step: Any, shape: tuple[int], dtype: str, like: Any) -> Any:
        if backend == "torch":
            import torch

            places = torch.arange(shape[0], device=like.device)
        else:
            places = array_namespace(backend).arange(shape[0])
        return meanings(backend)["cast"](places * step + start, dtype)

    return {"full": full, "constant": constant, "arange": arange}


def array_namespace(backend: str) -> Any:
    """NumPy, or what JAX has of it."""
    if backend == "numpy":
        return np
    import jax.numpy as jnp

    return jnp


def arrays(result: Any) -> tuple[Any, ...]:
    """The arrays in what a function returns, in order."""
    if isinstance(result, Mapping):
        result = tuple(result.values())
    if isinstance(result, list | tuple):
        return tuple(array for each in result for array in arrays(each))
    return (result,) if hasattr(result, "ndim") else ()


def changed(function: Callable[..., Any], x: Any, *arguments: Any, **options: Any) -> Any:
    """What a function makes of an array that it changes: of a copy."""
    copy = x.clone()
    function(copy, *arguments, **options)
    return copy


# -- dropout -------------------------------------------------------------------------------------------------------


def dropping(backend: str, rng: Any) -> Any:
    """What drops elements while training: a function of an array and a rate, with `options` for attention.

    Raises:
        NotSupportedError: if there is nothing to draw from.
    """
    if backend == "torch":
        return TorchDrop()
    if rng is None:
        raise NotSupportedError(f"training=True needs rng= on {backend}: a generator of NumPy, or a key of JAX")
    return NumPyDrop(rng) if backend == "numpy" else JaxDrop(rng)


class TorchDrop:
    """Draws from torch's own generator."""

    def __call__(self, x: Any, rate: float) -> Any:
        from torch.nn.functional import dropout

        return dropout(x, rate)

    def options(self, rate: float) -> dict[str, Any]:
        """Of attention."""
        return {"dropout": rate}


class NumPyDrop:
    """Draws from a generator."""

    def __init__(self, rng: np.random.Generator) -> None:
        self.rng = rng

    def __call__(self, x: Any, rate: float) -> Any:
        from wirework.backends.numpy import drop

        return drop(x, rate, self.rng)

    def options(self, rate: float) -> dict[str, Any]:
        """Of attention."""
        return {"dropout": rate, "rng": self.rng}


class JaxDrop:
    """Draws with a new key each time."""

    def __init__(self, key: Any) -> None:
        self.key = key

    def next_key(self) -> Any:
        import jax

        self.key, key = jax.random.split(self.key)
        return key

    def __call__(self, x: Any, rate: float) -> Any:
        from wirework.backends.jax import drop

        return drop(x, rate, self.next_key())

    def options(self, rate: float) -> dict[str, Any]:
        """Of attention."""
        return {"dropout": rate, "rng": self.next_key()}
