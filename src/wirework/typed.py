"""Functions that check the arrays they take and return."""

from __future__ import annotations

import functools
import inspect
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from wirework.errors import SemanticError, Span, WireworkError, brief, counted
from wirework.notation import Operand, axis_names, parse
from wirework.solving import check

Function = TypeVar("Function", bound=Callable[..., Any])


@brief
def typed(expression: str) -> Callable[[Function], Function]:
    """Check the arrays that a function takes and returns against an expression, at every call.

    The operands before '->' belong to the function's parameters in order (not counting `self` or `cls`);
    an argument that is `None` is left out. A further parameter that is called like an axis gives its size.
    The operands after '->' belong to what it returns: one array, or a tuple of several.

    Raises:
        RankError, AxisSizeError: from the call, if the arrays do not fit.
        SemanticError: if there are fewer parameters than operands, or not as many results as outputs.

    >>> import numpy as np
    >>> @typed("b t c, c -> b t c")
    ... def shift(x, by):
    ...     return x + by
    >>> shift(np.ones((2, 3, 4)), np.ones(4)).shape
    (2, 3, 4)
    """
    if not isinstance(expression, str):
        raise SemanticError(f"typed needs an expression, as in @typed('b c -> b'), not {type(expression).__name__}")
    parsed = parse(expression)

    @brief
    def decorate(function: Function) -> Function:
        inputs, sizes = parameters_of(function, expression)
        outputs = parsed.outputs
        labels = ["the result"] if outputs and len(outputs) == 1 else [f"result {i + 1}" for i in range(len(outputs or ()))]
        results_of = [Role(expression, label, operand) for label, operand in zip(labels, outputs or (), strict=True)]
        name = function.__name__

        @functools.wraps(function)
        def checked(*args: Any, **kwargs: Any) -> Any:
            given = {size.name: value for size in sizes if (value := size.value(args, kwargs)) is not None}
            taken = [(role, value) for role, place in inputs if (value := place.value(args, kwargs)) is not None]
            problem = fault(name, expression, taken, given)
            if problem is not None:
                raise problem
            result = function(*args, **kwargs)
            if outputs is not None:
                results = (result,) if len(outputs) == 1 else result
                problem = wrong_results(name, expression, results, results_of)
                if problem is None:
                    problem = fault(name, expression, [*taken, *zip(results_of, results, strict=True)], given)
                if problem is not None:
                    raise problem
            return result

        return checked  # type: ignore[return-value]

    return decorate


class Role:
    """What an array is in a typed expression: the operand it belongs to, and what messages call it."""

    def __init__(self, expression: str, label: str, operand: Operand) -> None:
        self.label = label
        self.start, end = operand.span
        self.text = expression[self.start : end]
        self.axes = frozenset(axis_names((operand,)))


@dataclass(frozen=True)
class Place:
    """Where a function gets the value of a parameter from."""

    name: str
    index: int | None  # `None` if it can only be given by name
    default: Any

    def value(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
        """The value in a call."""
        if self.index is not None and self.index < len(args):
            return args[self.index]
        return kwargs.get(self.name, self.default)


def parameters_of(function: Callable[..., Any], expression: str) -> tuple[list[tuple[Role, Place]], list[Place]]:
    """The parameters of a function that are arrays, each with its role, and those that are sizes."""
    parsed = parse(expression)
    places = []
    for index, parameter in enumerate(inspect.signature(function).parameters.values()):
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            continue
        by_name = parameter.kind is parameter.KEYWORD_ONLY
        default = None if parameter.default is parameter.empty else parameter.default
        places.append(Place(parameter.name, None if by_name else index, default))
    if places and places[0].name in ("self", "cls"):
        places.pop(0)
    count = len(parsed.inputs)
    if len(places) < count:
        raise SemanticError(
            f"{function.__name__} has {counted(len(places), 'parameter')}, but the expression has "
            f"{counted(count, 'input operand')}",
            expression,
            [operand.span for operand in parsed.inputs],
        )
    axes = axis_names((*parsed.inputs, *(parsed.outputs or ())))
    roles = [Role(expression, place.name, operand) for place, operand in zip(places, parsed.inputs, strict=False)]
    return list(zip(roles, places, strict=False)), [place for place in places[count:] if place.name in axes]


def wrong_results(name: str, expression: str, results: Any, roles: Sequence[Role]) -> WireworkError | None:
    """The error for a function that did not return one array for each output."""
    spans = [(role.start, role.start + len(role.text)) for role in roles]
    wanted = f"but the expression has {counted(len(roles), 'output operand')}"
    if not isinstance(results, tuple | list):
        return SemanticError(f"{name} returned one value, {wanted}", expression, spans)
    if len(results) != len(roles):
        return SemanticError(f"{name} returned {counted(len(results), 'value')}, {wanted}", expression, spans)
    for role, result, span in zip(roles, results, spans, strict=True):
        if result is None:
            return SemanticError(f"{role.label} of {name} is None", expression, [span])
    return None


def fault(
    name: str, expression: str, arrays: Sequence[tuple[Role, Any]], sizes: Mapping[str, Any]
) -> WireworkError | None:
    """The error for arrays that do not fit, in terms of the whole expression and of the function's parameters."""
    if not arrays:
        return None
    roles = [role for role, _ in arrays]
    known = {axis: size for axis, size in sizes.items() if any(axis in role.axes for role in roles)}
    try:
        check(", ".join([role.text for role in roles]), *[array for _, array in arrays], **known)
    except WireworkError as error:
        return in_terms_of(error, name, expression, roles)
    return None


def in_terms_of(error: WireworkError, name: str, expression: str, roles: Sequence[Role]) -> WireworkError:
    """An error about some operands of the expression, as one about the expression."""

    def label(match: re.Match[str]) -> str:
        return roles[int(match[1]) - 1].label

    def renamed(text: str) -> str:
        return re.sub(r"argument (\d+)(?: of solve)?", label, text)

    spans: list[Span] = []
    for start, end in error.spans:
        offset = 0
        for role in roles:
            if offset <= start <= offset + len(role.text):
                spans.append((start - offset + role.start, end - offset + role.start))
                break
            offset += len(role.text) + 2
    return type(error)(f"{name}: {renamed(error.reason)}", expression, spans, map(renamed, error.notes))
