"""What sentence-transformers keeps beside a model: how the states of tokens become the vector of a sentence."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from wirework.checkpoint.files import read_json, write_atomically, write_json
from wirework.errors import CheckpointError, joined

MODULES = "modules.json"
POOLING = "1_Pooling/config.json"
LENGTHS = {"sentence_bert_config.json": "max_seq_length", "tokenizer_config.json": "model_max_length"}

STEPS = ("Transformer", "Pooling", "Normalize")
POOLINGS = {"mean_tokens": "mean", "cls_token": "first", "mean": "mean", "cls": "first"}  # before version 6, and since


def read(folder: Path) -> dict[str, Any]:
    """The arguments of a configuration that say how sentences are embedded; none if the folder does not.

    Raises:
        CheckpointError: if it is done in another way than ours.
    """
    if not (folder / MODULES).is_file():
        return {}
    steps = read_steps(folder / MODULES)
    if steps not in (STEPS, STEPS[:2]):
        raise CheckpointError(
            f"{folder / MODULES} lists {joined(steps or ('nothing',))}: "
            "only Transformer, Pooling and perhaps Normalize are supported"
        )
    pooling = pooling_of(read_json(folder / POOLING))
    if pooling not in POOLINGS:
        raise CheckpointError(f"{folder / POOLING} pools by {pooling}: only mean and cls are supported")
    return {"pooling": POOLINGS[pooling], "normalise": steps == STEPS, "sentence_length": read_length(folder)}


def read_steps(path: Path) -> tuple[str, ...]:
    """The kinds of the modules, in order."""
    try:
        return tuple(module["type"].rpartition(".")[2] for module in json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise CheckpointError(f"{path} is not a list of modules: {error!r}") from None


def pooling_of(written: Mapping[str, Any]) -> str:
    """What the configuration of a pooling says: one word, or before version 6 a flag for each way."""
    flags = [key.removeprefix("pooling_mode_") for key, on in written.items() if on and key.startswith("pooling_mode_")]
    said = written.get("pooling_mode", flags)
    return said if isinstance(said, str) else joined(said or ["nothing"])


def read_length(folder: Path) -> int | None:
    """The most tokens of a sentence, if it says."""
    for name, key in LENGTHS.items():
        length = read_json(folder / name).get(key) if (folder / name).is_file() else None
        if length is not None:
            return int(length)
    return None


def write(folder: Path, config: Any) -> None:
    """What sentence-transformers reads, of any version."""
    steps = STEPS if config.normalise else STEPS[:2]
    modules = [
        {"idx": i, "name": str(i), "path": f"{i}_{step}" if i else "", "type": f"sentence_transformers.models.{step}"}
        for i, step in enumerate(steps)
    ]
    flags = {f"pooling_mode_{name}": POOLINGS[name] == config.pooling for name in ("cls_token", "mean_tokens")}
    length = config.sentence_length or config.context
    write_json(folder / POOLING, {"word_embedding_dimension": config.dim, **flags})
    write_json(folder / "sentence_bert_config.json", {"max_seq_length": length, "do_lower_case": False})
    text = json.dumps(modules, indent=2) + "\n"
    write_atomically(folder / MODULES, lambda path: path.write_text(text, encoding="utf-8"))
