"""rearrange: transpose, split, flatten, repeat, diagonal, concatenate and split along an axis."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace

from wirework.errors import counted
from wirework.notation import Array, Cat, Expression, Leaf
from wirework.notation.bound import Dimension, Item
from wirework.notation.sizes import Size, total
from wirework.operations.base import Call, Lowering, Operation, free, refuse_brackets, refuse_lost
from wirework.plan import Value

Dims = tuple[Dimension, ...]


def complete(expression: Expression, call: Call) -> Expression:
    """Without '->', the inputs are checked and returned as they are."""
    refuse_brackets("rearrange", expression)
    if expression.outputs is None:
        return replace(expression, outputs=expression.inputs)
    return expression


def lower(low: Lowering) -> Value | list[Value]:
    """Split the inputs into blocks, pair these with the blocks of the outputs, and join."""
    sources: list[Value] = []
    for value, array in zip(low.inputs, low.bound.inputs, strict=True):
        if find_concat(array.dims) is None:
            sources.append(value)
        else:
            sources += split(low, replace(value, layout=flat(array.dims)), array.dims)
    targets = [dims for output in low.bound.outputs for dims in blocks(output.dims)]
    pairs = iter(pair(low, sources, targets))
    results = [join(low, output.dims, (sources[index] for index in pairs)) for output in low.bound.outputs]
    return results if len(results) > 1 else results[0]


def flat(dims: Dims) -> tuple[tuple[str, ...], ...]:
    """The layout of dimensions, a concatenation taken as one axis."""
    return tuple(names(dim.items) for dim in dims)


def names(items: Sequence[Item]) -> tuple[str, ...]:
    """The names of some items, a concatenation taken as one axis."""
    return tuple(item.name if isinstance(item, Leaf) else item.size for item in items)


def find_concat(dims: Dims) -> tuple[int, int, Cat] | None:
    """The first concatenation: its dimension, its place there, and itself."""
    for index, dim in enumerate(dims):
        for place, item in enumerate(dim.items):
            if isinstance(item, Cat):
                return index, place, item
    return None


def set_apart(dims: Dims, index: int, place: int, items: tuple[Item, ...]) -> tuple[Dims, int]:
    """The dimensions with `items` in the place of a concatenation, in a dimension of their own; its index."""
    dim = dims[index]
    around = [dim.items[:place], items, dim.items[place + 1 :]]
    parts = [replace(dim, items=part) for number, part in enumerate(around) if part or number == 1]
    return (*dims[:index], *parts, *dims[index + 1 :]), index + (1 if dim.items[:place] else 0)


def split(low: Lowering, value: Value, dims: Dims) -> list[Value]:
    """The blocks of an input, in order."""
    found = find_concat(dims)
    if found is None:
        return [low.builder.diagonals(replace(value, layout=flat(dims)))]
    index, place, cat = found
    apart, axis = set_apart(dims, index, place, (cat,))
    value = low.builder.reshape(value, flat(apart))
    result: list[Value] = []
    start: Size = 0
    for items, size in zip(cat.parts, cat.sizes, strict=True):
        stop = total([start, low.bound.sizes[size]])
        inner, _ = set_apart(dims, index, place, items)
        block = low.builder.apply("narrow", [value], flat(inner), axis=axis, start=start, stop=stop)
        result += split(low, block, inner)
        start = stop
    return result


def blocks(dims: Dims) -> Iterator[Dims]:
    """The dimensions of each block of an output, in order."""
    found = find_concat(dims)
    if found is None:
        yield dims
        return
    index, place, cat = found
    for items in cat.parts:
        yield from blocks(set_apart(dims, index, place, items)[0])


def join(low: Lowering, dims: Dims, sources: Iterator[Value]) -> Value:
    """Concatenate the blocks of an output, taken from `sources` in order."""
    found = find_concat(dims)
    if found is None:
        return low.builder.arrange(next(sources), flat(dims))
    index, place, cat = found
    parts = [join(low, set_apart(dims, index, place, items)[0], sources) for items in cat.parts]
    apart, axis = set_apart(dims, index, place, (cat,))
    joined = low.builder.apply("concat", parts, flat(apart), axis=axis)
    return low.builder.reshape(joined, flat(dims))


# -- which block of the inputs goes into which block of the outputs ----------------------------------------


def pair(low: Lowering, sources: Sequence[Value], targets: Sequence[Dims]) -> list[int]:
    """For each target the index of its source: by position if that fits, else by axes."""
    if len(sources) != len(targets):
        low.fail(
            f"{counted(len(sources), 'input')} cannot make {counted(len(targets), 'output')}"
            " (each part of a concatenation counts as one)",
            *(array.span for array in low.bound.outputs),
        )
    given = [set(source.axes) for source in sources]
    wanted = [{axis for dim in flat(dims) for axis in dim} for dims in targets]
    if all(axes <= goal for axes, goal in zip(given, wanted, strict=True)):
        return list(range(len(sources)))
    found = matching(given, wanted)
    if found is None:
        refuse_pairing(low, given, wanted)
    return found


def matching(given: Sequence[set[str]], wanted: Sequence[set[str]]) -> list[int]:
    """A pairing in which no source has an axis that its target lacks; earlier sources for earlier targets."""
    fits = [[i for i, axes in enumerate(given) if axes <= goal] for goal in wanted]
    order = sorted(range(len(wanted)), key=lambda target: len(fits[target]))
    owner: dict[int, int] = {}
    for target in order:
        if not augment(target, fits, owner, set()):
            return None  # type: ignore[return-value]
    return settle(fits, {target: source for source, target in owner.items()})


def augment(target: int, fits: Sequence[Sequence[int]], owner: dict[int, int], tried: set[int]) -> bool:
    """Find a source for a target, moving others if need be (augmenting paths)."""
    for source in fits[target]:
        if source in tried:
            continue
        tried.add(source)
        if source not in owner or augment(owner[source], fits, owner, tried):
            owner[source] = target
            return True
    return False


def settle(fits: Sequence[Sequence[int]], source_of: dict[int, int]) -> list[int]:
    """Exchange sources until the earlier of two targets has the earlier source, where both fit."""
    for one in range(len(fits)):
        for other in range(one + 1, len(fits)):
            mine, theirs = source_of[one], source_of[other]
            if theirs < mine and theirs in fits[one] and mine in fits[other]:
                source_of[one], source_of[other] = theirs, mine
    return [source_of[target] for target in range(len(fits))]


def refuse_pairing(low: Lowering, given: Sequence[set[str]], wanted: Sequence[set[str]]) -> None:
    """Name an axis that is lost."""
    everywhere = set().union(*wanted)
    for array in low.bound.inputs:
        for leaf in leaves(array):
            if leaf.name not in everywhere:
                refuse_lost(low, leaf)
    low.fail(
        "the inputs do not fit the outputs: whichever way they are paired, an axis is lost",
        *(array.span for array in (*low.bound.inputs, *low.bound.outputs)),
    )


def leaves(array: Array) -> Iterator[Leaf]:
    """Every axis of an operand, also those in concatenations."""
    pending: list[Item] = [item for dim in array.dims for item in dim.items]
    while pending:
        item = pending.pop(0)
        if isinstance(item, Leaf):
            yield item
        else:
            pending = [inner for part in item.parts for inner in part] + pending


REARRANGE = Operation(
    name="rearrange",
    family="rearrange",
    arity=(1, None),
    complete=complete,
    lower=lower,
    flops=free,
    coarse=True,
)
