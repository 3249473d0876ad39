"""A circuit without what nothing needs any more."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from wirework.circuit.graph import Circuit, Node


def trimmed(circuit: Circuit, before: Circuit) -> Circuit:
    """A circuit that was made from another one, without operations and axes that were of use in that one only."""
    idle = {node.outputs for node in unused(before.nodes, before.outputs)}
    nodes = circuit.nodes
    while lost := {node.outputs for node in unused(nodes, circuit.outputs)} - idle:
        nodes = tuple(node for node in nodes if node.outputs not in lost)
    computed = {number for node in nodes for number in node.outputs}
    values = [value for value in circuit.values if value.role != "computed" or value.number in computed]
    numbers = {value.number: place for place, value in enumerate(values)}

    def moved(old: Iterable[int]) -> tuple[int, ...]:
        return tuple(numbers[number] for number in old)

    return replace(
        circuit,
        values=tuple(replace(value, number=place) for place, value in enumerate(values)),
        nodes=tuple(replace(node, inputs=moved(node.inputs), outputs=moved(node.outputs)) for node in nodes),
        inputs=moved(circuit.inputs),
        outputs=moved(circuit.outputs),
    )


def unused(nodes: Iterable[Node], outputs: Iterable[int]) -> list[Node]:
    """Operations whose results nobody reads."""
    nodes = list(nodes)
    read = {number for node in nodes for number in node.inputs} | set(outputs)
    return [node for node in nodes if read.isdisjoint(node.outputs)]
