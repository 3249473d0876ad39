"""`wirework models`: the architectures and their sizes."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Annotated, Any

import typer

from wirework.cli.errors import need


def models(
    name: Annotated[str | None, typer.Argument(help="Only this one, with all its options.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")] = False,
) -> None:
    """List the architectures with their presets, numbers of parameters, and what loads into each.

    **Examples**

    wirework models

    wirework models gpt2

    wirework models --json
    """
    need("torch")
    from wirework.models.catalogue import CATALOGUE, model_class

    if name is not None:
        model_class(name)
    found = [describe(each) for each in CATALOGUE if name in (None, each)]
    if as_json:
        print(json.dumps(found, indent=2))
        return
    for each in found:
        show(each, whole=name is not None)


def describe(name: str) -> dict[str, Any]:
    """An architecture with its presets."""
    from wirework.models.catalogue import CATALOGUE, model_class

    kind, entry = model_class(name), CATALOGUE[name]
    return {
        "model": name,
        "class": f"wirework.models.{entry.class_name}",
        "source": first_line(kind),
        "learns": entry.learns,
        "loads": [*(form.name for form in kind.formats), "wirework"],
        "presets": list(presets(kind)),
    }


def presets(kind: Any) -> Iterator[dict[str, Any]]:
    """The presets of an architecture with their numbers of parameters, counted without making them."""
    from dataclasses import asdict

    import torch

    for preset, config in kind.config_class.presets.items():
        with torch.device("meta"):
            count = sum(parameter.numel() for parameter in kind(config).parameters())
        yield {"preset": preset, "parameters": count, "config": asdict(config)}


def first_line(kind: type) -> str:
    """What the file of an architecture says that it is."""
    import sys

    text = (sys.modules[kind.__module__].__doc__ or "").strip()
    return " ".join(text.split("\n\n")[0].split())


def show(found: dict[str, Any], whole: bool) -> None:
    """An architecture for people."""
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console()
    console.print(Text(found["model"], style="bold"), Text(found["source"], style="dim"))
    table = Table(box=None, show_header=False, padding=(0, 2, 0, 2))
    table.add_column()
    table.add_column(justify="right")
    table.add_column()
    for row in found["presets"]:
        options = ", ".join(f"{name}={value}" for name, value in row["config"].items())
        table.add_row(row["preset"], f"{row['parameters']:,}", options if whole else "")
    console.print(table)
    console.print(Text(f"  loads {', '.join(found['loads'])}", style="dim"))
    console.print()
