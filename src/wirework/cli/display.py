"""How a training run shows itself: a live bar on a terminal, one line per epoch when piped."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Protocol

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

from wirework.training.trainer import Progress as Step
from wirework.training.trainer import Record


class Display(Protocol):
    """Hears of every step and every finished epoch."""

    def step(self, step: Step) -> None: ...

    def epoch(self, record: Record) -> None: ...


class Silence:
    """Nothing: another process shows the run."""

    def step(self, step: Step) -> None:
        pass

    def epoch(self, record: Record) -> None:
        pass


class Lines:
    """One line for each epoch."""

    def __init__(self, epochs: int) -> None:
        self.epochs = epochs

    def step(self, step: Step) -> None:
        pass

    def epoch(self, record: Record) -> None:
        print(
            f"epoch {record.epoch:3}/{self.epochs}  train {record.train_loss:.3f} {record.train_accuracy:6.1%}  "
            f"test {record.test_loss:.3f} {record.test_accuracy:6.1%}  {record.seconds:.1f} s",
            flush=True,
        )


class Bar:
    """A bar over all steps, with loss and accuracy as they are now."""

    def __init__(self, progress: Progress, epochs: int, done: int) -> None:
        self.progress = progress
        self.epochs = epochs
        self.done = done
        self.test = "-"
        self.task = progress.add_task("", total=None, epoch=f"{done}/{epochs}", loss="-", train="-", test="-")

    def step(self, step: Step) -> None:
        self.progress.update(
            self.task,
            total=self.epochs * step.steps,
            completed=step.epoch * step.steps + step.step,
            epoch=f"{step.epoch + 1}/{self.epochs}",
            loss=f"{step.loss:.3f}",
            train=f"{step.accuracy:.1%}",
            test=self.test,
        )

    def epoch(self, record: Record) -> None:
        self.test = f"{record.test_accuracy:.1%}"
        self.progress.update(self.task, test=self.test)


@contextmanager
def show_training(epochs: int, done: int, shown: bool = True) -> Iterator[Display]:
    """A display for a run of `epochs` epochs, of which `done` are finished; an empty one if it is not shown."""
    if not shown:
        yield Silence()
        return
    console = Console()
    if not console.is_terminal:
        yield Lines(epochs)
        return
    columns = (
        TextColumn("epoch {task.fields[epoch]}"),
        BarColumn(bar_width=None),
        *(TextColumn(f"{name} [b]{{task.fields[{name}]}}[/]") for name in ("loss", "train", "test")),
        TimeElapsedColumn(),
        TextColumn("left"),
        TimeRemainingColumn(compact=True),
    )
    with Progress(*columns, console=console, expand=True) as progress:
        yield Bar(progress, epochs, done)


class Interrupt:
    """Whether the user has asked to stop."""

    requested = False


@contextmanager
def catch_interrupt() -> Iterator[Interrupt]:
    """Let the first Ctrl-C only be noted, so that no file is left half written; the second one stops."""
    interrupt = Interrupt()

    def note(number: int, frame: FrameType | None) -> None:
        interrupt.requested = True
        signal.signal(signal.SIGINT, before)

    before = signal.signal(signal.SIGINT, note)
    try:
        yield interrupt
    finally:
        signal.signal(signal.SIGINT, before)
