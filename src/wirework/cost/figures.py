"""Figures: what operations cost, as far as it adds up."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields
from functools import reduce
from operator import add

from wirework.polynomial import Polynomial, largest, never_less

NONE = Polynomial.of(0)


@dataclass(frozen=True, slots=True)
class Figures:
    """What some operations cost together.

    Attributes:
        contraction: FLOPs that multiply operands with each other and sum the products: of matrix products,
            convolutions and attention.
        multiply_adds: how many multiplications these have (MACs).
        other: all other FLOPs.
        parameters: how many numbers are learned; those that several operations share count where they are used first.
        moved: bytes, if each operation by itself reads its inputs and writes its outputs.
        kept: bytes that must be kept from here until the backward pass comes back.
    """

    contraction: Polynomial = NONE
    multiply_adds: Polynomial = NONE
    other: Polynomial = NONE
    parameters: Polynomial = NONE
    moved: Polynomial = NONE
    kept: Polynomial = NONE

    @property
    def flops(self) -> Polynomial:
        """All FLOPs of a forward pass."""
        return self.contraction + self.other

    @property
    def macs(self) -> Polynomial:
        """Multiply-adds of a forward pass, by their usual name."""
        return self.multiply_adds

    @property
    def backward(self) -> Polynomial:
        """FLOPs of contractions in a backward pass: for each in the forward pass one for each of its two operands."""
        return 2 * self.contraction

    @property
    def intensity(self) -> float | None:
        """FLOPs per byte moved, where both are numbers."""
        flops, moved = self.flops.constant, self.moved.constant
        return None if flops is None or not moved else flops / moved

    def __add__(self, other: Figures) -> Figures:
        return Figures(*(getattr(self, name) + getattr(other, name) for name in NAMES))

    def __mul__(self, times: int) -> Figures:
        return Figures(*(getattr(self, name) * times for name in NAMES))

    def value(self, **sizes: Polynomial | int) -> Figures:
        """With sizes in place of names."""
        return Figures(*(getattr(self, name).substitute(**sizes) for name in NAMES))

    def to_json(self) -> dict[str, int | str]:
        """Each figure as a number, or as a formula where sizes are missing."""
        return {"flops": plain(self.flops), **{name: plain(getattr(self, name)) for name in NAMES}}


NAMES = tuple(field.name for field in fields(Figures))


def total(figures: Iterable[Figures]) -> Figures:
    """All of them together."""
    return reduce(add, figures, Figures())


def plain(size: Polynomial) -> int | str:
    """A number as such, a formula as text."""
    return str(size) if size.constant is None else size.constant


def containing(formula: Polynomial, axes: frozenset[str]) -> Polynomial:
    """The part of a formula in whose products one of some names stands."""
    return sum_of(product for product in products(formula) if any(name in axes for name in product.names))


def products(formula: Polynomial) -> list[Polynomial]:
    """The terms of a formula, one by one."""
    return [Polynomial((term,)) for term in formula.terms]


def sum_of(sizes: Iterable[Polynomial]) -> Polynomial:
    """The sum of some sizes."""
    return reduce(add, sizes, NONE)


def peak(sizes: Iterable[Polynomial]) -> Polynomial:
    """The largest of many sizes."""
    kept: list[Polynomial] = []
    for size in dict.fromkeys(sizes):
        if not any(never_less(other, size) for other in kept):
            kept = [*(other for other in kept if not never_less(size, other)), size]
    return largest(0, *kept)
