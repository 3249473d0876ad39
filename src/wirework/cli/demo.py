"""`wirework demo`: the main jobs with nothing to choose."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from wirework.cli.train import train_model


def demo(
    out: Annotated[Path, typer.Option(help="Folder for the results.")] = Path("results/demo"),
) -> None:
    """Train a small vision transformer on real handwritten digits, and a small GPT on Shakespeare, in two minutes.

    **Examples**

    wirework demo

    wirework demo --out /tmp/demo
    """
    from wirework.cli.notes import note
    from wirework.errors import DataError

    train_model("vit", "digits", out)
    print()
    try:
        train_model("gpt2", "shakespeare", out / "shakespeare")
    except DataError as error:
        note(f"No GPT this time: {error}")
