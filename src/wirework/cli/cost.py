"""`wirework cost`: what an architecture costs, in the terminal."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

import wirework as ww
from wirework.cli.circuits import architecture, plain_sizes
from wirework.cli.errors import need
from wirework.cli.train import changes_of

if TYPE_CHECKING:
    from rich.table import Table

    from wirework.cost import Cost


def cost(
    model: Annotated[str, typer.Argument(help="The architecture; `wirework models` lists them.")],
    sizes: Annotated[list[str] | None, typer.Argument(metavar="NAME=SIZE...", help="Sizes of axes: t=1024.")] = None,
    preset: Annotated[str | None, typer.Option(help="The sizes of the model.  [default: the original's]")] = None,
    set_: Annotated[
        list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="Change a size or option of the model.")
    ] = None,
    depth: Annotated[int | None, typer.Option(min=0, help="How many levels of blocks to show.")] = 3,
    device: Annotated[
        str | None, typer.Option(help="How long it takes at least on this: h100, a100 ..., or here.")
    ] = None,
    dtype: Annotated[
        str | None, typer.Option(help="Of values: bfloat16, float16, float32 or float64.  [default: float32]")
    ] = None,
    training: Annotated[bool, typer.Option("--training", help="Say what a step of training costs.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")] = False,
) -> None:
    """Count what a model costs: FLOPs, parameters, memory and bytes moved, in formulas where sizes are missing.

    Nothing is computed and no weights are made, so it is quick for any size.

    **Examples**

    wirework cost gpt2 b=1 t=1024

    wirework cost vit b=64 --device h100 --dtype bfloat16

    wirework cost llama --preset llama3_8b b=1 t=8192 --depth 1

    wirework cost gpt2 --json
    """
    need("torch")
    found = cost_of(model, preset, changes_of(set_ or ()), plain_sizes(sizes or []), dtype)
    if as_json:
        timed = {"roofline": found.roofline(device).to_json()} if device else {}
        print(json.dumps(found.to_json() | timed, indent=2))
    else:
        show(found, depth, device, training)


def cost_of(model: str, preset: str | None, changes: dict[str, Any], sizes: dict[str, int], dtype: str | None) -> Cost:
    """The cost of an architecture, none of whose weights is made."""
    made, signature, known = architecture(model, preset, changes, sizes)
    circuit = ww.trace(made, signature, **known)
    return circuit.cost(dtype=dtype, **{name: size for name, size in sizes.items() if name not in known})


# -- for people -----------------------------------------------------------------------------------------------


def show(cost: Cost, depth: int | None, device: str | None, training: bool) -> None:
    """Print a table and what is said of the whole."""
    from rich.console import Console
    from rich.text import Text

    from wirework.cost.table import block_lines, heading, summary

    console = Console()
    console.print(Text(heading(cost), style="bold"))
    console.print()
    if console.is_terminal and cost.flops.constant is not None:
        console.print(rich_table(cost, depth))
    else:
        console.print(Text("\n".join(block_lines(cost, depth, console.width))))
    console.print()
    for line in summary(cost, console.width, device, training):
        console.print(Text(line))


def rich_table(cost: Cost, depth: int | None) -> Table:
    """The blocks, with bars for their shares."""
    from rich.bar import Bar
    from rich.table import Table
    from rich.text import Text

    from wirework.cost.table import HEADINGS, rows

    table = Table(box=None, header_style="bold", padding=(0, 1, 0, 0), expand=False)
    table.add_column("block", no_wrap=True, overflow="ellipsis", ratio=1)
    for name in HEADINGS:
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("share", justify="right", no_wrap=True)
    table.add_column(width=10)
    for row in rows(cost, depth):
        share = row.share or 0.0
        name = Text("  " * row.depth + row.name, style="" if row.depth else "bold")
        table.add_row(name, *row.cells, f"{share:.1%}", Bar(1, 0, share, color="cyan"))
    return table
