"""Swin (Liu et al., Swin Transformer: Hierarchical Vision Transformer using Shifted Windows, 2021; arXiv:2103.14030).

An image becomes a map of patches. Each patch attends to those in its window; in every second block the windows are
shifted, so that neighbours meet across the borders of before. From stage to stage four patches are merged into one,
with twice the features. The mean of the last map says what the image shows.

Axes: b batch, c channels, h w rows and columns of a map, p q those of a patch, d features, m features in the MLP;
of windows s... how many there are down and across, w... their rows and columns, n all of them, t the places in one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor, nn

import wirework as ww
import wirework.nn.torch as wn
from wirework.errors import SemanticError
from wirework.models.formats.swin import FORMATS
from wirework.models.model import Config, Model

Pair = tuple[int, int]


@dataclass(frozen=True)
class SwinConfig(Config):
    """The sizes and options of a Swin.

    Attributes:
        image_size, patch_size: in pixels; the image's height and width may differ. Images of other sizes are taken as
            well: the size says how many absolute positions there are, and which windows are as small as their map.
        channels: of the image.
        classes: the number of logits; 0: no head.
        dim: features of a patch in the first stage. In each further stage there are twice as many.
        depths, heads: of each stage, blocks and attention heads.
        window: the side of a window, in patches; the same in all stages, or one for each. None is larger than its map.
        mlp_ratio: features in the MLP for each feature of a patch.
        qkv_bias: whether the projections to queries, keys and values have a bias.
        absolute_positions: whether patches have learned positions besides the relative ones.
        padding: of a map whose sides windows do not divide. "first": zeros are added, then windows are shifted, unless
            one side is no longer than a window, as in the authors' code and in Hugging Face's. "last": windows are
            shifted along the sides that are longer for an image of `image_size`, then zeros are added, as in timm.
        dropout: the rate after embedding, in attention, and after attention and MLP.
        drop_path: the rate at which the last block's branches are skipped; those of earlier blocks are skipped less.
    """

    image_size: int | Pair = 224
    patch_size: int = 4
    channels: int = 3
    classes: int = 1000
    dim: int = 96
    depths: tuple[int, ...] = (2, 2, 6, 2)
    heads: tuple[int, ...] = (3, 6, 12, 24)
    window: int | tuple[int, ...] = 7
    mlp_ratio: float = 4.0
    qkv_bias: bool = True
    absolute_positions: bool = False
    padding: Literal["first", "last"] = "first"
    dropout: float = 0.0
    drop_path: float = 0.0

    def __post_init__(self) -> None:
        stages = len(self.depths)
        for name in ("heads", "window"):
            value = getattr(self, name)
            if isinstance(value, tuple) and len(value) != stages:
                raise SemanticError(f"{name}={value} is for {len(value)} stages, depths={self.depths} is for {stages}")
        for i, heads in enumerate(self.heads):
            if heads < 1 or self.dims[i] % heads:
                raise SemanticError(f"stage {i} has {self.dims[i]} features, which are not divisible by heads={heads}")
        if min(*self.sides, self.patch_size) < 1 or min(map(min, self.windows)) < 1:
            sizes = f"image_size={self.image_size}, patch_size={self.patch_size} and window={self.window}"
            raise SemanticError(f"{sizes} must be 1 or more")
        if self.padding not in ("first", "last"):
            raise SemanticError(f"padding is 'first' or 'last', not {self.padding!r}")

    @property
    def sides(self) -> Pair:
        """Height and width of the image."""
        return (self.image_size, self.image_size) if isinstance(self.image_size, int) else self.image_size

    @property
    def dims(self) -> list[int]:
        """Features of a patch in each stage."""
        return [self.dim * 2**i for i in range(len(self.depths))]

    @property
    def maps(self) -> list[Pair]:
        """Rows and columns of the map of each stage."""
        height, width = self.sides
        strides = [self.patch_size * 2**i for i in range(len(self.depths))]
        return [(-(-height // stride), -(-width // stride)) for stride in strides]

    @property
    def windows(self) -> list[Pair]:
        """Rows and columns of the windows of each stage."""
        wanted = (self.window,) * len(self.depths) if isinstance(self.window, int) else self.window
        return [(min(side, h), min(side, w)) for side, (h, w) in zip(wanted, self.maps, strict=True)]


SwinConfig.presets = {
    "digits": SwinConfig(8, 1, channels=1, classes=10, dim=32, depths=(2, 2), heads=(2, 4), window=4),
    "tiny": SwinConfig(),
    "small": SwinConfig(depths=(2, 2, 18, 2)),
    "base": SwinConfig(dim=128, depths=(2, 2, 18, 2), heads=(4, 8, 16, 32)),
    "large": SwinConfig(dim=192, depths=(2, 2, 18, 2), heads=(6, 12, 24, 48)),
}


class Swin(Model[SwinConfig]):
    """Images to logits: `b c h w -> b classes`.

    >>> model = Swin.preset("digits")
    >>> model(torch.zeros(2, 1, 8, 8)).shape
    torch.Size([2, 10])
    """

    config_class = SwinConfig
    formats = FORMATS

    def __init__(self, config: SwinConfig) -> None:
        super().__init__(config)
        p, d, last = config.patch_size, config.dim, config.dims[-1]
        self.patch_embed = wn.Linear("b h w [c p q -> d]", c=config.channels, p=p, q=p, d=d)
        self.patch_norm = wn.Norm("... [d]", d=d)
        self.positions = None
        if config.absolute_positions:
            self.positions = wn.LearnedPositions(config.maps[0], antialias=False, d=d)
        self.dropout = wn.Dropout("[...]", config.dropout)
        self.stages = nn.ModuleList(Stage(config, i) for i in range(len(config.depths)))
        self.norm = wn.Norm("... [d]", d=last)
        self.head = wn.Linear("b [d -> classes]", d=last, classes=config.classes) if config.classes else nn.Identity()
        self.reset_parameters()

    def forward(self, images: Tensor) -> Tensor:
        """Logits, or without a head the mean of the last map: `b c h w -> b classes`."""
        return self.head(ww.mean("b [h w] d", self.features(images)))

    def features(self, images: Tensor) -> Tensor:
        """The last map: `b c h w -> b h w d`, 8 * patch_size times smaller if there are four stages."""
        x = self.embed(images)
        for stage in self.stages:
            x = stage(x)
        return self.norm(x)

    def embed(self, images: Tensor) -> Tensor:
        """Images to maps of patches: `b c (h p) (w q) -> b h w d`, of images with zeros up to whole patches."""
        p = self.config.patch_size
        height, width = images.shape[-2:]
        images = F.pad(images, (0, -width % p, 0, -height % p))
        x = self.patch_norm(self.patch_embed(ww.rearrange("b c (h p) (w q) -> b h w c p q", images, p=p, q=p)))
        if self.positions is not None:
            h, w = x.shape[1:3]
            x = self.positions(ww.rearrange("b h w d -> b (h w) d", x), grid=(h, w))
            x = ww.rearrange("b (h w) d -> b h w d", x, h=h, w=w)
        return self.dropout(x)

    def reset_parameters(self) -> None:
        """Draw all weights anew."""
        for parameter in self.parameters():
            if parameter.ndim > 1:
                nn.init.trunc_normal_(parameter, std=0.02)


class Stage(nn.Module):
    """Patches are merged, except in the first stage, and go through blocks; every second one shifts its windows."""

    def __init__(self, config: SwinConfig, i: int) -> None:
        super().__init__()
        self.window = config.windows[i]
        self.shift = self.window[0] // 2, self.window[1] // 2
        self.both_or_none = config.padding == "first"
        if not self.both_or_none:
            h, w = config.maps[i]
            self.shift = self.shift[0] * (h > self.window[0]), self.shift[1] * (w > self.window[1])
        self.merge = Merge(config.dims[i]) if i else None
        self.blocks = nn.ModuleList(Block(config, i, j) for j in range(config.depths[i]))

    def forward(self, x: Tensor) -> Tensor:
        """`b h w d -> b h w d`, or `b (h p) (w q) c -> b h w d` where patches are merged."""
        if self.merge is not None:
            x = self.merge(x)
        shift = self.shift
        if self.both_or_none and (x.shape[1] <= self.window[0] or x.shape[2] <= self.window[1]):
            shift = (0, 0)
        mask = neighbours(x, self.window, shift)
        for j, block in enumerate(self.blocks):
            x = block(x, shift, mask) if j % 2 else block(x)
        return x


class Merge(nn.Module):
    """Two by two patches become one, with twice the features: `b (h p) (w q) c -> b h w d`."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.norm = wn.Norm("... [c]", c=2 * dim)
        self.reduction = wn.Linear("... [c -> d]", bias=False, c=2 * dim, d=dim)

    def forward(self, x: Tensor) -> Tensor:
        x = ww.rearrange("b (h p) (w q) c -> b h w (q p c)", padded(x, (2, 2)), p=2, q=2)
        return self.reduction(self.norm(x))


class Block(nn.Module):
    """Attention in windows, then an MLP, each after a layer norm and beside a residual connection."""

    def __init__(self, config: SwinConfig, i: int, j: int) -> None:
        super().__init__()
        d, heads = config.dims[i], config.heads[i]
        self.window, self.padding = config.windows[i], config.padding
        self.norm1 = wn.Norm("... [d]", d=d)
        bias, places = config.qkv_bias or ("out",), wn.RelativeBias(self.window, heads)
        self.attn = wn.Attention(heads, d, bias=bias, scores=(places,), dropout=config.dropout)
        self.norm2 = wn.Norm("... [d]", d=d)
        self.mlp = wn.MLP("... [d -> m]", d=d, m=int(config.mlp_ratio * d))
        self.dropout = wn.Dropout("[...]", config.dropout)
        before, last = sum(config.depths[:i]) + j, max(sum(config.depths) - 1, 1)
        self.drop_path = wn.Dropout("[b] ...", config.drop_path * before / last)

    def forward(self, x: Tensor, shift: Pair = (0, 0), mask: Tensor | None = None) -> Tensor:
        """`b h w d -> b h w d`.

        Args:
            shift: how far windows are shifted down and across.
            mask: which places of a window see each other, `(b n) q k`; `None`: all.
        """
        x = x + self.drop_path(self.dropout(self.attend(self.norm1(x), shift, mask)))
        return x + self.drop_path(self.dropout(self.mlp(self.norm2(x))))

    def attend(self, x: Tensor, shift: Pair, mask: Tensor | None) -> Tensor:
        """Attention of each place to those in its window: `b h w d -> b h w d`."""
        h, w = x.shape[1:3]
        if self.padding == "first":
            x = padded(x, self.window)
        x = padded(rolled(x, -shift[0], -shift[1]), self.window)
        sizes = ww.solve("b (s w)... d", x, w=self.window)
        x = ww.rearrange("b (s w)... d -> (b s...) (w...) d", x, **sizes)
        x = self.attn(x, mask=mask)
        x = ww.rearrange("(b s...) (w...) d -> b (s w)... d", x, **sizes)
        if self.padding == "last":
            x = x[:, :h, :w]
        return rolled(x, *shift)[:, :h, :w]


def rolled(x: Tensor, down: int, across: int) -> Tensor:
    """A map `b h w d` whose places move; those beyond one side come back at the other."""
    return ww.roll("b [h w] d", x, shift=(down, across)) if down or across else x


def padded(x: Tensor, window: Pair) -> Tensor:
    """A map `b h w d` with zeros below and on the right, up to whole windows."""
    below, right = -x.shape[1] % window[0], -x.shape[2] % window[1]
    return F.pad(x, (0, 0, 0, right, 0, below)) if below or right else x


def neighbours(x: Tensor, window: Pair, shift: Pair) -> Tensor | None:
    """Which places of a window see each other, `(b n) q k`; `None`: all.

    In a shifted map `b h w d` the first rows and columns have come to the end, where they share windows with the last.
    """
    if shift == (0, 0):
        return None
    h, w = x.shape[1] + -x.shape[1] % window[0], x.shape[2] + -x.shape[2] % window[1]
    came_up, came_left = (
        torch.arange(length, device=x.device) >= length - by for length, by in zip((h, w), shift, strict=True)
    )
    part = ww.add("h, w -> h w", 2 * came_up, came_left)
    part = ww.rearrange("(s w)... -> (s...) (w...)", part, w=window)
    mask = ww.equal("n q, n k -> n q k", part, part)
    return ww.rearrange("n q k -> (b n) q k", mask, b=x.shape[0])
