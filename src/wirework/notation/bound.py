"""The bound expression: every axis named, every size a formula."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from wirework.errors import Span
from wirework.notation.sizes import Size, Statement
from wirework.notation.tree import Expression


@dataclass(frozen=True, slots=True)
class Leaf:
    """One axis: a loop variable, or, in brackets, an axis that the operation sees.

    `name` is its identity within the expression, `size` the name of its length: two axes can have the
    same length without being the same (`[a a]`).
    """

    name: str
    size: str
    bracket: bool
    span: Span


@dataclass(frozen=True, slots=True)
class Cat:
    """A concatenation: each part is the axes flattened in it."""

    parts: tuple[tuple[Leaf | Cat, ...], ...]
    size: str
    sizes: tuple[str, ...]  # one for each part
    span: Span


Item = Leaf | Cat


@dataclass(frozen=True, slots=True)
class Dimension:
    """One dimension of an array: the axes flattened in it, row-major, those of length 1 left out."""

    items: tuple[Item, ...]
    text: str
    span: Span

    @property
    def leaves(self) -> tuple[Leaf, ...]:
        """The axes of a dimension without concatenations."""
        return tuple(item for item in self.items if isinstance(item, Leaf))


@dataclass(frozen=True, slots=True)
class Array:
    """One operand: its dimensions."""

    dims: tuple[Dimension, ...]
    text: str
    span: Span

    @property
    def leaves(self) -> tuple[Leaf, ...]:
        """All its axes, in order."""
        return tuple(leaf for dim in self.dims for leaf in dim.leaves)

    @property
    def names(self) -> tuple[str, ...]:
        """The names of all its axes, in order."""
        return tuple(leaf.name for leaf in self.leaves)

    def select(self, bracket: bool) -> tuple[str, ...]:
        """The names of its axes inside, or outside, brackets."""
        return tuple(leaf.name for leaf in self.leaves if leaf.bracket == bracket)

    @property
    def layout(self) -> tuple[tuple[str, ...], ...]:
        """The names of the axes flattened in each dimension."""
        return tuple(tuple(leaf.name for leaf in dim.leaves) for dim in self.dims)


@dataclass(frozen=True, slots=True)
class Bound:
    """An expression with every axis named and every size a formula."""

    expression: Expression
    inputs: tuple[Array, ...]
    outputs: tuple[Array, ...]
    sizes: Mapping[str, Size]  # by name of a size
    statements: tuple[Statement, ...]
    size_of: Mapping[str, str]  # from the name of an axis to the name of its size

    def size(self, axis: str) -> Size:
        """The formula of the length of an axis."""
        return self.sizes[self.size_of.get(axis, axis)]


def all_leaves(array: Array) -> Iterator[Leaf]:
    """Every axis of an operand, also those in concatenations."""
    for dim in array.dims:
        yield from item_leaves(dim.items)


def item_leaves(items: Iterable[Item]) -> Iterator[Leaf]:
    """Every axis in some items, also those in concatenations."""
    for item in items:
        if isinstance(item, Leaf):
            yield item
        else:
            for part in item.parts:
                yield from item_leaves(part)
