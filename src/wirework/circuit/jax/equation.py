"""Equations of a jaxpr that are run as they were written, for any lengths of its axes."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import jax.numpy as jnp
from jax import export
from jax.extend.core import ClosedJaxpr, Jaxpr, JaxprEqn, Literal

from wirework.circuit.jax.lengths import evaluated_at

NUMBER = re.compile(r"np\.\w+\((-?\d+)\)")
Sizes = Mapping[str, int]  # of axes, by what JAX calls their lengths


@dataclass(frozen=True)
class Equation:
    """An equation as JAX has it.

    Attributes:
        equation: the equation.
        names: the names of axes, by what JAX calls their lengths.
    """

    equation: JaxprEqn
    names: Mapping[str, str]

    def __call__(self, sizes: Mapping[str, int], *arrays: Any) -> Any:
        """What it gives, for sizes of axes."""
        results = run(self.equation, arrays, {symbol: sizes[name] for symbol, name in self.names.items()})
        return results[0] if len(results) == 1 else results

    @property
    def name(self) -> str:
        """A name that equations have in common which are written alike."""
        avals = [str(atom.aval) for atom in (*self.equation.invars, *self.equation.outvars)]
        text = f"{avals} {written(self.equation.params)}"
        return f"{self.equation.primitive} {hashlib.sha256(text.encode()).hexdigest()[:8]}"


def written(params: Mapping[str, Any]) -> dict[str, str]:
    """Parameters of an equation as text, without functions, which have no text."""
    texts = {name: NUMBER.sub(r"\1", str(each)) for name, each in params.items()}
    return {name: text for name, text in texts.items() if " at 0x" not in text}


def run(equation: JaxprEqn, arrays: Sequence[Any], sizes: Sizes) -> list[Any]:
    """What one equation gives."""
    if equation.primitive.name == "dim_as_value":
        aval: Any = equation.outvars[0].aval
        return [jnp.asarray(at_sizes(equation.params["dim"], sizes), aval.dtype)]
    bound = equation.primitive.get_bind_params(at_sizes(equation.params, sizes))
    functions, params = bound if isinstance(bound, tuple) else ((), bound)
    given = [array if hasattr(array, "dtype") else jnp.asarray(array) for array in arrays]
    results = equation.primitive.bind(*functions, *given, **params)
    return list(results) if equation.primitive.multiple_results else [results]


def at_sizes(value: Any, sizes: Sizes) -> Any:
    """A parameter of an equation with numbers for lengths."""
    if not sizes:
        return value
    if export.is_symbolic_dim(value):
        return evaluated_at(value, sizes)
    if isinstance(value, dict):
        return {key: at_sizes(each, sizes) for key, each in value.items()}
    if isinstance(value, list | tuple):
        parts = [at_sizes(each, sizes) for each in value]
        return type(value)(*parts) if hasattr(value, "_fields") else type(value)(parts)
    if isinstance(value, ClosedJaxpr):
        return closed_at_sizes(value, sizes)
    if isinstance(value, Jaxpr) and not value.constvars:
        return closed_at_sizes(ClosedJaxpr(value, ()), sizes).jaxpr
    return value


def closed_at_sizes(closed: ClosedJaxpr, sizes: Sizes) -> ClosedJaxpr:
    """A jaxpr with numbers for lengths: what JAX makes of its equations when they are traced again."""

    def again(*arrays: Any) -> list[Any]:
        values = dict(zip(closed.jaxpr.constvars, closed.consts, strict=True))
        values |= dict(zip(closed.jaxpr.invars, arrays, strict=True))

        def value(atom: Any) -> Any:
            return atom.val if isinstance(atom, Literal) else values[atom]

        for equation in closed.jaxpr.eqns:
            results = run(equation, [value(atom) for atom in equation.invars], sizes)
            values |= dict(zip(equation.outvars, results, strict=True))
        return [value(atom) for atom in closed.jaxpr.outvars]

    structs = [
        jax.ShapeDtypeStruct(at_sizes(each.aval.shape, sizes), each.aval.dtype, weak_type=each.aval.weak_type)
        for each in closed.jaxpr.invars
    ]
    return jax.make_jaxpr(again)(*structs)
