"""Reductions over dimensions, and what goes along one: softmax, cumsum, sort."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from wirework.circuit.axes import Dim, found, length_of, one_axis
from wirework.circuit.jax.call import Call
from wirework.circuit.jax.operand import Operand, Progression, of
from wirework.circuit.jax.table import translates
from wirework.circuit.readings import Reading, marked
from wirework.circuit.recorder import Array, Result
from wirework.polynomial import Polynomial, product

ONE_BY_ONE = (
    "argmax",
    "argmin",
    "sort",
    "argsort",
    "cumsum",
    "cumprod",
    "flip",
    "roll",
)  # act on axes, not on dimensions


@dataclass(frozen=True)
class Total:
    """A sum over dimensions, which a division by the number of elements makes a mean.

    Attributes:
        x: what was summed.
        reading: how it was read.
        count: how many elements were summed.
    """

    x: Array
    reading: Reading
    count: Polynomial


def acted_on(kind: str, array: Array, over: Sequence[int]) -> list[Dim]:
    """How an array is read by what acts on some dimensions: by some operations each as one axis."""
    whole = kind in ONE_BY_ONE
    return [one_axis(dim) if at in over and whole else found(dim) for at, dim in enumerate(array.dims)]


def reduced(
    call: Call, kind: str, array: Array, over: Sequence[int], keep: bool = False, **options: Any
) -> tuple[Array, ...]:
    """A reduction over some dimensions."""
    own = acted_on(kind, array, over)
    reading = marked(own, [each for at in over for each in own[at]])
    dims: list[Dim] = [() if at in over else each for at, each in enumerate(own) if keep or at not in over]
    made = call.step(kind, (array,), (reading,), [call.result(dims)], **options)
    if kind == "sum":
        count = product(length_of(found(array.dims[at])) for at in over)
        call.reader.sums[made[0]] = Total(array, reading, count)
    return made


def along(
    call: Call, kind: str, array: Array, over: Sequence[int], place: int = 0, **options: Any
) -> tuple[Array, ...]:
    """What goes along some dimensions and gives one as long."""
    own = [
        one_axis(each) if at in over and not found(each) else each
        for at, each in enumerate(acted_on(kind, array, over))
    ]
    reading = marked(own, [each for at in over for each in own[at]])
    return call.step(kind, (array,), (reading,), [call.result(array.dims, reading, place)], **options)


def normalise(call: Call, array: Array, over: Sequence[int], epsilon: float) -> tuple[Array, ...]:
    """To mean 0 and variance 1 over some dimensions."""
    dims = tuple(map(found, array.dims))
    reading = marked(dims, [each for at in over for each in dims[at]])
    return call.step("normalise", (array,), (reading,), [Result(dims, array.dtype, dims)], epsilon=epsilon)


def plain(kind: str) -> Callable[..., Any]:
    """The translator of a reduction."""
    return lambda call, x: reduced(call, kind, call.array(x), call.params["axes"])


for primitive, kind in {
    "reduce_sum": "sum", "reduce_max": "max", "reduce_min": "min", "reduce_prod": "prod", "reduce_and": "all",
    "reduce_or": "any", "argmax": "argmax", "argmin": "argmin",
}.items():  # fmt: skip
    translates(primitive)(plain(kind))


def cumulative(kind: str) -> Callable[..., Any]:
    """The translator of a running sum or product."""

    def translate(call: Call, x: Operand) -> Any:
        return None if call.params["reverse"] else along(call, kind, call.array(x), [call.params["axis"]])

    return translate


translates("cumsum")(cumulative("cumsum"))
translates("cumprod")(cumulative("cumprod"))


@translates("sort")
def sort(call: Call, x: Operand, *others: Operand) -> list[Array] | None:
    """Elements in order, and their order; of other arrays only as JAX does it."""
    place = call.params["dimension"]
    order = Progression(Polynomial.of(0), Polynomial.of(1), place)
    if len(others) > 1 or any(each.known != (order,) for each in others):
        return None
    kinds = ("sort", "argsort")[: len(others) + 1]
    return [along(call, kind, call.array(x), [place], number)[0] for number, kind in enumerate(kinds)]


@translates("rev")
def flip(call: Call, x: Operand) -> Any:
    """Backwards."""
    over: tuple[int, ...] = call.params["dimensions"]
    (array,) = along(call, "flip", call.array(x), over)
    known = [
        backwards(each, array.shape[each.along]) for each in x.known if each.along is not None and each.along in over
    ]
    return of(array, tuple(known))


def backwards(known: Progression, length: Polynomial) -> Progression:
    """A progression from its end to its start."""
    return Progression(known.start + known.step * (length - 1), -known.step, known.along)
