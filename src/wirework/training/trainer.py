"""A model, its optimiser, and how far the training has come: one epoch at a time.

All that is random in an epoch follows from the seed, the number of the epoch and the rank of the process, so a run
that is interrupted goes on from its last finished epoch to the same result.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from wirework.errors import DataError
from wirework.training.options import Options
from wirework.training.processes import Processes, restore, states
from wirework.training.tasks import Batch, Task

TEST_BATCH = 256
MOMENTUM = 0.9


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
    """One finished epoch: cross-entropies in nats, and shares of the targets that were likeliest."""

    epoch: int
    train_loss: float
    train_accuracy: float
    test_loss: float
    test_accuracy: float
    seconds: float


class Trainer:
    """Trains a model on a task."""

    def __init__(
        self, model: nn.Module, task: Task, options: Options, device: torch.device, processes: Processes | None = None
    ) -> None:
        self.processes = processes or Processes()
        self.share = options.divided(self.processes.count)
        self.model = model.to(device)
        if options.channels_last:
            self.model.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        self.task = task
        self.options = options
        self.device = device
        self.history: list[Record] = []
        self.processes.shard(self.model)
        self.optimizer = make_optimizer(self.model, options)
        self.scaler = torch.amp.GradScaler(device.type, enabled=options.precision == "float16")
        self.called = torch.compile(self.model) if options.compile else self.model

    @property
    def epoch(self) -> int:
        """How many epochs are finished."""
        return len(self.history)

    @property
    def steps(self) -> int:
        """The steps of one epoch."""
        return self.options.steps or max(self.task.examples // self.options.batch_size, 1)

    def run_epoch(self, report: Callable[[Progress], None]) -> Record:
        """One pass over training examples in a new order, then a test. `report` hears of every step."""
        start = time.perf_counter()
        generator = self.sow()
        order = self.task.order(self.steps * self.options.batch_size, generator)
        sums = torch.zeros(3)
        self.model.train()
        for step, numbers in enumerate(order.split(self.options.batch_size)):
            self.set_learning_rate(self.epoch * self.steps + step + 1)
            sums += self.step(self.processes.share(numbers))
            report(Progress(self.epoch, step + 1, self.steps, *means(sums)))
        train, test = means(self.processes.total(sums)), self.test()
        record = Record(self.epoch + 1, *train, *test, time.perf_counter() - start)
        self.history.append(record)
        return record

    def sow(self) -> torch.Generator:
        """Seed all that is random in the next epoch; the generator returned is the same for all processes."""
        seed = self.options.seed * 1_000_003 + self.epoch * 1_009
        torch.manual_seed(seed + 1 + self.processes.rank)
        return torch.Generator().manual_seed(seed)

    def step(self, numbers: Tensor) -> Tensor:
        """One step of the optimiser; the sums of loss and right answers, and the number of targets."""
        sums = torch.zeros(3)
        parts = numbers.split(self.share)
        for part in parts:
            loss, found = self.measure(self.task.batch(part), self.options.label_smoothing)
            if not loss.isfinite():
                raise DataError("the loss is not finite any more: try a smaller --learning-rate")
            self.scaler.scale(loss / len(parts)).backward()
            sums += found
        self.scaler.unscale_(self.optimizer)
        if self.options.clip:
            nn.utils.clip_grad_norm_(self.model.parameters(), self.options.clip)
        self.scaler.step(self.optimizer)
        self.scaler.update()
        self.optimizer.zero_grad()
        return sums

    def measure(self, batch: Batch, label_smoothing: float = 0.0) -> tuple[Tensor, Tensor]:
        """The mean loss, and what `step` returns."""
        inputs, targets = batch
        if self.options.channels_last:
            inputs = inputs.contiguous(memory_format=torch.channels_last)
        precision = getattr(torch, self.options.precision)
        with torch.autocast(self.device.type, precision, enabled=precision != torch.float32):
            logits = self.called(inputs)
        logits, targets = logits.flatten(0, -2).float(), targets.flatten()
        loss = F.cross_entropy(logits, targets, label_smoothing=label_smoothing)
        right, count = (logits.argmax(-1) == targets).sum().item(), len(targets)
        return loss, torch.tensor([loss.item() * count, right, count])

    @torch.no_grad()
    def test(self) -> tuple[float, float]:
        """The loss and the accuracy on the held-out examples."""
        self.model.eval()
        sums = torch.zeros(3)
        for numbers, real in self.test_shares():
            inputs, targets = self.task.test_batch(numbers)
            if real:
                sums += self.measure((inputs[:real], targets[:real]))[1]
            else:  # all processes have to take part, and this one has nothing left
                self.called(inputs)
        return means(self.processes.total(sums))

    def test_shares(self) -> list[tuple[Tensor, int]]:
        """For each batch of this process, numbers of held-out examples, and how many of them count."""
        mine = self.processes.share(torch.arange(self.task.held_out))
        batches = -(-self.task.held_out // (TEST_BATCH * self.processes.count))
        shares = [mine[i * TEST_BATCH : (i + 1) * TEST_BATCH] for i in range(batches)]
        return [(share, len(share)) if len(share) else (mine[:1], 0) for share in shares]

    def set_learning_rate(self, step: int) -> None:
        """Linear warm-up, then a half cosine down to 0."""
        done = step / (self.options.epochs * self.steps)
        rise = done / self.options.warmup if self.options.warmup else 1.0
        fall = (1 + math.cos(math.pi * done)) / 2
        for group in self.optimizer.param_groups:
            group["lr"] = self.options.learning_rate * min(rise, fall)

    def state(self) -> dict[str, Any]:
        """Everything that the rest of the run depends on."""
        weights, optimizer = states(self.model, self.optimizer)
        return {
            "model": weights,
            "optimizer": optimizer,
            "scaler": self.scaler.state_dict(),
            "history": [asdict(record) for record in self.history],
        }

    def restore(self, state: dict[str, Any]) -> None:
        """Go back to where `state` was taken."""
        restore(self.model, self.optimizer, state["model"], state["optimizer"])
        if state["scaler"]:
            self.scaler.load_state_dict(state["scaler"])
        self.history = [Record(**record) for record in state["history"]]


def means(sums: Tensor) -> tuple[float, float]:
    """The mean loss and the share of right answers."""
    loss, right, count = sums.tolist()
    return loss / count, right / count


def make_optimizer(model: nn.Module, options: Options) -> torch.optim.Optimizer:
    """An optimiser of all parameters."""
    groups = parameter_groups(model, options.weight_decay)
    if options.optimizer == "sgd":
        return torch.optim.SGD(groups, lr=options.learning_rate, momentum=MOMENTUM, nesterov=True)
    return torch.optim.AdamW(groups, lr=options.learning_rate, fused=True)


def parameter_groups(model: nn.Module, weight_decay: float) -> list[dict[str, Any]]:
    """Weights of linear layers decay; biases, norms, tokens and positions do not."""
    decaying, others = [], []
    for name, parameter in model.named_parameters():
        decays = parameter.ndim > 1 and "pos" not in name and name != "prefix"
        (decaying if decays else others).append(parameter)
    return [{"params": decaying, "weight_decay": weight_decay}, {"params": others, "weight_decay": 0.0}]
