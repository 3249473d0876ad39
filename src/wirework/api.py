"""The operations as functions: `ww.NAME(expression, *arrays, **sizes_and_options)`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from wirework.engine import OperationFunction, public
from wirework.operations import OPERATIONS, AdaptKind, adapted

rearrange = id = public(OPERATIONS["rearrange"])
sum = public(OPERATIONS["sum"])
mean = public(OPERATIONS["mean"])
var = public(OPERATIONS["var"])
std = public(OPERATIONS["std"])
prod = public(OPERATIONS["prod"])
min = public(OPERATIONS["min"])
max = public(OPERATIONS["max"])
any = public(OPERATIONS["any"])
all = public(OPERATIONS["all"])
count_nonzero = public(OPERATIONS["count_nonzero"])
logsumexp = public(OPERATIONS["logsumexp"])
argmin = public(OPERATIONS["argmin"])
argmax = public(OPERATIONS["argmax"])
add = public(OPERATIONS["add"])
subtract = public(OPERATIONS["subtract"])
multiply = public(OPERATIONS["multiply"])
divide = public(OPERATIONS["divide"])
true_divide = public(OPERATIONS["true_divide"])
floor_divide = public(OPERATIONS["floor_divide"])
power = public(OPERATIONS["power"])
maximum = public(OPERATIONS["maximum"])
minimum = public(OPERATIONS["minimum"])
less = public(OPERATIONS["less"])
less_equal = public(OPERATIONS["less_equal"])
greater = public(OPERATIONS["greater"])
greater_equal = public(OPERATIONS["greater_equal"])
equal = public(OPERATIONS["equal"])
not_equal = public(OPERATIONS["not_equal"])
logical_and = public(OPERATIONS["logical_and"])
logical_or = public(OPERATIONS["logical_or"])
where = public(OPERATIONS["where"])
logaddexp = public(OPERATIONS["logaddexp"])
dot = public(OPERATIONS["dot"])
softmax = public(OPERATIONS["softmax"])
log_softmax = public(OPERATIONS["log_softmax"])
sort = public(OPERATIONS["sort"])
argsort = public(OPERATIONS["argsort"])
flip = public(OPERATIONS["flip"])
roll = public(OPERATIONS["roll"])
cumsum = public(OPERATIONS["cumsum"])
cumprod = public(OPERATIONS["cumprod"])
get_at = public(OPERATIONS["get_at"])
set_at = public(OPERATIONS["set_at"])
add_at = public(OPERATIONS["add_at"])
subtract_at = public(OPERATIONS["subtract_at"])
attention = public(OPERATIONS["attention"])
conv = public(OPERATIONS["conv"])
window = public(OPERATIONS["window"])

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


def adapt(function: Callable[..., Any], kind: AdaptKind = "vmap") -> OperationFunction:
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
    return public(adapted(function, kind))
