"""A trace of JAX: the function becomes a jaxpr, in which operations of wirework have names, and that is read."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from wirework.circuit.axes import Dim, axis, found
from wirework.circuit.blocks import tracing
from wirework.circuit.graph import Role
from wirework.circuit.jax.held import Bound, bound, names_of
from wirework.circuit.jax.lengths import Lengths
from wirework.circuit.jax.operand import Operand, of
from wirework.circuit.jax.reader import Reader
from wirework.circuit.operations import is_number, note, refuse_sizes
from wirework.circuit.recorder import Array, Recorder, Result, Step
from wirework.circuit.sizes import Comparisons, Sized
from wirework.engine import observing
from wirework.errors import NotSupportedError
from wirework.keywords import is_named, runtime_value
from wirework.operations import Operation
from wirework.polynomial import Polynomial
from wirework.program import Prepared, Program, prepare, program_for

MOST = 4096  # elements: of larger arrays none are written into a circuit
PREFIX = "wirework_"
NEED_ELEMENTS = (
    jax.errors.ConcretizationTypeError, jax.errors.TracerArrayConversionError, jax.errors.TracerBoolConversionError,
    jax.errors.TracerIntegerConversionError,
)  # fmt: skip
traced_by = jax.make_user_context() if hasattr(jax, "make_user_context") else None  # no trace takes another's code


@dataclass(eq=False)
class StandIn:
    """What stands for an array while a jaxpr is read.

    Attributes:
        dtype: of its elements.
        array: what it stands for, once that is known.
    """

    dtype: str
    array: Array | None = None

    @property
    def ndim(self) -> int:
        """How many dimensions it has."""
        return 0 if self.array is None else len(self.array.dims)


@dataclass(frozen=True)
class Noted:
    """A call of an operation of wirework's, which has a name in the jaxpr.

    Attributes:
        program: what was called.
        operands: numbers as they are, and the places of arrays.
        keywords: what was given by keyword.
        arrays: the arrays that it was given, in order.
        function: of these arrays.
    """

    program: Program
    operands: Sequence[Any]
    keywords: Mapping[str, Any]
    arrays: Sequence[Any]
    function: Callable[..., Any]


class Jax:
    """How functions are traced that use JAX."""

    @contextmanager
    def session(self, function: Any, recorder: Recorder, unequal: Comparisons) -> Iterator[JaxSession]:
        """Begin to trace a function."""
        session = JaxSession(bound(function), names_of(function), recorder, unequal)
        with traced_by(session) if traced_by is not None else contextlib.nullcontext():
            yield session


class JaxSession:
    """A trace of JAX.

    Args:
        bound: the function, apart from arrays that are bound to it.
        names: of arrays that it holds, by identity.
        recorder: what is written down.
        unequal: where lengths are noted that do not fit.
    """

    def __init__(self, bound: Bound, names: Mapping[int, str], recorder: Recorder, unequal: Comparisons) -> None:
        self.bound, self.names, self.recorder, self.unequal = bound, names, recorder, unequal
        self.lengths = Lengths({}, {})
        self.noted: dict[str, Noted] = {}
        self.held: dict[int, tuple[Any, Array]] = {}
        self.weights = [self.weight(array, name) for array, name in zip(bound.arrays, bound.names, strict=True)]

    # -- arrays ------------------------------------------------------------------------------------------------------

    def input(self, dims: Sequence[Dim], dtype: str | None, name: str) -> StandIn:
        """A stand-in for an input."""
        dtype = str(jax.dtypes.canonicalize_dtype(dtype or "float32"))
        return StandIn(dtype, self.recorder.array(dims, dtype, "input", name))

    def array(self, stand_in: StandIn) -> Array:
        """What a stand-in stands for."""
        assert stand_in.array is not None
        return stand_in.array

    def known(self, value: Any) -> Array | None:
        """What a value stands for, if it is an array."""
        return value.array if isinstance(value, StandIn) else None

    def stand_in(self, array: Any) -> StandIn:
        """What stands in for an array: it does so itself."""
        return array

    def bind(self, stand_in: StandIn, array: Array) -> None:
        """From here on a stand-in stands for an array."""
        stand_in.array = array

    def dtype(self, stand_in: StandIn) -> str:
        """The type of its elements."""
        return stand_in.dtype

    def run(self, program: Program, prepared: Prepared, arrays: Sequence[Any]) -> Any:
        """Call the code of an operation."""
        return program.function(*arrays, *prepared.values)

    def weight(self, array: Any, name: str, learned: bool = True) -> Array:
        """A parameter; what is not learned, having no floating-point numbers, is a buffer."""
        role: Role = "parameter" if learned and jnp.issubdtype(array.dtype, jnp.inexact) else "buffer"
        dims = [axis(Polynomial.of(length), length) for length in array.shape]
        dtype = array.dtype if isinstance(array, jax.Array) else jax.dtypes.canonicalize_dtype(array.dtype)
        made = self.recorder.array(dims, str(dtype), role, name)
        if not isinstance(array, jax.ShapeDtypeStruct):
            self.recorder.held[name] = array
        return made

    def constant(self, array: Any) -> Array:
        """An array that the function holds: under its name, or if it is small as what the code spells out."""
        if id(array) in self.held:
            return self.held[id(array)][1]
        key = jnp.issubdtype(array.dtype, jax.dtypes.prng_key)
        if id(array) in self.names or key or array.size > MOST:
            name = self.names.get(id(array), f"held{len(self.held) + 1}")
            made = self.weight(array, name, learned=id(array) in self.names)
        else:
            dims = tuple(axis(Polynomial.of(length), length) for length in array.shape)
            value = np.asarray(array).tolist()
            (made,) = self.recorder.step("constant", (), (), [Result(dims, str(array.dtype))], value=value)
            made.scalar = value if not dims else None
        self.held[id(array)] = array, made
        return made

    # -- the trace ---------------------------------------------------------------------------------------------------

    def call(self, function: Any, stand_ins: Sequence[StandIn], named: Mapping[str, StandIn]) -> Any:
        """What the function returns, with stand-ins for arrays."""
        given = [self.array(each) for each in (*stand_ins, *named.values())]
        dims = [found(dim) for array in given for dim in array.dims]
        hints = {str(one.length): one.hint for dim in dims for one in dim if one.length.constant is None}
        self.lengths = Lengths.symbolic(hints)
        try:
            closed, shapes = self.jaxpr(stand_ins, named)
        except (Sized, NotSupportedError):
            raise
        except Exception as error:
            closed, shapes = self.with_numbers(stand_ins, named, error)
        reader = Reader(self.recorder, self.lengths, self.constant, self.operation)
        weights = [of(array) for array in self.weights]
        outputs = reader.read(closed, [*weights, *map(of, given)])
        returned = [StandIn(each.array.dtype, reader.array(each)) for each in outputs]
        drop_idle(self.recorder, map(self.array, returned))
        return jax.tree_util.tree_unflatten(jax.tree_util.tree_structure(shapes), returned)

    def jaxpr(self, stand_ins: Sequence[StandIn], named: Mapping[str, StandIn]) -> Any:
        """What JAX makes of the function, and the shapes of what it returns."""
        self.noted.clear()

        def function(weights: Sequence[Any], arrays: Sequence[Any], keywords: Mapping[str, Any]) -> Any:
            return self.bound.function(weights)(*arrays, **keywords)

        weights = [jax.ShapeDtypeStruct(each.shape, each.dtype) for each in self.bound.arrays]
        arrays = [self.struct(each) for each in stand_ins]
        keywords = {name: self.struct(each) for name, each in named.items()}
        before, tracing.by = tracing.by, Scopes()
        try:
            with observing(self.observe):
                return jax.make_jaxpr(function, return_shape=True)(weights, arrays, keywords)
        finally:
            tracing.by = before

    def with_numbers(self, stand_ins: Sequence[StandIn], named: Mapping[str, StandIn], error: Exception) -> Any:
        """The same with numbers for lengths, where symbols were refused with an error.

        Raises:
            NotSupportedError: if the function needs elements.
            Sized: if the length of an axis is wrong.
        """
        symbolic, self.lengths = self.lengths, self.lengths.fixed
        try:
            return self.jaxpr(stand_ins, named)
        except NEED_ELEMENTS as other:
            raise NotSupportedError(
                f"this needs the elements of an array, and while a function is traced there are none: "
                f"{str(other).splitlines()[0]}",
                notes=["what is computed must depend on shapes only; compute this outside, and pass it as an argument"],
            ) from other
        except Exception as other:
            symbolic.refuse(str(error), self.unequal)
            self.lengths.refuse(str(other), self.unequal)
            raise error from None

    def struct(self, stand_in: StandIn) -> jax.ShapeDtypeStruct:
        """The shape and type of an input, as JAX wants them."""
        shape = tuple(map(self.lengths.length, self.array(stand_in).shape))
        return jax.ShapeDtypeStruct(shape, jnp.dtype(stand_in.dtype))

    # -- operations of wirework ----------------------------------------------------------------------------------------

    def observe(self, operation: str | Operation, text: str, arrays: tuple[Any, ...], keywords: dict[str, Any]) -> Any:
        """Called instead of an operation while JAX traces: a call of JAX's with a name."""
        prepared = prepare(operation, text, arrays, keywords)
        if "factory" in prepared.call.kinds:
            raise NotSupportedError(
                f"{prepared.operation.name} cannot be traced with a function in an array's place", prepared.call.text
            )
        program = program_for(prepared)
        if prepared.operation.family == "solving":
            return program.function(*prepared.arrays, *prepared.values)
        values = [*prepared.arrays, *prepared.values]
        given = [place for place, value in enumerate(values) if not is_number(value) and hasattr(value, "ndim")]

        def function(*arrays: Any) -> Any:
            filled = list(values)
            for place, array in zip(given, arrays, strict=True):
                filled[place] = array
            return program.function(*filled)

        name = f"{PREFIX}{len(self.noted)}"
        function.__name__ = function.__qualname__ = name
        taken = [values[place] for place in given]
        self.noted[name] = Noted(program, prepared.arrays, keywords, taken, function)
        try:
            return jax.jit(function)(*taken)
        except Exception:
            shaped = [each if is_number(each) else self.shaped(each) for each in prepared.arrays]
            refuse_sizes(self, program.bound, shaped, self.plain(keywords))
            raise

    def shaped(self, array: Any) -> StandIn:
        """A stand-in that shows the shape of an array."""
        sizes = [self.lengths.formula(length) for length in array.shape]
        dims = tuple(axis(size, self.lengths.hint(size)) for size in sizes)
        return StandIn(str(array.dtype), Array(dims, str(array.dtype), "computed", "", 0))

    def plain(self, keywords: Mapping[str, Any]) -> dict[str, Any]:
        """Keywords with sizes that know their formula."""
        return {
            name: {key: self.lengths.plain(each) for key, each in value.items()}
            if isinstance(value, Mapping)
            else self.lengths.plain(value)
            for name, value in keywords.items()
        }

    def operation(self, reader: Reader, equation: Any, operands: Sequence[Operand]) -> Sequence[Operand] | None:
        """The operation that a call in the jaxpr stands for; nothing if it stands for none, or was transformed."""
        noted = self.noted.get(str(equation.params.get("name", "")))
        if noted is None or not untransformed(equation, noted):
            return None
        inputs = [StandIn(each.array.dtype, reader.array(each)) for each in operands]
        by_identity = {id(array): stand_in for array, stand_in in zip(noted.arrays, inputs, strict=True)}
        values = [each if is_number(each) else by_identity[id(each)] for each in noted.operands]
        keywords = {name: self.given(value, by_identity) for name, value in self.plain(noted.keywords).items()}
        outputs = tuple(StandIn(str(variable.aval.dtype)) for variable in equation.outvars)
        note(self, noted.program, values, keywords, outputs)
        return [of(self.array(each)) for each in outputs]

    def given(self, value: Any, by_identity: Mapping[int, StandIn]) -> Any:
        """What was given by keyword, with a stand-in for an array."""
        array = runtime_value(value)
        if id(array) not in by_identity:
            return value
        named = isinstance(value, tuple | list) and is_named(value)
        return (value[0], by_identity[id(array)]) if named else by_identity[id(array)]


class Scopes:
    """Makes blocks scopes of JAX's, so that the jaxpr has their titles."""

    def __init__(self) -> None:
        self.open: list[Any] = []

    def enter(self, title: str) -> None:
        """A block of that title begins."""
        self.open.append(jax.named_scope(title))
        self.open[-1].__enter__()

    def leave(self) -> None:
        """The last block ends."""
        self.open.pop().__exit__(None, None, None)


def untransformed(equation: Any, noted: Noted) -> bool:
    """Whether a call in a jaxpr is still the one that was made, and not its derivative or that of a batch."""
    structs = [jax.ShapeDtypeStruct(jnp.shape(each), jnp.result_type(each)) for each in noted.arrays]
    (again,) = jax.make_jaxpr(jax.jit(noted.function))(*structs).jaxpr.eqns
    return str(again.params["jaxpr"]) == str(equation.params["jaxpr"])


def drop_idle(recorder: Recorder, outputs: Iterable[Array]) -> None:
    """Forget operations whose results nothing needs, as JAX does."""
    needed = set(outputs)
    kept: list[Step] = []
    for step in reversed(recorder.steps):
        if not needed.isdisjoint(step.outputs):
            needed.update(step.inputs)
            kept.append(step)
    recorder.steps[:] = reversed(kept)
