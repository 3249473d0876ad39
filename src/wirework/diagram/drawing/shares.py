"""What part of the whole the items of a picture cost, from what its operations cost."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from wirework.diagram.picture import Item, Kind, Panel

# An operation that is drawn in steps costs what the first of these cost that are among them.
COSTLY: tuple[frozenset[Kind], ...] = (
    frozenset({"dot", "linear", "conv"}),
    frozenset({"block", "function", "norm", "softmax", "window", "reduce", "lane", "sum", "index"}),
)


@dataclass(frozen=True, slots=True)
class Shares:
    """The shares of operations, from 0 to 1, and in how many items each of them is drawn.

    Attributes:
        operations: by their places in `Circuit.nodes`; empty if nothing is coloured.
        holders: for each operation how many items of each rank in `COSTLY` are drawn of it.
    """

    operations: Mapping[int, float]
    holders: Mapping[int, list[int]] = field(default_factory=dict)

    def of(self, item: Item, times: int) -> float | None:
        """The share of an item in blocks that are repeated so often; `None` if nothing is coloured."""
        if not self.operations:
            return None
        return times * sum(self.operations.get(node, 0.0) * self.part(item, node) for node in item.nodes)

    def part(self, item: Item, node: int) -> float:
        """How much of an operation an item stands for."""
        counts = self.holders[node]
        first = next(rank for rank, count in enumerate(counts) if count)
        return 1 / counts[first] if rank_of(item) == first else 0.0


def shares_in(panel: Panel, operations: Mapping[int, float]) -> Shares:
    """The shares of the items of a panel and of all blocks that are open in it."""
    holders: dict[int, list[int]] = {}
    for item in drawn(panel) if operations else ():
        for node in item.nodes:
            holders.setdefault(node, [0] * (len(COSTLY) + 1))[rank_of(item)] += 1
    return Shares(operations, holders)


def drawn(panel: Panel) -> Iterator[Item]:
    """The items that are no open blocks."""
    for item in panel.items:
        if item.panel is None:
            yield item
        else:
            yield from drawn(item.panel)


def rank_of(item: Item) -> int:
    """The place of its kind in `COSTLY`, or after all."""
    return next((rank for rank, kinds in enumerate(COSTLY) if item.kind in kinds), len(COSTLY))
