"""Grids: the places of tokens along one or more coordinate axes, and tables resampled from one grid to another."""

from __future__ import annotations

import numpy as np

Grid = tuple[int, ...]


def grid_positions(*sizes: int) -> np.ndarray:
    """The coordinates of every place of a grid, row by row: `(s...) n`.

    >>> grid_positions(2, 2)
    array([[0, 0],
           [0, 1],
           [1, 0],
           [1, 1]])
    """
    return np.stack([axis.reshape(-1) for axis in np.indices(sizes)], axis=-1)


def resampling(old: int, new: int, antialias: bool) -> np.ndarray:
    """The matrix `new old` of bicubic resampling along one axis.

    With `antialias` the cubic is widened by old/new where that is more than 1, and cut off at the borders,
    as in `torch.nn.functional.interpolate(mode="bicubic", antialias=True)`. Without, it has its own sharper
    constant and repeats the border, as there with `antialias=False`.

    Source: Keys, Cubic convolution interpolation for digital image processing, 1981.
    """
    scale = old / new
    centres = (np.arange(new) + 0.5) * scale - 0.5
    widening = max(scale, 1.0) if antialias else 1.0
    first = np.floor(centres - 2 * widening).astype(int)
    taps = first[:, None] + np.arange(int(4 * widening) + 4)
    weights = cubic((taps - centres[:, None]) / widening, constant=-0.5 if antialias else -0.75)
    if antialias:
        weights = np.where((taps >= 0) & (taps < old), weights, 0.0)
        weights /= weights.sum(axis=1, keepdims=True)
    places = taps.clip(0, old - 1)[:, :, None] == np.arange(old)
    return (weights[:, :, None] * places).sum(axis=1)


def cubic(x: np.ndarray, constant: float) -> np.ndarray:
    """Keys' cubic, which is 1 at 0, and 0 at the other whole numbers and beyond 2."""
    x = np.abs(x)
    near = (constant + 2) * x**3 - (constant + 3) * x**2 + 1
    far = constant * (x**3 - 5 * x**2 + 8 * x - 4)
    return np.where(x <= 1, near, np.where(x < 2, far, 0.0))
