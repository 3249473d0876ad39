"""The table of a cost, as text."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from wirework.cost.blocks import Block
from wirework.cost.figures import Figures, total
from wirework.cost.storage import width as width_of
from wirework.polynomial import Polynomial

if TYPE_CHECKING:
    from wirework.cost.result import Cost

LABEL = 20  # characters before what is said of the whole
UNITS = ("", "k", "M", "G", "T", "P", "E", "Z")


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the table.

    Attributes:
        depth: how deep the block is.
        name: it, with how many it stands for.
        share: its part of all FLOPs, if that is a number.
        cells: parameters, FLOPs, multiply-adds and bytes moved.
    """

    depth: int
    name: str
    share: float | None
    cells: tuple[str, ...]


HEADINGS = ("parameters", "FLOPs", "MACs", "moved")


def rows(cost: Cost, depth: int | None = None) -> Iterator[Row]:
    """The lines of the table: one for each block, and one for the operations between smaller blocks."""
    whole = cost.flops.constant

    def row(level: int, name: str, figures: Figures) -> Row:
        flops = figures.flops.constant
        share = flops / whole if flops is not None and whole else None
        counts = map(short, (figures.parameters, figures.flops, figures.macs))
        return Row(level, name, share, (*counts, bytes_text(figures.moved)))

    def rows_of(block: Block, level: int, times: int) -> Iterator[Row]:
        yield row(level, label(block, times * block.count), block.figures * times)
        if not block.blocks or level == depth:
            return
        inside = times * block.count
        for inner in block.blocks:
            yield from rows_of(inner, level + 1, inside)
        own = [each for each in block.operations if each.figures.flops != 0 or each.figures.moved != 0]
        if own:
            kinds = ", ".join(dict.fromkeys(each.node.kind for each in own))
            yield row(level + 1, f"[{kinds}]{repeats(inside)}", total(each.figures for each in own) * inside)

    yield from rows_of(cost.blocks, 0, 1)


def label(block: Block, times: int) -> str:
    """A block by its name and class, with how many there are in all."""
    title = f" {block.title}" if block.title and block.title != block.name else ""
    return f"{block.name}{title}{repeats(times)}"


def repeats(times: int) -> str:
    """How many there are, if not one."""
    return f" ×{times}" if times > 1 else ""


def short(size: Polynomial) -> str:
    """A number with three digits and a unit, a formula as it is."""
    return str(size) if size.constant is None else with_unit(size.constant)


def with_unit(number: float) -> str:
    """A number with at most four digits and a unit: 1500 as "1.5k"."""
    place = 0
    while abs(number) >= 999.95 and place < len(UNITS) - 1:
        number, place = number / 1000, place + 1
    return f"{number:.4g}{UNITS[place]}" if place == 0 else f"{number:.1f}{UNITS[place]}"


def bytes_text(size: Polynomial) -> str:
    """A number of bytes."""
    return f"{size}" if size.constant is None else f"{with_unit(size.constant)}B"


def text(cost: Cost, depth: int | None = None, width: int = 80) -> str:
    """The table and what is said of the whole."""
    return "\n".join((heading(cost), "", *block_lines(cost, depth, width), "", *summary(cost, width)))


def heading(cost: Cost) -> str:
    """What is costed, and for which sizes."""
    return "  ".join((cost.circuit.name, *(f"{name}={size}" for name, size in cost.sizes.items()), cost.main_dtype))


def block_lines(cost: Cost, depth: int | None, width: int) -> Iterator[str]:
    """The lines of the table, or of a list of formulas where sizes are missing."""
    if cost.flops.constant is None:
        yield from wrapped_blocks(cost, depth, width)
        return
    found = list(rows(cost, depth))
    names = [shortened("  " * row.depth + row.name, width - 45) for row in found]
    wide = max(len(name) for name in (*names, "block"))
    yield f"{'block':<{wide}} {cells_text((*HEADINGS, 'share'))}"
    for name, row in zip(names, found, strict=True):
        share = f"{row.share:.1%}" if row.share is not None else ""
        yield f"{name:<{wide}} {cells_text((*row.cells, share))}".rstrip()


def cells_text(cells: tuple[str, ...]) -> str:
    """Cells of one line, each as wide as a number can be."""
    return " ".join(f"{cell:>{width}}" for cell, width in zip(cells, (10, 8, 8, 8, 6), strict=True))


def wrapped_blocks(cost: Cost, depth: int | None, width: int) -> Iterator[str]:
    """Each block with the formula of its FLOPs."""
    for row in rows(cost, depth):
        indent = "  " * row.depth
        yield indent + row.name
        yield from textwrap.wrap(
            f"{row.cells[1]} FLOPs", width, initial_indent=f"{indent}    ", subsequent_indent=f"{indent}      "
        )


def shortened(name: str, width: int) -> str:
    """A name that fits."""
    return name if len(name) <= width else f"{name[: width - 1]}…"


def summary(cost: Cost, width: int, device: str | None = None, training: bool = False) -> Iterator[str]:
    """What is said of the whole, each with its formula."""
    for name, content in facts(cost, device, training):
        yield from textwrap.wrap(
            content, width, initial_indent=f"{name:<{LABEL}}", subsequent_indent=" " * LABEL, break_long_words=False
        )


def facts(cost: Cost, device: str | None = None, training: bool = False) -> Iterator[tuple[str, str]]:
    """What is said of the whole: names and values."""
    formulas = cost.formulas
    yield "FLOPs", valued(cost.flops, formulas.flops)
    yield "  contraction", valued(cost.contraction, formulas.contraction)
    yield "  other", valued(cost.other, formulas.other)
    if cost.hidden != 0:
        yield "  causal", f"{valued(cost.hidden, formulas.hidden)} of these for scores that masks hide"
    yield "multiply-adds", valued(cost.macs, formulas.macs)
    yield "parameters", f"{exact(cost.parameters)} numbers, {bytes_text(cost.memory.weights)} with buffers"
    yield (
        "activations",
        f"{bytes_text(cost.memory.inference)} at most at once, {bytes_text(cost.memory.eager)} as Python frees",
    )
    if cost.cache.total != 0:
        each = f"{exact(cost.cache.per_token)} bytes per token"
        yield "KV cache", f"{each}, {valued(cost.cache.total, formulas.cache.total)} bytes in all"
    yield "moved", f"{bytes_text(cost.moved)} unfused, {bytes_text(cost.moved_fused)} fused"
    if cost.intensity is not None and cost.intensity_fused is not None:
        yield "intensity", f"{ratio(cost.intensity)} FLOPs per byte unfused, {ratio(cost.intensity_fused)} fused"
    if str(cost.tiled) != "0":
        yield "tiled, at least", f"{cost.tiled} values to and from a fast memory of M values"
    if training:
        yield from training_facts(cost, formulas)
    if device is not None:
        yield from device_facts(cost, device)
    if cost.unknown:
        yield "not counted", ", ".join(cost.unknown)


def training_facts(cost: Cost, formulas: Cost) -> Iterator[tuple[str, str]]:
    """What a step of training costs."""
    gradients = cost.parameters * width_of(cost.main_dtype)
    yield "training", f"{valued(cost.backward, formulas.backward)} FLOPs of contractions in the backward pass"
    yield "  in a step", f"{valued(cost.flops + cost.backward, formulas.flops + formulas.backward)} FLOPs with forward"
    yield "  activations", f"{bytes_text(cost.memory.training)} at most at once, with their gradients"
    yield "  gradients", f"{bytes_text(gradients)} of parameters: {bytes_text(cost.memory.step)} with activations"
    yield "  Adam", f"{bytes_text(2 * gradients)} for its two moments"


def device_facts(cost: Cost, device: str) -> Iterator[tuple[str, str]]:
    """How long it takes at least."""
    roof = cost.roofline(device)
    whole = roof.whole
    yield "roofline", f"{roof.device.name}: at least {seconds_text(roof.seconds)} fused, bound by {roof.bound}"
    yield "  arithmetic", f"{seconds_text(whole.compute)} at {with_unit(roof.device.peak(roof.dtype))}FLOP/s"
    yield "  memory", f"{seconds_text(whole.memory)} at {with_unit(roof.device.bandwidth)}B/s"


def seconds_text(seconds: float) -> str:
    """A time."""
    for unit, length in (("s", 1), ("ms", 1e-3), ("µs", 1e-6)):
        if seconds >= length:
            return f"{seconds / length:.3g} {unit}"
    return f"{seconds / 1e-9:.3g} ns"


def ratio(number: float) -> str:
    """A number of which three digits matter."""
    return f"{number:,.0f}" if number >= 1000 else f"{number:.3g}"


def exact(size: Polynomial) -> str:
    """All digits of a number, or a formula."""
    return str(size) if size.constant is None else f"{size.constant:,}"


def valued(size: Polynomial, formula: Polynomial) -> str:
    """A number with its formula, where there is one."""
    if size.constant is None or formula.constant is not None:
        return exact(size)
    return f"{exact(size)} = {formula}"
