"""Layers for Flax NNX: native modules, whose sizes may be left for the first call or for `build`.

>>> from flax import nnx
>>> import wirework.nn.flax as wn
>>> layer = wn.Linear("... [c_in -> c_out]", c_out=64, rngs=nnx.Rngs(0))
>>> wn.build(layer, {"x": (2, 32)}).weight.shape
(64, 32)
"""

try:
    from flax import nnx as _nnx  # noqa: F401
except ImportError as error:
    raise ImportError('wirework.nn.flax needs Flax: pip install "wirework[flax]"') from error


from wirework.nn.attention import Fused, Latent, QKNorm, Sinks, Softcap, Split
from wirework.nn.convert import convert
from wirework.nn.flax.adapter import (
    MLP,
    MODULES,
    ALiBi,
    Attention,
    Conv,
    Dropout,
    Embedding,
    LearnedPositions,
    Linear,
    Module,
    Norm,
    RelativeBias,
    Residual,
    Rotary,
    Sinusoidal,
    T5Bias,
)
from wirework.nn.flax.building import build
from wirework.nn.flax.caches import StaticCache
from wirework.nn.flax.parameters import param
from wirework.nn.initialisers import constant, normal, truncated_normal, uniform
from wirework.nn.masks import Mask, causal, chunk, document, padding, prefix, span, where, window
from wirework.nn.positions import DynamicScaling, LinearScaling, Llama3Scaling, PixelBands, YarnScaling, grid_positions

__all__ = [
    "MLP", "MODULES", "ALiBi", "Attention", "Conv", "Dropout", "DynamicScaling", "Embedding", "Fused", "Latent",
    "LearnedPositions", "Linear", "LinearScaling", "Llama3Scaling", "Mask", "Module", "Norm", "PixelBands", "QKNorm",
    "RelativeBias", "Residual", "Rotary", "Sinks", "Sinusoidal", "Softcap", "Split", "StaticCache", "T5Bias",
    "YarnScaling", "build", "causal", "chunk", "constant", "convert", "document", "grid_positions", "normal", "padding",
    "param", "prefix", "span", "truncated_normal", "uniform", "where", "window",
]  # fmt: skip
