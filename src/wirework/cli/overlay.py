"""The picture of a mask: outlines on what was segmented."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from wirework.cli.pictures import GREY, save_figure
from wirework.cli.scans import Panel

HEIGHT = 4.0  # inches
OUTLINES = ("#ff7f0e", "#17becf", "#bcbd22", "#e377c2", "#2ca02c", "#d62728", "#9467bd")


def draw_overlay(panels: list[Panel], title: str, path: Path) -> None:
    """All panels side by side, as high as each other."""
    widths = [panel.mask.shape[1] / (panel.mask.shape[0] * panel.aspect) for panel in panels]
    figure = Figure(figsize=(max(HEIGHT * sum(widths), HEIGHT), HEIGHT + 0.5), layout="constrained")
    figure.suptitle(title, fontsize=10)
    cells = figure.subplots(1, len(panels), squeeze=False, width_ratios=widths)[0]
    for cell, panel in zip(cells, panels, strict=True):
        draw_panel(cell, panel)
    save_figure(figure, path)


def draw_panel(axes: Axes, panel: Panel) -> None:
    """A picture in grey or in its colours, the outline of each class, and what is on either side."""
    axes.imshow(panel.picture, cmap="gray", vmin=0, vmax=1, aspect=panel.aspect, interpolation="bilinear")
    frame = axes.axis()
    rows, columns = (np.arange(-1, size + 1) for size in panel.mask.shape)
    for number in range(1, int(panel.mask.max()) + 1):
        there = np.pad(panel.mask == number, 1)  # so that outlines close at the border
        if there.any():
            colour = OUTLINES[(number - 1) % len(OUTLINES)]
            axes.contour(columns, rows, there, levels=[0.5], colors=colour, linewidths=1.3)
    axes.axis(frame)
    for place, side, align in zip((0, 1), panel.sides, ("left", "right"), strict=True):
        axes.text(place, -0.01, side, transform=axes.transAxes, ha=align, va="top", color=GREY, fontsize=8)
    axes.set_axis_off()
