"""What the inputs of a traced function are said to be: "b t c", or "b t: int64"."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from wirework.errors import AxisSizeError, SemanticError, did_you_mean
from wirework.notation import Axis, Group, Number, Operand, parse
from wirework.notation.tree import Term

DTYPES = {
    "float": "float32", "int": "int64", "bool": "bool",
    **{name: name for name in (
        "float64", "float32", "float16", "bfloat16", "complex64", "complex128",
        "int64", "int32", "int16", "int8", "uint8",
    )},
}  # fmt: skip
# An axis of unknown length is traced with a length of its own. Many models ask for multiples of such numbers, and some
# limit lengths: what they refuse is tried with the next smaller unit.
UNITS = (224, 64, 32, 16, 8, 4, 2, 1)

Atom = str | int  # a named axis, or an unnamed one of that length


@dataclass(frozen=True, slots=True)
class Signature:
    """One input.

    Attributes:
        dims: for each dimension the axes flattened in it.
        dtype: of the elements; `None`: the usual floating type.
        text: as it was written.
    """

    dims: tuple[tuple[Atom, ...], ...]
    dtype: str | None
    text: str

    @property
    def names(self) -> tuple[str, ...]:
        """The names of its axes."""
        return tuple(atom for dim in self.dims for atom in dim if isinstance(atom, str))


def signature(text: str) -> Signature:
    """Read "b t (h c)", or "b t: int64" with the type of the elements.

    Raises:
        WireworkError: if it is not the axes of one array.
    """
    if not isinstance(text, str):
        raise SemanticError(f"a signature is an expression such as 'b t c' or 'b t: int64', not {text!r}")
    axes, colon, dtype = text.partition(":")
    if colon and dtype.strip() not in DTYPES:
        raise SemanticError(
            f"there is no type {dtype.strip()!r}{did_you_mean(dtype.strip(), DTYPES)}",
            text,
            [(len(axes) + 1, len(text))],
        )
    expression = parse(axes)
    if expression.outputs is not None or len(expression.inputs) != 1:
        raise SemanticError("a signature has the axes of one array", axes, [(0, len(axes))])
    dims = tuple(flattened(term, axes) for term in expression.inputs[0].terms)
    found = Signature(dims, DTYPES[dtype.strip()] if colon else None, text)
    for name in found.names:
        if found.names.count(name) > 1:
            raise SemanticError(f"axis {name} stands twice in a signature", axes, [(0, len(axes))])
    return found


def flattened(term: Term, text: str) -> tuple[Atom, ...]:
    """The axes of one dimension."""
    match term:
        case Axis(name):
            return (name,)
        case Number(value):
            return (value,) if value != 1 else ()
        case Group(terms):
            return tuple(atom for inner in terms for atom in flattened(inner, text))
        case Operand():
            raise AssertionError
        case _:
            raise SemanticError("a signature has names, numbers and parentheses only", text, [term.span])


def checked_sizes(signatures: Mapping[str, Signature], sizes: Mapping[str, int]) -> dict[str, int]:
    """The sizes that are given, if they are sizes of axes.

    Raises:
        WireworkError: for a name that no signature has, or a size that is none.
    """
    names = {name for each in signatures.values() for name in each.names}
    for name, size in sizes.items():
        if name not in names:
            raise SemanticError(f"no signature has an axis {name}{did_you_mean(name, names)}")
        if isinstance(size, bool) or not isinstance(size, int) or size < 0:
            raise AxisSizeError(f"the size of axis {name} must be a whole number from 0 on, not {size!r}")
    return dict(sizes)


def hints(names: tuple[str, ...], unit: int, first: int) -> dict[str, int]:
    """Different lengths for axes whose length is not known, all multiples of a unit."""
    return {name: unit * (first + place) for place, name in enumerate(names)}
