"""The vision transformer (Dosovitskiy et al., An Image is Worth 16x16 Words, 2020; arXiv:2010.11929).

An image is cut into patches, each patch becomes a token, a class token is put in front, and the tokens
go through blocks of self-attention and MLP. The class token's last state says what the image shows.

Axes: b batch, c channels, h w patches of the image, p q pixels of a patch, t tokens, d features.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

import wirework as ww
import wirework.nn.torch as wn


@dataclass(frozen=True)
class ViTConfig:
    """The sizes of a vision transformer.

    Attributes:
        image_size, patch_size: height and width, in pixels.
        channels: of the image.
        classes: the number of logits.
        dim, depth, heads, mlp_dim: features per token, blocks, attention heads, features in the MLP.
        dropout: the rate after embedding, attention and MLP.
        drop_path: the rate at which the last block is skipped; earlier blocks are skipped less.
        epsilon: of the layer norms.
    """

    image_size: int = 224
    patch_size: int = 16
    channels: int = 3
    classes: int = 1000
    dim: int = 768
    depth: int = 12
    heads: int = 12
    mlp_dim: int = 3072
    dropout: float = 0.0
    drop_path: float = 0.0
    epsilon: float = 1e-6

    def __post_init__(self) -> None:
        if self.image_size % self.patch_size:
            raise ValueError(f"image_size={self.image_size} is not divisible by patch_size={self.patch_size}")
        if self.dim % self.heads:
            raise ValueError(f"dim={self.dim} is not divisible by heads={self.heads}")

    @property
    def grid(self) -> int:
        """The number of patches along each side."""
        return self.image_size // self.patch_size

    @classmethod
    def preset(cls, name: str, **changes: Any) -> ViTConfig:
        """A named configuration, with some sizes changed.

        Raises:
            ValueError: if there is none of that name.
        """
        if name not in PRESETS:
            raise ValueError(f"there is no ViT called {name!r}: choose from {', '.join(PRESETS)}")
        return replace(PRESETS[name], **changes)


PRESETS = {
    "digits": ViTConfig(image_size=8, patch_size=2, channels=1, classes=10, dim=64, depth=4, heads=4, mlp_dim=128),
    "tiny": ViTConfig(dim=192, heads=3, mlp_dim=768),
    "small": ViTConfig(dim=384, heads=6, mlp_dim=1536),
    "base": ViTConfig(),
    "large": ViTConfig(dim=1024, depth=24, heads=16, mlp_dim=4096),
}


class ViT(nn.Module):
    """Images to logits: `b c (h p) (w q) -> b classes`.

    >>> model = ViT(ViTConfig.preset("digits"))
    >>> model(torch.zeros(2, 1, 8, 8)).shape
    torch.Size([2, 10])
    """

    def __init__(self, config: ViTConfig) -> None:
        super().__init__()
        self.config = config
        d, p = config.dim, config.patch_size
        self.patch_embed = wn.Linear("b t [c p q -> d]", c=config.channels, p=p, q=p, d=d)
        self.cls_token = nn.Parameter(torch.empty(d))
        self.pos_embed = nn.Parameter(torch.empty(config.grid**2 + 1, d))
        self.dropout = wn.Dropout("[...]", config.dropout)
        rates = torch.linspace(0, config.drop_path, config.depth, device="cpu").tolist()
        self.blocks = nn.ModuleList(Block(config, rate) for rate in rates)
        self.norm = wn.Norm("b t [d]", "b t [d]", epsilon=config.epsilon, d=d)
        self.head = wn.Linear("b [d -> classes]", d=d, classes=config.classes)
        nn.init.trunc_normal_(self.cls_token, std=0.02)
        nn.init.trunc_normal_(self.pos_embed, std=0.02)

    def forward(self, images: Tensor) -> Tensor:
        tokens = self.embed(images)
        for block in self.blocks:
            tokens = block(tokens)
        return self.classify(tokens)

    def embed(self, images: Tensor) -> Tensor:
        """Images to tokens: the class token, then the patches row by row, each with its position."""
        p = self.config.patch_size
        patches = ww.rearrange("b c (h p) (w q) -> b (h w) c p q", images, p=p, q=p)
        tokens = ww.rearrange("b n d, d -> b (1 + n) d", self.patch_embed(patches), self.cls_token)
        return self.dropout(ww.add("b [t d]", tokens, self.pos_embed))

    def classify(self, tokens: Tensor) -> Tensor:
        """The class token's last state to logits."""
        return self.head(self.norm(tokens)[:, 0])

    @torch.no_grad()
    def attention_maps(self, images: Tensor) -> Tensor:
        """How much every token attends to every other: `b depth heads q k`, summing to 1 over k."""
        tokens, maps = self.embed(images), []
        for block in cast("list[Block]", self.blocks):
            maps.append(block.attn.weights(block.norm1(tokens)))
            tokens = block(tokens)
        return torch.stack(maps, dim=1)

    @torch.no_grad()
    def class_attention(self, images: Tensor) -> Tensor:
        """How much of each patch reaches the class token's last state: `b h w`, summing to 1 or less.

        Attention rollout (Abnar and Zuidema, Quantifying Attention Flow in Transformers, 2020): the
        product over the blocks of the heads' mean attention, half of it the residual connection.
        """
        maps = ww.mean("b l [h] q k -> l b q k", self.attention_maps(images))
        identity = torch.eye(maps.shape[-1], device=maps.device)
        flow = identity.expand(maps.shape[1:])
        for attention in maps:
            flow = ww.dot("b q [t], b [t] k -> b q k", (attention + identity) / 2, flow)
        return ww.rearrange("b (h w) -> b h w", flow[:, 0, 1:], h=self.config.grid)


class Block(nn.Module):
    """Attention, then an MLP, each after a layer norm and beside a residual connection."""

    def __init__(self, config: ViTConfig, drop_path: float) -> None:
        super().__init__()
        d = config.dim
        self.norm1 = wn.Norm("b t [d]", "b t [d]", epsilon=config.epsilon, d=d)
        self.attn = Attention(config)
        self.norm2 = wn.Norm("b t [d]", "b t [d]", epsilon=config.epsilon, d=d)
        self.mlp = MLP(config)
        self.drop_path = wn.Dropout("[b] t d", drop_path)

    def forward(self, tokens: Tensor) -> Tensor:
        tokens = tokens + self.drop_path(self.attn(self.norm1(tokens)))
        return tokens + self.drop_path(self.mlp(self.norm2(tokens)))


class Attention(nn.Module):
    """Multi-head self-attention: `b t d -> b t d`."""

    def __init__(self, config: ViTConfig) -> None:
        super().__init__()
        d = config.dim
        self.heads = config.heads
        self.qkv = wn.Linear("b t [d -> qkv]", d=d, qkv=3 * d)
        self.proj = wn.Linear("b t [e -> d]", e=d, d=d)
        self.dropout = wn.Dropout("[...]", config.dropout)

    def forward(self, tokens: Tensor) -> Tensor:
        q, k, v = self.queries_keys_values(tokens)
        mixed = ww.attention("b q (h [d]), b [k] (h [d]), b [k] (h e) -> b q (h e)", q, k, v, h=self.heads)
        return self.dropout(self.proj(mixed))

    def queries_keys_values(self, tokens: Tensor) -> tuple[Tensor, ...]:
        return ww.rearrange("b t (n d) -> n b t d", self.qkv(tokens), n=3).unbind()

    def weights(self, tokens: Tensor) -> Tensor:
        """How much each query attends to each key: `b h q k`."""
        q, k, _ = self.queries_keys_values(tokens)
        scores = ww.dot("b q (h [d]), b k (h [d]) -> b h q k", q, k, h=self.heads)
        return ww.softmax("b h q [k]", scores * (q.shape[-1] // self.heads) ** -0.5)


class MLP(nn.Module):
    """Two linear layers with a GELU between them, on each token alone: `b t d -> b t d`."""

    def __init__(self, config: ViTConfig) -> None:
        super().__init__()
        self.fc1 = wn.Linear("b t [d -> m]", d=config.dim, m=config.mlp_dim)
        self.fc2 = wn.Linear("b t [m -> d]", m=config.mlp_dim, d=config.dim)
        self.dropout = wn.Dropout("[...]", config.dropout)

    def forward(self, tokens: Tensor) -> Tensor:
        return self.dropout(self.fc2(F.gelu(self.fc1(tokens))))
