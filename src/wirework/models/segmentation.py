"""What models that classify each place of an image share: which sizes fit, the loss, and images of any size."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import TypeVar

import torch.nn.functional as F
from torch import Tensor

from wirework.errors import AxisSizeError, RankError, SemanticError, did_you_mean
from wirework.models.model import Config, Model


@dataclass(frozen=True)
class SegmenterConfig(Config):
    """What the configuration of every such model has.

    Attributes:
        dimensions: how many axes space has: 1, 2 or 3.
        channels: of the image.
        classes: logits of each place. With one, it is that of the foreground.
    """

    dimensions: int = 2
    channels: int = 1
    classes: int = 2

    def __post_init__(self) -> None:
        if self.dimensions not in (1, 2, 3):
            raise SemanticError(f"dimensions={self.dimensions}: only 1, 2 and 3 are supported")

    def choices(self, **known: Collection[str]) -> None:
        """Refuse values that are none of those known.

        Raises:
            SemanticError: naming the value and those known.
        """
        for name, values in known.items():
            value = getattr(self, name)
            if value not in values:
                close = did_you_mean(str(value), values)
                raise SemanticError(f"there is no {name}={value!r}{close}: choose from {', '.join(values)}")

    @property
    def multiples(self) -> tuple[int, ...]:
        """What the size of an image has to be divisible by, along each axis."""
        raise NotImplementedError


C = TypeVar("C", bound=SegmenterConfig)


class Segmenter(Model[C]):
    """Images to the logits of each place: `b c s... -> b classes s...`."""

    def check(self, images: Tensor) -> None:
        """Refuse images that the model cannot halve and double again.

        Raises:
            RankError: if they have another number of axes.
            AxisSizeError: if the size of an axis is not divisible by `config.multiples`.
        """
        self.check_rank(images)
        for i, (size, step) in enumerate(zip(images.shape[2:], self.config.multiples, strict=True)):
            if not size or size % step:
                below, above = size // step * step, (size // step + 1) * step
                fits = f"{below} or {above}" if below else f"{above}"
                raise AxisSizeError(f"axis s{i} is {size}, which is not divisible by {step}: {fits} would fit")

    def check_rank(self, images: Tensor) -> None:
        """Refuse images with another number of axes."""
        dimensions = self.config.dimensions
        if images.ndim != dimensions + 2:
            axes = " ".join(("b", "c", *(f"s{i}" for i in range(dimensions))))
            raise RankError(f"a U-Net of {dimensions} dimensions takes '{axes}', not {images.ndim} axes")

    def loss(self, images: Tensor, labels: Tensor) -> Tensor:
        """The mean cross-entropy over all places.

        Args:
            images: `b c s...`.
            labels: the class of each place, `b s...`; with one class in the model, 1 for the foreground.
        """
        logits = self(images)
        if self.config.classes == 1:
            return F.binary_cross_entropy_with_logits(logits[:, 0], labels.to(logits.dtype))
        return F.cross_entropy(logits, labels)

    def probabilities(self, images: Tensor) -> Tensor:
        """How likely each place is of each class, for images of any size: `b c s... -> b classes s...`.

        An image is padded with its last values to the next size that fits, and the result cut.
        """
        self.check_rank(images)
        sizes = images.shape[2:]
        missing = [(0, -size % step) for size, step in zip(sizes, self.config.multiples, strict=True)]
        margins = [n for pair in reversed(missing) for n in pair]
        padded = F.pad(images, margins, "replicate") if any(margins) else images
        return self.classify(padded)[(..., *(slice(size) for size in sizes))]

    def classify(self, images: Tensor) -> Tensor:
        """How likely each place is of each class, for images of a size that fits."""
        logits = self(images)
        return logits.sigmoid() if self.config.classes == 1 else logits.softmax(1)
