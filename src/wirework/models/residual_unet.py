"""The residual U-Net (Kerfoot et al., Left-Ventricle Quantification Using Residual U-Net, 2018).

A U-Net that learns its steps between resolutions too. On the way down a unit's first convolution strides, and so does
one past the unit, to whose result the unit adds what it makes. On the way up a transposed convolution makes the
resolution larger, and a unit of one convolution follows. The last step up makes the logits. It is the `UNet` of monai.

The paper is doi.org/10.1007/978-3-030-12029-0_40.

Axes: b batch, c and d channels before and after a step, k channels of a skip, r a stride, s... space, with one, two or
three axes.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from torch import Tensor, nn

import wirework as ww
import wirework.nn.torch as wn
from wirework.errors import SemanticError
from wirework.models.formats.residual_unet import FORMATS
from wirework.models.segmentation import Segmenter, SegmenterConfig

Steps = int | tuple[int, ...]

STATISTICS = {"none": "", "batch": "[b] d [s...]", "instance": "b d [s...]", "group": "b (g [c]) [s...]"}
ACTIVATIONS: dict[str, Callable[[ResidualUNetConfig], nn.Module]] = {
    "none": lambda config: nn.Identity(),
    "prelu": lambda config: nn.PReLU(init=config.slope),
    "relu": lambda config: nn.ReLU(inplace=True),
    "leaky_relu": lambda config: nn.LeakyReLU(config.slope, inplace=True),
    "elu": lambda config: nn.ELU(inplace=True),
    "gelu": lambda config: nn.GELU(),
    "silu": lambda config: nn.SiLU(inplace=True),
}


@dataclass(frozen=True)
class ResidualUNetConfig(SegmenterConfig):
    """The sizes and options of a residual U-Net. Levels are counted from the resolution of the image downwards.

    Attributes:
        dimensions: how many axes space has: 1, 2 or 3.
        channels: of the image.
        classes: logits of each place. With one, it is that of the foreground.
        widths: channels at each level, and last those in the middle.
        strides: how many times smaller space becomes at each level but the middle; numbers, or one for each axis.
        units: how many convolutions a residual unit has on the way down; 0: there are no residual units, only one
            convolution in the place of each on the way down, and none on the way up.
        kernel, up_kernel: of the convolutions, and of those that are transposed; odd numbers, or one for each axis.
        bias: whether convolutions have one.
        norm: "none", "batch", "instance" or "group".
        affine: whether norms have a scale and a shift.
        groups: of the group norm.
        activation: "none", "prelu", "relu", "leaky_relu", "elu", "gelu" or "silu".
        slope: of the leaky ReLU below zero, and of the PReLU at the start.
        dropout: the rate.
        order: in which norm (N), dropout (D) and activation (A) follow a convolution. One that is left out does not.
    """

    widths: tuple[int, ...] = (16, 32, 64, 128, 256)
    strides: tuple[Steps, ...] = (2, 2, 2, 2)
    units: int = 2
    kernel: Steps = 3
    up_kernel: Steps = 3
    bias: bool = True
    norm: str = "instance"
    affine: bool = True
    groups: int = 8
    activation: str = "prelu"
    slope: float = 0.25
    dropout: float = 0.0
    order: str = "NDA"

    def __post_init__(self) -> None:
        super().__post_init__()
        self.choices(norm=STATISTICS, activation=ACTIVATIONS)
        if len(self.widths) < 2 or len(self.strides) != len(self.widths) - 1:
            raise SemanticError(
                f"widths={self.widths} and strides={self.strides} are not one stride between two widths"
            )
        if self.units < 0:
            raise SemanticError(f"units={self.units} is negative")
        for name in ("kernel", "up_kernel"):
            if any(size < 1 or not size % 2 for size in self.each(getattr(self, name))):
                raise SemanticError(f"{name}={getattr(self, name)} is not odd")
        if any(step < 1 for stride in self.strides for step in self.each(stride)):
            raise SemanticError(f"strides={self.strides} are not all above 0")
        if not set(self.order) <= set("NDA") or len(set(self.order)) < len(self.order):
            raise SemanticError(f"order={self.order!r} is not made of N, D and A, each at most once")
        if self.norm == "group" and any(width % self.groups for width in self.normed):
            raise SemanticError(f"{self.normed} channels are not all divisible by groups={self.groups}")

    def each(self, steps: Steps) -> tuple[int, ...]:
        """A number for each axis of space.

        Raises:
            SemanticError: if there are not as many as axes.
        """
        found = steps if isinstance(steps, tuple) else (steps,) * self.dimensions
        if len(found) != self.dimensions:
            raise SemanticError(f"{found} is not a number for each of dimensions={self.dimensions}")
        return found

    @property
    def normed(self) -> tuple[int, ...]:
        """The numbers of channels that norms see."""
        return (*self.widths, self.classes) if self.units else self.widths

    @property
    def multiples(self) -> tuple[int, ...]:
        """What the size of an image has to be divisible by, along each axis."""
        return tuple(math.prod(steps) for steps in zip(*map(self.each, self.strides), strict=True))


ResidualUNetConfig.presets = {
    # In monai's model zoo they are ventricular_short_axis_3label, which is made as the paper says, and
    # spleen_ct_segmentation.
    "ventricle": ResidualUNetConfig(classes=4, affine=False),
    "spleen": ResidualUNetConfig(dimensions=3, norm="batch"),
}


class ResidualUNet(Segmenter[ResidualUNetConfig]):
    """Images to the logits of each place: `b c s... -> b classes s...`, if strides divide each axis.

    >>> model = ResidualUNet.preset("ventricle")
    >>> model(torch.zeros(2, 1, 64, 48)).shape
    torch.Size([2, 4, 64, 48])
    """

    config_class = ResidualUNetConfig
    formats = FORMATS

    def __init__(self, config: ResidualUNetConfig) -> None:
        super().__init__(config)
        *widths, middle = config.widths
        steps = list(zip(itertools.pairwise((config.channels, *widths)), config.strides, strict=True))
        self.down = nn.ModuleList(down(config, c, d, stride) for (c, d), stride in steps)
        self.middle = down(config, widths[-1], middle)
        above = (config.classes, *widths[:-1])  # channels that each level hands up
        levels = list(enumerate(zip(widths, (*above[1:], middle), above, config.strides, strict=True)))
        self.up = nn.ModuleList(
            Up(config, k + c, d, stride, last=level == 0) for level, (k, c, d, stride) in reversed(levels)
        )

    def forward(self, images: Tensor) -> Tensor:
        """Logits: `b c s... -> b classes s...`."""
        return self.up[-1](self.features(images))

    def features(self, images: Tensor) -> Tensor:
        """What the last step up makes logits of: `b c (s r)... -> b d s...`.

        Raises:
            RankError: if images have another number of axes.
            AxisSizeError: if the strides do not divide the size of an axis.
        """
        self.check(images)
        x, skips = images, []
        for level in self.down:
            skips.append(x := level(x))
        x = beside(skips.pop(), self.middle(x))
        for level in self.up[:-1]:
            x = beside(skips.pop(), level(x))
        return x


def beside(skip: Tensor, x: Tensor) -> Tensor:
    """What was seen on the way down and what was understood below: `b k s..., b c s... -> b (k + c) s...`."""
    return ww.rearrange("b k s..., b c s... -> b (k + c) s...", skip, x)


def down(config: ResidualUNetConfig, c: int, d: int, stride: Steps = 1) -> nn.Module:
    """A step on the way down: `b c (s r)... -> b d s...`."""
    if config.units:
        return ResidualUnit(config, c, d, stride, config.units)
    return Convolution(config, c, d, stride)


class Up(nn.Module):
    """A step on the way up, of which the last one ends in a convolution alone: `b c s... -> b d (s r)...`."""

    def __init__(self, config: ResidualUNetConfig, c: int, d: int, stride: Steps, last: bool) -> None:
        super().__init__()
        self.enlarge = Convolution(config, c, d, stride, transposed=True, bare=last and not config.units)
        self.unit = ResidualUnit(config, d, d, bare=last) if config.units else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        return self.unit(self.enlarge(x))


class ResidualUnit(nn.Module):
    """Convolutions, of which the first one strides, beside a connection past them: `b c (s r)... -> b d s...`.

    The connection is the identity if shapes stay. If only the channels change it is a convolution of kernel 1.
    """

    def __init__(
        self, config: ResidualUNetConfig, c: int, d: int, stride: Steps = 1, count: int = 1, bare: bool = False
    ) -> None:
        super().__init__()
        first = Convolution(config, c, d, stride, bare=bare)
        self.convs = nn.Sequential(first, *(Convolution(config, d, d, bare=bare) for _ in range(count - 1)))
        strides = max(config.each(stride)) > 1
        self.project = conv(config, c, d, config.kernel if strides else 1, stride) if strides or c != d else None

    def forward(self, x: Tensor) -> Tensor:
        skip = x if self.project is None else self.project(x)
        return self.convs(x) + skip


class Convolution(nn.Sequential):
    """A convolution, and unless it is bare norm, dropout and activation, in the order of the configuration."""

    def __init__(
        self,
        config: ResidualUNetConfig,
        c: int,
        d: int,
        stride: Steps = 1,
        transposed: bool = False,
        bare: bool = False,
    ) -> None:
        super().__init__()
        kernel = config.up_kernel if transposed else config.kernel
        self.conv = conv(config, c, d, kernel, stride, transposed)
        for letter in "" if bare else config.order:
            match letter:
                case "N" if config.norm != "none":
                    self.norm = norm(config, d)
                case "D" if config.dropout:
                    self.dropout = wn.Dropout("[...]", config.dropout)
                case "A":
                    self.activation = ACTIVATIONS[config.activation](config)


def conv(config: ResidualUNetConfig, c: int, d: int, kernel: Steps, stride: Steps, transposed: bool = False) -> wn.Conv:
    """A convolution that makes space as many times smaller as it strides, or if transposed larger."""
    kernels, strides = config.each(kernel), config.each(stride)
    return wn.Conv(
        "b [c -> d] [s...]",
        kernels,
        strides,
        padding=tuple(size // 2 for size in kernels),
        output_padding=tuple(step - 1 for step in strides) if transposed else 0,
        transposed=transposed,
        bias=config.bias,
        c=c,
        d=d,
    )


def norm(config: ResidualUNetConfig, d: int) -> wn.Norm:
    """The norm of so many channels."""
    options: dict[str, Any] = {"batch": {"decay_rate": 0.9}, "group": {"g": config.groups}}.get(config.norm, {})
    return wn.Norm(STATISTICS[config.norm], "b [d] s...", scale=config.affine, bias=config.affine, d=d, **options)
