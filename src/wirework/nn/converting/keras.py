"""Conversion to and from Keras."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import keras
import numpy as np

from wirework.errors import AxisSizeError
from wirework.nn.keras import MODULES, Module
from wirework.nn.layers import Layer
from wirework.nn.layers.base import array_paths, reach


def layer_of(module: Module) -> Layer:
    """The layer of a module, without a framework."""
    return module.layer


def new(kind: type[Layer], keywords: Mapping[str, Any]) -> Module:
    """A module of a kind of layer, with its weights."""
    module = MODULES[kind](**keywords)
    module.build()
    return module


def arrays_of(module: Module) -> dict[str, np.ndarray]:
    """The weights of a module."""
    if not module.built:
        raise AxisSizeError(f"{module.layer} has no weights yet: call it, or its build(input_shape)")
    found = {".".join(path): reach(module, path) for path in array_paths(module)}
    return {name: np.asarray(keras.ops.convert_to_numpy(variable)) for name, variable in found.items()}


def with_arrays(module: Module, arrays: Mapping[str, np.ndarray]) -> Module:
    """The module with these weights."""
    for path in array_paths(module):
        reach(module, path).assign(arrays[".".join(path)])
    return module
