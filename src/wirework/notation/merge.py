"""Axes that stand together wherever they stand: they can be treated as one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace

from wirework.notation.bound import Array, Bound, Cat, Item, Leaf, item_leaves
from wirework.notation.sizes import product


def standing_together(arrays: Iterable[Array], allowed: frozenset[str] | None = None) -> list[tuple[str, ...]]:
    """The runs of two or more axes that, wherever one of them stands, stand together in one dimension.

    Args:
        arrays: all operands of the expression.
        allowed: only axes with these sizes may be part of a run; `None`: any.
    """
    after: dict[str, set[tuple[str, bool] | None]] = {}
    before: dict[str, set[str | None]] = {}
    for row in (row for array in arrays for dim in array.dims for row in rows(dim.items)):
        for index, item in enumerate(row):
            if not isinstance(item, Leaf):
                continue
            following = row[index + 1] if index + 1 < len(row) else None
            preceding = row[index - 1] if index else None
            same = isinstance(following, Leaf) and following.bracket == item.bracket
            after.setdefault(item.name, set()).add((following.name, True) if same else None)  # type: ignore[union-attr]
            before.setdefault(item.name, set()).add(preceding.name if isinstance(preceding, Leaf) else None)
    follower: dict[str, str] = {}
    for name, nexts in after.items():
        only = next(iter(nexts))
        if len(nexts) > 1 or only is None or only[0] == name or before[only[0]] != {name}:
            continue
        if allowed is None or {name, only[0]} <= allowed:
            follower[name] = only[0]
    runs = []
    for start in follower:
        if start in follower.values():
            continue
        run = [start]
        while run[-1] in follower:
            run.append(follower[run[-1]])
        runs.append(tuple(run))
    return runs


def rows(items: tuple[Item, ...]) -> Iterator[tuple[Item, ...]]:
    """The items flattened together: those of a dimension, and those of each part of a concatenation."""
    yield items
    for item in items:
        if isinstance(item, Cat):
            for part in item.parts:
                yield from rows(part)


def merge_runs(array: Array, merged: Mapping[tuple[str, ...], str]) -> Array:
    """Put one axis in the place of each run."""
    dims = tuple(replace(dim, items=merge_items(dim.items, merged)) for dim in array.dims)
    return replace(array, dims=dims)


def merge_items(items: tuple[Item, ...], merged: Mapping[tuple[str, ...], str]) -> tuple[Item, ...]:
    """Some items with one axis in the place of each run."""
    starts = {run[0]: run for run in merged}
    result: list[Item] = []
    skip: set[str] = set()
    for item in items:
        if isinstance(item, Cat):
            result.append(replace(item, parts=tuple(merge_items(part, merged) for part in item.parts)))
        elif item.name in starts:
            run = starts[item.name]
            skip = set(run[1:])
            result.append(replace(item, name=merged[run], size=merged[run]))
        elif item.name not in skip:
            result.append(item)
    return tuple(result)


def merge_names(names: tuple[str, ...], merged: Mapping[tuple[str, ...], str]) -> tuple[str, ...]:
    """Some names with one in the place of each run."""
    starts = {run[0]: run for run in merged}
    followers = {name for run in merged for name in run[1:]}
    return tuple(merged[starts[name]] if name in starts else name for name in names if name not in followers)


def opaque_concats(arrays: Iterable[Array], unknown: frozenset[str]) -> frozenset[str]:
    """The concatenations that are written the same wherever one of their axes, all unknown, stands."""
    homes: dict[str, set[str | None]] = {}
    cats: dict[str, set[str]] = {}
    for item in (item for array in arrays for dim in array.dims for item in dim.items):
        home = item.size if isinstance(item, Cat) else None
        for leaf in item_leaves((item,)):
            homes.setdefault(leaf.name, set()).add(home)
            if home is not None:
                cats.setdefault(home, set()).add(leaf.name)
    return frozenset(
        size for size, names in cats.items() if names & unknown and all(homes[name] == {size} for name in names)
    )


def without_concats(array: Array, sizes: frozenset[str]) -> Array:
    """Put one axis in the place of each concatenation with one of these sizes."""

    def opened(item: Item) -> Item:
        if isinstance(item, Cat) and item.size in sizes:
            return Leaf(item.size, item.size, bracket=False, span=item.span)
        return item

    dims = tuple(replace(dim, items=tuple(map(opened, dim.items))) for dim in array.dims)
    return replace(array, dims=dims)


def coarsen(bound: Bound) -> Bound:
    """Treat as one axis what stands together everywhere: nothing needs to be split there."""
    runs = standing_together((*bound.inputs, *bound.outputs))
    if not runs:
        return bound
    merged = {run: f"({' '.join(run)})" for run in runs}
    sizes = dict(bound.sizes)
    for run, name in merged.items():
        sizes[name] = product(bound.size(axis) for axis in run)
    return replace(
        bound,
        inputs=tuple(merge_runs(array, merged) for array in bound.inputs),
        outputs=tuple(merge_runs(array, merged) for array in bound.outputs),
        sizes=sizes,
        size_of={**bound.size_of, **{name: name for name in merged.values()}},
    )
