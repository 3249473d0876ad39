"""How messages show axes, whose names within an expression also tell copies and places apart.

The first copy of `s...` is called `s.0`, that of `...` is `....0`; the unnamed axis that is written at
offset 14 is `3@14`; a second `a` in the same brackets is `a#2`; and what has slid along `s` is `s'`.
"""

from __future__ import annotations

import re

NAME = re.compile(r"(?P<name>\.\.\.|[A-Za-z_0-9]+)'?(?:@\d+)?(?P<path>(?:\.\d+)*)(?:#\d+)?")


def shown(text: str) -> str:
    """A name, or a formula with names in it, as messages show it: `(s.0 c)` as `(s0 c)`."""
    return NAME.sub(lambda match: match["name"] + match["path"].replace(".", ""), text)


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
