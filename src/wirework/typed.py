"""Functions that check the arrays they take and return."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any, TypeVar

from wirework.errors import SemanticError
from wirework.notation import Operand, axis_names, parse
from wirework.solving import check

Function = TypeVar("Function", bound=Callable[..., Any])


def typed(expression: str) -> Callable[[Function], Function]:
    """Check the arrays that a function takes and returns against an expression, at every call.

    The operands before '->' belong to the function's parameters in order (not counting `self` or `cls`);
    an argument that is `None` is left out. A further parameter that is called like an axis gives its size.
    The operands after '->' belong to what it returns: one array, or a tuple of several.

    Raises:
        RankError, AxisSizeError: from the call, if the arrays do not fit.

    >>> import numpy as np
    >>> @typed("b t c, c -> b t c")
    ... def shift(x, by):
    ...     return x + by
    >>> shift(np.ones((2, 3, 4)), np.ones(4)).shape
    (2, 3, 4)
    """
    parsed = parse(expression)
    inputs = tuple(text_of(expression, operand) for operand in parsed.inputs)
    outputs = tuple(text_of(expression, operand) for operand in parsed.outputs or ())
    axes = axis_names((*parsed.inputs, *(parsed.outputs or ())))

    def decorate(function: Function) -> Function:
        parameters = [name for name in inspect.signature(function).parameters]
        skipped = 1 if parameters[:1] in (["self"], ["cls"]) else 0
        names = parameters[skipped : skipped + len(inputs)]
        sized = [name for name in parameters[skipped + len(inputs) :] if name in axes]
        if len(names) < len(inputs):
            raise SemanticError(
                f"{function.__name__} has {len(names)} parameters, but the expression has {len(inputs)} inputs",
                expression,
            )

        @functools.wraps(function)
        def checked(*args: Any, **kwargs: Any) -> Any:
            texts, arrays, sizes = [], [], {}
            for place, name in enumerate(parameters):
                value = args[place] if place < len(args) else kwargs.get(name)
                if value is None:
                    continue
                if name in sized:
                    sizes[name] = value
                elif place >= skipped and place - skipped < len(inputs):
                    texts.append(inputs[place - skipped])
                    arrays.append(value)
            if arrays:
                check(", ".join(texts), *arrays, **known(sizes, texts))
            result = function(*args, **kwargs)
            if outputs:
                results = result if isinstance(result, tuple | list) else (result,)
                if len(results) != len(outputs):
                    raise SemanticError(
                        f"{function.__name__} returned {len(results)} arrays, but the expression has {len(outputs)} "
                        "outputs",
                        expression,
                    )
                every = (*texts, *outputs)
                check(", ".join(every), *arrays, *results, **known(sizes, every))
            return result

        return checked  # type: ignore[return-value]

    return decorate


def text_of(expression: str, operand: Operand) -> str:
    """An operand as it was written."""
    return expression[operand.span[0] : operand.span[1]]


def known(sizes: dict[str, Any], texts: Any) -> dict[str, Any]:
    """The sizes of axes that stand in some operands."""
    if not sizes:
        return sizes
    names = axis_names(parse(", ".join(texts)).inputs)
    return {name: size for name, size in sizes.items() if name in names}
