"""Reductions: sum, mean and the like over axes, and argmin and argmax."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from wirework.errors import SemanticError
from wirework.notation import Bound, Bracket, Expression, Rules, contains
from wirework.notation.names import shown_axis
from wirework.operations.base import (
    Call,
    Flops,
    Lowering,
    Operation,
    Option,
    added,
    brackets_of,
    elements,
    one_output,
    ones_for_bracketed,
    refuse_lost_axes,
    without_bracketed,
    wrong_count,
)
from wirework.plan import Value

NAMES = (
    "sum", "mean", "var", "std", "prod", "min", "max", "any", "all", "count_nonzero", "logsumexp",
)  # fmt: skip
COST = {  # FLOPs for each element read and for each result
    "var": (4, 0),  # sum, subtract the mean, square, sum
    "std": (4, 4),  # and the root
    "logsumexp": (7, 4),  # the maximum, subtract it, exponential (4), sum; and the logarithm
}
KEEPDIMS = {"keepdims": Option(False, static=True, accepts=("bool",))}


def complete(name: str, expression: Expression, call: Call) -> Expression:
    """Without '->', the axes in brackets are dropped, or kept as 1 with `keepdims`."""
    if len(expression.inputs) != 1:
        wrong_count(name, expression, call)
    one_output(name, expression)
    operand = expression.inputs[0]
    keep = call.options.get("keepdims")
    if expression.outputs is not None:
        if keep:
            raise SemanticError(
                "keepdims=True only goes with an expression without '->'",
                expression.text,
                [(expression.text.index("->"), expression.text.index("->") + 2)],
                ["write 1 in the output where an axis is to be kept"],
            )
        return expression
    if not contains(operand, Bracket):
        raise SemanticError(
            f"{name} needs either brackets around the axes to reduce, or '->' and an output",
            expression.text,
            [operand.span],
        )
    output = ones_for_bracketed(operand) if keep else without_bracketed(operand)
    return replace(expression, outputs=(output,))


def reduced_axes(low: Lowering) -> tuple[str, ...]:
    """The axes in brackets; without any brackets, those missing from the output."""
    array, output = low.bound.inputs[0], low.bound.outputs[0]
    inside = brackets_of(low, 0)
    if contains(low.bound.expression.inputs[0], Bracket):
        kept = [leaf.name for leaf in output.leaves if not leaf.bracket]
        refuse_lost_axes(low, output.names, inside)
        for leaf in output.leaves:
            if leaf.name in inside and leaf.name in kept:
                low.fail(f"{shown_axis(leaf.name)} is reduced, so it cannot be in the output", leaf.span)
        return inside
    axes = tuple(name for name in array.names if name not in output.names)
    written_again = {leaf.name.split("@")[0] for leaf in output.leaves if "@" in leaf.name}
    for leaf in array.leaves:
        if leaf.name in axes and "@" in leaf.name and leaf.name.split("@")[0] in written_again:
            refuse_lost_axes(low, {name for name in array.names if name != leaf.name})
    return axes


def lower(name: str, low: Lowering) -> Value:
    """Reduce over dimensions that hold only reduced axes."""
    axes = reduced_axes(low)
    value = apart(low, low.inputs[0], axes)
    if name in ("mean", "var", "std", "logsumexp"):
        value = low.builder.apply("floating", [value], value.layout)
    if not axes:
        value = low.builder.reshape(value, [*value.layout, ()])
        dims: tuple[int, ...] = (len(value.layout) - 1,)
    else:
        dims = tuple(index for index, dim in enumerate(value.layout) if set(dim) & set(axes))
    layout = [dim for index, dim in enumerate(value.layout) if index not in dims]
    kept = tuple(() if index in dims else dim for index, dim in enumerate(value.layout))
    keepdims = bool(axes) and kept == low.bound.outputs[0].layout
    arguments: list[Value | str] = [value]
    if low.option("correction"):
        arguments.append("correction")
    value = low.builder.apply(
        "reduce", arguments, kept if keepdims else layout, function=name, axes=dims, keepdims=keepdims or None
    )
    return low.finish(value, low.bound.outputs[0])


def apart(low: Lowering, value: Value, axes: tuple[str, ...]) -> Value:
    """A layout in which no dimension holds both reduced and kept axes."""
    layout: list[tuple[str, ...]] = []
    for dim in value.layout:
        if not set(dim) & set(axes) or set(dim) <= set(axes):
            layout.append(dim)
            continue
        part: tuple[str, ...] = ()
        for axis in dim:
            if part and (axis in axes) != (part[-1] in axes):
                layout.append(part)
                part = ()
            part += (axis,)
        layout.append(part)
    return low.builder.reshape(value, layout)


def flops(name: str, bound: Bound, options: Mapping[str, Any]) -> Flops:
    """One for each element read; more where elements are transformed on the way, and for each result."""
    of_element, of_result = COST.get(name, (1, 0))
    return Flops(other=added((elements(bound.inputs[0]), of_element), (elements(bound.outputs[0]), of_result)))


# -- argmin and argmax -------------------------------------------------------------------------------------


def lower_arg(name: str, low: Lowering) -> Value:
    """Flatten the reduced axes and find the place in them.

    A bracket in the output takes the place apart into coordinates.
    """
    output = low.bound.outputs[0]
    axes = reduced_axes(low)
    if not axes:
        low.fail(f"{name} has no axis to act on", low.bound.inputs[0].span)
    value = apart(low, low.inputs[0], axes)
    if axes not in value.layout:
        rest = [dim for dim in value.layout if not set(dim) & set(axes)]
        value = low.builder.arrange(value, [*rest, axes])
    place = value.layout.index(axes)
    rest = [dim for index, dim in enumerate(value.layout) if index != place]
    value = low.builder.apply("argreduce", [value], rest, function=name, axis=place)
    if contains(low.bound.expression.output, Bracket):
        value = coordinates(low, value, axes)
    return low.finish(value, output)


def coordinates(low: Lowering, value: Value, axes: tuple[str, ...]) -> Value:
    """The place in several axes as one coordinate for each, along the axis in the output's brackets."""
    marked = [leaf for leaf in low.bound.outputs[0].leaves if leaf.bracket]
    count = len(axes)
    if count == 1 and not marked:
        return value
    if len(marked) != 1 or low.bound.size(marked[0].name) != count:
        low.fail(
            f"the coordinates of {count} axes need a bracket [{count}] in the output",
            low.bound.outputs[0].span,
        )
    sizes = tuple(low.bound.size(axis) for axis in axes)
    layout = [*value.layout, (marked[0].name,)]
    return low.builder.apply("unravel", [value], layout, sizes=sizes, axis=len(value.layout))


def reduction(name: str) -> Operation:
    """The reduction of this name."""
    options = dict(KEEPDIMS)
    if name in ("var", "std"):
        options["correction"] = Option(0)
    return Operation(
        name=name,
        family="reduction",
        arity=(1, 1),
        complete=partial(complete, name),
        lower=partial(lower, name),
        flops=partial(flops, name),
        options=options,
        coarse=True,
    )


def arg_reduction(name: str) -> Operation:
    """The operation argmin or argmax."""
    return Operation(
        name=name,
        family="reduction",
        arity=(1, 1),
        complete=partial(complete, name),
        lower=partial(lower_arg, name),
        flops=partial(flops, name),
        options=KEEPDIMS,
        rules=Rules(units=True),
    )


REDUCTIONS = (
    *(reduction(name) for name in NAMES),
    arg_reduction("argmin"),
    arg_reduction("argmax"),
)
