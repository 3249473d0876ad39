"""Functions of single elements: what each is on NumPy, torch and JAX, and what it costs.

A function with one array is here; those with several, such as "add", are operations of wirework.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

import numpy as np

from wirework.errors import NotSupportedError

Keeps = Literal["nothing", "input", "output", "sign"]
Meanings = Mapping[str, Callable[..., Any]]


@dataclass(frozen=True, slots=True)
class Function:
    """A function of single elements.

    Attributes:
        flops: for each element. Exponentials, logarithms, roots, sines, hyperbolic tangents and the error function
            are 4, other steps 1, so that a sigmoid, 1 / (1 + exp(-x)), is 4 + 3; a choice or a bound is 1.
        keeps: what its backward pass needs: its input, its output, one bit for each element ("sign"), or nothing.
        options: the names of those it takes, which are those of torch.
    """

    flops: int
    keeps: Keeps
    options: tuple[str, ...] = ()


FUNCTIONS: Mapping[str, Function] = {
    "abs": Function(1, "sign"),
    "cast": Function(0, "nothing", ("dtype",)),
    "ceil": Function(1, "nothing"),
    "clamp": Function(2, "sign", ("min", "max")),
    "cos": Function(4, "input"),
    "elu": Function(4 + 3, "input", ("alpha",)),  # where(x > 0, x, alpha * (exp(x) - 1))
    "erf": Function(4, "input"),
    "exp": Function(4, "output"),
    "expm1": Function(4 + 1, "output"),
    "floor": Function(1, "nothing"),
    "gelu": Function(8, "input", ("approximate",)),  # x / 2 * (1 + erf(x / sqrt(2))); the tanh form counts the same
    "hardsigmoid": Function(4, "sign"),  # clamp(x + 3, 0, 6) / 6
    "hardswish": Function(5, "input"),  # x * hardsigmoid(x)
    "isnan": Function(1, "nothing"),
    "leaky_relu": Function(2, "sign", ("negative_slope",)),
    "log": Function(4, "input"),
    "log1p": Function(4 + 1, "input"),
    "logical_not": Function(1, "nothing"),
    "mish": Function(4 + 9 + 1, "input"),  # x * tanh(softplus(x))
    "negative": Function(1, "nothing"),
    "power": Function(4, "input", ("exponent",)),
    "reciprocal": Function(1, "output"),
    "relu": Function(1, "sign"),
    "relu6": Function(2, "sign"),
    "round": Function(1, "nothing", ("decimals",)),
    "rsqrt": Function(4 + 1, "output"),
    "sigmoid": Function(4 + 3, "output"),
    "sign": Function(1, "nothing"),
    "silu": Function(4 + 4, "input"),  # x * sigmoid(x)
    "sin": Function(4, "input"),
    "softplus": Function(4 + 4 + 1, "input", ("beta", "threshold")),  # log(1 + exp(x))
    "sqrt": Function(4, "output"),
    "square": Function(1, "input"),
    "tanh": Function(4, "output"),
}


@lru_cache
def meanings(backend: str) -> Meanings:
    """Each function on the arrays of "numpy", "torch" or "jax".

    Raises:
        NotSupportedError: for any other backend.
    """
    if backend == "torch":
        return torch_meanings()
    if backend == "jax":
        import jax
        import jax.numpy as jnp

        cast = {"cast": lambda x, dtype: x.astype(dtype_of("jax", dtype))}
        return {**generic_meanings(jnp, jax.scipy.special.erf), "sigmoid": jax.nn.sigmoid, "silu": jax.nn.silu, **cast}
    if backend == "numpy":
        return generic_meanings(np, erf)
    raise NotSupportedError(f"a circuit runs on NumPy, torch and JAX, not on {backend}")


def dtype_of(backend: str, name: str) -> Any:
    """What a backend calls a dtype. JAX has those of 64 bits only where they are switched on.

    Raises:
        NotSupportedError: if it has none of this name.
    """
    try:
        if backend == "torch":
            import torch

            return getattr(torch, name)
        if backend == "jax":
            import jax

            return jax.dtypes.canonicalize_dtype(name)
        return np.dtype(name)
    except (AttributeError, TypeError):
        raise NotSupportedError(f"{backend} has no dtype {name}") from None


def torch_meanings() -> Meanings:
    """Each function of torch."""
    import torch
    import torch.nn.functional as F

    own = ("elu", "gelu", "hardsigmoid", "hardswish", "leaky_relu", "mish", "relu", "relu6", "silu", "softplus")
    special = {name: getattr(F, name) for name in own}
    special["cast"] = lambda x, dtype: x.to(dtype_of("torch", dtype))
    special["power"] = lambda x, exponent: x**exponent
    return {name: special.get(name) or getattr(torch, name) for name in FUNCTIONS}


def generic_meanings(xp: Any, erf: Callable[[Any], Any]) -> Meanings:
    """Each function in a namespace that spells as NumPy does."""

    def softplus(x: Any, beta: float = 1, threshold: float = 20) -> Any:
        return xp.where(x * beta > threshold, x, xp.logaddexp(x * beta, 0) / beta)

    def sigmoid(x: Any) -> Any:
        return xp.exp(-xp.logaddexp(-x, 0))

    def elu(x: Any, alpha: float = 1.0) -> Any:
        return xp.where(x > 0, x, alpha * xp.expm1(xp.minimum(x, 0)))

    def clamp(x: Any, min: Any = None, max: Any = None) -> Any:
        return x if min is None and max is None else xp.clip(x, min, max)

    def relu6(x: Any) -> Any:
        return xp.clip(x, 0, 6)

    def gelu(x: Any, approximate: str = "none") -> Any:
        if approximate == "tanh":
            return 0.5 * x * (1 + xp.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))
        return 0.5 * x * (1 + erf(x * math.sqrt(0.5)))

    special = {
        "cast": lambda x, dtype: x.astype(dtype_of("numpy", dtype)),
        "clamp": clamp,
        "elu": elu,
        "erf": erf,
        "gelu": gelu,
        "hardsigmoid": lambda x: relu6(x + 3) / 6,
        "hardswish": lambda x: x * relu6(x + 3) / 6,
        "leaky_relu": lambda x, negative_slope=0.01: xp.where(x > 0, x, negative_slope * x),
        "mish": lambda x: x * xp.tanh(softplus(x)),
        "power": lambda x, exponent: x**exponent,
        "reciprocal": lambda x: 1 / x,
        "relu": lambda x: xp.maximum(x, 0),
        "relu6": relu6,
        "round": lambda x, decimals=0: xp.round(x, decimals),
        "rsqrt": lambda x: 1 / xp.sqrt(x),
        "sigmoid": sigmoid,
        "silu": lambda x: x * sigmoid(x),
        "softplus": softplus,
    }
    return {name: special.get(name) or getattr(xp, name) for name in FUNCTIONS}


def erf(x: Any) -> Any:
    """The error function, which NumPy has not."""
    x = np.asarray(x)
    values = np.fromiter(map(math.erf, x.ravel().tolist()), np.float64, x.size)
    return values.reshape(x.shape).astype(x.dtype if x.dtype.kind == "f" else np.float64)
