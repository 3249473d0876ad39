"""Masks that let places see those up to some place: how they are written, and what they say."""

from __future__ import annotations

from collections.abc import Mapping

from wirework.circuit.graph import Circuit, Dims, Node
from wirework.circuit.layouts import input_layouts, matched, output_layout, renamed
from wirework.circuit.powers import Power, formula
from wirework.polynomial import Polynomial

Stair = tuple[str, str, Polynomial]  # row, column, lead: what is where row + lead >= column
ORDERS = {"greater_equal": (0, 1, 0), "less_equal": (1, 0, 0), "greater": (0, 1, -1), "less": (1, 0, -1)}


def staircase(circuit: Circuit, makers: Mapping[int, int], number: int, layout: Dims, negated: bool) -> Stair | None:
    """What a mask, or its negation, says, if it is the comparison of two ranges of numbers, or made of one.

    Args:
        circuit: the circuit.
        makers: the places of the operations that make values.
        number: the mask.
        layout: the axes it is read with.
        negated: whether what it hides is asked for.
    """
    if number not in makers:
        return None
    node = circuit.nodes[makers[number]]
    names = matched(output_layout(node), layout)
    operands = list(zip(node.inputs, (renamed(each, names) for each in input_layouts(node)), strict=True))

    def within(place: int, also: bool) -> Stair | None:
        return staircase(circuit, makers, *operands[place], negated != also)

    if node.kind == "logical_not":
        return within(0, True)
    if node.kind == "rearrange" or (node.kind == "cast" and node.options["dtype"] == "bool"):
        return within(0, False)
    if node.kind in ("equal", "not_equal") and constant(circuit, makers, node.inputs[1]) == 0:
        return within(0, node.kind == "equal")
    if node.kind == "where" and constant(circuit, makers, node.inputs[2]) == 0:
        return within(0, False) if constant(circuit, makers, node.inputs[1]) else None
    if node.kind in ORDERS:
        return compared(circuit, makers, node, [layout for _, layout in operands], negated)
    return None


def compared(
    circuit: Circuit, makers: Mapping[int, int], node: Node, layouts: list[Dims], negated: bool
) -> Stair | None:
    """What a comparison of two ranges says."""
    high, low, lead = ORDERS[node.kind]
    starts = [range_start(circuit, makers, number) for number in node.inputs]
    axes = [[axis for dim in layout for axis in dim] for layout in layouts]
    if None in starts or any(len(each) != 1 for each in axes):
        return None
    row, column = axes[high][0], axes[low][0]
    difference = starts[high] - starts[low] + lead  # type: ignore[operator]
    return (column, row, -difference - 1) if negated else (row, column, difference)


def range_start(circuit: Circuit, makers: Mapping[int, int], number: int) -> Polynomial | None:
    """Where a range of numbers starts, in steps of 1; `None` if a value is none. Shapes are looked through."""
    node = circuit.nodes[makers[number]] if number in makers else None
    if node is not None and node.kind in ("rearrange", "cast"):
        return range_start(circuit, makers, node.inputs[0])
    if node is None or node.kind != "arange" or size(node.options.get("step", 1)) != 1:
        return None
    return size(node.options.get("start", 0))


def constant(circuit: Circuit, makers: Mapping[int, int], number: int) -> int | float | None:
    """The number that all elements of a value are, if it is known."""
    node = circuit.nodes[makers[number]] if number in makers else None
    if node is None or node.kind not in ("constant", "full"):
        return None
    value = node.options["value"]
    return value if isinstance(value, int | float) else None


def size(option: int | float | str) -> Polynomial | None:
    """A size among options; `None` if it is another number."""
    found = formula(option) if isinstance(option, str) else option
    return None if isinstance(found, float | Power) else Polynomial.of(found)
