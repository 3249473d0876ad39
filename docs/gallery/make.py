"""Draw the gallery: a picture for each figure, and the page that shows them beside their code.

    python docs/gallery/make.py [--png FOLDER] [NAME...]

Names choose figures; without any, all are drawn. `--png` also writes them as PNG, to look at.
"""

from __future__ import annotations

import argparse
import inspect
import sys
import textwrap
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

from figures import FIGURES, Figure  # noqa: E402

INTRODUCTION = """# Gallery

Every picture is drawn by the code beside it, and all of them by `python docs/gallery/make.py`. How to read them is in
[diagrams](../diagrams.md).
"""


def source(figure: Figure) -> str:
    """The code of a figure, without what puts it into the gallery."""
    lines = inspect.getsource(figure.make).splitlines()
    start = next(place for place, line in enumerate(lines) if line.startswith("def "))
    return textwrap.dedent("\n".join(lines[start + 1 :])).strip()


def section(figure: Figure) -> str:
    """A figure in the page."""
    name = figure.make.__name__
    return f"## {figure.title}\n\n![{figure.title}]({name}.svg)\n\n{figure.note}\n\n```python\n{source(figure)}\n```\n"


def main() -> None:
    """Draw what is asked for."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("names", nargs="*", help="figures to draw")
    parser.add_argument("--png", type=Path, help="a folder for PNGs")
    options = parser.parse_args()
    for figure in FIGURES:
        name = figure.make.__name__
        if options.names and name not in options.names:
            continue
        diagram = figure.make()
        diagram.save(HERE / f"{name}.svg")
        if options.png:
            options.png.mkdir(parents=True, exist_ok=True)
            diagram.save(options.png / f"{name}.png")
        print(name)
    (HERE / "README.md").write_text("\n".join([INTRODUCTION, *map(section, FIGURES)]))


if __name__ == "__main__":
    main()
