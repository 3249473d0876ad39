"""Convolution, pooling, and other ways to make images larger and smaller."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from torch import Tensor

from wirework.circuit.axes import Dim, columns, found, hint_of, length_of, one_axis, solid
from wirework.circuit.readings import Reading, marked
from wirework.circuit.recorder import Array, Result
from wirework.circuit.shaping import wish
from wirework.circuit.sizes import refuse_length
from wirework.circuit.sliding import KERNEL, slid
from wirework.circuit.torch.call import Call
from wirework.circuit.torch.table import opaque, translates
from wirework.polynomial import Polynomial

Each = int | Sequence[int]


def for_each(value: Each, count: int) -> list[int]:
    """One number for each spatial axis."""
    given = [value] if isinstance(value, int) else list(value)
    return given * count if len(given) == 1 else given


def option(values: Sequence[int], default: int) -> Any:
    """An option with one number for each axis, if it is not the default."""
    return None if all(value == default for value in values) else values[0] if len(values) == 1 else tuple(values)


def given(**options: Any) -> dict[str, Any]:
    """The options that are given."""
    return {name: value for name, value in options.items() if value is not None}


def slid_all(lengths: Sequence[int], kernel: Sequence[int], options: Mapping[str, Any]) -> list[int]:
    """The lengths of axes after a window has slid along them."""
    return [
        slid(length, size, options, place) for place, (length, size) in enumerate(zip(lengths, kernel, strict=True))
    ]


def spatial(call: Call, own: Sequence[Dim], lengths: Sequence[int]) -> tuple[list[Dim], list[Dim], list[Dim]]:
    """The spatial dimensions of a result, and how those of the input and the result are read.

    Where one is as long as that of the input, it is the same.
    """
    before = list(map(one_axis, own))
    dims = [
        found(dim) if hint_of(found(dim)) == length else call.new(length, read[-1].wish)
        for dim, read, length in zip(own, before, lengths, strict=True)
    ]
    after = [read if dim == found(old) else one_axis(dim) for dim, read, old in zip(dims, before, own, strict=True)]
    return dims, before, after


# -- convolution ------------------------------------------------------------------------------------------------------


def convolve(count: int) -> Callable[..., Any]:
    """The translator of a convolution over so many axes."""

    def translate(
        call: Call, input: Tensor, weight: Tensor, bias: Tensor | None = None, stride: Each = 1,
        padding: Each | str = 0, dilation: Each = 1, groups: int = 1,
    ) -> tuple[Array, ...]:  # fmt: skip
        strides, dilations = for_each(stride, count), for_each(dilation, count)
        kernel = list(weight.shape[2:])
        amounts = padding if isinstance(padding, str) else option(for_each(padding, count), 0)
        options = given(stride=option(strides, 1), padding=amounts, dilation=option(dilations, 1))
        results = slid_all(call.lengths(input)[-count:], kernel, options)
        return convolved(call, input, weight, bias, groups, results, options, transposed=False)

    return translate


def convolve_back(count: int) -> Callable[..., Any]:
    """The translator of a transposed convolution over so many axes."""

    def translate(
        call: Call, input: Tensor, weight: Tensor, bias: Tensor | None = None, stride: Each = 1, padding: Each = 0,
        output_padding: Each = 0, groups: int = 1, dilation: Each = 1,
    ) -> tuple[Array, ...]:  # fmt: skip
        numbers = [for_each(each, count) for each in (stride, padding, output_padding, dilation)]
        names = ("stride", "padding", "output_padding", "dilation")
        options = given(**dict(zip(names, map(option, numbers, (1, 0, 0, 1)), strict=True)), transposed=True)
        results = slid_all(call.lengths(input)[-count:], list(weight.shape[2:]), options)
        return convolved(call, input, weight, bias, groups, results, options, transposed=True)

    return translate


for count in (1, 2, 3):
    translates(f"conv{count}d")(convolve(count))
    translates(f"conv_transpose{count}d")(convolve_back(count))


def convolved(
    call: Call, input: Tensor, weight: Tensor, bias: Tensor | None, groups: int, lengths: Sequence[int],
    options: dict[str, Any], transposed: bool,
) -> tuple[Array, ...]:  # fmt: skip
    """`b [c] [h w], d [c] [p q] -> b d h w`; with groups g, `b (g [c]) ...`."""
    x, w = call.array(input), call.array(weight)
    count = len(lengths)
    batch, channels = list(map(found, x.dims[: -count - 1])), found(x.dims[-count - 1])
    rows, columns_, kernel = w.dims[0], w.dims[1], list(map(one_axis, w.dims[2:]))
    wish(kernel, KERNEL)
    wish([rows, columns_], "cc")
    wish([channels], "c")
    group: Dim = ()
    if groups == 1:
        (inside, outside) = (rows, columns_) if transposed else (columns_, rows)
        *batch, taken, made = columns([*([dim] for dim in batch), [channels, inside], [outside]])
        of_x, of_w, of_out = taken, [taken, made] if transposed else [made, taken], made
    else:
        group, taken, made = grouped_channels(call, channels, found(rows), found(columns_), groups, transposed)
        of_x, of_out = (*group, *taken), (*group, *made)
        of_w = [of_x, made] if transposed else [of_out, taken]
    result, space, places = spatial(call, x.dims[-count:], lengths)
    out: Dim = (
        of_out if groups == 1 or len(of_out) == 1 else found(rows) if not transposed else call.new(hint_of(of_out), "c")
    )
    operands = (
        marked([*batch, of_x, *space], [*taken, *(each for dim in space for each in dim)]),
        marked([*of_w, *kernel], [*taken, *(each for dim in kernel for each in dim)]),
    )
    keywords = {}
    if bias is not None:
        keywords["bias"] = call.array(bias)
        columns([[keywords["bias"].dims[0], out]])
        solid(out)
    reading: Reading = (*batch, of_out, *places)
    return call.step("conv", (x, w), operands, [call.result([*batch, out, *result], reading)], keywords, **options)


def grouped_channels(
    call: Call, channels: Dim, rows: Dim, columns_: Dim, groups: int, transposed: bool
) -> tuple[Dim, Dim, Dim]:
    """The groups, and the channels of input and output in each of them."""
    expected = hint_of(rows) if transposed else hint_of(columns_) * groups
    if hint_of(channels) != expected:
        refuse_length(length_of(channels), Polynomial.of(expected))
    into = expected // groups
    out = hint_of(columns_) if transposed else hint_of(rows) // groups
    if into == out == 1:
        (group,) = columns([[channels, rows]])
        return group, (), ()
    group = channels if into == 1 else call.new(groups, "g")
    if transposed:
        return group, () if into == 1 else call.new(into, "c"), columns_
    return group, columns_, () if out == 1 else call.new(out, "c")


# -- pooling ----------------------------------------------------------------------------------------------------------


def pool(count: int, kind: str) -> Callable[..., Any]:
    """The translator of the largest or the mean in windows."""
    fill = {"max": float("-inf"), "mean": 0}[kind]

    def translate(
        call: Call, input: Tensor, kernel_size: Each, stride: Any = None, padding: Each = 0, *rest: Any, **named: Any
    ) -> tuple[Array, ...] | None:
        names = ("dilation", "ceil_mode") if kind == "max" else ("ceil_mode", "count_include_pad", "divisor_override")
        more = {
            "dilation": 1,
            "ceil_mode": False,
            "count_include_pad": True,
            **dict(zip(names, rest, strict=False)),
            **named,
        }
        kernel = for_each(kernel_size, count)
        strides = kernel if stride is None or stride == [] or stride == () else for_each(stride, count)
        amounts, dilations = for_each(padding, count), for_each(more["dilation"], count)
        if more["ceil_mode"] or more.get("divisor_override") or (any(amounts) and not more["count_include_pad"]):
            return None
        array, lengths = call.array(input), call.lengths(input)[-count:]
        options = given(stride=option(strides, 1), padding=option(amounts, 0), dilation=option(dilations, 1))
        results = slid_all(lengths, kernel, options)
        if kernel == strides and not any(amounts) and all(d == 1 for d in dilations) and even(lengths, kernel):
            return in_tiles(call, kind, array, [n // k for n, k in zip(lengths, kernel, strict=True)], kernel)
        options |= {"fill": fill} if any(amounts) and fill else {}
        view, places, windows = windowed(call, array, results, kernel, options)
        inside = [each for dim in windows for each in dim]
        dims = [*view.dims[: -2 * count], *places]
        return call.step(kind, (view,), (marked(view.dims, inside),), [call.result(dims)])

    return translate


def windowed(
    call: Call, array: Array, lengths: Sequence[int], kernel: Sequence[int], options: Mapping[str, Any]
) -> tuple[Array, list[Dim], list[Dim]]:
    """The windows of an array: `b c [h] [w] -> b c h w [p] [q]`; the axes of places, and those inside windows."""
    count = len(kernel)
    rest = list(map(found, array.dims[:-count]))
    dims, space, places = spatial(call, array.dims[-count:], lengths)
    windows = [one_axis(call.new(length, name)) for length, name in zip(kernel, KERNEL, strict=False)]
    reading = marked([*rest, *places, *windows], [each for dim in windows for each in dim])
    operand = marked([*rest, *space], [each for dim in space for each in dim])
    result = Result((*rest, *dims, *windows), array.dtype, reading)
    (view,) = call.step("window", (array,), (operand,), [result], **options)
    return view, dims, windows


def even(lengths: Sequence[int], kernel: Sequence[int]) -> bool:
    """Whether windows side by side cover everything."""
    return all(int(length) % size == 0 for length, size in zip(lengths, kernel, strict=True))


def in_tiles(call: Call, kind: str, array: Array, places: Sequence[int], kernel: Sequence[int]) -> tuple[Array, ...]:
    """A reduction over windows side by side: `b c (h [p]) (w [q]) -> b c h w`."""
    count = len(kernel)
    rest, space = list(map(found, array.dims[:-count])), list(map(found, array.dims[-count:]))
    outer = [call.new(length, dim[-1].wish if dim else "") for length, dim in zip(places, space, strict=True)]
    inner = [call.new(length, name) for length, name in zip(kernel, KERNEL, strict=False)]
    tiles = [(*one, *other) for one, other in zip(outer, inner, strict=True)]
    reading = marked([*rest, *tiles], [each for dim in inner for each in dim])
    return call.step(kind, (array,), (reading,), [call.result([*rest, *outer])])


def pool_to(count: int, kind: str) -> Callable[..., Any]:
    """The translator of pooling to a given size."""

    def translate(call: Call, input: Tensor, output_size: Any, *_: Any) -> tuple[Array, ...] | None:
        array, lengths = call.array(input), call.lengths(input)[-count:]
        wanted = [
            given if given is not None else length
            for given, length in zip(
                output_size if isinstance(output_size, list | tuple) else [output_size] * count, lengths, strict=True
            )
        ]
        if [int(each) for each in wanted] == [int(each) for each in lengths]:
            return (array,)
        if all(int(each) == 1 for each in wanted):
            rest, space = list(map(found, array.dims[:-count])), list(map(found, array.dims[-count:]))
            reading = marked([*rest, *space], [each for dim in space for each in dim])
            return call.step(kind, (array,), (reading,), [call.result([*rest, *((),) * count])])
        if any(int(length) % int(size) for length, size in zip(lengths, wanted, strict=True)):
            return None
        return in_tiles(call, kind, array, wanted, [n // k for n, k in zip(lengths, wanted, strict=True)])

    return translate


for count in (1, 2, 3):
    translates(f"max_pool{count}d", f"torch.nn.functional.max_pool{count}d")(pool(count, "max"))
    translates(f"avg_pool{count}d")(pool(count, "mean"))
    translates(f"adaptive_avg_pool{count}d", f"torch.nn.functional.adaptive_avg_pool{count}d")(pool_to(count, "mean"))
    translates(f"torch.nn.functional.adaptive_max_pool{count}d")(pool_to(count, "max"))


@translates("torch.nn.functional.unfold", "im2col")
def unfold(
    call: Call, input: Tensor, kernel_size: Each, dilation: Each = 1, padding: Each = 0, stride: Each = 1
) -> tuple[Array, ...]:
    """The windows as columns: `b (c p q) (h w)`."""
    kernel, amounts, strides, dilations = (for_each(each, 2) for each in (kernel_size, padding, stride, dilation))
    options = given(stride=option(strides, 1), padding=option(amounts, 0), dilation=option(dilations, 1))
    array = call.array(input)
    *batch, channels = map(found, array.dims[:-2])
    view, places, windows = windowed(call, array, slid_all(call.lengths(input)[-2:], kernel, options), kernel, options)
    inner = tuple(each for dim in (channels, *windows) for each in dim)
    outer = tuple(each for dim in places for each in dim)
    return call.rearranged(view, tuple(map(found, view.dims)), [*batch, inner, outer])


# -- resampling -------------------------------------------------------------------------------------------------------


@translates("torch.nn.functional.interpolate", "torch.nn.functional.upsample")
def interpolate(
    call: Call, input: Tensor, size: Any = None, scale_factor: Any = None, mode: str = "nearest", *_: Any, **__: Any
) -> tuple[Array, ...] | None:
    """Each element several times, for a whole factor and the nearest element; otherwise as torch does it."""
    array = call.array(input)
    count = len(array.dims) - 2
    lengths = call.lengths(input)[2:]
    if size is not None:
        wanted = for_each(size, count)
        factors = [int(new) / int(old) for new, old in zip(wanted, lengths, strict=True)]
    else:
        factors = [
            float(each) for each in (scale_factor if isinstance(scale_factor, list | tuple) else [scale_factor] * count)
        ]
        wanted = [scaled(length, factor) for length, factor in zip(lengths, factors, strict=True)]
    own = list(map(found, array.dims))
    if mode == "nearest" and all(factor >= 1 and factor.is_integer() for factor in factors):
        tiles = [
            (*dim, *call.new(int(factor), name)) for dim, factor, name in zip(own[2:], factors, KERNEL, strict=False)
        ]
        return call.rearranged(array, tuple(own), [*own[:2], *tiles])
    return opaque(call, [*own[:2], *spatial(call, own[2:], wanted)[0]])


def scaled(length: int, factor: float) -> int:
    """A length times a factor, rounded down."""
    if factor.is_integer():
        return length * int(factor)
    return length // int(1 / factor) if (1 / factor).is_integer() else int(int(length) * factor)
