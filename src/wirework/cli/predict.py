"""`wirework predict`: classify image files with a trained model."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from wirework.cli.errors import UserError, need

if TYPE_CHECKING:
    from torch import Tensor

DEMO = Path("results/demo")


def predict(
    images: Annotated[list[Path], typer.Argument(metavar="IMAGE...", help="Images of one thing each.")],
    checkpoint: Annotated[Path, typer.Option(help="The results folder of `wirework train`.")] = DEMO,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")] = False,
) -> None:
    """Say what an image shows. Any size, dark on light or light on dark, one thing per image.

    **Examples**

    wirework predict --checkpoint results/demo results/demo/samples/3.png

    wirework predict --checkpoint results/demo *.png --json
    """
    need("torch", "safetensors", "PIL")
    import torch

    from wirework.cli.image_file import read_image
    from wirework.data.datasets import ImageData, load
    from wirework.models.catalogue import from_pretrained
    from wirework.training.folder import load_run

    folder = checkpoint if checkpoint.is_dir() else checkpoint.parent
    data = load(load_run(folder)["data"])
    if not isinstance(data, ImageData):
        raise UserError(f"{folder} holds a model of {data.title}, which classifies no images")
    model = from_pretrained(str(folder))
    ink = torch.stack([read_image(path, data) for path in images])
    with torch.no_grad():
        rows = model((ink - data.mean) / data.std).softmax(1)
    if as_json:
        print(
            json.dumps([as_record(path, row, data.classes) for path, row in zip(images, rows, strict=True)], indent=2)
        )
        return
    for path, row in zip(images, rows, strict=True):
        show(path, row, data.classes)


def as_record(path: Path, probabilities: Tensor, classes: Sequence[str]) -> dict[str, object]:
    """The prediction for one image, for a program."""
    return {
        "image": str(path),
        "class": classes[int(probabilities.argmax())],
        "probabilities": {name: round(float(p), 6) for name, p in zip(classes, probabilities, strict=True)},
    }


def show(path: Path, probabilities: Tensor, classes: Sequence[str], width: int = 30) -> None:
    """The prediction for one image, for a person: classes from the likeliest, with bars."""
    best = int(probabilities.argmax())
    widest = max(map(len, classes))
    print(f"{path}: {classes[best]} ({float(probabilities[best]):.1%})")
    for index in probabilities.argsort(descending=True).tolist():
        share = float(probabilities[index])
        print(f"  {classes[index]:{widest}}  {share:6.1%}  {'█' * round(width * share)}".rstrip())
