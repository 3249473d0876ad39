"""The missing sizes of a whole model, from the shapes of its inputs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

import jax
import jax.numpy as jnp
from flax import nnx

from wirework.errors import AxisSizeError
from wirework.nn.flax.adapter import Module
from wirework.nn.flax.parameters import Parameter

Array = Any
Spec = tuple[int, ...] | tuple[tuple[int, ...], Any] | Array
Model = TypeVar("Model", bound=nnx.Module)


def build(model: Model, inputs: Mapping[str, Spec]) -> Model:
    """Infer every missing size from the shapes of inputs, without data or arithmetic.

    Args:
        model: called with `inputs` by name.
        inputs: for each argument a shape, a pair of shape and dtype, or an array.

    Returns:
        The same model.

    Raises:
        AxisSizeError: if sizes are still missing, because the model did not use a layer.
    """
    graphdef, state = nnx.split(model)
    seen: dict[Any, Any] = {}

    def run(state: Any, inputs: Mapping[str, Array]) -> None:
        copy = nnx.merge(graphdef, state)
        copy.eval()  # no statistics are tracked
        copy(**inputs)
        seen.update({path: node.seen for path, node in waiting(copy)})

    jax.eval_shape(run, state, {name: struct(spec) for name, spec in inputs.items()})
    for path, node in waiting(model):  # outer modules first: they have the sizes of the inner ones
        if node.seen is None:
            if seen[path] is None:
                name = ".".join(map(str, path))
                raise AxisSizeError(f"{name} still has no size: the model did not use it. {node.refusal()}")
            node.build(*seen[path])
    return model


def waiting(model: nnx.Module) -> list[tuple[Any, Module | Parameter]]:
    """All that may wait for sizes, with its path."""
    found = [(path, node) for path, node in nnx.iter_graph(model) if isinstance(node, Module | Parameter)]
    return sorted(found, key=lambda each: len(each[0]))


def struct(spec: Spec) -> jax.ShapeDtypeStruct:
    """An array like `spec` without elements."""
    match spec:
        case [[*shape], dtype]:
            return jax.ShapeDtypeStruct(tuple(shape), dtype)
        case [*shape]:
            return jax.ShapeDtypeStruct(tuple(shape), jnp.float32)
        case _:
            return jax.ShapeDtypeStruct(spec.shape, spec.dtype)
