"""Time wirework beside hand-written torch, einops and einx: one process, one thread, one table.

`--quick` repeats less and is rougher; `--json FILE` also writes every figure to a file.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
import warnings
from importlib.metadata import version
from pathlib import Path
from typing import Any

for threads in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ[threads] = "1"
sys.path.insert(0, str(Path(__file__).parents[1] / "src"))

import torch  # noqa: E402

import firsts  # noqa: E402
import graphs  # noqa: E402
import kernels  # noqa: E402
import report  # noqa: E402
from families import families, warm_calls  # noqa: E402


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="fewer repetitions")
    parser.add_argument("--json", metavar="FILE", type=Path, help="also write every figure there")
    options = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    warnings.simplefilter("ignore")
    found = measure(options.quick)
    print(report.table(found))
    if options.json:
        options.json.write_text(json.dumps(found, indent=2) + "\n")


def measure(quick: bool) -> dict[str, Any]:
    """Every figure of the table."""
    rounds = 60 if quick else 300
    warm = []
    for family in progress(families(), "warm calls"):
        warm.append(warm_calls(family, rounds))
    large = []
    for contraction in progress(kernels.contractions(), "large tensors"):
        large.append(kernels.kernel_ratio(contraction, 5 if quick else 15))
    return {
        "machine": machine(),
        "warm": warm,
        "kernels": large,
        "cold": firsts.cold_expressions(20 if quick else 60),
        "shapes": firsts.new_shapes(20 if quick else 100),
        "imports": firsts.imports(3 if quick else 9),
        "graphs": graphs.graph_counts(),
    }


def progress(items: list[Any], title: str) -> Any:
    """The items, counted on a terminal while they are worked on."""
    for number, item in enumerate(items, 1):
        if sys.stderr.isatty():
            print(f"\r{title} {number}/{len(items)} ", end="", file=sys.stderr, flush=True)
        yield item
    if sys.stderr.isatty():
        print("\r\033[K", end="", file=sys.stderr)


def machine() -> dict[str, Any]:
    names = ("torch", "einops", "einx", "numpy")
    return {
        "processor": platform.machine(),
        "cores": os.cpu_count(),
        "versions": f"Python {platform.python_version()}, " + ", ".join(f"{name} {version(name)}" for name in names),
    }


if __name__ == "__main__":
    main()
