"""Whole numbers as formulas over named sizes: `4*b*t*c + h//16`.

A polynomial is a sum of monomials with whole coefficients. What a polynomial cannot say - a quotient that may leave
a rest, the larger of two - is an atom inside one, like a name.
"""

from __future__ import annotations

import ast
import keyword
import operator
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property, reduce
from typing import Any


@dataclass(frozen=True)
class Term:
    """What stands in a monomial beside names: an operation on polynomials that has no simpler form.

    Attributes:
        kind: "//", "%" or "max".
        parts: what it is of.
    """

    kind: str
    parts: tuple[Polynomial, ...]

    def __str__(self) -> str:
        if self.kind == "max":
            return f"max({', '.join(map(str, self.parts))})"
        return f" {self.kind} ".join(f"({part})" if part.compound else str(part) for part in self.parts).replace(
            " ", ""
        )


Atom = str | Term
Monomial = tuple[tuple[Atom, int], ...]  # atoms and their powers, in the order of their text


@dataclass(frozen=True)
class Polynomial:
    """A formula for a whole number. Equal formulas are equal objects: terms are kept in one order.

    Attributes:
        terms: monomials and their coefficients, none of them zero.

    >>> b, h = Polynomial.symbol("b"), Polynomial.symbol("h")
    >>> print(2 * b * h + h // 16, (b * h) // h)
    2*b*h + h//16 b
    """

    terms: tuple[tuple[Monomial, int], ...]

    # -- making ------------------------------------------------------------------------------------------------

    @staticmethod
    def symbol(name: str) -> Polynomial:
        """The size of that name."""
        return Polynomial(((((name, 1),), 1),))

    @staticmethod
    def of(value: Polynomial | int) -> Polynomial:
        """A number as a polynomial; a polynomial as it is."""
        if isinstance(value, Polynomial):
            return value
        number = operator.index(value)
        return Polynomial((((), number),) if number else ())

    @staticmethod
    def parse(text: str) -> Polynomial:
        """The polynomial that is written so.

        Raises:
            ValueError: if it is not made of names, whole numbers, + - * // % ** and max().
        """
        try:
            return parsed(ast.parse(KEYWORD.sub(r"\g<0>·", text.strip()), mode="eval").body)
        except (SyntaxError, RecursionError):
            raise ValueError(f"{text!r} is no formula of sizes") from None

    # -- arithmetic --------------------------------------------------------------------------------------------

    def __add__(self, other: Polynomial | int) -> Polynomial:
        if not isinstance(other, Polynomial | int):
            return NotImplemented
        found = dict(self.terms)
        for monomial, factor in Polynomial.of(other).terms:
            found[monomial] = found.get(monomial, 0) + factor
        return tidy(found)

    def __mul__(self, other: Polynomial | int) -> Polynomial:
        if not isinstance(other, Polynomial | int):
            return NotImplemented
        found: dict[Monomial, int] = {}
        for left, factor in self.terms:
            for right, other_factor in Polynomial.of(other).terms:
                monomial = times(left, right)
                found[monomial] = found.get(monomial, 0) + factor * other_factor
        return tidy(found)

    __radd__ = __add__
    __rmul__ = __mul__

    def __neg__(self) -> Polynomial:
        return self * -1

    def __sub__(self, other: Polynomial | int) -> Polynomial:
        return self + other * -1 if isinstance(other, Polynomial | int) else NotImplemented

    def __rsub__(self, other: int) -> Polynomial:
        return -self + other

    def __pow__(self, power: int) -> Polynomial:
        return product([self] * power)

    def __floordiv__(self, other: Polynomial | int) -> Polynomial:
        if not isinstance(other, Polynomial | int):
            return NotImplemented
        divisor = Polynomial.of(other)
        whole, rest = divided(self, divisor)
        if rest == 0:
            return whole
        if rest.constant is not None and divisor.constant is not None:
            return whole + rest.constant // divisor.constant
        if isinstance(inner := rest.sole_atom, Term) and inner.kind == "//":
            return whole + inner.parts[0] // (inner.parts[1] * divisor)
        return whole + atom(Term("//", (rest, divisor)))

    def __rfloordiv__(self, other: int) -> Polynomial:
        return Polynomial.of(other) // self

    def __mod__(self, other: Polynomial | int) -> Polynomial:
        if not isinstance(other, Polynomial | int):
            return NotImplemented
        divisor = Polynomial.of(other)
        _, rest = divided(self, divisor)
        if rest == 0:
            return rest
        if rest.constant is not None and divisor.constant is not None:
            return Polynomial.of(rest.constant % divisor.constant)
        return atom(Term("%", (rest, divisor)))

    def __eq__(self, other: object) -> bool:
        if isinstance(other, int):
            return self.terms == Polynomial.of(other).terms
        return isinstance(other, Polynomial) and self.terms == other.terms

    def __hash__(self) -> int:
        return hash(self.terms) if self.constant is None else hash(self.constant)

    # -- reading -----------------------------------------------------------------------------------------------

    @cached_property
    def constant(self) -> int | None:
        """The number it is, if no name occurs in it."""
        if not self.terms:
            return 0
        ((monomial, factor), *more) = self.terms
        return factor if not monomial and not more else None

    def __int__(self) -> int:
        if self.constant is None:
            raise ValueError(
                f"{self} is not a number before {' and '.join(self.names)} {'is' if len(self.names) == 1 else 'are'}"
            )
        return self.constant

    @cached_property
    def names(self) -> tuple[str, ...]:
        """The names in it, in alphabetical order."""
        found: set[str] = set()
        for monomial, _ in self.terms:
            for part, _ in monomial:
                found |= {part} if isinstance(part, str) else {name for each in part.parts for name in each.names}
        return tuple(sorted(found))

    def substitute(self, **sizes: Polynomial | int) -> Polynomial:
        """With sizes, or formulas for them, in place of names; names not given stay."""
        total = Polynomial.of(0)
        for monomial, factor in self.terms:
            one = Polynomial.of(factor)
            for part, power in monomial:
                one = one * replaced(part, sizes) ** power
            total = total + one
        return total

    def evaluate(self, **sizes: int) -> int:
        """The number for sizes of all names in it.

        Raises:
            ValueError: if one is missing.
        """
        return int(self.substitute(**{name: sizes[name] for name in self.names if name in sizes}))

    @property
    def sole_atom(self) -> Atom | None:
        """The one atom it is, if it is nothing else."""
        match self.terms:
            case ((((part, 1),), 1),):
                return part
        return None

    @property
    def compound(self) -> bool:
        """Whether it needs brackets beside a sign of a product."""
        return self.constant is None and not isinstance(self.sole_atom, str)

    def __str__(self) -> str:
        shown = ""
        for monomial, factor in self.terms:
            alone = len(monomial) == 1 and (factor == 1 or (factor == -1 and shown != ""))
            shown += (" - " if factor < 0 else " + ") if shown else ("-" if factor < 0 else "")
            parts = [factor_text(part, power, alone) for part, power in monomial]
            shown += "*".join([str(abs(factor))] * (abs(factor) != 1 or not parts) + parts)
        return shown or "0"

    def __repr__(self) -> str:
        return f"Polynomial.parse({str(self)!r})"

    def to_sympy(self) -> Any:
        """As an expression of sympy, whose names are positive integers."""
        import sympy

        symbols = {name: sympy.Symbol(name, integer=True, positive=True) for name in self.names}
        return sum(
            (factor * sympy.prod([in_sympy(p, symbols) ** n for p, n in m]) for m, factor in self.terms), sympy.S(0)
        )


# -- steps ------------------------------------------------------------------------------------------------------


def tidy(terms: Mapping[Monomial, int]) -> Polynomial:
    """A polynomial of some terms: those of the highest degree first, then by text."""
    kept = [(monomial, factor) for monomial, factor in terms.items() if factor]
    return Polynomial(tuple(sorted(kept, key=lambda term: (-sum(power for _, power in term[0]), text_of_all(term[0])))))


def times(left: Monomial, right: Monomial) -> Monomial:
    """Two monomials multiplied."""
    powers = dict(left)
    for part, power in right:
        powers[part] = powers.get(part, 0) + power
    return tuple(sorted(powers.items(), key=lambda item: text_of(item[0])))


def divided(total: Polynomial, divisor: Polynomial) -> tuple[Polynomial, Polynomial]:
    """What a single term goes into without rest, and what remains to be divided."""
    if divisor.constant == 0:
        raise ZeroDivisionError(f"{total} divided by 0")
    if total == divisor:
        return Polynomial.of(1), Polynomial.of(0)
    if len(divisor.terms) != 1:
        return Polynomial.of(0), total
    ((by, number),) = divisor.terms
    whole: dict[Monomial, int] = {}
    rest: dict[Monomial, int] = {}
    for monomial, factor in total.terms:
        powers = dict(monomial)
        for part, power in by:
            powers[part] = powers.get(part, 0) - power
        if factor % number or any(power < 0 for power in powers.values()):
            rest[monomial] = factor
        else:
            whole[tuple((part, power) for part, power in powers.items() if power)] = factor // number
    return tidy(whole), tidy(rest)


def atom(part: Atom) -> Polynomial:
    """A polynomial that is one atom."""
    return Polynomial(((((part, 1),), 1),))


def replaced(part: Atom, sizes: Mapping[str, Polynomial | int]) -> Polynomial:
    """An atom with sizes in place of names."""
    if isinstance(part, str):
        return Polynomial.of(sizes[part]) if part in sizes else Polynomial.symbol(part)
    return MEANING[part.kind](*(each.substitute(**sizes) for each in part.parts))


def factor_text(part: Atom, power: int, alone: bool) -> str:
    """A power of an atom as one factor of a monomial, or as all of it."""
    bare = isinstance(part, str) or part.kind == "max" or (alone and power == 1)
    return (text_of(part) if bare else f"({text_of(part)})") + (f"**{power}" if power > 1 else "")


def text_of(part: Atom) -> str:
    """What an atom is put in order by."""
    return str(part)


def text_of_all(monomial: Monomial) -> tuple[str, ...]:
    """What a monomial is put in order by."""
    return tuple(text_of(part) for part, _ in monomial)


def product(factors: Iterable[Polynomial | int]) -> Polynomial:
    """The product of some sizes."""
    return reduce(operator.mul, map(Polynomial.of, factors), Polynomial.of(1))


def largest(*sizes: Polynomial | int) -> Polynomial:
    """The largest of some sizes; where formulas do not say which that is, `max(...)` of those that may be."""
    found = [Polynomial.of(size) for size in sizes]
    kept: list[Polynomial] = []
    for size in dict.fromkeys(found):
        if not any(other != size and never_less(other, size) for other in found):
            kept.append(size)
    kept.sort(key=str)
    return kept[0] if len(kept) == 1 else atom(Term("max", tuple(kept)))


def never_less(one: Polynomial, other: Polynomial) -> bool:
    """Whether one size is at least another whatever the lengths of axes are, as far as coefficients show it."""
    most, least = dict(one.terms), dict(other.terms)
    return all(most.get(monomial, 0) >= least.get(monomial, 0) for monomial in most.keys() | least.keys())


def in_sympy(part: Atom, symbols: Mapping[str, Any]) -> Any:
    """An atom as an expression of sympy."""
    import sympy

    if isinstance(part, str):
        return symbols[part]
    parts = [each.to_sympy() for each in part.parts]
    return {"//": lambda a, b: sympy.floor(a / b), "%": sympy.Mod, "max": sympy.Max}[part.kind](*parts)


KEYWORD = re.compile(
    rf"\b(?:{'|'.join(word for word in keyword.kwlist if word.islower())})\b"
)  # names that Python would not read as such
MEANING: dict[str, Callable[..., Polynomial]] = {"//": operator.floordiv, "%": operator.mod, "max": largest}
WRITTEN: dict[type[ast.AST], Callable[..., Any]] = {
    ast.Add: operator.add, ast.Sub: operator.sub, ast.Mult: operator.mul, ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
}  # fmt: skip


def parsed(tree: ast.expr) -> Polynomial:
    """What a tree of Python's stands for."""
    match tree:
        case ast.Constant(value=int(number)) if not isinstance(number, bool):
            return Polynomial.of(number)
        case ast.Name(id=name):
            return Polynomial.symbol(name.removesuffix("·"))
        case ast.UnaryOp(op=ast.USub(), operand=inner):
            return -parsed(inner)
        case ast.BinOp(left=left, op=ast.Pow(), right=ast.Constant(value=int(power))) if power >= 0:
            return parsed(left) ** power
        case ast.BinOp(left=left, op=sign, right=right) if type(sign) in WRITTEN:
            return WRITTEN[type(sign)](parsed(left), parsed(right))
        case ast.Call(func=ast.Name(id="max"), args=parts, keywords=[]) if parts:
            return largest(*map(parsed, parts))
        case _:
            raise ValueError(f"{ast.unparse(tree)!r} is no formula of sizes")
