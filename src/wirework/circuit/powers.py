"""Powers of sizes, such as the `k**-0.5` by which scores are scaled: numbers that no polynomial is."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from wirework.circuit.graph import Circuit
from wirework.polynomial import Polynomial

ROOTS = {"sqrt": 0.5, "rsqrt": -0.5, "reciprocal": -1.0}
TEXT = re.compile(r"(?:(-?[\d.]+(?:e[+-]?\d+)?)\*)?(\w+|\(.+\))\*\*(-?\d+\.\d+)")


@dataclass(frozen=True, slots=True)
class Power:
    """`coefficient * size**exponent`. In text the exponent has a point, so that it is told from a polynomial.

    >>> print(Power(Polynomial.parse("h*w"), -1.0), Power(Polynomial.symbol("k"), -0.5, 0.1))
    (h*w)**-1.0 0.1*k**-0.5
    """

    size: Polynomial
    exponent: float
    coefficient: float = 1.0

    def raised(self, exponent: float) -> Power:
        """A power of it."""
        return Power(self.size, self.exponent * exponent, self.coefficient**exponent)

    def substitute(self, **sizes: Polynomial | int) -> Power:
        """With sizes, or formulas for them, in place of names; names not given stay."""
        return replace(self, size=self.size.substitute(**sizes))

    def evaluate(self, **sizes: int) -> float:
        """The number for sizes of all names in it.

        Raises:
            ValueError: if one is missing.
        """
        return self.coefficient * self.size.evaluate(**sizes) ** self.exponent

    def __str__(self) -> str:
        factor = "" if self.coefficient == 1 else f"{self.coefficient!r}*"
        return f"{factor}{f'({self.size})' if self.size.compound else self.size}**{self.exponent!r}"


def formula(text: str) -> Polynomial | Power:
    """The polynomial, or the power of one, that is written so.

    Raises:
        ValueError: if it is neither.
    """
    if not (found := TEXT.fullmatch(text)):
        return Polynomial.parse(text)
    coefficient, size, exponent = found.groups()
    power = Power(Polynomial.parse(size), float(exponent), float(coefficient or 1))
    if str(power) != text:
        raise ValueError(f"{text!r} is no power of a size")
    return power


def number_in(circuit: Circuit, makers: Mapping[int, int], value: int) -> float | Power | None:
    """The one number that all elements of a value are, if it is known. A length is a power of itself.

    Args:
        circuit: the circuit.
        makers: the places of the operations that make values.
        value: its number in the circuit.
    """
    node = circuit.nodes[makers[value]] if value in makers else None
    if node is None:
        return None
    if node.kind in ("constant", "full"):
        return number_of(node.options["value"])
    if node.kind not in ("cast", "rearrange", "divide", *ROOTS) or "float" not in node.options.get("dtype", "float"):
        return None
    first, *others = (number_in(circuit, makers, each) for each in node.inputs)
    if node.kind == "divide":
        return raised(others[0], -1.0) if first == 1 else None
    return raised(first, ROOTS[node.kind]) if node.kind in ROOTS else first


def number_of(option: Any) -> float | Power | None:
    """The number that an option is; `None` if it is none, but a list of some."""
    if isinstance(option, str):
        found = formula(option)
        return Power(found, 1.0) if isinstance(found, Polynomial) else found
    return float(option) if isinstance(option, int | float) else None


def raised(base: float | Power | None, exponent: float) -> float | Power | None:
    """A power of a number; `None` if it has none."""
    factor = base.coefficient if isinstance(base, Power) else base
    if not factor or (factor < 0 and exponent != -1):
        return None
    return base.raised(exponent) if isinstance(base, Power) else factor**exponent
