"""Who translates which function of torch's, and what becomes of one that nobody translates."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from wirework.circuit.axes import Dim, axis, found, hint_of
from wirework.circuit.graph import Reference
from wirework.circuit.recorder import Array
from wirework.circuit.sizes import Size
from wirework.circuit.torch.call import Call, dtype_name
from wirework.circuit.translators import Translators
from wirework.polynomial import Polynomial

# By the last part of a function's name, or all of it if it is written in Python.
TRANSLATORS = Translators()
translates = TRANSLATORS.enter


def opaque(call: Call, dims: Sequence[Dim] | None = None) -> tuple[Array, ...]:
    """A call as it was written; `dims` are those of the one array it returns, if they are known."""
    inputs: list[Array] = []

    def referred(value: Any) -> Any:
        match value:
            case Tensor():
                inputs.append(call.array(value))
                return Reference(len(inputs) - 1)
            case Size():
                return value.formula
            case torch.dtype():
                return dtype_name(value)
            case slice():
                return slice(referred(value.start), referred(value.stop), referred(value.step))
            case list() | tuple():
                return tuple(map(referred, value)) if isinstance(value, tuple) else list(map(referred, value))
            case dict():
                return {key: referred(each) for key, each in value.items() if key != "device"}
            case torch.device() | torch.Generator() | torch.layout() | torch.memory_format():
                return None
            case _:
                return value

    arguments = referred(tuple(call.args)), referred(dict(call.kwargs))
    results = [
        call.result(likely_dims(out.shape, inputs) if dims is None else dims, place=place)
        for place, out in enumerate(call.outs)
    ]
    operands = [tuple(map(found, array.dims)) for array in inputs]
    return call.step("opaque", inputs, operands, results, function=call.function, arguments=arguments)


def likely_dims(shape: torch.Size, inputs: list[Array]) -> list[Dim]:
    """The dimensions of what a function returns of which nothing is known: where an input has as long a one, the same.

    First the one in the same place is asked, then all. (What is wrong about that shows when the function is traced
    again with other lengths.)
    """
    dims: list[Dim] = []
    for place, length in enumerate(shape):
        same_place = [found(array.dims[place]) for array in inputs if place < len(array.dims)]
        anywhere = [found(dim) for array in inputs for dim in array.dims]
        fitting = [
            dim for dim in (*same_place, *anywhere) if hint_of(dim) == length and not set(dim) & set(sum(dims, ()))
        ]
        dims.append(fitting[0] if fitting else axis(Polynomial.of(length), length))
    return dims
