"""Operations along axes that keep them: softmax, sort, flip, roll, cumsum and the like."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import partial
from typing import Any

from wirework.errors import Span, counted
from wirework.notation import Bound, Expression, Rules
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
    need_brackets,
    one_output,
    refuse_lost_axes,
    wrong_count,
)
from wirework.plan import Value

NAMES = ("softmax", "log_softmax", "sort", "argsort", "flip", "roll", "cumsum", "cumprod")
ONE_AXIS = ("sort", "argsort", "cumsum", "cumprod")
COST = {"softmax": 8, "log_softmax": 8, "cumsum": 1, "cumprod": 1}


def complete(name: str, expression: Expression, call: Call) -> Expression:
    """Without '->', the output is the same operand."""
    if len(expression.inputs) != 1:
        wrong_count(name, expression, call)
    one_output(name, expression)
    need_brackets(name, expression, expression.inputs[0])
    return expression if expression.outputs is not None else replace(expression, outputs=expression.inputs)


def marked_axes(name: str, low: Lowering) -> tuple[str, ...]:
    """The axes in the input's brackets, which must all be in the output."""
    axes = brackets_of(low, 0)
    output = low.bound.outputs[0]
    if name in ONE_AXIS and len(axes) != 1:
        low.fail(
            f"{name} acts on one axis, but {len(axes)} are in brackets",
            *(bracket_spans(low) or [low.bound.inputs[0].span]),
            notes=["flatten them to act on all as one: [(...)]"] if axes else (),
        )
    refuse_lost_axes(low, output.names)
    for leaf in output.leaves:
        if leaf.bracket and leaf.name not in axes:
            low.fail(f"{shown_axis(leaf.size)} is in brackets only in the output", leaf.span)
    return axes


def lower(name: str, low: Lowering) -> Value:
    """Act on dimensions that hold one of the axes in brackets each."""
    axes = marked_axes(name, low)
    value = low.inputs[0]
    if name in ("softmax", "log_softmax"):
        value = low.builder.apply("floating", [value], value.layout)
        value = low.builder.arrange(value, together(value, axes) if axes else [*value.layout, ()])
        if not axes:  # "[...]" that stands for no axis: over a single value
            value = act(name, low, value, (len(value.layout) - 1,))
    else:
        value = low.builder.reshape(value, split_at(value, axes))
    if axes:
        dims = tuple(index for index, dim in enumerate(value.layout) if set(dim) & set(axes))
        value = act(name, low, value, dims)
    return low.finish(value, low.bound.outputs[0])


def act(name: str, low: Lowering, value: Value, dims: tuple[int, ...]) -> Value:
    """The step of an operation, on some dimensions."""
    apply = low.builder.apply
    match name:
        case "flip":
            return apply("flip", [value], value.layout, axes=dims)
        case "roll":
            several = roll_shifts(low, len(dims))
            return apply("roll", [value, "shift"], value.layout, axes=dims, several=several)
        case "cumsum" | "cumprod":
            return apply("cumulate", [value], value.layout, function=name, axis=dims[0])
        case _:
            return apply(name, [value], value.layout, axis=dims[0])


def roll_shifts(low: Lowering, count: int) -> bool:
    """Whether `shift` is a tuple, which must then have one entry for each axis."""
    kind = low.option("shift")
    if kind is None:
        low.fail("roll needs shift=: a whole number, or one for each axis in brackets", *bracket_spans(low))
    if not isinstance(kind, tuple):
        return False
    if len(kind) != count:
        acted = counted(count, "axis")
        low.fail(f"roll acts on {acted}, but shift has {counted(len(kind), 'number')}", *bracket_spans(low))
    return True


def bracket_spans(low: Lowering) -> list[Span]:
    """Where the axes in brackets are written."""
    return [leaf.span for leaf in low.bound.inputs[0].leaves if leaf.bracket]


def split_at(value: Value, axes: tuple[str, ...]) -> list[tuple[str, ...]]:
    """A layout in which each of the axes has a dimension of its own."""
    layout: list[tuple[str, ...]] = []
    for dim in value.layout:
        part: tuple[str, ...] = ()
        for axis in dim:
            if axis in axes:
                layout += [part, (axis,)] if part else [(axis,)]
                part = ()
            else:
                part += (axis,)
        if part or not dim:
            layout.append(part)
    return layout


def together(value: Value, axes: tuple[str, ...]) -> list[tuple[str, ...]]:
    """A layout with all the axes in one dimension: where the first of them is, or at the end."""
    layout = split_at(value, axes)
    if len(axes) <= 1:
        return layout
    places = [index for index, dim in enumerate(layout) if dim and dim[0] in axes]
    rest = [dim for index, dim in enumerate(layout) if index not in places]
    adjacent = places == list(range(places[0], places[0] + len(places)))
    where = places[0] if adjacent else len(rest)
    return [*rest[:where], axes, *rest[where:]]


def flops(name: str, bound: Bound, options: Mapping[str, Any]) -> Flops:
    """8 for each element of a softmax, 1 of a cumulative one; moving elements costs nothing.

    A softmax finds the maximum, subtracts it, takes exponentials (4), sums, and divides.
    """
    return Flops(other=added((elements(bound.inputs[0]), COST.get(name, 0))))


def along(name: str) -> Operation:
    """The operation of this name."""
    options = {"shift": Option(None, accepts=("int", "tuple"))} if name == "roll" else {}
    return Operation(
        name=name,
        family="along an axis",
        arity=(1, 1),
        complete=partial(complete, name),
        lower=partial(lower, name),
        flops=partial(flops, name),
        options=options,
        rules=Rules(units=True),
        coarse=name in ("softmax", "log_softmax"),
    )


ALONG = tuple(map(along, NAMES))
