"""Architectures as modules of Flax NNX: what they compute is in `wirework.models.networks`.

>>> from flax import nnx
>>> from wirework.models.flax import GPT2, GPT2Config
>>> model = GPT2(GPT2Config.preset("characters"), rngs=nnx.Rngs(0))
>>> model(jnp.array([[1, 2, 3]])).shape
(1, 3, 65)
"""

from wirework.models.networks import gpt2, vit
from wirework.models.networks.gpt2 import GPT2Config
from wirework.models.networks.vit import ViTConfig
from wirework.nn.flax.adapter import class_of

GPT2 = class_of(gpt2.GPT2)
ViT = class_of(vit.ViT)

__all__ = ["GPT2", "GPT2Config", "ViT", "ViTConfig"]
