"""`wirework draw`: a diagram of a model, in the terminal or as a file."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

import wirework as ww
from wirework.cli.circuits import architecture, imported, plain_sizes, traced
from wirework.cli.errors import UserError, need
from wirework.cli.notes import note
from wirework.cli.train import changes_of
from wirework.errors import did_you_mean

if TYPE_CHECKING:
    from wirework.circuit.graph import Circuit
    from wirework.diagram import Diagram


def draw(
    target: Annotated[
        str,
        typer.Argument(help="An architecture; `wirework models` lists them. Or package.module:Name, or file.py:Name."),
    ],
    sizes: Annotated[list[str] | None, typer.Argument(metavar="NAME=SIZE...", help="Sizes of axes: t=1024.")] = None,
    input_: Annotated[
        list[str] | None,
        typer.Option(
            "--input", metavar="AXES", help='What your own model is given: "b c h w", "b t: int64", "mask=b t: bool".'
        ),
    ] = None,
    output: Annotated[
        list[Path] | None, typer.Option("--output", "-o", help="Write .svg, .html, .tex, .txt, .png or .pdf.")
    ] = None,
    depth: Annotated[
        int | None, typer.Option(min=0, help="How many levels of blocks are open.  [default: what fits]")
    ] = None,
    width: Annotated[
        int | None, typer.Option(min=20, help="Wrap: at pixels in a file, at characters in a terminal.")
    ] = None,
    theme: Annotated[str, typer.Option(help="light, dark, or print for black and white.")] = "light",
    labels: Annotated[str, typer.Option(help="What stands on axes: name, size or both.")] = "name",
    hide: Annotated[list[str] | None, typer.Option(metavar="AXIS", help="Leave out an axis.")] = None,
    title: Annotated[str | None, typer.Option(help="Stands above.")] = None,
    caption: Annotated[str | None, typer.Option(help="Stands below.")] = None,
    color_by: Annotated[str | None, typer.Option(help="Colour by flops, parameters or memory.")] = None,
    highlight: Annotated[
        list[str] | None, typer.Option(metavar="TARGET", help="Mark an axis, block, operation or input.")
    ] = None,
    note_: Annotated[
        list[str] | None, typer.Option("--note", metavar='"TARGET: TEXT"', help="Say something about one.")
    ] = None,
    no_legend: Annotated[bool, typer.Option("--no-legend", help="Leave out the sizes of axes.")] = False,
    preset: Annotated[str | None, typer.Option(help="The sizes of an architecture.")] = None,
    set_: Annotated[
        list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="Change an option of the model.")
    ] = None,
    backend: Annotated[str | None, typer.Option(help="torch or jax, where a function shows it not.")] = None,
) -> None:
    """Draw a model as a neural circuit diagram: lines are axes, and what stands on them is computed.

    Without -o it is drawn in the terminal. No weights are needed, and nothing is computed.

    **Examples**

    wirework draw gpt2 --depth 2 -o gpt2.svg

    wirework draw vit --preset digits

    wirework draw models.py:Net --input "b c h w" c=3 h=32 w=32 -o net.html

    wirework draw torch.nn:TransformerEncoderLayer --set d_model=64 --set nhead=4 --input "t b d" d=64

    wirework draw attention --highlight h --note "softmax: one row for each query" -o a.pdf
    """
    circuit = circuit_of(target, preset, changes_of(set_ or ()), input_ or [], plain_sizes(sizes or []), backend)
    drawn = circuit.draw(
        depth, width if output else None, theme, labels=labels, legend=not no_legend, hide=hide or (), title=title,
        caption=caption, highlight=highlight or (), color_by=color_by,
    )  # fmt: skip
    for about, text in map(read_note, note_ or ()):
        drawn = drawn.annotate(about, text)
    for path in output or ():
        drawn.form(path)  # before any is written: a wrong suffix is an error
    for path in output or ():
        drawn.save(path)
        note(f"{path}")
    if not output:
        show(drawn, width)


def circuit_of(
    target: str, preset: str | None, changes: dict[str, Any], inputs: list[str], sizes: dict[str, int],
    backend: str | None,
) -> Circuit:  # fmt: skip
    """The circuit of an architecture, or of what a user has written."""
    if ":" in target:
        if preset is not None:
            raise UserError("--preset is for the architectures that `wirework models` lists")
        return traced(target, imported(target, changes), inputs, sizes, backend)
    need("torch")
    from wirework.models.catalogue import CATALOGUE

    if target not in CATALOGUE:
        close = did_you_mean(target, CATALOGUE) or f": choose from {', '.join(CATALOGUE)}"
        raise UserError(
            f"there is no model called {target!r}{close}\n"
            "Your own is written package.module:Name, or path/to/file.py:Name"
        )
    if inputs:
        raise UserError(f"--input is for your own models: {target} says itself what it is given")
    made, signature, known = architecture(target, preset, changes, sizes)
    return ww.trace(made, signature, **{**known, **sizes})


def read_note(text: str) -> tuple[str, str]:
    """What a note is about, and what it says."""
    about, colon, said = text.partition(":")
    if not colon or not about.strip() or not said.strip():
        raise UserError(f'--note takes "TARGET: TEXT", such as "softmax: one row for each query", not {text!r}')
    return about.strip(), said.strip()


def show(drawn: Diagram, width: int | None = None) -> None:
    """Print a diagram in the terminal, in characters that this can show."""
    from wirework.diagram.text import ascii_only

    columns = width or (shutil.get_terminal_size().columns if sys.stdout.isatty() else 80)
    text = drawn.text(columns)
    try:
        text.encode(sys.stdout.encoding or "utf-8")
    except UnicodeEncodeError:
        text = ascii_only(text)
    print(text, end="")
