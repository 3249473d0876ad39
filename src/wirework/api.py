"""The operations as functions: `ww.NAME(expression, *arrays, **sizes_and_options)`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

from wirework.engine import OperationFunction, public
from wirework.errors import brief

rearrange = id = public("rearrange")
sum = public("sum")
mean = public("mean")
var = public("var")
std = public("std")
prod = public("prod")
min = public("min")
max = public("max")
any = public("any")
all = public("all")
count_nonzero = public("count_nonzero")
logsumexp = public("logsumexp")
argmin = public("argmin")
argmax = public("argmax")
add = public("add")
subtract = public("subtract")
multiply = public("multiply")
divide = public("divide")
true_divide = public("true_divide")
floor_divide = public("floor_divide")
power = public("power")
maximum = public("maximum")
minimum = public("minimum")
less = public("less")
less_equal = public("less_equal")
greater = public("greater")
greater_equal = public("greater_equal")
equal = public("equal")
not_equal = public("not_equal")
logical_and = public("logical_and")
logical_or = public("logical_or")
where = public("where")
logaddexp = public("logaddexp")
dot = public("dot")
softmax = public("softmax")
log_softmax = public("log_softmax")
sort = public("sort")
argsort = public("argsort")
flip = public("flip")
roll = public("roll")
cumsum = public("cumsum")
cumprod = public("cumprod")
get_at = public("get_at")
set_at = public("set_at")
add_at = public("add_at")
subtract_at = public("subtract_at")
attention = public("attention")
conv = public("conv")
window = public("window")

__all__ = [
    "adapt",
    "add",
    "add_at",
    "all",
    "any",
    "argmax",
    "argmin",
    "argsort",
    "attention",
    "conv",
    "count_nonzero",
    "cumprod",
    "cumsum",
    "divide",
    "dot",
    "equal",
    "flip",
    "floor_divide",
    "get_at",
    "greater",
    "greater_equal",
    "id",
    "less",
    "less_equal",
    "log_softmax",
    "logaddexp",
    "logical_and",
    "logical_or",
    "logsumexp",
    "max",
    "maximum",
    "mean",
    "min",
    "minimum",
    "multiply",
    "not_equal",
    "power",
    "prod",
    "rearrange",
    "roll",
    "set_at",
    "softmax",
    "sort",
    "std",
    "subtract",
    "subtract_at",
    "sum",
    "true_divide",
    "var",
    "where",
    "window",
]


@brief
def adapt(function: Callable[..., Any], kind: Literal["vmap", "elementwise", "reduce"] = "vmap") -> OperationFunction:
    """An operation of your own, from a function on arrays.

    Args:
        function: what it does.
            "vmap": takes what is in brackets of each operand, returns what is in brackets of the outputs.
            "elementwise": takes arrays that broadcast against each other, returns one of their shape.
            "reduce": takes an array and `axis=` (or `dim=`), returns the array without these axes.
        kind: in which of these ways it is applied.

    Returns:
        A function to be called like any operation: `f(expression, *arrays, **sizes)`.

    >>> import numpy as np
    >>> norm = adapt(np.linalg.norm)
    >>> norm("b [c] -> b", np.ones((2, 9)))
    array([3., 3.])
    """
    from wirework.operations import adapted

    return public(adapted(function, kind))
