"""Parameters of NNX modules that stand in place of an array of an operation, and wait for their shape."""

from __future__ import annotations

from typing import Any

from flax import nnx
from flax.errors import TraceContextError

from wirework.errors import AxisSizeError
from wirework.nn.jax_arrays import draw
from wirework.nn.jax_parameters import Init, floating, initialiser_for

Array = Any


class Unbuilt(nnx.Pytree):
    """What a parameter holds while it has no shape: what its elements will be drawn from."""

    def __init__(self, stream: nnx.RngStream, init: Init | None, dtype: Any) -> None:
        self.stream, self.dtype = stream, dtype
        self.init = nnx.static(init)


class Parameter(nnx.Param):
    """A parameter in place of an array of an operation; until its first use it holds `Unbuilt`.

    Attributes:
        seen: its shape, what it was drawn from, and its dtype; `None` while it has no shape.
    """

    def __wirework_array__(self, request: Any) -> Array:
        """Called by the operation that this parameter is given to."""
        unbuilt = self.get_value()
        if isinstance(unbuilt, Unbuilt):
            dtype = unbuilt.dtype or floating(getattr(request.like, "dtype", None))
            try:
                self.build(request.shape, initialiser_for(request, unbuilt.init), dtype)
            except TraceContextError:
                raise AxisSizeError(self.refusal()) from None
        return self.get_value()

    def refusal(self) -> str:
        """What is said where it has no shape."""
        return "a parameter has no shape yet: use it in an operation, or call build()"

    def build(self, shape: tuple[int, ...], init: Any, dtype: Any) -> None:
        """Draw the elements."""
        self.set_value(draw(init, self.get_value().stream(), shape, dtype))
        self.set_metadata(seen=(shape, init, dtype))


def param(*, rngs: nnx.Rngs, init: Init | None = None, dtype: Any = None) -> nnx.Param[Array]:
    """A parameter in place of an array, shaped by the expression that it is first used in.

    Args:
        init: a distribution, a number, or a function of key, shape and dtype, such as those of `nnx.initializers`.
            Without it the operation decides: `add` zeros, `multiply` ones, `get_at` and `rearrange` normal(0.02),
            `dot` truncated normal with variance 1/fan_in.
        dtype: `None`: that of the arrays that it meets.

    >>> ww.multiply("... [c]", jnp.ones((1, 2)), param(rngs=nnx.Rngs(0), init=0.5))
    Array([[0.5, 0.5]], dtype=float32)
    """
    return Parameter(Unbuilt(rngs.params.fork(), init, dtype), seen=None)
