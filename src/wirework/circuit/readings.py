"""How the operands of an expression read their arrays: axes, brackets, sums. Also reshaping, which is all reading."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from wirework.circuit.axes import GENERATED, Axis, Dim, found
from wirework.polynomial import Polynomial


@dataclass(frozen=True, slots=True)
class Marked:
    """An axis in brackets."""

    axis: Axis


@dataclass(frozen=True, slots=True)
class Sum:
    """Parts one after the other in a single axis."""

    parts: tuple[tuple[Item, ...], ...]


Item = Axis | Marked | Sum
Reading = tuple[tuple[Item, ...], ...]  # for each dimension what is flattened in it


def marked(dims: Iterable[Dim], inside: Iterable[Axis]) -> Reading:
    """Dimensions with some axes in brackets."""
    chosen = {each for one in inside for each in found((one,))}
    return tuple(tuple(Marked(each) if each in chosen else each for each in found(dim)) for dim in dims)


def axes_in(items: Iterable[Item]) -> list[Axis]:
    """All axes in some items."""
    result: list[Axis] = []
    for item in items:
        match item:
            case Sum(parts):
                result += [each for part in parts for each in axes_in(part)]
            case Marked(one):
                result += found((one,))
            case _:
                result += found((item,))
    return result


def written(reading: Reading, name: Callable[[Axis], str]) -> str:
    """An operand as text."""
    return " ".join(dim_text(items, name) for items in reading)


def dim_text(items: Sequence[Item], name: Callable[[Axis], str]) -> str:
    """One dimension as text."""
    parts = [text for item in items for text in item_texts(item, name)]
    if len(parts) == 1:
        return parts[0]
    return f"({' '.join(parts)})".replace("] [", " ") if parts else "1"


def item_texts(item: Item, name: Callable[[Axis], str]) -> list[str]:
    """What stands for an item, which may be several axes."""
    match item:
        case Sum(parts):
            return [f"({' + '.join(dim_text(part, name) for part in parts)})"]
        case Marked(one):
            return [f"[{name(each)}]" for each in found((one,))]
        case _:
            return [name(each) for each in found((item,))]


# -- reshaping --------------------------------------------------------------------------------------------------------


@dataclass
class Reshaping:
    """How the axes of an array are split and flattened into other dimensions.

    Attributes:
        parts: what each axis is read as.
        dims: the new dimensions.
    """

    parts: dict[Axis, list[Axis]]
    dims: list[Dim]


def reshaping(dims: Sequence[Dim], shape: Sequence[tuple[Polynomial, int]]) -> Reshaping | None:
    """Split and flatten dimensions into a shape, of formulas and hints; `None` if axes would have to be mixed."""
    parts: dict[Axis, list[Axis]] = {each: [each] for dim in dims for each in found(dim)}
    queue = [(each, each) for each in parts if each.hint != 1]  # what is left of an axis, and the axis
    result: list[Dim] = []
    for length, hint in shape:
        taken: list[Axis] = []
        while hint != 1:
            if not queue:
                return None
            rest, whole = queue.pop(0)
            if hint == rest.hint:
                if rest is not whole:
                    rest.length = length
                taken.append(rest)
                hint = 1
            elif hint and rest.hint and hint % rest.hint == 0 and (quotient := exact(length, rest.length)) is not None:
                taken.append(rest)
                length, hint = quotient, hint // rest.hint
            elif hint and rest.hint % hint == 0:
                first = Axis(length, hint, "", GENERATED)
                second = Axis(rest.length // length, rest.hint // hint, "", GENERATED)
                parts[whole][-1:] = [first, second]
                taken.append(first)
                queue.insert(0, (second, whole))
                hint = 1
            else:
                return None
        result.append(tuple(taken))
    return None if queue else Reshaping(parts, result)


def exact(total: Polynomial, part: Polynomial) -> Polynomial | None:
    """A quotient that leaves no rest whatever the lengths of axes are."""
    quotient = total // part
    return quotient if quotient * part == total else None
