"""MLP-Mixer (Tolstikhin et al., MLP-Mixer: An all-MLP Architecture for Vision, 2021; arXiv:2105.01601).

An image is cut into patches, and each becomes a token. In every block one MLP mixes the tokens, the same for each
feature, and another mixes the features, the same for each token. The mean of the tokens says what the image shows.

Axes: b batch, c channels, h w patches of the image, p q pixels of a patch, t tokens, d features, m hidden elements of
an MLP.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn

import wirework as ww
import wirework.nn.torch as wn
from wirework.errors import SemanticError
from wirework.models.formats.mixer import FORMATS
from wirework.models.model import Config, Model

EPSILON = 1e-6  # of the layer norms


@dataclass(frozen=True)
class MixerConfig(Config):
    """The sizes of an MLP-Mixer.

    Attributes:
        image_size, patch_size: in pixels; the image's height and width may differ.
        channels: of the image.
        classes: the number of logits; 0: no head.
        dim, depth: features of a token, blocks.
        token_mlp_dim, feature_mlp_dim: hidden elements of the MLP that mixes tokens, and of that which mixes features.
        dropout: the rate in and after an MLP.
        drop_path: the rate at which the last block's branches are skipped; those of earlier blocks are skipped less.
    """

    image_size: int | tuple[int, int] = 224
    patch_size: int = 16
    channels: int = 3
    classes: int = 1000
    dim: int = 768
    depth: int = 12
    token_mlp_dim: int = 384
    feature_mlp_dim: int = 3072
    dropout: float = 0.0
    drop_path: float = 0.0

    def __post_init__(self) -> None:
        if self.patch_size < 1 or any(size % self.patch_size or not size for size in self.sides):
            raise SemanticError(f"image_size={self.image_size} is not divisible by patch_size={self.patch_size}")

    @property
    def sides(self) -> tuple[int, int]:
        """Height and width of the image."""
        return (self.image_size, self.image_size) if isinstance(self.image_size, int) else self.image_size

    @property
    def tokens(self) -> int:
        """The number of patches."""
        height, width = self.sides
        return (height // self.patch_size) * (width // self.patch_size)


small = {"dim": 512, "depth": 8, "token_mlp_dim": 256, "feature_mlp_dim": 2048}
large = {"dim": 1024, "depth": 24, "token_mlp_dim": 512, "feature_mlp_dim": 4096}
MixerConfig.presets = {
    "digits": MixerConfig(8, 2, channels=1, classes=10, dim=64, depth=4, token_mlp_dim=32, feature_mlp_dim=128),
    "s32": MixerConfig(patch_size=32, **small),
    "s16": MixerConfig(patch_size=16, **small),
    "b32": MixerConfig(patch_size=32),
    "b16": MixerConfig(patch_size=16),
    "l32": MixerConfig(patch_size=32, **large),
    "l16": MixerConfig(patch_size=16, **large),
}


class Mixer(Model[MixerConfig]):
    """Images to logits: `b c (h p) (w q) -> b classes`.

    >>> model = Mixer.preset("digits")
    >>> model(torch.zeros(2, 1, 8, 8)).shape
    torch.Size([2, 10])
    """

    config_class = MixerConfig
    formats = FORMATS

    def __init__(self, config: MixerConfig) -> None:
        super().__init__(config)
        p, d = config.patch_size, config.dim
        self.patch_embed = wn.Linear("b t [c p q -> d]", c=config.channels, p=p, q=p, d=d)
        self.blocks = nn.ModuleList(Block(config, i) for i in range(config.depth))
        self.norm = wn.Norm("... [d]", epsilon=EPSILON, d=d)
        self.head = wn.Linear("b [d -> classes]", d=d, classes=config.classes) if config.classes else nn.Identity()
        self.reset_parameters()

    def forward(self, images: Tensor) -> Tensor:
        """Logits, or without a head the mean of the tokens' last states."""
        return self.head(ww.mean("b [t] d", self.features(images)))

    def features(self, images: Tensor) -> Tensor:
        """The last state of each patch, row by row: `b c (h p) (w q) -> b t d`.

        Raises:
            AxisSizeError: if the images are not of `image_size`: how tokens are mixed depends on their number.
        """
        p = self.config.patch_size
        x = self.patch_embed(ww.rearrange("b c (h p) (w q) -> b (h w) c p q", images, p=p, q=p))
        for block in self.blocks:
            x = block(x)
        return self.norm(x)

    def reset_parameters(self) -> None:
        """Draw all weights anew; those of the head are zeros."""
        for module in self.modules():
            if isinstance(module, wn.Linear | wn.Norm):
                module.reset_parameters()
        for parameter in self.head.parameters():
            nn.init.zeros_(parameter)


class Block(nn.Module):
    """Tokens are mixed, then features, each by an MLP after a layer norm and beside a residual connection."""

    def __init__(self, config: MixerConfig, i: int) -> None:
        super().__init__()
        t, d = config.tokens, config.dim
        self.norm1 = wn.Norm("... [d]", epsilon=EPSILON, d=d)
        self.mix_tokens = wn.MLP("b [t -> m] d", dropout=config.dropout, t=t, m=config.token_mlp_dim)
        self.norm2 = wn.Norm("... [d]", epsilon=EPSILON, d=d)
        self.mix_features = wn.MLP("b t [d -> m]", dropout=config.dropout, d=d, m=config.feature_mlp_dim)
        self.dropout = wn.Dropout("[...]", config.dropout)
        self.drop_path = wn.Dropout("[b] ...", config.drop_path * i / max(config.depth - 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        """`b t d -> b t d`."""
        x = x + self.drop_path(self.dropout(self.mix_tokens(self.norm1(x))))
        return x + self.drop_path(self.dropout(self.mix_features(self.norm2(x))))
