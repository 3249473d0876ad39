"""Positional embeddings: what tells a model where a token stands, without a framework."""

from wirework.nn.positions.biases import ALiBiDefinition, RelativeBiasDefinition, T5BiasDefinition
from wirework.nn.positions.grids import grid_positions
from wirework.nn.positions.learned import LearnedPositionsDefinition
from wirework.nn.positions.rotary import Pairing, RotaryDefinition
from wirework.nn.positions.scaling import (
    DynamicScaling,
    LinearScaling,
    Llama3Scaling,
    PixelBands,
    Scaling,
    YarnScaling,
)
from wirework.nn.positions.sinusoidal import SinusoidalDefinition

# The definitions that have tables.
Tabled = ALiBiDefinition | RelativeBiasDefinition | RotaryDefinition | SinusoidalDefinition | T5BiasDefinition

__all__ = [
    "ALiBiDefinition", "DynamicScaling", "LearnedPositionsDefinition", "LinearScaling", "Llama3Scaling",
    "Pairing", "PixelBands", "RelativeBiasDefinition", "RotaryDefinition", "Scaling", "SinusoidalDefinition",
    "T5BiasDefinition", "Tabled", "YarnScaling", "grid_positions",
]  # fmt: skip
