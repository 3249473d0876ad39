"""Where a checkpoint is: on this machine, or on the Hugging Face hub."""

from __future__ import annotations

import re
from pathlib import Path

from wirework.errors import CheckpointError

WANTED = ("*.json", "*.safetensors", "*.bin", "*.txt", "*.model")
IS_REPOSITORY = re.compile(r"[\w.-]+(/[\w.-]+)?")


def find(where: str | Path, revision: str | None = None) -> Path:
    """A local file or folder.

    Args:
        where: a path; or the name of a repository on the Hugging Face hub, which is then downloaded once.
        revision: of the repository: a branch, tag or commit.

    Raises:
        CheckpointError: if there is no such path, and it cannot be downloaded.
    """
    path = Path(where).expanduser()
    if path.exists():
        return path
    if isinstance(where, Path) or not IS_REPOSITORY.fullmatch(where):
        raise CheckpointError(f"there is no file or folder {where}")
    try:
        from huggingface_hub import snapshot_download
    except ImportError:
        raise CheckpointError(
            f"there is no file or folder {where}",
            notes=["To download it from the Hugging Face hub: pip install 'wirework[io]'"],
        ) from None
    try:
        return Path(snapshot_download(where, revision=revision, allow_patterns=list(WANTED)))
    except Exception as error:  # of the network, of the hub, or of the name
        first = (str(error) or type(error).__name__).splitlines()[0]
        notes = [f"{type(error).__name__}: {first}"]
        raise CheckpointError(
            f"there is no file or folder {where}, and it could not be downloaded from the Hugging Face hub", notes=notes
        ) from None
