"""Layers for PyTorch: native modules, whose sizes may be left for the first call or for `build`.

>>> import wirework.nn.torch as wn
>>> layer = wn.Linear("... [c_in -> c_out]", c_out=64)
>>> wn.build(layer, {"x": (2, 32)}).weight.shape
torch.Size([64, 32])
"""

from wirework.nn.attention import Fused, Latent, QKNorm, Sinks, Softcap, Split
from wirework.nn.initialisers import constant, normal, truncated_normal, uniform
from wirework.nn.masks import Mask, causal, chunk, document, padding, prefix, span, where, window
from wirework.nn.torch.attention import Attention
from wirework.nn.torch.base import build
from wirework.nn.torch.caches import GrowingCache, SlidingCache, StaticCache
from wirework.nn.torch.layers import Dropout, Linear, Norm
from wirework.nn.torch.parameter import param

__all__ = [
    "Attention", "Fused", "GrowingCache", "Latent", "Mask", "QKNorm", "Sinks", "SlidingCache", "Softcap", "Split",
    "StaticCache", "causal", "chunk", "document", "padding", "prefix", "span", "where", "window",
    "Dropout", "Linear", "Norm", "build", "constant", "normal", "param", "truncated_normal", "uniform",
]  # fmt: skip
