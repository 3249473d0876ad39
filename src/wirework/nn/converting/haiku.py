"""Conversion to and from Haiku, where a module is made inside `hk.transform` and has its arrays outside."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import haiku as hk
import jax.numpy as jnp
import numpy as np

from wirework.nn.haiku import BATCHES, MODULES, Module
from wirework.nn.jax_arrays import MANY
from wirework.nn.layers import Layer

Path = tuple[str, ...]
Whole = tuple["Blueprint", Mapping[str, Any], Mapping[str, Any]]


class Blueprint:
    """What makes a module, when it is called inside `hk.transform`.

    >>> from wirework.nn import layers
    >>> made = Blueprint(layers.Linear, "... [c_in -> c_out]", c_out=64)
    >>> f = hk.transform(lambda x: made()(x))
    """

    def __init__(self, kind: type[Layer], *args: Any, **kwargs: Any) -> None:
        self.layer = kind(*args, **kwargs)
        for name, native in self.layer.hand_over().items():
            setattr(self, name, native)

    def __call__(self) -> Module:
        layer = self.layer
        found = {name: getattr(self, name) for name in layer.borrowed}
        natives = {name: each() for name, each in found.items() if each is not None}
        return MODULES[type(layer)](**layer.keywords(layer.arguments, natives))


def layer_of(blueprint: Blueprint) -> Layer:
    """The layer of what makes a module, without a framework."""
    return blueprint.layer


def new(kind: type[Layer], keywords: Mapping[str, Any]) -> Blueprint:
    """What makes a module of a kind of layer."""
    return Blueprint(kind, **keywords)


def arrays_of(whole: Whole) -> dict[str, np.ndarray]:
    """The parameters and running statistics, of what makes a module, its parameters and its state."""
    blueprint, params, state = whole
    return {
        ".".join(path): np.asarray((params if is_trained else state)[module][path[-1]])
        for path, module, is_trained in places(blueprint)
    }


def with_arrays(blueprint: Blueprint, arrays: Mapping[str, np.ndarray]) -> Whole:
    """What makes the module, and its parameters and state with these arrays."""
    params: dict[str, Any] = {}
    state: dict[str, Any] = {}
    for path, module, is_trained in places(blueprint):
        home = params.setdefault(module, {}) if is_trained else state.setdefault(module, {BATCHES: jnp.asarray(MANY)})
        home[path[-1]] = jnp.asarray(arrays[".".join(path)])
    return blueprint, params, state


def places(blueprint: Blueprint) -> list[tuple[Path, str, bool]]:
    """For every array its path, the name that Haiku has for its module, and whether it is a parameter."""
    made = hk.transform_with_state(lambda: list(places_in(blueprint())))
    return made.apply({}, {}, None)[0]  # type: ignore[return-value]


def places_in(module: Module) -> Iterator[tuple[Path, str, bool]]:
    """The places of a module and of those that it was made with."""
    yield from places_of(module.layer, module.module_name)
    for name, inner in module.natives.items():
        if isinstance(inner, Module):
            yield from (((name, *path), *rest) for path, *rest in places_in(inner))  # type: ignore[misc]


def places_of(layer: Layer, module: str) -> Iterator[tuple[Path, str, bool]]:
    """The places of a layer and its inner layers in the module of that name."""
    yield from (((name,), module, True) for name in layer.parameters)
    yield from (((name,), module, False) for name in layer.buffers)
    for name, inner in layer.inside().items():
        yield from (((name, *path), *rest) for path, *rest in places_of(inner, f"{module}/{name}"))  # type: ignore[misc]
