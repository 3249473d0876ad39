"""What the definitions of all layers share: reading an expression, and how a parameter starts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType
from typing import Any, Protocol

import wirework as ww
from wirework.errors import AxisSizeError, SemanticError, did_you_mean
from wirework.nn.initialisers import Initialiser
from wirework.nn.sizes import Size, missing, shape_of
from wirework.notation.parse import parse
from wirework.notation.tree import Axis, Ellipsis, Operand, Term, axis_names, rebuild, without_brackets

Array = Any  # an array of any framework

NONE: Mapping[str, Array] = MappingProxyType({})
UNNAMED = "unnamed_axes"  # what "..." is called while its sizes are being solved for


@dataclass(frozen=True)
class Start:
    """The shape of a parameter, and what its elements are drawn from."""

    shape: tuple[int, ...]
    initialiser: Initialiser


class Definition(Protocol):
    """A layer without a framework: its parameters by name, each with an expression for its axes."""

    @property
    def parameters(self) -> Mapping[str, Operand]:
        """The arrays that are trained."""
        ...

    @property
    def buffers(self) -> Mapping[str, Operand]:
        """The arrays that are kept but not trained."""
        ...

    @property
    def missing(self) -> tuple[str, ...]:
        """The axes whose size has to come from an input."""
        ...

    @property
    def summary(self) -> str:
        """The arguments of the layer, for its repr."""
        ...

    def starts(self, x: Array | None = None, arrays: Mapping[str, Array] = NONE) -> dict[str, Start]:
        """How every parameter and buffer starts.

        Args:
            x: an input, whose sizes are added to those given.
            arrays: some of the parameters and buffers, whose sizes are added too.

        Raises:
            AxisSizeError: if the size of an axis follows from none of these, or if they contradict.
        """
        ...


def single_operand(text: str, layer: str) -> Operand:
    """The tree of a layer's expression, which describes one array."""
    expression = parse(text)
    if len(expression.inputs) != 1 or expression.outputs is not None:
        raise SemanticError(f"{layer} takes the axes of one array, without ',' or '->' outside brackets", text)
    return expression.inputs[0]


def settle(definition: object) -> None:
    """Work out every cached property now: torch.compile cannot enter the lock that guards them."""
    for name, value in vars(type(definition)).items():
        if isinstance(value, cached_property):
            getattr(definition, name)


def check_names(sizes: Iterable[str], operands: tuple[Operand, ...], text: str) -> None:
    """Refuse sizes for axes that the layer does not have."""
    names = axis_names(operands)
    for name in sizes:
        if name not in names:
            raise SemanticError(f"there is no axis called {name} in the expression{did_you_mean(name, names)}", text)


def solve_sizes(
    operands: Mapping[str, Operand], arrays: Mapping[str, Array], given: Mapping[str, Size]
) -> dict[str, Size]:
    """The size of every axis of some operands from the arrays of the same names.

    The axes that "..." stands for are called "...".
    """

    def name_ellipsis(term: Term) -> tuple[Term, ...]:
        return (Ellipsis(Axis(UNNAMED)),) if term == Ellipsis(None) else (term,)

    found = [operands[name] for name in operands if name in arrays]
    if not found:
        return {}
    text = ", ".join(str(rebuild(without_brackets(operand), name_ellipsis)) for operand in found)
    names = axis_names(tuple(found))
    sizes = {name: size for name, size in given.items() if name in names}
    solved = dict(ww.solve(text, *(arrays[name] for name in operands if name in arrays), sizes=sizes))
    if UNNAMED in solved:
        solved["..."] = solved.pop(UNNAMED)
    return solved


def required_shape(terms: tuple[Term, ...], sizes: Mapping[str, Size], layer: str) -> tuple[int, ...]:
    """The shape of a parameter.

    Raises:
        AxisSizeError: if an axis has no size.
    """
    shape = shape_of(terms, sizes)
    if shape is None:
        raise AxisSizeError(no_size(missing(terms, sizes)[0], layer))
    return shape


def no_size(axis: str, layer: str) -> str:
    """The message for an axis whose size neither was given nor follows from an input."""
    if axis == "...":
        return f"the axes ... of {layer} have no size yet: call build()"
    return f"axis {axis} of {layer} has no size yet: pass {axis}=... or call build()"


def summarise(*parts: str, **options: object) -> str:
    """The arguments of a layer as they are written."""
    quoted = [f'"{part}"' for part in parts]
    return ", ".join([*quoted, *(f"{name}={option}" for name, option in options.items())])


def rank_of(operand: Operand) -> int:
    """The number of dimensions of an operand, not counting ellipses."""
    return sum(not isinstance(term, Ellipsis) for term in operand.terms)
