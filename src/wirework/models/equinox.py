"""Architectures as modules of Equinox: what they compute is in `wirework.models.networks`.

>>> import jax
>>> from wirework.models.equinox import GPT2, GPT2Config
>>> model = GPT2(GPT2Config.preset("characters"), key=jax.random.key(0))
>>> model(jnp.array([[1, 2, 3]])).shape
(1, 3, 65)
"""

from wirework.models.networks import gpt2, vit
from wirework.models.networks.gpt2 import GPT2Config
from wirework.models.networks.vit import ViTConfig
from wirework.nn.equinox.adapter import class_of

GPT2 = class_of(gpt2.GPT2(GPT2Config()))
ViT = class_of(vit.ViT(ViTConfig()))

__all__ = ["GPT2", "GPT2Config", "ViT", "ViTConfig"]
