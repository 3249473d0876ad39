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
    parse(expression)

    @brief
    def decorate(function: Function) -> Function:
        checker = Checker(function, expression)
        places, outputs = checker.places, checker.outputs

        @functools.wraps(function)
        def checked(*args: Any, **kwargs: Any) -> Any:
            values = args if len(args) == len(places) and not kwargs else in_order(places, args, kwargs)
            problem = checker.fault(values)
            if problem is not None:
                raise problem
            result = function(*args, **kwargs)
            if outputs:
                results = (result,) if len(outputs) == 1 else result
                problem = checker.wrong_results(results) or checker.fault(values, results)
                if problem is not None:
                    raise problem
            return result

        return checked  # type: ignore[return-value]

    return decorate


@dataclass(frozen=True)
class Place:
    """A parameter of a function: its name, its place in a call unless it is by name only, and its default."""

    name: str
    index: int | None
    default: Any


def places_of(function: Callable[..., Any]) -> tuple[Place, ...]:
    """The parameters of a function."""
    parameters = enumerate(inspect.signature(function).parameters.values())
    return tuple(
        Place(
            parameter.name,
            None if parameter.kind is parameter.KEYWORD_ONLY else index,
            None if parameter.default is parameter.empty else parameter.default,
        )
        for index, parameter in parameters
        if parameter.kind not in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD)
    )


def in_order(places: Sequence[Place], args: Sequence[Any], kwargs: Mapping[str, Any]) -> tuple[Any, ...]:
    """The value of every parameter in a call."""
    given = len(args)
    return tuple([
        args[place.index] if place.index is not None and place.index < given else kwargs.get(place.name, place.default)
        for place in places
    ])  # fmt: skip


class Role:
    """What an array is in a typed expression: the operand it belongs to, and what messages call it."""

    def __init__(self, expression: str, label: str, operand: Operand) -> None:
        self.label = label
        self.start, end = operand.span
        self.text = expression[self.start : end]
        self.axes = frozenset(axis_names((operand,)))


class Checker:
    """Checks the calls of one function."""

    def __init__(self, function: Callable[..., Any], expression: str) -> None:
        parsed = parse(expression)
        self.name = function.__name__
        self.expression = expression
        self.places = places_of(function)
        self.first = 1 if self.places and self.places[0].name in ("self", "cls") else 0
        self.last = self.first + len(parsed.inputs)
        if len(self.places) < self.last:
            raise SemanticError(
                f"{self.name} has {counted(len(self.places) - self.first, 'parameter')}, but the expression has "
                f"{counted(len(parsed.inputs), 'input operand')}",
                expression,
                [operand.span for operand in parsed.inputs],
            )
        axes = axis_names((*parsed.inputs, *(parsed.outputs or ())))
        self.sizes = tuple((i, p.name) for i, p in enumerate(self.places) if i >= self.last and p.name in axes)
        names = [place.name for place in self.places[self.first : self.last]]
        self.inputs = [Role(expression, name, operand) for name, operand in zip(names, parsed.inputs, strict=True)]
        outputs = parsed.outputs or ()
        labels = ["the result"] if len(outputs) == 1 else [f"result {number + 1}" for number in range(len(outputs))]
        self.outputs = [Role(expression, label, operand) for label, operand in zip(labels, outputs, strict=True)]
        self.every = [*self.inputs, *self.outputs]
        self.inputs_text = ", ".join(role.text for role in self.inputs)
        self.text = ", ".join(role.text for role in self.every)

    def fault(self, values: Sequence[Any], results: Sequence[Any] = ()) -> WireworkError | None:
        """The error for arrays that do not fit."""
        arrays = [*values[self.first : self.last], *results]
        roles, text = (self.every, self.text) if results else (self.inputs, self.inputs_text)
        if any([array is None for array in arrays]):
            roles = [role for role, array in zip(roles, arrays, strict=True) if array is not None]
            arrays = [array for array in arrays if array is not None]
            text = ", ".join([role.text for role in roles])
        sizes = self.known_sizes(values, roles) if self.sizes else {}
        try:
            if roles:
                check(text, *arrays, **sizes)
        except WireworkError as error:
            return in_terms_of(error, self.name, self.expression, roles)
        return None

    def known_sizes(self, values: Sequence[Any], roles: Sequence[Role]) -> dict[str, Any]:
        """The sizes among the arguments, of axes that some operands have."""
        return {
            name: values[place]
            for place, name in self.sizes
            if values[place] is not None and any(name in role.axes for role in roles)
        }

    def wrong_results(self, results: Any) -> WireworkError | None:
        """The error for a function that did not return one array for each output."""
        if type(results) is tuple and len(results) == len(self.outputs) and not any([r is None for r in results]):
            return None
        spans = [(role.start, role.start + len(role.text)) for role in self.outputs]
        wanted = f"but the expression has {counted(len(spans), 'output operand')}"
        if not isinstance(results, tuple | list):
            return SemanticError(f"{self.name} returned one value, {wanted}", self.expression, spans)
        if len(results) != len(spans):
            return SemanticError(
                f"{self.name} returned {counted(len(results), 'value')}, {wanted}", self.expression, spans
            )
        for role, result, span in zip(self.outputs, results, spans, strict=True):
            if result is None:
                return SemanticError(f"{role.label} of {self.name} is None", self.expression, [span])
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
