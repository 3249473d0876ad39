"""The `wirework` command."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command with the arguments of this process, and exit."""
    try:
        from wirework.cli.app import run
    except ModuleNotFoundError as error:
        if error.name not in ("typer", "rich"):
            raise
        sys.exit('The wirework command needs typer and rich: pip install "wirework[cli]"')
    run()
