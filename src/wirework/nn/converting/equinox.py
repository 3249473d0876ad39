"""Conversion to and from Equinox, where a module with running statistics goes with a state."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from wirework.errors import SemanticError
from wirework.nn.equinox.adapter import BATCHES, Module, StateIndex, class_of
from wirework.nn.jax_arrays import MANY
from wirework.nn.layers import Layer
from wirework.nn.layers.base import array_paths, reach


def layer_of(module: Module) -> Layer:
    """The layer of a module, without a framework."""
    return module.layer


def new(kind: type[Layer], keywords: Mapping[str, Any]) -> Module:
    """A module of a kind of layer."""
    return class_of(kind(**keywords))(**keywords, key=jax.random.key(0))


def arrays_of(module: Any) -> dict[str, np.ndarray]:
    """The parameters of a module, and with its state the running statistics."""
    bare, *rest = module if isinstance(module, tuple) else (module,)
    found = {".".join(path): reach(bare, path) for path in array_paths(bare)}
    if not rest and any(map(is_index, found.values())):
        raise SemanticError(f"{bare.layer} has running statistics inside: convert it with its state, (module, state)")
    return {name: np.asarray(rest[0].get(each) if is_index(each) else each) for name, each in found.items()}


def with_arrays(module: Module, arrays: Mapping[str, np.ndarray]) -> Any:
    """The module with these parameters, and with a state of these running statistics if there are any."""
    paths = list(array_paths(module))
    counters = [(*path[:-1], BATCHES) for path in paths if is_index(reach(module, path))]
    new = [jnp.asarray(arrays[".".join(path)]) for path in paths] + [jnp.asarray(MANY)] * len(counters)
    places = [*paths, *counters]
    old = [reach(module, place) for place in places]
    filled = [StateIndex(array) if is_index(each) else array for each, array in zip(old, new, strict=True)]
    whole = eqx.tree_at(lambda tree: [reach(tree, place) for place in places], module, filled, is_leaf=is_index)
    return eqx.nn.make_with_state(lambda: whole)() if counters else whole


def is_index(value: Any) -> bool:
    """Whether an attribute stands for an array of the state."""
    return isinstance(value, StateIndex)
