"""Attention that is written out - dot, scale, bias or mask, softmax, dropout, dot - as one operation."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from wirework.circuit.graph import Circuit, Dims, Node, Value
from wirework.circuit.layouts import (
    Unreadable,
    axes_of,
    brackets_in,
    flat_text,
    input_layouts,
    layout_of,
    matched,
    output_layout,
    renamed,
    written,
)
from wirework.circuit.powers import Power, number_in, raised
from wirework.circuit.staircase import staircase
from wirework.circuit.trimming import trimmed
from wirework.errors import WireworkError
from wirework.notation import parse
from wirework.operations import OPERATIONS, Call
from wirework.polynomial import Polynomial, product

NEVER_SEEN = float("-inf")
FLOATS = ("float16", "bfloat16", "float32", "float64")
BETWEEN = ("add", "cast", "divide", "multiply", "rearrange", "where")  # the dot of the scores and the softmax

Sizes = Mapping[str, Polynomial]
Operand = tuple[int, Dims]  # a value, and the axes it is read with


def fuse(circuit: Circuit) -> Circuit:
    """What `Circuit.fuse` does."""
    place = 0
    while place < len(circuit.nodes):
        if circuit.nodes[place].kind == "softmax" and (found := Reader(circuit).attention(place)):
            circuit = with_attention(circuit, found)
            place = 0
        place += 1
    return circuit


@dataclass
class Attention:
    """What is known of an attention while it is read, from its softmax outwards; axes are called as they are there.

    Attributes:
        keys: the axes of the keys.
        sizes: the size of each axis seen so far.
        removed: the places of the operations that it replaces.
        hides: whether its mask says which keys are hidden, and not which are seen.
    """

    keys: frozenset[str]
    sizes: dict[str, Polynomial]
    removed: list[int]
    operands: list[Operand] = field(default_factory=list)
    result: Operand = (-1, ())
    scale: float | Power | None = None
    dropout: float | None = None
    biases: list[Operand] = field(default_factory=list)
    mask: Operand | None = None
    hides: bool = False
    causal: bool = False

    @property
    def compared(self) -> set[str]:
        """The axes over which queries and keys are compared."""
        (_, q), (_, k), _ = self.operands
        return set(axes_of(q) & axes_of(k)) - axes_of(self.result[1])

    @property
    def scales(self) -> dict[str, float | str]:
        """Its scale as an option; none if it is the usual one whatever the lengths are."""
        usual = Power(product(self.sizes[axis] for axis in self.compared), -0.5)
        if self.scale is None or isinstance(self.scale, float):
            return {"scale": 1.0 if self.scale is None else self.scale}
        return {} if self.scale == usual else {"scale": str(self.scale)}

    @property
    def expression(self) -> str:
        """The expression of the one operation."""
        (_, q), (_, k), (_, v) = self.operands
        inside = {*self.compared, *self.keys}
        return f"{written(q, inside)}, {written(k, inside)}, {written(v, inside)} -> {written(self.result[1])}"


class Reader:
    """Reads one circuit."""

    def __init__(self, circuit: Circuit) -> None:
        self.circuit = circuit
        self.makers = {number: place for place, node in enumerate(circuit.nodes) for number in node.outputs}
        self.users = {number: place for place, node in enumerate(circuit.nodes) for number in node.inputs}
        self.uses = Counter((*(number for node in circuit.nodes for number in node.inputs), *circuit.outputs))

    def attention(self, place: int) -> Attention | None:
        """The attention around a softmax; `None` if there is none, or the one operation could not do it."""
        node = self.circuit.nodes[place]
        try:
            scores = layout_of(parse(node.expression).inputs[0])
            sizes = {axis: self.circuit.axes[axis] for dim in scores for axis in dim}
            found = Attention(brackets_in(node, 0), sizes, [place])
            self.read_scores(found, (node.inputs[0], scores))
            self.read_weights(found, (node.outputs[0], output_layout(node)))
            found.causal = self.is_causal(found)
            check(found)
        except (Unreadable, WireworkError):
            return None
        return found

    # -- from the softmax back to the dot that makes the scores ------------------------------------------------------

    def read_scores(self, found: Attention, scores: Operand) -> None:
        """Read what is done to the scores, and the queries and keys they are made of."""
        while True:
            number, layout = scores
            if not self.is_passing(number) or number not in self.makers:
                raise Unreadable
            node = self.circuit.nodes[self.makers[number]]
            found.removed.append(self.makers[number])
            names = matched(output_layout(node), layout)
            if node.kind == "dot":
                return self.read_queries_and_keys(found, node, names)
            operands = list(zip(node.inputs, (renamed(each, names) for each in input_layouts(node)), strict=True))
            scores = self.read_step(found, node, operands)

    def is_passing(self, number: int) -> bool:
        """Whether a value is used once, and not returned."""
        return self.uses[number] == 1

    def read_step(self, found: Attention, node: Node, operands: Sequence[Operand]) -> Operand:
        """Read a step between the dot and the softmax. Gives the scores before it."""
        match node.kind:
            case "rearrange" | "cast" if changes_nothing(node):
                return operands[0]
            case "multiply" | "divide" if found.scale is None:
                return self.read_scale(found, node, operands)
            case "add" if found.scale is None:
                return self.read_bias(found, operands)
            case "where" if found.mask is None and found.scale is None:
                return self.read_mask(found, operands)
        raise Unreadable

    def comes_from_dot(self, number: int) -> bool:
        """Whether a value comes from a dot of two arrays by steps that may stand between it and a softmax."""
        node = self.circuit.nodes[self.makers[number]] if number in self.makers else None
        if node is None or not self.is_passing(number):
            return False
        if node.kind == "dot":
            return len(node.inputs) == 2
        return node.kind in BETWEEN and any(map(self.comes_from_dot, node.inputs))

    def read_scale(self, found: Attention, node: Node, operands: Sequence[Operand]) -> Operand:
        """Read a factor of the scores."""
        factors = [self.number(number) for number, _ in operands]
        if len(factors) != 2 or factors.count(None) != 1 or (node.kind == "divide" and factors[0] is not None):
            raise Unreadable
        scores = factors.index(None)
        factor = factors[1 - scores] or 0.0
        if factor == 0:
            raise Unreadable
        found.scale = raised(factor, -1.0) if node.kind == "divide" else factor
        return operands[scores]

    def read_bias(self, found: Attention, operands: Sequence[Operand]) -> Operand:
        """Read what is added to the scores: these are the one operand that comes from a dot."""
        made = [self.comes_from_dot(number) for number, _ in operands]
        if len(operands) != 2 or made.count(True) != 1:
            raise Unreadable
        found.biases.append(operands[made.index(False)])
        return operands[made.index(True)]

    def read_mask(self, found: Attention, operands: Sequence[Operand]) -> Operand:
        """Read a choice between scores and minus infinity."""
        mask, *branches = operands
        hidden = [self.number(number) == NEVER_SEEN for number, _ in branches]
        if hidden.count(True) != 1:
            raise Unreadable
        found.mask, found.hides = mask, hidden[0]
        return branches[hidden.index(False)]

    def number(self, value: int) -> float | Power | None:
        """The number that a value is, if it is one and known."""
        return None if self.circuit.values[value].dims else number_in(self.circuit, self.makers, value)

    def read_queries_and_keys(self, found: Attention, node: Node, names: dict[str, str]) -> None:
        """Read the operands of the dot that makes the scores: the keys have the axes that softmax is over."""
        if len(node.inputs) != 2 or node.keywords:
            raise Unreadable
        operands = self.operands(found, node, names)
        queries, keys = sorted(operands, key=lambda operand: bool(axes_of(operand[1]) & found.keys))
        if not found.keys <= axes_of(keys[1]) or found.keys & axes_of(queries[1]):
            raise Unreadable
        found.operands = [queries, keys]

    def operands(self, found: Attention, node: Node, names: dict[str, str]) -> list[Operand]:
        """The operands of a dot in the names of the attention, where its other axes get new names if they need to."""
        layouts = input_layouts(node)
        for axis in (axis for layout in layouts for dim in layout for axis in dim):
            if axis not in names:
                names[axis] = free_name(axis, self.circuit.axes, found.sizes)
                found.sizes[names[axis]] = self.circuit.axes[axis]
        return [(number, renamed(layout, names)) for number, layout in zip(node.inputs, layouts, strict=True)]

    # -- from the softmax on to the dot with the values -------------------------------------------------------------

    def read_weights(self, found: Attention, weights: Operand) -> None:
        """Read what is done to the weights, and the values they are for."""
        while True:
            number, layout = weights
            if not self.is_passing(number) or number not in self.users:
                raise Unreadable
            place = self.users[number]
            node = self.circuit.nodes[place]
            found.removed.append(place)
            names = matched(input_layouts(node)[node.inputs.index(number)], layout)
            if node.kind == "dot":
                return self.read_values(found, node, number, names)
            if node.kind == "dropout" and found.dropout is None:
                found.dropout = node.options["drop_rate"]
            elif not changes_nothing(node):
                raise Unreadable
            weights = node.outputs[0], renamed(output_layout(node), names)

    def read_values(self, found: Attention, node: Node, weights: int, names: dict[str, str]) -> None:
        """Read the operands of the dot with the values, which sums over the keys and nothing else."""
        if len(node.inputs) != 2 or node.keywords:
            raise Unreadable
        operands = self.operands(found, node, names)
        values = operands[1 - node.inputs.index(weights)]
        found.operands.append(values)
        found.result = node.outputs[0], renamed(output_layout(node), names)
        read = axes_of(operands[0][1]) | axes_of(operands[1][1])
        if read - axes_of(found.result[1]) != found.keys or not found.keys <= axes_of(values[1]):
            raise Unreadable

    def is_causal(self, found: Attention) -> bool:
        """Whether the mask lets a query see the keys up to its own place, aligned at the end."""
        own = axes_of(found.operands[0][1]) - axes_of(found.operands[1][1])
        if found.mask is None or len(own) != 1 or len(found.keys) != 1:
            return False
        (query,), (key,) = own, found.keys
        number, layout = found.mask
        try:
            stair = staircase(self.circuit, self.makers, number, layout, found.hides)
        except Unreadable:
            return False
        return stair == (query, key, found.sizes[key] - found.sizes[query])


def changes_nothing(node: Node) -> bool:
    """Whether a step only moves elements, or holds them as other floating numbers."""
    if node.kind == "cast":
        return node.options["dtype"] in FLOATS
    return (
        node.kind == "rearrange"
        and len(node.inputs) == 1
        and axes_of(input_layouts(node)[0]) == axes_of(output_layout(node))
    )


def free_name(axis: str, known: Sizes, taken: Sizes) -> str:
    """The name of an axis, with a number if another one has it."""
    name, number = axis, 1
    while name in taken or known.get(name, known[axis]) != known[axis]:
        number += 1
        name = f"{axis}{number}"
    return name


def check(found: Attention) -> None:
    """Refuse what the one operation cannot do.

    Raises:
        WireworkError: if it cannot.
    """
    operation = OPERATIONS["attention"]
    masks = [] if found.mask is None or found.causal else [found.mask]
    options = {
        name: ("named", flat_text(layout), ("array", len(axes_of(layout))))
        for name, extras in (("mask", masks), ("bias", found.biases))
        for _, layout in extras
    }
    ranks = tuple(len(layout) for _, layout in found.operands)
    given = dict.fromkeys(axis for _, layout in found.operands for axis in axes_of(layout))
    call = Call(
        found.expression, ("array",) * 3, ranks, dict.fromkeys(given, "int"), {"causal": found.causal, **options}
    )
    operation.plan(call, operation.bound(call))


# -- the circuit with it -------------------------------------------------------------------------------------------


def with_attention(circuit: Circuit, found: Attention) -> Circuit:
    """A circuit with one operation in the place of those that an attention is made of."""
    values, nodes = list(circuit.values), []
    last = max(found.removed)
    block = common_path([circuit.nodes[place].block for place in found.removed])
    extras: dict[str, int] = {}
    options: dict[str, Any] = dict(found.scales)
    options |= {"causal": True} if found.causal else {}
    options |= {"dropout": found.dropout} if found.dropout else {}
    if found.mask and not found.causal:
        extras["mask"], layout = found.mask
        options["mask_axes"] = written(layout)
        if found.hides:
            seen = Value(len(values), values[extras["mask"]].dims, "bool")
            same = f"{options['mask_axes']} -> {options['mask_axes']}"
            nodes.append(Node("logical_not", same, (extras["mask"],), (seen.number,), block=block))
            values.append(seen)
            extras["mask"] = seen.number
    if found.biases:
        extras["bias"], layout = found.biases[0]
        for number, more in found.biases[1:]:
            both = tuple((axis,) for axis in found.sizes if axis in axes_of(layout) | axes_of(more))
            total = Value(len(values), both, values[number].dtype)
            expression = f"{written(layout)}, {written(more)} -> {written(both)}"
            nodes.append(Node("add", expression, (extras["bias"], number), (total.number,), block=block))
            values.append(total)
            extras["bias"], layout = total.number, both
        options["bias_axes"] = written(layout)
    inputs = (*(number for number, _ in found.operands), *extras.values())
    nodes.append(Node("attention", found.expression, inputs, (found.result[0],), tuple(extras), options, block))
    kept = [node for place, node in enumerate(circuit.nodes[:last]) if place not in found.removed]
    sizes = {**circuit.axes, **{axis: size for axis, size in found.sizes.items() if axis not in circuit.axes}}
    return trimmed(
        replace(circuit, axes=sizes, values=tuple(values), nodes=(*kept, *nodes, *circuit.nodes[last + 1 :])), circuit
    )


def common_path(paths: Sequence[tuple[str, ...]]) -> tuple[str, ...]:
    """The block that all of some blocks are in."""
    shared: list[str] = []
    for names in zip(*paths, strict=False):
        if len(set(names)) > 1:
            break
        shared.append(names[0])
    return tuple(shared)
