"""Composites as torch modules, and the torch module of every layer."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import torch
from torch import Tensor, nn

from wirework.errors import NotSupportedError
from wirework.nn import layers
from wirework.nn.definition import Start
from wirework.nn.initialisers import Normal, Uniform
from wirework.nn.layers import Layer, composite
from wirework.nn.torch.attention import Attention
from wirework.nn.torch.conv import Conv
from wirework.nn.torch.embedding import Embedding
from wirework.nn.torch.layers import Dropout, Linear, Norm
from wirework.nn.torch.mlp import MLP, Residual
from wirework.nn.torch.positions import ALiBi, LearnedPositions, RelativeBias, Rotary, Sinusoidal, T5Bias

CLASSES: dict[type[Layer], type[nn.Module]] = {
    layers.Linear: Linear,
    layers.Norm: Norm,
    layers.Dropout: Dropout,
    layers.Embedding: Embedding,
    layers.Conv: Conv,
    layers.Attention: Attention,
    layers.MLP: MLP,
    layers.Residual: Residual,
    layers.LearnedPositions: LearnedPositions,
    layers.Sinusoidal: Sinusoidal,
    layers.Rotary: Rotary,
    layers.RelativeBias: RelativeBias,
    layers.T5Bias: T5Bias,
    layers.ALiBi: ALiBi,
}


class Composite(nn.Module):
    """A composite as a torch module, which is itself the scope that its layer is called with.

    Attributes:
        layer: what it computes, without a framework.
    """

    layer: Any

    def compose(self, layer: composite.Composite) -> None:
        """Take a layer, and make what it has."""
        self.layer = layer
        for name, part in layer.parts().items():
            match part:
                case Start(shape, initialiser):
                    setattr(self, name, nn.Parameter(redrawn(torch.empty(shape), initialiser)))
                case list():
                    self.add_module(name, nn.ModuleList(map(made, part)))
                case _:
                    self.add_module(name, None if part is None else made(part))

    def reset_parameters(self) -> None:
        """Draw anew what does not start as the layers inside say."""
        for name, start in self.layer.restarts().items():
            redrawn(self.get_parameter(name), start.initialiser)

    def forward(self, *inputs: Any, **options: Any) -> Any:
        return self.layer(self, *inputs, **options)


def made(layer: Layer) -> nn.Module:
    """A new module of a layer."""
    natives = {name: made(each) if isinstance(each, Layer) else each for name, each in layer.natives.items()}
    return class_of(type(layer))(**layer.keywords(layer.arguments, natives))


def redrawn(array: Tensor, initialiser: Any) -> Tensor:
    """An array with new random elements, from torch's generator as it is."""
    match initialiser:
        case Normal(stddev):
            return nn.init.normal_(array, std=stddev)
        case Uniform(low, high):
            return nn.init.uniform_(array, low, high)
    raise NotSupportedError(f"an architecture starts with normal or uniform elements, not {initialiser}")


def class_of(kind: type[Layer]) -> type[nn.Module]:
    """The torch module of a kind of layer."""
    if issubclass(kind, composite.Composite):
        return getattr(import_module(kind.home), kind.__name__)
    return CLASSES[kind]
