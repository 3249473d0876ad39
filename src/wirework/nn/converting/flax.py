"""Conversion to and from Flax NNX."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jax.numpy as jnp
import numpy as np
from flax import nnx

from wirework.nn.flax import Module
from wirework.nn.flax.adapter import class_of
from wirework.nn.layers import Layer
from wirework.nn.layers.base import array_paths, reach


def layer_of(module: Module) -> Layer:
    """The layer of a module, without a framework."""
    return module.layer


def new(kind: type[Layer], keywords: Mapping[str, Any]) -> Module:
    """A module of a kind of layer."""
    return class_of(kind)(**keywords, rngs=nnx.Rngs(0))


def arrays_of(module: Module) -> dict[str, np.ndarray]:
    """The parameters and running statistics of a module."""
    return {".".join(path): np.asarray(reach(module, path)[...]) for path in array_paths(module)}


def with_arrays(module: Module, arrays: Mapping[str, np.ndarray]) -> Module:
    """The module with these parameters and running statistics."""
    for path in array_paths(module):
        reach(module, path).set_value(jnp.asarray(arrays[".".join(path)]))
    return module
