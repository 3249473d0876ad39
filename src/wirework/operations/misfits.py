"""Arrays and options that do not fit each other, looked for once the array library has refused them.

Sizes are checked by generated code itself. What is here would cost every call too much to look at.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from wirework.errors import AxisSizeError, BackendError, CoordinateError, Span
from wirework.notation import Bound
from wirework.notation.names import shown, shown_axis
from wirework.notation.sizes import Assign, Atom, Dim, Given, Var, evaluate
from wirework.operations import attention
from wirework.operations.base import Call, Lowering
from wirework.plan import Builder


@dataclass(frozen=True)
class Run:
    """One run of generated code: the call, and what it was given."""

    call: Call
    bound: Bound
    arrays: Sequence[Any]
    sizes: Mapping[str, Any]
    options: Mapping[str, Any]

    def length(self, axis: str) -> int:
        """The length of an axis."""
        found: dict[str, int] = {}

        def value(atom: Atom) -> int:
            match atom:
                case Dim(operand, index):
                    return self.arrays[operand].shape[index]
                case Given(name, path):
                    entry = self.sizes[name]
                    for index in path:
                        entry = entry[index]
                    return entry
                case Var(name):
                    return found[name]
                case _:
                    raise KeyError(atom)

        for statement in self.bound.statements:
            if isinstance(statement, Assign):
                found[statement.name] = evaluate(statement.size, value)
        return evaluate(self.bound.size(axis), value)


def refuse_misfits(name: str, run: Run) -> None:
    """Say what does not fit, if it is one of the things known here.

    Raises:
        CoordinateError: for a coordinate outside its axis.
        BackendError: for coordinates that are no whole numbers.
        AxisSizeError: for a kernel longer than its axis, and a mask or bias that does not fit the scores.
    """
    try:
        if name.endswith("_at"):
            refuse_coordinates(name, run)
        elif name == "attention":
            refuse_score_arrays(run)
        elif name in ("conv", "window"):
            refuse_long_kernels(name, run)
    except (KeyError, ZeroDivisionError, AttributeError):
        pass  # a size that is not there is an error of its own


# -- coordinates --------------------------------------------------------------------------------------------


def refuse_coordinates(name: str, run: Run) -> None:
    """Name the first coordinate that lies outside its axis, or is no whole number."""
    indexed = [leaf for leaf in run.bound.inputs[0].leaves if leaf.bracket]
    last = len(run.arrays) - (name != "get_at")
    for number in range(1, last):
        dtype = str(getattr(run.arrays[number], "dtype", "int"))
        if "int" not in dtype:
            raise BackendError(
                f"{name}: argument {number + 1} holds coordinates, so it must be of whole numbers, not {dtype}",
                run.call.text,
                [run.bound.inputs[number].span],
            )
    columns = [(number, column) for number in range(1, last) for column in columns_of(run, number)]
    for leaf, (number, column) in zip(indexed, columns, strict=False):
        length = run.length(leaf.name)
        for coordinate in extremes(column):
            if not -length <= coordinate < length:
                raise CoordinateError(
                    f"{name}: coordinate {coordinate} of argument {number + 1} is outside {shown_axis(leaf.size)}, "
                    f"whose length is {length}",
                    run.call.text,
                    [leaf.span, run.bound.inputs[number].span],
                )


def columns_of(run: Run, number: int) -> Iterator[Any]:
    """The coordinates in an argument, one array for each indexed axis."""
    array = run.arrays[number]
    for index, dim in enumerate(run.bound.inputs[number].dims):
        if any(leaf.bracket for leaf in dim.leaves):
            if len(dim.leaves) == 1:
                for place in range(array.shape[index]):
                    yield array[(slice(None),) * index + (place,)]
            return
    yield array


def extremes(array: Any) -> tuple[int, ...]:
    """The largest and the smallest value."""
    if isinstance(array, int):
        return (array,)
    if math.prod(array.shape) == 0:
        return ()
    return int(array.max()), int(array.min())


# -- kernels --------------------------------------------------------------------------------------------------


def refuse_long_kernels(name: str, run: Run) -> None:
    """Name the first axis that is shorter than what slides over it."""
    if run.call.options.get("transposed") or run.call.options.get("padding") == "same":
        return
    x, *weights = run.bound.inputs
    channels = {leaf.name for array in weights for leaf in array.leaves}
    spatial = [leaf for leaf in x.leaves if leaf.bracket and leaf.name not in channels]
    kernels = [leaf for array in (weights or run.bound.outputs) for leaf in array.leaves
               if leaf.bracket and leaf.name not in x.names]  # fmt: skip
    for index, (leaf, kernel) in enumerate(zip(spatial, kernels, strict=False)):
        before, after = pair(entry(run.options.get("padding", 0), index))
        length, extent = run.length(leaf.name), run.length(kernel.name)
        span = entry(run.options.get("dilation", 1), index) * (extent - 1) + 1
        if span <= length + before + after:
            continue
        what = "kernel" if name == "conv" else "window"
        spread = f" spread over {span}" if span != extent else ""
        padded = f" padded to {length + before + after}" if before + after else ""
        raise AxisSizeError(
            f"a {what} of length {extent}{spread} does not fit on {shown_axis(leaf.size)} of length {length}{padded}",
            run.call.text,
            [leaf.span, *([kernel.span] if kernel.span != leaf.span else [])],
        )


def entry(option: Any, index: int) -> Any:
    """The part of an option for one axis."""
    return option[index] if isinstance(option, tuple | list) else option


def pair(padding: Any) -> tuple[int, int]:
    """Padding before and after an axis."""
    return (padding[0], padding[1]) if isinstance(padding, tuple | list) else (padding, padding)


# -- masks and biases -----------------------------------------------------------------------------------------


def refuse_score_arrays(run: Run) -> None:
    """Name the mask or bias whose shape is not that of its axes, nor 1 there."""
    low = Lowering(run.call, run.bound, Builder(run.bound.size), ())
    role = attention.roles(low)
    for option in ("mask", "bias"):
        if option not in run.options:
            continue
        kind, shape = run.call.options[option], tuple(run.options[option].shape)
        named = kind[0] == "named"
        axes = attention.named_axes(low, kind[1], role) if named else role.scores[len(role.scores) - len(shape) :]
        lengths = tuple(map(run.length, axes))
        if all(size in (1, length) for size, length in zip(shape, lengths, strict=True)):
            continue
        wanted = ", ".join(f"{shown(axis)}={length}" for axis, length in zip(axes, lengths, strict=True))
        raise AxisSizeError(
            f"{option} has shape ({' '.join(map(str, shape))}), but its axes are {wanted}",
            run.call.text,
            spans_of_axes(run.bound, axes),
        )


def spans_of_axes(bound: Bound, axes: Sequence[str]) -> list[Span]:
    """Where some axes are first written."""
    leaves = [leaf for array in bound.inputs for leaf in array.leaves]
    return [next(leaf.span for leaf in leaves if leaf.name == axis) for axis in axes]
