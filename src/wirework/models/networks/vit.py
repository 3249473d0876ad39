"""The vision transformer (Dosovitskiy et al., An Image is Worth 16x16 Words, 2020; arXiv:2010.11929).

An image is cut into patches, each patch becomes a token, a class token is put in front, and the tokens go through
blocks of self-attention and MLP. The class token's last state says what the image shows. Options make it a DeiT
(Touvron et al., 2020; arXiv:2012.12877), a DeiT III (2022; arXiv:2204.07118), or a DINOv2 (Oquab et al., 2023;
arXiv:2304.07193) with or without registers (Darcet et al., 2023; arXiv:2309.16588).

Axes: b batch, c channels, h w patches of the image, p q pixels of a patch, t tokens, n patches among them,
k those in front, d features, m features in the MLP.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

import wirework as ww
from wirework.errors import SemanticError
from wirework.models.config import Config
from wirework.nn import layers
from wirework.nn.definition import Array, Start
from wirework.nn.initialisers import Uniform, normal, uniform
from wirework.nn.layers import Layer
from wirework.nn.layers.composite import Composite, starts_inside

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


class ViT(Composite):
    """Images to logits: `b c (h p) (w q) -> b classes`."""

    home = "wirework.models.vit"
    offers = ("features", "embed", "pool")

    def __init__(self, config: ViTConfig) -> None:
        super().__init__(config)
        self.config = config

    def parts(self) -> Mapping[str, Any]:
        config, d, p = self.config, self.config.dim, self.config.patch_size
        seen = 2 * d if config.pooling == "class and mean" else d
        rates = [config.drop_path * i / max(config.depth - 1, 1) for i in range(config.depth)]
        return {
            "patch_embed": layers.Linear("b n [c p q -> d]", c=config.channels, p=p, q=p, d=d),
            "prefix": Start((1 + config.registers, d), normal(0.02)),
            "positions": layers.LearnedPositions(config.grid, config.placed, config.antialias, d=d),
            "dropout": layers.Dropout("[...]", config.dropout),
            "blocks": [Block(config, rate) for rate in rates],
            "norm": layers.Norm("... [d]", epsilon=config.epsilon, d=d),
            "head": head(seen, config.classes) if config.classes else None,
            "distillation_head": head(d, config.classes) if config.distilled else None,
        }

    @property
    def is_random(self) -> bool:
        """Whether training differs of itself: a distilled model then gives the logits of both heads."""
        return self.config.distilled

    def __call__(self, scope: Any, images: Array) -> Array | tuple[Array, Array]:
        """Logits, or without a head what it would see. In training, a distilled model gives those of both heads."""
        x = self.features(scope, images)
        if scope.head is None:
            return self.pool(scope, x)
        if scope.distillation_head is None:
            return scope.head(self.pool(scope, x))
        logits, distilled = scope.head(x[:, 0]), scope.distillation_head(x[:, 1])
        return (logits, distilled) if scope.training else (logits + distilled) / 2

    def features(self, scope: Any, images: Array) -> Array:
        """The last state of each token: `b t d`. With `pooling="mean"` it is the mean that is normalised, later."""
        x = self.embed(scope, images)
        for block in scope.blocks:
            x = block(x)
        return x if self.config.pooling == "mean" else scope.norm(x)

    def embed(self, scope: Any, images: Array) -> Array:
        """Images to tokens: those in front, then the patches row by row, and their positions."""
        p, placed, prefix = self.config.patch_size, self.config.placed, scope.prefix
        patches = scope.patch_embed(ww.rearrange("b c (h p) (w q) -> b (h w) c p q", images, p=p, q=p))
        x = ww.rearrange("b n d, k d -> b (k + n) d", patches, prefix[:placed])
        x = scope.positions(x, grid=self.grid(images))
        if placed < len(prefix):
            x = ww.rearrange("b (k + n) d, r d -> b (k + r + n) d", x, prefix[placed:], k=placed)
        return scope.dropout(x)

    def grid(self, images: Array) -> tuple[int, int]:
        """The number of patches along each side of images."""
        return images.shape[-2] // self.config.patch_size, images.shape[-1] // self.config.patch_size

    def pool(self, scope: Any, x: Array) -> Array:
        """One vector for each image: `b t d -> b d`."""
        if self.config.pooling == "class":
            return x[:, 0]
        mean = ww.mean("b [n] d", x[:, 1 + self.config.registers :])
        if self.config.pooling == "mean":
            return scope.norm(mean)
        return ww.rearrange("b c, b d -> b (c + d)", x[:, 0], mean)


class Block(Composite):
    """Self-attention, then an MLP, each after a layer norm and beside a residual connection."""

    home = "wirework.models.vit"

    def __init__(self, config: ViTConfig, drop_path: float) -> None:
        self.arguments = {"config": config, "drop_path": drop_path}

    def parts(self) -> Mapping[str, Any]:
        config, drop_path = self.arguments["config"], self.arguments["drop_path"]
        biases = ("q", "k", "v", "out") if config.qkv_bias else ("out",)
        attention = layers.Attention(config.heads, config.dim, bias=biases)
        activation = "silu" if config.gated else "gelu"
        mlp = layers.MLP("... [d -> m]", activation=activation, gated=config.gated, d=config.dim, m=config.mlp_dim)
        return {"attn": residual(attention, config, drop_path), "mlp": residual(mlp, config, drop_path)}

    def __call__(self, scope: Any, x: Array) -> Array:
        """`b t d -> b t d`."""
        return scope.mlp(scope.attn(x))

    def restarts(self) -> Mapping[str, Start]:
        """All matrices are drawn as the paper's own implementation does (Glorot and Bengio, 2010)."""
        return {
            name: Start(start.shape, glorot(3 if name.endswith("in_proj_weight") else 1, *start.shape))
            for name, start in starts_inside(self).items()
            if len(start.shape) > 1
        }


def glorot(matrices: int, outputs: int, inputs: int) -> Uniform:
    """The distribution of so many matrices, one above another."""
    limit = 3**0.5 * (2 / (outputs // matrices + inputs)) ** 0.5
    return uniform(-limit, limit)


def residual(module: Layer, config: ViTConfig, drop_path: float) -> layers.Residual:
    """A layer after a layer norm and beside a residual connection."""
    norm = layers.Norm("... [d]", epsilon=config.epsilon, d=config.dim)
    return layers.Residual(
        module, norm, layer_scale=config.layer_scale, dropout=config.dropout, drop_path=drop_path, d=config.dim
    )


def head(features: int, classes: int) -> layers.Linear:
    """A linear layer to the logits."""
    return layers.Linear("b [d -> classes]", d=features, classes=classes)
