"""`ww.trace`: run a function once on stand-ins, and write down what it does.

An axis of unknown length has some length while a function is traced, and code that looks at it goes the way of that
length. So the function is traced twice, with different lengths: only if both give the same circuit does it hold for
all lengths that go that way. An axis of which it does not keeps the length that it was traced with. Where the circuits
differ in numbers only, and a third one too, the numbers may follow the lengths: then they are written as formulas.
"""

from __future__ import annotations

import functools
import inspect
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, fields, is_dataclass
from typing import Any, Protocol

from wirework.circuit.axes import GIVEN, Dim, axis
from wirework.circuit.blocks import tracing
from wirework.circuit.explaining import explained
from wirework.circuit.graph import Circuit, Reference
from wirework.circuit.operations import Session, observer
from wirework.circuit.recorder import Array, Recorder
from wirework.circuit.signatures import UNITS, Signature, checked_sizes, hints, signature
from wirework.circuit.sizes import Comparisons, Sized
from wirework.engine import observing
from wirework.errors import NotSupportedError, SemanticError, brief, counted, joined
from wirework.polynomial import Polynomial, Term

FIRST, SECOND, THIRD = 5, 3, 4  # multiples of a unit that the first axis is as long as, in the first trace, and so on
ATTEMPTS = 2  # units that are tried where two lengths give two circuits: one of them may be special by chance
GUESSES = 3  # how many of the lengths that a function compared one with are tried, if it refuses all others


class Open(Session, Protocol):
    """A session that has begun."""

    def input(self, dims: Sequence[Dim], dtype: str | None, name: str, /) -> Any:
        """A stand-in for an input."""
        ...

    def known(self, value: Any, /) -> Array | None:
        """What a value stands for, if it is an array."""
        ...

    def call(self, function: Any, stand_ins: Sequence[Any], named: Mapping[str, Any], /) -> Any:
        """What a function returns for stand-ins."""
        ...


class Framework(Protocol):
    """How functions are traced that use some framework."""

    def session(self, function: Any, recorder: Recorder, unequal: Comparisons, /) -> AbstractContextManager[Open]:
        """Begin to trace a function."""
        ...


@brief
def trace(
    function: Callable[..., Any], /, *signatures: str, backend: str | None = None, parameters: Any = None,
    **keywords: str | int,
) -> Circuit:  # fmt: skip
    """Trace a function or a module: run it once on stand-ins without elements, and write down what it does.

    Args:
        function: of arrays: operations of wirework, layers, functions and modules of PyTorch, in any mixture; or of
            wirework and JAX. A module
            is traced in the mode that it is in, training or evaluation. For arguments that are no arrays wrap it:
            `lambda x: model(x, use_cache=False)`; parameters and blocks keep their names.
        signatures: the axes of each input, "b t c"; with the type of its elements, if these are no floating-point
            numbers: "b t: int64".
        backend: "torch" or "jax", where the function does not show which it uses.
        parameters: a tree of arrays of JAX's, or of their shapes and types, which the function takes first:
            `trace(model.apply, "b t c", parameters=weights)`. They are parameters by their paths in the tree.
        keywords: sizes of axes, `c=768`, and signatures of inputs that are given by name, `mask="b t: bool"`. An axis
            without a size stays a symbol.

    Returns:
        The circuit. Nothing is computed, and parameters are not touched: they may be on the meta device.

    Raises:
        NotSupportedError: if the function needs the elements of an array.

    >>> import wirework as ww
    >>> circuit = trace(lambda x, y: ww.dot("b [c], d [c] -> b d", x, y), "b c", "d c")
    >>> circuit.nodes[0].expression
    'b [c], d [c] -> b d'
    """
    if not callable(function):
        raise SemanticError(f"a function or a module is traced, not {function!r:.60}")
    if parameters is not None:
        function = functools.partial(function, parameters)
    named = {name: value for name, value in keywords.items() if isinstance(value, str)}
    inputs = Inputs(tuple(map(signature, signatures)), {name: signature(text) for name, text in named.items()})
    sizes = checked_sizes(inputs.by_name(function), {k: v for k, v in keywords.items() if not isinstance(v, str)})
    return Traced(function, inputs, framework_of(function, backend)).circuit(sizes)


@dataclass(frozen=True)
class Inputs:
    """The signatures of the inputs, by place and by name."""

    positional: tuple[Signature, ...]
    named: Mapping[str, Signature]

    def by_name(self, function: Callable[..., Any]) -> dict[str, Signature]:
        """All of them, by the names of the function's parameters.

        Raises:
            SemanticError: if the function takes fewer.
        """
        called = getattr(function, "forward", function)
        try:
            parameters = list(inspect.signature(called).parameters.values())
        except (TypeError, ValueError):
            parameters = []
        kinds = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
        names = [parameter.name for parameter in parameters if parameter.kind in kinds]
        open_ended = not parameters or any(each.kind is inspect.Parameter.VAR_POSITIONAL for each in parameters)
        if len(names) < len(self.positional) and not open_ended:
            raise SemanticError(
                f"{name_of(function)} takes {counted(len(names), 'argument')}, "
                f"but there are {counted(len(self.positional), 'signature')}"
            )
        names += [f"input{place}" for place in range(len(names), len(self.positional))]
        return {**dict(zip(names, self.positional, strict=False)), **self.named}


def name_of(function: Any) -> str:
    """What a function is called; a module by its class."""
    while isinstance(function, functools.partial):
        function = function.func
    return getattr(function, "__name__", type(function).__name__)


def framework_of(function: Any, backend: str | None = None) -> Framework:
    """How a function is traced: as one of JAX's if it uses that, else of torch's if that is loaded: it may use it.

    Raises:
        NotSupportedError: for any other backend.
    """
    if backend not in (None, "torch", "jax"):
        raise NotSupportedError(f'functions are traced with backend="torch" or "jax", not {backend!r}')
    if backend == "jax" or (backend is None and "jax" in sys.modules):
        from wirework.circuit.jax.held import uses_jax

        if backend == "jax" or uses_jax(function):
            from wirework.circuit.jax.session import Jax

            return Jax()
    if backend == "torch" or "torch" in sys.modules:
        from wirework.circuit.torch.session import Torch

        return Torch()
    from wirework.circuit.plain import Plain

    return Plain()


# -- how often it is run ----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Traced:
    """A function with its signatures."""

    function: Callable[..., Any]
    inputs: Inputs
    framework: Framework

    def circuit(self, sizes: Mapping[str, int], guesses: int = GUESSES) -> Circuit:
        """The circuit for some sizes, in which all others are symbols."""
        free = tuple(dict.fromkeys(name for each in self.signatures for name in each.names if name not in sizes))
        if not free:
            return self.run(sizes, {}, Comparisons())
        refusals: list[tuple[Exception, Comparisons]] = []
        differing: list[dict[str, int]] = []
        for unit in UNITS:
            unequal, lengths, others = Comparisons(), hints(free, unit, FIRST), hints(free, unit, SECOND)
            try:
                found = self.run(sizes, lengths, unequal)
            except NotSupportedError:
                raise
            except Sized as error:
                return self.circuit({**sizes, error.name: error.length}, guesses)
            except Exception as error:
                refusals.append((error, unequal))
                continue
            if settled := self.settled(found, sizes, [lengths, others, hints(free, unit, THIRD)]):
                return settled
            differing.append(self.fixed(found, sizes, lengths, others, guessed(unequal)))
            if len(differing) == ATTEMPTS:
                break
        if differing:
            return self.circuit({**sizes, **differing[0]}, guesses)
        refusal, unequal = refusals[0]
        for name, length in list(guessed(unequal).items())[:guesses]:
            try:
                return self.circuit({**sizes, name: length}, guesses - 1)
            except NotSupportedError:
                raise
            except Exception:
                continue
        refusal.add_note(f"(traced with lengths of its own for {joined(free)}: if only some fit, give them)")
        raise refusal

    @property
    def signatures(self) -> tuple[Signature, ...]:
        """Those of all inputs."""
        return (*self.inputs.positional, *self.inputs.named.values())

    def settled(
        self, circuit: Circuit, sizes: Mapping[str, int], lengths: Sequence[Mapping[str, int]]
    ) -> Circuit | None:
        """The circuit for all lengths, if a trace with others gives it too, or several do but for numbers.

        Args:
            circuit: of the first trace.
            sizes: of axes.
            lengths: those that the others have in each trace.
        """
        first, second, third = lengths
        other = self.attempt(sizes, second)
        if other is None or other == circuit:
            return other
        if explained([circuit, other], [first, second]) and (last := self.attempt(sizes, third)):
            return explained([circuit, other, last], lengths)
        return None

    def fixed(
        self, circuit: Circuit, sizes: Mapping[str, int], lengths: Mapping[str, int], others: Mapping[str, int],
        wanted: Mapping[str, int],
    ) -> dict[str, int]:  # fmt: skip
        """Sizes of the axes whose length makes a difference: those that the function wants, or else any.

        Differences in numbers that may follow the length count only if there are no others.
        """
        differing, unexplained = [], []
        for name in others:
            changed = {**lengths, name: others[name]}
            other = self.attempt(sizes, changed)
            if other != circuit:
                differing.append(name)
                if other is None or not explained([circuit, other], [lengths, changed]):
                    unexplained.append(name)
        differing = unexplained or differing
        asked_for = {name: wanted[name] for name in differing if name in wanted}
        return asked_for or {name: lengths[name] for name in differing or others}

    def attempt(self, sizes: Mapping[str, int], lengths: Mapping[str, int]) -> Circuit | None:
        """What a trace with other lengths gives, if it succeeds."""
        try:
            return self.run(sizes, lengths, Comparisons())
        except Exception:
            return None

    def run(self, sizes: Mapping[str, int], lengths: Mapping[str, int], unequal: Comparisons) -> Circuit:
        """Trace it once.

        Args:
            sizes: of axes.
            lengths: those that the others have in this trace.
            unequal: where lengths that the code compares are noted.
        """
        recorder = Recorder()
        axes: dict[str, Dim] = {}
        for name in dict.fromkeys(name for each in self.signatures for name in each.names):
            known = name in sizes
            formula = Polynomial.of(sizes[name]) if known else Polynomial.symbol(name)
            axes[name] = axis(formula, sizes[name] if known else lengths[name], name, GIVEN)
        with (
            self.framework.session(self.function, recorder, unequal) as session,
            listening(recorder),
            observing(observer(session)),
        ):
            given = {
                name: session.input([flat(dim, axes) for dim in each.dims], each.dtype, name)
                for name, each in self.inputs.by_name(self.function).items()
            }
            stand_ins = list(given.values())
            count = len(self.inputs.positional)
            named = {name: given[name] for name in self.inputs.named}
            returned = session.call(self.function, stand_ins[:count], named)
            outputs: list[Array] = []
            structure = nested(returned, session.known, outputs)
            arrays = [session.array(each) for each in stand_ins]
        return recorder.circuit(name_of(self.function), arrays, outputs, structure)


def flat(dim: Sequence[str | int], axes: Mapping[str, Dim]) -> Dim:
    """The axes of one dimension of a signature."""
    return tuple(
        each for atom in dim for each in (axes[atom] if isinstance(atom, str) else axis(Polynomial.of(atom), atom))
    )


def guessed(unequal: Comparisons) -> dict[str, int]:
    """The lengths that a function may want of axes: those that it last compared them with."""
    found: dict[str, int] = {}
    for pair in reversed(unequal):
        for formula, other in (pair, pair[::-1]):
            if other.constant is not None and other.constant > 1 and (wanted := solved(formula, other.constant)):
                found.setdefault(*wanted)
    return found


def solved(formula: Polynomial, number: int) -> tuple[str, int] | None:
    """The size for which a formula is a number, if it has one name only, once."""
    match formula.sole_atom:
        case str() as name:
            return name, number
        case Term("//", (total, divisor)) if divisor.constant:
            return solved(total, number * divisor.constant)
    if len(formula.names) != 1:
        return None
    (name,) = formula.names
    rest = formula.evaluate(**{name: 0})
    factor = formula.evaluate(**{name: 1}) - rest
    linear = formula == factor * Polynomial.symbol(name) + rest
    return (name, (number - rest) // factor) if linear and factor and (number - rest) % factor == 0 else None


class listening:
    """Tells a recorder of `ww.block`s."""

    def __init__(self, recorder: Recorder) -> None:
        self.recorder = recorder

    def __enter__(self) -> None:
        self.before, tracing.by = tracing.by, self.recorder

    def __exit__(self, *_: Any) -> None:
        tracing.by = self.before


def nested(value: Any, known: Callable[[Any], Array | None], outputs: list[Array]) -> Any:
    """How arrays are nested in what a function returns; they go to `outputs`. What is no plain data is its type."""
    array = known(value)
    if array is not None:
        outputs.append(array)
        return Reference(len(outputs) - 1)
    match value:
        case None | bool() | float() | complex() | str():
            return value
        case int():
            return int(value)
        case Mapping():
            return {str(key): nested(each, known, outputs) for key, each in value.items()}
        case list():
            return [nested(each, known, outputs) for each in value]
        case tuple():
            return tuple(nested(each, known, outputs) for each in value)
        case _ if is_dataclass(value):
            return {each.name: nested(getattr(value, each.name), known, outputs) for each in fields(value)}
        case _:
            return f"<{type(value).__name__}>"
