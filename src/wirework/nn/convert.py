"""Layers of one framework as layers of another, with the same outputs: `convert`.

The structure of a module is that of its layer without a framework, and its arrays have the same names and the same axes
in every framework, so that nothing here is about any one layer.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any, Protocol, cast

import numpy as np

from wirework.errors import NotSupportedError, did_you_mean
from wirework.nn.layers import Layer
from wirework.nn.layers.base import below
from wirework.nn.layers.composite import Composite

FRAMEWORKS = ("torch", "flax", "linen", "haiku", "equinox", "keras")
WITH_COMPOSITES = ("torch", "flax", "equinox")  # those that have architectures too


class Converter(Protocol):
    """What `convert` needs of a framework: the functions of `wirework.nn.converting.<framework>`."""

    def layer_of(self, module: Any) -> Layer:
        """The layer of a module of ours, without a framework."""
        ...

    def new(self, kind: type[Layer], keywords: Mapping[str, Any]) -> Any:
        """A module of a kind of layer; what its parameters start from does not matter."""
        ...

    def arrays_of(self, module: Any) -> dict[str, np.ndarray]:
        """The parameters and buffers of a module and of all inside it: `{"fc1.weight": ...}`."""
        ...

    def with_arrays(self, module: Any, arrays: Mapping[str, np.ndarray]) -> Any:
        """The module, or where modules do not change a new one, with these parameters and buffers."""
        ...


def convert(module: Any, to: str) -> Any:
    """A layer of another framework that computes the same.

    Args:
        module: a layer of ours, of any framework, with all that it is made of, or an architecture such as GPT-2. Where
            modules do not hold their arrays it is a tuple: in linen of a module and its variables; in Equinox of a
            module and its state, if it has one; in Haiku of a `Blueprint`, which makes the module inside
            `hk.transform`, its parameters and its state.
        to: "torch", "flax", "linen", "haiku", "equinox" or "keras"; architectures to "torch", "flax" or "equinox".

    Returns:
        A module of that framework with copies of the arrays, or such a tuple.

    Raises:
        NotSupportedError: if there is no such framework, or if something inside the module is not a layer of ours.
        AxisSizeError: if the module has arrays without a shape.

    >>> import torch, wirework.nn.torch as wn
    >>> layer = wn.MLP("... [d -> m]", d=4, m=8)
    >>> convert(layer, to="flax")(torch.ones(2, 4).numpy()).shape
    (2, 4)
    """
    bare = module[0] if isinstance(module, tuple) else module
    arrays = converter_of(bare).arrays_of(module)
    return converter(to).with_arrays(rebuilt(bare, arrays, to), arrays)


def rebuilt(module: Any, arrays: Mapping[str, np.ndarray], to: str) -> Any:
    """A module of a framework that is made as one of another was, for arrays of the same shapes."""
    layer = converter_of(module).layer_of(module)
    if isinstance(layer, Composite) and to not in WITH_COMPOSITES:
        known = ", ".join(WITH_COMPOSITES)
        raise NotSupportedError(f"{type(layer).__name__} cannot be converted to {to}: choose from {known}")
    found = {name: getattr(module, name) for name in layer.borrowed}
    natives = {name: rebuilt(each, below(name, arrays), to) for name, each in found.items() if each is not None}
    return converter(to).new(type(layer), layer.keywords({**layer.arguments, **layer.sizes_from(arrays)}, natives))


def converter(framework: str) -> Converter:
    """What converts to and from a framework.

    Raises:
        NotSupportedError: if there is none of that name.
        ImportError: if it is not installed, with what to install.
    """
    if framework not in FRAMEWORKS:
        close = did_you_mean(framework, FRAMEWORKS)
        raise NotSupportedError(f"there is no framework {framework!r}{close}: choose from {', '.join(FRAMEWORKS)}")
    return cast(Converter, importlib.import_module(f"wirework.nn.converting.{framework}"))


def converter_of(module: Any) -> Converter:
    """What converts the modules of the framework that this is one of.

    Raises:
        NotSupportedError: if it is no layer of ours.
    """
    for base in type(module).__mro__:
        match base.__module__.split("."):
            case ["wirework", "nn", "converting", framework] | ["wirework", "nn", framework, *_] if (
                framework in FRAMEWORKS
            ):
                return converter(framework)
    name = getattr(module, "__name__", type(module).__name__)
    raise NotSupportedError(f"{name} is not a layer of wirework.nn: only those, made of each other, can be converted")
