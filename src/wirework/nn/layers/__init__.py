"""Layers without a framework: what each has inside, and what it computes. An adapter makes native modules of them."""

from wirework.nn.layers.attention import Attention
from wirework.nn.layers.base import Layer, Ops, Scope, signature_of
from wirework.nn.layers.plain import MLP, Conv, Dropout, Embedding, Linear, Norm, Residual
from wirework.nn.layers.positions import ALiBi, LearnedPositions, RelativeBias, Rotary, Sinusoidal, T5Bias

LAYERS = (
    Linear, Norm, Dropout, Embedding, Conv, Attention, MLP, Residual, LearnedPositions, Sinusoidal, Rotary,
    RelativeBias, T5Bias, ALiBi,
)  # fmt: skip

__all__ = [
    "LAYERS", "MLP", "ALiBi", "Attention", "Conv", "Dropout", "Embedding", "Layer", "LearnedPositions", "Linear",
    "Norm", "Ops", "RelativeBias", "Residual", "Rotary", "Scope", "Sinusoidal", "T5Bias",
    "signature_of",
]  # fmt: skip
