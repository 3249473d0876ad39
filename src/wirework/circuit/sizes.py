"""Lengths of stand-ins: whole numbers that know their formula, so that ordinary code may calculate with them.

While a function is traced an axis of unknown length has some length, its hint. `x.shape[0]` is then a `Size`: the
hint, and the formula it stands for. It is an `int` for whoever takes one.
"""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any, Self

from wirework.polynomial import Polynomial


class Comparisons(list[tuple[Polynomial, Polynomial]]):
    """The lengths that code found to be unequal, in order: what it may have wanted when it then refused to go on."""

    def note(self, left: int, right: int) -> None:
        """Remember two lengths that are not equal."""
        self.append((formula_of(left), formula_of(right)))


class Size(int):
    """A length that knows its formula.

    Attributes:
        formula: what it is in the sizes of axes.
        unequal: where it notes what it was compared with.
    """

    formula: Polynomial
    unequal: Comparisons

    def __new__(cls, hint: int, formula: Polynomial, unequal: Comparisons) -> Self:
        size = super().__new__(cls, hint)
        size.formula, size.unequal = formula, unequal
        return size

    def __truediv__(self, other: Any) -> Any:
        return Ratio(self, other) if isinstance(other, int) and other != 0 else int.__truediv__(self, other)

    def __rtruediv__(self, other: Any) -> Any:
        return Ratio(other, self) if isinstance(other, int) and self != 0 else int.__rtruediv__(self, other)

    def __eq__(self, other: object) -> bool:
        equal = int.__eq__(self, other)
        if equal is False and isinstance(other, int):
            self.unequal.note(self, other)
        return equal

    def __ne__(self, other: object) -> bool:
        return not self == other

    __hash__ = int.__hash__

    def __deepcopy__(self, memo: Any) -> Self:
        return self

    def __reduce__(self) -> Any:
        return int, (int(self),)


def calculated(name: str, swapped: bool = False) -> Callable[[Size, Any], Any]:
    """A method of `int` that also calculates the formula."""
    function, plain = getattr(operator, name), getattr(int, f"__{'r' if swapped else ''}{name}__")

    def method(self: Size, other: Any) -> Any:
        value = plain(self, other)
        if value is NotImplemented or not isinstance(value, int):
            return value
        left, right = (formula_of(other), self.formula) if swapped else (self.formula, formula_of(other))
        return sized(value, function(left, right), self.unequal)

    return method


for name in ("add", "sub", "mul", "floordiv", "mod"):
    setattr(Size, f"__{name}__", calculated(name))
    setattr(Size, f"__r{name}__", calculated(name, swapped=True))


def negative(self: Size) -> int:
    """Minus a length."""
    return sized(-int(self), -self.formula, self.unequal)


def to_the_power(self: Size, power: Any, modulus: Any = None) -> Any:
    """A power of a length."""
    value = int.__pow__(self, power) if modulus is None else int.__pow__(self, power, modulus)
    if not isinstance(power, int) or isinstance(power, Size) or power < 0 or modulus is not None:
        return value
    return sized(value, self.formula**power, self.unequal)


def both(self: Size, other: Any) -> Any:
    """Quotient and rest."""
    return (self // other, self % other)


Size.__neg__, Size.__pow__, Size.__divmod__ = negative, to_the_power, both  # type: ignore[method-assign]


class Ratio(float):
    """A length divided by another: a `float` that can be rounded to a length again."""

    parts: tuple[int, int]

    def __new__(cls, total: int, divisor: int) -> Self:
        ratio = super().__new__(cls, int(total) / int(divisor))
        ratio.parts = total, divisor
        return ratio

    def __floor__(self) -> int:
        return self.parts[0] // self.parts[1]

    def __ceil__(self) -> int:
        return -(-self.parts[0] // self.parts[1])

    def __mul__(self, other: Any) -> Any:
        total, divisor = self.parts
        return Ratio(total * other, divisor) if isinstance(other, int) else float.__mul__(self, other)

    __rmul__ = __mul__

    def __reduce__(self) -> Any:
        return float, (float(self),)


def sized(hint: int, formula: Polynomial, unequal: Comparisons | None = None) -> int:
    """A number with its formula, or the number alone where that says it all."""
    if formula.constant is not None:
        return int(hint)
    return Size(hint, formula, Comparisons() if unequal is None else unequal)


def formula_of(size: int) -> Polynomial:
    """The formula of a length."""
    return size.formula if isinstance(size, Size) else Polynomial.of(int(size))


class Sized(Exception):
    """An axis of unknown length must have a certain length."""

    def __init__(self, name: str, length: int) -> None:
        super().__init__(name, length)
        self.name, self.length = name, length


def refuse_length(one: Polynomial, other: Polynomial) -> None:
    """Say that an axis of unknown length must be as long as another.

    Raises:
        Sized: if one of two lengths that must be equal is that of an axis, and the other a number.
    """
    for unknown, known in ((one, other), (other, one)):
        if isinstance(unknown.sole_atom, str) and known.constant is not None:
            raise Sized(unknown.sole_atom, known.constant)
