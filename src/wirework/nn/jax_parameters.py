"""Parameters of JAX, shaped by the operation that they are for."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from wirework.errors import SemanticError
from wirework.nn.initialisers import Constant, Initialiser, default_initialiser
from wirework.nn.jax_arrays import draw

Init = Initialiser | float | Callable[..., jax.Array]


def initialiser_for(request: Any, init: Init | None) -> Initialiser | Callable[..., jax.Array]:
    """What a parameter is drawn from that an operation asks for."""
    if init is None:
        return default_initialiser(request.operation, request.fan_in)
    return Constant(init) if isinstance(init, int | float) else init


def drawn(what: str, initialiser: Any, key: jax.Array | None, shape: tuple[int, ...], dtype: Any) -> jax.Array:
    """An array that is drawn from a key, if it is random.

    Raises:
        SemanticError: if there is no key for one that is.
    """
    if key is None and not isinstance(initialiser, Constant):
        raise SemanticError(f"{what} is drawn at random: pass key=...")
    return draw(initialiser, key, shape, dtype)


def floating(dtype: Any) -> Any:
    """A dtype if it is one of floating numbers, else float32."""
    return dtype if dtype is not None and jnp.issubdtype(dtype, jnp.floating) else jnp.float32


class Place:
    """What stands for a parameter in an operation, and learns what array the operation asks for."""

    def __init__(self, dtype: Any) -> None:
        self.dtype, self.request = dtype, None

    def __wirework_array__(self, request: Any) -> jax.Array:
        """Called by the operation."""
        self.request = request
        return jnp.zeros(request.shape, self.dtype)


def param(
    operation: Callable[..., Any], expression: str, *arrays: Any, key: jax.Array | None = None,
    init: Init | None = None, dtype: Any = jnp.float32, **sizes: Any,
) -> jax.Array:  # fmt: skip
    """A parameter for an operation, as an array to keep in a field.

    Args:
        operation: such as `ww.multiply`.
        expression: of the operation.
        arrays: what else it is called with, or the shapes of these; None stands for the parameter.
        key: what the parameter is drawn from, if it is random.
        init: a distribution, a number, or a function of key, shape and dtype, such as those of
            `jax.nn.initializers`. Without it the operation decides: `add` zeros, `multiply` ones, `get_at` and
            `rearrange` normal(0.02), `dot` truncated normal with variance 1/fan_in.
        sizes: sizes of axes.

    >>> import wirework as ww
    >>> param(ww.multiply, "... [c]", jnp.ones((2, 3)), None)
    Array([1., 1., 1.], dtype=float32)
    """
    place = Place(dtype)
    given = [each for each in arrays if each is not None]
    if len(given) != len(arrays) - 1:
        raise SemanticError("one of the arrays is None: that is where the parameter stands", expression)

    def call(*given: Any) -> Any:
        rest = iter(given)
        return operation(expression, *(place if each is None else next(rest) for each in arrays), **sizes)

    jax.eval_shape(call, *given)
    request: Any = place.request
    return drawn(f'the parameter of "{expression}"', initialiser_for(request, init), key, request.shape, dtype)
