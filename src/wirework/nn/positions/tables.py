"""What the definitions of positional embeddings have in common: constant tables, and often nothing to train.

`tables` has arrays by name that follow from the options of a definition, and are neither trained nor saved.
Floating point ones are worked out in float64. An adapter keeps them in float32, whatever the dtype of the
layer, because positions are multiplied by them.
"""

from __future__ import annotations

from collections.abc import Mapping

from wirework.nn.definition import NONE, Array, Start
from wirework.notation.tree import Operand


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
