"""How a model is trained: the choices and their defaults."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from wirework.errors import SemanticError

Precision = Literal["float32", "bfloat16", "float16"]
Distortion = Literal["none", "bend", "shift"]
Optimizer = Literal["adamw", "sgd"]


@dataclass(frozen=True)
class Options:
    """How to train.

    Attributes:
        seed: same seed, same numbers.
        epochs: how often the model is tested, and the state saved.
        steps: of the optimiser in one epoch (0: as many as go through all the data once).
        batch_size: examples in one step, over all processes: images, or pieces of text as long as the context.
        accumulate: parts that a batch is cut into, one after the other, to save memory.
        optimizer: "adamw", or "sgd" with Nesterov momentum.
        learning_rate: the highest one.
        warmup: the fraction of all steps over which the learning rate rises; then it falls along half a cosine.
        weight_decay: of matrices; vectors such as biases have none.
        label_smoothing: how much of the target goes to all classes alike.
        clip: the largest norm of the gradient (0: any).
        distortion: of training images: "bend" turns, scales and shifts a little, "shift" moves and mirrors.
        train_limit: use only so many training examples (0: all).
        precision: of the arithmetic in the model; the weights stay in float32.
        compile: let torch.compile translate the model.
        channels_last: lay images out in memory with the channels innermost, which convolutions like.
        threads: of this process (0: one for each core).
    """

    seed: int = 0
    epochs: int = 10
    steps: int = 0
    batch_size: int = 64
    accumulate: int = 1
    optimizer: Optimizer = "adamw"
    learning_rate: float = 1e-3
    warmup: float = 0.1
    weight_decay: float = 0.05
    label_smoothing: float = 0.0
    clip: float = 1.0
    distortion: Distortion = "none"
    train_limit: int = 0
    precision: Precision = "float32"
    compile: bool = False
    channels_last: bool = False
    threads: int = 0

    def divided(self, processes: int) -> int:
        """The examples that one process takes in one part of a step.

        Raises:
            SemanticError: if a batch cannot be cut into equal parts.
        """
        parts = processes * self.accumulate
        if self.batch_size % parts:
            how = f"{processes} processes and {self.accumulate} parts" if processes > 1 else f"{self.accumulate} parts"
            raise SemanticError(f"a batch of {self.batch_size} cannot be shared equally among {how}")
        return self.batch_size // parts
