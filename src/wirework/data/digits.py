"""The 1,797 handwritten digits that scikit-learn ships.

Source: E. Alpaydin and C. Kaynak, Optical Recognition of Handwritten Digits, UCI, 1998. Each image counts the ink in
4x4 cells of a 32x32 bitmap, so it is 8x8 with values from 0 to 16.
"""

from __future__ import annotations

import numpy as np

from wirework.data.datasets import ImageData, Tell

HELD_OUT = 0.2
SPLIT_SEED = 0  # the split is the same for every run, whatever its seed


def read(name: str, tell: Tell) -> ImageData:
    """All digits, with the same share of every class held out."""
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    images, labels = load_digits(return_X_y=True)
    parts = train_test_split(images, labels, test_size=HELD_OUT, stratify=labels, random_state=SPLIT_SEED)
    train, test, train_labels, test_labels = map(np.asarray, parts)
    train, test = (images.reshape(-1, 1, 8, 8).astype(np.uint8) for images in (train, test))
    classes = tuple(str(digit) for digit in range(10))
    return ImageData(name, "handwritten digits", classes, train, train_labels, test, test_labels, 16, 0.3053, 0.3761)
