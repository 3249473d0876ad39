"""What is new costs: a new expression, a new shape, the import."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

import einops
import einx
import torch

import wirework as ww
from timing import once

SOURCE = Path(__file__).parents[1] / "src"
SCORES = "bb qq (hh [cc]), bb kk (hh [cc]) -> bb hh qq kk"
Library = Callable[..., object]


@dataclass(frozen=True)
class Sample:
    """A call whose axes can be renamed, which makes it an expression never seen before."""

    wirework: Library
    einx: Library
    text: str
    shapes: tuple[tuple[int, ...], ...]
    sizes: Mapping[str, int] = field(default_factory=dict)
    einops: Library | None = None  # called as (*tensors, text without brackets, **sizes)


def reduction(name: str) -> Library:
    """A reduction of einops."""
    return lambda x, text, **sizes: einops.reduce(x, text, name, **sizes)


def samples() -> list[Sample]:
    split, pool = "bb (hh ww) cc -> bb cc hh ww", "bb (hh [pp]) (ww [qq]) cc -> bb hh ww cc"
    turn, linear = "bb ss cc -> cc bb ss", "bb tt [cc], [cc] dd -> bb tt dd"
    x, image = (2, 4, 3), (2, 8, 8, 3)
    return [
        Sample(ww.rearrange, einx.id, split, (x,), {"hh": 2}, einops.rearrange),
        Sample(ww.rearrange, einx.id, turn, (x,), {}, einops.rearrange),
        Sample(ww.rearrange, einx.id, "bb ss cc, bb tt cc -> bb (ss + tt) cc", (x, (2, 5, 3))),
        Sample(ww.sum, einx.sum, "bb [ss] cc -> bb cc", (x,), {}, reduction("sum")),
        Sample(ww.mean, einx.mean, "bb ss [cc] -> bb ss", (x,), {}, reduction("mean")),
        Sample(ww.max, einx.max, pool, (image,), {"pp": 2, "qq": 2}, reduction("max")),
        Sample(ww.add, einx.add, "bb ss cc, cc -> bb ss cc", (x, (3,))),
        Sample(ww.multiply, einx.multiply, "bb ss cc, bb cc -> bb ss cc", (x, (2, 3))),
        Sample(ww.dot, einx.dot, linear, ((2, 5, 16), (16, 8)), {}, einops.einsum),
        Sample(ww.dot, einx.dot, SCORES, ((2, 5, 16), (2, 7, 16)), {"hh": 2}),
        Sample(ww.softmax, einx.softmax, "bb [ss] cc", (x,)),
        Sample(ww.flip, einx.flip, "bb [ss] cc", (x,)),
    ]


def renamed(text: str, number: int) -> str:
    """An expression with other names for its axes, which all are double letters."""
    return re.sub(r"([a-z])\1", rf"\g<0>{number}", text)


def call_of(sample: Sample, library: str, number: int, tensors: Sequence[torch.Tensor]) -> Callable[[], object]:
    sizes = {renamed(name, number): size for name, size in sample.sizes.items()}
    function = getattr(sample, library)
    if library == "einops":
        plain = re.sub(r"[\[\]]", "", renamed(sample.text, number))
        return lambda: function(*tensors, plain, **sizes)
    text = renamed(sample.text, number)
    return lambda: function(text, *tensors, **sizes)


LIBRARIES = ("wirework", "einops", "einx")


def cold_expressions(count: int) -> dict[str, float]:
    """Median microseconds of the first call of an expression, over about `count` of them for each library."""
    found: dict[str, list[float]] = {library: [] for library in LIBRARIES}
    chosen = {library: [each for each in samples() if getattr(each, library)] for library in LIBRARIES}
    for number in range(1 + count // 5):
        for library in LIBRARIES:
            for sample in chosen[library]:
                if len(found[library]) < count:
                    tensors = [torch.randn(shape) for shape in sample.shapes]
                    seconds = once(call_of(sample, library, number, tensors))
                    found[library] += [seconds] if number else []  # the first ones load modules
    return {library: median(times) * 1e6 for library, times in found.items()}


def new_shapes(count: int) -> dict[str, dict[str, float]]:
    """Median microseconds of a call with a shape never seen, and of the same call with that shape again."""
    text, sizes = "b (h w) c -> b c h w", {"h": 2}
    calls: dict[str, Callable[[torch.Tensor], object]] = {
        "hand": split_by_hand,
        "wirework": lambda x: ww.rearrange(text, x, **sizes),
        "einops": lambda x: einops.rearrange(x, text, **sizes),
        "einx": lambda x: einx.id(text, x, **sizes),
    }
    warming, measured = (
        [torch.randn(batch, 2 * n, 3) for n in range(2, 2 + count)] for batch in (3, 4)
    )  # fmt: skip
    found = {}
    for name, call in calls.items():
        passes = [single_calls(call, tensors) for tensors in (warming, measured, measured)]
        found[name] = {"new": median(passes[1]) * 1e6, "known": median(passes[2]) * 1e6}
    return found


def single_calls(call: Callable[[torch.Tensor], object], tensors: Sequence[torch.Tensor]) -> list[float]:
    return [once(lambda x=x: call(x)) for x in tensors]


def split_by_hand(x: torch.Tensor) -> torch.Tensor:
    b, s, c = x.shape
    return x.reshape(b, 2, s // 2, c).permute(0, 3, 1, 2)


IMPORT = """
import sys
import numpy
from time import perf_counter
start = perf_counter()
import {library}
imported = perf_counter()
loaded = sorted({{"torch", "jax", "tensorflow"}} & set(sys.modules))
{call}
print(imported - start, perf_counter() - start, *loaded)
"""
FIRST_CALLS = {
    "wirework": 'wirework.rearrange("b (h w) c -> b c h w", numpy.ones((2, 4, 3)), h=2)',
    "einops": 'einops.rearrange(numpy.ones((2, 4, 3)), "b (h w) c -> b c h w", h=2)',
    "einx": 'einx.id("b (h w) c -> b c h w", numpy.ones((2, 4, 3)), h=2)',
}


def imports(rounds: int) -> dict[str, dict[str, object]]:
    """Median milliseconds of importing each library after numpy, alone and with a first call; what it loads."""
    times: dict[str, list[tuple[float, float]]] = {library: [] for library in LIBRARIES}
    loaded: dict[str, list[str]] = {}
    for number in range(rounds + 1):
        for library in LIBRARIES:
            imported, called, *loaded[library] = import_once(library)
            times[library] += [(float(imported), float(called))] if number else []  # the first one compiles
    medians = {library: [median(each) * 1e3 for each in zip(*times[library], strict=True)] for library in LIBRARIES}
    return {
        library: {"ms": alone, "with_call_ms": with_call, "loads": loaded[library]}
        for library, (alone, with_call) in medians.items()
    }


def import_once(library: str) -> list[str]:
    """What a fresh process prints; compiled modules are kept, as Python does unless told otherwise."""
    program = IMPORT.format(library=library, call=FIRST_CALLS[library])
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    process = [sys.executable, "-c", program]
    environment = {**kept, "PYTHONPATH": str(SOURCE)}
    return subprocess.run(process, env=environment, capture_output=True, text=True, check=True).stdout.split()
