"""Layers for PyTorch: native modules, whose sizes may be left for the first call or for `build`.

>>> import wirework.nn.torch as wn
>>> layer = wn.Linear("... [c_in -> c_out]", c_out=64)
>>> wn.build(layer, {"x": (2, 32)}).weight.shape
torch.Size([64, 32])
"""

try:
    import torch as _torch  # noqa: F401
except ImportError as error:
    raise ImportError('wirework.nn.torch needs torch: pip install "wirework[torch]"') from error


from wirework.nn.attention import Fused, Latent, QKNorm, Sinks, Softcap, Split
from wirework.nn.convert import convert
from wirework.nn.initialisers import constant, normal, truncated_normal, uniform
from wirework.nn.masks import Mask, causal, chunk, document, padding, prefix, span, where, window
from wirework.nn.positions import DynamicScaling, LinearScaling, Llama3Scaling, PixelBands, YarnScaling, grid_positions
from wirework.nn.torch.attention import Attention
from wirework.nn.torch.base import build
from wirework.nn.torch.caches import GrowingCache, SlidingCache, StaticCache
from wirework.nn.torch.conv import Conv
from wirework.nn.torch.embedding import Embedding
from wirework.nn.torch.layers import Dropout, Linear, Norm
from wirework.nn.torch.mlp import MLP, Residual
from wirework.nn.torch.parameter import param
from wirework.nn.torch.positions import ALiBi, LearnedPositions, RelativeBias, Rotary, Sinusoidal, T5Bias

__all__ = [
    "MLP", "ALiBi", "Attention", "Conv", "Dropout", "DynamicScaling", "Embedding", "Fused", "GrowingCache", "Latent",
    "LearnedPositions", "Linear", "LinearScaling", "Llama3Scaling", "Mask", "Norm", "PixelBands", "QKNorm",
    "RelativeBias", "Residual", "Rotary", "Sinks", "Sinusoidal", "SlidingCache", "Softcap", "Split", "StaticCache",
    "T5Bias", "YarnScaling", "build", "causal", "chunk", "constant", "convert", "document", "grid_positions", "normal",
    "padding", "param", "prefix", "span", "truncated_normal", "uniform", "where", "window",
]  # fmt: skip
