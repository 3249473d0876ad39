"""Data to learn from, by name: images with labels, and text, each split once and for all.

>>> load("digits").train_images.shape
(1437, 1, 8, 8)
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module

import numpy as np

from wirework.data.packages import silent
from wirework.errors import DataError, did_you_mean


@dataclass(frozen=True)
class ImageData:
    """Images with a class each.

    Attributes:
        name: what `load` calls it.
        title: what it shows: "handwritten digits".
        classes: their names, by label.
        train_images, test_images: uint8, `n c h w`, of ink on empty paper.
        train_labels, test_labels: int64, `n`.
        full: the value of full ink.
        mean, std: of all training pixels, where full ink is 1.
    """

    name: str
    title: str
    classes: tuple[str, ...]
    train_images: np.ndarray
    train_labels: np.ndarray
    test_images: np.ndarray
    test_labels: np.ndarray
    full: int
    mean: float
    std: float


@dataclass(frozen=True)
class TextData:
    """Text, of which the last part is held out.

    Attributes:
        name: what `load` calls it.
        title: what it is: "plays and poems by Shakespeare".
        train, test: characters.
    """

    name: str
    title: str
    train: str
    test: str


Data = ImageData | TextData
Tell = Callable[[str], object]

READERS = {
    "digits": "digits",
    "fashion-mnist": "idx_images",
    "mnist": "idx_images",
    "shakespeare": "shakespeare",
}


def load(name: str, tell: Tell = silent) -> Data:
    """A data set by name; one that is not on this machine is downloaded once.

    Args:
        tell: is called with one line before a download.

    Raises:
        DataError: if there is none of that name, it cannot be had, or it is damaged.
    """
    if name not in READERS:
        close = did_you_mean(name, READERS)
        raise DataError(f"there is no data set called {name!r}{close}: choose from {', '.join(READERS)}")
    read: Callable[[str, Tell], Data] = import_module(f"wirework.data.{READERS[name]}").read
    return read(name, tell)
