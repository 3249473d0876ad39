"""One self-contained file: the picture with its states, and the script that moves it. It asks nothing of a network."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import Sequence
from html import escape
from importlib.resources import files
from string import Template
from zlib import compress

from wirework.diagram.page.facts import Facts
from wirework.diagram.page.states import State
from wirework.diagram.themes import DARK, LIGHT, Theme
from wirework.errors import SemanticError

NOTHING = Facts()
SCRIPTS = ("view.js", "items.js", "telling.js", "changing.js", "page.js")  # one script, in this order


def html(
    states: Sequence[State], title: str, facts: Facts = NOTHING, start: str | None = None, light: Theme = LIGHT,
    dark: Theme = DARK,
) -> str:  # fmt: skip
    """A page as one file.

    Args:
        states: the pictures, in the order of their buttons.
        title: of the page.
        facts: what is told of axes and operations.
        start: the key of the state that is shown first; by default the first.
        light, dark: how the picture looks in a light and in a dark page.

    Raises:
        SemanticError: if there is no state, or none of that key.
    """
    keys = [state.key for state in states]
    if not keys:
        raise SemanticError("a page needs a state to show")
    if start is not None and start not in keys:
        raise SemanticError(f"the page has no state {start!r}: choose from {', '.join(keys)}")
    first = states[keys.index(start) if start is not None else 0]
    looks = {"light": light, "dark": dark}
    return Template(resource("page.html")).substitute(
        title=escape(title),
        style="\n".join((resource("page.css"), *(look(theme, name) for name, theme in looks.items()))),
        picture=first.svg,
        data=packed(states, first, facts),
        script="\n".join(map(resource, SCRIPTS)),
    )


def resource(name: str) -> str:
    """A file beside this one."""
    return files("wirework.diagram.page").joinpath(name).read_text(encoding="utf-8")


def look(theme: Theme, name: str) -> str:
    """The style sheet of the picture in a page that is light, or dark."""
    return theme.style(f'[data-theme="{name}"] .wirework')


def packed(states: Sequence[State], first: State, facts: Facts) -> str:
    """What the script reads: JSON, deflated, in letters that need no escapes."""
    record = {
        "start": first.key,
        "states": [
            {
                "key": state.key,
                "open": sorted(".".join(path) for path in state.open),
                "svg": state.svg,
                "title": state.title,
                "level": state.level,
            }
            for state in states
        ],
        "axes": dict(facts.axes),
        "details": {str(place): dict(detail) for place, detail in facts.details.items()},
        "shares": {
            by: {str(place): round(part, 5) for place, part in parts.items()} for by, parts in facts.shares.items()
        },
    }
    return b64encode(compress(json.dumps(record, ensure_ascii=False).encode(), 9)).decode()
