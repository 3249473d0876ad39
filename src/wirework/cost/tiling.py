"""How much must move between a large slow memory and a small fast one, when contractions are done in tiles.

For a fast memory of M values every bound is a sum of terms alpha * M^-beta (Abbott and Zardini, FlashAttention on a
Napkin, 2024). A matrix product keeps a square tile of its result, of sqrt(M) rows and columns, and streams both
operands past it. Attention keeps as many rows of queries and results as fit, and streams keys and values past them.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from wirework.circuit.graph import Circuit, Node
from wirework.cost.counting import bound_of, sizes_of
from wirework.cost.figures import NONE
from wirework.errors import AxisSizeError, joined
from wirework.polynomial import Polynomial, product


@dataclass(frozen=True, slots=True)
class Transfers:
    """Values moved as a function of the fast memory's size M: the sum of alpha / M^beta.

    Attributes:
        always: alpha of what moves whatever M is.
        by_root: alpha of 1 / sqrt(M).
        inverse: alpha of 1 / M.
    """

    always: Polynomial = NONE
    by_root: Polynomial = NONE
    inverse: Polynomial = NONE

    def __add__(self, other: Transfers) -> Transfers:
        return Transfers(self.always + other.always, self.by_root + other.by_root, self.inverse + other.inverse)

    def __mul__(self, times: Polynomial | int) -> Transfers:
        return Transfers(self.always * times, self.by_root * times, self.inverse * times)

    def value(self, **sizes: Polynomial | int) -> Transfers:
        """With sizes in place of names."""
        return Transfers(*(each.substitute(**sizes) for each in (self.always, self.by_root, self.inverse)))

    def at(self, memory: int, **sizes: int) -> float:
        """The number of values moved, for a fast memory of so many values.

        Raises:
            AxisSizeError: if a size is missing, or the fast memory holds nothing.
        """
        if memory < 1:
            raise AxisSizeError(f"a fast memory holds at least one value, not {memory}")
        known = self.value(**sizes)
        missing = [name for each in (known.always, known.by_root, known.inverse) for name in each.names]
        if missing:
            raise AxisSizeError(f"{joined(sorted(set(missing)))} must be known: give {min(missing)}=...")
        return int(known.always) + int(known.by_root) / memory**0.5 + int(known.inverse) / memory

    def __str__(self) -> str:
        terms = []
        for alpha, power in ((self.by_root, "sqrt(M)"), (self.inverse, "M"), (self.always, "")):
            if alpha != 0:
                written = f"({alpha})" if power and len(alpha.terms) > 1 else str(alpha)
                terms.append(f"{written}/{power}" if power else written)
        return " + ".join(terms) or "0"


def matmul(a: Polynomial | int, b: Polynomial | int, c: Polynomial | int) -> Transfers:
    """The product of a matrix `a b` and a matrix `b c`.

    >>> a, b, c = map(Polynomial.symbol, "abc")
    >>> print(matmul(a, b, c))
    2*a*b*c/sqrt(M) + a*c
    """
    return Transfers(always=product((a, c)), by_root=product((2, a, b, c)))


def attention(
    q: Polynomial | int, x: Polynomial | int, d: Polynomial | int, e: Polynomial | int | None = None
) -> Transfers:
    """Attention of queries `q d` to keys `x d` and values `x e`; `e` is `d` if it is not given.

    >>> q, x, d = map(Polynomial.symbol, "qxd")
    >>> print(attention(q, x, d))
    4*d**2*q*x/M + 2*d*q
    """
    features = Polynomial.of(d) + (d if e is None else e)
    return Transfers(always=product((q, features)), inverse=product((q, x, features, features)))


def transfers(circuit: Circuit, node: Node) -> Transfers | None:
    """The bound for an operation of a circuit; `None` if it is not one that tiles help."""
    if node.kind == "attention":
        return of_attention(circuit, node)
    if node.kind == "dot" and len(node.inputs) - len(node.keywords) == 2:
        return of_dot(circuit, node)
    return None


def of_dot(circuit: Circuit, node: Node) -> Transfers | None:
    """A matrix product for each combination of the axes that both operands and the result have."""
    bound = bound_of(circuit, node)
    sizes = sizes_of(circuit, node, bound)
    x, y = (set(array.names) for array in bound.inputs)
    z = set(bound.outputs[0].names)

    def length(axes: Iterable[str]) -> Polynomial:
        return product(sizes[bound.size_of[axis]] for axis in axes)

    if not (x & y) - z:
        return None
    return matmul(length((x & z) - y), length((x & y) - z), length((y & z) - x)) * length(x & y & z)


def of_attention(circuit: Circuit, node: Node) -> Transfers:
    """Attention for each combination of the axes that queries and keys share; heads that share keys are queries."""
    bound = bound_of(circuit, node)
    sizes = sizes_of(circuit, node, bound)
    q, k, v = bound.inputs

    def length(axes: Iterable[str]) -> Polynomial:
        return product(sizes[bound.size_of[axis]] for axis in axes)

    compared = set(q.select(bracket=True))
    keys = set(k.select(bracket=True)) - compared
    shared = set(v.names) & set(k.names) - keys
    features = set(v.names) - keys - shared
    return attention(
        length(set(q.names) - compared - shared), length(keys), length(compared), length(features)
    ) * length(shared)
