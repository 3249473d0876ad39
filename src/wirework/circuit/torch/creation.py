"""Arrays that depend on no other: zeros, numbers in order, what the code spells out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from wirework.circuit.axes import Dim, apart
from wirework.circuit.recorder import Array, Result
from wirework.circuit.sizes import Size, formula_of
from wirework.circuit.torch.call import Call, dtype_name
from wirework.circuit.torch.table import translates


def new_dims(call: Call, size: Sequence[Any]) -> list[Dim]:
    """The dimensions of a size that is written in one of torch's ways."""
    given = size[0] if len(size) == 1 and not isinstance(size[0], int) else size
    return [call.new(length) for length in given]


def filled_with(call: Call, dims: Sequence[Dim], value: Any) -> tuple[Array, ...] | None:
    """An array of one number."""
    if isinstance(value, Tensor):
        return None
    value = formula_of(value) if isinstance(value, int) and not isinstance(value, bool) else value
    value = bool(call.outs[0].dtype == torch.bool and value != 0) if call.outs[0].dtype == torch.bool else value
    return call.step("full", (), (), [call.result(dims)], value=value)


def of_size(value: Any) -> Callable[..., Any]:
    """The translator of a function of a size alone."""

    def translate(call: Call, *size: Any, **named: Any) -> Any:
        return filled_with(call, new_dims(call, size or (named["size"],)), value)

    return translate


def of_new_size(value: Any) -> Callable[..., Any]:
    """The translator of a method that takes a size, and the type from its tensor."""

    def translate(call: Call, like: Tensor, *size: Any, **named: Any) -> Any:
        return filled_with(call, new_dims(call, size or (named["size"],)), value)

    return translate


def like_another(value: Any) -> Callable[..., Any]:
    """The translator of a function that takes the size from a tensor."""

    def translate(call: Call, input: Tensor, **_: Any) -> Any:
        return filled_with(call, call.array(input).dims, value)

    return translate


for name, value in (("zeros", 0), ("ones", 1), ("empty", 0)):
    translates(name)(of_size(value))
    translates(f"new_{name}")(of_new_size(value))
    translates(f"{name}_like")(like_another(value))


@translates("full")
def full(call: Call, size: Sequence[int], fill_value: Any, **_: Any) -> tuple[Array, ...] | None:
    """One number everywhere."""
    return filled_with(call, new_dims(call, [size]), fill_value)


@translates("new_full")
def new_full(call: Call, like: Tensor, size: Sequence[int], fill_value: Any, **_: Any) -> tuple[Array, ...] | None:
    """One number everywhere."""
    return filled_with(call, new_dims(call, [size]), fill_value)


@translates("full_like")
def full_like(call: Call, input: Tensor, fill_value: Any, **_: Any) -> tuple[Array, ...] | None:
    """One number everywhere."""
    return filled_with(call, call.array(input).dims, fill_value)


@translates("arange")
def arange(call: Call, *bounds: Any, **named: Any) -> tuple[Array, ...] | None:
    """Numbers in order."""
    given = list(bounds) or [named[key] for key in ("start", "end") if key in named]
    given += [named[key] for key in ("end",) if bounds and key in named]
    step = given[2] if len(given) == 3 else named.get("step", 1)
    start, stop = (0, given[0]) if len(given) == 1 else given[:2]
    if not all(isinstance(each, int) for each in (start, stop, step)):
        if not all(isinstance(each, int | float) for each in (start, stop, step)):
            return None
        dims = [call.new(call.outs[0].shape[0])]
        return call.step("arange", (), (), [call.result(dims)], start=start, step=step)
    length = stop - start if step == 1 else -(-(stop - start) // step)
    return call.step(
        "arange", (), (), [call.result([call.new(length)])], start=formula_of(start), step=formula_of(step)
    )


@translates("linspace")
def linspace(call: Call, start: Any, end: Any, steps: int, **_: Any) -> tuple[Array, ...] | None:
    """Numbers in equal steps, both ends included."""
    if any(isinstance(each, Tensor | Size) for each in (start, end, steps)):
        return None
    value = torch.linspace(start, end, steps, dtype=call.outs[0].dtype).tolist()
    return call.step("constant", (), (), [call.result([call.new(steps)])], value=value)


@translates("eye")
def eye(call: Call, n: int, m: int | None = None, **_: Any) -> tuple[Array, ...]:
    """1 on the diagonal, else 0."""
    rows, columns = apart([call.new(n), call.new(n if m is None else m)])
    (row,) = call.step("arange", (), (), [Result((rows,), "int64")], start=0, step=1)
    (column,) = call.step("arange", (), (), [Result((columns,), "int64")], start=0, step=1)
    (equal,) = call.step("equal", (row, column), ((rows,), (columns,)), [Result((rows, columns), "bool")])
    return call.cast(equal, dtype_name(call.outs[0].dtype))


@translates("tensor", "as_tensor", "asarray", "scalar_tensor", "new_tensor")
def tensor(call: Call, data: Any, *rest: Any, **_: Any) -> tuple[Array, ...] | None:
    """What the code spells out."""
    if call.function.endswith("new_tensor"):
        (data,) = rest
    if isinstance(data, Tensor):
        array = call.array(data)
        return (
            (array,)
            if array.dtype == dtype_name(call.outs[0].dtype)
            else call.cast(array, dtype_name(call.outs[0].dtype))
        )
    if hasattr(data, "tolist"):
        data = data.tolist()
    if isinstance(data, Size):
        return call.step("full", (), (), [call.result(())], value=data.formula)
    dims = [call.new(length) for length in call.outs[0].shape]
    return call.step("constant", (), (), [call.result(dims)], value=data)
