"""`wirework models`: the architectures and their sizes."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from wirework.cli.errors import need


def models(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")] = False,
) -> None:
    """List the architectures with their presets and numbers of parameters.

    **Examples**

    wirework models

    wirework models --json
    """
    need("torch")
    rows = list_models()
    if as_json:
        print(json.dumps(rows, indent=2))
        return
    from rich.console import Console
    from rich.table import Table

    table = Table(box=None, header_style="bold")
    for name in ("model", "preset", "image", "patch", "dim", "depth", "heads", "parameters"):
        table.add_column(name, justify="left" if name in ("model", "preset") else "right")
    for row in rows:
        table.add_row(*(f"{value:,}" if isinstance(value, int) else value for value in row.values()))
    Console().print(table)


def list_models() -> list[dict[str, str | int]]:
    """One row for each preset of each architecture."""
    import torch

    from wirework.models.vit import PRESETS, ViT

    rows: list[dict[str, str | int]] = []
    for preset, config in PRESETS.items():
        with torch.device("meta"):
            count = sum(parameter.numel() for parameter in ViT(config).parameters())
        rows.append(
            {
                "model": "vit",
                "preset": preset,
                "image": config.image_size,
                "patch": config.patch_size,
                "dim": config.dim,
                "depth": config.depth,
                "heads": config.heads,
                "parameters": count,
            }
        )
    return rows
