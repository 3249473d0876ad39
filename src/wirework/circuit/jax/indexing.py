"""Indexing: JAX makes a gather of all of it, which is slices, and coordinates that are looked up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from wirework.circuit.axes import Dim, apart, columns, found, one_axis
from wirework.circuit.broadcasting import broadcast
from wirework.circuit.jax.call import Call
from wirework.circuit.jax.operand import Operand, Progression, reading_of
from wirework.circuit.jax.table import translates
from wirework.circuit.jax.views import sliced
from wirework.circuit.readings import marked
from wirework.circuit.recorder import Array, Result
from wirework.circuit.shaping import wish


@translates("gather")
def gather(call: Call, x: Operand, indices: Operand) -> Any:
    """What is sliced first, then what is looked up."""
    numbers = call.params["dimension_numbers"]
    array = call.array(x)
    axes = list(map(int, numbers.start_index_map))
    given = list(indices.columns) if len(indices.columns) == len(axes) else [indices] * (len(axes) == 1)
    known = indices.known if len(indices.known) == len(axes) else tuple(known_of(each) for each in given)
    if len(known) == len(axes) and all(known) and not numbers.operand_batching_dims:
        return parts(call, array, dict(zip(axes, known, strict=True)), len(indices.dims) - 1)
    if len(given) != len(axes):
        return None
    return looked_up(call, array, dict(zip(axes, given, strict=True)), len(indices.dims) - 1)


def known_of(operand: Operand) -> Progression | None:
    """What an operand is known to be."""
    return operand.known[0] if len(operand.known) == 1 else None


def parts(call: Call, array: Array, starts: dict[int, Any], rank: int) -> Array | None:
    """Slices, and what stands in one place."""
    numbers, sizes = call.params["dimension_numbers"], call.params["slice_sizes"]
    entries: list[Any] = []
    shape: list[Any] = []
    order: dict[int, int] = {}  # where in the slices a dimension of the indices goes
    offsets: list[int] = []
    indices = call.equation.invars[1].aval.shape
    for place in range(len(array.dims)):
        start = starts.get(place)
        if start is not None and start.along is not None and start.along < rank:
            if place not in numbers.collapsed_slice_dims or start.along in order:
                return None
            order[start.along] = len(shape)
            shape.append(indices[start.along])
            count = call.formula(indices[start.along])
            entries.append((start.start, start.start + (count - 1) * start.step + 1, start.step))
        elif place in numbers.collapsed_slice_dims:
            entries.append(start.start if start is not None else call.formula(0))
        else:
            begin = start.start if start is not None else call.formula(0)
            entries.append((begin, begin + call.formula(sizes[place]), 1))
            offsets.append(len(shape))
            shape.append(sizes[place])
    if len(order) != rank:
        return None
    if any(
        (step := call.formula(entry[2])).constant is None or step.constant < 1
        for entry in entries
        if type(entry) is tuple
    ):
        return None
    result = sliced(call, array, entries, shape)
    rest, along = iter(offsets), iter(range(rank))
    places = [next(rest) if at in numbers.offset_dims else order[next(along)] for at in range(len(call.shape()))]
    return call.rearranged(result, tuple(map(found, result.dims)), [result.dims[place] for place in places])


def looked_up(call: Call, array: Array, coordinates: dict[int, Operand], rank: int) -> Any:
    """Arrays of coordinates in the place of some dimensions: `[h w] c, n, n -> n c`."""
    numbers, sizes = call.params["dimension_numbers"], call.params["slice_sizes"]
    constant = {
        place: known for place, each in coordinates.items() if (known := known_of(each)) and known.along is None
    }
    coordinates = {place: each for place, each in coordinates.items() if place not in constant}
    shared = dict(zip(numbers.operand_batching_dims, numbers.start_indices_batching_dims, strict=True))
    kept = [place for place in range(len(array.dims)) if place not in (*coordinates, *constant, *shared)]
    if any(not call.same_length(array.dims[place], sizes[place]) for place in kept):
        return None
    if any(place not in numbers.collapsed_slice_dims for place in (*coordinates, *constant)):
        return None
    if constant:
        return None
    if array.role != "computed" and len(array.dims) == 2:
        wish(array.dims, "vc")
    given = [unwrapped(call, each) for each in coordinates.values()]
    entries: list[list[Dim]] = [[] for _ in range(rank)]
    for operand in given:
        for place in range(rank):
            if (own := operand.places[place]) is not None:
                entries[place].append(operand.array.dims[own])
    for place, at in shared.items():
        entries[at].append(array.dims[place])
    lengths = call.equation.invars[1].aval.shape
    entries = [each or [call.new(length)] for each, length in zip(entries, lengths, strict=False)]
    own = [one_axis(dim) if place in coordinates else found(dim) for place, dim in enumerate(array.dims)]
    inside = [each for place in coordinates for each in own[place]]
    fixed = [*(own[place] for place in kept), *(own[place] for place in coordinates)]
    index = apart([*fixed, *columns(entries)])[len(fixed) :]
    for place, at in shared.items():
        own[place] = broadcast(own[place], index[at])
    readings = [reading_of(replace_last(operand), [*index]) for operand in given]
    rest, batch = (found(array.dims[place]) for place in kept), iter(index)
    dims = [next(rest) if at in numbers.offset_dims else next(batch) for at in range(len(call.shape()))]
    arrays = [operand.array for operand in given]
    return call.step("get_at", (array, *arrays), (marked(own, inside), *readings), [Result(tuple(dims), call.dtype())])


def replace_last(operand: Operand) -> Operand:
    """Coordinates without the dimension of length 1 that JAX has them in."""
    return replace(operand, places=operand.places[:-1], dims=operand.dims[:-1])


def unwrapped(call: Call, operand: Operand) -> Operand:
    """Coordinates before JAX counted the negative ones from the end, which looking up does by itself."""
    original = call.reader.wrapped.get(operand.array)
    return operand if original is None else replace(operand, array=original)


def counted_from_the_end(call: Call, which: Operand, cases: Sequence[Operand]) -> Array | None:
    """The array whose negative elements a choice counts from the end; nothing if it is another choice."""
    makers = {output: step for step in call.reader.recorder.steps[-8:] for output in step.outputs}
    test, shifted = makers.get(which.array), makers.get(cases[1].array)
    original = cases[0].array
    if test is None or shifted is None or (test.kind, shifted.kind) != ("less", "add"):
        return None
    negative = test.inputs[0] is original and test.inputs[1].scalar == 0
    return original if negative and shifted.inputs[0] is original else None
