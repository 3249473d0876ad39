"""What a decoder must remember: the keys and values of the tokens before (the KV cache)."""

from __future__ import annotations

from dataclasses import dataclass

from wirework.circuit.graph import Circuit, Node
from wirework.cost.counting import bound_of, sizes_of
from wirework.cost.figures import NONE, sum_of
from wirework.cost.storage import Storage
from wirework.polynomial import Polynomial, product


@dataclass(frozen=True, slots=True)
class Cache:
    """Bytes of keys and values of all causal attention.

    Attributes:
        total: for all inputs as they are.
        per_token: for one token of one sequence, where the first dimension of what a circuit is given are sequences.
    """

    total: Polynomial = NONE
    per_token: Polynomial = NONE

    def value(self, **sizes: Polynomial | int) -> Cache:
        """With sizes in place of names."""
        return Cache(self.total.substitute(**sizes), self.per_token.substitute(**sizes))


def cache(circuit: Circuit, storage: Storage) -> Cache:
    """What causal attention looks back at. Attention that sees all tokens at once remembers nothing."""
    makers = {number: node for node in circuit.nodes for number in node.outputs}
    sequences = {axis for number in circuit.inputs[:1] for axes in circuit.values[number].dims[:1] for axis in axes}
    found, per_token = [], []
    for node in circuit.nodes:
        if node.kind != "attention" or not node.options.get("causal"):
            continue
        bound = bound_of(circuit, node)
        queries, keys, _ = bound.inputs
        sizes = sizes_of(circuit, node, bound)
        length = set(keys.select(bracket=True)) - set(queries.select(bracket=True))
        looped = (*length, *sequences.intersection(keys.names))
        tokens = product(sizes[bound.size_of[axis]] for axis in looped).substitute(**circuit.axes)
        for number in node.inputs[1:3]:
            size = storage.visible(before_repeats(makers, number)).substitute(**circuit.axes)
            found.append(size)
            per_token.append(size // tokens if tokens != 0 else NONE)
    return Cache(sum_of(found), sum_of(per_token))


def before_repeats(makers: dict[int, Node], number: int) -> int:
    """The value that one was rearranged from, perhaps with repeats for several heads of queries."""
    while (node := makers.get(number)) is not None and node.kind == "rearrange" and single(node):
        number = node.inputs[0]
    return number


def single(node: Node) -> bool:
    """Whether it is from one array to one, which has at least as many elements."""
    return len(node.inputs) == len(node.outputs) == 1
