"""Where values lie in memory: which of them are views of others, and how many bytes they take."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

from wirework.circuit.graph import Circuit, Node, Value
from wirework.cost.counting import bound_of, elements
from wirework.notation.bound import Cat, Dimension, all_leaves, item_leaves
from wirework.polynomial import Polynomial, product

GAP = ""  # between axes that do not follow each other without a step in memory
FLOATING = ("float16", "bfloat16", "float32", "float64")


@dataclass(frozen=True, slots=True)
class Place:
    """Where a value lies.

    Attributes:
        storage: the value whose memory it is: itself, unless it is a view.
        part: the value that says which part of the memory it is: itself, unless it shows all of another's part.
        order: the axes as they lie in memory, outermost first, with gaps.
    """

    storage: int
    part: int
    order: tuple[str, ...]


@dataclass(frozen=True)
class Storage:
    """The memory of a circuit's values.

    Attributes:
        places: where each lies.
        dtype: that of floating values, instead of what they were traced with.
        lengths: of axes; of others the name stands in the sizes below.
    """

    circuit: Circuit
    places: Mapping[int, Place]
    dtype: str | None = None
    lengths: Mapping[str, Polynomial] = field(default_factory=lambda: MappingProxyType({}))

    def of(self, number: int) -> int:
        """The value whose memory a value is in."""
        return self.places[number].storage

    def is_view(self, number: int) -> bool:
        """Whether a value shows memory of another."""
        return self.of(number) != number

    def width(self, value: Value) -> int:
        """Bytes of one element."""
        replaced = self.dtype is not None and value.dtype in FLOATING
        return width(self.dtype if replaced and self.dtype else value.dtype)

    def size(self, number: int) -> Polynomial:
        """Bytes of all elements of a value."""
        return self.known(elements(self.circuit, number) * self.width(self.circuit.values[number]))

    def visible(self, number: int) -> Polynomial:
        """Bytes of memory that a value shows: less than those of its elements if it repeats some."""
        value = self.circuit.values[number]
        order = set(self.places[number].order)
        axes = (axis for dim in value.dims for axis in dim if axis in order)
        sizes = (Polynomial.symbol(axis) for axis in axes if self.circuit.axes[axis] != 1)
        return self.known(product(sizes) * self.width(value))

    def known(self, formula: Polynomial) -> Polynomial:
        """A formula over names of axes with their lengths, where these are known."""
        return formula.substitute(**{name: self.lengths[name] for name in formula.names if name in self.lengths})


def width(dtype: str) -> int:
    """Bytes of one element: of "float32" 4, of "bool" 1."""
    bits = re.search(r"\d+", dtype)
    return max(1, int(bits.group()) // 8) if bits else 1


def storage(circuit: Circuit, dtype: str | None = None) -> Storage:
    """Find out where each value lies."""
    places = {value.number: own_place(circuit, value) for value in circuit.values}
    for node in circuit.nodes:
        for number, order in views(circuit, node, places).items():
            source = places[node.inputs[0]]
            whole = node.kind == "rearrange" and len(node.outputs) == 1
            places[number] = Place(source.storage, source.part if whole else number, order)
    return Storage(circuit, places, dtype)


def own_place(circuit: Circuit, value: Value) -> Place:
    """A value in memory of its own, without gaps."""
    axes = tuple(axis for axes in value.dims for axis in long(circuit, axes))
    return Place(value.number, value.number, axes)


def long(circuit: Circuit, axes: Iterable[str]) -> tuple[str, ...]:
    """The axes that are not of length 1, which take no part in where elements lie."""
    return tuple(axis for axis in axes if circuit.axes.get(axis) != 1)


def views(circuit: Circuit, node: Node, places: Mapping[int, Place]) -> dict[int, tuple[str, ...]]:
    """The outputs of an operation that are views of its first input, with the order of their axes."""
    if node.kind == "slice":
        order = places[node.inputs[0]].order
        return {node.outputs[0]: sliced(circuit, order, node.inputs[0], node.outputs[0])}
    if node.kind in ("rearrange", "window") and len(node.inputs) == 1:
        return rearranged(circuit, node, places[node.inputs[0]].order)
    return {}


def sliced(circuit: Circuit, order: Sequence[str], source: int, result: int) -> tuple[str, ...]:
    """The order of a slice: what is left of an axis is followed in memory by what was left out."""
    before, after = (
        [axis for axes in circuit.values[number].dims for axis in long(circuit, axes)] for number in (source, result)
    )
    new = iter([axis for axis in after if axis not in before])
    found: list[str] = []
    for axis in order:
        found += [axis] if axis in after or axis == GAP else [GAP, next(new, GAP)]
    return tuple(found)


def rearranged(circuit: Circuit, node: Node, order: tuple[str, ...]) -> dict[int, tuple[str, ...]]:
    """The outputs that need no copy: each of their dimensions is one stretch of memory, or repeats what is there."""
    bound = bound_of(circuit, node)
    before, dims = circuit.values[node.inputs[0]].dims, bound.inputs[0].dims
    found: dict[int, tuple[str, ...]] = {}
    for number, output in zip(node.outputs, bound.outputs, strict=True):
        own = {leaf.name for leaf in all_leaves(output)}
        pairs = [(long(circuit, axes), read_as(circuit, dim, own)) for axes, dim in zip(before, dims, strict=True)]
        renamed = with_names(order, pairs)
        joined = any(isinstance(item, Cat) for dim in output.dims for item in dim.items)
        if renamed is None or joined:
            continue
        if all(is_stretch(read_as(circuit, dim, own), renamed) for dim in output.dims):
            found[number] = renamed
    return found


def read_as(circuit: Circuit, dim: Dimension, own: set[str]) -> tuple[str, ...]:
    """The axes of a dimension of a bound expression. A concatenation is read as the part that is an output's own."""
    found: list[str] = []
    for item in dim.items:
        if isinstance(item, Cat):
            found += [GAP, *(leaf.name for leaf in item_leaves([item]) if leaf.name in own)]
        else:
            found.append(item.name)
    return long(circuit, found)


def with_names(
    order: tuple[str, ...], pairs: Iterable[tuple[tuple[str, ...], tuple[str, ...]]]
) -> tuple[str, ...] | None:
    """An order with the axes of each dimension called as an expression calls them; `None` if they do not lie so."""
    for old, new in pairs:
        if old == new:
            continue
        if len(old) == 0 or not is_stretch(old, order) or old[0] not in order:
            return None
        start = order.index(old[0])
        order = (*order[:start], *new, *order[start + len(old) :])
    return order


def is_stretch(axes: tuple[str, ...], order: tuple[str, ...]) -> bool:
    """Whether axes follow each other in memory. A single one does, also where it repeats what is there."""
    return len(axes) < 2 or any(order[start : start + len(axes)] == axes for start in range(len(order)))
