"""How long drawing takes, and how large a drawing is: every architecture, and a chain of 1,000 operations.

Seconds on one thread. The page holds a drawing for each set of open blocks that it can show.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from time import perf_counter
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "src"))

import torch

import wirework as ww
from wirework.circuit import Circuit
from wirework.cli.circuits import architecture
from wirework.diagram import Diagram, layout, reading
from wirework.models.catalogue import CATALOGUE

OPERATIONS = 1000


def chain(x: torch.Tensor) -> torch.Tensor:
    """As many operations one after the other, with a skip over every ten."""
    weights = torch.ones(8, 8)
    for _ in range(OPERATIONS // 10):
        before = x
        for _ in range(3):
            x = torch.relu(torch.einsum("bc,cd->bd", x, weights))
            x = torch.softmax(x, 1)
        x = x + before
    return x


def circuits() -> dict[str, Callable[[], Circuit]]:
    """What is drawn."""

    def of(name: str) -> Circuit:
        made, signature, known = architecture(name, None, {}, {})
        return ww.trace(made, signature, **known)

    return {"a chain of 1,000": lambda: ww.trace(chain, "b c", c=8)} | {
        name: lambda name=name: of(name) for name in CATALOGUE
    }


def seconds(function: Callable[[], Any]) -> tuple[Any, float]:
    """What a function gives, and how long that took."""
    start = perf_counter()
    result = function()
    return result, perf_counter() - start


def main() -> None:
    torch.set_num_threads(1)
    print("DIAGRAMS\nopen: drawn with every block open. page: the interactive HTML page.\n")
    names = ("operations", "trace s", "SVG s", "SVG kB", "open: s", "kB", "of it layout", "page: s", "kB")
    print(f"  {'':18}" + "".join(f"{name:>13}" for name in names))
    for name, make in circuits().items():
        circuit, traced = seconds(make)
        flat = reading.picture(circuit, depth=1000)
        _, laid_out = seconds(lambda flat=flat: layout.place(flat))
        svg, drawn = seconds(lambda circuit=circuit: Diagram(circuit).svg())
        every, opened = seconds(lambda circuit=circuit: circuit.draw(depth=1000).svg())
        page, paged = seconds(lambda circuit=circuit: Diagram(circuit).html())
        figures = [f"{traced:.2f}", f"{drawn:.2f}", f"{len(svg) / 1000:.0f}", f"{opened:.2f}"]
        figures += [f"{len(every) / 1000:.0f}", f"{laid_out:.2f}", f"{paged:.2f}", f"{len(page) / 1000:.0f}"]
        print(f"  {name:18}{len(circuit.nodes):13}" + "".join(f"{figure:>13}" for figure in figures), flush=True)


if __name__ == "__main__":
    main()
