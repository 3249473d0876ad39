"""dot: contraction of any number of arrays, lowered to matrix products where the axes allow."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any

from wirework.errors import SemanticError, counted
from wirework.notation import Bound, Bracket, Expression, Operand, bracketed, contains, end_of
from wirework.notation.names import shown_axis
from wirework.notation.sizes import product, total
from wirework.operations.base import (
    Call,
    Flops,
    Lowering,
    Operation,
    Option,
    added,
    axis_keys,
    elements,
    monomial,
    one_output,
    refuse_lost_axes,
    wrong_count,
)
from wirework.plan import Builder, Layout, Value

MAX_EXHAUSTIVE = 5  # operands up to which every order of contraction is looked at
MAX_BRANCHES = 4  # orders to choose from at run time


def complete(expression: Expression, call: Call) -> Expression:
    """Write out the shorthand of one operand for two arrays.

    The second has the axes in brackets, those of the input, then those of the output.
    """
    one_output("dot", expression)
    inputs, outputs = expression.inputs, expression.outputs
    if outputs is None:
        raise SemanticError(
            "dot needs '->' and an output, outside brackets or, as a shorthand, inside: [c_in -> c_out]",
            expression.text,
            [end_of(expression)],
        )
    if len(inputs) == 1 and len(call.kinds) == 2 and contains(inputs[0], Bracket):
        inputs = (inputs[0], Operand(weight_terms(inputs[0], outputs[0]), inputs[0].span))
    full = replace(expression, inputs=inputs)
    if len(inputs) != len(call.kinds):
        wrong_count("dot", full, call)
    return full


def weight_terms(operand: Operand, output: Operand) -> tuple[Any, ...]:
    """The axes of the second operand of the shorthand."""
    used = bracketed(operand)
    new = [term for term in bracketed(output) if term not in used]
    if not contains(output, Bracket):
        new = [term for term in output.terms if not axis_keys(Operand((term,))) <= axis_keys(operand)]
    return (*(Bracket((term,), term.span) for term in used), *new)


def lower(low: Lowering) -> Value:
    """Sum each operand over what only it has, then contract pairs in a good order."""
    output = low.bound.outputs[0]
    contracted = contracted_axes(low)
    wanted = set(output.names) - contracted
    values = [sum_alone(low, number, wanted) for number in range(len(low.inputs))]
    bias = low.option("bias")
    if bias is not None:
        return with_bias(low, values, bias)
    if len(values) == 1:
        return low.finish(values[0], output)
    order = [axis for axis in output.names if any(axis in value.axes for value in values)]
    if len(values) > 2:
        return contract_all(low, values, order)
    return low.finish(contract(low, values[0], values[1], order), output)


def contracted_axes(low: Lowering) -> set[str]:
    """The axes summed over: those in brackets; without brackets, those missing from the output."""
    output = low.bound.outputs[0]
    marked = {leaf.name for array in low.bound.inputs for leaf in array.leaves if leaf.bracket}
    kept = {leaf.name for leaf in output.leaves if not leaf.bracket}
    if not marked:
        return {name for array in low.bound.inputs for name in array.names} - set(output.names)
    refuse_lost_axes(low, output.names, marked)
    for leaf in output.leaves:
        if leaf.name in marked & kept:
            low.fail(f"{shown_axis(leaf.size)} is summed over, so it cannot be in the output", leaf.span)
    return marked - set(output.names)


def sum_alone(low: Lowering, number: int, wanted: set[str]) -> Value:
    """An operand summed over the axes that no other operand and not the output has."""
    value = low.inputs[number]
    others = {axis for index, other in enumerate(low.inputs) if index != number for axis in other.axes}
    alone = [axis for axis in value.axes if axis not in others and axis not in wanted]
    if not alone:
        return value
    layout = [(axis,) for axis in value.axes]
    value = low.builder.reshape(value, layout)
    dims = tuple(index for index, (axis,) in enumerate(layout) if axis in alone)
    kept = [dim for index, dim in enumerate(layout) if index not in dims]
    return low.builder.apply("reduce", [value], kept, function="sum", axes=dims)


# -- two operands ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Product:
    """A matrix product: layouts of the left and right operand, and of the result.

    `weight` says that the right layout is (columns, rows), as `linear` takes it.
    """

    swap: bool
    left: Layout
    right: Layout
    result: Layout
    weight: bool = False


def contract(low: Lowering, x: Value, y: Value, order: Sequence[str], bias: str | None = None) -> Value:
    """Contract two values over what both have and `order` lacks. The result has a layout of its own."""
    shared = [axis for axis in x.axes if axis in y.axes]
    summed = [axis for axis in shared if axis not in order]
    if not summed:
        return multiply(low, (x, y), [axis for axis in order if axis in (*x.axes, *y.axes)])
    candidates = [each for each in products(low, x, y, order, summed, bias) if bias is None or each.weight]
    best = min(candidates, key=lambda candidate: effort(low, x, y, order, candidate))
    return run(low, x, y, best, bias)


def multiply(low: Lowering, values: Sequence[Value], order: Sequence[str]) -> Value:
    """An outer or elementwise product."""
    sides = [low.builder.arrange(value, trailing(order, value.axes)) for value in values]
    return low.builder.apply("elementwise", sides, [(axis,) for axis in order], function="multiply", scalars=())


def products(
    low: Lowering, x: Value, y: Value, order: Sequence[str], summed: list[str], bias: str | None
) -> Iterator[Product]:
    """The matrix products that compute a contraction."""
    batch = tuple(axis for axis in order if axis in x.axes and axis in y.axes)
    for swap in (False, True):
        left, right = (y, x) if swap else (x, y)
        if bias is not None and swap:
            return
        for inner in {
            tuple(axis for axis in left.axes if axis in summed),
            tuple(axis for axis in right.axes if axis in summed),
        }:
            rows = tuple(axis for axis in order if axis in left.axes and axis not in batch)
            columns = tuple(axis for axis in order if axis in right.axes and axis not in batch)
            lead = tuple((axis,) for axis in batch)
            if not batch:
                yield from flat_products(low, left, right, rows, columns, inner, swap, order)
            if batch and bias is None:
                left_rows, right_columns = ordered(left, rows), ordered(right, columns)
                yield Product(
                    swap,
                    (*lead, left_rows, inner),
                    (*lead, inner, right_columns),
                    (*lead, left_rows, right_columns),
                )


def ordered(value: Value, axes: tuple[str, ...]) -> tuple[str, ...]:
    """Some axes in the order in which a value has them."""
    return tuple(axis for axis in value.axes if axis in axes)


def flat_products(
    low: Lowering, left: Value, right: Value, rows: tuple[str, ...], columns: tuple[str, ...],
    inner: tuple[str, ...], swap: bool, order: Sequence[str],
) -> Iterator[Product]:  # fmt: skip
    """Matrix products without batch axes: the left operand may keep several dimensions."""
    rows, columns = ordered(left, rows), ordered(right, columns)
    keep = kept_dims(left, rows, inner)
    column = (columns,) if columns else ()
    if "linear" in low.call.fused and columns:
        yield Product(swap, (*keep, inner), (columns, inner), (*keep, columns), weight=True)
    if rows or columns:
        yield Product(swap, (*keep, inner), (inner, *column), (*keep, *column))
    else:
        yield Product(swap, (inner,), (inner,), ())
    leading = tuple((axis,) for axis in right.axes[: right.axes.index(inner[0])] if axis in columns)
    if leading and rows:  # (rows, inner) @ (..., inner, rest)
        rest = tuple(axis for axis in columns if (axis,) not in leading)
        if rest:
            yield Product(swap, (rows, inner), (*leading, inner, rest), (*leading, rows, rest))


def kept_dims(value: Value, rows: tuple[str, ...], inner: tuple[str, ...]) -> Layout:
    """The dimensions of the rows: as they are, if each holds rows only."""
    dims = tuple(dim for dim in value.layout if set(dim) & set(rows))
    if all(set(dim) <= set(rows) for dim in dims):
        return dims
    return tuple((axis,) for axis in rows)


def effort(low: Lowering, x: Value, y: Value, order: Sequence[str], candidate: Product) -> int:
    """How much moving of data a product needs, in the operands and in the result."""
    left, right = (y, x) if candidate.swap else (x, y)
    output = low.bound.outputs[0].layout
    final = output if len(low.inputs) == 2 else tuple((axis,) for axis in order)
    result = Value("", candidate.result)
    goal = [tuple(axis for axis in dim if axis in result.axes) for dim in final]
    batched = len(candidate.left) > 2 and len(candidate.right) > 2
    moves = ((left, candidate.left), (right, candidate.right), (result, goal))
    return sum(moving(low, value, layout, batched) for value, layout in moves)


def moving(low: Lowering, value: Value, layout: Sequence[tuple[str, ...]], batched: bool) -> int:
    """What it costs to get from one layout to another: 1 for each view, more where elements change places.

    Flattening after a permutation is a copy. Moving the last dimension elsewhere costs a single matrix
    product little, but a batch of them is copied then, against the grain.
    """
    trial = Builder(low.builder.size)
    trial.arrange(value, layout)
    kinds = [step.primitive for step in trial.steps]
    copied = "permute" in kinds and kinds[-1] == "reshape"
    orders = [step.options["order"] for step in trial.steps if step.primitive == "permute"]
    against = any(order[-1] != len(order) - 1 for order in orders)
    return len(kinds) + 2 * copied + (2 if batched else 1) * against


def run(low: Lowering, x: Value, y: Value, chosen: Product, bias: str | None = None) -> Value:
    """The steps of a matrix product."""
    if len(low.inputs) == 2:
        low.builder.apply("promote", [x, y])
    left, right = (y, x) if chosen.swap else (x, y)
    left = low.builder.arrange(left, chosen.left)
    right = arrange_right(low, right, chosen.right)
    if chosen.weight:
        arguments: list[Value | str] = [left, right, *([bias] if bias else [])]
        return low.builder.apply("linear", arguments, chosen.result)
    return low.builder.apply("matmul", [left, right], chosen.result)


def arrange_right(low: Lowering, value: Value, layout: Layout) -> Value:
    """The right operand of a product, copied row by row where the product would copy it against the grain.

    A product over two or more batch dimensions that a permutation has left apart copies its operands.
    """
    batch, inner, columns = layout[:-2], layout[-2:-1], layout[-1:]
    if "contiguous" in low.call.fused and len(batch) > 1:
        rows = (*batch, *columns, *inner)
        trial = Builder(low.builder.size)
        trial.arrange(value, rows)
        permuted = any(step.primitive == "permute" for step in trial.steps)
        if permuted and moving(low, value, rows, batched=True) < moving(low, value, layout, batched=True):
            value = low.builder.apply("contiguous", [low.builder.arrange(value, rows)], rows)
    return low.builder.arrange(value, layout)


# -- more operands -----------------------------------------------------------------------------------------

Tree = int | tuple["Tree", "Tree"]
Axes = frozenset[str]
Cost = tuple[Axes, ...]  # the loop axes of each pairwise contraction


def contract_all(low: Lowering, values: Sequence[Value], order: Sequence[str]) -> Value:
    """Contract pair after pair. Where it depends on the sizes which order is best, they decide at run time."""
    output = low.bound.outputs[0]
    if {axis for value in values for axis in value.axes} <= set(order):  # nothing is summed
        return low.finish(multiply(low, values, order), output)
    low.builder.apply("promote", values)
    trees = good_trees([frozenset(value.axes) for value in values], frozenset(order))
    if len(trees) == 1:
        return low.finish(evaluate(low, trees[0][1], list(values), order), output)
    for cost, tree in trees:
        size = total(product(map(low.bound.size, sorted(axes))) for axes in cost)
        low.builder.branch(size, lambda tree=tree: low.finish(evaluate(low, tree, list(values), order), output))
    return Value(low.builder.branches[0].outputs[0], output.layout)


def evaluate(low: Lowering, tree: Tree, values: list[Value], order: Sequence[str]) -> Value:
    """Contract the values of a tree."""
    if isinstance(tree, int):
        return values[tree]
    left, right = (evaluate(low, branch, values, order) for branch in tree)
    inside = set(members(tree))
    outside = {axis for index, value in enumerate(values) if index not in inside for axis in value.axes}
    mine = [axis for axis in (*left.axes, *right.axes) if axis in outside or axis in order]
    kept = [axis for axis in order if axis in mine]
    kept += [axis for axis in dict.fromkeys(mine) if axis not in kept]
    return contract(low, left, right, kept)


def members(tree: Tree) -> list[int]:
    """The values in a tree."""
    return [tree] if isinstance(tree, int) else [*members(tree[0]), *members(tree[1])]


def good_trees(axes: Sequence[Axes], output: Axes) -> list[tuple[Cost, Tree]]:
    """The orders of pairwise contractions that are best for some sizes."""
    if len(axes) > MAX_EXHAUSTIVE:
        return [((), greedy_tree(axes, output))]
    ways: dict[frozenset[int], list[tuple[Cost, Tree]]] = {frozenset([i]): [((), i)] for i in range(len(axes))}
    for count in range(2, len(axes) + 1):
        for subset in map(frozenset, combinations(range(len(axes)), count)):
            found = []
            for part in halves(subset):
                rest = subset - part
                here = remaining(part, axes, output) | remaining(rest, axes, output)
                for (cost, left), (more, right) in itertools.product(ways[part], ways[rest]):
                    found.append(((*cost, *more, here), (left, right)))
            ways[subset] = undominated(found)
    return ways[frozenset(range(len(axes)))]


def undominated(ways: list[tuple[Cost, Tree]]) -> list[tuple[Cost, Tree]]:
    """Without those that are at least as expensive as another one for all sizes; at most `MAX_BRANCHES`."""
    ways = sorted(ways, key=lambda way: (sorted(map(len, way[0]), reverse=True), members(way[1])))
    kept: list[tuple[Cost, Tree]] = []
    for way in ways:
        if not any(cheaper(other[0], way[0]) for other in kept):
            kept.append(way)
    return kept[:MAX_BRANCHES]


def cheaper(cost: Cost, other: Cost) -> bool:
    """Whether each contraction of one can be matched with a different one of the other that loops over more."""
    free = list(other)
    for axes in sorted(cost, key=len, reverse=True):
        fits = [candidate for candidate in free if axes <= candidate]
        if not fits:
            return False
        free.remove(min(fits, key=len))
    return True


def halves(subset: frozenset[int]) -> Iterator[frozenset[int]]:
    """The ways to part a set in two, each once: the half with the smallest member."""
    first, *rest = sorted(subset)
    for count in range(len(rest)):
        for others in combinations(rest, count):
            yield frozenset([first, *others])


def remaining(part: frozenset[int], axes: Sequence[frozenset[str]], output: frozenset[str]) -> frozenset[str]:
    """The axes of some operands, contracted, that are still needed."""
    outside = frozenset().union(output, *(axes[i] for i in range(len(axes)) if i not in part))
    inside = frozenset().union(*(axes[i] for i in part))
    return inside & outside if len(part) > 1 else inside


def greedy_tree(axes: Sequence[frozenset[str]], output: frozenset[str]) -> Tree:
    """Contract the pair with the fewest loop axes first."""
    parts: list[tuple[Tree, frozenset[str]]] = list(enumerate(axes))
    while len(parts) > 1:
        i, j = min(combinations(range(len(parts)), 2), key=lambda pair: len(parts[pair[0]][1] | parts[pair[1]][1]))
        others = frozenset().union(output, *(part[1] for k, part in enumerate(parts) if k not in (i, j)))
        joined = ((parts[i][0], parts[j][0]), (parts[i][1] | parts[j][1]) & others)
        parts = [part for k, part in enumerate(parts) if k not in (i, j)] + [joined]
    return parts[0][0]


# -- bias ------------------------------------------------------------------------------------------------------


def with_bias(low: Lowering, values: Sequence[Value], bias: Any) -> Value:
    """A contraction plus an array over the axes of the output that the first operand lacks."""
    output = low.bound.outputs[0]
    if len(values) != 2:
        low.fail("bias= goes with two arrays: the input and the weight")
    new = [axis for axis in output.names if axis not in values[0].axes]
    if kind_rank(bias) != len(new):
        low.fail(
            f"bias= has the axes of the output that the first array lacks: {' '.join(new) or 'none'}, "
            f"not {counted(kind_rank(bias), 'dimension')}"
        )
    order = list(output.names)
    term = Value("bias", tuple((axis,) for axis in new))
    low.shapes["bias"] = low.builder.shape(term.layout)
    natural = ordered(values[1], tuple(new))
    fits = "linear" in low.call.fused and natural == tuple(new) and not set(values[0].axes) & set(new)
    batch = [axis for axis in order if axis in values[0].axes and axis in values[1].axes]
    if fits and new and not batch:
        flat = low.builder.reshape(term, [tuple(new)])
        return low.finish(contract(low, values[0], values[1], order, bias=flat.name), output)
    value = low.builder.arrange(contract(low, values[0], values[1], order), [(axis,) for axis in order])
    lined = low.builder.arrange(term, trailing(order, new))
    value = low.builder.apply("elementwise", [value, lined], [(axis,) for axis in order], function="add", scalars=())
    return low.finish(value, output)


def trailing(order: Sequence[str], axes: Sequence[str]) -> list[tuple[str, ...]]:
    """A layout with `axes` where `order` has them, and length 1 elsewhere; leading ones left out."""
    layout: list[tuple[str, ...]] = [(axis,) if axis in axes else () for axis in order]
    while layout and not layout[0]:
        layout.pop(0)
    return layout


def kind_rank(kind: Any) -> int:
    """The rank of an array given as an option."""
    return kind[1]


def flops(bound: Bound, options: Mapping[str, Any]) -> Flops:
    """(r - 1 + [anything is summed]) for each combination of indices of r operands, and 1 to add a bias."""
    axes = {leaf.name: leaf.size for array in bound.inputs for leaf in array.leaves}
    summed = set(axes) - set(bound.outputs[0].names)
    indices, multiplied = monomial(axes.values()), len(bound.inputs) - 1
    return Flops(
        added((indices, multiplied + bool(summed))),
        added((indices, multiplied)),
        added((elements(bound.outputs[0]), options.get("bias") is not None)),
    )


DOT = Operation(
    name="dot",
    family="contraction",
    arity=(1, None),
    complete=complete,
    lower=lower,
    flops=flops,
    options={"bias": Option(None, accepts=("array",))},
    coarse=True,
)
