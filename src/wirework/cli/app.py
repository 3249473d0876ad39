"""The commands in one place, and what becomes of a user's mistake."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from wirework.cli.cost import cost
from wirework.cli.demo import demo
from wirework.cli.draw import draw
from wirework.cli.embed import embed
from wirework.cli.errors import UserError
from wirework.cli.explain import explain
from wirework.cli.generate import generate
from wirework.cli.models import models
from wirework.cli.predict import predict
from wirework.cli.segment import segment
from wirework.cli.train import train
from wirework.errors import WireworkError

app = typer.Typer(
    name="wirework",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    context_settings={"help_option_names": ["-h", "--help"]},
)
for command in (explain, draw, cost, train, predict, generate, embed, segment, models, demo):
    app.command()(command)


def show_version(wanted: bool) -> None:
    """Print the version and exit, if that is what was asked for."""
    if wanted:
        from importlib.metadata import version

        print(f"wirework {version('wirework')}")
        raise typer.Exit


@app.callback()
def wirework(
    version: Annotated[
        bool, typer.Option("--version", callback=show_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Write a deep-learning architecture once, with named axes: run it, check it, draw it, cost it."""


def run() -> None:
    """Run the command, and exit: with 2 and one message if the user made a mistake."""
    try:
        app()
    except (UserError, WireworkError) as error:
        print(f"wirework: {error}", file=sys.stderr)
        sys.exit(2)
    except KeyboardInterrupt:
        sys.exit(130)
