"""What a finished run leaves in its folder, and the words that say where to look."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import nn

import wirework as ww
from wirework.checkpoint.files import WEIGHTS, write_atomically, write_json
from wirework.cli import pictures
from wirework.errors import counted
from wirework.models.catalogue import from_pretrained
from wirework.models.language_model import LanguageModel, Sampling
from wirework.models.model import NATIVE
from wirework.training.folder import METRICS
from wirework.training.run import Run
from wirework.training.tasks import ImageTask, Task

CURVES = "curves.png"
PREDICTIONS = "predictions.png"
SOURCE = "source.txt"
SAMPLES = "samples"
TEXT = "sample.txt"
SAMPLE_TOKENS = 400
SHOWN_LINES = 12


def headline(run: Run) -> str:
    """What is about to happen, in a line or two."""
    trainer, options = run.trainer, run.plan.options
    count = sum(parameter.numel() for parameter in trainer.model.parameters())
    begun = f", from epoch {trainer.epoch + 1}" if trainer.epoch else ""
    together = f", {trainer.processes.count} processes" if trainer.processes.count > 1 else ""
    return (
        f"{run.config[NATIVE]} with {count:,} parameters on {run.data.title}\n"
        f"{counted(options.epochs, 'epoch')} of {counted(trainer.steps, 'step')} of {options.batch_size}{begun}, "
        f"seed {options.seed}{together}"
    )


def write(folder: Path, run: Run) -> None:
    """Write metrics, pictures, samples and generated code."""
    model = from_pretrained(str(folder), device=run.trainer.device)  # whole, where several processes shared it
    write_json(folder / METRICS, metrics(run))
    pictures.draw_curves(run.trainer.history, folder / CURVES)
    write_atomically(folder / SOURCE, lambda path: path.write_text(generated_source(model, run.task), encoding="utf-8"))
    if isinstance(run.task, ImageTask):
        pictures.draw_predictions(model, run.task, folder / PREDICTIONS)
        pictures.save_samples(run.task.data, folder / SAMPLES)
    else:
        write_atomically(folder / TEXT, lambda path: path.write_text(sample(model, run), encoding="utf-8"))


def contents(run: Run) -> dict[str, str]:
    """The files for people, with what they show."""
    own = (
        {PREDICTIONS: f"held-out {run.task.unit}, and what the model says", f"{SAMPLES}/": "one image of each class"}
        if isinstance(run.task, ImageTask)
        else {TEXT: "what the model writes"}
    )
    return own | {
        CURVES: "loss and accuracy over the epochs",
        METRICS: "the numbers, for programs",
        SOURCE: "the code that wirework generated for each expression",
        WEIGHTS: "the weights",
    }


def metrics(run: Run) -> dict[str, Any]:
    """What was measured, and everything it depends on."""
    trainer = run.trainer
    last = trainer.history[-1]
    return {
        "model": run.plan.model,
        "data": run.plan.data,
        "test_accuracy": last.test_accuracy,
        "test_loss": last.test_loss,
        "train_accuracy": last.train_accuracy,
        "train_loss": last.train_loss,
        "seconds": round(sum(record.seconds for record in trainer.history), 2),
        "parameters": sum(parameter.numel() for parameter in trainer.model.parameters()),
        "train_examples": run.task.examples,
        "test_examples": run.task.held_out,
        "device": str(trainer.device),
        "processes": trainer.processes.count,
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        **run.plan.as_json(),
        "config": run.config,
        "history": [asdict(record) for record in trainer.history],
    }


def generated_source(model: nn.Module, task: Task) -> str:
    """The code behind every expression of one training step and one test."""
    inputs, _ = task.batch(torch.arange(2))
    with ww.engine.record_sources() as sources, torch.no_grad():
        model.train()
        model(inputs)
        model.eval()
        model(inputs)
    return "\n\n".join(
        f'# {operation} "{expression}"\n{source.strip()}\n' for (operation, expression), source in sources.items()
    )


def sample(model: nn.Module, run: Run, prompt: str = "\n") -> str:
    """Text that the model writes."""
    assert isinstance(model, LanguageModel) and run.tokenizer is not None
    tokens = torch.tensor([run.tokenizer.encode(prompt)], device=run.trainer.device)
    generator = torch.Generator(run.trainer.device).manual_seed(run.plan.options.seed)
    chosen = model.generate(tokens, SAMPLE_TOKENS, Sampling(0.8, top_p=0.95), generator, rolling=True)
    return run.tokenizer.decode([int(token) for token in chosen]).strip() + "\n"


def announce(folder: Path, run: Run) -> None:
    """Say how well it went, and where to look."""
    last, task = run.trainer.history[-1], run.task
    seconds = sum(record.seconds for record in run.trainer.history)
    if isinstance(task, ImageTask):
        right = round(last.test_accuracy * task.held_out)
        print(f"\nTest accuracy {last.test_accuracy:.2%} ({right:,} of {task.held_out:,} held-out {task.unit})")
    else:
        print(f"\nHeld-out text: {last.test_loss:.3f} nats per token, {last.test_accuracy:.1%} of tokens likeliest")
    print(f"Training took {seconds:.0f} s")
    if not isinstance(task, ImageTask):
        written = (folder / TEXT).read_text(encoding="utf-8").splitlines()
        print("\n" + "\n".join(f"    {line}" for line in written[:SHOWN_LINES]))
    print(f"\nLook in {folder}/")
    for name, text in contents(run).items():
        print(f"  {name:<18} {text}")
    if isinstance(task, ImageTask):
        print(f"\nTry: wirework predict --checkpoint {folder} {first_sample(folder)}")
    else:
        print(f'\nTry: wirework generate --checkpoint {folder} --prompt "ROMEO."')


def first_sample(folder: Path) -> Path:
    """An image to try."""
    found = sorted((folder / SAMPLES).glob("*.png"))
    return found[len(found) // 3]
