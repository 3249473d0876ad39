"""`wirework predict`: classify image files with a trained model."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from wirework.cli.errors import need

if TYPE_CHECKING:
    from torch import Tensor

DEMO = Path("results/demo")


def predict(
    images: Annotated[list[Path], typer.Argument(metavar="IMAGE...", help="Images of one digit each.")],
    checkpoint: Annotated[Path, typer.Option(help="The results folder of `wirework train`.")] = DEMO,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")] = False,
) -> None:
    """Say which digit an image shows. Any size, dark on light or light on dark, one digit per image.

    **Examples**

    wirework predict --checkpoint results/demo results/demo/samples/3.png

    wirework predict --checkpoint results/demo *.png --json
    """
    need("torch", "safetensors", "PIL")
    import torch

    from wirework.cli.checkpoint import load_model
    from wirework.cli.digits import standardise
    from wirework.cli.image_file import read_digit

    model = load_model(checkpoint)
    inputs = torch.stack([read_digit(path) for path in images])
    with torch.no_grad():
        rows = model(standardise(inputs)).softmax(1)
    if as_json:
        print(json.dumps([as_record(path, row) for path, row in zip(images, rows, strict=True)], indent=2))
        return
    for path, row in zip(images, rows, strict=True):
        show(path, row)


def as_record(path: Path, probabilities: Tensor) -> dict[str, object]:
    """The prediction for one image, for a program."""
    return {
        "image": str(path),
        "digit": int(probabilities.argmax()),
        "probabilities": {str(digit): round(float(p), 6) for digit, p in enumerate(probabilities)},
    }


def show(path: Path, probabilities: Tensor, width: int = 30) -> None:
    """The prediction for one image, for a person: classes from the likeliest, with bars."""
    digit = int(probabilities.argmax())
    print(f"{path}: {digit} ({float(probabilities[digit]):.1%})")
    for index in probabilities.argsort(descending=True).tolist():
        share = float(probabilities[index])
        print(f"  {index}  {share:6.1%}  {'█' * round(width * share)}".rstrip())
