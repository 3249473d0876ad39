"""Mistakes that a user of the command can make, apart from those in an expression."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterable

from wirework.errors import did_you_mean


class UserError(Exception):
    """A mistake that one sentence explains. The command prints it and exits with 2."""


def need(*modules: str) -> None:
    """Refuse to go on without some packages, before any work is done."""
    lacking = [module for module in modules if importlib.util.find_spec(module) is None]
    if lacking:
        raise UserError(f'{", ".join(lacking)} not installed: pip install "wirework[train]"')


def choose(what: str, name: str, choices: Iterable[str]) -> str:
    """`name`, if it is one of the choices."""
    known = list(choices)
    if name not in known:
        hint = did_you_mean(name, known) or f": choose from {', '.join(known)}"
        raise UserError(f"there is no {what} called {name!r}{hint}")
    return name
