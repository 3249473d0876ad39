"""Functions of single elements, arithmetic, comparison, casts and choices."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import jax.numpy as jnp
import numpy as np

from wirework.circuit.axes import Dim, found, hint_of
from wirework.circuit.jax.call import Call
from wirework.circuit.jax.indexing import counted_from_the_end
from wirework.circuit.jax.operand import Operand, Progression, of
from wirework.circuit.jax.table import translates
from wirework.circuit.recorder import Result
from wirework.polynomial import Polynomial

if TYPE_CHECKING:
    from wirework.circuit.jax.reader import Reader


def literal(reader: Reader, value: Any, dtype: str) -> Operand:
    """A number that stands in a jaxpr; one that is not whole as it was probably written."""
    number: Any = np.asarray(value).item()
    if dtype in ("float32", "float16", "bfloat16") and isinstance(number, float):
        number = float(str(jnp.dtype(dtype).type(number)))
    (array,) = reader.recorder.step("constant", (), (), [Result((), dtype)], value=number)
    array.scalar = number
    whole = isinstance(number, int) and not isinstance(number, bool)
    return of(array, (Progression(Polynomial.of(number), Polynomial.of(0), None),) if whole else ())


# -- of one array -----------------------------------------------------------------------------------------------------

SINGLE = {
    "abs": "abs", "ceil": "ceil", "cos": "cos", "erf": "erf", "exp": "exp", "expm1": "expm1", "floor": "floor",
    "log": "log", "log1p": "log1p", "logistic": "sigmoid", "neg": "negative", "rsqrt": "rsqrt", "sign": "sign",
    "sin": "sin", "sqrt": "sqrt", "square": "square", "tanh": "tanh",
}  # fmt: skip


def single(kind: str) -> Callable[..., Any]:
    """The translator of a function without options."""
    return lambda call, x: call.elementwise(kind, x)


for primitive, kind in SINGLE.items():
    translates(primitive)(single(kind))


@translates("copy", "copy_p", "optimization_barrier", "pvary", "name")
def identity(call: Call, *operands: Operand) -> list[Operand]:
    """The same elements in the same place."""
    return list(operands)


@translates("integer_pow")
def integer_power(call: Call, x: Operand) -> Operand:
    """A power with a whole number."""
    exponent = call.params["y"]
    return call.elementwise("square", x) if exponent == 2 else call.elementwise("power", x, exponent=exponent)


@translates("not")
def logical_not(call: Call, x: Operand) -> Operand | None:
    """Not, of truth values."""
    return call.elementwise("logical_not", x) if call.dtype() == "bool" else None


@translates("round")
def rounded(call: Call, x: Operand) -> Operand | None:
    """To the next whole number, halves to even ones."""
    return call.elementwise("round", x) if int(call.params["rounding_method"]) == 1 else None


@translates("convert_element_type")
def cast(call: Call, x: Operand) -> Operand:
    """Elements of another type."""
    wanted = call.dtype()
    if x.array.dtype == wanted:
        return x
    if x.array.scalar is not None:
        result = call.constant(np.asarray(x.array.scalar).astype(jnp.dtype(wanted)).item(), wanted)
        result = Operand(result.array, x.places, x.dims)
    else:
        own = tuple(map(found, x.array.dims))
        (array,) = call.step("cast", (x.array,), (own,), [Result(own, wanted)], dtype=wanted)
        result = Operand(array, x.places, tuple(x.dims[p] if o is None else own[o] for p, o in enumerate(x.places)))
    result.known = x.known if wanted.startswith(("int", "uint", "float")) else ()
    return result


# -- of several arrays ------------------------------------------------------------------------------------------------

PAIRS = {
    "max": "maximum", "min": "minimum", "lt": "less", "le": "less_equal", "gt": "greater", "ge": "greater_equal",
    "eq": "equal", "ne": "not_equal",
}  # fmt: skip
TRUTHS = {"and": "logical_and", "or": "logical_or", "xor": "not_equal"}


def pair(kind: str, only_bool: bool = False) -> Callable[..., Any]:
    """The translator of a function of two arrays."""

    def translate(call: Call, x: Operand, y: Operand) -> Operand | None:
        if only_bool and call.dtype() != "bool":
            return None
        return unchanged(kind, x, y) or call.elementwise(kind, x, y)

    return translate


for primitive, kind in PAIRS.items():
    translates(primitive)(pair(kind))
for primitive, kind in TRUTHS.items():
    translates(primitive)(pair(kind, only_bool=True))


@translates("pow")
def power(call: Call, x: Operand, y: Operand) -> Operand:
    """A power; with a number as exponent one function."""
    exponent = y.array.scalar
    return call.elementwise("power", x, y) if exponent is None else call.elementwise("power", x, exponent=exponent)


NEUTRAL = {"add": 0, "multiply": 1, "logical_and": True, "logical_or": False}


def unchanged(kind: str, x: Operand, y: Operand) -> Operand | None:
    """The one of two operands that the other does not change: as lengths and places are calculated."""
    for one, other in ((x, y), (y, x)):
        whole = one.array.scalar is not None and not isinstance(one.array.scalar, float) and kind in NEUTRAL
        if whole and one.array.scalar == NEUTRAL[kind] and all(map(covers, one.dims, other.dims or one.dims)):
            return other if other.dims or not one.dims else None
    return None


def covers(one: Dim, other: Dim) -> bool:
    """Whether a dimension spreads nothing that is as long as another one."""
    return hint_of(found(one)) in (1, hint_of(found(other)))


def arithmetic(kind: str, calculate: Callable[[Progression, Progression], Progression | None]) -> Callable[..., Any]:
    """The translator of a sign of arithmetic, which also calculates with what is known."""

    def translate(call: Call, x: Operand, y: Operand) -> Operand:
        result = unchanged(kind, x, y) or call.elementwise(kind, x, y)
        if len(x.known) == len(y.known) == 1 and (known := calculate(x.known[0], y.known[0])) is not None:
            result.known = (known,)
        return result

    return translate


def summed(x: Progression, y: Progression, sign: int = 1) -> Progression | None:
    """The sum of two progressions, if that is one."""
    if None not in (x.along, y.along) and x.along != y.along:
        return None
    return Progression(x.start + y.start * sign, x.step + y.step * sign, y.along if x.along is None else x.along)


def multiplied(x: Progression, y: Progression) -> Progression | None:
    """A progression times a number."""
    if x.along is not None and y.along is not None:
        return None
    return Progression(x.start * y.start, x.step * y.start + y.step * x.start, y.along if x.along is None else x.along)


translates("add", "add_any")(arithmetic("add", summed))
translates("sub")(arithmetic("subtract", lambda x, y: summed(x, y, -1)))
translates("mul")(arithmetic("multiply", multiplied))


@translates("div")
def divide(call: Call, x: Operand, y: Operand) -> Any:
    """A quotient; of a sum over as many elements their mean. Whole numbers are cut off, which nothing else does."""
    if not call.dtype().startswith(("float", "bfloat", "complex")):
        return None
    total = call.reader.sums.get(x.array)
    if total is not None and not y.places and number_of(y) == total.count:
        (array,) = call.step("mean", (total.x,), (total.reading,), [Result(x.array.dims, x.array.dtype)])
        return Operand(array, x.places, x.dims)
    return call.elementwise("divide", x, y)


def number_of(operand: Operand) -> Polynomial | None:
    """The whole number that an operand is, if it is known."""
    scalar = operand.array.scalar
    if isinstance(scalar, float) and scalar.is_integer():
        return Polynomial.of(int(scalar))
    return operand.known[0].start if len(operand.known) == 1 and operand.known[0].along is None else None


# -- choices ----------------------------------------------------------------------------------------------------------


@translates("select_n")
def select(call: Call, which: Operand, *cases: Operand) -> Operand | None:
    """One or the other."""
    if len(cases) != 2 or which.array.dtype != "bool":
        return None
    if which.array.scalar is not None and len(cases[0].dims) == len(cases[1].dims):
        return cases[int(which.array.scalar)]
    if (cases[1].array.scalar, cases[0].array.scalar) == (True, False) and call.dtype() == "bool":
        return which if which.dims or not call.shape() else None
    chosen = call.elementwise("where", which, cases[1], cases[0])
    if (original := counted_from_the_end(call, which, cases)) is not None:
        call.reader.wrapped[chosen.array] = original
    return chosen


@translates("clamp")
def clamp(call: Call, low: Operand, x: Operand, high: Operand) -> Operand:
    """Between two bounds."""
    bounds = low.array.scalar, high.array.scalar
    if None not in bounds and not low.array.dims and not high.array.dims:
        return call.elementwise("clamp", x, min=bounds[0], max=bounds[1])
    return call.elementwise("minimum", call.elementwise("maximum", x, low), high)
