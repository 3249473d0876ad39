"""The cost of a circuit block by block, with repeated blocks told once."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from wirework.circuit.graph import Node
from wirework.cost.figures import NONE, Figures, total

Path = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class OperationCost:
    """What one operation of a circuit costs.

    Attributes:
        node: the operation.
        formulas: its figures over the names of axes.
        figures: the same with the axes' sizes, as far as they are known.
    """

    node: Node
    formulas: Figures
    figures: Figures


@dataclass(frozen=True, slots=True)
class Block:
    """A block, or several in a row that cost the same.

    Attributes:
        path: from the outermost block to it; of several, to the first.
        name: its own; of several "0-11".
        title: its class, or the title it was given.
        count: how many it stands for.
        figures: what all of them cost, with all that is in them.
        operations: those that are in no smaller block; of several blocks, those of the first.
        blocks: the smaller blocks in it; of several, those in the first.
    """

    path: Path
    name: str
    title: str
    figures: Figures
    operations: tuple[OperationCost, ...] = ()
    blocks: tuple[Block, ...] = ()
    count: int = 1

    def to_json(self) -> dict[str, object]:
        """As plain data."""
        return {
            "path": ".".join(self.path),
            "name": self.name,
            "title": self.title,
            "count": self.count,
            **self.figures.to_json(),
            "operations": [
                {"kind": each.node.kind, "expression": each.node.expression, **each.figures.to_json()}
                for each in self.operations
            ],
            "blocks": [block.to_json() for block in self.blocks],
        }


@dataclass(slots=True)
class Tree:
    """What stands in a block, while it is collected."""

    operations: list[OperationCost] = field(default_factory=list)
    blocks: dict[str, Tree] = field(default_factory=dict)


def nested(name: str, operations: Iterable[OperationCost], titles: Mapping[Path, str]) -> Block:
    """All operations in their blocks, the outermost of which is the whole circuit."""
    tree = Tree()
    for operation in operations:
        inner = tree
        for part in operation.node.block:
            inner = inner.blocks.setdefault(part, Tree())
        inner.operations.append(operation)
    return block_of(tree, (), name, titles)


def block_of(tree: Tree, path: Path, name: str, titles: Mapping[Path, str]) -> Block:
    """A block of what was collected in it."""
    blocks = [block_of(inner, (*path, part), part, titles) for part, inner in tree.blocks.items()]
    figures = total(part.figures for part in (*tree.operations, *blocks))
    return Block(path, name, titles.get(path, ""), figures, tuple(tree.operations), tuple(folded(blocks)))


def folded(blocks: Sequence[Block]) -> Iterator[Block]:
    """Blocks, those that follow each other and cost the same as one."""
    start = 0
    while start < len(blocks):
        end = start + 1
        while end < len(blocks) and alike(blocks[start], blocks[end]):
            end += 1
        count = end - start
        name = blocks[start].name if count == 1 else f"{blocks[start].name}-{blocks[end - 1].name}"
        yield replace(blocks[start], name=name, count=count, figures=total(each.figures for each in blocks[start:end]))
        start = end


def alike(one: Block, other: Block) -> bool:
    """Whether two blocks are of one class, and cost the same in all their parts."""
    return (
        (one.title, one.count, shown(one)) == (other.title, other.count, shown(other))
        and [(each.node.kind, shown(each)) for each in one.operations]
        == [(each.node.kind, shown(each)) for each in other.operations]
        and [block.name for block in one.blocks] == [block.name for block in other.blocks]
        and all(map(alike, one.blocks, other.blocks))
    )


def shown(part: Block | OperationCost) -> Figures:
    """The figures by which parts are compared: a first block often keeps less, as what it is given has no gradient."""
    return replace(part.figures, kept=NONE)
