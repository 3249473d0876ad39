"""One call of a function of torch's, as those who translate it see it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from wirework.circuit.axes import Dim, axis, found
from wirework.circuit.broadcasting import lined_up
from wirework.circuit.readings import Reading
from wirework.circuit.recorder import Array, Result, number
from wirework.circuit.sizes import formula_of

if TYPE_CHECKING:
    from wirework.circuit.torch.tracer import Tracer


class Call:
    """One call.

    Attributes:
        tracer: who sees it.
        function: its full name.
        args, kwargs: its arguments.
        outs: the tensors it returns.
    """

    def __init__(
        self, tracer: Tracer, function: str, args: Sequence[Any], kwargs: Mapping[str, Any], outs: Sequence[Tensor]
    ) -> None:
        self.tracer, self.function, self.args, self.kwargs, self.outs = tracer, function, args, kwargs, outs

    def array(self, value: Any) -> Array:
        """What a tensor stands for. A number becomes an array without dimensions."""
        if isinstance(value, Tensor):
            return self.tracer.array(value)
        return self.number(value)

    def number(self, value: Any) -> Array:
        """A number that the code wrote."""
        return number(self.tracer.recorder, value, dtype_name(torch.get_default_dtype()))

    def result(self, dims: Sequence[Dim], reading: Reading | None = None, place: int = 0) -> Result:
        """An array of some dimensions, of the type of what the call returns."""
        return Result(tuple(map(found, dims)), dtype_name(self.outs[place].dtype), reading)

    def step(
        self, kind: str, inputs: Sequence[Array], operands: Sequence[Reading], results: Sequence[Result],
        keywords: Mapping[str, Array] = MappingProxyType({}), **options: Any,
    ) -> tuple[Array, ...]:  # fmt: skip
        """Write an operation down."""
        return self.tracer.recorder.step(kind, inputs, operands, results, keywords, **options)

    def lengths(self, tensor: Any) -> list[int]:
        """The lengths of a tensor's dimensions, with formulas."""
        self.array(tensor)
        return self.tracer.lengths(self.tracer.stand_in(tensor))

    def new(self, length: int, wish: str = "") -> Dim:
        """A new dimension of some length; one as long as a named axis would like its name."""
        formula = formula_of(length)
        atom = formula.sole_atom
        return axis(formula, int(length), wish or (atom if isinstance(atom, str) else ""))

    def elementwise(self, kind: str, *operands: Any, dtype: str | None = None, **options: Any) -> tuple[Array, ...]:
        """A function of elements that stand at the same place, after broadcasting."""
        arrays = [operand if isinstance(operand, Array) else self.array(operand) for operand in operands]
        dims, readings = lined_up(arrays)
        result = Result(tuple(dims), dtype or dtype_name(self.outs[0].dtype))
        return self.step(kind, arrays, readings, [result], **options)

    def cast(self, array: Array, dtype: str) -> tuple[Array, ...]:
        """Elements of another type."""
        dims = tuple(map(found, array.dims))
        return self.step("cast", (array,), (dims,), [Result(dims, dtype)], dtype=dtype)

    def rearranged(self, array: Array, operand: Reading, dims: Sequence[Dim]) -> tuple[Array, ...]:
        """The same elements in other dimensions; the array itself if that changes nothing."""
        return (self.tracer.recorder.rearranged(array, operand, dims),)


def dtype_name(dtype: torch.dtype) -> str:
    """The name of a type, such as "float32"."""
    return str(dtype).removeprefix("torch.")
