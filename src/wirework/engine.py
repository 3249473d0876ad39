"""The hot path: look up the program of a call and run it.

An operation keeps its programs in a dictionary. The key is the expression, the type and rank of each
array and the names of the keywords: never a shape, never the value of a size. A call of a kind seen
before is one look-up in front of the generated code. Everything else - a first call, options that
choose the code, any mistake - leaves by an exception into `slow`, which may take its time: what it needs
is only loaded then.
"""

from __future__ import annotations

import contextlib
import threading
import types
import weakref
from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Protocol

from wirework.docstrings import docstring
from wirework.errors import WireworkError
from wirework.keywords import is_plain, kind_of, runtime_value

if TYPE_CHECKING:
    from wirework.operations import Operation
    from wirework.program import Prepared, Program

LIMIT = 4096  # programs kept for each operation
ABSENT: Any = object()
OURS = ("builtins", "numpy", "wirework")  # where errors come from that `slow` can explain; others may be signals

lock = threading.RLock()
tables: list[dict[Any, Callable[..., Any]]] = []
recorders: list[dict[tuple[str, str], str]] = []
applied: weakref.WeakSet[Applied] = weakref.WeakSet()
inlined = types.ModuleType("wirework.inlined")  # programs that torch.compile found, by name


class OperationFunction(Protocol):
    """What users call: `ww.NAME(expression, *arrays, **sizes_and_options)`."""

    __name__: str

    def __call__(self, expression: str, /, *arrays: Any, **sizes_and_options: Any) -> Any: ...


def public(operation: str | Operation) -> OperationFunction:
    """The function that users call for an operation, which is given by name or, if adapted, as it is."""
    programs: dict[Any, Callable[..., Any]] = {}
    tables.append(programs)

    def function(
        expression: str, x: Any = None, y: Any = ABSENT, z: Any = ABSENT, /, *rest: Any, **keywords: Any
    ) -> Any:
        try:
            if y is ABSENT:
                if not keywords:
                    return programs[expression, x.__class__, x.ndim](x)
                if len(keywords) == 1:
                    ((name, value),) = keywords.items()
                    return programs[expression, x.__class__, x.ndim, name](x, value)
                return programs[expression, x.__class__, x.ndim, *keywords](x, *keywords.values())
            of_y = getattr(y, "ndim", None)
            if z is ABSENT:
                if not keywords:
                    return programs[expression, x.__class__, x.ndim, y.__class__, of_y](x, y)
                key = (expression, x.__class__, x.ndim, y.__class__, of_y, *keywords)
                return programs[key](x, y, *keywords.values())
            if not rest:
                of_z = getattr(z, "ndim", None)
                key = (expression, x.__class__, x.ndim, y.__class__, of_y, z.__class__, of_z, *keywords)
                return programs[key](x, y, z, *keywords.values())
            arrays = (x, y, z, *rest)
            return programs[fast_key(expression, arrays, keywords)](*arrays, *keywords.values())
        except Exception as error:  # whatever it is, `slow` finds out
            if type(error).__module__.partition(".")[0] not in OURS:
                raise
        arrays = tuple([array for array in (x, y, z, *rest) if array is not ABSENT])
        try:
            return slow(operation, expression, arrays, keywords, keep)
        except WireworkError as error:
            problem = error.with_traceback(None)
        raise problem

    def keep(program: Program, prepared: Prepared, keywords: dict[str, Any]) -> None:
        if prepared.plain and "sizes" not in keywords:
            key = fast_key(prepared.call.text, prepared.arrays, keywords)
            remember(programs, key, program, prepared, keywords)

    def in_trace(expression: str, /, *arrays: Any, **keywords: Any) -> Any:
        return traced(operation, expression, arrays, keywords)

    function._torchdynamo_inline = in_trace  # type: ignore[attr-defined]
    name = operation if isinstance(operation, str) else operation.name
    function.__name__ = function.__qualname__ = name
    function.__doc__ = docstring(name) if isinstance(operation, str) else operation.summary
    return function  # type: ignore[return-value]


def fast_key(expression: str, arrays: tuple[Any, ...], keywords: dict[str, Any]) -> tuple[Any, ...]:
    """What a program is looked up by."""
    return (expression, *[each for a in arrays for each in (a.__class__, getattr(a, "ndim", None))], *keywords)


def slow(
    operation: str | Operation, expression: str, arrays: tuple[Any, ...], keywords: dict[str, Any],
    keep: Callable[[Program, Prepared, dict[str, Any]], None],
) -> Any:  # fmt: skip
    """Sort the arguments, find or make the program, have it kept, run it, and explain what goes wrong."""
    from wirework.program import explain_failure, prepare, program_for

    if (observer := observed.by) is not None:
        with observing(None):
            return observer(operation, expression, arrays, keywords)
    prepared = prepare(operation, expression, arrays, keywords)
    with lock:
        program = program_for(prepared)
        for recorder in recorders:
            recorder[program.operation.name, expression] = program.source
        if not observers:
            keep(program, prepared, keywords)
    try:
        return program.function(*prepared.arrays, *prepared.values)
    except Exception as error:
        problem = explain_failure(error, program, prepared)
        if problem is error:
            raise
    raise problem


# -- remembering ----------------------------------------------------------------------------------------------


def remember(
    programs: dict[Any, Any], key: tuple[Any, ...], program: Program, prepared: Prepared, keywords: dict[str, Any]
) -> None:
    """Put a program where the hot path finds it, behind a choice if values of keywords choose the code."""
    if key not in programs and len(programs) >= LIMIT:
        programs.pop(next(iter(programs)), None)
    count = len(prepared.arrays)
    kinds = tuple(map(kind_of, keywords.values()))
    taken = {name for _, name in prepared.call.order}
    kept = tuple(count + place for place, name in enumerate(keywords) if name in taken)
    entry = programs.get(key)
    known = getattr(entry, "variants", {})
    careful = program.operation.family == "solving" and keywords  # it would hand on a size that is no size
    if not (careful or known) and all(map(is_plain, kinds)):
        programs[key] = program.function
    elif not isinstance(entry, Choice) and len(kinds) == 1 and isinstance(kinds[0], bool) and not kept:
        programs[key] = flag({**known, kinds[0]: program.function})
    else:
        variants = known if isinstance(entry, Choice) else {}
        programs[key] = Choice(count, {**variants, kinds: (program.function, kept)})


class Choice:
    """Programs for the same arrays and keywords, told apart by the kinds of the keywords' values."""

    def __init__(self, arrays: int, variants: dict[Any, Any]) -> None:
        self.arrays = arrays
        self.variants = variants

    def __call__(self, *arguments: Any) -> Any:
        arrays = self.arrays
        kinds = tuple([kind_of(value) for value in arguments[arrays:]])
        function, kept = self.variants[kinds]
        return function(*arguments[:arrays], *[runtime_value(arguments[place]) for place in kept])


def flag(variants: dict[bool, Callable[..., Any]]) -> Callable[..., Any]:
    """Programs told apart by one keyword that is True or False, and that they do not take."""

    def choose(*arguments: Any) -> Any:
        return variants[arguments[-1]](*arguments[:-1])

    choose.variants = variants  # type: ignore[attr-defined]
    return choose


def forget_programs() -> None:
    """Let the next call of every kind come through `slow`."""
    for programs in (*tables, *(each.programs for each in applied)):
        programs.clear()


@contextlib.contextmanager
def record_sources() -> Iterator[dict[tuple[str, str], str]]:
    """Collect the source of every program used inside, by operation and expression."""
    recorder: dict[tuple[str, str], str] = {}
    with lock:
        forget_programs()
        recorders.append(recorder)
    try:
        yield recorder
    finally:
        recorders.remove(recorder)


class Observer(Protocol):
    """What is called instead of an operation: as `slow`. Inside it operations are themselves again."""

    def __call__(
        self, operation: str | Operation, expression: str, arrays: tuple[Any, ...], keywords: dict[str, Any], /
    ) -> Any: ...


class Observed(threading.local):
    """Who observes the operations of this thread."""

    by: Observer | None = None


observed = Observed()
observers: list[Observer] = []  # of all threads: while there is one no program is kept, so that every call is slow


@contextlib.contextmanager
def observing(by: Observer | None) -> Iterator[None]:
    """Give every operation that this thread calls inside to an observer."""
    before, observed.by = observed.by, by
    if by is not None:
        with lock:
            observers.append(by)
            forget_programs()
    try:
        yield
    finally:
        observed.by = before
        if by is not None:
            observers.remove(by)


# -- in layers -------------------------------------------------------------------------------------------------


class Applied:
    """An operation with its expression, sizes and options said once: a function of up to four arrays, as layers need.

    The look-up is by the first array's type and by ranks, and keywords take no part in it.

    Args:
        operation: its name.
        expression: as for the operation.
        operands: how many arrays the expression has.
        names: the keywords for arrays that may follow these, such as "bias".
        constants: sizes and options.
    """

    def __init__(
        self, operation: str, expression: str, operands: int = 1, names: tuple[str, ...] = (),
        constants: Mapping[str, Any] = types.MappingProxyType({}),
    ) -> None:  # fmt: skip
        self.said = operation, expression, operands, names, dict(constants)
        self.programs: dict[Any, Callable[..., Any]] = {}
        applied.add(self)

    def __call__(self, x: Any, y: Any = ABSENT, z: Any = ABSENT, w: Any = ABSENT, /) -> Any:
        try:
            if z is not ABSENT:
                if w is not ABSENT:
                    return self.programs[x.__class__, x.ndim, y.ndim, z.ndim, w.ndim](x, y, z, w)
                return self.programs[x.__class__, x.ndim, y.ndim, z.ndim](x, y, z)
            if y is not ABSENT:
                return self.programs[x.__class__, x.ndim, y.ndim](x, y)
            return self.programs[x.__class__, x.ndim](x)
        except Exception as error:
            if type(error).__module__.partition(".")[0] not in OURS:
                raise
        try:
            return self.slow(tuple([array for array in (x, y, z, w) if array is not ABSENT]))
        except WireworkError as error:
            problem = error.with_traceback(None)
        raise problem

    def slow(self, arrays: tuple[Any, ...]) -> Any:
        operation, expression, operands, _, _ = self.said

        def keep(program: Program, prepared: Prepared, keywords: dict[str, Any]) -> None:
            if prepared.plain:
                key = (arrays[0].__class__, *[array.ndim for array in arrays])
                self.programs[key] = with_defaults(program.function, prepared.values[len(arrays) - operands :])

        return slow(operation, expression, arrays[:operands], self.keywords(arrays), keep)

    def keywords(self, arrays: tuple[Any, ...]) -> dict[str, Any]:
        """What the public function is given besides operands: the constants last, as they come to be defaults."""
        _, _, operands, names, constants = self.said
        return {**dict(zip(names, arrays[operands:], strict=False)), **constants}

    def in_trace(self, *arrays: Any) -> Any:
        name, *values = applied_program(self, *[array.ndim for array in arrays]).split()
        return getattr(inlined, name)(*arrays, *[number(value) for value in values])

    __call__._torchdynamo_inline = in_trace  # type: ignore[attr-defined]

    def __reduce__(self) -> tuple[Any, ...]:
        return Applied, self.said


def with_defaults(function: Callable[..., Any], values: tuple[Any, ...]) -> Callable[..., Any]:
    """The same code, whose last arguments may be left out."""
    assert isinstance(function, types.FunctionType)
    return types.FunctionType(function.__code__, function.__globals__, function.__name__, values, function.__closure__)


# -- torch.compile ----------------------------------------------------------------------------------------------


def traced(operation: str | Operation, expression: str, arrays: tuple[Any, ...], keywords: dict[str, Any]) -> Any:
    """What torch.compile traces instead of a call: the program is found while tracing, and inlined."""
    classes = tuple([type(array) for array in arrays])
    ranks = tuple([None if isinstance(a, int | float | complex) else getattr(a, "ndim", None) for a in arrays])
    kinds = tuple([kind_of(value) for value in keywords.values()])
    name, kept = inlined_program(operation, expression, classes, ranks, tuple(keywords), kinds).split(":")
    values = [runtime_value(value) for option, value in keywords.items() if option in kept.split()]
    return getattr(inlined, name)(*arrays, *values)


def inlined_program(
    operation: str | Operation, expression: str, classes: tuple[type, ...], ranks: tuple[int | None, ...],
    names: tuple[str, ...], kinds: tuple[Any, ...],
) -> str:  # fmt: skip
    """Make the program of a call that torch.compile traces: "its name in `inlined`:the keywords it takes".

    torch.compile runs this while it traces, and takes the result, which must be a string, for a constant.
    """
    from wirework.program import prepare_traced, program_for

    prepared = prepare_traced(operation, expression, classes, ranks, names, kinds)
    program = program_for(prepared)
    return f"{inline(program, program.function)}:{' '.join(name for _, name in prepared.call.order)}"


def applied_program(applied: Applied, *ranks: int) -> str:
    """Make the program of an `Applied` that torch.compile traces: "its name in `inlined` and the numbers it takes"."""
    from wirework.program import prepare_traced, program_for

    operation, expression, operands, names, constants = applied.said
    given = names[: len(ranks) - operands]
    kinds = (*[("array", rank) for rank in ranks[operands:]], *map(kind_of, constants.values()))
    arrays = (object,) * operands
    prepared = prepare_traced(operation, expression, arrays, ranks[:operands], (*given, *constants), kinds)
    program = program_for(prepared)
    taken = {name for _, name in prepared.call.order}
    values = tuple([value for name, value in constants.items() if name in taken])
    if any(type(value) not in (int, float) for value in values):
        return inline(program, with_defaults(program.function, values))
    return " ".join([inline(program, program.function), *map(repr, values)])


def inline(program: Program, function: Callable[..., Any]) -> str:
    """Put a function where torch.compile finds it, and what it is called there."""
    name = f"{program.operation.name}_{id(function)}"
    with lock:
        while len(vars(inlined)) > LIMIT:
            delattr(inlined, next(each for each in vars(inlined) if not each.startswith("__")))
        setattr(inlined, name, function)
    return name


def number(text: str) -> int | float:
    """A number from its text."""
    return int(text) if text.isdigit() else float(text)


inlined_program._dynamo_marked_constant = True  # type: ignore[attr-defined]
applied_program._dynamo_marked_constant = True  # type: ignore[attr-defined]
