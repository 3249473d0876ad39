"""The hot path: look up the program of a call and run it.

An operation keeps its programs in a dictionary. The key is the expression, the type and rank of each
array and the names of the keywords: never a shape, never the value of a size. A call of a kind seen
before is one look-up in front of the generated code. Everything else - a first call, scalars, options
that choose the code, any mistake - leaves by an exception into `slow`, which may take its time.
"""

from __future__ import annotations

import contextlib
import threading
import types
from collections.abc import Callable, Iterator
from typing import Any, Protocol

from wirework.backends import load
from wirework.diagnose import explained
from wirework.errors import WireworkError
from wirework.operations import Call, Operation
from wirework.program import LIMIT, Prepared, Program, kind_of, prepare, program_for, runtime_value

lock = threading.RLock()
tables: list[dict[Any, Callable[..., Any]]] = []
recorders: list[dict[tuple[str, str], str]] = []
inlined = types.ModuleType("wirework.inlined")  # programs that torch.compile found, by name


ABSENT: Any = object()


class OperationFunction(Protocol):
    """What users call: `ww.NAME(expression, *arrays, **sizes_and_options)`."""

    operation: Operation
    __name__: str

    def __call__(self, expression: str, /, *arrays: Any, **sizes_and_options: Any) -> Any: ...


def public(operation: Operation) -> OperationFunction:
    """The function that users call for an operation."""
    programs: dict[Any, Callable[..., Any]] = {}
    tables.append(programs)

    def function(
        expression: str, x: Any = None, y: Any = ABSENT, z: Any = ABSENT, /, *rest: Any, **keywords: Any
    ) -> Any:
        try:
            if y is ABSENT:
                return programs[expression, x.__class__, x.ndim, *keywords](x, *keywords.values())
            of_y = (y.__class__, getattr(y, "ndim", None))
            if z is ABSENT:
                return programs[expression, x.__class__, x.ndim, *of_y, *keywords](x, y, *keywords.values())
            arrays = (x, y, z, *rest)
            return programs[fast_key(expression, arrays, keywords)](*arrays, *keywords.values())
        except Exception:  # whatever it is, `slow` finds out
            pass
        try:
            arrays = tuple(array for array in (x, y, z, *rest) if array is not ABSENT)
            return slow(operation, programs, expression, arrays, keywords)
        except WireworkError as error:
            problem = error.with_traceback(None)
        raise problem

    def traced(expression: str, /, *arrays: Any, **keywords: Any) -> Any:
        """What torch.compile traces instead: the program is found while tracing, and inlined."""
        classes = tuple([array.__class__ for array in arrays])
        ranks = tuple([getattr(array, "ndim", None) for array in arrays])
        kinds = tuple([kind_of(value) for value in keywords.values()])
        name = inlined_name(operation, expression, classes, ranks, tuple(keywords), kinds)
        values = [
            runtime_value(value) for option, value in keywords.items() if takes(operation, option, value)
        ]
        return getattr(inlined, name)(*arrays, *values)

    function._torchdynamo_inline = traced  # type: ignore[attr-defined]
    function.operation = operation  # type: ignore[attr-defined]
    function.__name__ = function.__qualname__ = operation.name
    function.__doc__ = operation.summary
    return function  # type: ignore[return-value]


def fast_key(expression: str, arrays: tuple[Any, ...], keywords: dict[str, Any]) -> tuple[Any, ...]:
    """What a program is looked up by."""
    return (expression, *[each for a in arrays for each in (a.__class__, getattr(a, "ndim", None))], *keywords)


def slow(
    operation: Operation, programs: dict[Any, Any], expression: str, arrays: tuple[Any, ...], keywords: dict[str, Any]
) -> Any:
    """Sort the arguments, find or make the program, remember it, run it, and explain what goes wrong."""
    prepared = prepare(operation, expression, arrays, keywords)
    with lock:
        program = program_for(operation, prepared)
        for recorder in recorders:
            recorder[operation.name, expression] = program.source
        if prepared.plain and "sizes" not in keywords:
            remember(programs, fast_key(expression, prepared.arrays, keywords), program, prepared, keywords)
    try:
        return program.function(*prepared.arrays, *prepared.values)
    except Exception as error:
        problem = explain_failure(error, program, prepared)
        if problem is error:
            raise
    raise problem


def explain_failure(error: Exception, program: Program, prepared: Prepared) -> Exception:
    """A typed error, unless a function of the user's own may have raised this one."""
    own = program.operation.function is not None or "factory" in prepared.call.kinds
    if own and not isinstance(error, WireworkError | ZeroDivisionError):
        return error
    keywords = zip(prepared.call.order, prepared.values, strict=True)
    sizes = {name: value for (kind, name), value in keywords if kind == "size"}
    return explained(
        error, program.operation.name, program.bound, prepared.arrays, sizes, program.plan.statements
    )


# -- remembering ----------------------------------------------------------------------------------------------


def remember(
    programs: dict[Any, Any], key: tuple[Any, ...], program: Program, prepared: Prepared, keywords: dict[str, Any]
) -> None:
    """Put a program where the hot path finds it, behind a choice if values of keywords choose the code."""
    if key not in programs and len(programs) >= LIMIT:
        programs.pop(next(iter(programs)), None)
    count = len(prepared.arrays)
    kinds = tuple(map(kind_of, keywords.values()))
    choosing = tuple(count + place for place, kind in enumerate(kinds) if kind not in ("int", "float"))
    taken = {name for _, name in prepared.call.order}
    kept = tuple(count + place for place, name in enumerate(keywords) if name in taken)
    entry = programs.get(key)
    known = entry.variants if isinstance(entry, Choice) else {}
    if not (choosing or known):
        programs[key] = program.function
    elif len(kinds) == 1 and isinstance(kinds[0], bool) and not kept:
        programs[key] = Flag({**known, kinds[0]: program.function})
    else:
        variants = {} if isinstance(entry, Flag) else known
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


class Flag(Choice):
    """Programs told apart by one keyword that is True or False, and that they do not take."""

    def __init__(self, variants: dict[Any, Any]) -> None:
        super().__init__(0, variants)

    def __call__(self, *arguments: Any) -> Any:
        return self.variants[arguments[-1]](*arguments[:-1])


@contextlib.contextmanager
def record_sources() -> Iterator[dict[tuple[str, str], str]]:
    """Collect the source of every program used inside, by operation and expression."""
    recorder: dict[tuple[str, str], str] = {}
    with lock:
        for programs in tables:
            programs.clear()
        recorders.append(recorder)
    try:
        yield recorder
    finally:
        recorders.remove(recorder)


# -- torch.compile ----------------------------------------------------------------------------------------------


def takes(operation: Operation, name: str, value: Any) -> bool:
    """Whether generated code takes this keyword as an argument."""
    option = operation.options.get(name)
    if option is None:
        return True
    return not (option.static or value is None or value is False or value in ("same", "valid"))


def inlined_name(
    operation: Operation, expression: str, classes: tuple[type, ...], ranks: tuple[int | None, ...],
    names: tuple[str, ...], kinds: tuple[Any, ...],
) -> str:  # fmt: skip
    """Make the program of a call that torch.compile traces; its name in `inlined`.

    torch.compile runs this while it traces, and takes the result for a constant.
    """
    backend = load("torch")
    options = {name: kind for name, kind in zip(names, kinds, strict=True) if name in operation.options}
    given = {name: kind for name, kind in zip(names, kinds, strict=True) if name not in options}
    order = tuple(
        ("option" if name in options else "size", name)
        for name, kind in zip(names, kinds, strict=True)
        if takes(operation, name, kind)
    )
    call = Call(
        expression,
        tuple("array" if rank is not None else "factory" if callable_type(kind) else "scalar"
              for rank, kind in zip(ranks, classes, strict=True)),
        tuple(0 if rank is None and not callable_type(kind) else rank
              for rank, kind in zip(ranks, classes, strict=True)),
        given,
        {name: kind for name, kind in options.items() if kind is not None and kind is not False},
        order,
        backend.fused,
    )  # fmt: skip
    casts = tuple(place for place, kind in enumerate(classes) if kind.__module__ == "numpy")
    program = program_for(operation, Prepared(call, backend, (), (), casts, True))
    name = f"{operation.name}_{id(program)}"
    setattr(inlined, name, program.function)
    return name


def callable_type(kind: type) -> bool:
    return hasattr(kind, "__call__") and not issubclass(kind, int | float | complex)


inlined_name._dynamo_marked_constant = True  # type: ignore[attr-defined]
