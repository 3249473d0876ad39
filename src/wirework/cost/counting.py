"""The arithmetic of one operation of a circuit, as formulas over the names of its axes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache

from wirework.circuit.functions import FUNCTIONS
from wirework.circuit.graph import Circuit, Node, Value
from wirework.cost.figures import Figures, sum_of
from wirework.notation import Bound, axis_names
from wirework.notation.bound import all_leaves
from wirework.operations import OPERATIONS, Call
from wirework.operations.base import Count
from wirework.polynomial import Polynomial, product

NORMALISE = 7  # for each element, as written out with other operations: mean 1, var 4, subtract 1, divide 1
NORMALISE_BY_ROOT = 3  # without the mean: square 1, mean 1, divide 1
FREE = ("slice", "constant", "full", "arange")


def arithmetic(circuit: Circuit, node: Node) -> Figures:
    """What an operation computes. An opaque one counts nothing: nobody knows."""
    if is_function(node):
        return Figures(other=elements(circuit, node.outputs[0]) * FUNCTIONS[node.kind].flops)
    if node.kind in OPERATIONS:
        return of_operation(circuit, node)
    if node.kind == "normalise":
        each = NORMALISE if node.options.get("mean", True) else NORMALISE_BY_ROOT
        return Figures(other=elements(circuit, node.inputs[0]) * each)
    if node.kind == "dropout":
        return Figures(other=elements(circuit, node.outputs[0]))
    return Figures()


def is_known(node: Node) -> bool:
    """Whether what an operation computes can be counted."""
    return node.kind in OPERATIONS or is_function(node) or node.kind in (*FREE, "normalise", "dropout")


def is_function(node: Node) -> bool:
    """Whether it is a function of single elements; of two arrays it would be an operation of the same name."""
    return node.kind in FUNCTIONS and len(node.inputs) == 1


def elements(circuit: Circuit, number: int) -> Polynomial:
    """How many elements a value has, as the product of its axes."""
    return product(axis_size(circuit, axis) for axes in circuit.values[number].dims for axis in axes)


def axis_size(circuit: Circuit, axis: str) -> Polynomial:
    """The name of an axis as a size; 1 where it is so short."""
    return Polynomial.of(1) if circuit.axes[axis] == 1 else Polynomial.symbol(axis)


def of_operation(circuit: Circuit, node: Node) -> Figures:
    """What an operation of wirework computes."""
    bound = bound_of(circuit, node)
    options = {**node.options, **dict.fromkeys(node.keywords, "given")}
    flops = OPERATIONS[node.kind].flops(bound, options)
    sizes = sizes_of(circuit, node, bound)

    def formula(count: Count) -> Polynomial:
        return sum_of(factor * product(sizes[name] for name in names) for names, factor in count.items())

    return Figures(formula(flops.contraction), formula(flops.multiplications), formula(flops.other))


def operands(circuit: Circuit, node: Node) -> tuple[Value, ...]:
    """The inputs that stand in the expression."""
    return tuple(circuit.values[number] for number in node.inputs[: len(node.inputs) - len(node.keywords)])


def bound_of(circuit: Circuit, node: Node) -> Bound:
    """The bound expression of an operation of wirework."""
    ranks = tuple(len(value.dims) for value in operands(circuit, node))
    return bound(node.kind, node.expression, ranks, frozenset(circuit.axes))


@lru_cache(maxsize=4096)
def bound(kind: str, text: str, ranks: tuple[int, ...], axes: frozenset[str]) -> Bound:
    """An expression bound to arrays of some ranks. The sizes of all axes are given, so that none has to be found."""
    call = Call(text, ("array",) * len(ranks), ranks, {}, {})
    written = OPERATIONS[kind].expression(call)
    names = axis_names((*written.inputs, *(written.outputs or ())))
    return OPERATIONS[kind].bound(replace(call, given={name: "int" for name in names if name in axes}))


def sizes_of(circuit: Circuit, node: Node, bound: Bound) -> Mapping[str, Polynomial]:
    """The lengths of the axes of a bound expression, by the names they have in it.

    In the circuit they are called the same, or else what stands in the same place is meant.
    """
    values = (*operands(circuit, node), *(circuit.values[number] for number in node.outputs))
    found: dict[str, Polynomial] = {}
    for array, value in zip((*bound.inputs, *bound.outputs), values, strict=True):
        for dim, axes in zip(array.dims, value.dims, strict=True):
            long = [axis for axis in axes if circuit.axes[axis] != 1] or [None] * len(dim.leaves)
            for leaf, axis in zip(dim.leaves, long if len(long) == len(dim.leaves) else axes, strict=False):
                found.setdefault(leaf.size, Polynomial.of(1) if axis is None else axis_size(circuit, axis))
        for leaf in all_leaves(array):
            if leaf.name in circuit.axes:
                found[leaf.size] = axis_size(circuit, leaf.name)
            elif isinstance(size := bound.sizes.get(leaf.size), int):
                found[leaf.size] = Polynomial.of(size)
    return found


def hidden(circuit: Circuit, node: Node) -> Polynomial:
    """The FLOPs of scores that a causal mask hides: of the last q keys every query sees itself and those before.

    They are among those of `arithmetic`, which counts the whole matrix. Queries are taken to be no more than keys.
    """
    if node.kind != "attention" or not node.options.get("causal"):
        return Polynomial.of(0)
    bound = bound_of(circuit, node)
    sizes = sizes_of(circuit, node, bound)
    q, k, v = bound.inputs
    alone = {dim.leaves[0].name for dim in q.dims if len(dim.leaves) == 1}
    queries = (axis for axis in alone - {*k.names, *v.names})
    keys = set(k.select(bracket=True)) - set(q.names)
    length, seen = (product(sizes[bound.size_of[axis]] for axis in axes) for axes in (queries, keys))
    for_each_score = arithmetic(circuit, node).flops // (length * seen)
    return for_each_score * length * (length - 1) // 2
