"""Reading and writing a folder of weights as Hugging Face's libraries lay it out.

A folder has a `config.json`, and its weights in one file or in several with an index. Pickled files are read with
`weights_only`, which builds nothing but tensors.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from wirework.checkpoint.frozen_graph import read_variables
from wirework.errors import CheckpointError

CONFIG = "config.json"
WEIGHTS = "model.safetensors"
INDEXES = ("model.safetensors.index.json", "pytorch_model.bin.index.json")
SINGLES = (WEIGHTS, "pytorch_model.bin")
PICKLED = (".bin", ".pt", ".pth")
WRAPPERS = ("state_dict", "model")  # under which some training scripts keep the weights
GIGABYTE = 10**9


def read_config(folder: Path) -> dict[str, Any]:
    """The `config.json` of a folder.

    Raises:
        CheckpointError: if there is none, or it is not a JSON object.
    """
    path = folder / CONFIG
    if not path.is_file():
        raise CheckpointError(f"there is no {CONFIG} in {folder}")
    return read_json(path)


def read_json(path: Path) -> dict[str, Any]:
    """A JSON object from a file."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise CheckpointError(f"{path} cannot be read as JSON: {error}") from None
    if not isinstance(found, dict):
        raise CheckpointError(f"{path} holds no JSON object")
    return found


def read_weights(path: Path) -> dict[str, Tensor]:
    """The tensors of a file, or of all the files of a folder, on the CPU.

    Raises:
        CheckpointError: if there are none, or a file is damaged or of another kind.
    """
    weights: dict[str, Tensor] = {}
    for file in weight_files(path):
        weights.update(read_file(file))
    return weights


def weight_files(path: Path) -> list[Path]:
    """The files that hold the weights of a folder; or the file itself."""
    if path.is_file():
        return [path]
    if not path.is_dir():
        raise CheckpointError(f"there is no file or folder {path}")
    for name in INDEXES:
        if (path / name).is_file():
            return indexed_files(path / name)
    for name in SINGLES:
        if (path / name).is_file():
            return [path / name]
    raise CheckpointError(f"there are no weights in {path}: neither {' nor '.join((*SINGLES, *INDEXES))}")


def indexed_files(index: Path) -> list[Path]:
    """The files that an index names, all of which have to be beside it."""
    table = read_json(index).get("weight_map")
    if not isinstance(table, dict) or not all(isinstance(name, str) for name in table.values()):
        raise CheckpointError(f"{index} has no weight_map from names to files")
    names = sorted(set(table.values()))
    outside = [name for name in names if Path(name).name != name]
    if outside:
        raise CheckpointError(f"{index} names a file that is not beside it: {outside[0]}")
    files = [index.parent / name for name in names]
    lacking = [file.name for file in files if not file.is_file()]
    if lacking:
        raise CheckpointError(f"{index} names files that are not there", notes=lacking)
    return files


def read_file(path: Path) -> dict[str, Tensor]:
    """The tensors of one file."""
    readers = {".safetensors": read_safetensors, **dict.fromkeys(PICKLED, read_pickled), ".pb": read_frozen}
    read = readers.get(path.suffix)
    if read is None:
        raise CheckpointError(f"{path} is not a file of weights: its name ends in none of {' '.join(readers)}")
    try:
        return read(path)
    except CheckpointError:
        raise
    except Exception as error:  # whatever a damaged file makes a reader raise
        first = (str(error) or type(error).__name__).splitlines()[0]
        raise CheckpointError(f"{path} cannot be read: {first}") from None


def read_safetensors(path: Path) -> dict[str, Tensor]:
    """The tensors of a safetensors file, which stay in the file until they are used."""
    from safetensors.torch import load_file

    return load_file(path)


def read_pickled(path: Path) -> dict[str, Tensor]:
    """The tensors of a file written by `torch.save`."""
    found = torch.load(path, map_location="cpu", weights_only=True, mmap=is_zip(path))
    for wrapper in WRAPPERS:
        if isinstance(found, dict) and isinstance(found.get(wrapper), dict):
            found = found[wrapper]
    if not isinstance(found, dict) or not all(isinstance(value, Tensor) for value in found.values()):
        raise CheckpointError(f"{path} holds no table of tensors")
    return found


def read_frozen(path: Path) -> dict[str, Tensor]:
    """What were variables in a frozen TensorFlow graph."""
    return {name: torch.from_numpy(array) for name, array in read_variables(path).items()}


def is_zip(path: Path) -> bool:
    """Whether torch wrote the file in its present form, which can stay on disk until it is used."""
    with path.open("rb") as file:
        return file.read(2) == b"PK"


# -- writing --------------------------------------------------------------------------------------------------


def write_atomically(path: Path, write: Callable[[Path], object]) -> None:
    """Let `write` fill a file that then takes the place of `path`, so that an interruption leaves the old one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        write(beside)
        os.replace(beside, path)
    finally:
        beside.unlink(missing_ok=True)


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write a JSON object."""
    text = json.dumps(content, indent=2) + "\n"
    write_atomically(path, lambda beside: beside.write_text(text, encoding="utf-8"))


def write_config(folder: Path, config: Mapping[str, Any]) -> None:
    """Write a `config.json`."""
    write_json(folder / CONFIG, config)


def write_weights(folder: Path, weights: Mapping[str, Tensor], shard_size: int = 5 * GIGABYTE) -> None:
    """Write tensors into one safetensors file, or several of at most `shard_size` bytes with an index."""
    from safetensors.torch import save_file

    shards = list(split(weights, shard_size))
    names = [WEIGHTS] if len(shards) == 1 else [shard_name(i, len(shards)) for i in range(len(shards))]
    for name, shard in zip(names, shards, strict=True):
        whole = {key: tensor.detach().cpu().contiguous() for key, tensor in shard.items()}
        write_atomically(folder / name, lambda path, whole=whole: save_file(whole, path, {"format": "pt"}))
    if len(shards) > 1:
        table = {key: name for name, shard in zip(names, shards, strict=True) for key in shard}
        total = sum(tensor.nbytes for tensor in weights.values())
        write_json(folder / INDEXES[0], {"metadata": {"total_size": total}, "weight_map": table})
    clear(folder, {*names, *(INDEXES[:1] if len(shards) > 1 else ())})


def split(weights: Mapping[str, Tensor], size: int) -> Iterator[dict[str, Tensor]]:
    """Tensors in order, in parts of at most so many bytes, except one that is larger by itself."""
    part: dict[str, Tensor] = {}
    used = 0
    for name, tensor in weights.items():
        if part and used + tensor.nbytes > size:
            yield part
            part, used = {}, 0
        part[name] = tensor
        used += tensor.nbytes
    yield part


def shard_name(i: int, count: int) -> str:
    """The name of one of several files."""
    return f"model-{i + 1:05}-of-{count:05}.safetensors"


def clear(folder: Path, written: set[str]) -> None:
    """Remove the weights of an earlier save, which a reader could take for those just written."""
    for path in [*folder.glob("model-*-of-*.safetensors"), *(folder / name for name in (*INDEXES, *SINGLES))]:
        if path.name not in written:
            path.unlink(missing_ok=True)
