"""How messages show axes, whose names within an expression also tell copies and places apart.

The first copy of `s...` is called `s.0`, that of `...` is `....0`; the unnamed axis that is written at
offset 14 is `3@14`; a second `a` in the same brackets is `a#2`; and what has slid along `s` is `s'`.
"""

from __future__ import annotations

import re

NAME = re.compile(r"(?P<name>\.\.\.|[A-Za-z_0-9]+)'?(?P<number>@\d+)?(?P<path>(?:\.\d+)*)(?:#\d+)?")


def shown(text: str) -> str:
    """A name, or a formula with names in it, as messages show it.

    >>> shown("(s.0 s2.0 c)")
    '(s0 s2_0 c)'
    """

    def plain(match: re.Match[str]) -> str:
        path = "" if match["number"] else match["path"].replace(".", "")
        return match["name"] + ("_" if path and match["name"][-1].isdigit() else "") + path

    return NAME.sub(plain, text)


def shown_axis(name: str) -> str:
    """An axis in a sentence: "axis s0", or "axis 0 of ...".

    >>> shown_axis("s.0"), shown_axis("....1")
    ('axis s0', 'axis 1 of ...')
    """
    if name.startswith("..."):
        return f"axis {name.rpartition('.')[2]} of ..."
    return f"axis {shown(name)}"


def written_name(name: str) -> str:
    """The name that the user wrote, without what tells copies apart: `s` for `s.0`."""
    return "..." if name.startswith("...") else re.split(r"[@.#']", name)[0]
