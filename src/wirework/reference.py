"""The definition of every operation: the loops it means, written out in NumPy. Slow, and the oracle of all tests.

An expression means a loop nest. Every axis outside brackets is a loop variable. In each round the
elementary operation sees a *cell* of each operand: what is left when the loop variables are fixed,
an array of the axes inside brackets. What it returns goes to the place in the output that the loop
variables, and the axes in the output's brackets, say.

Only the text is read with the library's own notation; nothing here is shared with the code that runs fast.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from wirework.errors import AxisSizeError, SemanticError
from wirework.notation import Array, Bound, Bracket, Leaf, contains
from wirework.notation.bound import Item
from wirework.notation.sizes import Assign, Atom, evaluate, reader
from wirework.operations import OPERATIONS, Call, Operation

Point = Mapping[str, int]  # a value for each axis
ALIASES = {"id": "rearrange"}
Options = Mapping[str, Any]


def run(operation: str | Operation, expression: str, /, *arrays: Any, **sizes_and_options: Any) -> Any:
    """What an operation means, computed by loops.

    Args:
        operation: its name, or what `wirework.operations.adapted` makes of a function (kind "vmap").
        expression: as for the operation itself.
        arrays: anything that NumPy takes, Python numbers, or functions from a shape to an array.
        sizes_and_options: as for the operation itself.

    Returns:
        A NumPy array, or a tuple of them where the output has several operands. Values are computed in
        the dtypes that NumPy's scalars give, which are not always those of another framework.

    >>> run("mean", "a [b]", np.arange(6.0).reshape(2, 3))
    array([1., 4.])
    """
    op = OPERATIONS[ALIASES.get(operation, operation)] if isinstance(operation, str) else operation
    options = {name: value for name, value in sizes_and_options.items() if name in op.options}
    sizes = {name: value for name, value in sizes_and_options.items() if name not in options and name != "sizes"}
    sizes.update(sizes_and_options.get("sizes") or {})
    loops = Loops(op, expression, arrays, sizes, options)
    results = FAMILIES[op.family](loops, op.name)
    first, *others = results
    return results if others else first


class Loops:
    """One call: its operands, the length of every axis, and how places are found."""

    def __init__(
        self, operation: Operation, text: str, arrays: Sequence[Any], sizes: Mapping[str, Any], options: Options
    ) -> None:
        kinds = tuple(kind_of(array) for array in arrays)
        ranks = tuple(None if kind == "factory" else np.ndim(x) for kind, x in zip(kinds, arrays, strict=True))
        given = {name: given_kind(value) for name, value in sizes.items()}
        self.operation = operation
        self.options = options
        self.bound = operation.bound(Call(text, kinds, ranks, given, options))
        self.inputs, self.outputs = self.bound.inputs, self.bound.outputs
        shapes = [() if kind == "factory" else np.shape(x) for kind, x in zip(kinds, arrays, strict=True)]
        self.value = values_of(self.bound, shapes, sizes)
        self.lengths: dict[str, int] = {}  # of axes whose length the operation itself decides
        self.arrays = tuple(
            array if kind == "scalar" else np.asarray(array(self.shape(operand)) if kind == "factory" else array)
            for array, kind, operand in zip(arrays, kinds, self.inputs, strict=True)
        )

    # -- lengths ---------------------------------------------------------------------------------

    def length(self, axis: str) -> int:
        """How long an axis is."""
        return self.lengths[axis] if axis in self.lengths else evaluate(self.bound.size(axis), self.value)

    def item_length(self, item: Item) -> int:
        """How long an axis, or a whole concatenation, is."""
        if isinstance(item, Leaf):
            return self.length(item.name)
        return sum(math.prod(map(self.item_length, part)) for part in item.parts)

    def shape(self, array: Array) -> tuple[int, ...]:
        """The shape of an operand."""
        return tuple(math.prod(map(self.item_length, dim.items)) for dim in array.dims)

    # -- loops and places ------------------------------------------------------------------------

    def loop(self, axes: Iterable[str]) -> Iterator[dict[str, int]]:
        """Every combination of values of some axes, the last axis fastest."""
        axes = tuple(dict.fromkeys(axes))
        for values in itertools.product(*(range(self.length(axis)) for axis in axes)):
            yield dict(zip(axes, values, strict=True))

    def place(self, items: Sequence[Item], point: Point, parts: Iterator[int]) -> int:
        """Where a point lies in one dimension: row-major; in a concatenation, behind the parts before its own."""
        index = 0
        for item in items:
            if isinstance(item, Leaf):
                inner = point[item.name]
            else:
                part = next(parts)
                before = sum(math.prod(map(self.item_length, each)) for each in item.parts[:part])
                inner = before + self.place(item.parts[part], point, parts)
            index = index * self.item_length(item) + inner
        return index

    def index(self, array: Array, point: Point, parts: Sequence[int] = ()) -> tuple[int, ...]:
        """Where a point lies in an operand; `parts` says in which part of each concatenation."""
        chosen = iter(parts)
        return tuple(self.place(dim.items, point, chosen) for dim in array.dims)

    def at(self, number: int, point: Point) -> Any:
        """The one element of an input at a point."""
        x = self.arrays[number]
        return x[self.index(self.inputs[number], point)] if isinstance(x, np.ndarray) else x

    def cell(self, number: int, point: Point, axes: Sequence[str] | None = None) -> np.ndarray:
        """An input at a point as an array of the axes in its brackets, or of `axes`."""
        axes = self.inputs[number].select(bracket=True) if axes is None else axes
        elements = [self.at(number, {**point, **inner}) for inner in self.loop(axes)]
        return np.array(elements, getattr(self.arrays[number], "dtype", None)).reshape(tuple(map(self.length, axes)))

    def fill(self, element: Callable[[dict[str, int]], Any], number: int = 0) -> np.ndarray:
        """The output whose element at each point is `element(point)`."""
        output = self.outputs[number]
        elements = [np.asarray(element(point))[()] for point in self.loop(output.names)]
        return np.array(elements).reshape(self.shape(output))


def kind_of(array: Any) -> str:
    """Whether an argument is a number, a function that makes an array, or an array."""
    if isinstance(array, bool | int | float | complex) and not isinstance(array, np.generic):
        return "scalar"
    return "factory" if callable(array) and not hasattr(array, "__array__") else "array"


def given_kind(value: Any) -> Any:
    """Whether a size is one number or several."""
    return tuple(map(given_kind, value)) if isinstance(value, tuple | list) else "int"


def values_of(bound: Bound, shapes: Sequence[Sequence[int]], sizes: Mapping[str, Any]) -> Callable[[Atom], int]:
    """What every size in a formula is, for actual arrays. Raises AxisSizeError if they contradict each other."""
    found: dict[str, int] = {}

    value = reader(shapes, sizes, found)
    for statement in bound.statements:
        if isinstance(statement, Assign):
            found[statement.name] = evaluate(statement.size, value)
            continue
        left, right = evaluate(statement.left, value), evaluate(statement.right, value)
        if not (left == right if statement.relation == "==" else left >= right):
            raise AxisSizeError(f"{left} {statement.relation} {right} does not hold", bound.expression.text)
    return value


# -- rearrange ---------------------------------------------------------------------------------------------------


def rearrange(loops: Loops, name: str) -> tuple[np.ndarray, ...]:
    """Copy every element. Each part of a concatenation counts as an operand of its own."""
    sources = [(number, *block) for number, array in enumerate(loops.inputs) for block in blocks(array)]
    targets = [(number, *block) for number, array in enumerate(loops.outputs) for block in blocks(array)]
    chosen = pairing([axes for *_, axes in sources], [axes for *_, axes in targets])
    dtypes = [
        np.result_type(*(loops.arrays[sources[c][0]] for t, c in zip(targets, chosen, strict=True) if t[0] == n))
        for n in range(len(loops.outputs))
    ]
    results = [np.zeros(loops.shape(output), dtype) for output, dtype in zip(loops.outputs, dtypes, strict=True)]
    for (target, target_parts, axes), choice in zip(targets, chosen, strict=True):
        source, source_parts, _ = sources[choice]
        for point in loops.loop(axes):
            element = loops.arrays[source][loops.index(loops.inputs[source], point, source_parts)]
            results[target][loops.index(loops.outputs[target], point, target_parts)] = element
    return tuple(results)


def blocks(array: Array) -> list[tuple[tuple[int, ...], tuple[str, ...]]]:
    """The blocks of an operand: one part of each concatenation, as `Loops.index` takes it, and the axes in them."""

    def of_items(items: Sequence[Item]) -> list[tuple[tuple[int, ...], tuple[str, ...]]]:
        found: list[tuple[tuple[int, ...], tuple[str, ...]]] = [((), ())]
        for item in items:
            options = [((), (item.name,))] if isinstance(item, Leaf) else [
                ((number, *parts), axes) for number, part in enumerate(item.parts) for parts, axes in of_items(part)
            ]  # fmt: skip
            found = [(before + parts, around + axes) for before, around in found for parts, axes in options]
        return found

    return of_items([item for dim in array.dims for item in dim.items])


def pairing(given: Sequence[tuple[str, ...]], wanted: Sequence[tuple[str, ...]]) -> list[int]:
    """Which source each target takes: one whose axes it has. By position if that fits, else the first that does."""
    fits = [[source for source, axes in enumerate(given) if set(axes) <= set(goal)] for goal in wanted]
    if len(given) == len(wanted) and all(place in sources for place, sources in enumerate(fits)):
        return list(range(len(given)))

    def search(chosen: list[int]) -> list[int] | None:
        if len(chosen) == len(wanted):
            return chosen
        free = (source for source in fits[len(chosen)] if source not in chosen)
        return next((found for source in free if (found := search([*chosen, source])) is not None), None)

    found = search([]) if len(given) == len(wanted) else None
    if found is None:
        raise SemanticError("the inputs do not fit the outputs")
    return found


# -- reductions --------------------------------------------------------------------------------------------------


def reduction(loops: Loops, name: str) -> tuple[np.ndarray, ...]:
    """A number from each cell; for argmin and argmax with a bracket in the output, its coordinates."""
    array, output = loops.inputs[0], loops.outputs[0]
    if contains(loops.bound.expression.inputs[0], Bracket):
        axes = array.select(bracket=True)
    else:
        axes = tuple(axis for axis in array.names if axis not in output.names)
    correction = loops.options.get("correction") or 0
    marked = output.select(bracket=True)
    shape = tuple(map(loops.length, axes))

    def element(point: Point) -> Any:
        cell = loops.cell(0, point, axes)
        if name not in ("argmin", "argmax"):
            return REDUCTIONS[name](cell, correction)
        flat = np.argmin(cell) if name == "argmin" else np.argmax(cell)
        return np.unravel_index(flat, shape)[point[marked[0]]] if marked else flat

    return (loops.fill(element),)


def variance(cell: np.ndarray, correction: float) -> Any:
    """The sum of squared distances from the mean, divided by how many there are less the correction."""
    return np.sum(np.abs(cell - np.sum(cell) / np.float64(cell.size)) ** 2) / np.float64(cell.size - correction)


REDUCTIONS: dict[str, Callable[[np.ndarray, float], Any]] = {
    "sum": lambda cell, _: np.sum(cell),
    "mean": lambda cell, _: np.sum(cell) / np.float64(cell.size),
    "var": variance,
    "std": lambda cell, correction: np.sqrt(variance(cell, correction)),
    "prod": lambda cell, _: np.prod(cell),
    "min": lambda cell, _: np.min(cell),
    "max": lambda cell, _: np.max(cell),
    "any": lambda cell, _: np.any(cell),
    "all": lambda cell, _: np.all(cell),
    "count_nonzero": lambda cell, _: np.count_nonzero(cell),
    "logsumexp": lambda cell, _: np.log(np.sum(np.exp(cell))),
}


# -- elementwise -------------------------------------------------------------------------------------------------


def elementwise(loops: Loops, name: str) -> tuple[np.ndarray, ...]:
    """A number from one number of each operand; more than two are taken from left to right."""
    function = getattr(np, name)

    def element(point: Point) -> Any:
        numbers = [loops.at(number, point) for number in range(len(loops.arrays))]
        if name == "where":
            return function(*numbers)
        result, *others = numbers
        for other in others:
            result = function(result, other)
        return result

    return (loops.fill(element),)


# -- contraction -------------------------------------------------------------------------------------------------


def dot(loops: Loops, name: str) -> tuple[np.ndarray, ...]:
    """The sum, over the axes missing from the output, of the product of one number of each operand."""
    output = loops.outputs[0]
    summed = [axis for array in loops.inputs for axis in array.names if axis not in output.names]
    bias = loops.options.get("bias")
    first = loops.inputs[0].names
    new = [axis for axis in output.names if axis not in first]

    def element(point: Point) -> Any:
        terms = []
        for inner in loops.loop(summed):
            numbers = [loops.at(number, {**point, **inner}) for number in range(len(loops.arrays))]
            terms.append(math.prod(counted(each) for each in numbers))
        total = np.sum(np.array(terms)) if terms else np.float64(0)
        return total if bias is None else total + np.asarray(bias)[tuple(point[axis] for axis in new)]

    return (loops.fill(element),)


def counted(number: Any) -> Any:
    """A number that adds up: a bool counts as 0 or 1."""
    return int(number) if isinstance(number, bool | np.bool_) else number


# -- along axes --------------------------------------------------------------------------------------------------


def along(loops: Loops, name: str) -> tuple[np.ndarray, ...]:
    """A cell from each cell, of the same shape."""
    axes = loops.inputs[0].select(bracket=True)
    cells: dict[tuple[int, ...], np.ndarray] = {}

    def element(point: Point) -> Any:
        around = {axis: place for axis, place in point.items() if axis not in axes}
        key = tuple(around.values())
        if key not in cells:
            cells[key] = ALONG[name](loops.cell(0, around), loops.options)
        return cells[key][tuple(point[axis] for axis in axes)]

    return (loops.fill(element),)


def softmax(cell: np.ndarray) -> np.ndarray:
    """Exponentials over their sum; the largest is taken off first so that none overflows."""
    raised = np.exp(cell - np.max(cell))
    return raised / np.sum(raised)


ALONG: dict[str, Callable[[np.ndarray, Options], np.ndarray]] = {
    "softmax": lambda cell, _: softmax(cell),
    "log_softmax": lambda cell, _: np.log(softmax(cell)),
    "sort": lambda cell, _: np.sort(cell) if cell.ndim else cell,
    "argsort": lambda cell, _: np.argsort(cell, stable=True) if cell.ndim else np.zeros((), int),
    "flip": lambda cell, _: np.flip(cell),
    "roll": lambda cell, options: np.roll(cell, options["shift"], tuple(range(cell.ndim))) if cell.ndim else cell,
    "cumsum": lambda cell, _: np.cumsum(cell),
    "cumprod": lambda cell, _: np.cumprod(cell),
}


# -- indexing ----------------------------------------------------------------------------------------------------


def indexing(loops: Loops, name: str) -> tuple[np.ndarray, ...]:
    """Read, or write, the one element of the first operand's cell that the coordinates say."""
    indexed = loops.inputs[0].select(bracket=True)
    if name == "get_at":
        numbers = range(1, len(loops.arrays))
        return (loops.fill(lambda point: loops.at(0, {**point, **coordinates(loops, indexed, numbers, point)})),)
    result = loops.fill(lambda point: loops.at(0, point)).astype(loops.arrays[0].dtype)
    last = len(loops.arrays) - 1
    variables = [axis for array in (*loops.inputs, *loops.outputs) for axis in array.names if axis not in indexed]
    inside = {axis for number in range(1, last) for axis in loops.inputs[number].select(bracket=True)}
    for point in loops.loop(axis for axis in variables if axis not in inside):
        target = {**point, **coordinates(loops, indexed, range(1, last), point)}
        place = loops.index(loops.outputs[0], target)
        value = np.asarray(loops.at(last, point)).astype(result.dtype)
        match name:
            case "set_at":
                result[place] = value
            case "add_at":
                result[place] += value
            case "subtract_at":
                result[place] -= value
    return (result,)


def coordinates(loops: Loops, indexed: Sequence[str], numbers: Iterable[int], point: Point) -> dict[str, int]:
    """A place on each indexed axis. A negative one counts from the end of its axis."""
    found = [int(each) for number in numbers for each in np.ravel(loops.cell(number, point))]
    if len(found) != len(indexed):
        raise SemanticError(f"{len(found)} coordinates for {len(indexed)} axes")
    for axis, place in zip(indexed, found, strict=True):
        if not -loops.length(axis) <= place < loops.length(axis):
            raise IndexError(f"{place} is outside axis {axis} of length {loops.length(axis)}")
    return {axis: place % loops.length(axis) for axis, place in zip(indexed, found, strict=True)}


# -- attention ---------------------------------------------------------------------------------------------------


def attention(loops: Loops, name: str) -> tuple[np.ndarray, ...]:
    """For each query: softmax of its scores with all keys, then the sum of the values weighted by it."""
    q, k, _ = loops.inputs
    options = loops.options
    compared = q.select(bracket=True)
    keys = [axis for axis in k.select(bracket=True) if axis not in compared]
    queries, scored = query_axes(loops, compared, keys)
    scale = options.get("scale")
    scale = math.prod(map(loops.length, compared)) ** -0.5 if scale is None else scale
    softcap = options.get("softcap")

    def score(point: Point) -> float:
        """How much a query attends to a key; -inf for one that it may not see."""
        places = [{**point, **inner} for inner in loops.loop(compared)]
        total = sum(float(loops.at(0, each)) * float(loops.at(1, each)) for each in places) * scale
        total = total if softcap is None else softcap * np.tanh(total / softcap)
        if options.get("bias") is not None:
            total = total + float(extra(loops, options["bias"], scored, point))
        if options.get("mask") is not None and not extra(loops, options["mask"], scored, point):
            return -math.inf
        if options.get("causal"):
            lead = loops.length(keys[0]) - loops.length(queries[0])
            if point[keys[0]] > point[queries[0]] + lead:
                return -math.inf
        return total

    def element(point: Point) -> Any:
        places = [{**point, **inner} for inner in loops.loop(keys)]
        scores = np.array([score(each) for each in places])
        if not len(scores) or np.all(scores == -np.inf):
            return np.float64(0)
        return np.sum(softmax(scores) * [float(loops.at(2, each)) for each in places])

    return (loops.fill(element),)


def query_axes(loops: Loops, compared: Sequence[str], keys: Sequence[str]) -> tuple[list[str], list[str]]:
    """The axes of queries, and all axes of the scores in order: shared ones, heads, queries, keys.

    An axis that only the queries have is one of heads if it is flattened together with what is compared.
    """
    q, k, v = loops.inputs
    output = loops.outputs[0].names
    own = [axis for axis in q.select(bracket=False) if axis not in (*k.names, *v.names)]
    beside = {axis for dim in q.layout if set(dim) & set(compared) for axis in dim}
    heads = [axis for axis in own if axis in beside]
    queries = [axis for axis in own if axis not in beside]
    looped = [axis for array in (q, k) for axis in array.select(bracket=False) if axis not in own]
    shared = sorted(set(looped) | (set(v.names) & set(q.names)), key=output.index)
    return queries, [*shared, *heads, *queries, *keys]


def extra(loops: Loops, value: Any, scored: Sequence[str], point: Point) -> Any:
    """The element of a mask or bias at a point: its axes are named in a pair, or the last ones of the scores."""
    axes: Sequence[str]
    if isinstance(value, tuple | list) and isinstance(value[0], str):
        axes, array = value[0].split(), np.asarray(value[1])
    else:
        array = np.asarray(value)
        axes = scored[len(scored) - array.ndim :]
    return array[tuple(0 if n == 1 else point[axis] for axis, n in zip(axes, array.shape, strict=True))]


# -- convolution and windows -------------------------------------------------------------------------------------


def sliding(loops: Loops, name: str) -> tuple[np.ndarray, ...]:
    """Place r of the output and element k of the kernel meet at r * stride + k * dilation - padding."""
    x, out = loops.inputs[0], loops.outputs[0]
    w = loops.inputs[1].names if name == "conv" else out.select(bracket=True)
    spatial = [axis for axis in x.select(bracket=True) if axis not in w]
    kernel = [axis for axis in w if axis not in x.names and (name == "window" or axis not in out.names)]
    places = [axis for axis in out.names if axis not in x.names and axis not in w]
    count = len(spatial)
    stride, dilation = (per_axis(loops.options.get(each) or 1, count) for each in ("stride", "dilation"))
    more = per_axis(loops.options.get("output_padding") or 0, count)
    transposed = bool(loops.options.get("transposed"))
    before: list[int] = []
    for i, (axis, extent, place) in enumerate(zip(spatial, map(loops.length, kernel), places, strict=True)):
        reach = dilation[i] * (extent - 1) + 1
        pad = padding_of(loops.options.get("padding"), i, count, loops.length(axis), reach, stride[i])
        room = loops.length(axis) + sum(pad) - reach
        if room < 0 and not transposed:
            raise SemanticError("the kernel does not fit")
        made = (
            (loops.length(axis) - 1) * stride[i] + reach - sum(pad) + more[i] if transposed else room // stride[i] + 1
        )
        loops.lengths[place] = made
        before.append(pad[0])

    def source(point: Point) -> dict[str, int] | None:
        """The place in the input that meets a place of the output and an element of the kernel, if there is one."""
        found = {}
        for i, axis in enumerate(spatial):
            if transposed:
                place, rest = divmod(point[places[i]] + before[i] - point[kernel[i]] * dilation[i], stride[i])
            else:
                place, rest = point[places[i]] * stride[i] + point[kernel[i]] * dilation[i] - before[i], 0
            if rest or not 0 <= place < loops.length(axis):
                return None
            found[axis] = place
        return found

    def convolved(point: Point) -> Any:
        total = np.float64(0)
        for inner in loops.loop([*kernel, *(axis for axis in x.names if axis in w and axis not in out.names)]):
            met = {**point, **inner}
            place = source(met)
            if place is not None:
                total = total + loops.at(0, {**met, **place}) * loops.at(1, met)
        return total

    def windowed(point: Point) -> Any:
        place = source(point)
        return loops.options.get("fill") or 0 if place is None else loops.at(0, {**point, **place})

    return (loops.fill(convolved if name == "conv" else windowed),)


def per_axis(value: Any, count: int) -> Sequence[int]:
    """One number for every axis, or one for each."""
    return value if isinstance(value, tuple | list) else (value,) * count


def padding_of(padding: Any, i: int, count: int, size: int, reach: int, stride: int) -> tuple[int, int]:
    """What is added before and after axis `i`. "same" gives ceil(size / stride) places."""
    if padding == "same":
        missing = max((math.ceil(size / stride) - 1) * stride + reach - size, 0)
        return missing // 2, missing - missing // 2
    each = 0 if padding in (None, "valid") else per_axis(padding, count)[i]
    return (each[0], each[1]) if isinstance(each, tuple | list) else (each, each)


# -- functions of the user ---------------------------------------------------------------------------------------


def mapped(loops: Loops, name: str) -> tuple[np.ndarray, ...]:
    """The function on the cells of all operands, once for each round; its results are cells of the outputs."""
    function = loops.operation.function
    assert function is not None
    variables = [axis for output in loops.outputs for axis in output.select(bracket=False)]
    made: dict[tuple[int, ...], tuple[Any, ...]] = {}
    for point in loops.loop(variables):
        result = function(*(loops.cell(number, point) for number in range(len(loops.arrays))))
        cells = tuple(map(np.asarray, result)) if isinstance(result, tuple | list) else (np.asarray(result),)
        made[tuple(point.values())] = cells
        for output, cell in zip(loops.outputs, cells, strict=True):
            loops.lengths.update(zip(output.select(bracket=True), cell.shape, strict=True))
    order = tuple(dict.fromkeys(variables))

    def filled(number: int) -> np.ndarray:
        inner = loops.outputs[number].select(bracket=True)

        def element(point: Point) -> Any:
            return made[tuple(point[axis] for axis in order)][number][tuple(point[axis] for axis in inner)]

        return loops.fill(element, number)

    return tuple(map(filled, range(len(loops.outputs))))


FAMILIES: dict[str, Callable[[Loops, str], tuple[np.ndarray, ...]]] = {
    "rearrange": rearrange,
    "reduction": reduction,
    "elementwise": elementwise,
    "contraction": dot,
    "along an axis": along,
    "indexing": indexing,
    "attention": attention,
    "convolution and windows": sliding,
    "adapters": mapped,
}
