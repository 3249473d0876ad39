"""Residual: a module beside a connection that skips it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from wirework.engine import Applied
from wirework.errors import SemanticError
from wirework.nn.definition import (
    NONE,
    Array,
    Start,
    check_names,
    required_shape,
    settle,
    single_operand,
    solve_sizes,
    summarise,
)
from wirework.nn.initialisers import Constant
from wirework.nn.sizes import Size, missing
from wirework.notation.tree import Bracket, Operand, Shorthand, bracketed, contains

Function = Callable[..., Array]


@dataclass(frozen=True)
class ResidualDefinition:
    """`x + drop(scale * module(norm(x)))`, or with the norm after it, `norm(x + drop(scale * module(x)))`.

    Args:
        expression: the axes of the input; the scale has those in brackets.
        layer_scale: what the scale starts from; `None`: no scale.
        norm_after: whether the norm comes after the sum instead of before the module.
    """

    expression: str = "... [d]"
    layer_scale: float | None = None
    norm_after: bool = False
    sizes: Mapping[str, Size] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if contains(self.operand, Shorthand) or not contains(self.operand, Bracket):
            raise SemanticError("Residual needs brackets around the axes of its scale: ... [d]", self.expression)
        check_names(self.sizes, (self.operand,), self.expression)
        settle(self)

    @cached_property
    def operand(self) -> Operand:
        return single_operand(self.expression, "Residual")

    @property
    def parameters(self) -> dict[str, Operand]:
        return {} if self.layer_scale is None else {"scale": Operand(bracketed(self.operand))}

    @property
    def buffers(self) -> dict[str, Operand]:
        return {}

    @property
    def missing(self) -> tuple[str, ...]:
        return missing(self.parameters["scale"].terms, self.sizes) if self.parameters else ()

    def starts(self, x: Array | None = None, arrays: Mapping[str, Array] = NONE) -> dict[str, Start]:
        if self.layer_scale is None:
            return {}
        sizes = {**self.sizes, **solve_sizes(self.parameters, arrays, self.sizes)}
        if x is not None:
            sizes |= solve_sizes({"x": self.operand}, {"x": x}, sizes)
        shape = required_shape(self.parameters["scale"].terms, sizes, str(self))
        return {"scale": Start(shape, Constant(self.layer_scale))}

    @cached_property
    def rescale(self) -> Applied:
        """The module's output times the scale."""
        return Applied("multiply", self.expression, 2)

    def __call__(
        self, x: Array, scale: Array | None, module: Function, norm: Function | None, drop: Function | None,
        *args: Any, **kwargs: Any,
    ) -> Array:  # fmt: skip
        """The result, where the module is given the other arguments too."""
        y = module(x if norm is None or self.norm_after else norm(x), *args, **kwargs)
        if scale is not None:
            y = self.rescale(y, scale)
        y = x + (y if drop is None else drop(y))
        return norm(y) if norm is not None and self.norm_after else y

    @property
    def summary(self) -> str:
        options = {} if self.layer_scale is None else {"layer_scale": self.layer_scale}
        after = {"norm_after": True} if self.norm_after else {}
        return summarise(self.expression, **self.sizes, **options, **after)

    def __str__(self) -> str:
        return f'Residual("{self.expression}")'
