"""Layers for Equinox: immutable modules, whose arrays are made with them.

>>> import jax
>>> import wirework.nn.equinox as wn
>>> layer = wn.Linear("... [c_in -> c_out]", c_in=32, c_out=64, key=jax.random.key(0))
>>> layer.weight.shape
(64, 32)
"""

try:
    import equinox as _eqx  # noqa: F401
except ImportError as error:
    raise ImportError('wirework.nn.equinox needs Equinox: pip install "wirework[equinox]"') from error


from wirework.nn.attention import Fused, Latent, QKNorm, Sinks, Softcap, Split
from wirework.nn.convert import convert
from wirework.nn.equinox.adapter import (
    MLP,
    ALiBi,
    Attention,
    Conv,
    Dropout,
    Embedding,
    LearnedPositions,
    Linear,
    Norm,
    RelativeBias,
    Residual,
    Rotary,
    Sinusoidal,
    T5Bias,
)
from wirework.nn.initialisers import constant, normal, truncated_normal, uniform
from wirework.nn.jax_caches import StaticCache
from wirework.nn.jax_parameters import param
from wirework.nn.masks import Mask, causal, chunk, document, padding, prefix, span, where, window
from wirework.nn.positions import DynamicScaling, LinearScaling, Llama3Scaling, PixelBands, YarnScaling, grid_positions

__all__ = [
    "MLP", "ALiBi", "Attention", "Conv", "Dropout", "DynamicScaling", "Embedding", "Fused", "Latent",
    "LearnedPositions", "Linear", "LinearScaling", "Llama3Scaling", "Mask", "Norm", "PixelBands", "QKNorm",
    "RelativeBias", "Residual", "Rotary", "Sinks", "Sinusoidal", "Softcap", "Split", "StaticCache", "T5Bias",
    "YarnScaling", "causal", "chunk", "constant", "convert", "document", "grid_positions", "normal", "padding", "param",
    "prefix", "span", "truncated_normal", "uniform", "where", "window",
]  # fmt: skip
