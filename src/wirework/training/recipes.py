"""What `wirework train` does where nothing else is asked for: a preset and options for a model and data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from wirework.models.catalogue import CATALOGUE
from wirework.training.options import Options


@dataclass(frozen=True)
class Recipe:
    """How one model is trained on one data set.

    Attributes:
        preset: of the model.
        changes: of values in its configuration.
        options: of the training.
    """

    preset: str
    changes: Mapping[str, Any] = field(default_factory=dict)
    options: Options = field(default_factory=Options)


DIGITS = Options(
    epochs=30, batch_size=48, learning_rate=4e-3, label_smoothing=0.1, distortion="bend", threads=1
)  # one thread: the tensors are too small for more, and sums do not depend on the machine
CLOTHES = Options(epochs=2, batch_size=128, learning_rate=2e-3, label_smoothing=0.05)
VERSE = Options(epochs=5, steps=200, batch_size=8, learning_rate=4e-3, weight_decay=0.1)

RECIPES = {
    ("vit", "digits"): Recipe("digits", {}, DIGITS),
    ("vit", "fashion-mnist"): Recipe(
        "digits", {"patch_size": 7}, Options(epochs=2, batch_size=64, learning_rate=3e-3, label_smoothing=0.05)
    ),
    ("resnet", "fashion-mnist"): Recipe(
        "fashion", {}, Options(epochs=1, batch_size=64, learning_rate=0.01, channels_last=True)
    ),
    ("gpt2", "shakespeare"): Recipe("characters", {}, VERSE),
    ("llama", "shakespeare"): Recipe("characters", {}, VERSE),
}


def recipe(model: str, data: str, learns: str) -> Recipe:
    """The recipe for a model and a data set, which may be one that suits any."""
    small = CATALOGUE[model].small
    return RECIPES.get((model, data)) or Recipe(small, {}, {"text": VERSE, "images": CLOTHES}[learns])
