"""How long an axis is after a window has slid along it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from wirework.notation import Bound

KERNEL = ("p", "q", "r")  # names for the axes of a kernel or a window


def times_a_window_fits(length: int, kernel: int, stride: int, padding: int, dilation: int) -> int:
    """How many places a window has; `padding` is that of both ends together."""
    return (length + padding - dilation * (kernel - 1) - 1) // stride + 1


def length_spread_out(length: int, kernel: int, stride: int, padding: int, dilation: int, more: int) -> int:
    """How long the result of a transposed convolution is."""
    return (length - 1) * stride - padding + dilation * (kernel - 1) + more + 1


def sliding_lengths(
    name: str, bound: Bound, size: Callable[[str], int], options: Mapping[str, Any]
) -> dict[str, tuple[str, int]]:
    """For each axis that an operation has slid along, the axis before, and the length after."""
    if name not in ("conv", "window"):
        return {}
    x, output = bound.inputs[0], bound.outputs[0]
    inside, known = x.select(bracket=True), set(x.names)
    kernel = kernel_axes(name, bound)
    if name == "conv":
        weight = bound.inputs[1]
        spatial = [axis for axis in inside if axis not in weight.names]
        known |= set(weight.names)
    else:
        spatial = list(inside)
    places = [axis for axis in output.names if axis not in known and axis not in kernel]
    return {
        after: (before, slid(size(bound.size_of[before]), size(bound.size_of[window]), options, place))
        for place, (before, window, after) in enumerate(zip(spatial, kernel, places, strict=True))
    }


def kernel_axes(name: str, bound: Bound) -> list[str]:
    """The axes of the kernel, or of the window."""
    known, output = set(bound.inputs[0].names), bound.outputs[0]
    if name == "window":
        return [axis for axis in output.select(bracket=True) if axis not in known]
    if name == "conv":
        inside = bound.inputs[1].select(bracket=True)
        return [axis for axis in inside if axis not in known and axis not in output.names]
    return []


def slid(length: int, kernel: int, options: Mapping[str, Any], place: int) -> int:
    """The length of one axis after an operation with some options has slid along it."""

    def option(name: str, default: Any) -> Any:
        value = options.get(name)
        value = default if value is None else value
        return value[place] if isinstance(value, tuple | list) else value

    stride, padding, dilation = option("stride", 1), option("padding", 0), option("dilation", 1)
    if padding == "same":
        return -(-length // stride)
    both = 0 if padding == "valid" else sum(padding) if isinstance(padding, tuple | list) else 2 * padding
    if options.get("transposed"):
        return length_spread_out(length, kernel, stride, both, dilation, option("output_padding", 0))
    return times_a_window_fits(length, kernel, stride, both, dilation)
