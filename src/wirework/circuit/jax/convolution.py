"""Convolution, and pooling in windows."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from jax import lax

from wirework.circuit.axes import Dim, columns, found, length_of, one_axis
from wirework.circuit.jax.call import Call
from wirework.circuit.jax.operand import Operand
from wirework.circuit.jax.reduction import Total, along
from wirework.circuit.jax.table import translates
from wirework.circuit.readings import marked
from wirework.circuit.recorder import Array, Result
from wirework.circuit.shaping import wish
from wirework.circuit.sliding import KERNEL
from wirework.polynomial import product

Pads = Sequence[tuple[Any, Any]]


def option(values: Sequence[Any], default: Any) -> Any:
    """An option with one number for each axis; `None` if it is the default."""
    given = [int(value) for value in values]
    return None if all(value == default for value in given) else given[0] if len(set(given)) == 1 else tuple(given)


def padding_of(call: Call, pads: Pads, lengths: Sequence[Any], windows: Sequence[int], strides: Sequence[int]) -> Any:
    """How much is padded: a number, numbers for each axis, or "same"; `None`: nothing.

    Raises:
        ValueError: if it depends on lengths in another way.
    """
    amounts = [(call.formula(low), call.formula(high)) for low, high in pads]
    if all(each.constant is not None for pair in amounts for each in pair):
        numbers = [(int(low), int(high)) for low, high in amounts]
        if any(number < 0 for pair in numbers for number in pair):
            raise ValueError("negative padding")
        if all(low == high for low, high in numbers):
            return option([low for low, _ in numbers], 0)
        return tuple(numbers)
    same = lax.padtype_to_pads(lengths, windows, strides, "SAME")
    if [(call.formula(low), call.formula(high)) for low, high in same] != amounts:
        raise ValueError("padding that depends on lengths")
    return "same"


def given(**options: Any) -> dict[str, Any]:
    """The options that are given."""
    return {name: value for name, value in options.items() if value is not None}


def spatial(call: Call, own: Sequence[Dim], lengths: Sequence[Any]) -> tuple[list[Dim], list[Dim], list[Dim]]:
    """The spatial dimensions of a result, and how those of the input and the result are read."""
    before = list(map(one_axis, own))
    dims = [
        found(dim) if call.same_length(dim, length) else call.new(length, read[-1].wish)
        for dim, read, length in zip(own, before, lengths, strict=True)
    ]
    after = [read if dim == found(old) else one_axis(dim) for dim, read, old in zip(dims, before, own, strict=True)]
    return dims, before, after


def in_order(dims: Sequence[Any], places: Sequence[int]) -> list[Any]:
    """Things each of which goes to its place."""
    return [each for _, each in sorted(zip(places, dims, strict=True), key=lambda pair: pair[0])]


@translates("conv_general_dilated")
def convolution(call: Call, x: Operand, weight: Operand) -> tuple[Array, ...] | None:
    """`b [h w c], [p q c] d -> b h w d`, in whatever order dimensions stand; with groups g, `b ... (g [c])`."""
    params, numbers = call.params, call.params["dimension_numbers"]
    transposed = any(each != 1 for each in params["lhs_dilation"])
    left, right, groups = call.array(x), call.array(weight), params["feature_group_count"]
    if params["batch_group_count"] != 1 or (transposed and groups != 1):
        return None
    if transposed:
        (right,) = along(call, "flip", right, numbers.rhs_spec[2:])
    batch, channels, *space = [found(left.dims[place]) for place in numbers.lhs_spec]
    out, into, *kernel = [found(right.dims[place]) for place in numbers.rhs_spec]
    kernel = list(map(one_axis, kernel))
    wish(kernel, KERNEL)
    wish([channels, out, into], "ccc")
    lengths = [call.shape()[place] for place in numbers.out_spec[2:]]
    windows = [each.hint for dim in kernel for each in dim]
    spread = [(size - 1) * dilation + 1 for size, dilation in zip(windows, params["rhs_dilation"], strict=True)]
    shape = call.equation.invars[0].aval.shape
    sizes = [shape[place] for place in numbers.lhs_spec[2:]]
    options = given(
        stride=option(params["window_strides"], 1), dilation=option(params["rhs_dilation"], 1),
        padding=None if transposed else padding_of(call, params["padding"], sizes, spread, params["window_strides"]),
    )  # fmt: skip
    if transposed:
        options |= backwards(call, spread)
    group: Dim = ()
    if groups == 1:
        batch, taken, made = columns([[batch], [channels, into], [out]])
    else:
        (taken,), (made,) = [into], [call.new(length_of(out) // groups, "c")]
        group = call.new(groups, "g")
        if not taken and not made:
            (group,) = columns([[channels, out]])
    dims, before, after = spatial(call, space, lengths)
    inside = [each for dim in (taken, *before) for each in dim]
    whole = made if groups == 1 else out
    readings = (
        marked(in_order([batch, (*group, *taken), *before], numbers.lhs_spec), inside),
        marked(
            in_order([(*group, *made), taken, *kernel], numbers.rhs_spec), [*taken, *(e for dim in kernel for e in dim)]
        ),
    )
    result = in_order([batch, whole, *dims], numbers.out_spec)
    reading = in_order([batch, (*group, *made), *after], numbers.out_spec)
    return call.step("conv", (left, right), readings, [call.result(result, tuple(reading))], **options)


def backwards(call: Call, windows: Sequence[int]) -> dict[str, Any]:
    """The options of a transposed convolution, which JAX writes as one of an input with gaps.

    Raises:
        ValueError: if it is none.
    """
    params = call.params
    pads = [(int(call.formula(low)), int(call.formula(high))) for low, high in params["padding"]]
    cut = [window - 1 - low for window, (low, _) in zip(windows, pads, strict=True)]
    more = [high - low for low, high in pads]
    if any(each != 1 for each in params["window_strides"]) or min(*cut, *more) < 0:
        raise ValueError("no transposed convolution")
    return given(
        stride=option(params["lhs_dilation"], 1),
        padding=option(cut, 0),
        output_padding=option(more, 0),
        transposed=True,
    )


# -- pooling ----------------------------------------------------------------------------------------------------------


def pool(kind: str, fill: float) -> Callable[..., Any]:
    """The translator of a reduction in windows."""

    def translate(call: Call, x: Operand) -> Any:
        params, array = call.params, call.array(x)
        windows, strides = list(map(int, params["window_dimensions"])), list(map(int, params["window_strides"]))
        if any(each != 1 for each in (*params["base_dilation"], *params["window_dilation"])):
            return None
        places = [place for place, size in enumerate(windows) if (size, strides[place]) != (1, 1)]
        shape = call.equation.invars[0].aval.shape
        amounts = padding_of(call, params["padding"], shape, windows, strides)
        if len(places) > len(KERNEL):
            return None
        if windows == strides and amounts is None and all(array.hints[at] % windows[at] == 0 for at in places):
            return in_tiles(call, kind, array, places, windows)
        return in_windows(call, kind, array, places, fill)

    return translate


translates("reduce_window_max")(pool("max", float("-inf")))
translates("reduce_window_sum")(pool("sum", 0))


def in_tiles(call: Call, kind: str, array: Array, places: Sequence[int], windows: Sequence[int]) -> Any:
    """A reduction over windows side by side: `b (h [p]) (w [q]) c -> b h w c`."""
    outer = list(map(found, array.dims))
    dims, inner = list(outer), []
    for at, name in zip(places, KERNEL, strict=False):
        outer[at] = call.new(array.shape[at] // windows[at], dims[at][-1].wish if dims[at] else "")
        inner.append(call.new(windows[at], name))
        dims[at] = (*outer[at], *inner[-1])
    return totalled(call, kind, array, dims, inner, outer)


def in_windows(call: Call, kind: str, array: Array, places: Sequence[int], fill: float) -> Any:
    """A reduction over windows that overlap, or are padded."""
    params = call.params
    windows = [int(params["window_dimensions"][at]) for at in places]
    strides = [int(params["window_strides"][at]) for at in places]
    pads = [params["padding"][at] for at in places]
    amounts = padding_of(call, pads, [call.equation.invars[0].aval.shape[at] for at in places], windows, strides)
    after, space, read = spatial(call, [array.dims[at] for at in places], [call.shape()[at] for at in places])
    new = [one_axis(call.new(length, name)) for length, name in zip(windows, KERNEL, strict=False)]
    dims, results, readings = (list(map(found, array.dims)) for _ in range(3))
    for at, own, result, reading in zip(places, space, after, read, strict=True):
        dims[at], results[at], readings[at] = own, result, reading
    options = given(stride=option(strides, 1), padding=amounts, fill=fill if amounts is not None and fill else None)
    inside = [each for dim in new for each in dim]
    (view,) = call.step(
        "window", (array,), (marked(dims, [each for dim in space for each in dim]),),
        [Result((*results, *new), array.dtype, marked([*readings, *new], inside))], **options,
    )  # fmt: skip
    return totalled(call, kind, view, [*results, *new], new, results)


def totalled(
    call: Call, kind: str, array: Array, dims: Sequence[Dim], inner: Sequence[Dim], outer: Sequence[Dim]
) -> tuple[Array, ...]:
    """A reduction over windows; a sum is remembered, for the mean that may come of it."""
    reading = marked(dims, [each for dim in inner for each in dim])
    made = call.step(kind, (array,), (reading,), [call.result(outer)])
    if kind == "sum":
        call.reader.sums[made[0]] = Total(array, reading, product(map(length_of, inner)))
    return made
