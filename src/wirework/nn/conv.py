"""Conv: a learned kernel that slides over one to three spatial axes, and a learned bias."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from wirework.engine import Applied
from wirework.errors import SemanticError
from wirework.nn.conv_padding import Padding, PaddingMode, Steps, check_padding_mode, margins, same_as_numbers
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
    Axis,
    Bracket,
    Ellipsis,
    Group,
    Operand,
    Shorthand,
    Term,
    axis_names,
    rebuild,
    walk,
    without_brackets,
)

DEFAULTS: dict[str, Any] = {"stride": 1, "padding": 0, "dilation": 1, "output_padding": 0, "transposed": False}


@dataclass(frozen=True)
class ConvDefinition:
    """`y = x ∗ weight + bias` over the spatial axes and channels of an expression such as `"b [s...] [c -> d]"`.

    An axis beside the channels, `"b [s...] (g [c -> d])"`, is one of groups. The weight has the output
    channels, the input channels of a group, and the kernel, as `torch.nn.Conv2d` stores them; if
    transposed the input channels come first, as in `torch.nn.ConvTranspose2d`. The axis of the kernel
    along s is called s_kernel.

    With another `padding_mode` than "zeros" the input is padded by elements of its own before it is convolved.
    """

    expression: str
    kernel: Steps
    stride: Steps = 1
    padding: Padding = 0
    dilation: Steps = 1
    output_padding: Steps = 0
    transposed: bool = False
    bias: bool = True
    padding_mode: PaddingMode = "zeros"
    sizes: Mapping[str, Size] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_brackets(self.operand, self.expression)
        check_names(self.sizes, (self.operand,), self.expression)
        if isinstance(self.kernel, tuple) and not self.repeated and len(self.kernel) != len(self.spatial):
            reason = f"kernel has {len(self.kernel)} sizes for {len(self.spatial)} spatial axes"
            raise SemanticError(reason, self.expression, [term.span for term in self.spatial])
        check_padding_mode(self.padding_mode, self.padding, self.stride, self.transposed, self.expression, self.operand)
        settle(self)

    @cached_property
    def operand(self) -> Operand:
        return single_operand(self.expression, "Conv")

    @cached_property
    def channels(self) -> Shorthand:
        """The bracket with the channels before and after."""
        return next(node for node in walk(self.operand) if isinstance(node, Shorthand))

    @cached_property
    def groups(self) -> tuple[Term, ...]:
        """The axes that the channels are flattened with."""
        around = [term for term in self.operand.terms if isinstance(term, Group) and self.channels in term.terms]
        return tuple(term for group in around for term in group.terms if term is not self.channels)

    @cached_property
    def spatial(self) -> tuple[Term, ...]:
        """The axes that the kernel slides over."""
        brackets = [node for node in walk(self.operand) if isinstance(node, Bracket)]
        return tuple(term for bracket in brackets for term in bracket.terms)

    @cached_property
    def repeated(self) -> bool:
        """Whether the number of spatial axes is left open, as in s..."""
        return any(isinstance(term, Ellipsis) for term in self.spatial)

    @cached_property
    def kernel_axes(self) -> tuple[Term, ...]:
        return tuple(kernel_axis(term) for term in self.spatial)

    @cached_property
    def input(self) -> Operand:
        """The array that comes in, with the contracted axes in brackets."""
        return self.side((Bracket(self.channels.inputs[0].terms),))

    @cached_property
    def output(self) -> Operand:
        """The array that goes out."""
        return self.side(self.after)

    @cached_property
    def after(self) -> tuple[Term, ...]:
        """The new channels, of a group."""
        return self.channels.outputs[0].terms if self.channels.outputs else ()

    def side(self, channels: tuple[Term, ...]) -> Operand:
        return rebuild(self.operand, lambda term: channels if isinstance(term, Shorthand) else (term,))

    @cached_property
    def weight(self) -> Operand:
        """The weight, with what is contracted in brackets: `"(g d) [c] [s_kernel...]"`."""
        contracted = Bracket(self.channels.inputs[0].terms)
        rows, columns = ((contracted,), self.after) if self.transposed else (self.after, (contracted,))
        return Operand((as_one((*self.groups, *rows)), as_one(columns), Bracket(self.kernel_axes)))

    @cached_property
    def options(self) -> dict[str, Any]:
        """The options of the operation that differ from its own, and the sizes that take the channels apart."""
        changed = {name: value for name, default in DEFAULTS.items() if (value := getattr(self, name)) != default}
        if self.padding_mode != "zeros":
            changed.pop("padding", None)
        elif self.padding == "same" and not self.transposed:  # numbers let a framework pad inside its kernel
            numbers = same_as_numbers(self.kernel, self.dilation, self.stride)
            changed["padding"] = "same" if numbers is None else numbers
        names = axis_names((Operand(self.groups),))
        return changed | {name: size for name, size in self.sizes.items() if name in names}

    @cached_property
    def convolve(self) -> Applied:
        """The convolution of the input, the weight and the bias, if there is one."""
        return Applied("conv", f"{self.input}, {self.weight} -> {self.output}", 2, ("bias",), self.options)

    @property
    def parameters(self) -> dict[str, Operand]:
        bias = {"bias": Operand((as_one((*self.groups, *self.after)),))} if self.bias else {}
        return {"weight": without_brackets(self.weight)} | bias

    @property
    def buffers(self) -> dict[str, Operand]:
        return {}

    @property
    def missing(self) -> tuple[str, ...]:
        kernel = () if self.kernel_sizes() else ("kernel",)
        return missing((*self.weight.terms[:-1], *self.groups, *self.after), self.sizes) + kernel

    def kernel_sizes(self, sizes: Mapping[str, Size] = NONE) -> dict[str, Size]:
        """The lengths of the kernel, or none while the number of spatial axes is not known."""
        names = axis_names((Operand(self.spatial),))
        if not self.repeated:
            lengths = self.kernel if isinstance(self.kernel, tuple) else (self.kernel,) * len(names)
            return {f"{name}_kernel": length for name, length in zip(names, lengths, strict=True)}
        places = {**self.sizes, **sizes}.get(names[0])
        if isinstance(self.kernel, tuple):
            return {f"{names[0]}_kernel": self.kernel}
        return {f"{names[0]}_kernel": (self.kernel,) * len(places)} if isinstance(places, tuple) else {}

    def starts(self, x: Array | None = None, arrays: Mapping[str, Array] = NONE) -> dict[str, Start]:
        names = axis_names((self.weight,))
        known = {name: size for name, size in {**self.sizes, **self.kernel_sizes()}.items() if name in names}
        sizes = {**known, **solve_sizes(self.parameters, arrays, known)}
        if x is not None:
            sizes |= solve_sizes({"x": self.input}, {"x": x}, sizes)
        sizes = {**sizes, **self.kernel_sizes(sizes)}
        weight = required_shape(self.parameters["weight"].terms, sizes, str(self))
        found = {"weight": Start(weight, lecun_normal(self.fan_in(weight, sizes)))}
        if self.bias:
            found["bias"] = Start(required_shape(self.parameters["bias"].terms, sizes, str(self)), Constant(0.0))
        return found

    def fan_in(self, weight: tuple[int, ...], sizes: Mapping[str, Size]) -> int:
        """How many products are summed into one element of the output, on average if strides skip some."""
        kernel = weight[2:]
        count = math.prod(required_shape(self.channels.inputs[0].terms, sizes, str(self))) * math.prod(kernel)
        if not self.transposed:
            return count
        return count // (math.prod(self.stride) if isinstance(self.stride, tuple) else self.stride ** len(kernel))

    def margins(self, count: int) -> list[tuple[int, int]]:
        """What `padding_mode` adds before and after each of `count` spatial axes."""
        return margins(self.padding, self.kernel, self.dilation, count)

    def __call__(self, x: Array, weight: Array, bias: Array | None) -> Array:
        return self.convolve(x, weight) if bias is None else self.convolve(x, weight, bias)

    @property
    def summary(self) -> str:
        defaults = {**DEFAULTS, "padding_mode": "zeros"}
        shown = {name: repr(value) for name, default in defaults.items() if (value := getattr(self, name)) != default}
        return summarise(self.expression, **self.sizes, kernel=self.kernel, **shown, bias=self.bias)

    def __str__(self) -> str:
        return f'Conv("{self.expression}")'


def kernel_axis(term: Term) -> Term:
    """The kernel's axis along a spatial one: s_kernel along s."""
    match term:
        case Axis(name, span):
            return Axis(f"{name}_kernel", span)
        case Ellipsis(Axis(name), span):
            return Ellipsis(Axis(f"{name}_kernel", span), span)
    raise SemanticError("the spatial axes of Conv are written by name, [s...] or [h w]", str(term))


def as_one(terms: tuple[Term, ...]) -> Term:
    """Some axes as one dimension."""
    return terms[0] if len(terms) == 1 else Group(terms)


def check_brackets(operand: Operand, text: str) -> None:
    """Refuse anything but one bracket [channels -> channels] beside a bracket of spatial axes."""
    shorthands = [node for node in walk(operand) if isinstance(node, Shorthand)]
    pairs = [node for node in shorthands if len(node.inputs) == 1 and node.outputs and len(node.outputs) == 1]
    if len(shorthands) != 1 or not pairs:
        reason = "Conv needs one bracket with its input and its output channels, such as [c_in -> c_out]"
        raise SemanticError(reason, text, [node.span for node in shorthands])
    if not any(isinstance(node, Bracket) for node in walk(operand)):
        raise SemanticError("Conv needs a bracket around its spatial axes, such as [s...]", text)
