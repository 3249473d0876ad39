"""Functions of JAX's that are one operation here, found by what JAX makes of them.

Some have a name in a jaxpr, which anybody's function may have too, and some leave nothing but their equations. So
what stands in the jaxpr is compared with what JAX makes of the function itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.extend.core import Jaxpr, Literal

from wirework.circuit.jax.call import Call
from wirework.circuit.jax.equation import written
from wirework.circuit.jax.operand import Operand
from wirework.circuit.jax.reduction import along, normalise, reduced


class Producers:
    """Which equation gives each variable, and what JAX makes of functions that were compared."""

    def __init__(self) -> None:
        self.equations: dict[Any, Any] = {}
        self.traces: dict[tuple[str, str], Jaxpr] = {}

    def note(self, equation: Any) -> None:
        """Remember an equation."""
        self.equations |= dict.fromkeys(equation.outvars, equation)

    def trace(self, candidate: Candidate, arguments: Sequence[Any]) -> Jaxpr:
        """What JAX makes of a function."""
        avals = [each.aval for each in arguments]
        structs = [jax.ShapeDtypeStruct(each.shape, each.dtype, weak_type=each.weak_type) for each in avals]
        key = candidate.name, str(structs)
        if key not in self.traces:
            self.traces[key] = jax.make_jaxpr(candidate.function)(*structs).jaxpr
        return self.traces[key]


@dataclass(frozen=True)
class Candidate:
    """What an equation may be the last of.

    Attributes:
        name: of the function with its options.
        function: of arrays.
        arguments: what it would be applied to.
        make: writes it down as one operation.
    """

    name: str
    function: Callable[..., Any]
    arguments: tuple[Any, ...]
    make: Callable[..., Any]


def composite(call: Call, producers: Producers, known: Mapping[Any, Operand]) -> Any:
    """The one operation that an equation is the last step of; nothing if there is none."""
    given = {id(atom): operand for atom, operand in zip(call.equation.invars, call.operands, strict=True)}
    for candidate in candidates(call, producers):
        operands = [given[id(each)] if id(each) in given else known.get(each) for each in candidate.arguments]
        if None in operands:
            continue
        jaxpr = producers.trace(candidate, candidate.arguments)
        if len(jaxpr.outvars) != 1 or jaxpr.constvars or not jaxpr.eqns:
            continue
        bound = dict(zip(jaxpr.invars, candidate.arguments, strict=True))
        makers = {out: equation for equation in jaxpr.eqns for out in equation.outvars}
        if alike(call.equation.outvars[0], jaxpr.outvars[0], bound, producers.equations, makers):
            return candidate.make(call, *operands)
    return None


def alike(atom: Any, other: Any, bound: dict[Any, Any], mine: Mapping[Any, Any], its: Mapping[Any, Any]) -> bool:
    """Whether a variable is computed as another one is; `bound` says which variables are the same."""
    if isinstance(other, Literal):
        return isinstance(atom, Literal) and bool(np.array_equal(atom.val, other.val, equal_nan=floating(atom)))
    if other in bound:
        return bound[other] is atom
    if isinstance(atom, Literal) or atom not in mine or other not in its:
        return False
    one, two = mine[atom], its[other]
    fits = (
        one.primitive is two.primitive
        and len(one.invars) == len(two.invars)
        and one.outvars.index(atom) == two.outvars.index(other)
        and written(one.params) == written(two.params)
        and all(alike(a, b, bound, mine, its) for a, b in zip(one.invars, two.invars, strict=True))
    )
    if fits:
        bound[other] = atom
    return fits


def floating(atom: Any) -> bool:
    """Whether a number may be none."""
    return jnp.issubdtype(atom.aval.dtype, jnp.floating)


# -- what an equation may be the last of --------------------------------------------------------------------------


def elementwise(kind: str, **options: Any) -> Callable[..., Operand]:
    """Writes down a function of elements."""
    return lambda call, *operands: call.elementwise(kind, *operands, **options)


PLAIN: Mapping[str, tuple[Callable[..., Any], Callable[..., Operand]]] = {
    "relu": (jax.nn.relu, elementwise("relu")),
    "relu6": (jax.nn.relu6, elementwise("relu6")),
    "silu": (jax.nn.silu, elementwise("silu")),
    "elu": (jax.nn.elu, elementwise("elu", alpha=1.0)),
    "leaky_relu": (jax.nn.leaky_relu, elementwise("leaky_relu", negative_slope=0.01)),
    "softplus": (jax.nn.softplus, elementwise("softplus")),
    "mish": (jax.nn.mish, elementwise("mish")),
    "hard_sigmoid": (jax.nn.hard_sigmoid, elementwise("hardsigmoid")),
    "hard_silu": (jax.nn.hard_silu, elementwise("hardswish")),
    "gelu": (jax.nn.gelu, elementwise("gelu", approximate="tanh")),
    "gelu_exact": (lambda x: jax.nn.gelu(x, approximate=False), elementwise("gelu")),
    "logaddexp": (jnp.logaddexp, elementwise("logaddexp")),
    "floor_divide": (jnp.floor_divide, elementwise("floor_divide")),
    "isnan": (jnp.isnan, elementwise("isnan")),
}
DEPTH = 3  # of equations after what a function is applied to, as far as it is looked for
# By the primitive of the last equation, or the name of the function that it calls.
LAST: Mapping[str, tuple[str, ...]] = {
    **{name: (name,) for name in PLAIN},
    "gelu": ("gelu", "gelu_exact"),
    "mul": ("gelu", "gelu_exact", "hard_silu"),
    "div": ("hard_sigmoid",),
    "copy": ("gelu_exact",),
    "ne": ("isnan",),
}


def candidates(call: Call, producers: Producers) -> Iterator[Candidate]:
    """What an equation may be the last of."""
    equation = call.equation
    primitive, invars = equation.primitive.name, tuple(equation.invars)
    name = called(equation) or primitive
    shape = call.shape() if len(equation.outvars) == 1 else ()
    for each in LAST.get(name, ()):
        function, make = PLAIN[each]
        for given in [invars] if name in PLAIN else sources(equation, producers):
            yield Candidate(each, function, given, make)
    if primitive == "div" and (x := followed(equation, producers, ("exp", "sub"))) is not None:
        for axis in range(len(shape)):
            yield over_axis("softmax", jax.nn.softmax, x, axis)
    if name == "log_softmax":
        for axis in range(len(shape)):
            yield over_axis("log_softmax", jax.nn.log_softmax, invars[0], axis)
    if name == "standardize":
        for axis in range(len(shape)):
            yield Candidate(f"standardize {axis}", standardized(axis), invars[:1], normalised(axis))
    if name in ("_var", "_std") and len(invars) == 2 and isinstance(invars[1], Literal):
        yield from spreads(equation, name[1:])
    path = ("log", "abs", "reduce_sum", "exp", "sub")
    if primitive == "add" and (x := followed(equation, producers, path)) is not None:
        for axis in range(len(x.aval.shape)):
            function = without_axis(jax.scipy.special.logsumexp, axis)
            yield Candidate(f"logsumexp {axis}", function, (x,), reducing("logsumexp", axis))


def called(equation: Any) -> str:
    """The name of the function that an equation is a call of; empty if it is none."""
    if equation.primitive.name in ("jit", "pjit"):
        return str(equation.params["name"])
    if equation.primitive.name == "custom_jvp_call":
        return str(getattr(getattr(equation.params["call_jaxpr"].jaxpr, "debug_info", None), "func_name", ""))
    return ""


def sources(equation: Any, producers: Producers) -> list[tuple[Any, ...]]:
    """What a function of elements may be applied to, of which an equation is the last."""
    atoms: dict[Any, None] = {}
    makers = [equation]
    for _ in range(DEPTH):
        found = [atom for each in makers for atom in each.invars if not isinstance(atom, Literal)]
        atoms |= dict.fromkeys(found)
        makers = [producers.equations[atom] for atom in found if atom in producers.equations]
    return [(atom,) for atom in atoms if atom.aval.shape == equation.outvars[0].aval.shape]


def followed(equation: Any, producers: Producers, path: Sequence[str]) -> Any:
    """What goes into the last of some equations, each of which gives the first input of the one before."""
    atom = equation.invars[0]
    for primitive in path:
        if isinstance(atom, Literal) or (maker := producers.equations.get(atom)) is None:
            return None
        if maker.primitive.name != primitive:
            return None
        atom = maker.invars[0]
    return None if isinstance(atom, Literal) else atom


def without_axis(function: Callable[..., Any], axis: int) -> Callable[[Any], Any]:
    """A function along an axis, as one of an array."""
    return lambda x: function(x, axis=axis)


def over_axis(kind: str, function: Callable[..., Any], x: Any, axis: int) -> Candidate:
    """What goes along an axis."""

    def make(call: Call, operand: Operand) -> Any:
        return along(call, kind, call.array(operand), [axis])

    return Candidate(f"{kind} {axis}", without_axis(function, axis), (x,), make)


def reducing(kind: str, axis: int) -> Callable[..., Any]:
    """Writes down a reduction over one axis."""
    return lambda call, operand: reduced(call, kind, call.array(operand), [axis])


def standardized(axis: int) -> Callable[[Any], Any]:
    """JAX's function of an array alone."""
    return lambda x: jax.nn.standardize(x, axis=axis)


def normalised(axis: int) -> Callable[..., Any]:
    """Writes down what JAX calls to standardize."""
    return lambda call, operand: normalise(call, call.array(operand), [axis], 1e-5)


def equations_in(equation: Any) -> list[Any]:
    """The equations of a function that is called, and of those that it calls."""
    inner = equation.params["jaxpr"].jaxpr.eqns
    return [
        one
        for each in inner
        for one in ([each] if not called(each) or "jaxpr" not in each.params else equations_in(each))
    ]


def spreads(equation: Any, kind: str) -> Iterator[Candidate]:
    """A variance or its root, over the axes of the first sum in it."""
    reductions = [each for each in equations_in(equation) if each.primitive.name == "reduce_sum"]
    if not reductions:
        return
    axes = tuple(map(int, reductions[0].params["axes"]))
    keep = len(equation.outvars[0].aval.shape) == len(equation.invars[0].aval.shape)
    correction = int(equation.invars[1].val)

    def function(x: Any) -> Any:
        return getattr(jnp, kind)(x, axis=axes, keepdims=keep, ddof=correction)

    def make(call: Call, operand: Operand) -> Any:
        return reduced(call, kind, call.array(operand), axes, keep, correction=correction)

    yield Candidate(f"{kind} {axes} {keep} {correction}", function, (equation.invars[0],), make)
