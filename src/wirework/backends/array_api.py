"""Any library that follows the Python array API standard (2024.12), by the names of its namespace."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial, reduce
from typing import Any

from wirework.backends import generic
from wirework.backends.base import OPERATORS, Backend, listed, one_or_tuple, tupled
from wirework.errors import NotSupportedError


class ArrayApi(Backend):
    """One instance for each namespace."""

    name = "array_api"
    xp = "xp"

    def __init__(self, namespace: Any, kind: type) -> None:
        self.namespace = namespace
        self.kind = kind

    def names(self) -> Mapping[str, Any]:
        xp = self.namespace
        shared = ("attend", "convolve", "unravel", "windows")
        shared += ("stable_log_softmax", "stable_logsumexp", "stable_softmax")
        own = (
            "counted", "diagonal", "floating", "index_put", "promote", "rolled", "take", "vmap",
        )  # fmt: skip
        return {
            "xp": xp,
            "coordinates": partial(coordinates, xp),
            "cheapest": generic.cheapest,
            "expect_shape": generic.expect_shape,
            **{name: partial(getattr(generic, name), xp) for name in shared},
            **{name: partial(globals()[name], xp) for name in own},
        }

    def owns(self, kind: type) -> bool:
        return issubclass(kind, self.kind)

    def cast_input(self, name: str, like: str) -> str:
        return f"xp.asarray({name}, device={like}.device)"

    boolean = "xp.bool"

    def reshape(self, x: str, shape: Sequence[str]) -> str:
        return f"xp.reshape({x}, {tupled(shape) if shape else '()'})"

    def permute(self, x: str, order: Sequence[int]) -> str:
        return f"xp.permute_dims({x}, {tupled(order)})"

    def unsqueeze(self, x: str, axes: Sequence[int]) -> str:
        for axis in axes:
            x = f"xp.expand_dims({x}, axis={axis})"
        return x

    def squeeze(self, x: str, axes: Sequence[int]) -> str:
        return f"xp.squeeze({x}, axis={one_or_tuple(axes)})"

    def diagonal(self, x: str, axis1: int, axis2: int) -> str:
        return f"diagonal({x}, {axis1}, {axis2})"

    def narrow(self, x: str, axis: int, start: str, stop: str) -> str:
        place = f"{'' if start == '0' else start}:{stop}"
        return f"{x}[{listed([*[':'] * axis, place, '...'])}]"

    def select(self, x: str, axis: int, index: int) -> str:
        return f"{x}[{listed([*[':'] * axis, index, '...'])}]"

    def concat(self, *parts: str, axis: int) -> str:
        return f"xp.concat([{listed(parts)}], axis={axis})"

    def elementwise(self, *operands: str, function: str, scalars: Sequence[int]) -> str:
        if function in OPERATORS or function in ("where", "maximum", "minimum", "logaddexp"):
            return super().elementwise(*operands, function=function, scalars=scalars)
        like = next(operand for number, operand in enumerate(operands) if number not in scalars)
        made = [f"xp.asarray({o}, dtype={like}.dtype)" if n in scalars else o for n, o in enumerate(operands)]
        return super().elementwise(*made, function=function, scalars=())

    def reduce(self, x: str, *options: str, function: str, axes: Sequence[int], keepdims: bool = False) -> str:
        arguments = [f"axis={one_or_tuple(axes)}"]
        arguments += [f"correction={option}" for option in options]
        arguments += ["keepdims=True"] if keepdims else []
        if function in ("sum", "prod"):
            x = f"counted({x})"
        prefix = "stable_" if function == "logsumexp" else "xp."
        return f"{prefix}{function}({listed([x, *arguments])})"

    def argreduce(self, x: str, function: str, axis: int) -> str:
        return f"xp.{function}(counted({x}), axis={axis})"

    def sort(self, x: str, axis: int) -> str:
        return f"xp.sort({x}, axis={axis})"

    def argsort(self, x: str, axis: int) -> str:
        return f"xp.argsort({x}, axis={axis}, stable=True)"

    def flip(self, x: str, axes: Sequence[int]) -> str:
        return f"xp.flip({x}, axis={tupled(axes)})"

    def roll(self, x: str, shift: str, axes: Sequence[int], several: bool) -> str:
        return f"rolled({x}, {shift}, {tupled(axes)})"

    def cumulate(self, x: str, function: str, axis: int) -> str:
        return f"xp.cumulative_{'sum' if function == 'cumsum' else 'prod'}(counted({x}), axis={axis})"

    def take(self, x: str, *indices: str, axis: int) -> str:
        return f"take({listed([x, tupled(indices), axis])})"


def counted(xp: Any, x: Any) -> Any:
    """Bools as numbers, so that they can be counted."""
    return xp.astype(x, default_integer(xp)) if xp.isdtype(x.dtype, "bool") else x


def default_integer(xp: Any) -> Any:
    """The namespace's default integer type."""
    return xp.arange(1).dtype


def floating(xp: Any, x: Any) -> Any:
    """Integers and bools as the default floating type."""
    if xp.isdtype(x.dtype, ("real floating", "complex floating")):
        return x
    return xp.astype(x, xp.asarray(0.0).dtype)


def promote(xp: Any, *arrays: Any) -> list[Any]:
    """Arrays as one dtype; bools count."""
    dtype = reduce(xp.result_type, (array.dtype for array in arrays))
    dtype = default_integer(xp) if xp.isdtype(dtype, "bool") else dtype
    return [xp.astype(array, dtype) for array in arrays]


def coordinates(xp: Any, x: Any) -> Any:
    """An array of whole numbers."""
    if not xp.isdtype(x.dtype, "integral"):
        raise TypeError(f"coordinates must be whole numbers, not {x.dtype}")
    return xp.astype(x, default_integer(xp))


def diagonal(xp: Any, x: Any, axis1: int, axis2: int) -> Any:
    """The diagonal of two axes, as the last one."""
    rest = [axis for axis in range(x.ndim) if axis not in (axis1, axis2)]
    x = xp.permute_dims(x, (*rest, axis1, axis2))
    size = x.shape[-1]
    return xp.reshape(x, (*x.shape[:-2], size * size))[..., :: size + 1]


def rolled(xp: Any, x: Any, shift: Any, axes: Sequence[int]) -> Any:
    """Shift along axes, by one number or one for each."""
    shifts = tuple(shift) if isinstance(shift, Sequence) else (shift,) * len(axes)
    return xp.roll(x, shifts, axis=tuple(axes))


def flat_places(xp: Any, x: Any, indices: Sequence[Any], start: int) -> tuple[Any, Any]:
    """An array with its indexed axes flattened into one, and the places along it."""
    sizes = x.shape[start : start + len(indices)]
    places = xp.asarray(0)
    for index, size in zip(indices, sizes, strict=True):
        index = xp.asarray(index)
        outside = xp.any((index < -size) | (index >= size)) if index.size else False
        if outside:
            raise IndexError(f"index out of range for an axis of length {size}")
        places = places * size + xp.where(index < 0, index + size, index)
    total = 1
    for size in sizes:
        total *= size
    return xp.reshape(x, (*x.shape[:start], total, *x.shape[start + len(indices) :])), places


def take(xp: Any, x: Any, indices: Sequence[Any], start: int) -> Any:
    """`x[..., i, j, ...]` with arrays of whole numbers."""
    flat, places = flat_places(xp, x, indices, start)
    taken = xp.take(flat, xp.reshape(places, (-1,)), axis=start)
    return xp.reshape(taken, (*flat.shape[:start], *places.shape, *flat.shape[start + 1 :]))


def index_put(xp: Any, x: Any, indices: Sequence[Any], values: Any, mode: str) -> Any:
    """A copy of `x` with values put, added or subtracted: by comparing each place with each element."""
    flat, places = flat_places(xp, x, xp.broadcast_arrays(*map(xp.asarray, indices)), 0)
    rest = flat.shape[1:]
    values = xp.astype(xp.asarray(values), x.dtype)
    values = xp.reshape(xp.broadcast_to(values, (*places.shape, *rest)), (places.size, -1 if places.size else 0))
    table = xp.reshape(flat, (flat.shape[0], -1 if flat.size else 0))
    if not (places.size and flat.size):
        return xp.asarray(x, copy=True)
    hits = xp.reshape(places, (1, -1)) == xp.expand_dims(xp.arange(flat.shape[0]), axis=1)
    if mode == "set":
        order = xp.where(hits, xp.expand_dims(xp.arange(1, places.size + 1), axis=0), xp.asarray(0))
        last = xp.max(order, axis=1)
        written = xp.take(values, xp.where(last > 0, last - 1, xp.zeros_like(last)), axis=0)
        result = xp.where(xp.expand_dims(last > 0, axis=1), written, table)
    else:
        added = xp.matmul(xp.astype(hits, x.dtype), values)
        result = table + added if mode == "add" else table - added
    return xp.reshape(result, x.shape)


def vmap(xp: Any, function: Callable[..., Any], where: Sequence[Sequence[bool]]) -> Callable[..., Any]:
    """The standard has no vectorisation."""
    raise NotSupportedError('adapt(kind="vmap") needs NumPy, torch or JAX')
