"""Indexing: get_at reads at coordinates, set_at, add_at and subtract_at write there, into a new array."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from wirework.errors import SemanticError, counted
from wirework.notation import Expression, Rules
from wirework.notation.names import shown_axis
from wirework.notation.sizes import Check, Equation
from wirework.operations.base import (
    Call,
    Lowering,
    Operation,
    brackets_of,
    free,
    need_brackets,
    need_output,
    one_output,
    refuse_lost,
    refuse_lost_axes,
    wrong_count,
)
from wirework.plan import Value


def complete(name: str, expression: Expression, call: Call) -> Expression:
    """get_at needs an output; the others have that of the first operand by default."""
    one_output(name, expression)
    least = 2 if name == "get_at" else 3
    if len(expression.inputs) != len(call.kinds):
        wrong_count(name, expression, call)
    if len(expression.inputs) < least:
        needs = "an array and coordinates" if name == "get_at" else "an array, coordinates and values"
        raise SemanticError(f"{name} needs {needs}", expression.text)
    need_brackets(name, expression, expression.inputs[0])
    if name == "get_at":
        need_output(name, expression)
    elif expression.outputs is None:
        return replace(expression, outputs=expression.inputs[:1])
    return expression


# -- coordinates --------------------------------------------------------------------------------------------


def coordinates(low: Lowering, numbers: Sequence[int]) -> list[Value]:
    """One value of coordinates for each indexed axis, from the coordinate operands."""
    indexed = brackets_of(low, 0)
    found: list[Value | None] = []
    for number in numbers:
        marked = brackets_of(low, number)
        if len(marked) > 1:
            low.fail("a coordinate operand has at most one axis in brackets", low.bound.inputs[number].span)
        value = low.inputs[number]
        if low.call.kinds[number] != "scalar":
            value = low.builder.apply("coordinates", [value], value.layout)
        found += one_each(low, number, value, marked, len(indexed), len(numbers))
    if len(found) != len(indexed):
        low.fail(
            f"{counted(len(indexed), 'axis')} {'is' if len(indexed) == 1 else 'are'} in brackets, "
            f"but the coordinates are for {len(found)}",
            low.bound.inputs[0].span,
            *(low.bound.inputs[number].span for number in numbers),
        )
    return [value for value in found if value is not None]


def one_each(
    low: Lowering, number: int, value: Value, marked: Sequence[str], indexed: int, operands: int
) -> list[Value]:
    """The coordinates that one operand holds."""
    if not marked:
        return [low.builder.reshape(value, [dim for dim in value.layout if dim])]
    size = low.bound.size(marked[0])
    count = size if isinstance(size, int) else indexed - (operands - 1)
    leaf = next(leaf for leaf in low.bound.inputs[number].leaves if leaf.bracket)
    if not isinstance(size, int):
        equation = Equation(leaf.size, (), False, f"[{leaf.size}]", leaf.span)
        low.checks.append(Check(size, count, equation))
    layout = [(axis,) for axis in value.axes]
    value = low.builder.reshape(value, layout)
    axis = layout.index((marked[0],))
    rest = [dim for dim in layout if dim != (marked[0],)]
    return [low.builder.apply("select", [value], rest, axis=axis, index=index) for index in range(count)]


def aligned(low: Lowering, value: Value, order: Sequence[str]) -> Value:
    """Coordinates with their axes in `order`, of length 1 where they lack one; leading ones left out."""
    layout: list[tuple[str, ...]] = [(axis,) if axis in value.axes else () for axis in order]
    while layout and not layout[0]:
        layout.pop(0)
    return low.builder.arrange(value, layout) if value.layout or layout else value


def along(low: Lowering, axis: str) -> Value:
    """The coordinates 0, 1, ... of an axis that the array shares with the coordinates."""
    length = low.builder.size(axis)
    return low.builder.apply("arange", [low.inputs[0]], [(axis,)], length=length)


def unique(axes: Sequence[str]) -> list[str]:
    """Axes without repetition."""
    return list(dict.fromkeys(axes))


# -- reading ------------------------------------------------------------------------------------------------


def lower_get(low: Lowering) -> Value:
    """Index with arrays of coordinates, and with 0, 1, ... along axes that array and coordinates share."""
    output = low.bound.outputs[0]
    every = [name for number in range(len(low.inputs)) for name in brackets_of(low, number)]
    refuse_lost_axes(low, output.names, every)
    array = low.inputs[0]
    indexed = brackets_of(low, 0)
    if "rows" in low.call.fused and looks_up_rows(low):
        return low.finish(rows(low), output)
    places = coordinates(low, range(1, len(low.inputs)))
    loops = unique([axis for value in places for axis in value.axes])
    order = [axis for axis in output.names if axis in loops]
    shared = [axis for axis in array.axes if axis in loops]
    single = tuple((axis,) for axis in array.axes)
    start = array.axes.index(indexed[0]) if indexed else 0
    in_place = not shared and array.axes[start : start + len(indexed)] == indexed
    if not in_place:
        start = 0
        rest = [axis for axis in array.axes if axis not in shared and axis not in indexed]
        single = tuple((axis,) for axis in (*shared, *indexed, *rest))
    array = low.builder.arrange(array, single)
    indices = [aligned(low, value, order) for value in (*(along(low, axis) for axis in shared), *places)]
    around = [dim for dim in single if dim[0] not in indexed and dim[0] not in shared]
    layout = [*around[:start], *((axis,) for axis in order), *around[start:]]
    value = low.builder.apply("take", [array, *indices], layout, axis=start) if indexed else array
    return low.finish(value, output)


def looks_up_rows(low: Lowering) -> bool:
    """Whether this is an embedding: whole rows of a table, by one array of places."""
    table, indexed = low.inputs[0], brackets_of(low, 0)
    if len(low.inputs) != 2 or low.call.kinds[1] != "array" or brackets_of(low, 1):
        return False
    shared = set(table.axes) & set(low.inputs[1].axes)
    return len(indexed) == 1 and table.layout[:1] == (indexed,) and len(table.axes) > 1 and not shared


def rows(low: Lowering) -> Value:
    """Rows of a table with one or more axes, flattened for the look-up."""
    table, places = low.inputs
    rest = table.axes[1:]
    places = low.builder.reshape(places, [dim for dim in places.layout if dim])
    table = low.builder.reshape(table, [table.layout[0], rest])
    return low.builder.apply("rows", [table, places], [*places.layout, rest])


# -- writing ------------------------------------------------------------------------------------------------


def lower_put(mode: str, low: Lowering) -> Value:
    """Write values at coordinates into a copy; an axis that is not the array's is looped over."""
    output = low.bound.outputs[0]
    indexed = brackets_of(low, 0)
    refuse_lost_axes_of_array(low)
    last = len(low.inputs) - 1
    places = coordinates(low, range(1, last))
    values = low.inputs[last]
    kept = [axis for axis in output.names if axis not in indexed]
    of_places = unique([axis for value in places for axis in value.axes])
    loops = unique([*(a for a in values.axes if a in of_places or a not in kept), *of_places])
    shared = [axis for axis in loops if axis in kept]
    rest = [axis for axis in kept if axis not in loops]
    layout = [(axis,) for axis in (*shared, *indexed, *rest)]
    array = low.builder.arrange(low.inputs[0], layout)
    places = spread(low, places, [axis for axis in loops if axis not in kept])
    indices = [aligned(low, value, loops) for value in (*(along(low, axis) for axis in shared), *places)]
    if values.layout:
        values = aligned(low, values, [*loops, *rest])
    value = low.builder.apply("index_put", [array, values, *indices], layout, mode=mode)
    return low.finish(value, output)


def refuse_lost_axes_of_array(low: Lowering) -> None:
    """Every axis of the array must be in the output; others may be missing, and are looped over."""
    names = low.bound.outputs[0].names
    for leaf in low.bound.inputs[0].leaves:
        if leaf.name not in names:
            refuse_lost(low, leaf)
    known = {name for array in low.bound.inputs for name in array.names}
    for leaf in low.bound.outputs[0].leaves:
        if leaf.bracket and leaf.name not in known:
            low.fail(f"{shown_axis(leaf.size)} is in brackets only in the output", leaf.span)


def spread(low: Lowering, places: Sequence[Value], loops: Sequence[str]) -> list[Value]:
    """Give the first coordinates the looped axes that none of them has, so that the loop is seen."""
    missing = [axis for axis in loops if not any(axis in value.axes for value in places)]
    first, *others = places
    if missing or (not first.layout and not first.name.startswith("%")):
        first = low.builder.apply("index_array", [first, low.inputs[0]], first.layout)
    if missing:
        first = low.builder.arrange(first, [(axis,) for axis in (*missing, *first.axes)])
    return [first, *others]


def indexing(name: str) -> Operation:
    """The operation of this name."""
    return Operation(
        name=name,
        family="indexing",
        arity=(2 if name == "get_at" else 3, None),
        complete=partial(complete, name),
        lower=lower_get if name == "get_at" else partial(lower_put, name.removesuffix("_at")),
        flops=free,
        rules=Rules(units=True),
        arguments=("x", "y", "z"),
    )


INDEXING = tuple(map(indexing, ("get_at", "set_at", "add_at", "subtract_at")))
