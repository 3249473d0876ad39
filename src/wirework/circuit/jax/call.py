"""One equation of a jaxpr, as those who translate it see it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

from wirework.circuit.axes import Dim, axis, found, hint_of
from wirework.circuit.jax.lengths import Length
from wirework.circuit.jax.operand import Operand, is_one, lined_up, of
from wirework.circuit.readings import Reading
from wirework.circuit.recorder import Array, Result
from wirework.polynomial import Polynomial

if TYPE_CHECKING:
    from wirework.circuit.jax.reader import Reader


class Call:
    """One equation.

    Attributes:
        reader: who reads it.
        equation: as JAX has it.
        operands: what it is applied to.
    """

    def __init__(self, reader: Reader, equation: Any, operands: Sequence[Operand]) -> None:
        self.reader, self.equation, self.operands = reader, equation, operands

    @property
    def params(self) -> Mapping[str, Any]:
        """The parameters of the equation."""
        return self.equation.params

    def shape(self, place: int = 0) -> Sequence[Length]:
        """The shape of what it gives."""
        return self.equation.outvars[place].aval.shape

    def dtype(self, place: int = 0) -> str:
        """The type of what it gives."""
        return str(self.equation.outvars[place].aval.dtype)

    def used_once(self, place: int) -> bool:
        """Whether nothing else uses one of the things that it is applied to."""
        return self.reader.uses[self.equation.invars[place]] == 1

    def formula(self, length: Length) -> Polynomial:
        """A length as a formula."""
        if isinstance(length, Polynomial):
            return length
        return self.reader.lengths.formula(length)

    def same_length(self, dim: Dim, length: Length) -> bool:
        """Whether a dimension has a length in this trace."""
        return self.reader.lengths.hint(self.formula(length)) == hint_of(found(dim))

    def new(self, length: Length, wish: str = "") -> Dim:
        """A new dimension of some length; one as long as a named axis would like its name."""
        formula = self.formula(length)
        atom = formula.sole_atom
        hint = self.reader.lengths.hint(formula)
        return axis(formula, hint, wish or (atom if isinstance(atom, str) else ""))

    def result(self, dims: Sequence[Dim], reading: Reading | None = None, place: int = 0) -> Result:
        """An array of some dimensions, of the type of what the equation gives."""
        return Result(tuple(map(found, dims)), self.dtype(place), reading)

    def step(
        self, kind: str, inputs: Sequence[Array], operands: Sequence[Reading], results: Sequence[Result],
        keywords: Mapping[str, Array] = MappingProxyType({}), **options: Any,
    ) -> tuple[Array, ...]:  # fmt: skip
        """Write an operation down."""
        return self.reader.recorder.step(kind, inputs, operands, results, keywords, **options)

    def array(self, operand: Operand) -> Array:
        """The array that an operand is, with all its dimensions."""
        return self.reader.array(operand)

    def constant(self, value: Any, dtype: str) -> Operand:
        """A number that the code wrote."""
        (array,) = self.step("constant", (), (), [Result((), dtype)], value=value)
        array.scalar = value
        return of(array)

    def elementwise(self, kind: str, *operands: Operand, dtype: str | None = None, **options: Any) -> Operand:
        """A function of elements that stand at the same place, after broadcasting."""
        shape = self.shape()
        owned, dims, readings = lined_up(operands, len(shape))
        result = Result(tuple(map(found, dims)), dtype or self.dtype())
        (array,) = self.step(kind, [each.array for each in operands], readings, [result], **options)
        places: list[int | None] = [None] * len(shape)
        whole: list[Dim] = [self.spread_dim(operands, place, length) for place, length in enumerate(shape)]
        for own, place in enumerate(owned):
            if not is_one(array.dims[own]) or is_one(whole[place]):
                places[place], whole[place] = own, array.dims[own]
        return Operand(array, tuple(places), tuple(whole))

    def spread_dim(self, operands: Sequence[Operand], place: int, length: Length) -> Dim:
        """The dimension in a place along which operands are only spread."""
        dims = [each.dims[place] for each in operands if each.places]
        return next((dim for dim in dims if self.same_length(dim, length)), ()) or self.new(length)

    def rearranged(self, array: Array, operand: Reading, dims: Sequence[Dim]) -> Array:
        """The same elements in other dimensions; the array itself if that changes nothing."""
        return self.reader.recorder.rearranged(array, operand, dims)
