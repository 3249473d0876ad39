"""adapt: an operation of the user's own, from a function on arrays."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Any, Literal

from wirework.errors import SemanticError
from wirework.notation import Bound, Expression, Rules, axis_names
from wirework.notation.names import shown_axis
from wirework.operations import elementwise, reduction
from wirework.operations.base import (
    Call,
    Flops,
    Lowering,
    Operation,
    brackets_of,
    need_output,
    refuse_lost,
    wrong_count,
)
from wirework.plan import Value

AdaptKind = Literal["vmap", "elementwise", "reduce"]


def adapted(function: Callable[..., Any], kind: AdaptKind) -> Operation:
    """The operation that applies a user's function in one of three ways."""
    if not callable(function):
        raise SemanticError(f"adapt needs a function, not {type(function).__name__}")
    if kind not in ("vmap", "elementwise", "reduce"):
        raise SemanticError(f"adapt knows the kinds vmap, elementwise and reduce, not {kind!r}")
    name = getattr(function, "__name__", "adapted")
    name = name if name.isidentifier() and name != "function" else "adapted"
    common = {"name": name, "family": "adapters", "flops": unknown_cost, "function": function}
    if kind == "elementwise":
        return Operation(
            **common,
            arity=(1, None),
            complete=partial(elementwise.complete, name),
            lower=lower_elementwise,
            coarse=True,
            summary="A function of scalars, on arrays whose axes are lined up by name.",
        )
    if kind == "reduce":
        return Operation(
            **common,
            arity=(1, 1),
            complete=partial(reduction.complete, name),
            lower=partial(lower_reduce, axis_keyword(function)),
            options=reduction.KEEPDIMS,
            coarse=True,
            summary="A function that reduces over the axes it is given.",
        )
    return Operation(
        **common,
        arity=(1, None),
        complete=partial(complete_vmap, name),
        lower=lower_vmap,
        rules=own_outputs,
        summary="A function of what is in brackets, vectorised over all other axes.",
    )


def axis_keyword(function: Callable[..., Any]) -> str:
    """What a reducing function calls its axes: `axis`, or `dim` as in torch."""
    try:
        parameters = inspect.signature(function).parameters
    except (TypeError, ValueError):
        return "dim" if type(function).__module__.startswith("torch") or is_torch(function) else "axis"
    return "dim" if "dim" in parameters and "axis" not in parameters else "axis"


def is_torch(function: Callable[..., Any]) -> bool:
    """Whether a built-in function is torch's."""
    return str(getattr(function, "__module__", "") or "").startswith("torch") or "torch" in repr(function)


def complete_vmap(name: str, expression: Expression, call: Call) -> Expression:
    """What the function returns cannot be told from its inputs, so the output must be written."""
    need_output(name, expression)
    if len(expression.inputs) != len(call.kinds):
        wrong_count(name, expression, call)
    return expression


def own_outputs(expression: Expression) -> Rules:
    """New axes of the output are as long as the function makes them."""
    known = axis_names(expression.inputs)
    new = (name for name in axis_names(expression.outputs or ()) if name not in known)
    return Rules(units=True, output_only=frozenset(new))


def lower_vmap(low: Lowering) -> list[Value] | Value:
    """Map over the unbracketed axes, one after the other, those of the output first."""
    outputs = low.bound.outputs
    loops = list(dict.fromkeys(axis for out in outputs for axis in out.select(bracket=False)))
    values, where = [], []
    for number, value in enumerate(low.inputs):
        inside = brackets_of(low, number)
        for axis in low.bound.inputs[number].select(bracket=False):
            if axis not in loops:
                refuse_lost(low, next(leaf for leaf in low.bound.inputs[number].leaves if leaf.name == axis))
        own = [axis for axis in loops if axis in value.axes]
        values.append(low.builder.arrange(value, [*((axis,) for axis in own), *((axis,) for axis in inside)]))
        where.append(tuple(axis in own for axis in loops))
    known = {axis for array in low.bound.inputs for axis in array.names}
    for axis in loops:
        if axis not in known:
            low.fail(f"{shown_axis(axis)} is looped over, but is in no input", outputs[0].span)
    for out in outputs:
        missing = [axis for axis in loops if axis not in out.names]
        if missing:
            low.fail(f"{shown_axis(missing[0])} is in the input but missing from an output", out.span)
    results = low.builder.apply("vmap", values, (), where=tuple(where))
    found = []
    for index, out in enumerate(outputs):
        layout = [*((axis,) for axis in loops), *((axis,) for axis in out.select(bracket=True))]
        entry = results
        if len(outputs) > 1:
            entry = low.builder.apply("entry", [results], layout, index=index)
        new = [axis for axis in out.select(bracket=True) if low.bound.size_of[axis] not in low.bound.sizes]
        entry = expected(low, replace(entry, layout=tuple(layout)), new)
        low.builder.measure(entry, new)
        found.append(low.finish(entry, out))
    return found if len(outputs) > 1 else found[0]


def expected(low: Lowering, value: Value, new: Sequence[str] = ()) -> Value:
    """A result of the user's function, checked to have the dimensions that the expression says."""
    axes = tuple(place for place, dim in enumerate(value.layout) if not set(dim) & set(new))
    sizes = tuple(low.builder.dim_size(value.layout[place]) for place in axes)
    return low.builder.apply("expect_shape", [value], value.layout, rank=len(value.layout), axes=axes, sizes=sizes)


def lower_elementwise(low: Lowering) -> Value:
    """The function on arrays lined up with each other."""
    order, operands = elementwise.lined_up_all(low)
    layout = [(axis,) for axis in order]
    value = low.builder.apply("call", operands, layout, function="function")
    value = expected(low, value)
    return low.finish(value, low.bound.outputs[0])


def lower_reduce(keyword: str, low: Lowering) -> Value:
    """The function on an array and the axes to reduce over."""
    axes = reduction.reduced_axes(low)
    value = reduction.apart(low, low.inputs[0], axes)
    dims = tuple(index for index, dim in enumerate(value.layout) if set(dim) & set(axes))
    rest = [dim for index, dim in enumerate(value.layout) if index not in dims]
    shown = repr(dims[0] if len(dims) == 1 else dims)
    value = low.builder.apply("call", [value], rest, function="function", **{keyword: shown})
    value = expected(low, value)
    return low.finish(value, low.bound.outputs[0])


def unknown_cost(bound: Bound, options: Mapping[str, Any]) -> Flops:
    """Nobody knows what a user's function costs."""
    return Flops()
