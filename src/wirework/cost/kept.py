"""What an operation must keep until the backward pass."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from wirework.circuit.functions import FUNCTIONS
from wirework.circuit.graph import Circuit, Node
from wirework.cost.counting import axis_size, bound_of, elements, is_function, sizes_of
from wirework.cost.figures import NONE
from wirework.cost.storage import FLOATING, Storage
from wirework.operations import OPERATIONS
from wirework.polynomial import Polynomial, product

FLOAT32, INT64, BOOL = 4, 8, 1  # bytes of statistics, places and signs
NOTHING = ("add", "subtract", "sum", "mean", "rearrange", "window", "slice", "flip", "roll", "cumsum")
OUTPUT = ("softmax", "log_softmax")
INPUT = ("prod", "var", "std", "cumprod")
BOTH = ("logsumexp", "power", "logaddexp")
PLACES = ("max", "min", "sort")
MULTIPLIED = ("multiply", "dot", "conv")  # the gradient of each operand is a product with the others
SIGN_STAYS = ("relu", "leaky_relu", "relu6")  # the output tells which side of zero the input was on
DIVIDED = ("divide", "true_divide")


@dataclass(frozen=True, slots=True)
class Kept:
    """What one operation keeps.

    Attributes:
        values: numbers of arrays as they are.
        extra: bytes beside these: signs, places, statistics.
        signs: bytes of signs, which are extra only if none of the arrays they can be read off is kept anyway.
        read_off: these arrays.
    """

    values: tuple[int, ...] = ()
    extra: Polynomial = NONE
    signs: Polynomial = NONE
    read_off: tuple[int, ...] = ()


def differentiable(circuit: Circuit) -> frozenset[int]:
    """The values that have a gradient: learned ones, and what is computed from them in floating numbers."""
    found = {value.number for value in circuit.parameters}
    for node in circuit.nodes:
        if found.intersection(node.inputs):
            found.update(number for number in node.outputs if circuit.values[number].dtype in FLOATING)
    return frozenset(found)


def kept(circuit: Circuit, node: Node, storage: Storage, gradients: frozenset[int]) -> Kept:
    """What an operation keeps, if its results have a gradient."""
    if not gradients.intersection(node.outputs):
        return Kept()
    if is_function(node):
        return of_function(circuit, node)
    match node.kind:
        case kind if kind in NOTHING:
            return Kept()
        case kind if kind in MULTIPLIED:
            return Kept(tuple(multiplied(node, gradients)))
        case kind if kind in DIVIDED:
            return Kept(tuple(divided(node, gradients)))
        case kind if kind in OUTPUT:
            return Kept(node.outputs)
        case kind if kind in INPUT:
            return Kept(node.inputs)
        case kind if kind in BOTH:
            return Kept((*node.inputs, *node.outputs))
        case kind if kind in PLACES:
            return Kept(extra=elements(circuit, node.outputs[0]) * INT64)
        case "maximum" | "minimum":
            return Kept(extra=elements(circuit, node.outputs[0]) * BOOL)
        case "normalise":
            return Kept(node.outputs, extra=rows(circuit, node) * FLOAT32)
        case "attention":
            return Kept((*node.inputs, *node.outputs), extra=score_rows(circuit, node) * FLOAT32)
        case "dropout":
            return Kept(extra=elements(circuit, node.outputs[0]) * BOOL)
        case "where":
            return Kept(node.inputs[:1])
        case kind if kind in OPERATIONS:  # of look-ups the coordinates
            return Kept(tuple(number for number in node.inputs if circuit.values[number].dtype not in FLOATING))
        case _:
            return Kept(node.inputs)


def of_function(circuit: Circuit, node: Node) -> Kept:
    """What a function of single elements keeps."""
    match FUNCTIONS[node.kind].keeps:
        case "input":
            return Kept(node.inputs)
        case "output":
            return Kept(node.outputs)
        case "sign":
            arrays = (*node.inputs, *node.outputs) if node.kind in SIGN_STAYS else node.inputs
            return Kept(signs=elements(circuit, node.outputs[0]) * BOOL, read_off=arrays)
        case _:
            return Kept()


def multiplied(node: Node, gradients: frozenset[int]) -> Iterator[int]:
    """The operands of a product that another operand's gradient needs."""
    operands = node.inputs[: len(node.inputs) - len(node.keywords)]
    for place, number in enumerate(operands):
        if gradients.intersection((*operands[:place], *operands[place + 1 :])):
            yield number


def divided(node: Node, gradients: frozenset[int]) -> Iterator[int]:
    """The divisor, and if it has a gradient the quotient."""
    yield node.inputs[1]
    if node.inputs[1] in gradients:
        yield node.outputs[0]


def rows(circuit: Circuit, node: Node) -> Polynomial:
    """How many times a normalisation is made."""
    dims = circuit.values[node.inputs[0]].dims
    marked = set(node.expression.split("->")[0].partition("[")[2].partition("]")[0].split())
    return product(axis_size(circuit, axis) for axes in dims for axis in axes if axis not in marked)


def score_rows(circuit: Circuit, node: Node) -> Polynomial:
    """How many softmaxes attention makes: it keeps the log-sum-exp of each."""
    bound = bound_of(circuit, node)
    sizes = sizes_of(circuit, node, bound)
    q, k, _ = bound.inputs
    axes = dict.fromkeys((*q.select(bracket=False), *k.select(bracket=False)))
    return product(sizes[bound.size_of[axis]] for axis in axes)
