"""Layers for Keras 3, on its torch and its JAX backend: native layers, whose sizes may be left for the first call.

>>> import wirework.nn.keras as wn
>>> wn.Linear("... [c_in -> c_out]", c_out=64).compute_output_shape((None, 32))
(None, 64)

The layers take `name`, `dtype`, `trainable` and `seed` as well. `Attention` heeds the padding masks of Keras beside
those that it is given; what it calls `weights` elsewhere is `attention_weights`.
"""

try:
    import keras as _keras  # noqa: F401
except ImportError as error:
    needed = 'wirework.nn.keras needs Keras and the backend that KERAS_BACKEND names, "torch" or "jax": pip install '
    raise ImportError(needed + '"wirework[keras,torch]" or "wirework[keras,jax]"') from error


from wirework.nn.attention import Fused, Latent, QKNorm, Sinks, Softcap, Split
from wirework.nn.convert import convert
from wirework.nn.initialisers import constant, normal, truncated_normal, uniform
from wirework.nn.keras.adapter import (
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
)  # fmt: skip
from wirework.nn.keras.arrays import StaticCache
from wirework.nn.keras.parameters import Param as param
from wirework.nn.masks import Mask, causal, chunk, document, padding, prefix, span, where, window
from wirework.nn.positions import DynamicScaling, LinearScaling, Llama3Scaling, PixelBands, YarnScaling, grid_positions

__all__ = [
    "MLP", "MODULES", "ALiBi", "Attention", "Conv", "Dropout", "DynamicScaling", "Embedding", "Fused", "Latent",
    "LearnedPositions", "Linear", "LinearScaling", "Llama3Scaling", "Mask", "Module", "Norm", "PixelBands", "QKNorm",
    "RelativeBias", "Residual", "Rotary", "Sinks", "Sinusoidal", "Softcap", "Split", "StaticCache", "T5Bias",
    "YarnScaling", "causal", "chunk", "constant", "convert", "document", "grid_positions", "normal", "padding", "param",
    "prefix", "span", "truncated_normal", "uniform", "where", "window",
]  # fmt: skip
