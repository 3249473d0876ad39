"""The folder of a run: weights for use, the state to go on from, and what was measured.

Each file is written beside its place and then moved there, so an interruption leaves the old one whole.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from wirework import checkpoint
from wirework.checkpoint.files import read_json, write_atomically, write_json
from wirework.errors import CheckpointError
from wirework.training.trainer import Trainer

STATE = "training.pt"
RUN = "run.json"
METRICS = "metrics.json"


def save(folder: Path, trainer: Trainer, config: Mapping[str, Any], run: Mapping[str, Any]) -> None:
    """Write the weights, for use, and everything else that is needed to go on.

    All processes have to call it; the first one writes. The training state holds the weights too, so that it is
    whole by itself.

    Args:
        config: the `config.json` of the model.
        run: what the run was started with.
    """
    state = trainer.state()
    if trainer.processes.rank:
        return
    write_atomically(folder / STATE, lambda path: torch.save({**state, "run": dict(run)}, path))
    checkpoint.write_weights(folder, state["model"])
    checkpoint.write_config(folder, config)
    write_json(folder / RUN, run)


def load_state(folder: Path) -> dict[str, Any] | None:
    """The training state in a folder, or `None` if there is none.

    Raises:
        CheckpointError: if the file is something else, or damaged.
    """
    path = folder / STATE
    if not path.exists():
        return None
    try:
        return torch.load(path, weights_only=True, map_location="cpu")
    except Exception as error:  # whatever a damaged file makes the reader raise
        first = (str(error) or type(error).__name__).splitlines()[0]
        raise CheckpointError(f"{path} is not a training state of wirework: {first}") from None


def load_run(folder: Path) -> dict[str, Any]:
    """What the run of a folder was started with.

    Raises:
        CheckpointError: if it is not the folder of a run.
    """
    if not (folder / RUN).exists():
        raise CheckpointError(f"{folder} is not a folder of `wirework train`: it has no {RUN}")
    return read_json(folder / RUN)
