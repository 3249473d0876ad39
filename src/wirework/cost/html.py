"""The table of a cost as HTML, whose blocks open and close."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from typing import TYPE_CHECKING

from wirework.cost.blocks import Block, OperationCost
from wirework.cost.figures import Figures
from wirework.cost.table import HEADINGS, bytes_text, facts, label, short

if TYPE_CHECKING:
    from wirework.cost.result import Cost

OPEN = 2  # levels of blocks that are open at first
STYLE = """
.ww-cost { font: 13px/1.5 system-ui, sans-serif; max-width: 62em; }
.ww-cost .row { display: grid; grid-template-columns: minmax(14em, 1fr) repeat(5, 6.5em); gap: 0 1em; flex: 1; }
.ww-cost .row > :not(:first-child) { text-align: right; font-variant-numeric: tabular-nums; }
.ww-cost .head { font-weight: 600; border-bottom: 1px solid currentColor; margin-left: 1.1em; }
.ww-cost summary { display: flex; cursor: pointer; list-style: none; }
.ww-cost summary::-webkit-details-marker { display: none; }
.ww-cost summary::before { content: "\\25b8"; width: 1.1em; flex: none; }
.ww-cost details[open] > summary::before { content: "\\25be"; }
.ww-cost .leaf { display: flex; padding-left: 1.1em; }
.ww-cost .name { overflow-wrap: anywhere; }
.ww-cost code { font-size: 11px; opacity: 0.65; overflow-wrap: anywhere; }
.ww-cost .share { align-self: start;
  background: linear-gradient(90deg, #4c8bf544 var(--part), transparent var(--part)); }
.ww-cost dl { display: grid; grid-template-columns: 10em 1fr; gap: 0 1em; margin: 1em 0 0 1.1em; }
.ww-cost dd { margin: 0; overflow-wrap: anywhere; }
"""


def html(cost: Cost) -> str:
    """The whole table."""
    whole = cost.flops.constant or 0
    names = ("block", *HEADINGS, "share")
    heading = "".join(f"<span>{name}</span>" for name in names)
    listed = "".join(f"<dt>{escape(name.strip())}</dt><dd>{escape(value)}</dd>" for name, value in facts(cost))
    return (
        f'<div class="ww-cost"><style>{STYLE}</style><div class="row head">{heading}</div>'
        f"{''.join(block_html(cost.blocks, 1, whole, 0))}<dl>{listed}</dl></div>"
    )


def block_html(block: Block, times: int, whole: int, depth: int) -> Iterator[str]:
    """A block, with what is in it."""
    row = row_html(f"<b>{escape(label(block, times * block.count))}</b>", block.figures * times, whole, depth)
    times *= block.count
    yield f"<details{' open' if depth < OPEN else ''}><summary>{row}</summary>"
    for inner in block.blocks:
        yield from block_html(inner, times, whole, depth + 1)
    for operation in block.operations:
        yield operation_html(operation, times, whole, depth + 1)
    yield "</details>"


def operation_html(operation: OperationCost, times: int, whole: int, depth: int) -> str:
    """An operation, with its expression and its formula."""
    node, formula = operation.node, operation.formulas.flops
    costs = f"<br><code>{escape(str(formula))}</code>" if formula != 0 else ""
    name = f"{escape(node.kind)} <code>{escape(node.expression)}</code>{costs}"
    return f'<div class="leaf">{row_html(name, operation.figures * times, whole, depth)}</div>'


def row_html(name: str, figures: Figures, whole: int, depth: int) -> str:
    """A line."""
    flops = figures.flops.constant
    share = flops / whole if flops is not None and whole else None
    part = (
        f'<span class="share" style="--part:{share:.1%}">{share:.1%}</span>' if share is not None else "<span></span>"
    )
    parameters, flops_text, macs = map(short, (figures.parameters, figures.flops, figures.macs))
    cells = (parameters, flops_text, macs, bytes_text(figures.moved))
    spans = "".join(f"<span>{cell}</span>" for cell in cells) + part
    indent = f' style="padding-left:{depth}em"' if depth else ""
    return f'<span class="row"><span class="name"{indent}>{name}</span>{spans}</span>'
