"""From an image file to what a model was trained on: the same size, ink from 0 to 1, as large in its frame."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageOps, UnidentifiedImageError
from torch import Tensor

from wirework.cli.errors import UserError
from wirework.data.datasets import ImageData

CELL = 4  # pixels of the bitmap on each side of one pixel of the result
MARGINS = {"mnist": 4}  # empty pixels around what an image shows
FAINTEST = 0.1  # contrast below which an image counts as empty
PAPER = 0.25  # ink below this fraction of the darkest is paper


def read_image(path: Path, data: ImageData) -> Tensor:
    """The image in a file as one of a data set, `1 h w`.

    Raises:
        UserError: if it is not an image, or shows nothing.
    """
    try:
        with Image.open(path) as image:
            grey = to_grey(ImageOps.exif_transpose(image))
    except FileNotFoundError:
        raise UserError(f"there is no file {path}") from None
    except (UnidentifiedImageError, OSError, ValueError, Image.DecompressionBombError) as error:
        raise UserError(f"{path} is not a readable image: {error}") from None
    ink = find_ink(grey)
    if ink is None:
        raise UserError(f"{path} shows nothing: it has one even tone")
    side = data.train_images.shape[-1]
    if ink.shape != (side, side):
        ink = shrink(ink, side, MARGINS.get(data.name, 0))
    return torch.as_tensor(ink, dtype=torch.float32)[None]


def to_grey(image: Image.Image) -> np.ndarray:
    """Brightness from 0 to 1; transparent pixels are white."""
    if image.mode.startswith(("I", "F")):
        values = np.asarray(image, dtype=np.float64)
        return (values - values.min()) / max(values.max() - values.min(), 1e-9)
    layers = image.convert("RGBA")
    white = Image.new("RGBA", layers.size, "white")
    return np.asarray(Image.alpha_composite(white, layers).convert("L"), dtype=np.float64) / 255


def find_ink(grey: np.ndarray) -> np.ndarray | None:
    """How far each pixel is from the tone of the border, from 0 to 1; `None` if all are alike."""
    border = np.concatenate([grey[0], grey[-1], grey[:, 0], grey[:, -1]])
    ink = np.abs(grey - np.median(border))
    return ink / ink.max() if ink.max() >= FAINTEST else None


def shrink(ink: np.ndarray, size: int, margin: int) -> np.ndarray:
    """Cut out what is drawn, fit it into a square bitmap, and average that over cells."""
    rows, columns = (np.flatnonzero((ink > PAPER).any(axis)) for axis in (1, 0))
    drawn = ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
    side = size * CELL
    scale = (side - 2 * margin * CELL) / max(drawn.shape)
    height, width = (max(round(length * scale), 1) for length in drawn.shape)
    fitted = Image.fromarray(drawn.astype(np.float32)).resize((width, height), Image.Resampling.BILINEAR)
    bitmap = np.zeros((side, side))
    top, left = (side - height) // 2, (side - width) // 2
    bitmap[top : top + height, left : left + width] = np.asarray(fitted)
    cells = bitmap.reshape(size, CELL, size, CELL).mean(axis=(1, 3))
    return cells / cells.max()
