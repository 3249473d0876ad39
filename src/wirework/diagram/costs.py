"""What the operations of a circuit cost, for pictures: as parts of the whole, to colour by, and as texts, to read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, get_args

from wirework.circuit.graph import Circuit, Node
from wirework.circuit.shown import named, shape, typed
from wirework.circuit.source import Writer
from wirework.cost import Cost, Figures
from wirework.cost.table import bytes_text, short
from wirework.errors import AxisSizeError, SemanticError, did_you_mean, joined
from wirework.polynomial import Polynomial

By = Literal["flops", "parameters", "memory"]
FIGURES: Mapping[str, str] = {"flops": "flops", "parameters": "parameters", "memory": "moved"}
Details = Mapping[str, str]


def shares(circuit: Circuit, by: By, sizes: Mapping[str, int]) -> dict[int, float]:
    """What part of the whole each operation costs, from 0 to 1, by its place in `Circuit.nodes`.

    Args:
        circuit: as `trace` makes it.
        by: "flops"; "parameters", where shared ones count for the first operation that uses them; or "memory", the
            bytes that each operation reads and writes.
        sizes: lengths of the axes that have none yet.

    Raises:
        SemanticError: if `by` is none of these, or the circuit has no size of a name.
        AxisSizeError: if sizes are missing, or none that an axis can have.
    """
    if by not in FIGURES:
        raise SemanticError(
            f"there are no shares by {by!r}{did_you_mean(by, FIGURES)}: choose {joined(get_args(By), 'or')}"
        )
    return shares_of(Cost(circuit).value(**sizes), by)


def shares_of(found: Cost, by: By) -> dict[int, float]:
    """The shares of operations in a cost whose sizes are known: see `shares`."""
    if unknown := missing(found):
        name = found.circuit.name
        raise AxisSizeError(
            f"shares of {by} are numbers, so {joined(unknown)} must be known in {name}: give {unknown[0]}=..."
        )
    parts = [figure(each.figures, by).constant or 0 for each in found.operations]
    whole = sum(parts) or 1
    return {place: part / whole for place, part in enumerate(parts)}


def missing(found: Cost) -> tuple[str, ...]:
    """The sizes that are not known."""
    return tuple(name for name in found.free if name not in found.sizes)


def figure(figures: Figures, by: By) -> Polynomial:
    """The figure that shares are taken of."""
    return getattr(figures, FIGURES[by])


def described(circuit: Circuit, place: int, sizes: Mapping[str, int]) -> Details:
    """What a reader is told of one operation: see `details`."""
    return details(circuit, sizes)[place]


def details(circuit: Circuit, sizes: Mapping[str, int]) -> dict[int, Details]:
    """What a reader is told of each operation, by its place in `Circuit.nodes`, as plain texts.

    There are its "kind", the "block" it stands in, its "expression", the arrays it "takes" and "gives" with their
    shapes, a line for each, its "code" in `Circuit.source`, its "flops" as a formula and a number, its "parameters",
    and the "bytes" it reads and writes. What does not apply is left out.

    Args:
        circuit: as `trace` makes it.
        sizes: lengths of axes that have none yet, as far as they are known; for others formulas are shown.

    Raises:
        SemanticError: if the circuit has no size of a name.
        AxisSizeError: if one is no size that an axis can have.
    """
    return details_of(Cost(circuit).value(**sizes))


def details_of(found: Cost) -> dict[int, Details]:
    """What a reader is told of the operations in a cost: see `details`."""
    writer = Writer(found.circuit)
    return {place: detail(found, writer, place) for place in range(len(found.circuit.nodes))}


def detail(found: Cost, writer: Writer, place: int) -> Details:
    """What a reader is told of the operation at a place."""
    circuit, node, operation = found.circuit, found.circuit.nodes[place], found.operations[place]
    texts = {
        "kind": str(node.options.get("function", node.kind)),
        "block": ".".join(node.block),
        "expression": node.expression,
        "takes": "\n".join(array(circuit, number) for number in node.inputs),
        "gives": "\n".join(array(circuit, number) for number in node.outputs),
        "code": code(writer, node, place),
        "flops": counted(operation.formulas.flops, operation.figures.flops),
        "parameters": counted(operation.formulas.parameters, operation.figures.parameters),
        "bytes": "" if operation.figures.moved == 0 else bytes_text(operation.figures.moved),
    }
    return {name: text for name, text in texts.items() if text}


def array(circuit: Circuit, number: int) -> str:
    """An array by its name, its axes and its shape: "x3: h y x (8, 64, 64)"."""
    value = circuit.values[number]
    return f"{named(circuit, number)}: {typed(value)} {shape(circuit, number)}".replace(":  ", ": ")


def code(writer: Writer, node: Node, place: int) -> str:
    """The statement that runs an operation; a number that needs none has no code."""
    return next(iter(writer.statements(place)), "")


def counted(formula: Polynomial, figure: Polynomial) -> str:
    """A formula and the number it comes to: "2*h*k*x*y = 3.1k"."""
    if formula == 0:
        return ""
    number = short(figure)
    return number if str(formula) == number else f"{formula} = {number}"
