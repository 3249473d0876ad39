"""Which arrays depend on no input: they are not wires, but part of the operations that use them, or sources."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from wirework.circuit.graph import Circuit, Node
from wirework.circuit.powers import Power, number_in


@dataclass(frozen=True)
class Constants:
    """The arrays of a circuit that depend on none of its inputs."""

    circuit: Circuit

    @cached_property
    def values(self) -> frozenset[int]:
        """Their numbers. Where there are no inputs, only what the model holds, and single numbers."""
        found = {value.number for value in self.circuit.values if value.role in ("parameter", "buffer")}
        found -= set(self.circuit.inputs)
        for node in self.circuit.nodes:
            alone = node.kind == "constant" if not self.circuit.inputs else node.kind != "dropout"
            if alone and found.issuperset(node.inputs):
                found.update(node.outputs)
        return frozenset(found)

    @cached_property
    def makers(self) -> dict[int, int]:
        """The place of the operation that gives a value."""
        return {number: place for place, node in enumerate(self.circuit.nodes) for number in node.outputs}

    def nodes(self, values: Iterable[int]) -> list[int]:
        """The places of all operations that some constants are made by."""
        found: list[int] = []
        queue = [self.makers[value] for value in values if value in self.values and value in self.makers]
        while queue:
            place = queue.pop()
            if place not in found:
                found.append(place)
                queue += [self.makers[value] for value in self.circuit.nodes[place].inputs if value in self.makers]
        return sorted(found)

    def held(self, value: int) -> list[int]:
        """The parameters and buffers that a constant is made of."""
        numbers = [value, *(number for place in self.nodes([value]) for number in self.circuit.nodes[place].inputs)]
        held = [number for number in numbers if self.circuit.values[number].role in ("parameter", "buffer")]
        return list(dict.fromkeys(held))

    def learned(self, value: int) -> bool:
        """Whether a constant is made of a parameter."""
        return any(self.circuit.values[number].role == "parameter" for number in self.held(value))

    def name(self, value: int) -> str:
        """The name of the parameter, or else the buffer, that a constant is made of; or what makes it."""
        held = sorted(self.held(value), key=lambda number: self.circuit.values[number].role != "parameter")
        if held:
            return self.circuit.values[held[0]].name
        return self.circuit.nodes[self.makers[value]].kind if value in self.makers else ""

    def number(self, value: int) -> Any:
        """The number that a constant is, if it is a single one: a number, or a formula in text; else `None`."""
        node = self.maker(value)
        while node is not None and node.kind in ("cast", "rearrange") and len(node.inputs) == 1:
            node = self.maker(node.inputs[0])
        if node is not None and node.kind in ("constant", "full"):
            return node.options["value"]
        found = number_in(self.circuit, self.makers, value)
        return str(found) if isinstance(found, Power) else found

    def maker(self, value: int) -> Node | None:
        """The operation that gives a value."""
        return self.circuit.nodes[self.makers[value]] if value in self.makers else None
