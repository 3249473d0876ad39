"""Reshaping, broadcasting, the order of dimensions, slices."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from wirework.circuit.axes import Axis, Dim, found, hint_of, length_of
from wirework.circuit.jax.call import Call
from wirework.circuit.jax.lengths import Length
from wirework.circuit.jax.operand import Operand, Progression, is_one
from wirework.circuit.jax.table import translates
from wirework.circuit.readings import reshaping
from wirework.circuit.recorder import Array, Result
from wirework.circuit.shaping import split_up
from wirework.polynomial import Polynomial

Place = int | None


# -- broadcasting, and dimensions of length 1 -------------------------------------------------------------------------


@translates("broadcast_in_dim")
def broadcast_in_dim(call: Call, x: Operand, *_: Operand) -> Operand:
    """Along more dimensions."""
    given = list(map(int, call.params["broadcast_dimensions"]))
    return moved(call, x, [given.index(at) if at in given else None for at in range(len(call.shape()))])


@translates("squeeze")
def squeeze(call: Call, x: Operand) -> Operand:
    """Without dimensions of length 1."""
    lost = set(map(int, call.params["dimensions"]))
    return moved(call, x, [place for place in range(len(x.dims)) if place not in lost])


@translates("expand_dims")
def expand_dims(call: Call, x: Operand) -> Operand:
    """With more dimensions of length 1."""
    rest = iter(range(len(x.dims)))
    return moved(call, x, [None if at in call.params["dimensions"] else next(rest) for at in range(len(call.shape()))])


def moved(call: Call, x: Operand, order: Sequence[Place]) -> Operand:
    """An operand whose dimensions stand in other places; along new ones it is spread."""
    places: list[Place] = []
    dims: list[Dim] = []
    for place, length in zip(order, call.shape(), strict=True):
        same = place is not None and call.same_length(x.dims[place], length)
        places.append(x.places[place] if place is not None and same else None)
        dims.append(x.dims[place] if place is not None and same else call.new(length))
    known = tuple(followed(each, order) for each in x.known) if x.known else ()
    return Operand(x.array, tuple(places), tuple(dims), tuple(each for each in known if each), columns=x.columns)


def followed(known: Progression, order: Sequence[Place]) -> Progression | None:
    """A progression whose dimension stands in another place."""
    if known.along is None:
        return known
    return Progression(known.start, known.step, order.index(known.along)) if known.along in order else None


# -- shapes -----------------------------------------------------------------------------------------------------------


@translates("reshape")
def reshape(call: Call, x: Operand, *_: Operand) -> Any:
    """Into a shape."""
    if call.params["dimensions"] is not None:
        return None
    order = without_ones(call, x)
    return into(call, call.array(x), call.shape()) if order is None else moved(call, x, order)


def without_ones(call: Call, x: Operand) -> list[Place] | None:
    """Where dimensions go that stay as they are, while those of length 1 come and go; nothing if others change."""
    rest = [place for place, dim in enumerate(x.dims) if not is_one(dim)]
    order: list[Place] = []
    for length in call.shape():
        one = call.same_length((), length)
        if not one and not (rest and call.same_length(x.dims[rest[0]], length)):
            return None
        order.append(None if one else rest.pop(0))
    return None if rest else order


def into(call: Call, array: Array, shape: Sequence[Length]) -> Array:
    """An array in another shape: its axes are split and flattened, or else all are flattened, and that is split."""
    plan = reshaping(
        array.dims, flattened(array, [(each, call.reader.lengths.hint(each)) for each in map(call.formula, shape)])
    )
    if plan is None:
        whole = tuple(each for dim in array.dims for each in found(dim))
        flat = call.rearranged(array, tuple(map(found, array.dims)), [whole])
        dims = [call.new(length) for length in shape]
        reading = (tuple(each for dim in dims for each in dim),)
        return call.step("rearrange", (flat,), (reading,), [Result(tuple(dims), array.dtype)])[0]
    return call.rearranged(array, split_up(array, plan), plan.dims)


def flattened(array: Array, shape: Sequence[tuple[Polynomial, int]]) -> list[tuple[Polynomial, int]]:
    """A shape in which a number that is as long as some axes that follow each other is the product of their lengths."""
    rest = [each for dim in array.dims for each in found(dim)]
    result: list[tuple[Polynomial, int]] = []
    for formula, hint in shape:
        taken: list[Axis] = []
        while rest and hint_of(taken) < hint:
            taken.append(rest.pop(0))
        whole = formula.constant is not None and hint_of(taken) == hint
        result.append((length_of(taken) if whole else formula, hint))
    return result


@translates("transpose")
def transpose(call: Call, x: Operand) -> Operand:
    """Dimensions in another order; of a product the product in that order."""
    order = list(map(int, call.params["permutation"]))
    own = [x.places[place] for place in order]
    kept = [place for place in own if place is not None]
    array = x.array
    if kept != sorted(kept):
        array = turned(call, array, kept)
    numbers = iter(range(len(kept))) if array is not x.array else None
    places = [None if place is None else next(numbers) if numbers else place for place in own]
    dims = [x.dims[place] if at is None else array.dims[at] for place, at in zip(order, places, strict=True)]
    known = tuple(each for each in (followed(one, order) for one in x.known) if each)
    return Operand(array, tuple(places), tuple(dims), known)


def turned(call: Call, array: Array, order: Sequence[int]) -> Array:
    """Some dimensions of an array in an order; the others have length 1."""
    dims = [found(array.dims[place]) for place in order]
    steps = call.reader.recorder.steps
    if call.used_once(0) and steps and steps[-1].kind == "dot" and steps[-1].outputs == (array,):
        dot = steps[-1]
        return call.step("dot", dot.inputs, dot.operands, [Result(tuple(dims), array.dtype)])[0]
    reading = tuple(found(dim) if place in order else () for place, dim in enumerate(array.dims))
    return call.rearranged(array, reading, dims)


@translates("tile")
def tile(call: Call, x: Operand) -> Array:
    """Several copies along each dimension."""
    array = call.array(x)
    own = list(map(found, array.dims))
    dims = [
        (*call.new(count, "" if hint_of(dim) == 1 else "r"), *dim)
        for dim, count in zip(own, call.params["reps"], strict=True)
    ]
    return call.rearranged(array, tuple(own), dims)


# -- slices -----------------------------------------------------------------------------------------------------------


@translates("slice")
def slice_of(call: Call, x: Operand) -> Array:
    """A slice of each dimension."""
    steps = call.params["strides"] or [1] * len(x.dims)
    entries = list(zip(call.params["start_indices"], call.params["limit_indices"], steps, strict=True))
    return sliced(call, call.array(x), entries, call.shape())


@translates("dynamic_slice")
def dynamic_slice(call: Call, x: Operand, *starts: Operand) -> Array | None:
    """A slice of each dimension that starts where an array says; as JAX does it, if that is not known."""
    if any(len(start.known) != 1 for start in starts[: len(x.dims)]):
        return None
    begins = [start.known[0].start for start in starts]
    sizes = [call.formula(length) for length in call.params["slice_sizes"]]
    entries = [(begin, begin + size, 1) for begin, size in zip(begins, sizes, strict=False)]
    return sliced(call, call.array(x), entries, call.shape())


def sliced(call: Call, array: Array, entries: Sequence[Any], shape: Sequence[Length]) -> Array:
    """Of each dimension a slice (start, stop, step), or what stands in one place, a length or a formula.

    Args:
        call: the call.
        array: what is sliced.
        entries: one for each dimension.
        shape: the lengths of the slices.
    """
    lengths = iter(shape)
    dims: list[Dim] = []
    options: list[Any] = []
    old = tuple(map(found, array.dims))
    for dim, entry in zip(old, entries, strict=True):
        if not isinstance(entry, tuple):
            options.append(str(call.formula(entry)))
            continue
        length = next(lengths)
        whole = call.formula(entry[0]) == 0 and call.same_length(dim, length)
        dims.append(dim if whole else call.new(length, dim[-1].wish if dim else ""))
        stop = array.shape[len(options)] if whole else call.formula(entry[1])
        options.append((str(call.formula(entry[0])), str(stop), str(call.formula(entry[2]))))
    if dims == list(old):
        return array
    return call.step("slice", (array,), (old,), [Result(tuple(dims), array.dtype)], dims=tuple(options))[0]
