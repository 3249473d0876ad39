"""A call -> a program: what the engine does once for each kind of call.

`prepare` sorts the arguments of a call into what chooses the code (`Call`) and what the code is run on;
`build` makes the plan, prints it and compiles it.
"""

from __future__ import annotations

import ast
import functools
import itertools
import linecache
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from wirework.arguments import (
    argument_kind,
    call_backend,
    check_arity,
    checked_option,
    keyword_order,
    rank_of,
    size_kind,
    sort_keywords,
    takes_value,
    whole_sizes,
)
from wirework.backends import Backend, Printer, backend_of, load
from wirework.backends.generic import made
from wirework.diagnose import explained, failure_of_check, with_shapes
from wirework.errors import Span, SyntaxError, WireworkError
from wirework.keywords import runtime_value
from wirework.notation import Bound, parse
from wirework.notation.sizes import Atom, Check, evaluate, reader, root
from wirework.operations import OPERATIONS, Call, Operation
from wirework.operations.misfits import Run, refuse_misfits
from wirework.plan import Plan

LIMIT = 4096  # programs kept in all


@dataclass(frozen=True, slots=True)
class Request:
    """What a parameter is told when an operation asks it for its array.

    Attributes:
        shape: the lengths of its dimensions.
        operation: the name of the operation that receives it.
        fan_in: the number of elements summed over for one output, for `dot`; else `None`.
        axes: the axis expression of each dimension, e.g. ("c_out", "c_in").
        like: another array of the call, whose framework, device and dtype it should follow.
    """

    shape: tuple[int, ...]
    operation: str
    fan_in: int | None
    axes: tuple[str, ...]
    like: Any


@dataclass(frozen=True, slots=True)
class Program:
    """Compiled code, and what it was made from."""

    function: Callable[..., Any]
    source: str
    operation: Operation
    call: Call
    bound: Bound
    plan: Plan
    backend: Backend


@dataclass(frozen=True, slots=True)
class Prepared:
    """The arguments of a call, sorted."""

    operation: Operation
    call: Call
    backend: Backend
    arrays: tuple[Any, ...]
    values: tuple[Any, ...]  # of the keywords that the code takes
    casts: tuple[int | str, ...]  # NumPy arrays to be converted: places of operands, names of options
    plain: bool  # the code depends on nothing but types and ranks of arrays and names of keywords


# -- sorting the arguments ------------------------------------------------------------------------------


def prepare(operation: str | Operation, text: Any, arrays: Sequence[Any], keywords: Mapping[str, Any]) -> Prepared:
    """Sort the arguments of a call.

    Raises:
        WireworkError: for whatever is wrong with them.
    """
    operation = OPERATIONS[operation] if isinstance(operation, str) else operation
    if not isinstance(text, str):
        raise SyntaxError(f"the expression must be a string, not {type(text).__name__}")
    parse(text)
    check_arity(operation, text, arrays)
    sizes, options = sort_keywords(operation, text, keywords)
    given = {name: size_kind(name, value, text) for name, value in sizes.items()}
    static = {
        name: checked_option(operation, name, value, text)
        for name, value in options.items()
        if value is not None and (value is not False or name not in operation.options)
    }
    arrays, made = with_parameters(operation, text, arrays, given, sizes, static)
    kinds = tuple(argument_kind(operation, text, place, array) for place, array in enumerate(arrays))
    solving = operation.family == "solving"
    backend = load("numpy") if solving else call_backend(text, arrays, options)
    ranks = tuple(rank_of(array, kind) for array, kind in zip(arrays, kinds, strict=True))
    order = tuple(
        (kind, name)
        for kind, name in keyword_order(keywords, options)
        if (kind == "size" and name in given)
        or (kind == "option" and name in static and takes_value(operation, name, static[name]))
    )
    call = Call(text, kinds, ranks, given, static, order, backend.fused)
    values = tuple(
        runtime_value(options[name]) if kind == "option" else whole_sizes(sizes[name]) for kind, name in order
    )
    casts = tuple(
        place for place, (array, kind) in enumerate(zip(arrays, kinds, strict=True))
        if kind == "array" and not solving and backend.name != "numpy" and backend_of(array) is not backend
    )  # fmt: skip
    casts += tuple(
        name for name, value in options.items()
        if name in static and backend.name != "numpy" and backend_of(runtime_value(value)) is load("numpy")
    )  # fmt: skip
    plain = not made
    return Prepared(operation, call, backend, arrays, values, casts, plain)


def prepare_traced(
    operation: str | Operation, text: str, classes: Sequence[type], ranks: Sequence[int | None],
    names: Sequence[str], kinds: Sequence[Any],
) -> Prepared:  # fmt: skip
    """Sort the arguments of a call that torch.compile traces, where only types and kinds are known."""
    operation = OPERATIONS[operation] if isinstance(operation, str) else operation
    backend = load("torch")
    options = {
        name: kind for name, kind in zip(names, kinds, strict=True)
        if name in operation.options and kind is not None and kind is not False
    }  # fmt: skip
    given = {name: kind for name, kind in zip(names, kinds, strict=True) if name not in operation.options}
    order = tuple(
        ("option" if name in options else "size", name) for name in names
        if name in given or (name in options and takes_value(operation, name, options[name]))
    )  # fmt: skip
    scalar = [issubclass(kind, bool | int | float | complex) for kind in classes]
    argument_kinds = tuple(
        "array" if rank is not None else "scalar" if number else "factory"
        for rank, number in zip(ranks, scalar, strict=True)
    )
    known_ranks = tuple(0 if number else rank for rank, number in zip(ranks, scalar, strict=True))
    casts = tuple(place for place, kind in enumerate(classes) if kind.__module__ == "numpy")
    call = Call(text, argument_kinds, known_ranks, given, options, order, backend.fused)
    return Prepared(operation, call, backend, (), (), casts, True)


# -- parameters that make their own array ---------------------------------------------------------------------


def with_parameters(
    operation: Operation, text: str, arrays: Sequence[Any], given: Mapping[str, Any], sizes: Mapping[str, Any],
    options: Mapping[str, Any],
) -> tuple[tuple[Any, ...], bool]:  # fmt: skip
    """The arguments with every parameter asked for its array, and whether there was one."""
    places = [place for place, array in enumerate(arrays) if hasattr(array, "__wirework_array__")]
    if not places:
        return tuple(arrays), False
    kinds = tuple(
        "factory" if place in places else argument_kind(operation, text, place, array)
        for place, array in enumerate(arrays)
    )
    ranks = tuple(rank_of(array, kind) for array, kind in zip(arrays, kinds, strict=True))
    bound = operation.bound(Call(text, kinds, ranks, given, options))
    like = next((array for array, kind in zip(arrays, kinds, strict=True) if kind == "array"), None)
    length = length_in(bound, arrays, sizes)
    summed = {leaf.name for array in bound.inputs for leaf in array.leaves} - set(bound.outputs[0].names)
    result = list(arrays)
    for place in places:
        operand = bound.inputs[place]
        shape = tuple(math.prod(length(axis) for axis in dim) for dim in operand.layout)
        fan_in = math.prod(length(axis) for axis in operand.names if axis in summed)
        request = Request(
            shape,
            operation.name,
            fan_in if operation.name == "dot" else None,
            tuple(dim.text for dim in operand.dims),
            like,
        )
        result[place] = arrays[place].__wirework_array__(request)
    return tuple(result), True


def length_in(bound: Bound, arrays: Sequence[Any], sizes: Mapping[str, Any]) -> Callable[[str], int]:
    """The actual length of an axis, by its name."""
    values = solved_values(bound, [getattr(array, "shape", ()) for array in arrays], sizes)
    return lambda axis: evaluate(bound.size(axis), values)


def solved_values(bound: Bound, shapes: Sequence[Sequence[int]], sizes: Mapping[str, Any]) -> Callable[[Atom], int]:
    """The value of every atom of a bound expression, for actual shapes and sizes.

    Raises:
        AxisSizeError: if these contradict the expression.
    """
    found: dict[str, int] = {}

    value = reader(shapes, {name: whole_sizes(size) for name, size in sizes.items()}, found)
    for number, statement in enumerate(bound.statements):
        if isinstance(statement, Check):
            left, right = evaluate(statement.left, value), evaluate(statement.right, value)
            if not (left == right if statement.relation == "==" else left >= right):
                raise failure_of_check(bound, number, shapes, sizes)
        else:
            try:
                found[statement.name] = evaluate(statement.size, value)
            except ZeroDivisionError:
                raise failure_of_check(bound, number, shapes, sizes) from None
    return value


# -- making the program ----------------------------------------------------------------------------------------

HELPERS = {"made": made, "root": root}
built: dict[Any, Program] = {}
numbers = itertools.count(1)


def program_for(prepared: Prepared) -> Program:
    """The program of a call, made if there is none yet."""
    operation, call = prepared.operation, prepared.call
    key = (
        operation, prepared.backend, call.text, call.kinds, call.ranks, tuple(call.given.items()),
        tuple(call.options.items()), call.order, prepared.casts,
    )  # fmt: skip
    program = built.get(key)
    if program is None:
        try:
            program = build(operation, call, prepared.backend, prepared.casts)
        except WireworkError as error:
            raise with_shapes(error, prepared.arrays) from None
        while len(built) >= LIMIT:
            forget(built.pop(next(iter(built))))
        built[key] = program
    return program


def forget(program: Program) -> None:
    """Drop what is kept of a program beside itself: the text that tracebacks show."""
    linecache.cache.pop(program.function.__code__.co_filename, None)


def build(operation: Operation, call: Call, backend: Backend, casts: Sequence[int | str] = ()) -> Program:
    """Plan, print and compile."""
    bound = operation.bound(call)
    plan = operation.plan(call, bound)
    arrays = [entry.name for place, entry in enumerate(plan.inputs) if entry.kind == "array" and place not in casts]
    if casts:
        cast = [place if isinstance(place, str) else plan.inputs[place].name for place in casts]
        plan = replace(plan, casts=tuple((name, arrays[0]) for name in cast))
    printer = Printer(plan, backend, {**backend.names(), **HELPERS})
    source = printer.print()
    file = f"<wirework {next(numbers)}: {operation.name} {' '.join(call.text.split())}>"
    function = compiled(source, file, scope(backend), fail=failure(bound, plan), function=operation.function)
    linecache.cache[file] = (len(source), None, source.splitlines(keepends=True), file)
    return Program(function, source, operation, call, bound, plan, backend)


def compiled(source: str, file: str, names: dict[str, Any], **own: Any) -> Callable[..., Any]:
    """The function that source defines, with global names, and names of its own as free variables."""
    tree = ast.parse(source, file)
    (definition,) = tree.body
    assert isinstance(definition, ast.FunctionDef)
    around = ast.parse(f"def make({', '.join(own)}): return {definition.name}")
    outer = around.body[0]
    assert isinstance(outer, ast.FunctionDef)
    outer.body.insert(0, definition)
    found: dict[str, Any] = {}
    exec(compile(around, file, "exec"), names, found)
    return found["make"](**own)


@functools.cache
def scope(backend: Backend) -> dict[str, Any]:
    """The global names of all code for a backend. They are shared, so that torch.compile has few to guard."""
    return {**backend.names(), **HELPERS}


def failure(bound: Bound, plan: Plan) -> Callable[..., None]:
    """What generated code calls when a check does not hold."""
    checks = [place for place, statement in enumerate(plan.statements) if isinstance(statement, Check)]
    texts = [plan.statements[place].equation.text for place in checks]  # type: ignore[union-attr]

    def fail(number: int, *arguments: Any) -> None:
        count = len(plan.inputs)
        shapes = [getattr(array, "shape", ()) for array in arguments[:count]]
        keywords = zip(plan.keywords, arguments[count:], strict=True)
        sizes = {name: value for (kind, name), value in keywords if kind == "size"}
        raise failure_of_check(bound, checks[number], shapes, sizes, plan.statements)

    def traced(number: int, *arguments: Any) -> None:
        """torch.compile cannot build an error of ours while it traces."""
        raise ValueError(f"the sizes do not fit {texts[number]} in the expression {bound.expression.text!r}")

    fail._torchdynamo_inline = traced  # type: ignore[attr-defined]
    return fail


def own_spans(program: Program) -> list[Span]:
    """The operands that a function of the user's own makes: those of factories, or the outputs of an adapted one."""
    kinds = zip(program.bound.inputs, program.call.kinds, strict=True)
    made_inputs = [array.span for array, kind in kinds if kind == "factory"]
    return made_inputs or [array.span for array in program.bound.outputs]


def explain_failure(error: Exception, program: Program, prepared: Prepared) -> Exception:
    """A typed error, unless a function of the user's own may have raised this one."""
    own = program.operation.function is not None or "factory" in prepared.call.kinds
    if own and not isinstance(error, WireworkError | ZeroDivisionError):
        return error
    keywords = list(zip(prepared.call.order, prepared.values, strict=True))
    sizes = {name: value for (kind, name), value in keywords if kind == "size"}
    options = {name: value for (kind, name), value in keywords if kind == "option"}
    try:
        run = Run(program.call, program.bound, prepared.arrays, sizes, options)
        refuse_misfits(program.operation.name, run)
    except WireworkError as found:
        found.__context__ = None
        return found
    if own and isinstance(error, WireworkError) and error.expression is None:
        return type(error)(error.reason, program.call.text, own_spans(program), error.notes)
    return explained(error, program.operation.name, program.bound, prepared.arrays, sizes, program.plan.statements)
