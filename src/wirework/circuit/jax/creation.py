"""Arrays that depend on no other: numbers in order, lengths."""

from __future__ import annotations

from wirework.circuit.jax.call import Call
from wirework.circuit.jax.operand import Operand, Progression, of
from wirework.circuit.jax.table import translates
from wirework.circuit.recorder import Result
from wirework.polynomial import Polynomial


@translates("iota")
def iota(call: Call) -> Operand:
    """Numbers in order along a dimension."""
    place = call.params["dimension"]
    dims = [call.new(length) for length in call.shape()]
    (array,) = call.step("arange", (), (), [Result((dims[place],), call.dtype())], start=0, step=1)
    known = Progression(Polynomial.of(0), Polynomial.of(1), place)
    places = tuple(0 if at == place else None for at in range(len(dims)))
    return Operand(array, places, (*dims[:place], array.dims[0], *dims[place + 1 :]), (known,))


@translates("dim_as_value")
def length(call: Call) -> Operand:
    """A length as a number."""
    formula = call.formula(call.params["dim"])
    (array,) = call.step("full", (), (), [Result((), call.dtype())], value=formula)
    return of(array, (Progression(formula, Polynomial.of(0), None),))
