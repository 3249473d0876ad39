"""The teaching example runs through, and its notebook has the same cells."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLE = Path(__file__).parents[1] / "examples" / "attention_from_scratch.py"


def test_it_runs_and_every_step_is_checked():
    pytest.importorskip("torch")
    result = subprocess.run([sys.executable, EXAMPLE], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    checked = re.findall(r"^equal \(largest difference .*\): (.*)$", result.stdout, re.MULTILINE)
    assert checked == [
        "the loop and the matrix product",
        "the loop and the softmax",
        "heads in a loop and all at once",
        "step by step and fused",
        "wirework and torch",
        "the layer and the steps",
        "the last word, whatever the order of those before it",
    ]
    assert "Verbs look for nouns" in result.stdout and "costs" in result.stdout


def test_its_notebook_is_up_to_date():
    notebook = json.loads(EXAMPLE.with_suffix(".ipynb").read_text())
    sys.path.insert(0, str(EXAMPLE.parent))
    try:
        from make_notebook import cells_of
    finally:
        sys.path.pop(0)
    cells = [(cell["cell_type"], "".join(cell["source"])) for cell in notebook["cells"]]
    assert cells == list(cells_of(EXAMPLE.read_text())), f"run: python examples/make_notebook.py {EXAMPLE}"
    pictures = [output for cell in notebook["cells"] for output in cell.get("outputs", ()) if "data" in output]
    assert len(pictures) == 3
