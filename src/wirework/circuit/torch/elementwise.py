"""Functions of single elements, arithmetic, comparison, casts and dropout."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from wirework.circuit.axes import found
from wirework.circuit.recorder import Array, Result
from wirework.circuit.sizes import formula_of
from wirework.circuit.torch.call import Call, dtype_name
from wirework.circuit.torch.joining import split_into
from wirework.circuit.torch.table import translates
from wirework.circuit.torch.views import identity

# -- of one array -----------------------------------------------------------------------------------------------------

SINGLE = {
    "abs": "abs", "absolute": "abs", "ceil": "ceil", "cos": "cos", "erf": "erf", "exp": "exp", "expm1": "expm1",
    "floor": "floor", "hardsigmoid": "hardsigmoid", "hardswish": "hardswish", "isnan": "isnan", "log": "log",
    "log1p": "log1p", "logical_not": "logical_not", "mish": "mish", "neg": "negative", "negative": "negative",
    "reciprocal": "reciprocal", "relu": "relu", "relu6": "relu6", "round": "round", "rsqrt": "rsqrt",
    "sigmoid": "sigmoid", "expit": "sigmoid", "sign": "sign", "silu": "silu", "sin": "sin", "sqrt": "sqrt",
    "square": "square", "tanh": "tanh",
}  # fmt: skip


def single(kind: str) -> Callable[..., Any]:
    """The translator of a function without options."""

    def translate(call: Call, input: Tensor, inplace: bool = False) -> tuple[Array, ...]:
        return call.elementwise(kind, input)

    return translate


for torch_name, kind in SINGLE.items():
    translates(torch_name)(single(kind))
for torch_name in ("relu", "relu6", "hardsigmoid", "hardswish", "mish", "silu", "sigmoid", "tanh"):
    translates(f"torch.nn.functional.{torch_name}")(single(SINGLE[torch_name]))


@translates("gelu")
def gelu(call: Call, input: Tensor, *, approximate: str = "none") -> tuple[Array, ...]:
    """gelu, by the error function or by tanh."""
    options = {} if approximate == "none" else {"approximate": approximate}
    return call.elementwise("gelu", input, **options)


@translates("leaky_relu", "torch.nn.functional.leaky_relu")
def leaky_relu(call: Call, input: Tensor, negative_slope: float = 0.01, inplace: bool = False) -> tuple[Array, ...]:
    """Relu with a slope below 0."""
    return call.elementwise("leaky_relu", input, negative_slope=negative_slope)


@translates("elu", "torch.nn.functional.elu")
def elu(call: Call, input: Tensor, alpha: float = 1.0, inplace: bool = False) -> tuple[Array, ...]:
    """exp(x) - 1 below 0."""
    return call.elementwise("elu", input, alpha=alpha)


@translates("softplus")
def softplus(call: Call, input: Tensor, beta: float = 1, threshold: float = 20) -> tuple[Array, ...]:
    """log(1 + exp(x))."""
    return call.elementwise("softplus", input, beta=beta, threshold=threshold)


@translates("clamp", "clip")
def clamp(call: Call, input: Tensor, min: Any = None, max: Any = None) -> tuple[Array, ...] | None:
    """Between two bounds."""
    bounds = {name: bound for name, bound in (("min", min), ("max", max)) if bound is not None}
    if any(isinstance(bound, Tensor) for bound in bounds.values()):
        return None
    return call.elementwise("clamp", input, **bounds)


@translates("clamp_min")
def clamp_min(call: Call, input: Tensor, min: Any) -> tuple[Array, ...] | None:
    """Not below a bound."""
    return clamp(call, input, min)


@translates("clamp_max")
def clamp_max(call: Call, input: Tensor, max: Any) -> tuple[Array, ...] | None:
    """Not above a bound."""
    return clamp(call, input, None, max)


# -- casts ------------------------------------------------------------------------------------------------------------


@translates(
    "to", "type", "type_as", "float", "double", "half", "bfloat16", "int", "long", "short", "char", "byte", "bool"
)
def cast(call: Call, input: Tensor, *_: Any, **__: Any) -> tuple[Array, ...]:
    """Elements of another type."""
    dtype = dtype_name(call.outs[0].dtype)
    array = call.array(input)
    return (array,) if array.dtype == dtype else call.cast(array, dtype)


# -- dropout ----------------------------------------------------------------------------------------------------------


@translates("dropout", "torch.nn.functional.dropout", "native_dropout")
def dropout(
    call: Call, input: Tensor, p: float = 0.5, training: bool = True, train: bool = True, inplace: bool = False
) -> tuple[Array, ...]:
    """Elements dropped at random, in training."""
    if not (training and train and p):
        return (call.array(input),)
    return call.elementwise("dropout", input, drop_rate=float(p))


# -- of several arrays ------------------------------------------------------------------------------------------------

PAIRS = {
    "mul": "multiply", "multiply": "multiply", "__mul__": "multiply", "__rmul__": "multiply", "__imul__": "multiply",
    "div": "divide", "divide": "divide", "true_divide": "divide", "__truediv__": "divide", "__itruediv__": "divide",
    "floor_divide": "floor_divide", "__floordiv__": "floor_divide", "__ifloordiv__": "floor_divide",
    "maximum": "maximum", "minimum": "minimum", "fmax": "maximum", "fmin": "minimum",
    "lt": "less", "less": "less", "__lt__": "less", "le": "less_equal", "less_equal": "less_equal",
    "__le__": "less_equal", "gt": "greater", "greater": "greater", "__gt__": "greater", "ge": "greater_equal",
    "greater_equal": "greater_equal", "__ge__": "greater_equal", "eq": "equal", "__eq__": "equal",
    "ne": "not_equal", "not_equal": "not_equal", "__ne__": "not_equal", "logical_and": "logical_and",
    "logical_or": "logical_or", "logaddexp": "logaddexp",
}  # fmt: skip
TRUTHS = {
    "bitwise_and": "logical_and", "__and__": "logical_and", "__iand__": "logical_and", "__rand__": "logical_and",
    "bitwise_or": "logical_or", "__or__": "logical_or", "__ior__": "logical_or", "__ror__": "logical_or",
    "bitwise_xor": "not_equal", "__xor__": "not_equal", "logical_xor": "not_equal",
}  # fmt: skip


def pair(kind: str, only_bool: bool = False) -> Callable[..., Any]:
    """The translator of a function of two arrays."""

    def translate(call: Call, input: Any, other: Any, *, rounding_mode: str | None = None) -> Any:
        if only_bool and call.outs[0].dtype != torch.bool:
            return None
        if rounding_mode is not None:
            return call.elementwise("floor_divide", input, other) if rounding_mode == "floor" else None
        return call.elementwise(kind, input, other)

    return translate


for torch_name, kind in PAIRS.items():
    translates(torch_name)(pair(kind))
for torch_name, kind in TRUTHS.items():
    translates(torch_name)(pair(kind, only_bool=True))


@translates("add", "__add__", "__radd__", "__iadd__")
def add(call: Call, input: Any, other: Any, *, alpha: Any = 1) -> tuple[Array, ...]:
    """A sum."""
    return call.elementwise("add", input, other if alpha == 1 else call.elementwise("multiply", other, alpha)[0])


@translates("sub", "subtract", "__sub__", "__isub__")
def subtract(call: Call, input: Any, other: Any, *, alpha: Any = 1) -> tuple[Array, ...]:
    """A difference."""
    return call.elementwise("subtract", input, other if alpha == 1 else call.elementwise("multiply", other, alpha)[0])


@translates("rsub", "__rsub__")
def reversed_subtract(call: Call, input: Any, other: Any, *, alpha: Any = 1) -> tuple[Array, ...]:
    """A difference the other way round."""
    return subtract(call, other, input, alpha=alpha)


@translates("__rdiv__", "__rtruediv__")
def reversed_divide(call: Call, input: Any, other: Any) -> tuple[Array, ...]:
    """A quotient the other way round."""
    return call.elementwise("divide", other, input)


@translates("pow", "__pow__", "__ipow__", "float_power")
def power(call: Call, input: Any, exponent: Any) -> tuple[Array, ...]:
    """A power; of a number as exponent one function."""
    if isinstance(exponent, Tensor) or not isinstance(input, Tensor):
        return call.elementwise("power", input, exponent)
    return call.elementwise("power", input, exponent=exponent)


@translates("__rpow__")
def reversed_power(call: Call, input: Any, exponent: Any) -> tuple[Array, ...]:
    """A power the other way round."""
    return call.elementwise("power", exponent, input)


@translates("bitwise_not", "__invert__")
def invert(call: Call, input: Tensor) -> tuple[Array, ...] | None:
    """Not, of truth values."""
    return call.elementwise("logical_not", input) if input.dtype == torch.bool else None


@translates("glu")
def glu(call: Call, input: Tensor, dim: int = -1) -> tuple[Array, ...]:
    """One half times the sigmoid of the other."""
    half = call.lengths(input)[dim] // 2
    one, other = split_into(call, input, [half, half], dim)
    return call.elementwise("multiply", one, call.elementwise("sigmoid", other)[0])


@translates("lerp")
def lerp(call: Call, input: Any, end: Any, weight: Any) -> tuple[Array, ...]:
    """On the way from one array to another."""
    way = call.elementwise("subtract", end, input)[0]
    return call.elementwise("add", input, call.elementwise("multiply", way, weight)[0])


@translates("addcmul")
def addcmul(call: Call, input: Any, tensor1: Any, tensor2: Any, *, value: Any = 1) -> tuple[Array, ...]:
    """A sum with a product."""
    product = call.elementwise("multiply", tensor1, tensor2)[0]
    return call.elementwise("add", input, product if value == 1 else call.elementwise("multiply", product, value)[0])


# -- choices ----------------------------------------------------------------------------------------------------------


@translates("where")
def where(call: Call, condition: Any, input: Any = None, other: Any = None) -> tuple[Array, ...] | None:
    """One or the other."""
    if input is None or other is None:
        return None
    if "Tensor.where" in call.function:
        condition, input = input, condition
    return call.elementwise("where", condition, input, other)


@translates("prelu")
def prelu(call: Call, input: Tensor, weight: Tensor) -> tuple[Array, ...] | None:
    """Relu with a learned slope below 0, the same for all channels."""
    if weight.numel() > 1:
        return None
    (above,) = call.elementwise("greater", input, 0, dtype="bool")
    (below,) = call.elementwise("multiply", input, weight)
    return call.elementwise("where", above, input, below)


@translates("masked_fill")
def masked_fill(call: Call, input: Tensor, mask: Tensor, value: Any) -> tuple[Array, ...]:
    """A number where a mask says so."""
    return call.elementwise("where", mask, value, input)


@translates("fill", "zero", "copy")
def overwritten(call: Call, input: Tensor, value: Any = 0, *_: Any) -> tuple[Array, ...] | None:
    """Other elements in an array's place."""
    array = call.array(input)
    if not isinstance(value, Tensor):
        return call.step("full", (), (), [call.result(array.dims)], value=value)
    other = call.array(value)
    if [len(array.dims), other.dtype] == [len(other.dims), array.dtype] and array.hints == other.hints:
        return identity(call, value)
    return None


@translates("tril")
def tril(call: Call, input: Tensor, diagonal: int = 0) -> tuple[Array, ...]:
    """What is not above a diagonal."""
    return kept_where(call, input, diagonal, "greater_equal")


@translates("triu")
def triu(call: Call, input: Tensor, diagonal: int = 0) -> tuple[Array, ...]:
    """What is not below a diagonal."""
    return kept_where(call, input, diagonal, "less_equal")


def kept_where(call: Call, input: Tensor, diagonal: int, relation: str) -> tuple[Array, ...]:
    """What stands where row + diagonal and column are in some relation; elsewhere 0."""
    array = call.array(input)
    rows, columns = map(found, array.dims[-2:])
    (row,) = call.step("arange", (), (), [Result((rows,), "int64")], start=formula_of(diagonal), step=1)
    (column,) = call.step("arange", (), (), [Result((columns,), "int64")], start=0, step=1)
    (seen,) = call.step(relation, (row, column), ((rows,), (columns,)), [Result((rows, columns), "bool")])
    return call.elementwise("where", seen, array, False if array.dtype == "bool" else 0)
