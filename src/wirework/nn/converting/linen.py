"""Conversion to and from linen, where a module goes with its variables."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import flax.linen as nn
import jax.numpy as jnp
import numpy as np
from flax.traverse_util import flatten_dict, unflatten_dict

from wirework.nn.layers import Layer
from wirework.nn.layers.base import array_paths
from wirework.nn.linen import MODULES

STATISTICS = ("running_mean", "running_var")


def layer_of(module: Any) -> Layer:
    """The layer of a module, without a framework."""
    return module.layer


def new(kind: type[Layer], keywords: Mapping[str, Any]) -> nn.Module:
    """A module of a kind of layer."""
    return MODULES[kind](**keywords)


def arrays_of(module: tuple[nn.Module, Mapping[str, Any]]) -> dict[str, np.ndarray]:
    """The parameters and running statistics of a module, of the pair of it and its variables."""
    flat = flatten_dict(module[1])
    return {".".join(path): np.asarray(flat[collection_of(path), *path]) for path in array_paths(module[0])}


def with_arrays(module: nn.Module, arrays: Mapping[str, np.ndarray]) -> tuple[nn.Module, Any]:
    """The module, and variables with these parameters and running statistics."""
    paths = array_paths(module)
    return module, unflatten_dict({(collection_of(path), *path): jnp.asarray(arrays[".".join(path)]) for path in paths})


def collection_of(path: tuple[str, ...]) -> str:
    """The collection that an array is in."""
    return "batch_stats" if path[-1] in STATISTICS else "params"
