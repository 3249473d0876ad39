"""How the operands of an expression name the dimensions of arrays, and how names are matched with strands."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from wirework.diagram.reading.strands import Strand, Unreadable
from wirework.notation import Axis, Bracket, Group, Number, Operand, parse
from wirework.notation.tree import Concat, Term
from wirework.polynomial import Polynomial, product

Names = tuple[tuple[str, ...], ...]  # for each dimension the names of the axes flattened in it


@dataclass(frozen=True, slots=True)
class Written:
    """An operand as it is written.

    Attributes:
        dims: the names in each dimension.
        marked: those in brackets.
    """

    dims: Names
    marked: frozenset[str]

    @property
    def names(self) -> tuple[str, ...]:
        """All names in order."""
        return tuple(name for dim in self.dims for name in dim)


@lru_cache(maxsize=4096)
def sides(expression: str) -> tuple[tuple[Operand, ...], tuple[Operand, ...]]:
    """The operands of an expression, in and out."""
    tree = parse(expression)
    outputs = tree.outputs if tree.outputs is not None else tree.inputs[:1]
    return tuple(each for each in tree.inputs), tuple(outputs)


def written(operand: Operand) -> Written:
    """An operand without sums.

    Raises:
        Unreadable: if there is a sum, an ellipsis or a shorthand in it.
    """
    marked: set[str] = set()

    def dimensions(terms: Sequence[Term], inside: bool) -> list[tuple[str, ...]]:
        found: list[tuple[str, ...]] = []
        for term in terms:
            found += dimensions(term.terms, True) if isinstance(term, Bracket) else [names(term, inside)]
        return found

    def names(term: Term, inside: bool) -> tuple[str, ...]:
        match term:
            case Axis(name):
                marked.update([name] if inside else [])
                return (name,)
            case Number(1):
                return ()
            case Group(terms):
                return tuple(name for each in terms for name in names(each, inside))
            case Bracket(terms):
                return tuple(name for each in terms for name in names(each, True))
        raise Unreadable

    return Written(tuple(dimensions(operand.terms, False)), frozenset(marked))


def has_sum(operand: Operand) -> bool:
    """Whether an operand has a sum: parts one after the other in an axis."""
    return any(sum_in(term) is not None for term in operand.terms)


def sum_in(term: Term) -> Concat | None:
    """The sum in a dimension, if there is one."""
    if isinstance(term, Concat):
        return term
    inner = term.terms if isinstance(term, Group | Bracket) else ()
    return next((found for each in inner if (found := sum_in(each))), None)


Sizes = Callable[[str], Polynomial]
Cluster = tuple[tuple[str, ...], tuple[Strand, ...]]


def clusters(names: Sequence[str], strands: Sequence[Strand], size: Sizes) -> list[Cluster]:
    """The shortest runs of names and of strands that are equally long, from left to right.

    Raises:
        Unreadable: if there are none.
    """
    found: list[Cluster] = []
    names, strands = tuple(names), tuple(strands)
    if names and len(strands) == 1:
        return [(names, strands)]  # also where a window leaves a rest
    while names and strands:
        ends = cut(names, strands, size)
        found.append((names[: ends[0]], strands[: ends[1]]))
        names, strands = names[ends[0] :], strands[ends[1] :]
    rest = [size(name) for name in names] + [length(strand, size) for strand in strands]
    if any(each != 1 for each in rest):
        raise Unreadable
    if strands and found:
        found[-1] = (found[-1][0], (*found[-1][1], *strands))
    elif strands:
        raise Unreadable
    return [*found, *(((name,), ()) for name in names)]


def cut(names: Sequence[str], strands: Sequence[Strand], size: Sizes) -> tuple[int, int]:
    """How many names at the start, and how many strands, are equally long."""
    for total in range(2, len(names) + len(strands) + 1):
        for count in range(1, total):
            first, second = names[:count], strands[: total - count]
            if len(first) == count and len(second) == total - count and equal(first, second, size):
                return count, total - count
    raise Unreadable


def equal(names: Sequence[str], strands: Sequence[Strand], size: Sizes) -> bool:
    """Whether some axes are as long as some strands."""
    return product(map(size, names)) == product(length(strand, size) for strand in strands)


def length(strand: Strand, size: Sizes) -> Polynomial:
    """How long a strand is."""
    return product(map(size, strand.axes))
