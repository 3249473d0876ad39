"""Sizes of axes as users ask for them."""

from __future__ import annotations

from typing import Any

from wirework.engine import public
from wirework.errors import AxisSizeError, RankError, brief

solve = solve_axes = check = public("solve")
solve_shapes = public("solve_shapes")


@brief
def matches(expression: str, /, *arrays: Any, **sizes: Any) -> bool:
    """Whether arrays and sizes fit an expression.

    Raises:
        SyntaxError: if it is no expression.
        SemanticError: if it does not have one operand for each array, or has no axis of a given name.

    >>> import numpy as np
    >>> matches("a b, b c", np.ones((2, 3)), np.ones((3, 4)))
    True
    """
    try:
        solve(expression, *arrays, **sizes)
    except (AxisSizeError, RankError):
        return False
    return True
