"""The U-Net (Ronneberger et al., Convolutional Networks for Biomedical Image Segmentation, 2015; arXiv:1505.04597).

On the way down convolutions see ever more of the image at an ever lower resolution. On the way up the resolution
comes back, and at each step what was seen there on the way down is put beside what was understood below. Here
convolutions are padded, so that every place of the image gets its logits.

Axes: b batch, c and d channels, k channels of a skip, s... space, with one, two or three axes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch.nn.functional as F
from torch import Tensor, nn

import wirework as ww
import wirework.nn.torch as wn
from wirework.checkpoint import Format
from wirework.errors import SemanticError
from wirework.models.formats.unet import FORMATS
from wirework.models.resampling import resample
from wirework.models.segmentation import Segmenter, SegmenterConfig

ACTIVATIONS: dict[str, Callable[[UNetConfig], nn.Module]] = {
    "relu": lambda config: nn.ReLU(inplace=True),
    "leaky_relu": lambda config: nn.LeakyReLU(config.slope, inplace=True),
    "elu": lambda config: nn.ELU(inplace=True),
    "gelu": lambda config: nn.GELU(),
    "silu": lambda config: nn.SiLU(inplace=True),
}
STATISTICS = {"none": "", "batch": "[b] d [s...]", "instance": "b d [s...]", "group": "b (g [c]) [s...]"}
INTERPOLATIONS = {"nearest": ("nearest",) * 3, "linear": ("linear", "bilinear", "trilinear")}
HALVE = (F.max_pool1d, F.max_pool2d, F.max_pool3d)


@dataclass(frozen=True)
class UNetConfig(SegmenterConfig):
    """The sizes and options of a U-Net. Levels are counted from the resolution of the image downwards.

    Attributes:
        dimensions: how many axes space has: 1, 2 or 3.
        channels: of the image.
        classes: logits of each place. With one, it is that of the foreground.
        widths: channels at each level on the way down, and last those in the middle.
        up_widths: channels of what comes up to each level; `()`: as many as on the way down.
        out_widths: channels at each level on the way up; `()`: as many as on the way down.
        convolutions: how many there are at each level on the way down, in the middle, and at each on the way up.
        up: how the resolution is doubled: "transposed" convolution, or a convolution of kernel 1, where the number of
            channels changes, and "nearest" or "linear" interpolation, from corner to corner.
        up_kernel: of the transposed convolution.
        up_bias, bias: whether the convolutions that double the resolution, and the others, have a bias.
        norm: "none", or "batch", "instance" or "group" norm after each convolution.
        groups: of the group norm.
        activation: "relu", "leaky_relu", "elu", "gelu" or "silu".
        slope: of the leaky ReLU below zero.
        dropout: the rate after each norm.
        grid: what images are resampled to before, for `probabilities`; `()`: they are padded to a size that fits.
    """

    widths: tuple[int, ...] = (64, 128, 256, 512, 1024)
    up_widths: tuple[int, ...] = ()
    out_widths: tuple[int, ...] = ()
    convolutions: tuple[int, int, int] = (2, 2, 2)
    up: str = "transposed"
    up_kernel: int = 2
    up_bias: bool = True
    bias: bool = True
    norm: str = "none"
    groups: int = 8
    activation: str = "relu"
    slope: float = 0.01
    dropout: float = 0.0
    grid: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        super().__post_init__()
        self.choices(up=("transposed", *INTERPOLATIONS), norm=STATISTICS, activation=ACTIVATIONS)
        for name in ("up_widths", "out_widths"):
            given = getattr(self, name)
            if given and len(given) != self.depth:
                raise SemanticError(f"{name}={given} has {len(given)} levels, but widths={self.widths} {self.depth}")
        down, middle, up = self.convolutions
        if self.depth < 1 or down < 1 or middle < 0 or up < 1:
            raise SemanticError(f"widths={self.widths} and convolutions={self.convolutions} leave a level empty")
        if not middle and self.widths[-1] != self.widths[-2]:
            raise SemanticError(f"widths={self.widths} change in the middle, where there is no convolution")
        if self.norm == "group" and any(width % self.groups for width in (*self.widths, *self.outs)):
            raise SemanticError(
                f"widths={self.widths} or out_widths={self.outs} are not divisible by groups={self.groups}"
            )
        if self.grid and (len(self.grid) != self.dimensions or any(size % 2**self.depth for size in self.grid)):
            multiple = f"{self.dimensions} multiples of {2**self.depth}"
            raise SemanticError(f"grid={self.grid} is not {multiple}")

    @property
    def depth(self) -> int:
        """How often the resolution is halved."""
        return len(self.widths) - 1

    @property
    def multiples(self) -> tuple[int, ...]:
        """What the size of an image has to be divisible by, along each axis."""
        return (2**self.depth,) * self.dimensions

    @property
    def ups(self) -> tuple[int, ...]:
        """Channels of what comes up to each level."""
        return self.up_widths or self.widths[:-1]

    @property
    def outs(self) -> tuple[int, ...]:
        """Channels at each level on the way up."""
        return self.out_widths or self.widths[:-1]


UNetConfig.presets = {
    "original": UNetConfig(),
    "small": UNetConfig(widths=(16, 32, 64, 128), norm="batch", bias=False),
    "volume": UNetConfig(
        dimensions=3, widths=(32, 32, 64, 128, 256), norm="instance", activation="leaky_relu", slope=0.1
    ),
    # Finds the brain in T1-weighted images of a head, divided by their largest value (github.com/iitzco/deepbrain).
    "deepbrain": UNetConfig(
        dimensions=3,
        classes=1,
        widths=(8, 16, 32, 32),
        convolutions=(2, 0, 1),
        up_kernel=3,
        up_bias=False,
        grid=(128, 128, 128),
    ),
}


class UNet(Segmenter[UNetConfig]):
    """Images to the logits of each place: `b c s... -> b classes s...`, if each axis is divisible by 2**depth.

    >>> model = UNet.preset("small")
    >>> model(torch.zeros(2, 1, 64, 48)).shape
    torch.Size([2, 2, 64, 48])
    """

    config_class = UNetConfig
    formats = FORMATS

    def __init__(self, config: UNetConfig) -> None:
        super().__init__(config)
        *widths, middle = config.widths
        outs = config.outs
        down_count, middle_count, up_count = config.convolutions
        inputs = (config.channels, *widths)
        self.down = nn.ModuleList(
            convolutions(config, c, d, down_count) for c, d in zip(inputs[:-1], widths, strict=True)
        )
        self.middle = convolutions(config, widths[-1], middle, middle_count)
        levels = zip((*outs[1:], middle), config.ups, widths, outs, strict=True)
        self.up = nn.ModuleList(Up(config, *level, up_count) for level in reversed(list(levels)))
        kernel = (1,) * config.dimensions
        self.head = wn.Conv("b [d -> classes] [s...]", kernel=kernel, d=outs[0], classes=config.classes)

    def forward(self, images: Tensor) -> Tensor:
        """Logits: `b c s... -> b classes s...`."""
        return self.head(self.features(images))

    def features(self, images: Tensor) -> Tensor:
        """The last state of each place: `b c s... -> b d s...`.

        Raises:
            AxisSizeError: if the size of an axis is not divisible by 2**depth.
        """
        self.check(images)
        halve = HALVE[self.config.dimensions - 1]
        x, skips = images, []
        for level in self.down:
            skips.append(x := level(x))
            x = halve(x, 2)
        x = self.middle(x)
        for level, skip in zip(self.up, reversed(skips), strict=True):
            x = level(x, skip)
        return x

    def probabilities(self, images: Tensor) -> Tensor:
        """How likely each place is of each class, for images of any size: `b c s... -> b classes s...`.

        An image is resampled to `config.grid` and the result back; or, if there is none, padded with its last values
        to the next size that fits, and the result cut.
        """
        if not self.config.grid:
            return super().probabilities(images)
        self.check_rank(images)
        return resample(self.classify(resample(images, self.config.grid)), images.shape[2:])

    def expressed(self) -> tuple[Format | None, dict[str, Any]]:
        """Our own format, because no other has all options."""
        return self.expressed_in(None)


def convolutions(config: UNetConfig, c: int, d: int, count: int) -> nn.Sequential:
    """Convolutions one after the other: `b c s... -> b d s...`."""
    return nn.Sequential(*(Convolution(config, c if i == 0 else d, d) for i in range(count)))


class Convolution(nn.Sequential):
    """A convolution of kernel 3, a norm, dropout and an activation: `b c s... -> b d s...`."""

    def __init__(self, config: UNetConfig, c: int, d: int) -> None:
        super().__init__()
        kernel = (3,) * config.dimensions
        self.conv = wn.Conv("b [c -> d] [s...]", kernel=kernel, padding=1, bias=config.bias, c=c, d=d)
        if config.norm != "none":
            options: dict[str, Any] = {"batch": {"decay_rate": 0.9}, "group": {"g": config.groups}}
            self.norm = wn.Norm(STATISTICS[config.norm], "b [d] s...", d=d, **options.get(config.norm, {}))
        if config.dropout:
            self.dropout = wn.Dropout("[...]", config.dropout)
        self.activation = ACTIVATIONS[config.activation](config)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draw the weights so that variances stay as they are under ReLU (section 3 of the paper)."""
        nn.init.kaiming_normal_(self.conv.weight)
        if self.conv.bias is not None:
            nn.init.zeros_(self.conv.bias)


class Up(nn.Module):
    """Twice the resolution, a skip beside it, and convolutions: `b c s..., b k (s 2)... -> b d (s 2)...`."""

    def __init__(self, config: UNetConfig, c: int, up: int, k: int, d: int, count: int) -> None:
        super().__init__()
        self.enlarge = transposed(config, c, up) if config.up == "transposed" else interpolation(config, c, up)
        self.convs = convolutions(config, k + up, d, count)

    def forward(self, x: Tensor, skip: Tensor) -> Tensor:
        return self.convs(ww.rearrange("b k s..., b c s... -> b (k + c) s...", skip, self.enlarge(x)))


def transposed(config: UNetConfig, c: int, d: int) -> nn.Module:
    """A transposed convolution that doubles the resolution: `b c s... -> b d (s 2)...`."""
    n, surplus = config.dimensions, config.up_kernel - 2
    return wn.Conv(
        "b [c -> d] [s...]",
        kernel=(config.up_kernel,) * n,
        stride=2,
        padding=((surplus // 2, surplus - surplus // 2),) * n if surplus else 0,
        transposed=True,
        bias=config.up_bias,
        c=c,
        d=d,
    )


def interpolation(config: UNetConfig, c: int, d: int) -> nn.Module:
    """A change of channels, then interpolation: `b c s... -> b d (s 2)...`. In this order it costs less."""
    kernel = (1,) * config.dimensions
    change = wn.Conv("b [c -> d] [s...]", kernel=kernel, bias=config.up_bias, c=c, d=d) if c != d else nn.Identity()
    mode = INTERPOLATIONS[config.up][config.dimensions - 1]
    return nn.Sequential(change, nn.Upsample(None, 2, mode, None if mode == "nearest" else True))
