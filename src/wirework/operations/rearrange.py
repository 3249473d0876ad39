"""rearrange: transpose, split, flatten, repeat, diagonal, concatenate and split along an axis."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from wirework.errors import counted
from wirework.notation import Array, Cat, Expression, Leaf
from wirework.notation.bound import Dimension, Item
from wirework.notation.sizes import Size, total
from wirework.operations.base import Call, Lowering, Operation, free, refuse_brackets, refuse_lost
from wirework.plan import Layout, Value

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


def set_apart(
    dims: Dims, index: int, place: int, items: tuple[Item, ...], starts: frozenset[str] = frozenset()
) -> tuple[Dims, int]:
    """The dimensions with `items` in the place of a concatenation, in a dimension of their own; its index.

    What stood beside it is cut where an axis of `starts` begins.
    """
    dim = dims[index]
    before, after = (cut_at(part, starts) for part in (dim.items[:place], dim.items[place + 1 :]))
    parts = [replace(dim, items=part) for part in (*before, items, *after)]
    return (*dims[:index], *parts, *dims[index + 1 :]), index + len(before)


def cut_at(items: tuple[Item, ...], starts: frozenset[str]) -> list[tuple[Item, ...]]:
    """Some items, cut before those that are in `starts`."""
    parts: list[tuple[Item, ...]] = []
    for item in items:
        if parts and not (isinstance(item, Leaf) and item.name in starts):
            parts[-1] += (item,)
        else:
            parts.append((item,))
    return parts


def split(low: Lowering, value: Value, dims: Dims) -> list[Value]:
    """The blocks of an input, in order."""
    found = find_concat(dims)
    if found is None:
        return [low.builder.diagonals(replace(value, layout=flat(dims)))]
    index, place, cat = found
    starts = frozenset(axes[0] for array in low.bound.outputs for axes in flat(array.dims) if axes)
    apart, axis = set_apart(dims, index, place, (cat,), starts)
    value = low.builder.reshape(value, flat(apart))
    if not any(cat.parts) and "split" in low.call.fused:
        layouts = [(*apart[:axis], *apart[axis + 1 :])] * len(cat.parts)
        pieces = low.builder.apply("unbind", [value], axis=axis)
        blocks = several(low, pieces, map(flat, layouts))
    else:
        layouts = [set_apart(dims, index, place, items, starts)[0] for items in cat.parts]
        sizes = [low.bound.sizes[size] for size in cat.sizes]
        blocks = cut(low, value, axis, sizes, [flat(inner) for inner in layouts])
    return [each for block, inner in zip(blocks, layouts, strict=True) for each in split(low, block, inner)]


def cut(low: Lowering, value: Value, axis: int, sizes: Sequence[Size], layouts: Sequence[Layout]) -> Iterator[Value]:
    """Consecutive pieces along one dimension."""
    if "split" in low.call.fused:
        pieces = low.builder.apply("split", [value], axis=axis, sizes=tuple(sizes))
        yield from several(low, pieces, layouts)
        return
    start: Size = 0
    for size, layout in zip(sizes, layouts, strict=True):
        stop = total([start, size])
        yield low.builder.apply("narrow", [value], layout, axis=axis, start=start, stop=stop)
        start = stop


def several(low: Lowering, pieces: Value, layouts: Iterable[Layout]) -> Iterator[Value]:
    """The arrays that one step gives."""
    for number, layout in enumerate(layouts):
        yield low.builder.apply("part", [pieces], layout, number=number)


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
