"""Products of matrices, and whatever else sums over products."""

from __future__ import annotations

from wirework.circuit.axes import columns, found
from wirework.circuit.broadcasting import broadcast
from wirework.circuit.jax.call import Call
from wirework.circuit.jax.operand import Operand
from wirework.circuit.jax.table import translates
from wirework.circuit.readings import marked
from wirework.circuit.recorder import Array
from wirework.circuit.shaping import wish

LEARNED = ("parameter", "buffer")


@translates("dot_general")
def dot_general(call: Call, x: Operand, y: Operand) -> tuple[Array, ...] | None:
    """`b t [c], [c] d -> b t d`. A parameter stands second."""
    left, right = call.array(x), call.array(y)
    if call.dtype() not in (left.dtype, right.dtype):
        return None
    (summed, other_summed), (batch, other_batch) = call.params["dimension_numbers"]
    pairs = [*zip(batch, other_batch, strict=True), *zip(summed, other_summed, strict=True)]
    free = [place for place in range(len(left.dims)) if place not in (*batch, *summed)]
    other_free = [place for place in range(len(right.dims)) if place not in (*other_batch, *other_summed)]
    for array, places in ((left, (*free, *summed)), (right, (*other_free, *other_summed))):
        if array.role in LEARNED:
            wish([array.dims[place] for place in places], "c" * len(places))
    entries = [[left.dims[one], right.dims[two]] for one, two in pairs]
    entries += [[left.dims[place]] for place in free] + [[right.dims[place]] for place in other_free]
    dims = columns(entries)
    count = len(pairs)
    of_left = dict(zip([*(one for one, _ in pairs), *free], dims, strict=False))
    of_right = dict(
        zip([*(two for _, two in pairs), *other_free], [*dims[:count], *dims[count + len(free) :]], strict=True)
    )
    inside = [each for dim in dims[len(batch) : count] for each in dim]
    readings = [
        marked([broadcast(found(dim), chosen[place]) for place, dim in enumerate(array.dims)], inside)
        for array, chosen in ((left, of_left), (right, of_right))
    ]
    inputs, results = [left, right], [call.result([*dims[: len(batch)], *dims[count:]])]
    if left.role in LEARNED and right.role not in LEARNED:
        inputs, readings = inputs[::-1], readings[::-1]
    return call.step("dot", inputs, readings, results)
