"""Timing on a machine that does other things too: contestants take turns, and medians are compared."""

from __future__ import annotations

import gc
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median, quantiles
from time import perf_counter
from timeit import Timer

Call = Callable[[], object]


@dataclass(frozen=True)
class Figure:
    """A median, and half the distance between the quartiles around it."""

    median: float
    spread: float


def figure(samples: Sequence[float]) -> Figure:
    lower, _, upper = quantiles(samples, n=4)
    return Figure(median(samples), (upper - lower) / 2)


def in_turns(calls: Mapping[str, Call], rounds: int, seconds: float) -> dict[str, list[float]]:
    """Seconds per call: in each round every contestant runs for about `seconds`, one after the other."""
    timers = {name: Timer(call) for name, call in calls.items()}
    counts = {name: repetitions(timer, seconds) for name, timer in timers.items()}
    samples: dict[str, list[float]] = {name: [] for name in calls}
    for number in range(rounds):
        for name in rotated(list(calls), number):
            samples[name].append(timers[name].timeit(counts[name]) / counts[name])
    return samples


def repetitions(timer: Timer, seconds: float) -> int:
    """How often to repeat a call for it to take about `seconds`."""
    timer.timeit(3)
    return max(1, int(seconds / min(timer.repeat(3, 3)) * 3))


def rotated(names: list[str], number: int) -> list[str]:
    """A different one first in every round."""
    first = number % len(names)
    return names[first:] + names[:first]


def extra(samples: Mapping[str, Sequence[float]], name: str, over: str = "hand") -> Figure:
    """How much longer one contestant takes than another in the same round."""
    return figure([a - b for a, b in zip(samples[name], samples[over], strict=True)])


def once(call: Call) -> float:
    """Seconds that a single call takes."""
    collecting = gc.isenabled()
    gc.disable()
    start = perf_counter()
    call()
    elapsed = perf_counter() - start
    if collecting:
        gc.enable()
    return elapsed
