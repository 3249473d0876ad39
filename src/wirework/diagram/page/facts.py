"""What a page tells of a circuit beside its picture: the sizes of axes, and what operations are and cost."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import get_args

from wirework.circuit.graph import Circuit
from wirework.cost import Cost
from wirework.diagram.costs import By, Details, details_of, missing, shares_of


@dataclass(frozen=True, slots=True)
class Facts:
    """What a page tells of a circuit.

    Attributes:
        axes: the size of each axis, as text, in the order in which they are listed.
        details: what is said of each operation, by its place in `Circuit.nodes`: see `costs.details`.
        shares: by what the picture can be coloured: for "flops", "parameters" and "memory" the part of the whole that
            each operation costs, by its place.
    """

    axes: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    details: Mapping[int, Details] = field(default_factory=lambda: MappingProxyType({}))
    shares: Mapping[str, Mapping[int, float]] = field(default_factory=lambda: MappingProxyType({}))


def facts(circuit: Circuit, sizes: Mapping[str, int] = MappingProxyType({})) -> Facts:
    """All that a page tells of a circuit: shares only if all sizes are known, and those that are not all zero.

    Raises:
        SemanticError: if the circuit has no size of a name.
        AxisSizeError: if one is no size that an axis can have.
    """
    found = Cost(circuit).value(**sizes)
    axes = {axis: str(size) for axis, size in found.symbols.items()}
    told = details_of(found)
    if missing(found):
        return Facts(axes, told)
    shares = {by: shares_of(found, by) for by in get_args(By)}
    return Facts(axes, told, {by: parts for by, parts in shares.items() if any(parts.values())})
