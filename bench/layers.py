"""Time wirework's layers beside torch.nn, Hugging Face and hand-written torch: one process, two threads, one table.

Words choose the rows whose names have one of them: `layers.py attention "norm, rms"`. `--quick` repeats less and
compiles nothing; `--json FILE` also writes every figure to a file.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeVar

os.environ["KINETO_LOG_LEVEL"] = "99"  # the profiler, which counts memory, would print two lines for each run
sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
sys.path.insert(0, str(Path(__file__).parents[1] / "src"))

import torch

import decoding
import layer_report
from contests import contests
from layer_timing import measure

Item = TypeVar("Item")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("words", nargs="*", help="rows to time: those whose names have one of these words")
    parser.add_argument("--quick", action="store_true", help="fewer repetitions, nothing compiled")
    parser.add_argument("--only", choices=("eager", "compiled"), help="one of the two")
    parser.add_argument("--json", metavar="FILE", type=Path, help="also write every figure there")
    options = parser.parse_args()
    torch.set_num_threads(2)
    warnings.simplefilter("ignore")
    eager = options.only != "compiled"
    compiled = options.only != "eager" and not options.quick
    found = run(options.words, 15 if options.quick else 41, eager, compiled)
    if options.json:
        options.json.write_text(json.dumps(found, indent=2) + "\n")


def run(words: list[str], rounds: int, eager: bool, compiled: bool) -> dict[str, Any]:
    """Time every row that is asked for, and print it as soon as it is known."""
    torch.manual_seed(0)
    found: dict[str, Any] = {"layers": {}, "decoding": {}}
    print(layer_report.head())
    for name, make in chosen(contests(), words):
        torch.manual_seed(0)
        found["layers"][name] = measure(make(), rounds, eager, compiled)
        print(layer_report.row(name, found["layers"][name]), flush=True)
    for name, make in chosen(decoding.contests(), words):
        torch.manual_seed(0)
        if not found["decoding"]:
            print(layer_report.decoding_head())
        found["decoding"][name] = decoding.measure(make(), rounds, eager, compiled)
        print(layer_report.decoding_row(name, found["decoding"][name]), flush=True)
    print(layer_report.summary({**found["layers"], **found["decoding"]}))
    return found


def chosen(items: Iterator[tuple[str, Item]], words: list[str]) -> Iterator[tuple[str, Item]]:
    """The items whose names have one of the words; without words all."""
    for name, item in items:
        if not words or any(word.lower() in name.lower() for word in words):
            yield name, item


if __name__ == "__main__":
    main()
