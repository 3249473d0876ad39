"""Circuits for people to read: as text, as a table, as HTML."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape

from wirework.circuit.folding import Block, Part, Repeat, tree
from wirework.circuit.graph import Circuit, Node, Value
from wirework.errors import counted

HEADINGS = ("value", "operation", "expression", "of", "shape")


@dataclass(frozen=True, slots=True)
class Row:
    """One line: an operation, which has a cell for each heading, or the heading of a block."""

    depth: int
    cells: tuple[str, ...]


def text(circuit: Circuit) -> str:
    """What `print` shows: inputs, sizes, and a line for each operation."""
    return "\n".join([*summary(circuit), "", *aligned(list(rows(circuit, tree(circuit, folded=False))))])


def table(circuit: Circuit, folded: bool) -> str:
    """What `Circuit.table` does."""
    return "\n".join(aligned([Row(0, HEADINGS), *rows(circuit, tree(circuit, folded=folded))]))


def html(circuit: Circuit) -> str:
    """What a notebook shows: blocks that can be opened."""
    head = "<br>".join(map(escape, summary(circuit)))
    return f'<div class="wirework-circuit"><p>{head}</p>{html_parts(circuit, tree(circuit).parts)}</div>'


# -- lines ---------------------------------------------------------------------------------------------------------


def summary(circuit: Circuit) -> list[str]:
    """What goes in and out, the sizes of axes, and what the circuit holds."""
    given = ", ".join(f"{named(circuit, number)}: {typed(circuit.values[number])}" for number in circuit.inputs)
    returned = ", ".join(typed(circuit.values[number]) for number in circuit.outputs)
    sizes = [f"{name} = {size}" if str(size) != name else name for name, size in circuit.axes.items()]
    held = [
        f"{counted(len(values), noun)} ({' + '.join(sorted({str(value.dtype) for value in values}))})"
        for noun, values in (("parameter", circuit.parameters), ("buffer", circuit.buffers))
        if values
    ]
    return [
        f"{circuit.name}({given}) -> {returned}",
        *([f"  {', '.join(sizes)}"] if sizes else []),
        *(f"  {each}" for each in held),
    ]


def rows(circuit: Circuit, part: Part, depth: int = 0) -> Iterator[Row]:
    """The lines of a part; a block's heading stands above it."""
    if isinstance(part, Node):
        yield Row(depth, cells(circuit, part))
        return
    heading = heading_of(part)
    if heading:
        yield Row(depth, (heading,))
    for each in part.parts:
        yield from rows(circuit, each, depth + bool(heading))


def heading_of(part: Block | Repeat) -> str:
    """The heading of a block, or of a repetition: empty for the whole."""
    if isinstance(part, Repeat):
        first, last = (".".join(paths[0]) for paths in (part.paths[0], part.paths[-1]))
        return f"{part.count} times: {first} to {last}"
    name = ".".join(part.path[-1:])
    return f"{name}: {part.title}" if part.title not in ("", name) and name else name


def cells(circuit: Circuit, node: Node) -> tuple[str, ...]:
    """What is shown of an operation."""
    count = len(node.inputs) - len(node.keywords)
    given = [named(circuit, number) for number in node.inputs[:count]]
    given += [
        f"{name}={named(circuit, number)}" for name, number in zip(node.keywords, node.inputs[count:], strict=True)
    ]
    given += [f"{name}={option}" for name, option in node.options.items() if name not in ("function", "arguments")]
    return (
        ", ".join(named(circuit, number) for number in node.outputs),
        node.options.get("function", node.kind),
        node.expression,
        ", ".join(given),
        ", ".join(shape(circuit, number) for number in node.outputs),
    )


def named(circuit: Circuit, number: int) -> str:
    """What a value is called."""
    return circuit.values[number].name or f"x{number}"


def typed(value: Value) -> str:
    """The axes of a value, and its type where it is not the usual one."""
    return value.axes if value.dtype == "float32" else f"{value.axes} {value.dtype}".strip()


def shape(circuit: Circuit, number: int) -> str:
    """The shape of a value."""
    return f"({', '.join(map(str, circuit.shape(number)))})"


def aligned(lines: Sequence[Row]) -> list[str]:
    """Lines with the cells below each other."""
    full = [row for row in lines if len(row.cells) > 1]
    indented = {id(row): ("  " * row.depth + row.cells[0], *row.cells[1:]) for row in lines}
    widths = [max((len(indented[id(row)][column]) for row in full), default=0) for column in range(len(HEADINGS))]
    return [
        "  ".join(cell.ljust(width) for cell, width in zip(indented[id(row)], widths, strict=False)).rstrip()
        for row in lines
    ]


# -- HTML ----------------------------------------------------------------------------------------------------------


def html_parts(circuit: Circuit, parts: Sequence[Part]) -> str:
    """Parts one after the other; operations that follow each other are one table."""
    shown: list[str] = []
    lines: list[str] = []
    for part in parts:
        if isinstance(part, Node):
            lines.append("".join(f"<td>{escape(cell)}</td>" for cell in cells(circuit, part)))
            continue
        shown += [html_table(lines)] if lines else []
        lines = []
        title = escape(heading_of(part))
        shown.append(f"<details><summary>{title}</summary>{html_parts(circuit, part.parts)}</details>")
    return "".join([*shown, *([html_table(lines)] if lines else [])])


def html_table(lines: Sequence[str]) -> str:
    """A table of operations."""
    heads = "".join(f"<th>{heading}</th>" for heading in HEADINGS)
    return f"<table><tr>{heads}</tr>{''.join(f'<tr>{line}</tr>' for line in lines)}</table>"
