"""A trace without a framework: of operations of wirework, and of arithmetic with arrays as NumPy writes it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from wirework.circuit.axes import Dim, axis, found
from wirework.circuit.broadcasting import lined_up
from wirework.circuit.recorder import Array, Recorder, Result, number
from wirework.circuit.sizes import Comparisons, sized
from wirework.errors import NotSupportedError
from wirework.polynomial import Polynomial
from wirework.program import Prepared, Program

PAIRS = {
    "add": "add", "subtract": "subtract", "multiply": "multiply", "divide": "divide", "true_divide": "divide",
    "floor_divide": "floor_divide", "power": "power", "maximum": "maximum", "minimum": "minimum", "less": "less",
    "less_equal": "less_equal", "greater": "greater", "greater_equal": "greater_equal", "equal": "equal",
    "not_equal": "not_equal", "logical_and": "logical_and", "logical_or": "logical_or", "logaddexp": "logaddexp",
}  # fmt: skip
SINGLE = {
    "negative": "negative", "absolute": "abs", "exp": "exp", "expm1": "expm1", "log": "log", "log1p": "log1p",
    "sqrt": "sqrt", "square": "square", "tanh": "tanh", "sin": "sin", "cos": "cos", "floor": "floor", "ceil": "ceil",
    "rint": "round", "reciprocal": "reciprocal", "sign": "sign", "isnan": "isnan", "logical_not": "logical_not",
}  # fmt: skip
TRUTHS = {"bitwise_and": "logical_and", "bitwise_or": "logical_or", "invert": "logical_not"}
COORDINATES = ("argmax", "argmin", "argsort", "count_nonzero")


class StandIn(np.ndarray):
    """An array of NumPy's of some shape whose elements nobody has: all are one, in the same place."""

    session: PlainSession | None = None
    array: Array | None = None

    @property
    def shape(self) -> tuple[int, ...]:  # type: ignore[override]
        """The lengths of its dimensions, with formulas."""
        if self.session is None or self.array is None:
            return super().shape
        pairs = zip(self.array.hints, self.array.shape, strict=True)
        return tuple(sized(hint, formula, self.session.unequal) for hint, formula in pairs)

    def __array_ufunc__(self, function: np.ufunc, method: str, *inputs: Any, **options: Any) -> Any:
        session = next(each.session for each in inputs if isinstance(each, StandIn))
        if session is None or method != "__call__" or options:
            raise no_elements(f"numpy.{function.__name__}", session)
        return session.elementwise(function, inputs)

    def __array_function__(self, function: Any, *_: Any) -> Any:
        raise no_elements(f"numpy.{function.__name__}", self.session)

    def __repr__(self) -> str:
        return "<an array without elements>"

    def __bool__(self) -> bool:
        raise no_elements("bool", self.session)

    def __getitem__(self, index: Any) -> Any:
        raise no_elements("indexing", self.session)

    def __reduce__(self) -> Any:
        raise no_elements("pickling", self.session)

    def item(self, *_: Any) -> Any:
        raise no_elements("item", self.session)


def no_elements(name: str, session: PlainSession | None) -> NotSupportedError:
    """What says that a function cannot be traced."""
    where = f" ({session.recorder.where})" if session is not None else ""
    return NotSupportedError(
        f"{name} needs the elements of an array, and while a function is traced there are none{where}",
        notes=["operations of wirework, arithmetic, and elementwise functions of NumPy can be traced"],
    )


class Plain:
    """How functions are traced that use no framework."""

    @contextmanager
    def session(self, function: Any, recorder: Recorder, unequal: Comparisons) -> Iterator[PlainSession]:
        """Begin to trace a function."""
        yield PlainSession(recorder, unequal)


class PlainSession:
    """A trace without a framework."""

    def __init__(self, recorder: Recorder, unequal: Comparisons) -> None:
        self.recorder, self.unequal = recorder, unequal
        self.held: dict[int, tuple[Any, StandIn]] = {}

    def input(self, dims: Sequence[Dim], dtype: str | None, name: str) -> StandIn:
        """A stand-in for an input."""
        stand_in = blank(dtype or "float32")
        self.bind(stand_in, self.recorder.array(dims, dtype or "float32", "input", name))
        return stand_in

    def array(self, stand_in: Any) -> Array:
        """What a stand-in stands for."""
        stand_in = self.stand_in(stand_in)
        if stand_in.array is None:
            raise no_elements("a function of NumPy's", self)
        return stand_in.array

    def known(self, value: Any) -> Array | None:
        """What a value stands for, if it is an array."""
        return self.array(value) if isinstance(value, np.ndarray) else None

    def call(self, function: Any, stand_ins: Sequence[Any], named: Mapping[str, Any]) -> Any:
        """What a function returns for stand-ins."""
        return function(*stand_ins, **named)

    def stand_in(self, array: Any) -> StandIn:
        """What stands in for an array that the function holds."""
        if isinstance(array, StandIn):
            return array
        if id(array) not in self.held:
            array = np.asarray(array)
            stand_in = blank(str(array.dtype))
            dims = tuple(axis(Polynomial.of(length), length) for length in array.shape)
            result = Result(dims, str(array.dtype))
            self.bind(stand_in, self.recorder.step("constant", (), (), [result], value=array.tolist())[0])
            self.held[id(array)] = array, stand_in
        return self.held[id(array)][1]

    def bind(self, stand_in: StandIn, array: Array) -> None:
        """From here on a stand-in stands for an array."""
        stand_in.session, stand_in.array = self, array

    def dtype(self, stand_in: StandIn) -> str:
        """The type of its elements."""
        return str(stand_in.dtype)

    def run(self, program: Program, prepared: Prepared, arrays: Sequence[Any]) -> Any:
        """What an operation returns: nothing is computed, for its expression says the shape."""
        results = tuple(blank(dtype_of(program, arrays)) for _ in program.bound.outputs)
        return results if len(results) != 1 else results[0]

    def elementwise(self, function: np.ufunc, inputs: Sequence[Any]) -> StandIn:
        """A function of single elements, after broadcasting."""
        kind = PAIRS.get(function.__name__) or SINGLE.get(function.__name__) or TRUTHS.get(function.__name__)
        if kind is None:
            raise no_elements(f"numpy.{function.__name__}", self)
        with np.errstate(all="ignore"):
            dtype = str(function(*(np.ones((), each.dtype) if is_array(each) else each for each in inputs)).dtype)
        if function.__name__ in TRUTHS and dtype != "bool":
            raise no_elements(f"numpy.{function.__name__}", self)
        options = {}
        if kind == "power" and not is_array(inputs[1]):
            inputs, options = inputs[:1], {"exponent": inputs[1]}
        arrays = [self.array(each) if is_array(each) else number(self.recorder, each) for each in inputs]
        dims, readings = lined_up(arrays)
        stand_in = blank(dtype)
        result = Result(tuple(map(found, dims)), dtype)
        self.bind(stand_in, self.recorder.step(kind, arrays, readings, [result], **options)[0])
        return stand_in


def is_array(value: Any) -> bool:
    """Whether an argument is an array, and no number."""
    return isinstance(value, np.ndarray)


def blank(dtype: str | np.dtype[Any]) -> StandIn:
    """A stand-in that stands for nothing yet."""
    return np.zeros((), dtype).view(StandIn)


def dtype_of(program: Program, arrays: Sequence[Any]) -> np.dtype[Any]:
    """The type of what an operation gives."""
    name = program.operation.name
    if name in ("any", "all") or name.startswith(("less", "greater", "equal", "not_equal", "logical")):
        return np.dtype(bool)
    if name in COORDINATES:
        return np.dtype(np.int64)
    if program.operation.family == "indexing":
        return arrays[0].dtype
    kinds = [each.dtype if is_array(each) else each for each in (arrays[1:] if name == "where" else arrays)]
    found_type = np.result_type(*kinds)
    averaged = name in ("mean", "var", "std", "softmax", "log_softmax", "logsumexp", "divide", "true_divide")
    return np.result_type(found_type, np.float64) if averaged and found_type.kind in "iub" else found_type
