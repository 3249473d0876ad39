"""A plan: the primitive array steps of one operation, as data.

A step applies a primitive to values. A value has a layout: for each of its dimensions, the names of the
axes flattened in it. `Builder.arrange` is the one place that reshapes and permutes, so that what it emits
is the least that leads from one layout to another.

Primitives, each printed by every backend (`backends/base.py` lists their arguments)::

    views         reshape permute expand unsqueeze squeeze diagonal narrow select (contiguous: a copy)
    several       split unbind, and part: one of what these give
    joining       concat
    elementwise   add multiply ... where cast scale
    along axes    sum mean ... argmax softmax sort flip roll cumsum
    contraction   multiply matmul linear promote
    indexing      take index_put arange coordinates unravel
    fused         attention conv window
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import dropwhile, pairwise
from typing import Any

from wirework.notation.sizes import Length, Size, Statement, product

Layout = tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True)
class Input:
    """An argument of the generated function.

    `kind` is "array", "scalar" (a Python number), "factory" (a callable that makes the array from its
    shape) or "option". `dims` are names for its dimensions.
    """

    name: str
    kind: str = "array"
    dims: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Step:
    """`result = primitive(*arguments, **options)`."""

    result: str
    primitive: str
    arguments: tuple[str, ...]
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Branch:
    """One of several ways to the same result. The one with the smallest cost is taken at run time."""

    cost: Size
    steps: tuple[Step, ...]
    outputs: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Plan:
    """What a backend prints as one function: inputs, keyword sizes and options, sizes, steps, outputs."""

    name: str
    inputs: tuple[Input, ...]
    keywords: tuple[tuple[str, str], ...]  # ("size" or "option", name)
    statements: tuple[Statement, ...]
    steps: tuple[Step, ...]
    outputs: tuple[str, ...]
    single: bool = True  # one output is returned as it is, several as a tuple
    factories: tuple[tuple[str, tuple[Size, ...]], ...] = ()  # inputs to make, and their shapes
    ranks: tuple[tuple[str, int], ...] = ()  # of options that are arrays, which the code depends on
    shapes: tuple[tuple[str, tuple[Size, ...]], ...] = ()  # of options whose shape is known
    branches: tuple[Branch, ...] = ()  # in place of `outputs`, after `steps`
    casts: tuple[tuple[str, str], ...] = ()  # NumPy inputs to convert, and the input to follow


@dataclass(frozen=True, slots=True)
class Value:
    """A value of a plan: its name and its layout."""

    name: str
    layout: Layout = ()

    @property
    def axes(self) -> tuple[str, ...]:
        """All its axes, in order."""
        return tuple(axis for dim in self.layout for axis in dim)


class Builder:
    """Collects the steps of a plan while an operation is lowered.

    Args:
        size: the length of an axis, by its name.
    """

    def __init__(self, size: Callable[[str], Size]) -> None:
        self.known = size
        self.measured: dict[str, Size] = {}  # lengths read off a value
        self.steps: list[Step] = []
        self.branches: list[Branch] = []
        self.count = 0

    def branch(self, cost: Size, make: Callable[[], Value]) -> None:
        """Add one way to the result; its steps are those that `make` adds."""
        before = list(self.steps)
        result = make()
        self.branches.append(Branch(cost, tuple(self.steps[len(before) :]), (result.name,)))
        self.steps[len(before) :] = []

    def size(self, axis: str) -> Size:
        """The length of an axis."""
        return self.measured[axis] if axis in self.measured else self.known(axis)

    def measure(self, value: Value, axes: Iterable[str]) -> None:
        """Read the lengths of some axes, each a dimension of `value`, off that value."""
        for axis in axes:
            self.measured[axis] = Length(value.name, value.layout.index((axis,)))

    def apply(
        self, primitive: str, arguments: Sequence[Value | str], layout: Iterable[Iterable[str]] = (), **options: Any
    ) -> Value:
        """Add a step. Options that are `None` are left out."""
        names = tuple(arg if isinstance(arg, str) else arg.name for arg in arguments)
        given = {key: value for key, value in options.items() if value is not None}
        self.count += 1
        result = f"%{self.count}"
        self.steps.append(Step(result, primitive, names, given))
        return Value(result, tuple(map(tuple, layout)))

    def dim_size(self, dim: Iterable[str]) -> Size:
        """The length of a dimension."""
        return product(self.size(axis) for axis in dim)

    def shape(self, layout: Layout) -> tuple[Size, ...]:
        """The lengths of all dimensions."""
        return tuple(map(self.dim_size, layout))

    # -- from one layout to another ------------------------------------------------------------------

    def reshape(self, value: Value, layout: Iterable[Iterable[str]]) -> Value:
        """Regroup the axes, keeping their order. Nothing if the layout is that already."""
        target = tuple(map(tuple, layout))
        if target == value.layout:
            return value
        if [dim for dim in target if dim] == [dim for dim in value.layout if dim]:
            return self.set_ones(value, target)
        return self.apply("reshape", [value], target, shape=self.shape(target))

    def set_ones(self, value: Value, target: Layout) -> Value:
        """Insert or drop dimensions of length 1."""
        kept = [dim for dim in target if dim]
        dropped = tuple(index for index, dim in enumerate(value.layout) if not dim)
        inserted = tuple(index for index, dim in enumerate(target) if not dim)
        if not dropped:
            return self.apply("unsqueeze", [value], target, axes=inserted)
        if not inserted:
            return self.apply("squeeze", [value], kept, axes=dropped)
        return self.apply("reshape", [value], target, shape=self.shape(target))

    def permute(self, value: Value, order: Sequence[int]) -> Value:
        """Reorder the dimensions."""
        if list(order) == sorted(order):
            return value
        return self.apply("permute", [value], [value.layout[index] for index in order], order=tuple(order))

    def expand(self, value: Value, layout: Layout) -> Value:
        """Repeat along dimensions of length 1 that have axes in `layout`, without copying."""
        if layout == value.layout:
            return value
        return self.apply("expand", [value], layout, shape=self.shape(layout))

    def diagonals(self, value: Value) -> Value:
        """Take the diagonal of every axis that stands more than once."""
        repeated = {axis for axis in value.axes if value.axes.count(axis) > 1}
        if not repeated:
            return value
        value = self.reshape(value, [(axis,) for axis in value.axes])
        for axis in dict.fromkeys(value.axes):
            while value.axes.count(axis) > 1:
                first = value.axes.index(axis)
                second = value.axes.index(axis, first + 1)
                rest = [(other,) for index, other in enumerate(value.axes) if index not in (first, second)]
                value = self.apply("diagonal", [value], [*rest, (axis,)], axis1=first, axis2=second)
        return value

    def arrange(self, value: Value, layout: Iterable[Iterable[str]]) -> Value:
        """Bring a value to a layout: split, permute, repeat along new axes, flatten; no more than needed."""
        target = tuple(map(tuple, layout))
        new = {axis for dim in target for axis in dim} - set(value.axes)
        if not new:
            return self.regroup(value, target)
        split = tuple(part for dim in target for part in split_off(dim, new))
        ones = tuple(() if set(dim) & new else dim for dim in split)
        ones = tuple(dropwhile(lambda dim: not dim, ones))  # expanding adds leading dimensions by itself
        return self.reshape(self.expand(self.regroup(value, ones), split), target)

    def regroup(self, value: Value, target: Layout) -> Value:
        """Bring a value to a layout with the same axes."""
        source = value.axes
        wanted = tuple(axis for dim in target for axis in dim)
        if source == wanted:
            return self.reshape(value, target)
        cuts = needed_cuts(source, wanted)
        edges = {wanted.index(source[cut]) for cut in cuts} | {0, len(wanted)}
        if sorted(value.layout) == sorted(target):
            parts = value.layout
        elif edges <= boundaries(target):  # no dimension of the target is put together after permuting
            parts = partition(source, cuts | edges_within(source, target))
        elif cuts <= boundaries(value.layout):
            parts = value.layout
        else:
            parts = partition(source, cuts | boundaries(value.layout))  # to join dimensions here may take a copy
        value = self.reshape(value, parts)
        return self.reshape(self.permute(value, order_for(parts, target, wanted)), target)


def split_off(dim: tuple[str, ...], new: set[str]) -> list[tuple[str, ...]]:
    """A dimension cut so that each new axis stands alone."""
    parts: list[tuple[str, ...]] = []
    for axis in dim:
        if parts and axis not in new and not set(parts[-1]) & new:
            parts[-1] += (axis,)
        else:
            parts.append((axis,))
    return parts or [()]


def boundaries(layout: Layout) -> set[int]:
    """The places between axes where one dimension ends and the next begins."""
    found, place = {0}, 0
    for dim in layout:
        place += len(dim)
        found.add(place)
    return found


def needed_cuts(source: tuple[str, ...], wanted: tuple[str, ...]) -> set[int]:
    """The places in `source` between two axes that do not follow each other in `wanted`."""
    follows = dict(pairwise(wanted))
    return {i for i in range(1, len(source)) if follows.get(source[i - 1]) != source[i]}


def edges_within(source: tuple[str, ...], target: Layout) -> set[int]:
    """The places in `source` where a dimension of `target` begins."""
    return {source.index(dim[0]) for dim in target if dim} - {0}


def partition(axes: tuple[str, ...], cuts: set[int]) -> Layout:
    """`axes` cut at some places."""
    places = sorted({0, len(axes), *cuts})
    return tuple(axes[start:end] for start, end in pairwise(places))


def order_for(parts: Layout, target: Layout, wanted: tuple[str, ...]) -> list[int]:
    """The order of dimensions that puts the axes of `parts` in the wanted order.

    Dimensions of length 1 go where `target` has one, as far as they reach, and to the end otherwise.
    """
    ones = [index for index, dim in enumerate(parts) if not dim]
    at = {dim[0]: index for index, dim in enumerate(parts) if dim}
    order: list[int] = []
    for dim in target:
        if not dim and ones:
            order.append(ones.pop(0))
        order += [at[axis] for axis in dim if axis in at]
    return order + ones
