"""Images of other sizes."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor


def resample(images: Tensor, sizes: Sequence[int]) -> Tensor:
    """Images `b c s...` of other sizes along s..., by linear interpolation between the centres of places.

    Where a size shrinks, the triangle over which values are averaged is as much wider, as in
    `torch.nn.functional.interpolate(mode="bilinear", antialias=True)`, which has two axes only.
    """
    for axis, size in enumerate(sizes, start=2):
        weights = triangles(images.shape[axis], size).to(images)
        images = (images.movedim(axis, -1) @ weights).movedim(-1, axis)
    return images


def triangles(old: int, new: int) -> Tensor:
    """How much of each old place there is in each new one: `old new`."""
    scale = old / new
    centres = (torch.arange(new) + 0.5) * scale - 0.5
    weights = (1 - (torch.arange(old)[:, None] - centres).abs() / max(scale, 1.0)).clamp(min=0)
    return weights / weights.sum(0)
