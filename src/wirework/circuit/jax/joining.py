"""Joining arrays, taking them apart, padding: concatenations in an expression."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from wirework.circuit.axes import apart, columns, found
from wirework.circuit.jax.call import Call
from wirework.circuit.jax.operand import Operand, is_one, of
from wirework.circuit.jax.table import translates
from wirework.circuit.jax.views import sliced
from wirework.circuit.readings import Sum
from wirework.circuit.recorder import Array
from wirework.circuit.shaping import joined, padded
from wirework.polynomial import Polynomial


@translates("concatenate")
def concatenate(call: Call, *operands: Operand) -> Operand:
    """One after the other along a dimension: `b x c, b y c -> b (x + y) c`."""
    place = call.params["dimension"]
    arrays = [call.array(operand) for operand in operands]
    others = columns([[each.dims[at] for each in arrays] for at in range(len(arrays[0].dims)) if at != place])
    parts = apart([*others, *(each.dims[place] for each in arrays)])[len(others) :]
    readings = [(*others[:place], part, *others[place:]) for part in parts]
    dims, reading = joined(others, place, parts)
    result = of(call.step("rearrange", arrays, readings, [call.result(dims, reading)])[0])
    if place == len(others) and all(is_one(each.dims[place]) for each in operands):
        result.columns = operands
    return result


@translates("stack")
def stack(call: Call, *operands: Operand) -> Any:
    """One after the other along a new dimension: `b c, b c -> b (1 + 1) c`."""
    place = call.params["axis"]
    arrays = [call.array(operand) for operand in operands]
    others = columns([[each.dims[at] for each in arrays] for at in range(len(arrays[0].dims))])
    if len(arrays) == 1:
        return call.rearranged(arrays[0], tuple(others), [*others[:place], (), *others[place:]])
    dims, reading = joined(others, place, [()] * len(arrays))
    return call.step("rearrange", arrays, [tuple(others)] * len(arrays), [call.result(dims, reading)])


@translates("split")
def split(call: Call, x: Operand) -> Sequence[Array]:
    """Parts of some lengths along a dimension: `b (x + y) c -> b x c, b y c`."""
    array, place, sizes = call.array(x), call.params["axis"], call.params["sizes"]
    if len(sizes) == 1:
        return (array,)
    dims = list(map(found, array.dims))
    own = dims[place][-1].wish if dims[place] else ""
    parts = [call.new(length, own) for length in sizes]
    reading = (*dims[:place], (Sum(tuple(parts)),), *dims[place + 1 :])
    results = [call.result([*dims[:place], part, *dims[place + 1 :]], place=at) for at, part in enumerate(parts)]
    return call.step("rearrange", (array,), (reading,), results)


# -- padding ----------------------------------------------------------------------------------------------------------


@translates("pad")
def pad(call: Call, x: Operand, value: Operand) -> Array | None:
    """A number in front and behind, along some dimensions; a negative one takes away."""
    amounts = [
        (call.formula(low), call.formula(high), int(inside)) for low, high, inside in call.params["padding_config"]
    ]
    if any(inside for *_, inside in amounts) or (value.array.scalar is None):
        return None
    array = call.array(x)
    for place, (front, behind, _) in enumerate(amounts):
        if any(amount.constant is not None and amount.constant < 0 for amount in (front, behind)):
            array, front, behind = cropped(call, array, place, front, behind)
        array = padded(call, array, place, front, behind, value.array.scalar)
    return array


def cropped(call: Call, array: Array, place: int, front: Polynomial, behind: Polynomial) -> Any:
    """An array without what negative padding takes away, and the padding that is left."""
    begin, end = (-amount if (amount.constant or 0) < 0 else Polynomial.of(0) for amount in (front, behind))
    shape = list(array.shape)
    entries: list[Any] = [(Polynomial.of(0), length, 1) for length in shape]
    entries[place] = (begin, shape[place] - end, 1)
    shape[place] = shape[place] - begin - end
    return sliced(call, array, entries, shape), front + begin, behind + end
