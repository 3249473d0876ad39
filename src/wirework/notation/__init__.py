"""Text -> tree -> bound expression. Knows no tensors and no operations."""

from wirework.notation.bind import Kind, Rules, bind
from wirework.notation.bound import Array, Bound, Cat, Leaf
from wirework.notation.merge import coarsen
from wirework.notation.parse import parse
from wirework.notation.shorthand import distribute
from wirework.notation.tree import (
    Axis,
    Bracket,
    Concat,
    Ellipsis,
    Expression,
    Group,
    Number,
    Operand,
    Shorthand,
    axis_names,
    bracketed,
    contains,
    end_of,
    rebuild,
    spans_of,
    walk,
    without_brackets,
)

__all__ = [
    "Array",
    "Axis",
    "Bound",
    "Bracket",
    "Cat",
    "Concat",
    "Ellipsis",
    "Expression",
    "Group",
    "Kind",
    "Leaf",
    "Number",
    "Operand",
    "Rules",
    "Shorthand",
    "axis_names",
    "bind",
    "bracketed",
    "coarsen",
    "contains",
    "distribute",
    "end_of",
    "parse",
    "rebuild",
    "spans_of",
    "walk",
    "without_brackets",
]
