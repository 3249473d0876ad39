"""What a finished run leaves in its folder, and the words that say where to look."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import torch

import wirework as ww
from wirework.cli import checkpoint, pictures
from wirework.cli.digits import standardise
from wirework.cli.training import Trainer
from wirework.models.vit import ViTConfig

CURVES = "curves.png"
PREDICTIONS = "predictions.png"
SOURCE = "source.txt"
SAMPLES = "samples"

CONTENTS = {
    PREDICTIONS: "test digits, what the model says, and where it looks",
    CURVES: "loss and accuracy over the epochs",
    checkpoint.METRICS: "the numbers, for programs",
    SOURCE: "the code that wirework generated for each expression",
    checkpoint.WEIGHTS: "the weights",
    f"{SAMPLES}/": "a digit of each class, to try `wirework predict` on",
}


def write(folder: Path, trainer: Trainer, config: ViTConfig) -> None:
    """Write metrics, pictures, samples and generated code."""
    model, digits = trainer.model, trainer.data
    checkpoint.write_metrics(folder, metrics(trainer, config))
    pictures.draw_curves(trainer.history, folder / CURVES)
    pictures.draw_predictions(model, digits, folder / PREDICTIONS)
    pictures.save_samples(digits, folder / SAMPLES)
    checkpoint.write_atomically(folder / SOURCE, lambda path: path.write_text(generated_source(trainer)))


def metrics(trainer: Trainer, config: ViTConfig) -> dict[str, object]:
    """What was measured, and everything it depends on."""
    last = trainer.history[-1]
    return {
        "model": "vit",
        "data": "digits",
        "test_accuracy": last.test_accuracy,
        "test_loss": last.test_loss,
        "train_accuracy": last.train_accuracy,
        "train_loss": last.train_loss,
        "seconds": round(sum(record.seconds for record in trainer.history), 2),
        "parameters": sum(p.numel() for p in trainer.model.parameters()),
        "train_images": trainer.train_count,
        "test_images": len(trainer.data.test_labels),
        "device": str(trainer.device),
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "options": asdict(trainer.options),
        "config": asdict(config),
        "history": [asdict(record) for record in trainer.history],
    }


def generated_source(trainer: Trainer) -> str:
    """The code behind every expression of one training step and one attention map."""
    images = standardise(trainer.data.train_images[:2])
    with ww.engine.record_sources() as sources:
        trainer.model.train()
        trainer.model(images)
        trainer.model.eval()
        trainer.model.class_attention(images)
    return "\n\n".join(
        f'# {operation} "{expression}"\n{source.strip()}\n' for (operation, expression), source in sources.items()
    )


def announce(folder: Path, trainer: Trainer) -> None:
    """Say how well it went, and where to look."""
    last = trainer.history[-1]
    seconds = sum(record.seconds for record in trainer.history)
    count = len(trainer.data.test_labels)
    right = round(last.test_accuracy * count)
    print(f"\nTest accuracy {last.test_accuracy:.2%} ({right} of {count} held-out digits)")
    print(f"Training took {seconds:.0f} s")
    print(f"\nLook in {folder}/")
    for name, text in CONTENTS.items():
        print(f"  {name:<18} {text}")
    print(f"\nTry: wirework predict --checkpoint {folder} {folder / SAMPLES / '3.png'}")
