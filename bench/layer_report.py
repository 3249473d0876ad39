"""The table of layers: each ratio with its spread, and what is over the target."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping
from importlib.metadata import version
from typing import Any

TARGET = 1.02  # times the best peer
COLUMNS = {"forward": "forward", "both": "f + b", "compiled forward": "forward", "compiled both": "f + b"}


def head(what: str = "LAYERS") -> str:
    """What is measured, and the titles of the columns."""
    return "\n".join(
        [
            f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores, two threads, float32; "
            f"Python {platform.python_version()}, torch {version('torch')}",
            "",
            f"{what}: time over that of the best peer, and half the distance between the quartiles. Both compute the",
            "same numbers with the same weights. f + b: forward and the gradients of input and parameters; eager",
            "forward is without gradients. us: the peer, forward. memory: the most that torch's allocator held during",
            "f + b, eager, over the peer's.",
            f"  target: at most {TARGET} (* over it, by more than the spread)",
            "",
            f"  {'':26}{'eager':^34}{'compiled':^22}",
            f"  {'':26}{'us':>8}{'forward':>11}{'f + b':>11}{'forward':>13}{'f + b':>11}{'memory':>8}  peer",
        ]
    )


def row(name: str, found: Mapping[str, Any]) -> str:
    """One layer."""
    first = next(found[column] for column in COLUMNS if column in found)
    line = f"  {name:26}{first['us']:8.1f}"
    for number, column in enumerate(COLUMNS):
        line += " " * (2 * (number == 2)) + cell(found.get(column))
    line += f"{found['memory']['ratio']:8.2f}" if "memory" in found else f"{'-':>8}"
    return f"{line}  {first['peer']}"


def cell(figure: Mapping[str, float] | None) -> str:
    """A ratio with its spread, marked where it misses the target."""
    if figure is None:
        return f"{'-':>11}"
    return f"{figure['ratio']:5.2f}{'*' if missed(figure) else ' '}±{figure['spread']:.2f}".rjust(11)


def missed(figure: Mapping[str, float]) -> bool:
    return figure["ratio"] - figure["spread"] > TARGET


def decoding_head() -> str:
    return "\n".join(
        [
            "",
            "DECODING: 16 tokens, one after the other, through one attention layer with a cache that has 256 already,",
            "beside the same by hand: time for each token over that by hand. graphs: how many torch.compile made of",
            "a step, and of that by hand.",
            f"  target: at most {TARGET}; a step compiles once (twice where the number of keys is a number)",
            "",
            f"  {'':26}{'us':>8}{'eager':>11}{'us':>11}{'compiled':>11}{'graphs':>10}",
        ]
    )


def decoding_row(name: str, found: Mapping[str, Any]) -> str:
    line = f"  {name:26}"
    for column in ("eager", "compiled"):
        figure = found.get(column)
        us = f"{figure['us']:.1f}" if figure else "-"
        line += f"{us:>8}" if column == "eager" else f"{us:>11}"
        line += cell(figure)
    return line + (f"{found['graphs']['wirework']:>6} / {found['graphs']['hand']}" if "graphs" in found else "")


def summary(found: Mapping[str, Mapping[str, Any]]) -> str:
    """How many figures reach the target, and the others."""
    figures = {
        f"{name}: {column}": figure
        for name, columns in found.items()
        for column, figure in columns.items()
        if "spread" in figure
    }
    over = {name: figure for name, figure in figures.items() if missed(figure)}
    vague = sum(figure["ratio"] + figure["spread"] > TARGET for figure in figures.values()) - len(over)
    reached = len(figures) - len(over) - vague
    lines = [
        "",
        f"of {len(figures)} figures {reached} reach the target, {len(over)} miss it, {vague} are too uncertain",
    ]
    worst = sorted(over.items(), key=lambda item: -item[1]["ratio"])
    lines += [f"  {figure['ratio']:.2f} ±{figure['spread']:.2f}  {name}" for name, figure in worst]
    heavier = [name for name, columns in found.items() if columns.get("memory", {"ratio": 0})["ratio"] > TARGET]
    return "\n".join([*lines, *(f"  more memory than the peer: {name}" for name in heavier)])
