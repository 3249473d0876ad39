"""What is learned from data: which inputs and targets a batch has, and which sizes of a model follow."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from wirework.data.datasets import ImageData
from wirework.errors import DataError
from wirework.training.options import Distortion

Batch = tuple[Tensor, Tensor]

TEST_TOKENS = 100_000  # of held-out text that a test reads


class Task(Protocol):
    """Examples with targets; logits `... v` for targets `...` are what the model has to give.

    Attributes:
        sizes: of a model, by the names that configurations have for them.
        examples: how many there are to learn from.
        held_out: how many there are to test on.
        unit: what is counted: "images".
    """

    @property
    def sizes(self) -> Mapping[str, Any]: ...

    @property
    def examples(self) -> int: ...

    @property
    def held_out(self) -> int: ...

    @property
    def unit(self) -> str: ...

    def order(self, count: int, generator: torch.Generator) -> Tensor:
        """The numbers of `count` examples in a new order."""
        ...

    def batch(self, numbers: Tensor) -> Batch:
        """Inputs and targets of examples to learn from."""
        ...

    def test_batch(self, numbers: Tensor) -> Batch:
        """Inputs and targets of held-out examples."""
        ...


class ImageTask:
    """Images to classes: `b c h w` and `b`."""

    unit = "images"

    def __init__(self, data: ImageData, distortion: Distortion, limit: int, device: torch.device) -> None:
        self.data = data
        self.distortion: Distortion = distortion
        count = min(limit or len(data.train_labels), len(data.train_labels))
        self.train_images, self.train_labels, self.test_images, self.test_labels = (
            torch.from_numpy(np.array(array)).to(device)
            for array in (data.train_images[:count], data.train_labels[:count], data.test_images, data.test_labels)
        )
        self.examples, self.held_out = count, len(data.test_labels)
        _, channels, height, width = data.train_images.shape
        self.sizes = {
            "classes": len(data.classes),
            "channels": channels,
            "image_size": height if height == width else (height, width),
        }

    def order(self, count: int, generator: torch.Generator) -> Tensor:
        rounds = [torch.randperm(self.examples, generator=generator) for _ in range(-(-count // self.examples))]
        return torch.cat(rounds)[:count]

    def batch(self, numbers: Tensor) -> Batch:
        numbers = numbers.to(self.train_images.device)
        images = self.ink(self.train_images[numbers])
        return self.standardise(distorted(images, self.distortion)), self.train_labels[numbers]

    def test_batch(self, numbers: Tensor) -> Batch:
        numbers = numbers.to(self.test_images.device)
        return self.standardise(self.ink(self.test_images[numbers])), self.test_labels[numbers]

    def ink(self, images: Tensor) -> Tensor:
        """Stored values to ink from 0 to 1."""
        return images.float() / self.data.full

    def standardise(self, images: Tensor) -> Tensor:
        """Ink from 0 to 1, to mean 0 and variance 1: what the model is given."""
        return (images - self.data.mean) / self.data.std


class TextTask:
    """Tokens to the token after each: `b t` and `b t`."""

    unit = "tokens"

    def __init__(
        self, train: Tensor, test: Tensor, vocabulary: int, context: int, limit: int, device: torch.device
    ) -> None:
        self.train = train[: limit * context + 1 if limit else None].to(device)
        self.test = test[: TEST_TOKENS + 1].to(device)
        self.context = context
        if min(len(self.train), len(self.test)) <= context:
            raise DataError(f"the text is shorter than a context of {context} tokens: choose a smaller context")
        self.examples = (len(self.train) - 1) // context
        self.held_out = (len(self.test) - 1) // context
        self.sizes = {"vocabulary": vocabulary, "context": context}

    def order(self, count: int, generator: torch.Generator) -> Tensor:
        return torch.randint(len(self.train) - self.context, (count,), generator=generator)

    def batch(self, numbers: Tensor) -> Batch:
        return self.windows(self.train, numbers)

    def test_batch(self, numbers: Tensor) -> Batch:
        return self.windows(self.test, numbers * self.context)

    def windows(self, tokens: Tensor, starts: Tensor) -> Batch:
        """The tokens from each start on, and those one further."""
        places = starts.to(tokens.device)[:, None] + torch.arange(self.context + 1, device=tokens.device)
        found = tokens[places].long()
        return found[:, :-1], found[:, 1:]


# -- distortion -----------------------------------------------------------------------------------------------


def distorted(images: Tensor, how: Distortion) -> Tensor:
    """Images changed at random in ways that do not change what they show: `b c h w`."""
    match how:
        case "bend":
            return bent(images)
        case "shift":
            return shifted(images)
        case _:
            return images


def bent(images: Tensor, rotation: float = 6.0, scaling: float = 0.06, shift: float = 0.5) -> Tensor:
    """Turn, scale and shift each image a little.

    Args:
        images: `b c h w`.
        rotation: the largest angle, in degrees.
        scaling: the largest relative change of size.
        shift: the largest shift, in pixels.
    """
    b, _, height, width = images.shape
    angle, scale, dx, dy = (torch.rand(4, b) * 2 - 1) * torch.tensor(
        [[math.radians(rotation)], [scaling], [2 * shift / width], [2 * shift / height]]
    )
    cos, sin = (1 + scale) * angle.cos(), (1 + scale) * angle.sin()
    rows = torch.stack([torch.stack([cos, -sin, dx], 1), torch.stack([sin, cos, dy], 1)], 1)
    grid = F.affine_grid(rows.to(images.device), list(images.shape), align_corners=False)
    return F.grid_sample(images, grid, align_corners=False)


def shifted(images: Tensor, most: int = 2) -> Tensor:
    """Move the whole batch by up to `most` pixels, and mirror every other image left to right."""
    height, width = images.shape[2:]
    down, right = torch.randint(2 * most + 1, (2,)).tolist()
    padded = F.pad(images, (most,) * 4)[..., down : down + height, right : right + width]
    mirrored = torch.rand(len(images), device=images.device) < 0.5
    return torch.where(mirrored[:, None, None, None], padded.flip(-1), padded)
