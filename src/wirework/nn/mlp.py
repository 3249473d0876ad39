"""MLP: two linear layers with a nonlinearity between them, or three if it is gated."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

import numpy as np

from wirework.errors import SemanticError
from wirework.nn.definition import Array, check_names, required_shape, settle, solve_sizes, summarise
from wirework.nn.linear import LinearDefinition
from wirework.nn.sizes import Size, missing
from wirework.notation.tree import Shorthand, axis_names, rebuild

Activation = Literal["gelu", "gelu_tanh", "relu", "silu", "tanh"]
Function = Callable[[Array], Array]


@dataclass(frozen=True)
class MLPDefinition:
    """`contract(activation(expand(x)))`, or gated, `contract(activation(gate(x)) * expand(x))`.

    Args:
        expand: a linear layer to the hidden axes, `"... [d -> m]"`.
        contract: a linear layer from the hidden axes; without it back to those of the input.
        gated: whether a second linear layer decides how much of each hidden element passes.
        bias: whether the linear layers have one.
        sizes: sizes of axes; those of the hidden ones must be given.
    """

    expand: str
    contract: str | None = None
    gated: bool = False
    bias: bool = True
    sizes: Mapping[str, Size] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_names(self.sizes, (self.first.operand, self.last.operand), self.expand)
        lacking = missing(self.first.output_axes, self.sizes)
        if lacking:
            raise SemanticError(
                f"MLP needs the size of its hidden axis {lacking[0]}: pass {lacking[0]}=...", self.expand
            )
        settle(self)

    @cached_property
    def first(self) -> LinearDefinition:
        return LinearDefinition(self.expand, self.bias, self.sizes_in(self.expand))

    @cached_property
    def last(self) -> LinearDefinition:
        text = self.contract or reverse(LinearDefinition(self.expand))
        return LinearDefinition(text, self.bias, self.sizes_in(text))

    @cached_property
    def layers(self) -> dict[str, LinearDefinition]:
        """The linear layers by name: those of timm's Mlp or, gated, of Hugging Face's LlamaMLP."""
        if self.gated:
            return {"gate_proj": self.first, "up_proj": self.first, "down_proj": self.last}
        return {"fc1": self.first, "fc2": self.last}

    @cached_property
    def last_name(self) -> str:
        """The name of the layer from the hidden axes."""
        return "down_proj" if self.gated else "fc2"

    def sizes_in(self, text: str) -> dict[str, Size]:
        """The given sizes that are of axes in an expression."""
        operand = LinearDefinition(text).operand
        return {name: size for name, size in self.sizes.items() if name in axis_names((operand,))}

    def last_weight(self, x: Array) -> Array:
        """A stand-in for the last layer's weight, of the shape that follows from an input."""
        sizes = {**self.sizes, **solve_sizes({"x": self.first.input}, {"x": x}, self.sizes)}
        return np.broadcast_to(0.0, required_shape(self.last.output_axes + self.last.input_axes, sizes, str(self.last)))

    def __call__(
        self, x: Array, layers: Mapping[str, Function], activation: Function, dropout: Function | None
    ) -> Array:
        if self.gated:
            hidden = activation(layers["gate_proj"](x)) * layers["up_proj"](x)
        else:
            hidden = activation(layers["fc1"](x))
        return layers[self.last_name](hidden if dropout is None else dropout(hidden))

    @property
    def summary(self) -> str:
        expressions = (self.expand, *([self.contract] if self.contract else []))
        return summarise(*expressions, **self.sizes, gated=self.gated, bias=self.bias)

    def __str__(self) -> str:
        return f'MLP("{self.expand}")'


def reverse(definition: LinearDefinition) -> str:
    """The expression with each bracket turned around: `"... [d -> m]"` to `"... [m -> d]"`."""

    def turn(term: object) -> tuple[object, ...]:
        return (Shorthand(term.outputs, term.inputs),) if isinstance(term, Shorthand) and term.outputs else (term,)

    return str(rebuild(definition.operand, turn))  # type: ignore[arg-type]
