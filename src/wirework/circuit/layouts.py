"""The expressions of operations as plain layouts: for each dimension of an array the axes flattened in it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from wirework.circuit.graph import Dims, Node
from wirework.notation import Axis, Bracket, Group, Number, Operand, axis_names, bracketed, parse
from wirework.notation.tree import Term


class Unreadable(Exception):
    """An operand is not made of axes alone, or two are not read alike."""


def layout_of(operand: Operand) -> Dims:
    """The layout of an operand, brackets opened.

    Raises:
        Unreadable: if there is an ellipsis or a concatenation in it.
    """
    dims: list[tuple[str, ...]] = []
    for term in operand.terms:
        if isinstance(term, Bracket):
            dims += layout_of(Operand(term.terms))
        else:
            dims.append(flattened(term))
    return tuple(dims)


def flattened(term: Term) -> tuple[str, ...]:
    """The axes in one dimension."""
    match term:
        case Axis(name):
            return (name,)
        case Number(1):
            return ()
        case Group(terms) | Bracket(terms):
            return tuple(axis for inner in terms for axis in flattened(inner))
        case _:
            raise Unreadable


def input_layouts(node: Node) -> list[Dims]:
    """The layouts of the operands of an operation."""
    return [layout_of(operand) for operand in parse(node.expression).inputs]


def output_layout(node: Node) -> Dims:
    """The layout of the one result of an operation; without "->" that of its first operand."""
    tree = parse(node.expression)
    return layout_of(tree.output if tree.outputs else tree.inputs[0])


def brackets_in(node: Node, place: int) -> frozenset[str]:
    """The axes in the brackets of an operand."""
    return frozenset(axis_names((Operand(bracketed(parse(node.expression).inputs[place])),)))


def axes_of(layout: Dims) -> set[str]:
    """All axes in a layout."""
    return {axis for dim in layout for axis in dim}


def renamed(layout: Dims, names: Mapping[str, str]) -> Dims:
    """A layout with other names of axes."""
    return tuple(tuple(names.get(axis, axis) for axis in dim) for dim in layout)


def matched(one: Dims, other: Dims) -> dict[str, str]:
    """From the names in one layout of an array to those in another.

    Raises:
        Unreadable: if they do not go together.
    """
    if [len(dim) for dim in one] != [len(dim) for dim in other]:
        raise Unreadable
    pairs = {(a, b) for left, right in zip(one, other, strict=True) for a, b in zip(left, right, strict=True)}
    names = dict(pairs)
    if len(names) != len(pairs) or len(set(names.values())) != len(pairs):
        raise Unreadable
    return names


def written(layout: Dims, brackets: Iterable[str] = ()) -> str:
    """A layout as an operand, with some axes in brackets."""
    inside = set(brackets)
    dims = [[f"[{axis}]" if axis in inside else axis for axis in dim] for dim in layout]
    return " ".join(dim[0] if len(dim) == 1 else f"({' '.join(dim)})" if dim else "1" for dim in dims)


def flat_text(layout: Dims) -> str:
    """The axes of a layout as an operand in which each is a dimension of its own."""
    return " ".join(axis for dim in layout for axis in dim)
