"""The vision transformer (Dosovitskiy et al., An Image is Worth 16x16 Words, 2020; arXiv:2010.11929).

An image is cut into patches, each patch becomes a token, a class token is put in front, and the tokens go through
blocks of self-attention and MLP. The class token's last state says what the image shows. Options make it a DeiT
(Touvron et al., 2020; arXiv:2012.12877), a DeiT III (2022; arXiv:2204.07118), or a DINOv2 (Oquab et al., 2023;
arXiv:2304.07193) with or without registers (Darcet et al., 2023; arXiv:2309.16588).

Axes: b batch, c channels, h w patches of the image, p q pixels of a patch, t tokens, n patches among them,
k those in front, d features, m features in the MLP.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, Self, cast

import torch
from torch import Tensor, nn

import wirework as ww
import wirework.nn.torch as wn
from wirework.errors import SemanticError
from wirework.models.formats.vit import FORMATS
from wirework.models.model import Config, Model

Pooling = Literal["class", "mean", "class and mean"]


@dataclass(frozen=True)
class ViTConfig(Config):
    """The sizes and options of a vision transformer.

    Attributes:
        image_size, patch_size: in pixels; the image's height and width may differ.
        channels: of the image.
        classes: the number of logits; 0: no head.
        dim, depth, heads, mlp_dim: features of a token, blocks, attention heads, features in the MLP.
        gated: whether the MLP is a SwiGLU.
        qkv_bias: whether the projections to queries, keys and values have a bias.
        layer_scale: what the learned factors of the residual branches start from; `None`: there are none.
        registers: tokens that all images share, besides the class token.
        placed: how many of the tokens in front of the patches have a position too, from the class token on.
        distilled: whether the first register learns from a teacher, with a head of its own.
        pooling: what the head sees: the class token's last state, the mean of those of the patches, or both.
        antialias: how positions are resampled for other image sizes: `True` as in timm, `False` as in Hugging Face's
            ViT, DeiT, and DINOv2 without registers.
        dropout: the rate after embedding, attention and MLP.
        drop_path: the rate at which the last block's branches are skipped; those of earlier blocks are skipped less.
        epsilon: of the layer norms.
    """

    image_size: int | tuple[int, int] = 224
    patch_size: int = 16
    channels: int = 3
    classes: int = 1000
    dim: int = 768
    depth: int = 12
    heads: int = 12
    mlp_dim: int = 3072
    gated: bool = False
    qkv_bias: bool = True
    layer_scale: float | None = None
    registers: int = 0
    placed: int = 1
    distilled: bool = False
    pooling: Pooling = "class"
    antialias: bool = True
    dropout: float = 0.0
    drop_path: float = 0.0
    epsilon: float = 1e-6

    def __post_init__(self) -> None:
        self.divides("heads", "dim")
        if self.patch_size < 1 or any(size % self.patch_size or not size for size in self.sides):
            raise SemanticError(f"image_size={self.image_size} is not divisible by patch_size={self.patch_size}")
        if not 0 <= self.placed <= 1 + self.registers:
            raise SemanticError(
                f"placed={self.placed} is not between 0 and {1 + self.registers}, the number of tokens in front"
            )
        if self.pooling not in ("class", "mean", "class and mean"):
            raise SemanticError(f"pooling is 'class', 'mean' or 'class and mean', not {self.pooling!r}")
        if self.distilled and (self.registers == 0 or self.classes == 0 or self.pooling != "class"):
            raise SemanticError("distilled=True takes registers=1 or more, classes and pooling='class'")

    @property
    def sides(self) -> tuple[int, int]:
        """Height and width of the image."""
        return (self.image_size, self.image_size) if isinstance(self.image_size, int) else self.image_size

    @property
    def grid(self) -> tuple[int, int]:
        """The number of patches along each side."""
        height, width = self.sides
        return height // self.patch_size, width // self.patch_size


def deit(config: ViTConfig) -> ViTConfig:
    """The same, distilled."""
    return replace(config, registers=1, placed=2, distilled=True)


def dinov2(config: ViTConfig) -> ViTConfig:
    """The same as a DINOv2, which has no head."""
    return replace(config, image_size=518, patch_size=14, classes=0, layer_scale=1e-5, antialias=False)


tiny, small = ViTConfig(dim=192, heads=3, mlp_dim=768), ViTConfig(dim=384, heads=6, mlp_dim=1536)
base, large = ViTConfig(), ViTConfig(dim=1024, depth=24, heads=16, mlp_dim=4096)
ViTConfig.presets = {
    "digits": ViTConfig(image_size=8, patch_size=2, channels=1, classes=10, dim=64, depth=4, heads=4, mlp_dim=128),
    "tiny": tiny,
    "small": small,
    "base": base,
    "large": large,
    "huge": ViTConfig(patch_size=14, dim=1280, depth=32, heads=16, mlp_dim=5120),
    "deit_tiny": deit(tiny),
    "deit_small": deit(small),
    "deit_base": deit(base),
    "dinov2_small": dinov2(small),
    "dinov2_base": dinov2(base),
    "dinov2_large": dinov2(large),
    "dinov2_giant": dinov2(ViTConfig(dim=1536, depth=40, heads=24, mlp_dim=4096, gated=True)),
}


class ViT(Model[ViTConfig]):
    """Images to logits: `b c (h p) (w q) -> b classes`.

    >>> model = ViT.preset("digits")
    >>> model(torch.zeros(2, 1, 8, 8)).shape
    torch.Size([2, 10])
    """

    config_class = ViTConfig
    formats = FORMATS

    def __init__(self, config: ViTConfig) -> None:
        super().__init__(config)
        d, p = config.dim, config.patch_size
        self.patch_embed = wn.Linear("b n [c p q -> d]", c=config.channels, p=p, q=p, d=d)
        self.prefix = nn.Parameter(nn.init.normal_(torch.empty(1 + config.registers, d), std=0.02))
        self.positions = wn.LearnedPositions(config.grid, config.placed, config.antialias, d=d)
        self.dropout = wn.Dropout("[...]", config.dropout)
        rates = torch.linspace(0, config.drop_path, config.depth, device="cpu").tolist()
        self.blocks = nn.ModuleList(Block(config, rate) for rate in rates)
        self.norm = wn.Norm("... [d]", epsilon=config.epsilon, d=d)
        seen = 2 * d if config.pooling == "class and mean" else d
        self.head = head(seen, config.classes)
        self.distillation_head = head(d, config.classes) if config.distilled else None

    def forward(self, images: Tensor) -> Tensor | tuple[Tensor, Tensor]:
        """Logits, or without a head what it would see. In training, a distilled model gives those of both heads."""
        x = self.features(images)
        if self.distillation_head is None:
            return self.head(self.pool(x))
        logits, distilled = self.head(x[:, 0]), self.distillation_head(x[:, 1])
        return (logits, distilled) if self.training else (logits + distilled) / 2

    def features(self, images: Tensor) -> Tensor:
        """The last state of each token: `b t d`. With `pooling="mean"` it is the mean that is normalised, later."""
        x = self.embed(images)
        for block in self.blocks:
            x = block(x)
        return x if self.config.pooling == "mean" else self.norm(x)

    def embed(self, images: Tensor) -> Tensor:
        """Images to tokens: those in front, then the patches row by row, and their positions."""
        p, placed = self.config.patch_size, self.config.placed
        patches = self.patch_embed(ww.rearrange("b c (h p) (w q) -> b (h w) c p q", images, p=p, q=p))
        x = ww.rearrange("b n d, k d -> b (k + n) d", patches, self.prefix[:placed])
        x = self.positions(x, grid=self.grid(images))
        if placed < len(self.prefix):
            x = ww.rearrange("b (k + n) d, r d -> b (k + r + n) d", x, self.prefix[placed:], k=placed)
        return self.dropout(x)

    def grid(self, images: Tensor) -> tuple[int, int]:
        """The number of patches along each side of images."""
        return images.shape[-2] // self.config.patch_size, images.shape[-1] // self.config.patch_size

    def pool(self, x: Tensor) -> Tensor:
        """One vector for each image: `b t d -> b d`."""
        if self.config.pooling == "class":
            return x[:, 0]
        mean = ww.mean("b [n] d", x[:, len(self.prefix) :])
        return self.norm(mean) if self.config.pooling == "mean" else torch.cat([x[:, 0], mean], dim=-1)

    # -- where it looks -----------------------------------------------------------------------------------------------

    @torch.no_grad()
    def attention_maps(self, images: Tensor) -> Tensor:
        """How much every token attends to every other: `b depth heads q k`, summing to 1 over k."""
        x, maps = self.embed(images), []
        for block in cast("list[Block]", self.blocks):
            maps.append(block.attention_weights(x))
            x = block(x)
        return torch.stack(maps, dim=1)

    @torch.no_grad()
    def class_attention(self, images: Tensor) -> Tensor:
        """How much of each patch reaches the class token's last state: `b h w`, summing to 1 or less.

        Attention rollout (Abnar and Zuidema, Quantifying Attention Flow in Transformers, 2020): the product over the
        blocks of the heads' mean attention, half of it the residual connection.
        """
        maps = ww.mean("b l [h] q k -> l b q k", self.attention_maps(images))
        identity = torch.eye(maps.shape[-1], device=maps.device)
        flow = identity.expand(maps.shape[1:])
        for attention in maps:
            flow = ww.dot("b q [t], b [t] k -> b q k", (attention + identity) / 2, flow)
        return ww.rearrange("b (h w) -> b h w", flow[:, 0, len(self.prefix) :], h=self.grid(images)[0])

    # -- weights ------------------------------------------------------------------------------------------------------

    @classmethod
    def from_pretrained(
        cls,
        path: str | Path,
        config: Config | None = None,
        *,
        image_size: int | tuple[int, int] | None = None,
        **options: Any,
    ) -> Self:
        """As `Model.from_pretrained`; for images of another size, positions are resampled.

        Args:
            image_size: of the images to come; `None`: of those that the model was trained on.
        """
        model = super().from_pretrained(path, config, **options)
        if image_size is not None:
            model.resize(image_size)
        return model

    def resize(self, image_size: int | tuple[int, int]) -> None:
        """Resample the positions once for images of another size, which need not be resampled in each call then."""
        self.config = replace(self.config, image_size=image_size)
        weight = self.positions.resampled(self.config.grid)
        self.positions.definition = replace(self.positions.definition, grid=self.config.grid)
        self.positions.weight = nn.Parameter(weight.detach())


class Block(nn.Module):
    """Self-attention, then an MLP, each after a layer norm and beside a residual connection."""

    def __init__(self, config: ViTConfig, drop_path: float) -> None:
        super().__init__()
        d, biases = config.dim, ("q", "k", "v", "out") if config.qkv_bias else ("out",)
        attention = wn.Attention(config.heads, d, bias=biases)
        activation = "silu" if config.gated else "gelu"
        mlp = wn.MLP("... [d -> m]", activation=activation, gated=config.gated, d=d, m=config.mlp_dim)
        self.attn = residual(attention, config, drop_path)
        self.mlp = residual(mlp, config, drop_path)
        self.reset_parameters()

    def forward(self, x: Tensor) -> Tensor:
        """`b t d -> b t d`."""
        return self.mlp(self.attn(x))

    def attention_weights(self, x: Tensor) -> Tensor:
        """How much each query attends to each key: `b h q k`."""
        attention, norm = self.attn.module, self.attn.norm
        assert isinstance(attention, wn.Attention) and norm is not None
        return attention.weights(norm(x))

    @torch.no_grad()
    def reset_parameters(self) -> None:
        """Draw all matrices anew as the paper's own implementation does (Glorot and Bengio, 2010)."""
        for name, parameter in self.named_parameters():
            if parameter.ndim > 1:
                for matrix in parameter.chunk(3) if name.endswith("in_proj_weight") else [parameter]:
                    nn.init.xavier_uniform_(matrix)


def residual(module: nn.Module, config: ViTConfig, drop_path: float) -> wn.Residual:
    """A module after a layer norm and beside a residual connection."""
    norm = wn.Norm("... [d]", epsilon=config.epsilon, d=config.dim)
    return wn.Residual(
        module, norm, layer_scale=config.layer_scale, dropout=config.dropout, drop_path=drop_path, d=config.dim
    )


def head(features: int, classes: int) -> nn.Module:
    """A linear layer to the logits; without classes nothing."""
    return wn.Linear("b [d -> classes]", d=features, classes=classes) if classes else nn.Identity()
