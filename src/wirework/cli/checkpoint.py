"""The files of a run that a program reads: weights, training state and metrics.

Each file is written beside its place and then moved there, so an interruption leaves the old one whole.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from wirework.cli.errors import UserError
from wirework.cli.training import Trainer
from wirework.models.vit import ViT, ViTConfig

WEIGHTS = "model.safetensors"
STATE = "training.pt"
METRICS = "metrics.json"


def write_atomically(path: Path, write: Callable[[Path], object]) -> None:
    """Let `write` fill a file that then takes the place of `path`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        write(beside)
        os.replace(beside, path)
    finally:
        beside.unlink(missing_ok=True)


def save(folder: Path, trainer: Trainer, config: ViTConfig) -> None:
    """Write the weights, for use, and everything else that is needed to go on.

    The training state holds the weights too, so that it is whole by itself.
    """
    state = {**trainer.state(), "config": asdict(config)}
    metadata = {"model": "vit", "config": json.dumps(asdict(config)), "epoch": str(trainer.epoch)}
    weights = {name: tensor.contiguous() for name, tensor in state["model"].items()}
    write_atomically(folder / STATE, lambda path: torch.save(state, path))
    write_atomically(folder / WEIGHTS, lambda path: save_file(weights, path, metadata))


def load_state(folder: Path) -> dict[str, Any] | None:
    """The training state in a folder, or `None` if there is none."""
    path = folder / STATE
    if not path.exists():
        return None
    try:
        return torch.load(path, weights_only=True, map_location="cpu")
    except Exception as error:
        raise UserError(f"{path} is not a training state of wirework: {first_line(error)}") from None


def load_model(folder: Path) -> ViT:
    """The model of a run, ready for use. `folder` may also be its `model.safetensors`."""
    path = folder / WEIGHTS if folder.is_dir() else folder
    if not path.exists():
        raise UserError(f"there is no checkpoint {path}: make one with `wirework train vit --out {folder}`")
    try:
        with safe_open(path, "pt") as file:
            config = ViTConfig(**json.loads((file.metadata() or {})["config"]))
            weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        model = ViT(config)
        model.load_state_dict(weights)
    except (SafetensorError, KeyError, TypeError, ValueError, RuntimeError) as error:
        raise UserError(f"{path} is not a checkpoint of `wirework train`: {first_line(error)}") from None
    return model.eval()


def write_metrics(folder: Path, metrics: dict[str, Any]) -> None:
    """Write what was measured, as JSON."""
    text = json.dumps(metrics, indent=2) + "\n"
    write_atomically(folder / METRICS, lambda path: path.write_text(text))


def first_line(error: Exception) -> str:
    """What an error says, without its details."""
    return (str(error) or type(error).__name__).splitlines()[0]
