"""Numbers that follow lengths: what differs between traces of one function as a power of a length does.

In `scores * k.shape[-1] ** -0.5` Python gives a number, which does not say where it comes from. Traces with different
lengths have different numbers there; where the same power of the same length explains all of them, it is what the
code has calculated.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import combinations
from math import isclose
from types import MappingProxyType
from typing import Any

import numpy as np

from wirework.circuit.graph import Circuit, Node
from wirework.circuit.powers import Power
from wirework.polynomial import Polynomial, product

OPTIONS = ("scale", "start", "step", "value")  # of operations, that may be formulas of any kind
EXPONENTS = (-0.5, 0.5, -1.0, 1.0, -0.25, 0.25, -2.0, 2.0)
MOST = 3  # lengths that are multiplied before a power is taken
EXACT, SINGLE = 1e-12, 3e-7  # relative differences between equal numbers; SINGLE: of numbers in single precision
ROUND = 6  # digits of a coefficient where so many are enough

Numbers = tuple[Any, ...]  # one for each trace


class Unexplained(Exception):
    """Traces differ in something else."""


def explained(circuits: Sequence[Circuit], lengths: Sequence[Mapping[str, int]]) -> Circuit | None:
    """The circuit that all traces are, with formulas for numbers that differ; `None` if they differ otherwise.

    Args:
        circuits: of one function.
        lengths: for each of them the lengths that axes had in it.
    """
    bare, *others = (replace(circuit, nodes=()) for circuit in circuits)
    if any(other != bare for other in others) or len({len(circuit.nodes) for circuit in circuits}) > 1:
        return None
    sizes = dict(measured(circuits[0], lengths))
    try:
        nodes = tuple(settled(nodes, sizes) for nodes in zip(*(circuit.nodes for circuit in circuits), strict=True))
    except Unexplained:
        return None
    return replace(circuits[0], nodes=nodes)


def measured(circuit: Circuit, lengths: Sequence[Mapping[str, int]]) -> Iterator[tuple[Polynomial, Numbers]]:
    """What a number may be a power of, and how long that is in each trace: an axis, or the product of a few."""
    axes = [size for size in circuit.axes.values() if size.constant is None and set(size.names) <= set(lengths[0])]
    symbols = [Polynomial.symbol(name) for name in lengths[0]]
    several = [product(each) for count in range(2, MOST + 1) for each in combinations(symbols, count)]
    for size in (*axes, *several):
        found = tuple(size.evaluate(**each) for each in lengths)
        if min(found) > 0:
            yield size, found


def settled(nodes: Sequence[Node], sizes: Mapping[Polynomial, Numbers]) -> Node:
    """The one operation that several are.

    Raises:
        Unexplained: if they are not.
    """
    first, *others = nodes
    if all(other == first for other in others):
        return first
    if any(replace(other, options={}) != replace(first, options={}) for other in others):
        raise Unexplained
    if any(other.options.keys() != first.options.keys() for other in others):
        raise Unexplained
    options = {name: option(name, tuple(node.options[name] for node in nodes), sizes) for name in first.options}
    return replace(first, options=MappingProxyType(options))


def option(name: str, found: Numbers, sizes: Mapping[Polynomial, Numbers]) -> Any:
    """The one option that several are.

    Raises:
        Unexplained: if they are not.
    """
    if all(each == found[0] for each in found):
        return found[0]
    if name not in OPTIONS or not all(type(each) in (int, float) for each in found):
        raise Unexplained
    if all(isinstance(each, int) for each in found):
        fits: list[Any] = [size for size, lengths in sizes.items() if lengths == found]
    else:
        fits = [
            power for size, lengths in sizes.items() for exponent in EXPONENTS
            if (power := fitting(Power(size, exponent), lengths, found))
        ]  # fmt: skip
        fits.sort(key=lambda power: (power.coefficient != 1, length_in_text(power.coefficient)))
    if not fits:
        raise Unexplained
    return str(fits[0])


def fitting(power: Power, lengths: Numbers, found: Numbers) -> Power | None:
    """A power with the coefficient for which it is what was found, if there is one: the shortest in text."""
    pairs = [(length**power.exponent, number) for length, number in zip(lengths, found, strict=True)]
    factors = [number / one for one, number in pairs]
    tolerance = SINGLE if all(map(is_single, found)) else EXACT
    for factor in sorted((float(f"{factors[0]:.{ROUND}g}"), *factors), key=length_in_text):
        if all(isclose(factor * one, number, rel_tol=tolerance) for one, number in pairs):
            return replace(power, coefficient=factor)
    return None


def length_in_text(number: float) -> int:
    """How many letters a number has."""
    return len(repr(number))


def is_single(number: float) -> bool:
    """Whether a number is one of single precision, written as short as it can be."""
    return float(str(np.float32(number))) == number
