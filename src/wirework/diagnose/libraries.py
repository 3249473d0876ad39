"""Errors raised by an array library while generated code runs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from wirework.diagnose.arguments import shape_notes, shapes_of
from wirework.diagnose.sizes import failure_of_check, lookup
from wirework.errors import AxisSizeError, BackendError, CoordinateError, NotSupportedError, WireworkError, joined
from wirework.notation import Bound
from wirework.notation.names import shown
from wirework.notation.sizes import Assign, Statement, evaluate

# Where the errors come from that say something about the arguments. Others are not ours to explain.
LIBRARIES = ("builtins", "numpy", "numpy.exceptions", "numpy._core._exceptions")
# What has no meaning for complex numbers: they have no order, or the function is defined for real ones.
REAL_ONLY = (
    "softmax", "log_softmax", "logsumexp", "attention", "sort", "argsort", "min", "max", "argmin", "argmax",
    "minimum", "maximum", "less", "less_equal", "greater", "greater_equal", "floor_divide", "logaddexp",
)  # fmt: skip
NEED_ONE = ("min", "max", "argmin", "argmax")


def explained(
    error: Exception, name: str, bound: Bound, arrays: Sequence[Any], sizes: Mapping[str, Any],
    statements: Sequence[Statement],
) -> Exception:  # fmt: skip
    """A typed error for what came out of generated code; `error` itself if it is not about the call."""
    text = bound.expression.text
    notes = shape_notes([array.text for array in bound.inputs], shapes_of(arrays))
    if isinstance(error, WireworkError):
        return error if error.expression is not None else type(error)(error.reason, text, error.spans, error.notes)
    if isinstance(error, ZeroDivisionError):
        return division_by_zero(bound, arrays, sizes, statements) or error
    if type(error).__module__ not in LIBRARIES or isinstance(error, MemoryError) or "memory" in str(error):
        return error
    if isinstance(error, IndexError) and name.endswith("_at"):
        return CoordinateError(f"{name}: a coordinate is out of range", text, notes=[first_line(error)])
    dtypes = dict.fromkeys(str(array.dtype) for array in arrays if hasattr(array, "dtype"))
    if name in REAL_ONLY and any("complex" in dtype for dtype in dtypes):
        spans = [
            operand.span
            for operand, array in zip(bound.inputs, arrays, strict=False)
            if "complex" in str(getattr(array, "dtype", ""))
        ]
        return BackendError(f"{name} is not defined for complex numbers", text, spans, notes)
    if name in NEED_ONE and (empty := reduced_empty(bound, arrays, sizes, statements)):
        return AxisSizeError(f"{name} over {empty[0]} of length 0 has no value", text, empty[1], notes)
    if isinstance(error, NotImplementedError) and "not implemented for" not in str(error):
        return NotSupportedError(f"{name}: {first_line(error)}", text, notes=notes)
    return BackendError(f"{name} failed on {joined(dtypes or ['no array'])}: {first_line(error)}", text, notes=notes)


def first_line(error: Exception) -> str:
    """What an error says, in one line."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")


def reduced_empty(
    bound: Bound, arrays: Sequence[Any], sizes: Mapping[str, Any], statements: Sequence[Statement]
) -> tuple[str, list[tuple[int, int]]] | None:
    """The reduced axes of length 0, in words, and where they are written."""
    value = lookup(statements, [getattr(array, "shape", ()) for array in arrays], sizes)
    kept = {leaf.name for leaf in bound.outputs[0].leaves}
    leaves = [
        leaf
        for leaf in bound.inputs[0].leaves
        if (leaf.bracket or leaf.name not in kept) and evaluate(bound.size(leaf.name), value) == 0
    ]
    if not leaves:
        return None
    names = joined(dict.fromkeys(shown(leaf.size) for leaf in leaves))
    return f"{'axis' if len(leaves) == 1 else 'axes'} {names}", [leaf.span for leaf in leaves]


def division_by_zero(
    bound: Bound, arrays: Sequence[Any], sizes: Mapping[str, Any], statements: Sequence[Statement]
) -> WireworkError | None:
    """The error for the first size that cannot be found because another one is 0."""
    shapes = [getattr(array, "shape", ()) for array in arrays]
    for place, statement in enumerate(statements):
        if isinstance(statement, Assign):
            try:
                lookup(statements[: place + 1], shapes, sizes)
            except ZeroDivisionError:
                return failure_of_check(bound, place, shapes, sizes, statements)
    return None
