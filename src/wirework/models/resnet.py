"""The residual network of identity connections, also called ResNet v2 or pre-activation ResNet.

A unit adds to its input what three convolutions make of it. Normalisation and ReLU stand before a convolution,
so nothing but additions is on the way from the first unit of a stage to the last. With group norm and
standardised weights it is Big Transfer (BiT).

He et al., Identity Mappings in Deep Residual Networks, 2016 (arXiv:1603.05027); Kolesnikov et al., Big Transfer,
2019 (arXiv:1912.11370).

Axes: b batch, c and d channels before and after a convolution, h w height and width, g groups of channels.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch.nn.functional as F
from torch import Tensor, nn

import wirework as ww
import wirework.nn.torch as wn
from wirework.errors import SemanticError
from wirework.models.formats.resnet import FORMATS
from wirework.models.model import Config, Model


@dataclass(frozen=True)
class ResNetConfig(Config):
    """The sizes of a residual network.

    Attributes:
        channels: of the image.
        classes: the number of logits.
        stem_kernel, stem_stride, stem_dim: of the first convolution: its sides, its step, the channels it makes.
        pool: after it: "none", "max" over 3x3 places in steps of 2, or "max zeros", for which beyond the edge there
            are zeros and not nothing.
        dims, depths: for each stage, the channels and the number of units. All but the first stage halve the image.
        early_stride: whether they do so in a unit's first convolution, which is 1x1, or in its second, which is 3x3.
        groups: of channels that are normalised together, each image for itself; 0: batch norm.
        standardise: whether each convolution's weights are normalised before they are used.
        drop_path: the rate at which the last unit is skipped; earlier units are skipped less.
    """

    channels: int = 3
    classes: int = 1000
    stem_kernel: int = 7
    stem_stride: int = 2
    stem_dim: int = 64
    pool: str = "max"
    dims: tuple[int, ...] = (256, 512, 1024, 2048)
    depths: tuple[int, ...] = (3, 4, 6, 3)
    early_stride: bool = False
    groups: int = 0
    standardise: bool = False
    drop_path: float = 0.0

    def __post_init__(self) -> None:
        if not len(self.dims) == len(self.depths) > 0 or min(self.depths) < 1:
            raise SemanticError(f"dims={self.dims} and depths={self.depths} are not a number above 0 for each stage")
        if self.pool not in POOLS:
            raise SemanticError(f"there is no pool {self.pool!r}: choose from {', '.join(POOLS)}")
        for dim in self.dims:
            if dim % 4 or dim < 4:
                raise SemanticError(
                    f"dims={self.dims} are not all divisible by 4, as the channels inside a unit must be"
                )
        for dim in (self.stem_dim, *(dim // 4 for dim in self.dims)):
            if self.groups and dim % self.groups:
                raise SemanticError(f"{dim} channels are not divisible by groups={self.groups}")


POOLS = {
    "none": nn.Identity,
    "max": lambda: nn.MaxPool2d(3, stride=2, padding=1),
    "max zeros": lambda: nn.Sequential(nn.ZeroPad2d(1), nn.MaxPool2d(3, stride=2)),
}


def small(**sizes: Any) -> ResNetConfig:
    """For small images."""
    shared: dict[str, Any] = {"classes": 10, "stem_kernel": 3, "stem_stride": 1, "stem_dim": 16, "pool": "none"}
    return ResNetConfig(**shared | {"dims": (64, 128, 256), "depths": (3, 3, 3), "early_stride": True} | sizes)


def big_transfer(depths: tuple[int, ...], factor: int) -> ResNetConfig:
    """With so many times as many channels as usual."""
    dims = tuple(factor * dim for dim in (256, 512, 1024, 2048))
    return ResNetConfig(stem_dim=64 * factor, pool="max zeros", dims=dims, depths=depths, groups=32, standardise=True)


ResNetConfig.presets = {
    "cifar": small(),
    "fashion": small(channels=1, stem_stride=2, depths=(1, 1, 1), early_stride=False),
    "resnetv2_50": ResNetConfig(),
    "resnetv2_101": ResNetConfig(depths=(3, 4, 23, 3)),
    "resnetv2_152": ResNetConfig(depths=(3, 8, 36, 3)),
    "resnetv2_50x1_bit": big_transfer((3, 4, 6, 3), 1),
    "resnetv2_50x3_bit": big_transfer((3, 4, 6, 3), 3),
    "resnetv2_101x1_bit": big_transfer((3, 4, 23, 3), 1),
    "resnetv2_101x3_bit": big_transfer((3, 4, 23, 3), 3),
    "resnetv2_152x2_bit": big_transfer((3, 8, 36, 3), 2),
    "resnetv2_152x4_bit": big_transfer((3, 8, 36, 3), 4),
}


class ResNet(Model[ResNetConfig]):
    """Images of any size to logits: `b c h w -> b classes`.

    On a CPU it is faster after `model.to(memory_format=torch.channels_last)`.

    >>> model = ResNet.preset("cifar")
    >>> model(torch.zeros(2, 3, 32, 32)).shape
    torch.Size([2, 10])
    """

    config_class = ResNetConfig
    formats = FORMATS

    def __init__(self, config: ResNetConfig) -> None:
        super().__init__(config)
        self.stem = conv(config, config.channels, config.stem_dim, config.stem_kernel, config.stem_stride)
        self.pool = POOLS[config.pool]()
        self.stages = nn.ModuleList()
        before, count = config.stem_dim, sum(config.depths)
        rates = (config.drop_path * i / max(count - 1, 1) for i in range(count))
        for i, (dim, depth) in enumerate(zip(config.dims, config.depths, strict=True)):
            units = [Unit(config, before, dim, 2 if i else 1, next(rates), project=True)]
            units += [Unit(config, dim, dim, 1, next(rates)) for _ in range(depth - 1)]
            self.stages.append(nn.Sequential(*units))
            before = dim
        self.norm = norm(config, config.dims[-1])
        self.head = wn.Linear("b [d -> classes]", d=config.dims[-1], classes=config.classes)
        self.reset_parameters()

    def forward(self, images: Tensor) -> Tensor:
        return self.head(ww.mean("b d [h w]", self.features(images)))

    def features(self, images: Tensor) -> Tensor:
        """What the last stage leaves, normalised: `b c h w -> b d h w`, where h and w have become smaller."""
        x = self.pool(self.stem(images))
        for stage in self.stages:
            x = stage(x)
        return relu(self.norm(x))

    def reset_parameters(self) -> None:
        """Draw all weights anew."""
        for module in self.modules():
            if isinstance(module, wn.Conv):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
        nn.init.normal_(self.head.weight, std=0.01)


class Unit(nn.Module):
    """Three convolutions, between which there are a quarter of the channels, beside a connection past them.

    That is the identity or, with `project`, a 1x1 convolution of the normalised input.
    """

    def __init__(
        self, config: ResNetConfig, before: int, after: int, stride: int, drop_path: float, project: bool = False
    ) -> None:
        super().__init__()
        inside = after // 4
        strides = (stride, 1) if config.early_stride else (1, stride)
        self.norm1 = norm(config, before)
        self.conv1 = conv(config, before, inside, 1, strides[0])
        self.norm2 = norm(config, inside)
        self.conv2 = conv(config, inside, inside, 3, strides[1])
        self.norm3 = norm(config, inside)
        self.conv3 = conv(config, inside, after, 1)
        self.project = conv(config, before, after, 1, stride) if project else None
        self.drop_path = wn.Dropout("[b] ...", drop_path)

    def forward(self, x: Tensor) -> Tensor:
        """`b c h w -> b d h w`."""
        y = relu(self.norm1(x))
        skip = x if self.project is None else self.project(y)
        y = self.conv1(y)
        y = self.conv2(relu(self.norm2(y)))
        y = self.conv3(relu(self.norm3(y)))
        return skip + self.drop_path(y)


def norm(config: ResNetConfig, c: int) -> wn.Norm:
    """Batch norm, or group norm."""
    if config.groups:
        return wn.Norm("b (g [d]) [h w]", "b [c] h w", g=config.groups, c=c)
    return wn.Norm("[b] c [h w]", "b [c] h w", decay_rate=0.9, c=c)


def relu(x: Tensor) -> Tensor:
    """ReLU in place: what a norm makes is needed by nothing else."""
    return F.relu(x, inplace=True)


def conv(config: ResNetConfig, c: int, d: int, kernel: int, stride: int = 1) -> wn.Conv:
    """A convolution without bias, which keeps the size of the image but for the stride."""
    layer = StandardisedConv if config.standardise else wn.Conv
    return layer("b [c -> d] [h w]", kernel, stride, padding=kernel // 2, bias=False, c=c, d=d)


class StandardisedConv(wn.Conv):
    """A convolution whose weights for each output channel are used with mean 0 and variance 1.

    Qiao et al., Micro-Batch Training with Batch-Channel Normalization and Weight Standardization, 2019
    (arXiv:1903.10520).
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.standardise = wn.Norm("d [c h w]", "d [c h w]", scale=False, bias=False, epsilon=1e-8)

    def forward(self, x: Tensor) -> Tensor:
        return self.definition(x, self.standardise(self.weight), None)
