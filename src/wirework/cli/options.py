"""How a model is trained: the choices and their defaults."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Options:
    """How to train.

    Attributes:
        warmup: the fraction of all steps over which the learning rate rises; then it falls to 0.
        label_smoothing: how much of the target goes to all classes alike.
        clip: the largest norm of the gradient.
        train_limit: use only so many training images (0: all).
    """

    seed: int = 0
    epochs: int = 30
    batch_size: int = 48
    learning_rate: float = 4e-3
    weight_decay: float = 0.05
    warmup: float = 0.1
    label_smoothing: float = 0.1
    clip: float = 1.0
    train_limit: int = 0
