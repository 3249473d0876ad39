"""Text files in which each call is followed by what it must give, as in a doctest but with blank lines."""

import re
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Entry:
    """A call as Python source, and the text that it must give."""

    call: str
    text: str


def read(path: Path) -> list[Entry]:
    """The entries of a file. A line that starts with '# ' is a heading."""
    found = []
    for block in re.split(r"^(?=>>> )", path.read_text(encoding="utf-8"), flags=re.MULTILINE):
        lines = block.splitlines()
        if not block.startswith(">>> "):
            continue
        count = 1 + sum(line.startswith("... ") for line in lines)
        heading = next((place for place, line in enumerate(lines) if line.startswith("# ")), len(lines))
        call = "\n".join(line[4:] for line in lines[:count])
        found.append(Entry(call, "\n".join(lines[count:heading]).strip("\n")))
    return found
