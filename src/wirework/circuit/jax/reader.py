"""Reads a jaxpr equation by equation, and has each written down."""

from __future__ import annotations

import inspect
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax.numpy as jnp
from jax import lax
from jax.extend.core import ClosedJaxpr, Jaxpr, Literal

from wirework.circuit.axes import Dim, found, hint_of
from wirework.circuit.graph import Reference
from wirework.circuit.jax import (  # noqa: F401
    contraction,
    convolution,
    creation,
    elementwise,
    indexing,
    joining,
    reduction,
    views,
)
from wirework.circuit.jax.call import Call
from wirework.circuit.jax.equation import Equation, run
from wirework.circuit.jax.lengths import Lengths
from wirework.circuit.jax.operand import Operand, of
from wirework.circuit.jax.reduction import Total
from wirework.circuit.jax.table import TRANSLATORS
from wirework.circuit.jax.templates import Producers, composite
from wirework.circuit.recorder import Array, Recorder, Result

# Takes a reader, an equation and what that is applied to; gives what it returns, or nothing if it knows nothing of it.
Hook = Callable[[Any, Any, Sequence[Operand]], "Sequence[Operand] | None"]

INLINED = ("jit", "pjit", "custom_jvp_call", "custom_vjp_call", "custom_vjp_call_jaxpr", "remat", "remat2",
           "checkpoint", "closed_call", "core_call", "core_closed_call", "custom_lin")  # fmt: skip


NAMES = {"while": "while_loop"}  # of primitives that JAX's functions do not have


class Misfit(Exception):
    """What was written down for an equation has not the shape that it gives."""


class Reader:
    """Reads one jaxpr.

    Args:
        recorder: where it is written down.
        lengths: the axes whose length is not known.
        held: what an array is that the function holds.
        noted: knows the calls that stand for operations of wirework.
    """

    def __init__(self, recorder: Recorder, lengths: Lengths, held: Callable[[Any], Array], noted: Hook) -> None:
        self.recorder, self.lengths, self.held, self.noted = recorder, lengths, held, noted
        self.producers = Producers()
        self.outer: tuple[str, ...] = ()
        self.uses: dict[Any, int] = {}  # how often each variable is used
        self.sums: dict[Array, Total] = {}
        self.wrapped: dict[Array, Array] = {}  # coordinates before negative ones were counted from the end

    def read(self, closed: ClosedJaxpr, operands: Sequence[Operand]) -> list[Operand]:
        """What a jaxpr gives for some operands."""
        return self.inside(closed.jaxpr, [of(self.held(const)) for const in closed.consts], operands)

    def inside(self, jaxpr: Jaxpr, consts: Sequence[Operand], operands: Sequence[Operand]) -> list[Operand]:
        """What the equations of a jaxpr give."""
        known: dict[Any, Operand] = dict(zip(jaxpr.constvars, consts, strict=True))
        known |= dict(zip(jaxpr.invars, operands, strict=True))
        atoms = [atom for each in jaxpr.eqns for atom in each.invars] + list(jaxpr.outvars)
        self.uses |= Counter(atom for atom in atoms if not isinstance(atom, Literal))
        for equation in jaxpr.eqns:
            self.producers.note(equation)
            made = self.equation(equation, known)
            known |= dict(zip(equation.outvars, made, strict=True))
        return [self.operand(atom, known) for atom in jaxpr.outvars]

    def operand(self, atom: Any, known: Mapping[Any, Operand]) -> Operand:
        """What a variable stands for, or a number that stands in a jaxpr."""
        if isinstance(atom, Literal):
            return elementwise.literal(self, atom.val, str(getattr(atom.aval, "dtype", "")))
        return known[atom]

    def array(self, operand: Operand) -> Array:
        """The array that an operand is, with all its dimensions."""
        if operand.whole is None:
            operand.whole = self.materialised(operand) if operand.spread else operand.array
        return operand.whole

    def materialised(self, operand: Operand) -> Array:
        """A spread array as one of its own."""
        array, dims = operand.array, tuple(map(found, operand.dims))
        if array.scalar is not None:
            return self.recorder.step("full", (), (), [Result(dims, array.dtype)], value=array.scalar)[0]
        at = {own: place for place, own in enumerate(operand.places) if own is not None}
        reading = tuple(dims[at[place]] if place in at else () for place in range(len(array.dims)))
        return self.recorder.step("rearrange", (array,), (reading,), [Result(dims, array.dtype)])[0]

    # -- one equation ------------------------------------------------------------------------------------------------

    def equation(self, equation: Any, known: Mapping[Any, Operand]) -> Sequence[Operand]:
        """What one equation gives."""
        before, self.outer = self.outer, (*self.outer, *scopes(equation))
        self.recorder.path.append(self.outer)
        for count, title in enumerate(self.outer):
            self.recorder.blocks.setdefault(self.outer[: count + 1], title)
        try:
            given = [self.operand(atom, known) for atom in equation.invars]
            return self.noted(self, equation, given) or self.translated(equation, given, known)
        finally:
            self.recorder.path.pop()
            self.outer = before

    def translated(self, equation: Any, given: Sequence[Operand], known: Mapping[Any, Operand]) -> Sequence[Operand]:
        """What one equation gives that is no operation of wirework's."""
        if (number := calculated(equation, given)) is not None:
            return [elementwise.literal(self, number, str(equation.outvars[0].aval.dtype))]
        call = Call(self, equation, given)
        made = self.tried(call, lambda: composite(call, self.producers, known))
        if made is None and equation.primitive.name in INLINED and (jaxpr := inner(equation.params)) is not None:
            if isinstance(jaxpr, ClosedJaxpr):
                return self.read(jaxpr, given[len(given) - len(jaxpr.jaxpr.invars) :])
            return self.inside(jaxpr, (), given)
        translator = TRANSLATORS.get(equation.primitive.name)
        if made is None and translator is not None:
            made = self.tried(call, lambda: translator(call, *given))
        return self.opaque(call) if made is None else made

    def tried(self, call: Call, translate: Callable[[], Any]) -> Sequence[Operand] | None:
        """What a translator gives, if that has the right shape; else nothing is written down."""
        recorder = self.recorder
        before = len(recorder.steps), len(recorder.arrays)
        wholes = [(operand, operand.whole) for operand in call.operands]
        try:
            made = translate()
            if made is not None:
                made = [of(made)] if isinstance(made, Array) else [made] if isinstance(made, Operand) else list(made)
                made = [of(each) if isinstance(each, Array) else each for each in made]
                self.check(call, made)
                return made
        except (Misfit, TypeError, ValueError, KeyError, AttributeError, IndexError):
            pass
        del recorder.steps[before[0] :], recorder.arrays[before[1] :]
        for operand, whole in wholes:
            operand.whole = whole
        return None

    def check(self, call: Call, made: Sequence[Operand]) -> None:
        """See that operands have the shapes that an equation gives.

        Raises:
            Misfit: if one has not.
        """
        for place, operand in enumerate(made):
            wanted = [self.lengths.hint(self.lengths.formula(length)) for length in call.shape(place)]
            if [hint_of(found(dim)) for dim in operand.dims] != wanted:
                raise Misfit(f"{call.equation.primitive} gives {wanted}")

    def opaque(self, call: Call) -> list[Operand]:
        """An equation as it was written."""
        inputs = [call.array(operand) for operand in call.operands]
        results = []
        for variable in call.equation.outvars:
            dims: list[Dim] = []
            for at, length in enumerate(getattr(variable.aval, "shape", ())):
                taken = {each for dim in dims for each in dim}
                alike = [
                    found(array.dims[at]) for array in inputs
                    if at < len(array.dims) and call.same_length(array.dims[at], length)
                    and not taken & set(found(array.dims[at]))
                ]  # fmt: skip
                dims.append(alike[0] if alike else call.new(length))
            results.append(Result(tuple(dims), str(getattr(variable.aval, "dtype", "token"))))
        operands = [tuple(map(found, array.dims)) for array in inputs]
        primitive = str(call.equation.primitive.name)
        name = NAMES.get(primitive, primitive)
        options: dict[str, Any] = {
            "function": f"jax.lax.{name}" if hasattr(lax, name) else f"jax.{name}",
            "arguments": (tuple(map(Reference, range(len(inputs)))), {}),
        }
        if not is_function(call.equation):
            equation = Equation(call.equation, self.lengths.names)
            options["equation"] = equation.name
            self.recorder.held[equation.name] = equation
        made = call.step("opaque", inputs, operands, results, **options)
        return [of(array) for array in made]


def is_function(equation: Any) -> bool:
    """Whether JAX has an equation as a function of the same arrays, without anything else."""
    name = equation.primitive.name
    function = getattr(lax, name, None)
    if function is None or name.startswith("dynamic") or any(each is not None for each in equation.params.values()):
        return False
    given, *rest = parameters_of(function, len(equation.invars))
    return given == len(equation.invars) and not any(rest)


def parameters_of(function: Callable[..., Any], count: int) -> list[Any]:
    """How many of so many arguments a function takes by place, and for each further one whether it must be given."""
    every = list(inspect.signature(function).parameters.values())
    by_place = [each for each in every if each.kind in (each.POSITIONAL_ONLY, each.POSITIONAL_OR_KEYWORD)]
    return [len(by_place[:count]), *(each.default is each.empty for each in every if each not in by_place[:count])]


def calculated(equation: Any, given: Sequence[Operand]) -> Any:
    """The number that an equation gives for numbers; nothing if it gives anything else."""
    numbers = [each.array.scalar for each in given]
    aval: Any = equation.outvars[0].aval
    plain = len(equation.outvars) == 1 and not inner(equation.params) and equation.primitive.name != "stop_gradient"
    if (
        not plain
        or not numbers
        or None in numbers
        or getattr(aval, "shape", None) != ()
        or getattr(aval.dtype, "kind", "k") not in "bif"
    ):
        return None
    arrays = [jnp.asarray(each.array.scalar, each.array.dtype) for each in given]
    return run(equation, arrays, {})[0]


def inner(params: Mapping[str, Any]) -> ClosedJaxpr | Jaxpr | None:
    """The jaxpr that a call is a call of."""
    return next((params[name] for name in ("jaxpr", "call_jaxpr", "fun_jaxpr") if name in params), None)


def scopes(equation: Any) -> tuple[str, ...]:
    """The named scopes around an equation, without those that JAX opens for its own functions."""
    stack = getattr(equation.source_info.name_stack, "stack", ())
    names = [getattr(each, "name", "") for each in stack if type(each).__name__ == "Scope"]
    return tuple(name for name in names if name and "->" not in name)
