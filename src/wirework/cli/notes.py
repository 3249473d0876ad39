"""Words for the person at the terminal that are not part of the result."""

from __future__ import annotations

import sys


def note(message: str) -> None:
    """Say something beside the output, so that a pipe does not get it."""
    print(message, file=sys.stderr, flush=True)
