"""solve and its kin: the sizes of axes, without computing anything."""

from __future__ import annotations

from dataclasses import replace

from wirework.docstrings import summary
from wirework.notation import Expression, Rules, axis_names
from wirework.operations.base import Call, Lowering, Operation, free, wrong_count
from wirework.plan import Value


def complete(expression: Expression, call: Call) -> Expression:
    """Outputs, if there are any, only add axes; each other operand belongs to an array."""
    if len(expression.inputs) != len(call.kinds):
        wrong_count("solve", expression, call)
    return replace(expression, outputs=expression.outputs or ())


def lower(low: Lowering) -> Value:
    """A dictionary of sizes; of an axis under an ellipsis, a tuple."""
    expression = low.bound.expression
    entries = []
    for name in axis_names((*expression.inputs, *(expression.outputs or ()))):
        single = name in low.bound.sizes
        copies = [size for size in low.bound.sizes if size.startswith(name + ".")]
        entries.append((name, single, len(copies)))
    sizes = [
        low.bound.sizes[name if single else f"{name}.{index}"]
        for name, single, count in entries
        for index in range(1 if single else count)
    ]
    return low.builder.apply("sizes_dict", [], names=tuple(entries), sizes=tuple(sizes))


def lower_shapes(low: Lowering) -> Value:
    """The shape of every operand."""
    arrays = (*low.bound.inputs, *low.bound.outputs)
    shapes = [low.builder.shape(array.layout) for array in arrays]
    return low.builder.apply(
        "shapes_tuple", [], ranks=tuple(map(len, shapes)), sizes=tuple(size for shape in shapes for size in shape)
    )


SOLVE = Operation(
    name="solve",
    family="solving",
    arity=(0, None),
    complete=complete,
    lower=lower,
    flops=free,
    rules=Rules(merge=False),
)
SOLVE_SHAPES = replace(SOLVE, name="solve_shapes", lower=lower_shapes, summary=summary("solve_shapes"))
