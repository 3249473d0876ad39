"""A recogniser of images from linear layers alone: pixels, two hidden layers with ReLU, a logit for each class.

It is the first network in Abbott, Neural Circuit Diagrams, 2024 (arXiv:2402.05424).

Axes: b batch, c channels of the image, h w height and width, d features of a hidden layer.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import torch.nn.functional as F
from torch import Tensor, nn

import wirework as ww
import wirework.nn.torch as wn
from wirework.errors import SemanticError
from wirework.models.model import Config, Model


@dataclass(frozen=True)
class DigitMLPConfig(Config):
    """The sizes of the recogniser.

    Attributes:
        image_size: height and width, in pixels, or one number for both.
        channels: of the image.
        classes: the number of logits.
        hidden: features of each hidden layer.
    """

    image_size: int | tuple[int, int] = 28
    channels: int = 1
    classes: int = 10
    hidden: tuple[int, ...] = (512, 512)

    def __post_init__(self) -> None:
        if min(*self.sides, self.channels, self.classes, *self.hidden) < 1:
            raise SemanticError(f"a size is not above 0: {self}")

    @property
    def sides(self) -> tuple[int, int]:
        """Height and width of the image."""
        return (self.image_size, self.image_size) if isinstance(self.image_size, int) else self.image_size


DigitMLPConfig.presets = {
    "mnist": DigitMLPConfig(),
    "digits": DigitMLPConfig(image_size=8),
}


class DigitMLP(Model[DigitMLPConfig]):
    """Images to logits: `b c h w -> b classes`.

    >>> model = DigitMLP.preset("mnist")
    >>> model(torch.zeros(2, 1, 28, 28)).shape
    torch.Size([2, 10])
    """

    config_class = DigitMLPConfig

    def __init__(self, config: DigitMLPConfig) -> None:
        super().__init__(config)
        height, width = config.sides
        dims = (config.channels * height * width, *config.hidden)
        self.layers = nn.ModuleList(wn.Linear("b [c -> d]", c=c, d=d) for c, d in pairwise(dims))
        self.head = wn.Linear("b [d -> classes]", d=dims[-1], classes=config.classes)

    def forward(self, images: Tensor) -> Tensor:
        return self.head(self.features(images))

    def features(self, images: Tensor) -> Tensor:
        """The last hidden layer: `b c h w -> b d`."""
        height, width = self.config.sides
        x = ww.rearrange("b c h w -> b (c h w)", images, c=self.config.channels, h=height, w=width)
        for layer in self.layers:
            x = F.relu(layer(x))
        return x

    def probabilities(self, images: Tensor) -> Tensor:
        """How likely each class is: `b c h w -> b classes`, summing to 1."""
        return ww.softmax("b [classes]", self(images))
