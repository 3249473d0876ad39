"""Norms that are written out in single operations: (x - mean x) / sqrt(variance + epsilon), and without the mean."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from wirework.circuit.graph import Node
from wirework.diagram.labels import roman
from wirework.diagram.reading.acting import replaced, whole_strand
from wirework.diagram.reading.operands import sides, written
from wirework.diagram.reading.patterns import between, constants_in, maker
from wirework.diagram.reading.reader import Reader


@dataclass(frozen=True)
class Norm:
    """A norm that is written out.

    Attributes:
        x: what is normalised.
        data: which input of the last operation it comes in by.
        centred: whether its mean is subtracted.
        axes: over which it is normalised.
    """

    x: int
    data: int
    centred: bool
    axes: frozenset[str]


def find_norm(reader: Reader, place: int, node: Node) -> None:
    """Note a norm of which an operation is the last."""
    for data, deviation in scaled(reader, node):
        found = norm(reader, node.inputs[data], data, deviation)
        inside = between(reader, node.outputs[0], found.x) if found else None
        if found and inside:
            reader.skipped.update(inside)
            reader.patterns[place] = partial(make_norm, reader, place, found, inside)
            return


def scaled(reader: Reader, node: Node) -> list[tuple[int, int]]:
    """The ways to read an operation as an array divided by the root of another: the place of the one, the other."""
    if node.kind in ("divide", "true_divide"):
        root = maker(reader, node.inputs[1], "sqrt")
        return [(0, root.inputs[0])] if root else []
    found: list[tuple[int, int]] = []
    for data, factor in ((0, 1), (1, 0)):
        weighted = maker(reader, node.inputs[factor], "multiply")
        values = weighted.inputs if weighted and len(reader.data(weighted)) == 1 else (node.inputs[factor],)
        found += [(data, root.inputs[0]) for value in values if (root := maker(reader, value, "rsqrt"))]
    return [(data, value) for data, value in found if reader.is_data(node.inputs[data])]


def norm(reader: Reader, y: int, data: int, deviation: int) -> Norm | None:
    """The norm that divides y by the root of a deviation, if it is one."""
    total = maker(reader, deviation, "add")
    variances = [value for value in total.inputs if reader.is_data(value)] if total else [deviation]
    subtraction = maker(reader, y, "subtract")
    mean = maker(reader, subtraction.inputs[1], "mean") if subtraction else None
    centred = bool(subtraction and mean and same(reader, mean.inputs[0], subtraction.inputs[0]))
    x = subtraction.inputs[0] if subtraction and centred else y
    axes = variance(reader, variances[0], x, centred) if len(variances) == 1 else None
    return Norm(x, data, centred, axes) if axes else None


def variance(reader: Reader, value: int, x: int, centred: bool) -> frozenset[str] | None:
    """The axes over which a value is the variance of an array, or the mean of its squares if that is not centred."""
    bounded = maker(reader, value, "maximum")
    if bounded:
        value = next((each for each in bounded.inputs if reader.is_data(each)), value)
    node = maker(reader, value, "mean", "var", "subtract")
    if node is None:
        return None
    if node.kind == "var":
        return marked(node) if centred and same(reader, node.inputs[0], x) else None
    if node.kind == "mean":
        return marked(node) if of_squares(reader, node, x, centred) else None
    squares, mean = maker(reader, node.inputs[0], "mean"), squared(reader, node.inputs[1])
    means = maker(reader, mean, "mean") if mean is not None else None
    fits = squares and means and same(reader, means.inputs[0], x) and of_squares(reader, squares, x, False)
    return marked(squares) if squares and fits and centred else None


def of_squares(reader: Reader, node: Node, x: int, centred: bool) -> bool:
    """Whether a mean is that of the squares of an array, or of what it differs from its own mean."""
    base = squared(reader, node.inputs[0])
    if base is None or not centred:
        return base is not None and same(reader, base, x)
    difference = maker(reader, base, "subtract")
    mean = maker(reader, difference.inputs[1], "mean") if difference else None
    return bool(difference and mean and same(reader, difference.inputs[0], x) and same(reader, mean.inputs[0], x))


def squared(reader: Reader, value: int) -> int | None:
    """What a value is the square of."""
    node = maker(reader, value, "square", "power", "multiply")
    if node is None or (node.kind == "power" and str(node.options.get("exponent")) not in ("2", "2.0")):
        return None
    return node.inputs[0] if node.kind != "multiply" or node.inputs[0] == node.inputs[1] else None


def marked(node: Node) -> frozenset[str]:
    """The axes that a reduction is over."""
    return written(sides(node.expression)[0][0]).marked


def same(reader: Reader, one: int, other: int) -> bool:
    """Whether two values are the same array, maybe in other types."""
    return uncast(reader, one) == uncast(reader, other)


def uncast(reader: Reader, value: int) -> int:
    """An array before its type was changed."""
    while (node := reader.constants.maker(value)) is not None and node.kind == "cast":
        value = node.inputs[0]
    return value


def make_norm(reader: Reader, place: int, found: Norm, inside: list[int]) -> None:
    """The circle on the axis that is normalised."""
    reader.seen[reader.node(place).inputs[found.data]] = reader.seen[found.x]
    (operand,) = reader.operands(place, [found.data], whole=True)
    acts = [port for name in operand.written.names if name in found.axes for port in whole_strand(operand, name)]
    step = replaced(reader, place, "norm", operand, acts, note=() if found.centred else roman("rms"))
    reader.claim(step, constants_in(reader, inside))
    step.stand_for(inside)
