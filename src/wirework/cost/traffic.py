"""Bytes that operations move to and from memory: each by itself, or fused with those that only pass elements on."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from wirework.circuit.functions import FUNCTIONS
from wirework.circuit.graph import Circuit, Node
from wirework.cost.figures import sum_of
from wirework.cost.storage import Storage
from wirework.operations import OPERATIONS
from wirework.polynomial import Polynomial

LOOK_UPS = ("get_at",)


@dataclass(frozen=True, slots=True)
class Group:
    """Operations that are done in one go: what passes between them alone is not moved.

    Attributes:
        nodes: their places in `Circuit.nodes`.
        moved: bytes it reads, each array once, and writes.
    """

    nodes: tuple[int, ...]
    moved: Polynomial


def unfused(circuit: Circuit, storage: Storage) -> list[Polynomial]:
    """The bytes that each operation moves by itself. Views move none."""
    return [sum_of((*reads(circuit, storage, [node]).values(), *writes(storage, [node]))) for node in circuit.nodes]


def fused(circuit: Circuit, storage: Storage) -> list[Group]:
    """The groups, in an order in which they can be done."""
    outside = users(circuit, storage)
    found = []
    for places in grouped(circuit, storage):
        nodes = [circuit.nodes[place] for place in places]
        own = {number for node in nodes for number in node.outputs if not storage.is_view(number)}
        read = (size for part, size in reads(circuit, storage, nodes).items() if storage.of(part) not in own)
        written = (storage.size(number) for number in own if outside.get(number, set()) - set(places))
        found.append(Group(tuple(places), sum_of((*read, *written))))
    return found


def reads(circuit: Circuit, storage: Storage, nodes: Iterable[Node]) -> dict[int, Polynomial]:
    """The bytes read of each array, or part of one. Of a table as much is read as is looked up."""
    found: dict[int, Polynomial] = {}
    for node in nodes:
        if is_view(storage, node):
            continue
        for place, number in enumerate(node.inputs):
            table = node.kind in LOOK_UPS and place == 0
            size = storage.size(node.outputs[0]) if table else storage.visible(number)
            found.setdefault(storage.places[number].part, size)
    return found


def writes(storage: Storage, nodes: Iterable[Node]) -> list[Polynomial]:
    """The bytes written."""
    return [storage.size(number) for node in nodes for number in node.outputs if not storage.is_view(number)]


def is_view(storage: Storage, node: Node) -> bool:
    """Whether an operation only shows memory that is there."""
    return all(map(storage.is_view, node.outputs))


def users(circuit: Circuit, storage: Storage) -> dict[int, set[int]]:
    """For each memory the places of the operations that read it; the end of the circuit for its outputs."""
    found: dict[int, set[int]] = {}
    for place, node in enumerate(circuit.nodes):
        if not is_view(storage, node):
            for number in node.inputs:
                found.setdefault(storage.of(number), set()).add(place)
    for number in circuit.outputs:
        found.setdefault(storage.of(number), set()).add(len(circuit.nodes))
    return found


def grouped(circuit: Circuit, storage: Storage) -> list[list[int]]:
    """Places of operations, in groups: each that only passes elements on joins the last group it reads from.

    Every group reads from groups before it alone, so they can be done in their order.
    """
    groups: list[list[int]] = []
    group_of: dict[int, int] = {}
    for place, node in enumerate(circuit.nodes):
        if is_view(storage, node):
            continue
        sources = [group_of[storage.of(number)] for number in node.inputs if storage.of(number) in group_of]
        if sources and passes_on(node):
            group = max(sources)
        else:
            group = len(groups)
            groups.append([])
        groups[group].append(place)
        group_of.update(dict.fromkeys(node.outputs, group))
    return groups


def passes_on(node: Node) -> bool:
    """Whether each element of the result comes of one element of each input, so that it can be made at once."""
    if node.kind in FUNCTIONS or node.kind in ("dropout", "slice"):
        return True
    return node.kind in OPERATIONS and OPERATIONS[node.kind].family in ("elementwise", "rearrange")
