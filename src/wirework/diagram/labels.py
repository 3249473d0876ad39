"""What stands above wires, and in glyphs: names of axes, their sizes, and short names of functions."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from fractions import Fraction
from math import isclose
from typing import Any, Literal

from wirework.circuit.powers import Power, number_of
from wirework.diagram.picture import Run, Text
from wirework.polynomial import Polynomial, product

Labels = Literal["name", "size", "both"]
Parts = Mapping[str, tuple[str, int]]  # axes that are another axis divided by a number
HALF = re.compile(r"\(?(?:\((?P<less>\w+)-1\)|(?P<name>\w+))//(?P<number>\d+)\)?(?P<rest> \+ 1)?")
FUNCTIONS: Mapping[str, Text] = {
    "relu": (Run("R"),), "gelu": (Run("G"),), "silu": (Run("S"),), "swish": (Run("S"),),
    "sigmoid": (Run("σ"),), "negative": (Run("−", "roman"),), "square": (Run("x"), Run("2", "roman", level=1)),
    "reciprocal": (Run("x"), Run("−1", "roman", level=1)), "sqrt": (Run("√", "roman"),),
    "rsqrt": (Run("x"), Run("−1/2", "roman", level=1)), "abs": (Run("|x|"),), "logical_not": (Run("¬", "roman"),),
}  # fmt: skip
SIGNS = {
    "add": "+", "subtract": "−", "multiply": "×", "divide": "÷", "true_divide": "÷", "floor_divide": "//",
    "power": "^", "less": "<", "less_equal": "≤", "greater": ">", "greater_equal": "≥", "equal": "=",
    "not_equal": "≠", "logical_and": "∧", "logical_or": "∨", "maximum": "max", "minimum": "min",
}  # fmt: skip
SYMBOLS = {"mean": "𝔼", "max": "Max", "min": "Min", "sum": "Σ", "prod": "Π", "any": "∨", "all": "∧"}


def roman(text: str) -> Text:
    """Upright letters."""
    return (Run(text, "roman"),)


def axis(name: str) -> Text:
    """The name of an axis; digits at its end are a subscript."""
    letters, digits = re.fullmatch(r"(.*?)_?(\d*)", name).groups()  # type: ignore[union-attr]
    if not letters:
        return roman(name)
    return (Run(letters), *((Run(digits, "roman", level=-1),) if digits else ()))


def fraction(size: Polynomial) -> tuple[str, int] | None:
    """The axis and the number, if a size is an axis divided by a number, rounded up or down."""
    found = HALF.fullmatch(str(size))
    if found is None or bool(found["less"]) != bool(found["rest"]):
        return None
    return found["less"] or found["name"], int(found["number"])


def fractions(sizes: Mapping[str, Polynomial]) -> Parts:
    """The axes whose sizes are formulas that divide another axis."""
    return {name: found for name, size in sizes.items() if (found := fraction(size))}


def scaled(names: Sequence[str], parts: Parts) -> tuple[tuple[str, ...], int]:
    """The axes, and the number by which they are divided: 1 if they are not all divided by the same number."""
    found = [parts.get(name, (name, 1)) for name in names]
    numbers = {number for _, number in found}
    return (tuple(name for name, _ in found), numbers.pop()) if len(numbers) == 1 else (tuple(names), 1)


def several(names: Sequence[str]) -> Text:
    """Several axes as one: bold and overlined, with one subscript if they have the same."""
    parts = [re.fullmatch(r"(.*?)_?(\d*)", name).groups() for name in names]  # type: ignore[union-attr]
    if len({digits for _, digits in parts}) == 1:
        digits = parts[0][1]
        lower = (Run(digits, "roman", level=-1),) if digits else ()
        return (Run("".join(letters for letters, _ in parts), "bold", True), *lower)
    return tuple(
        run for letters, digits in parts
        for run in (Run(letters, "bold", True), *((Run(digits, "roman", level=-1),) if digits else ()))
    )  # fmt: skip


def by_name(names: Sequence[str], parts: Parts) -> Text:
    """The label of a wire by the names of its axes; an axis divided by a number is written so."""
    shown, below = scaled(names, parts)
    text = several(shown) if len(names) > 1 else axis(shown[0])
    return (*text, Run(f"/{below}", "roman")) if below > 1 else text


def by_size(names: Sequence[str], sizes: Mapping[str, Polynomial]) -> Text:
    """The label of a wire by the sizes of its axes."""
    found = [sizes.get(name, Polynomial.symbol(name)) for name in names]
    if len(found) > 1 and len(set(found)) == 1:
        return (*size(found[0]), Run(str(len(found)), "roman", level=1))
    runs: list[Run] = []
    for place, each in enumerate(found):
        runs += [Run("×", "roman")] if place else []
        bracketed = len(found) > 1 and each.compound
        runs += [Run("(", "roman"), *size(each), Run(")", "roman")] if bracketed else size(each)
    return tuple(runs)


def size(length: Polynomial) -> Text:
    """A size: a number upright, a formula in italics."""
    if length.constant is not None:
        return roman(str(length))
    name = length.sole_atom
    return axis(name) if isinstance(name, str) else formula(length)


def formula(length: Polynomial) -> Text:
    """A formula."""
    return (Run(str(length).replace("*", " ").replace("//", "/")),)


def label(
    names: Sequence[str], sizes: Mapping[str, Polynomial], parts: Parts, labels: Labels, window: bool = False
) -> Text:
    """The label of a wire."""
    if window or labels == "size":
        return by_size(names, sizes)
    named, sized = by_name(names, parts), by_size(names, sizes)
    if labels == "name" or all(name not in sizes or str(sizes[name]) == name for name in names):
        return named
    return (*named, Run(" = ", "roman"), *sized)


def number(value: Any) -> str:
    """A number as short as it can be told; a formula as it is."""
    if not isinstance(value, float):
        return str(value).replace("-", "−")
    return f"{value:.4g}".replace("-", "−").replace("inf", "∞")


def figure(value: Any) -> Text:
    """A number, or a formula in text: a power of a size has its exponent above."""
    power = number_of(value) if isinstance(value, str) else None
    if not isinstance(power, Power):
        return roman(number(value))
    name = power.size.sole_atom
    size = axis(name) if isinstance(name, str) else roman(f"({power.size})".replace("*", " "))
    factor = roman(f"{number(power.coefficient)} ") if power.coefficient != 1 else ()
    exponent = str(Fraction(power.exponent)).replace("-", "−")
    return (*factor, *size, *((Run(exponent, "roman", level=1),) if exponent != "1" else ()))


def scale(value: Any, names: Sequence[str], sizes: Mapping[str, Polynomial]) -> Text:
    """What a scale of a contraction over some axes is called: `* k^-1/2` if it is that."""
    length = product(sizes[name] for name in names if name in sizes)
    root = (Run("−1/2", "roman", level=1),)
    if value is None or (isinstance(value, str) and is_root(value, length)):
        return (Run("∗ ", "roman"), *(run for name in names for run in axis(name)), *root)
    if not isinstance(value, str) and length.constant and isclose(float(value), length.constant**-0.5, rel_tol=1e-6):
        return (Run("∗ ", "roman"), *(run for name in names for run in axis(name)), *root)
    return (Run("∗ ", "roman"), *figure(value))


def is_root(text: str, length: Polynomial) -> bool:
    """Whether a formula in text is the inverse root of a length."""
    return text.replace(" ", "") in (f"{length}**-0.5", f"({length})**-0.5", f"{length}**(-0.5)")


def function(kind: str) -> Text:
    """What a function of single elements is called."""
    return FUNCTIONS.get(kind, (Run(kind, "roman"),))


def activation(title: str) -> Text:
    """What a block is called that is a function of single elements."""
    for name in ("gelu", "silu", "swish", "relu", "sigmoid"):
        if name in title.lower() and title.lower() not in ("prelu", "relu6"):
            return FUNCTIONS[name]
    return (Run(title, "roman"),)


def legend_line(names: Sequence[str], sizes: Mapping[str, Polynomial]) -> Text:
    """A line of the legend: what a label stands for."""
    return (*by_name(names, {}), Run(" = ", "roman"), *by_size(names, sizes))
