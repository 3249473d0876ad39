"""Elementwise operations on arrays whose axes are lined up by name."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from wirework.errors import SemanticError
from wirework.notation import Bound, Expression, Operand, bracketed, without_brackets
from wirework.operations.base import (
    Call,
    Flops,
    Lowering,
    Operation,
    added,
    axis_keys,
    elements,
    one_output,
    refuse_lost_axes,
    wrong_count,
)
from wirework.plan import Value

ANY_NUMBER = ("add", "multiply", "maximum", "minimum", "logical_and", "logical_or", "logaddexp")
TWO = (
    "subtract", "divide", "true_divide", "floor_divide", "power", "less", "less_equal", "greater",
    "greater_equal", "equal", "not_equal",
)  # fmt: skip

COST = {"power": 4, "logaddexp": 11}  # FLOPs for each element; logaddexp: an exponential, a logarithm, and 3


def complete(name: str, expression: Expression, call: Call) -> Expression:
    """Write out the shorthand of one operand for two arrays: the second has the axes in brackets.

    Without '->', the output is the operand that has all axes.
    """
    one_output(name, expression)
    inputs = expression.inputs
    short = len(inputs) == 1 and len(call.kinds) == 2
    if short:
        second = bracketed(inputs[0])
        if not second and call.ranks[1]:
            notes = [f"write an operand for each: '{inputs[0]}, {inputs[0]}'"] if call.ranks[0] == call.ranks[1] else ()
            wrong_count(name, expression, call, notes or ["put the axes of the second array in brackets"])
        inputs = (inputs[0], Operand(second, inputs[0].span))
    inputs = tuple(map(without_brackets, inputs))
    full = replace(expression, inputs=inputs)
    if len(inputs) != len(call.kinds):
        wrong_count(name, full, call)
    if expression.outputs is not None:
        return replace(full, outputs=tuple(map(without_brackets, expression.outputs)))
    return replace(full, outputs=(inputs[0] if short else largest(name, full),))


def largest(name: str, expression: Expression) -> Operand:
    """The one operand that has all axes."""
    keys = [axis_keys(operand) for operand in expression.inputs]
    everything = frozenset().union(*keys)
    found = [operand for operand, has in zip(expression.inputs, keys, strict=True) if has == everything]
    if len({str(operand) for operand in found}) != 1:
        reason = "several operands have" if found else "no operand has"
        raise SemanticError(
            f"{name} cannot tell the output: {reason} all axes, so write '->' and the output",
            expression.text,
            [operand.span for operand in found or expression.inputs],
        )
    return found[0]


def lower(name: str, low: Lowering) -> Value:
    """Line the operands up, and apply the function to them."""
    order, operands = lined_up_all(low)
    scalars = tuple(number for number, kind in enumerate(low.call.kinds) if kind == "scalar")
    value = low.builder.apply("elementwise", operands, [(axis,) for axis in order], function=name, scalars=scalars)
    return low.finish(value, low.bound.outputs[0])


def lined_up_all(low: Lowering) -> tuple[list[str], list[Value]]:
    """The order of axes of the result, and the operands with theirs in this order."""
    output = low.bound.outputs[0]
    refuse_lost_axes(low, output.names)
    used = {axis for value in low.inputs for axis in value.axes}
    order = [axis for axis in output.names if axis in used]
    return order, [lined_up(low, value, order) for value in low.inputs]


def lined_up(low: Lowering, value: Value, order: list[str]) -> Value:
    """A value with its axes in `order`; leading ones that it lacks are left out."""
    layout = [(axis,) if axis in value.axes else () for axis in order]
    while layout and not layout[0]:
        layout.pop(0)
    if not value.layout:
        return value
    return low.builder.arrange(value, layout)


def flops(name: str, bound: Bound, options: Mapping[str, Any]) -> Flops:
    """One for each element and operand after the first; `where` chooses once, roots and exponentials are 4."""
    operands = 1 if name == "where" else len(bound.inputs) - 1
    return Flops(other=added((elements(bound.outputs[0]), COST.get(name, 1) * operands)))


def elementwise(name: str) -> Operation:
    """The operation of this name."""
    least, most = (3, 3) if name == "where" else (2, None if name in ANY_NUMBER else 2)
    return Operation(
        name=name,
        family="elementwise",
        arity=(least, most),
        complete=partial(complete, name),
        lower=partial(lower, name),
        flops=partial(flops, name),
        coarse=True,
    )


ELEMENTWISE = tuple(map(elementwise, (*ANY_NUMBER, *TWO, "where")))
