"""NumPy: plans printed as NumPy code."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np

from wirework.backends import generic
from wirework.backends.base import Backend, listed, one_or_tuple


class NumPy(Backend):
    """NumPy's spelling."""

    name = "numpy"
    xp = "np"

    def names(self) -> Mapping[str, Any]:
        shared = ("convolve", "stable_log_softmax", "stable_logsumexp", "stable_softmax", "unravel", "windows")
        return {
            "np": np,
            **{name: partial(getattr(generic, name), np) for name in shared},
            "attend": partial(generic.attend, np, drop=drop),
            "floating": floating,
            "promote": promote,
            "coordinates": coordinates,
            "index_put": index_put,
            "vmap": vmap,
            "cheapest": generic.cheapest,
            "expect_shape": generic.expect_shape,
        }

    def owns(self, kind: type) -> bool:
        return issubclass(kind, np.ndarray | np.generic)

    def cast_input(self, name: str, like: str) -> str:
        return name

    def reduce(self, x: str, *options: str, function: str, axes: Sequence[int], keepdims: bool = False) -> str:
        arguments = [one_or_tuple(axes)]
        arguments += [f"ddof={option}" for option in options]
        arguments += ["keepdims=True"] if keepdims else []
        if function == "count_nonzero":
            arguments[0] = f"axis={arguments[0]}"
            return f"np.count_nonzero({listed([x, *arguments])})"
        if function == "logsumexp":
            return f"stable_logsumexp({listed([x, *arguments])})"
        return f"{x}.{function}({listed(arguments)})"


def floating(x: Any) -> Any:
    """Integers and bools as the default floating type."""
    return x.astype(np.float64) if x.dtype.kind in "biu" else x


def promote(*arrays: Any) -> list[Any]:
    """Arrays as one dtype; bools count."""
    dtype = np.result_type(*arrays)
    dtype = np.dtype(np.int64) if dtype.kind == "b" else dtype
    return [array.astype(dtype, copy=False) for array in arrays]


def coordinates(x: Any) -> Any:
    """An array of whole numbers."""
    if x.dtype.kind not in "iu":
        raise TypeError(f"coordinates must be whole numbers, not {x.dtype}")
    return x


def index_put(x: Any, indices: tuple[Any, ...], values: Any, mode: str) -> Any:
    """A copy of `x` with values put, added or subtracted at some places."""
    x = np.array(x)
    values = np.asarray(values).astype(x.dtype)
    if mode == "set":
        x[indices] = values
    else:
        (np.add if mode == "add" else np.subtract).at(x, indices, values)
    return x


def drop(x: Any, rate: float, rng: np.random.Generator) -> Any:
    """Zero each value with a probability, and scale the others so that the mean stays."""
    return np.where(rng.random(x.shape) < rate, 0, x / (1 - rate)).astype(x.dtype)


def vmap(function: Callable[..., Any], where: Sequence[Sequence[bool]]) -> Callable[..., Any]:
    """Call a function for each combination of leading indices; `where` says which arrays have which."""
    loops = len(where[0]) if where else 0

    def mapped(*arrays: Any) -> Any:
        sizes = [0] * loops
        for array, has in zip(arrays, where, strict=True):
            for size, loop in zip(array.shape, [i for i in range(loops) if has[i]], strict=False):
                sizes[loop] = size
        results = [
            function(*(array[tuple(i for i, own in zip(index, has, strict=True) if own)]
                       for array, has in zip(arrays, where, strict=True)))
            for index in np.ndindex(*sizes)
        ]  # fmt: skip
        if not results:
            raise ValueError("a function cannot be mapped over an axis of length 0 in NumPy")
        if isinstance(results[0], tuple):
            return tuple(together([result[i] for result in results], sizes) for i in range(len(results[0])))
        return together(results, sizes)

    return mapped


def together(results: Sequence[Any], sizes: Sequence[int]) -> Any:
    """Results of the single calls as one array."""
    stacked = np.stack([np.asarray(result) for result in results])
    return stacked.reshape((*sizes, *stacked.shape[1:]))
