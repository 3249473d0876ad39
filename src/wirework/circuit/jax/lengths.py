"""Lengths while JAX traces: its symbolic dimensions, and the formulas that they are."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import combinations
from math import prod
from typing import Any

from jax import export

from wirework.circuit.signatures import UNITS
from wirework.circuit.sizes import Comparisons, refuse_length, sized
from wirework.polynomial import Polynomial, largest, product

Length = Any  # a whole number, or a symbolic dimension of JAX's
DIVISORS = [number for number in range(2, UNITS[0] + 1) if UNITS[0] % number == 0]
PARTS = (2, 4, 7, 8, 14, 16, 32)  # that an axis may be cut into the length of, where code needs numbers
LEAST = 32  # no smaller number is thought to be a part of an axis
WORDS = ("floordiv", "max", "min", "mod", "non_negative")  # that mean something in a dimension of JAX's
SHAPE = re.compile(r"\(([^()]*)\)")


@dataclass(frozen=True)
class Lengths:
    """The axes whose length is not known.

    Attributes:
        hints: how long they are in this trace.
        symbols: their dimensions; those of a trace with numbers only are the hints.
    """

    hints: Mapping[str, int]
    symbols: Mapping[str, Length]

    @staticmethod
    def symbolic(hints: Mapping[str, int]) -> Lengths:
        """Symbolic dimensions, of which JAX knows how long they are in this trace wherever it compares them."""
        if not hints:
            return Lengths(hints, {})
        names = {name: name if name.isascii() and name not in WORDS else f"axis{n}" for n, name in enumerate(hints)}
        scope = export.SymbolicScope([line for name, hint in hints.items() for line in constraints(names[name], hint)])
        dims = export.symbolic_shape(", ".join(names.values()), scope=scope)
        return Lengths(hints, dict(zip(hints, dims, strict=True)))

    @property
    def fixed(self) -> Lengths:
        """The same with numbers."""
        return Lengths(self.hints, self.hints)

    @property
    def names(self) -> dict[str, str]:
        """The names of axes, by what JAX calls their lengths."""
        return {str(dim): name for name, dim in self.symbols.items()}

    def length(self, formula: Polynomial) -> Length:
        """A formula of names alone as a length."""
        return sum(
            factor * prod(self.symbols[str(atom)] ** power for atom, power in monomial)
            for monomial, factor in formula.terms
        )

    def formula(self, length: Length) -> Polynomial:
        """A length as a formula."""
        if hasattr(length, "__index__") and not export.is_symbolic_dim(length):
            return self.guessed(int(length)) if self.symbols is self.hints else Polynomial.of(int(length))
        return evaluated(ast.parse(str(length).replace("^", "**"), mode="eval").body, self.names)

    def size(self, length: Length) -> int:
        """A length as a number that knows its formula."""
        formula = self.formula(length)
        return sized(self.hint(formula), formula)

    def hint(self, formula: Polynomial) -> int:
        """How long something is in this trace."""
        return formula.evaluate(**self.hints)

    def guessed(self, number: int) -> Polynomial:
        """What a number may be: a length, a part of one, a product of several; or just a number."""
        for count in (1, 2, 3):
            for names in combinations(self.hints, count):
                if prod(self.hints[name] for name in names) == number:
                    return product(map(Polynomial.symbol, names))
        for name, hint in self.hints.items():
            if number > LEAST and hint % number == 0 and hint // number in PARTS:
                return Polynomial.symbol(name) // (hint // number)
        return Polynomial.of(number)

    def plain(self, value: Any) -> Any:
        """Options with sizes that know their formula."""
        if isinstance(value, tuple | list):
            return type(value)(map(self.plain, value))
        number = self.symbols is self.hints and isinstance(value, int) and not isinstance(value, bool)
        return self.size(value) if number or export.is_symbolic_dim(value) else value

    def refuse(self, message: str, unequal: Comparisons) -> None:
        """Say which axis of unknown length a function of JAX refuses, which says so in shapes: "(b, t), (2, 3)".

        A length that an array cannot be broadcast to is noted only: a shorter axis may fit, of a table of positions.

        Raises:
            Sized: if there is one.
        """
        names = self.names
        shapes = [part.replace(" ", "").strip(",").split(",") for part in SHAPE.findall(message)]
        for one, other in combinations(shapes, 2):
            for left, right in zip(reversed(one), reversed(other), strict=False):
                for name, number in ((left, right), (right, left)):
                    if name in names and number.isdigit() and number != "1":
                        lengths = Polynomial.symbol(names[name]), Polynomial.of(int(number))
                        unequal.append(lengths)
                        if "broadcast" not in message:
                            refuse_length(*lengths)


def constraints(name: str, hint: int) -> list[str]:
    """What JAX is told of an axis: how long it is, and what divides it."""
    return [f"{name} >= {hint}", f"{name} <= {hint}", *(f"mod({name}, {n}) == 0" for n in DIVISORS if hint % n == 0)]


FUNCTIONS: Mapping[str, Callable[..., Polynomial]] = {
    "floordiv": lambda one, other: one // other,
    "mod": lambda one, other: one % other,
    "max": largest,
    "min": lambda *sizes: -largest(*[-size for size in sizes]),
    "non_negative": lambda size: largest(size, 0),
}


def evaluated(tree: ast.expr, names: Mapping[str, str]) -> Polynomial:
    """What a dimension means that JAX has written."""
    match tree:
        case ast.Constant(value=int(number)):
            return Polynomial.of(number)
        case ast.Name(id=name):
            return Polynomial.symbol(names[name])
        case ast.UnaryOp(operand=inner):
            return -evaluated(inner, names)
        case ast.BinOp(left=left, op=ast.Pow(), right=ast.Constant(value=int(power))):
            return evaluated(left, names) ** power
        case ast.BinOp(left=left, op=sign, right=right):
            one, other = evaluated(left, names), evaluated(right, names)
            return (
                one * other if isinstance(sign, ast.Mult) else one - other if isinstance(sign, ast.Sub) else one + other
            )
        case ast.Call(func=ast.Name(id=name), args=parts):
            return FUNCTIONS[name](*[evaluated(part, names) for part in parts])
        case _:
            raise ValueError(f"{ast.unparse(tree)!r} is no dimension")


def evaluated_at(length: Length, sizes: Mapping[str, int]) -> int:
    """A symbolic dimension as a number, for sizes by what JAX calls them."""
    tree = ast.parse(str(length).replace("^", "**"), mode="eval").body
    return evaluated(tree, {name: name for name in sizes}).evaluate(**sizes)
