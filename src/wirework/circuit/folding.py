"""The blocks of a circuit as a tree, in which blocks that follow each other and are the same are one, with a count."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby
from typing import Any

from wirework.circuit.graph import Circuit, Node
from wirework.circuit.records import plain
from wirework.circuit.renaming import appearance, in_dims, in_expression, in_options

Path = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Block:
    """A block and what is in it, in the order in which it is run.

    Attributes:
        path: as in `Node.block`.
        title: the name of its class, or its title; empty if it has none.
        parts: operations, blocks, and repetitions of these.
    """

    path: Path
    title: str
    parts: tuple[Part, ...]


@dataclass(frozen=True, slots=True)
class Repeat:
    """Parts that are repeated: the same operations on other values, with other parameters.

    Each copy reads what the one before has computed, or what this one has read, in the same way.

    Attributes:
        parts: the first copy.
        count: how many copies there are.
        paths: for each copy the paths of its blocks.
    """

    parts: tuple[Part, ...]
    count: int
    paths: tuple[tuple[Path, ...], ...]


Part = Node | Block | Repeat


def tree(circuit: Circuit, folded: bool = True) -> Block:
    """What `Circuit.tree` does."""
    return block(circuit, circuit.nodes, (), folded)


def nodes_of(part: Part) -> tuple[Node, ...]:
    """The operations in a part, those of a repetition once."""
    return (part,) if isinstance(part, Node) else tuple(node for each in part.parts for node in nodes_of(each))


def block(circuit: Circuit, nodes: Sequence[Node], path: Path, folded: bool) -> Block:
    """The block at a path, which has these operations."""
    title = circuit.blocks.get(path, "") if path else circuit.name
    return Block(path, title, parts(sections(circuit, nodes, path), folded))


def parts(found: Sequence[Section], folded: bool) -> tuple[Part, ...]:
    """Sections as parts of a tree, those that repeat as one."""
    made: list[Part] = []
    place = 0
    while place < len(found):
        length, count = repetition(found[place:]) if folded else (1, 1)
        copies = [found[start : start + length] for start in range(place, place + length * count, length)]
        if count == 1:
            made.append(copies[0][0].part(folded))
        else:
            paths = tuple(tuple(each.path for each in copy if each.is_block) for copy in copies)
            made.append(Repeat(parts(copies[0], folded), count, paths))
        place += length * count
    return tuple(made)


# -- finding what repeats ------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Section:
    """A part before it is folded: the operations of a block, or a single one beside blocks.

    Attributes:
        path: of the block, or of the one around the operation.
    """

    circuit: Circuit
    nodes: tuple[Node, ...]
    path: Path
    is_block: bool

    @cached_property
    def likeness(self) -> Any:
        """What is the same for two sections that are copies of each other."""
        return likeness(self.circuit, [self])

    def part(self, folded: bool) -> Part:
        """As a part of a tree."""
        return block(self.circuit, self.nodes, self.path, folded) if self.is_block else self.nodes[0]


def sections(circuit: Circuit, nodes: Sequence[Node], path: Path) -> list[Section]:
    """The blocks directly in a block, and the operations beside them."""

    def inner(node: Node) -> Path:
        return node.block[: len(path) + 1]

    found: list[Section] = []
    for way, run in groupby(nodes, inner):
        if way == path:
            found += [Section(circuit, (node,), path, False) for node in run]
        else:
            found.append(Section(circuit, tuple(run), way, True))
    return found


def repetition(found: Sequence[Section]) -> tuple[int, int]:
    """How many sections are repeated first, and how often: what covers most of them, and of that the shortest."""
    best = (1, 1)
    for length in range(1, len(found) // 2 + 1):
        if 2 * length <= best[0] * best[1]:
            continue  # two copies of this length are copies of the best one, several times
        count = copies(found, length)
        if count > 1 and length * count > best[0] * best[1]:
            best = (length, count)
    return best


def copies(found: Sequence[Section], length: int) -> int:
    """How often the first few sections follow each other. Operations alone are no repetition."""
    first = before = found[:length]
    if not any(each.is_block for each in first):
        return 1
    count, way = 1, None
    while True:
        following = found[count * length : (count + 1) * length]
        if [each.likeness for each in following] != [each.likeness for each in first]:
            return count
        if length > 1 and likeness(first[0].circuit, following) != likeness(first[0].circuit, first):
            return count
        connected = connection(before, following)
        if connected is None or way not in (None, connected):
            return count
        count, way, before = count + 1, connected, following


def connection(before: Sequence[Section], after: Sequence[Section]) -> tuple[Any, ...] | None:
    """Where a copy takes what it does not compute: each from a place in the copy before it, or as that one does.

    `None` if it is from anywhere else, unless it is an input of the whole.
    """
    circuit = before[0].circuit
    made = [number for each in before for node in each.nodes for number in node.outputs]
    found: list[Any] = []
    for theirs, ours in zip(taken(before), taken(after), strict=True):
        if theirs != ours and ours not in made and circuit.values[ours].role != "input":
            return None
        found.append("same" if theirs == ours else made.index(ours) if ours in made else "input")
    return tuple(found)


def taken(found: Sequence[Section]) -> list[int]:
    """The values that sections use and do not compute, but for parameters and buffers."""
    nodes = [node for each in found for node in each.nodes]
    made = {number for node in nodes for number in node.outputs}
    used = dict.fromkeys(number for node in nodes for number in node.inputs)
    values = found[0].circuit.values
    return [number for number in used if number not in made and values[number].role in ("computed", "input")]


def likeness(circuit: Circuit, found: Sequence[Section]) -> Any:
    """Some sections with values, axes and indices called by the order in which they appear."""
    nodes = [node for each in found for node in each.nodes]
    names = appearance(circuit, nodes, ())
    order: dict[int, int] = {}
    entries: list[Any] = [tuple(str(circuit.axes.get(axis, axis)) for axis in names)]

    def numbered(number: int) -> int:
        if number not in order:
            order[number] = len(order)
            value = circuit.values[number]
            weight = value.role in ("parameter", "buffer")
            role = (value.role, unnumbered(value.name)) if weight else ("computed", "")
            entries.append((in_dims(value.dims, names.__getitem__), value.dtype, *role))
        return order[number]

    for each in found:
        for node in each.nodes:
            inside = node.block[len(each.path) - each.is_block :]
            titles = [circuit.blocks.get(node.block[:end]) for end in range(len(each.path), len(node.block) + 1)]
            options = in_options(node.options, lambda name: names.get(name, name))
            entries.append((
                node.kind, in_expression(node.expression, names.__getitem__), repr(plain(options)), node.keywords,
                tuple(map(numbered, node.inputs)), tuple(map(numbered, node.outputs)),
                tuple(map(unnumbered, inside)), tuple(titles if each.is_block else ()),
            ))  # fmt: skip
    return entries


def unnumbered(name: str) -> str:
    """A name without its index."""
    return re.sub(r"\d+", "#", name)
