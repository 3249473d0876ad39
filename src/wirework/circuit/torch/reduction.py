"""Reductions over dimensions, and what goes along one: softmax, cumsum, roll, sort."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from wirework.circuit.axes import Dim, found, one_axis
from wirework.circuit.readings import marked
from wirework.circuit.recorder import Array
from wirework.circuit.sizes import formula_of
from wirework.circuit.torch.call import Call, dtype_name
from wirework.circuit.torch.table import translates

SEVERAL = (
    "sum",
    "mean",
    "prod",
    "max",
    "min",
    "all",
    "any",
    "logsumexp",
    "count_nonzero",
    "var",
    "std",
    "softmax",
    "log_softmax",
)  # act on several axes as on one that has them flattened
Place = int | Sequence[int] | None


def places(rank: int, dim: Place) -> set[int]:
    """Places of dimensions, from the left; all, if none is given."""
    given = range(rank) if dim is None or dim == () or dim == [] else [dim] if isinstance(dim, int) else dim
    return {place % rank for place in given} if rank else set()


def reduced(
    call: Call, kind: str, array: Array, dim: Place, keepdim: bool = False, place: int = 0, **options: Any
) -> tuple[Array, ...]:
    """A reduction over some dimensions."""
    over = places(len(array.dims), dim)
    own = acted_on(kind, array, over)
    inside = [each for index in over for each in own[index]]
    dims: list[Dim] = [() if index in over else each for index, each in enumerate(own) if keepdim or index not in over]
    return call.step(kind, (array,), (marked(own, inside),), [call.result(dims, place=place)], **options)


def acted_on(kind: str, array: Array, over: set[int]) -> list[Dim]:
    """How an array is read by what acts on some dimensions: by most operations each as one axis."""
    several = kind in SEVERAL
    return [one_axis(dim) if index in over and not several else found(dim) for index, dim in enumerate(array.dims)]


def plain(kind: str) -> Callable[..., Any]:
    """The translator of a reduction that takes a type of its result."""

    def translate(
        call: Call, input: Tensor, dim: Any = None, keepdim: bool = False, *, dtype: torch.dtype | None = None
    ) -> tuple[Array, ...]:
        array = call.array(input)
        if dtype is not None and dtype_name(dtype) != array.dtype:
            (array,) = call.cast(array, dtype_name(dtype))
        return reduced(call, kind, array, dim, keepdim)

    return translate


for torch_name, kind in {
    "sum": "sum", "mean": "mean", "prod": "prod", "amax": "max", "amin": "min", "all": "all", "any": "any",
    "argmax": "argmax", "argmin": "argmin", "logsumexp": "logsumexp", "count_nonzero": "count_nonzero",
}.items():  # fmt: skip
    translates(torch_name)(plain(kind))


def extreme(kind: str) -> Callable[..., Any]:
    """The translator of max or min: of all, along a dimension with the places, or of two arrays."""

    def translate(call: Call, input: Tensor, dim: Any = None, keepdim: bool = False, *, other: Any = None) -> Any:
        if isinstance(dim, Tensor) or other is not None:
            return call.elementwise(f"{kind}imum", input, dim if other is None else other)
        array = call.array(input)
        values = reduced(call, kind, array, dim, keepdim)
        if dim is None:
            return values
        return (*values, *reduced(call, f"arg{kind}", array, dim, keepdim, place=1))

    return translate


translates("max")(extreme("max"))
translates("min")(extreme("min"))


def spread(kind: str) -> Callable[..., Any]:
    """The translator of var or std."""

    def translate(
        call: Call,
        input: Tensor,
        dim: Any = None,
        unbiased: Any = None,
        keepdim: bool = False,
        *,
        correction: Any = None,
    ) -> tuple[Array, ...]:
        if isinstance(dim, bool):
            dim, unbiased = None, dim
        correction = (1 if unbiased in (None, True) else 0) if correction is None else correction
        return reduced(call, kind, call.array(input), dim, keepdim, correction=correction)

    return translate


translates("var")(spread("var"))
translates("std")(spread("std"))


@translates("linalg_vector_norm", "vector_norm")
def vector_norm(
    call: Call, x: Tensor, ord: float = 2, dim: Place = None, keepdim: bool = False, **_: Any
) -> tuple[Array, ...] | None:
    """The root of the sum of squares."""
    if ord != 2:
        return None
    (squares,) = call.elementwise("square", x)
    (total,) = reduced(call, "sum", squares, dim, keepdim)
    return call.elementwise("sqrt", total)


# -- along an axis ----------------------------------------------------------------------------------------------------


def along(call: Call, kind: str, array: Array, dim: Place, place: int = 0, **options: Any) -> tuple[Array, ...]:
    """What goes along some dimensions and gives one as long."""
    over = places(len(array.dims), dim)
    own = [
        one_axis(each) if index in over and not found(each) else each
        for index, each in enumerate(acted_on(kind, array, over))
    ]
    reading = marked(own, [each for index in over for each in own[index]])
    return call.step(kind, (array,), (reading,), [call.result(array.dims, reading, place)], **options)


def softmax_like(kind: str) -> Callable[..., Any]:
    """The translator of softmax, or its logarithm."""

    def translate(
        call: Call, input: Tensor, dim: int | None = None, dtype: torch.dtype | None = None, **_: Any
    ) -> tuple[Array, ...] | None:
        if dim is None:
            return None
        array = call.array(input)
        wanted = dtype_name(call.outs[0].dtype)
        if array.dtype != wanted:
            (array,) = call.cast(array, wanted)
        return along(call, kind, array, dim)

    return translate


translates("softmax")(softmax_like("softmax"))
translates("log_softmax")(softmax_like("log_softmax"))


def cumulative(kind: str) -> Callable[..., Any]:
    """The translator of cumsum or cumprod."""

    def translate(call: Call, input: Tensor, dim: int, *, dtype: Any = None) -> tuple[Array, ...]:
        array = call.array(input)
        if array.dtype != (wanted := dtype_name(call.outs[0].dtype)):
            (array,) = call.cast(array, wanted)
        return along(call, kind, array, dim)

    return translate


translates("cumsum")(cumulative("cumsum"))
translates("cumprod")(cumulative("cumprod"))


@translates("flip")
def flip(call: Call, input: Tensor, *dims: Any) -> tuple[Array, ...]:
    """Backwards."""
    (given,) = dims if len(dims) == 1 else (dims,)
    return along(call, "flip", call.array(input), given)


@translates("roll")
def roll(call: Call, input: Tensor, shifts: Any, dims: Any = None) -> tuple[Array, ...] | None:
    """Moved on in a circle."""
    if dims is None or dims == ():
        return None
    given = [dims] if isinstance(dims, int) else list(dims)
    moved = [shifts] if isinstance(shifts, int) else list(shifts)
    order = sorted((place % input.dim(), shift) for place, shift in zip(given, moved, strict=True))
    if len(order) != len({place for place, _ in order}):
        return None
    array = call.array(input)
    shift = [formula_of(shift) for _, shift in order]
    return along(call, "roll", array, [place for place, _ in order], shift=tuple(shift) if len(shift) > 1 else shift[0])


@translates("argsort")
def argsort(call: Call, input: Tensor, dim: int = -1, descending: bool = False, **_: Any) -> tuple[Array, ...] | None:
    """The order of elements."""
    return None if descending else along(call, "argsort", call.array(input), dim)


@translates("sort")
def sort(call: Call, input: Tensor, dim: int = -1, descending: bool = False, **_: Any) -> tuple[Array, ...] | None:
    """Elements in order, and their order."""
    if descending:
        return None
    array = call.array(input)
    return (*along(call, "sort", array, dim), *along(call, "argsort", array, dim, place=1))
