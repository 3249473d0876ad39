"""The picture of a roofline."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from wirework.cost.roofline import Point, Roofline
from wirework.cost.table import seconds_text
from wirework.errors import NotSupportedError

COLOURS = {"compute": "#c2571a", "memory": "#2f6fb0"}
NAMED = 6  # so many of the longest operations are called by name,
APART = 1.3  # if their FLOPs per byte differ by this factor from those of others


def plot(roof: Roofline, title: str) -> Any:
    """Each operation at its FLOPs per byte and the FLOPs per second it can reach; the larger, the longer it takes.

    Returns:
        a figure of matplotlib.

    Raises:
        NotSupportedError: if matplotlib is not installed.
    """
    try:
        from matplotlib.figure import Figure
    except ImportError:
        raise NotSupportedError("a plot needs matplotlib: pip install matplotlib") from None
    figure = Figure(figsize=(8, 5), layout="constrained")
    axes = figure.add_subplot(xscale="log", yscale="log")
    points = [point for point in roof.points if point.flops and point.moved]
    intensities = [point.flops / point.moved for point in points]
    peak, bandwidth = roof.device.peak(roof.dtype), roof.device.bandwidth
    least, most = min([*intensities, roof.ridge]) / 3, max([*intensities, roof.ridge]) * 3
    axes.plot([least, roof.ridge, most], [least * bandwidth, peak, peak], color="#444444", linewidth=1.5, zorder=1)
    for bound, colour in COLOURS.items():
        chosen = [(point, x) for point, x in zip(points, intensities, strict=True) if point.bound == bound]
        axes.scatter(
            [x for _, x in chosen],
            [min(peak, x * bandwidth) for _, x in chosen],
            s=[20 + 400 * point.seconds / roof.seconds for point, _ in chosen],
            color=colour, alpha=0.6, edgecolors="white", linewidths=0.5, zorder=2,
            label=f"bound by {bound}: {share(roof, bound):.0%} of the time",
        )  # fmt: skip
    for line, (point, x) in enumerate(named(points)):
        place = (x, min(peak, x * bandwidth))
        axes.annotate(point.name, place, (6, -12 - 10 * (line % 3)), textcoords="offset points", fontsize=7)
    axes.set(
        xlabel="FLOPs per byte moved (fused)",
        ylabel=f"FLOPs per second ({roof.dtype})",
        title=f"{title} on {roof.device.name}: at least {seconds_text(roof.seconds)}",
    )
    axes.legend(loc="lower right", frameon=False, markerscale=0.6)
    axes.grid(which="major", color="#dddddd", linewidth=0.6)
    return figure


def share(roof: Roofline, bound: str) -> float:
    """The part of the time in which something is what bounds it."""
    return sum(point.seconds for point in roof.points if point.bound == bound) / roof.seconds if roof.seconds else 0.0


def named(points: Iterable[Point]) -> list[tuple[Point, float]]:
    """The points that take longest, with their FLOPs per byte, as far as their names do not cover each other."""
    found: list[tuple[Point, float]] = []
    for point in sorted(points, key=lambda point: -point.seconds):
        x = point.flops / point.moved
        if len(found) < NAMED and all(max(x / other, other / x) > APART for _, other in found):
            found.append((point, x))
    return found
