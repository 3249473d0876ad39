"""Training a classifier, one epoch at a time, so that it can stop and go on with the same result."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from wirework.cli.digits import Digits, distort, standardise
from wirework.cli.errors import UserError
from wirework.cli.options import Options
from wirework.models.vit import ViT


@dataclass(frozen=True)
class Progress:
    """Where a run stands after a step: means over the epoch so far."""

    epoch: int
    step: int
    steps: int
    loss: float
    accuracy: float


@dataclass(frozen=True)
class Record:
    """One finished epoch."""

    epoch: int
    train_loss: float
    train_accuracy: float
    test_loss: float
    test_accuracy: float
    seconds: float


class Trainer:
    """A model, its optimiser, and how far the training has come."""

    def __init__(self, model: ViT, data: Digits, options: Options, device: torch.device) -> None:
        self.model = model.to(device)
        self.data = data.to(device)
        self.options = options
        self.device = device
        self.history: list[Record] = []
        self.optimizer = torch.optim.AdamW(parameter_groups(model, options.weight_decay), lr=options.learning_rate)

    @property
    def epoch(self) -> int:
        """How many epochs are finished."""
        return len(self.history)

    @property
    def steps_per_epoch(self) -> int:
        return max(self.train_count // self.options.batch_size, 1)

    @property
    def train_count(self) -> int:
        count = len(self.data.train_labels)
        return min(count, self.options.train_limit or count)

    def run_epoch(self, report: Callable[[Progress], None]) -> Record:
        """One pass over the training images in a new order, then a test. `report` hears of every step."""
        start = time.perf_counter()
        order = torch.randperm(self.train_count)
        loss, correct, seen = 0.0, 0, 0
        self.model.train()
        for step in range(self.steps_per_epoch):
            batch = order[step * self.options.batch_size :][: self.options.batch_size].to(self.device)
            self.set_learning_rate(self.epoch * self.steps_per_epoch + step + 1)
            images, labels = self.data.train_images[batch], self.data.train_labels[batch]
            batch_loss, batch_correct = self.step(images, labels)
            seen += len(batch)
            loss += batch_loss * len(batch)
            correct += batch_correct
            report(Progress(self.epoch, step + 1, self.steps_per_epoch, loss / seen, correct / seen))
        test_loss, test_accuracy = self.test()
        seconds = time.perf_counter() - start
        self.history.append(Record(self.epoch + 1, loss / seen, correct / seen, test_loss, test_accuracy, seconds))
        return self.history[-1]

    def step(self, images: Tensor, labels: Tensor) -> tuple[float, int]:
        """One step of the optimiser: the loss, and how many labels were right."""
        logits = self.model(standardise(distort(images)))
        loss = F.cross_entropy(logits, labels, label_smoothing=self.options.label_smoothing)
        if not loss.isfinite():
            raise UserError("the loss is not finite any more: try a smaller --learning-rate")
        self.optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(self.model.parameters(), self.options.clip)
        self.optimizer.step()
        return loss.item(), int((logits.argmax(1) == labels).sum())

    @torch.no_grad()
    def test(self) -> tuple[float, float]:
        """The loss and the accuracy on the held-out images."""
        self.model.eval()
        logits = self.model(standardise(self.data.test_images))
        loss = F.cross_entropy(logits, self.data.test_labels)
        return loss.item(), (logits.argmax(1) == self.data.test_labels).float().mean().item()

    def set_learning_rate(self, step: int) -> None:
        """Linear warm-up, then a half cosine down to 0."""
        done = step / (self.options.epochs * self.steps_per_epoch)
        rise, fall = done / self.options.warmup, (1 + math.cos(math.pi * done)) / 2
        for group in self.optimizer.param_groups:
            group["lr"] = self.options.learning_rate * min(rise, fall)

    def state(self) -> dict[str, Any]:
        """Everything that the rest of the run depends on."""
        return {
            "model": self.model.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "random": torch.get_rng_state(),
            "device_random": torch.cuda.get_rng_state(self.device) if self.device.type == "cuda" else None,
            "history": [asdict(record) for record in self.history],
            "options": asdict(self.options),
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go back to where `state` was taken."""
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        torch.set_rng_state(state["random"])
        if state["device_random"] is not None and self.device.type == "cuda":
            torch.cuda.set_rng_state(state["device_random"], self.device)
        self.history = [Record(**record) for record in state["history"]]


def parameter_groups(model: nn.Module, weight_decay: float) -> list[dict[str, Any]]:
    """Weights of linear layers decay; biases, norms, tokens and positions do not."""
    decaying, others = [], []
    for name, parameter in model.named_parameters():
        decays = parameter.ndim > 1 and not name.endswith("pos_embed")
        (decaying if decays else others).append(parameter)
    return [{"params": decaying, "weight_decay": weight_decay}, {"params": others, "weight_decay": 0.0}]


def use_device(name: str) -> torch.device:
    """A device that is there."""
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        raise UserError(f"there is no device {name!r} here: {str(error).splitlines()[0]}") from None
    return device
