"""The `wirework` command."""

from __future__ import annotations

import sys
from importlib.util import find_spec


def main() -> None:
    """Run the command with the arguments of this process, and exit."""
    if find_spec("typer") is None or find_spec("rich") is None:
        sys.exit('The wirework command needs typer and rich: pip install "wirework[cli]"')
    from wirework.cli.app import run

    run()
