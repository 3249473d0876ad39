"""The 1,797 handwritten digits that scikit-learn ships, as tensors, and their augmentation.

Source: E. Alpaydin and C. Kaynak, Optical Recognition of Handwritten Digits, UCI, 1998. Each image
counts the ink in 4x4 cells of a 32x32 bitmap, so it is 8x8 with values from 0 to 16.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

SIZE = 8
FULL_INK = 16
MEAN, STD = 0.3053, 0.3761  # of the ink, over all images
SPLIT_SEED = 0  # the split is the same for every run, whatever its seed


@dataclass(frozen=True)
class Digits:
    """Images `b 1 h w` with ink from 0 to 1, and labels `b`, split once and for all."""

    train_images: Tensor
    train_labels: Tensor
    test_images: Tensor
    test_labels: Tensor

    def to(self, device: torch.device) -> Digits:
        return Digits(*(tensor.to(device) for tensor in vars(self).values()))


def load_digits(test_fraction: float = 0.2) -> Digits:
    """All digits, with the same share of every class held out for testing."""
    from sklearn.datasets import load_digits as load
    from sklearn.model_selection import train_test_split

    images, labels = load(return_X_y=True)
    parts = train_test_split(images, labels, test_size=test_fraction, stratify=labels, random_state=SPLIT_SEED)
    train_images, test_images = (as_images(part) for part in parts[:2])
    train_labels, test_labels = (torch.as_tensor(part, dtype=torch.long) for part in parts[2:])
    return Digits(train_images, train_labels, test_images, test_labels)


def as_images(rows: object) -> Tensor:
    """Rows of 64 counts to images with ink from 0 to 1."""
    return torch.as_tensor(rows, dtype=torch.float32).reshape(-1, 1, SIZE, SIZE) / FULL_INK


def standardise(images: Tensor) -> Tensor:
    """Ink from 0 to 1, to mean 0 and variance 1: what the model is given."""
    return (images - MEAN) / STD


def distort(images: Tensor, rotation: float = 6.0, scaling: float = 0.06, shift: float = 0.5) -> Tensor:
    """Turn, scale and shift each image a little, at random.

    Args:
        images: `b c h w`.
        rotation: the largest angle, in degrees.
        scaling: the largest relative change of size.
        shift: the largest shift, in pixels.
    """
    b, _, height, _ = images.shape
    angle, scale, dx, dy = (torch.rand(4, b) * 2 - 1) * torch.tensor(
        [[math.radians(rotation)], [scaling], [2 * shift / height], [2 * shift / height]]
    )
    cos, sin = (1 + scale) * angle.cos(), (1 + scale) * angle.sin()
    rows = torch.stack([torch.stack([cos, -sin, dx], 1), torch.stack([sin, cos, dy], 1)], 1)
    grid = F.affine_grid(rows.to(images.device), list(images.shape), align_corners=False)
    return F.grid_sample(images, grid, align_corners=False)
