"""Linear: a contraction with a learned weight, and a learned bias."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

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
from wirework.nn.initialisers import Constant, lecun_normal
from wirework.nn.sizes import Size, missing
from wirework.notation.tree import (
    Bracket,
    Concat,
    Group,
    Operand,
    Shorthand,
    Term,
    axis_names,
    bracketed,
    rebuild,
    walk,
    without_brackets,
)


@dataclass(frozen=True)
class LinearDefinition:
    """`y = x · weight + bias` over the bracketed axes of an expression such as `"... [c_in -> c_out]"`.

    Axes outside the bracket share the weight. The weight has the output axes first and then the input
    axes, the bias the output axes, as `torch.nn.Linear` stores them.
    """

    expression: str
    bias: bool = True
    sizes: Mapping[str, Size] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_brackets(self.operand, self.expression)
        check_names_apart(self.operand, self.input_axes, self.output_axes, self.expression)
        check_names(self.sizes, (self.operand,), self.expression)
        settle(self)

    @cached_property
    def operand(self) -> Operand:
        return single_operand(self.expression, "Linear")

    @cached_property
    def input(self) -> Operand:
        """The array that comes in, with the contracted axes in brackets."""
        return side(self.operand, "inputs")

    @cached_property
    def output(self) -> Operand:
        """The array that goes out, with the new axes in brackets."""
        return side(self.operand, "outputs")

    @cached_property
    def input_axes(self) -> tuple[Term, ...]:
        """The contracted axes."""
        return bracketed(self.input)

    @cached_property
    def output_axes(self) -> tuple[Term, ...]:
        """The axes that take their place."""
        return bracketed(self.output)

    @cached_property
    def dot(self) -> str:
        """The contraction: `"... [c_in], c_out [c_in] -> ... c_out"`."""
        weight = Operand((*self.output_axes, Bracket(self.input_axes)))
        return f"{self.input}, {weight} -> {without_brackets(self.output)}"

    @cached_property
    def input_sizes(self) -> dict[str, Size]:
        """The given sizes that take the input apart. What is not flattened has the weight's sizes anyway."""
        flattened = [node for node in walk(self.input) if isinstance(node, Group | Concat)]
        names = axis_names(tuple(Operand((node,)) for node in flattened))
        return {name: size for name, size in self.sizes.items() if name in names}

    @property
    def parameters(self) -> dict[str, Operand]:
        weight = {"weight": Operand(self.output_axes + self.input_axes)}
        return weight | ({"bias": Operand(self.output_axes)} if self.bias else {})

    @property
    def buffers(self) -> dict[str, Operand]:
        return {}

    @property
    def missing(self) -> tuple[str, ...]:
        return missing(self.input_axes + self.output_axes, self.sizes)

    def starts(self, x: Array | None = None, arrays: Mapping[str, Array] = NONE) -> dict[str, Start]:
        sizes = {**self.sizes, **solve_sizes(self.parameters, arrays, self.sizes)}
        if x is not None:
            sizes |= solve_sizes({"x": self.input}, {"x": x}, sizes)
        inputs = required_shape(self.input_axes, sizes, str(self))
        output = required_shape(self.output_axes, sizes, str(self))
        weight = Start(output + inputs, lecun_normal(fan_in=math.prod(inputs)))
        return {"weight": weight} | ({"bias": Start(output, Constant(0.0))} if self.bias else {})

    def features(self, arrays: Mapping[str, Array]) -> tuple[int, int]:
        """How many elements the contracted axes have together, and the new ones."""
        sizes = {**self.sizes, **solve_sizes(self.parameters, arrays, self.sizes)}
        inputs = required_shape(self.input_axes, sizes, str(self))
        return math.prod(inputs), math.prod(required_shape(self.output_axes, sizes, str(self)))

    @cached_property
    def contract(self) -> Applied:
        """The contraction as a function of the input, the weight and the bias, if there is one."""
        return Applied("dot", self.dot, 2, ("bias",), self.input_sizes)

    def __call__(self, x: Array, weight: Array, bias: Array | None) -> Array:
        return self.contract(x, weight) if bias is None else self.contract(x, weight, bias)

    @property
    def summary(self) -> str:
        return summarise(self.expression, **self.sizes, bias=self.bias)

    def __str__(self) -> str:
        return f'Linear("{self.expression}")'


def side(operand: Operand, name: Literal["inputs", "outputs"]) -> Operand:
    """The operand as it is on one side of its `[inputs -> outputs]` brackets."""

    def choose(term: Term) -> tuple[Term, ...]:
        return (Bracket(getattr(term, name)[0].terms),) if isinstance(term, Shorthand) else (term,)

    return rebuild(operand, choose)


def check_brackets(operand: Operand, text: str) -> None:
    """Refuse anything but brackets with one list of axes on each side of the arrow."""
    brackets = [node for node in walk(operand) if isinstance(node, Bracket | Shorthand)]
    wrong = [node for node in brackets if not has_one_list_on_each_side(node)]
    if wrong or not brackets:
        reason = "Linear needs a bracket with its input and its output axes, such as [c_in -> c_out]"
        raise SemanticError(reason, text, [node.span for node in wrong])


def has_one_list_on_each_side(bracket: Bracket | Shorthand) -> bool:
    """Whether a bracket is of the kind `[inputs -> outputs]`."""
    if isinstance(bracket, Bracket) or bracket.outputs is None:
        return False
    return len(bracket.inputs) == len(bracket.outputs) == 1


def check_names_apart(operand: Operand, inputs: tuple[Term, ...], outputs: tuple[Term, ...], text: str) -> None:
    """Refuse an output axis that is called like one that it replaces."""
    output_names = axis_names((Operand(outputs),))
    for name in axis_names((Operand(inputs),)):
        if name in output_names:
            spans = [node.span for node in walk(operand) if getattr(node, "name", None) == name]
            reason = f"axis {name} is on both sides of '->': call the new one {name}_out, for example"
            raise SemanticError(reason, text, spans)
