"""Layers that are made of other layers: architectures without a framework."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from wirework.nn.definition import Array, Start, single_operand
from wirework.nn.layers.base import Layer, inner_layers
from wirework.notation.tree import Operand


class Composite(Layer):
    """A layer made of others, all of whose sizes are given.

    A subclass says in `parts` what it has, and in `__call__` what it computes of that: `scope.norm(x)`,
    `for block in scope.blocks`.

    Args:
        config: what it is made of. It can be hashed.

    Attributes:
        home: the Python module that has the torch module of the same name.
    """

    home: ClassVar[str]

    def __init__(self, config: Any) -> None:
        self.arguments = {"config": config}

    def parts(self) -> Mapping[str, Any]:
        """What it has, by name: inner layers, lists of them, how a parameter starts, and None for what there is not."""
        raise NotImplementedError

    @property
    def parameters(self) -> Mapping[str, Operand]:
        return {name: single_operand(" ".join(map(str, start.shape)), name) for name, start in self.starts().items()}

    @property
    def absent(self) -> tuple[str, ...]:
        return tuple(name for name, part in self.parts().items() if part is None)

    def starts(self, *inputs: Array) -> Mapping[str, Start]:
        return {name: part for name, part in self.parts().items() if isinstance(part, Start)}

    def inside(self, *inputs: Array) -> Mapping[str, Any]:
        return {name: part for name, part in self.parts().items() if isinstance(part, Layer | list)}

    @property
    def summary(self) -> str:
        return str(self.arguments["config"])


def starts_inside(layer: Layer) -> dict[str, Start]:
    """How the arrays of a layer and its inner layers start, by their names there: `{"fc1.weight": ...}`."""
    found = dict(layer.starts())
    for path, inner in inner_layers(layer):
        found |= {".".join((*path, name)): start for name, start in starts_inside(inner).items()}
    return found
