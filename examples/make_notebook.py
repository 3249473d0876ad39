"""Make a notebook from an example whose cells begin with `# %%`, with what each cell prints and plots.

    python examples/make_notebook.py examples/attention_from_scratch.py

Text cells begin with `# %% [markdown]`. The cells run here, one after the other, so nothing of Jupyter is needed.
"""

import base64
import contextlib
import io
import json
import re
import sys
from pathlib import Path


def cells_of(text):
    """Pairs of a cell's kind and its lines, from the text of an example."""
    for part in re.split(r"^# %%", text, flags=re.MULTILINE)[1:]:
        first, _, body = part.partition("\n")
        if "[markdown]" in first:
            yield "markdown", re.sub(r"^# ?", "", body, flags=re.MULTILINE).strip()
        else:
            yield "code", body.strip()


def run(source, names):
    """Run a cell, and return its outputs in the form of a notebook."""
    import matplotlib.pyplot as plt

    printed, pictures = io.StringIO(), []

    def keep_picture():
        png = io.BytesIO()
        plt.savefig(png, format="png", dpi=80, metadata={"Software": None})
        plt.close("all")
        pictures.append(base64.b64encode(png.getvalue()).decode())

    plt.show = keep_picture
    with contextlib.redirect_stdout(printed):
        exec(compile(source, "<cell>", "exec"), names)
    text = (
        [{"output_type": "stream", "name": "stdout", "text": lines(printed.getvalue())}] if printed.getvalue() else []
    )
    return text + [
        {"output_type": "display_data", "metadata": {}, "data": {"image/png": picture, "text/plain": ["<Figure>"]}}
        for picture in pictures
    ]


def lines(text):
    """A text as notebooks keep it."""
    return text.splitlines(keepends=True)


def notebook(text):
    """The notebook as a dictionary (format 4.5)."""
    names = {"__name__": "__main__", "get_ipython": lambda: None}  # the name that a cell of a notebook can see
    cells = []
    for number, (kind, source) in enumerate(cells_of(text)):
        cell = {"cell_type": kind, "id": f"cell-{number}", "metadata": {}, "source": lines(source)}
        if kind == "code":
            count = sum(other["cell_type"] == "code" for other in cells) + 1
            cell |= {"execution_count": count, "outputs": run(source, names)}
        cells.append(cell)
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    metadata = {"kernelspec": kernel, "language_info": {"name": "python"}}
    return {"cells": cells, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}


if __name__ == "__main__":
    import matplotlib

    matplotlib.use("agg")
    path = Path(sys.argv[1])
    made = notebook(path.read_text())
    path.with_suffix(".ipynb").write_text(json.dumps(made, indent=1, ensure_ascii=False) + "\n")
    print(f"{path.with_suffix('.ipynb')}: {len(made['cells'])} cells")
