"""What the definitions of positional embeddings have in common: constant tables, and often nothing to train."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import numpy as np

from wirework.nn.definition import NONE, Array, Definition, Start
from wirework.notation.tree import Operand

Tables = Mapping[str, np.ndarray]


class Tabled(Definition, Protocol):
    """A definition with tables: arrays that follow from its options, and are neither trained nor saved.

    Floating point ones are worked out in float64. An adapter keeps them in float32, whatever the dtype of
    the layer, because positions are multiplied by them.
    """

    @property
    def tables(self) -> Tables:
        """The tables by name, or none while a size that they depend on is missing."""
        ...


class Untrained:
    """The part of a definition that is the same for all layers without parameters."""

    @property
    def parameters(self) -> dict[str, Operand]:
        return {}

    @property
    def buffers(self) -> dict[str, Operand]:
        return {}

    @property
    def missing(self) -> tuple[str, ...]:
        return ()

    def starts(self, x: Array | None = None, arrays: Mapping[str, Array] = NONE) -> dict[str, Start]:
        return {}
