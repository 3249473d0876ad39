"""`wirework demo`: the main job with nothing to choose."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from wirework.cli.train import train_vit_on_digits


def demo(
    out: Annotated[Path, typer.Option(help="Folder for the results.")] = Path("results/demo"),
) -> None:
    """Train a small vision transformer on real handwritten digits, in under a minute.

    **Examples**

    wirework demo

    wirework demo --out /tmp/demo
    """
    train_vit_on_digits(out, {}, "cpu", resume=False)
