"""From axis names to lengths: the shape of a parameter, and which of its axes have no size yet."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

from wirework.notation.tree import (
    Axis,
    Bracket,
    Concat,
    Ellipsis,
    Group,
    Number,
    Operand,
    Term,
    axis_names,
    without_brackets,
)

Size = int | tuple[int, ...]
Sizes = Mapping[str, Size]


def shape_of(terms: Iterable[Term], sizes: Sizes) -> tuple[int, ...] | None:
    """The lengths of some terms, one per dimension, or `None` if a size is missing.

    An axis under an ellipsis has a tuple of sizes, one per repetition.
    """
    lengths: list[int] = []
    for term in terms:
        found = _lengths(term, sizes)
        if found is None:
            return None
        lengths += found
    return tuple(lengths)


def _lengths(term: Term, sizes: Sizes) -> tuple[int, ...] | None:
    match term:
        case Axis(name):
            size = sizes.get(name)
            return (size,) if isinstance(size, int) else None
        case Number(value):
            return (value,)
        case Group(terms):
            lengths = shape_of(terms, sizes)
            return None if lengths is None else (math.prod(lengths),)
        case Concat(parts):
            lengths = shape_of(parts, sizes)
            return None if lengths is None else (sum(lengths),)
        case Bracket(terms):
            return shape_of(terms, sizes)
        case Ellipsis(inner):
            return _repeated(inner, sizes)
    return None


def _repeated(term: Term | None, sizes: Sizes) -> tuple[int, ...] | None:
    """The lengths of `term...`: one after the other for every repetition of its axes."""
    if term is None:
        size = sizes.get("...")
        return size if isinstance(size, tuple) else None
    names = axis_names((Operand((term,)),))
    depths = {len(size) for name in names if isinstance(size := sizes.get(name), tuple)}
    if len(depths) != 1:
        return None
    lengths: list[int] = []
    for i in range(depths.pop()):
        copy = {name: size[i] if isinstance(size, tuple) else size for name, size in sizes.items()}
        found = _lengths(term, copy)
        if found is None:
            return None
        lengths += found
    return tuple(lengths)


def missing(terms: Iterable[Term], sizes: Sizes) -> tuple[str, ...]:
    """The axes that keep `terms` from having a shape, in the order they are written."""
    lacking: list[str] = []
    for term in terms:
        if _lengths(term, sizes) is None:
            names = axis_names((Operand((term,)),)) or ("...",)
            lacking += [name for name in names if name not in sizes] or list(names)
    return tuple(dict.fromkeys(lacking))


def transfer(source: Operand, sizes: Sizes, target: Operand) -> dict[str, Size]:
    """Sizes of `target`'s axes, read off from another expression of the same array.

    Two operands for one array may use one name differently: with `source` "b s... (g c)", g=4, c=8
    the `c` of `target` "b... c" is 32. Dimensions are matched from the front and from the back as far
    as the first and the last ellipsis.
    """
    found: dict[str, Size] = {}
    for written, term in paired(source, target):
        length = _lengths(written, sizes)
        if isinstance(term, Axis) and length is not None:
            found[term.name] = length[0]
    return found


def paired(one: Operand, other: Operand) -> list[tuple[Term, Term]]:
    """The terms of two operands for one array that are the same dimension of it, as far as ellipses allow."""
    sides = (zip(_until_ellipsis(one, step), _until_ellipsis(other, step), strict=False) for step in (1, -1))
    return [pair for side in sides for pair in side]


def _until_ellipsis(operand: Operand, step: int) -> list[Term]:
    """The terms of an operand from one end, each one dimension, as far as an ellipsis allows."""
    found: list[Term] = []
    for term in without_brackets(operand).terms[::step]:
        if isinstance(term, Ellipsis):
            break
        found.append(term)
    return found
