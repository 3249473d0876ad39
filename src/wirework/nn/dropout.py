"""Dropout: zero random elements, or whole slices, and scale up the rest."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import wirework as ww
from wirework.errors import SemanticError
from wirework.nn.definition import Array, single_operand
from wirework.notation.tree import Bracket, Shorthand, contains


@dataclass(frozen=True)
class DropoutDefinition:
    """Multiply by a random mask over the bracketed axes, shared by all others.

    `"[...]"` drops single elements, `"[b] ... [c]"` whole channels, `"[b] ..."` whole samples.
    """

    expression: str
    drop_rate: float

    def __post_init__(self) -> None:
        operand = single_operand(self.expression, "Dropout")
        if contains(operand, Shorthand) or not contains(operand, Bracket):
            raise SemanticError("Dropout needs brackets around the axes of its mask", self.expression)
        if not 0 <= self.drop_rate <= 1:
            raise SemanticError(f"drop_rate is a probability between 0 and 1, not {self.drop_rate}")

    @property
    def single(self) -> bool:
        """Whether every element is dropped or kept by itself."""
        return self.expression.replace(" ", "") == "[...]"

    @property
    def keep_rate(self) -> float:
        return 1 - self.drop_rate

    def __call__(self, x: Array, draw_mask: Callable[[tuple[int, ...]], Array]) -> Array:
        """`x` times the mask that `draw_mask` makes for a shape: 0, or 1 / keep_rate."""
        return ww.multiply(self.expression, x, draw_mask)

    def __str__(self) -> str:
        return f'Dropout("{self.expression}")'
