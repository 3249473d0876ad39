"""The axes of a circuit while it is traced: which are the same, and what they are called in the end."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import prod

from wirework.circuit.sizes import refuse_length
from wirework.polynomial import Polynomial, product

GENERATED, WRITTEN, GIVEN = range(3)  # who named an axis: nobody, an expression, the user's signature


class Axis:
    """An axis.

    Attributes:
        length: its formula.
        hint: how long it is in this trace.
        wish: the name it would like to have.
        rank: who gave it its name; where two turn out to be the same the higher rank's name stays.
        places: the values and nodes it occurs in: two axes that occur in the same place are never the same.
        meaning: the axes it turned out to be: another one, or several flattened into it; empty: itself.
        twins: axes of its length that it is read as where it occurs twice.
    """

    __slots__ = ("hint", "length", "meaning", "places", "rank", "twins", "wish")

    def __init__(self, length: Polynomial, hint: int, wish: str, rank: int) -> None:
        self.length, self.hint, self.wish, self.rank = length, hint, wish, rank
        self.places: set[int] = set()
        self.meaning: Dim = ()
        self.twins: list[Axis] = []

    def __repr__(self) -> str:
        return f"{self.wish or '?'}={self.length}"


Dim = tuple[Axis, ...]  # the axes flattened in one dimension, row-major


def axis(length: Polynomial, hint: int, wish: str = "", rank: int = GENERATED) -> Dim:
    """A dimension of a new axis; one of length 1 that nobody named needs none."""
    return () if length == 1 and rank == GENERATED else (Axis(length, hint, wish, rank),)


def one_axis(dim: Dim) -> Dim:
    """A dimension as one axis, that stays one, for what has no meaning on several or on none."""
    dim = found(dim)
    one = dim if len(dim) == 1 else (Axis(length_of(dim), hint_of(dim), dim[0].wish if dim else "", GENERATED),)
    solid(one)
    return one


def found(dim: Iterable[Axis]) -> Dim:
    """The axes that some axes turned out to be."""
    return tuple(each for one in dim for each in (found(one.meaning) if one.meaning else (one,)))


def hint_of(dim: Iterable[Axis]) -> int:
    """How long a dimension is in this trace."""
    return prod(each.hint for each in dim)


def length_of(dim: Iterable[Axis]) -> Polynomial:
    """How long a dimension is."""
    return product(each.length for each in dim)


# -- which are the same -----------------------------------------------------------------------------------------------


def same(left: Dim, right: Dim) -> Dim:
    """What two dimensions that must be equal are called, which makes them the same where nothing forbids it.

    Raises:
        Sized: if one is of unknown length, and must be as long as the other.
    """
    left, right = found(left), found(right)
    if left == right:
        return left
    if hint_of(left) != hint_of(right):
        refuse_length(length_of(left), length_of(right))
    if [each.hint for each in left] == [each.hint for each in right]:
        merged = [merge(one, other) for one, other in zip(left, right, strict=True)]
        return found(left) if all(merged) or rank_of(left) >= rank_of(right) else found(right)
    if len(left) == 1 and refine(left[0], right):
        return right
    if len(right) == 1:
        refine(right[0], left)
    return left if len(left) >= len(right) else right


def merge(one: Axis, other: Axis) -> bool:
    """Make one axis of two of the same length, unless they are known to be different."""
    if one is other:
        return True
    if one.hint != other.hint or one.rank == other.rank == GIVEN or not one.places.isdisjoint(other.places):
        return False
    kept, lost = (one, other) if one.rank >= other.rank else (other, one)
    kept.places |= lost.places
    kept.wish = kept.wish or lost.wish
    if kept.rank < GIVEN:
        kept.length = simpler(kept.length, lost.length)
    lost.meaning = (kept,)
    return True


def refine(one: Axis, parts: Dim) -> bool:
    """Let an axis that nobody named be several, flattened."""
    others = set().union(*(part.places for part in parts))
    if one.rank != GENERATED or len(parts) < 2 or one.hint != hint_of(parts) or not one.places.isdisjoint(others):
        return False
    for part in parts:
        part.places |= one.places
    one.meaning = parts
    return True


def rank_of(dim: Dim) -> int:
    """The highest rank of the axes of a dimension."""
    return max((each.rank for each in dim), default=GENERATED)


def simpler(one: Polynomial, other: Polynomial) -> Polynomial:
    """Of two formulas for one length the one that says more: without a rest cut off, of few signs.

    A number alone may be the length that an unknown axis has in this trace, so a formula comes first.
    """
    return min(one, other, key=lambda size: (size.constant is not None, "//" in str(size), len(str(size))))


def columns(entries: Sequence[Sequence[Dim]]) -> list[Dim]:
    """The axes of an expression, of which each column says which dimensions of its operands must be equal.

    A column of dimensions of length 1 and longer ones is as long as these. An axis that stands in two columns is
    read as a twin in the second.
    """
    chosen: list[Dim] = []
    for dims in entries:
        longer = [dim for dim in dims if hint_of(dim) != 1] or [dim for dim in dims if dim][:1]
        whole: Dim = longer[0] if longer else ()
        for dim in longer[1:]:
            whole = same(whole, dim)
        chosen.append(whole)
    return apart(chosen)


def apart(dims: Sequence[Dim]) -> list[Dim]:
    """Dimensions in which no axis stands twice: the second time it is read as a twin."""
    dims = [found(dim) for dim in dims]
    everywhere = {each for dim in dims for each in dim}
    used: set[Axis] = set()
    result: list[Dim] = []
    for dim in dims:
        free: list[Axis] = []
        for each in dim:
            free.append(each if each not in used else twin(each, everywhere))
            used.add(free[-1])
            everywhere.add(free[-1])
        result.append(tuple(free))
    return result


def twin(one: Axis, used: set[Axis]) -> Axis:
    """Another axis of the same length, that is not used."""
    for other in one.twins:
        (other, *more) = found((other,))
        if not more and other not in used:
            return other
    one.twins.append(Axis(one.length, one.hint, one.wish, GENERATED))
    return one.twins[-1]


def solid(dim: Dim) -> None:
    """Keep axes from turning out to be several: a bias has one dimension for each."""
    for each in found(dim):
        each.rank = max(each.rank, WRITTEN)


# -- what they are called ---------------------------------------------------------------------------------------------


class Names:
    """Names of axes. Axes of the same length that never meet may share one.

    Attributes:
        sizes: the formula of each name.
    """

    def __init__(self) -> None:
        self.sizes: dict[str, Polynomial] = {}
        self.taken: dict[str, set[int]] = {}
        self.known: dict[Axis, str] = {}

    def give(self, one: Axis) -> str:
        """The name of an axis."""
        if one not in self.known:
            base = one.wish or "n"
            number = 1
            while not self.fits(name := base if number == 1 else f"{base}{number}", one):
                number += 1
            self.known[one] = name
            self.sizes.setdefault(name, one.length)
            self.taken.setdefault(name, set()).update(one.places)
        return self.known[one]

    def fits(self, name: str, one: Axis) -> bool:
        """Whether a name is free for an axis."""
        return name not in self.sizes or (
            self.sizes[name] == one.length and self.taken[name].isdisjoint(one.places) and one.rank < GIVEN
        )
