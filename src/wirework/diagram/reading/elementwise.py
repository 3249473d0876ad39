"""Functions of single elements: lanes above the wires of one array, sums of several; masks."""

from __future__ import annotations

from math import inf

from wirework.circuit.functions import FUNCTIONS
from wirework.circuit.graph import Node
from wirework.diagram.labels import SIGNS, figure, function, number, roman
from wirework.diagram.picture import Run, Text
from wirework.diagram.reading.acting import batch_norm, merge, regrouped, replaced
from wirework.diagram.reading.operands import length, sides, written
from wirework.diagram.reading.reader import Reader
from wirework.diagram.reading.strands import Port, Step

UNARY = tuple(name for name in FUNCTIONS if name != "cast")
SEVERAL = (*SIGNS, "logaddexp", "where")
ORDERED = (
    "subtract", "divide", "true_divide", "floor_divide", "power", "less", "less_equal", "greater", "greater_equal",
    "where",
)  # fmt: skip


def unary(reader: Reader, place: int) -> None:
    """A lane."""
    node = reader.node(place)
    text = function(node.kind)
    if node.kind == "power" and not isinstance(node.options.get("exponent"), str):
        text = (Run("x"), Run(number(node.options["exponent"]), "roman", level=1))
    lane(reader, place, 0, text)


def lane(reader: Reader, place: int, data: int, text: Text) -> Step:
    """A function of the elements of one array: all its wires pass."""
    node = reader.node(place)
    (operand,) = reader.operands(place, [data], whole=True)
    step = reader.add(Step("lane", place, [operand.flow], text=text), node.inputs)
    output = written(sides(node.expression)[1][0])
    reader.result(step, node.outputs[0], output, {name: operand.ports([name]) for name in operand.written.names})
    return step


def several(reader: Reader, place: int) -> None:
    """A function of the elements of several arrays; of one array and a number it is a lane."""
    node = reader.node(place)
    data = reader.data(node)
    if node.kind == "where" and mask(reader, place, node, data):
        return
    numbers = {index: reader.constants.number(value) for index, value in enumerate(node.inputs) if index not in data}
    numbers = {index: value for index, value in numbers.items() if value is not None}
    if len(data) == 1 and len(numbers) == len(node.inputs) - 1 and node.kind != "where":
        lane(reader, place, data[0], with_number(node, data[0], next(iter(numbers.values()))))
        return
    if (
        len(data) == 1
        and len(node.inputs) == 2
        and (absorbed(reader, place, data[0]) or begins_norm(reader, place, data[0]))
    ):
        return
    total(reader, place, [index for index in range(len(node.inputs)) if index not in numbers or node.kind == "where"])


def with_number(node: Node, data: int, value: object) -> Text:
    """What stands in the lane of a function of an array and a number: +1, 1−."""
    sign = "∗" if node.kind == "multiply" else SIGNS.get(node.kind, node.kind)
    if node.kind == "power" and data == 0:
        return (Run("x"), Run(number(value), "roman", level=1))
    gap = " " if sign.isalpha() else ""
    if data == 0 or node.kind not in ORDERED:
        return (*roman(sign + gap), *figure(value))
    return (*figure(value), *roman(gap + sign))


def total(reader: Reader, place: int, chosen: list[int]) -> None:
    """Several arrays as one: wires that they share end on those of the main one, which goes on."""
    node = reader.node(place)
    operands = reader.operands(place, chosen)
    main = max(operands, key=lambda each: (len(each.flow.wires), each.flow.depth, -each.place))
    if node.kind not in ORDERED:
        operands.sort(key=lambda each: (each is not main, -each.flow.depth))
        for index, each in enumerate(operands):
            each.place = index
    step = Step("sum", place, [each.flow for each in operands], text=roman(SIGNS.get(node.kind, node.kind)))
    sources: dict[str, list[Port]] = {}
    for each in (main, *(each for each in operands if each is not main)):
        for name in each.written.names:
            ports = each.ports([name])
            if name not in sources:
                sources[name] = ports
            else:
                merge(step, ports, sources[name])
    for (_, one), (_, other) in step.merges:
        if len(one.axes) == 1 < len(other.axes) and length(one, reader.size) == length(other, reader.size):
            other.axes = one.axes  # what was split before, and is whole again
    reader.add(step)
    reader.result(step, node.outputs[0], written(sides(node.expression)[1][0]), sources)


def absorbed(reader: Reader, place: int, data: int) -> bool:
    """Whether a constant is part of the norm, or the bias of the learned map, before it; nothing is drawn then."""
    node = reader.node(place)
    flow, _ = reader.array(node.inputs[data])
    step, constant = flow.step, node.inputs[1 - data]
    if step is None or reader.uses[node.inputs[data]] != 1 or flow is not step.outputs[0]:
        return False
    reading = [written(each) for each in sides(node.expression)[0]]
    if not set(reading[1 - data].names) <= set(reading[data].names):
        return False
    if step.kind == "norm" and node.kind in ("add", "multiply"):
        keep(reader, place, data, step)
        return True
    if (
        step.kind in ("linear", "conv")
        and node.kind == "add"
        and reader.constants.learned(constant)
        and not step.biased
    ):
        (operand,) = reader.operands(place, [data], whole=True)
        given = [strand for _, strand in step.gives]
        if all(strand in given for _, strand in operand.ports(reading[1 - data].names)):
            step.biased = True
            keep(reader, place, data, step)
            return True
    return False


def keep(reader: Reader, place: int, data: int, step: Step) -> None:
    """Let the result of an operation be the array it is of."""
    node = reader.node(place)
    (operand,) = reader.operands(place, [data], whole=True)
    reader.claim(step, node.inputs)
    output = written(sides(node.expression)[1][0])
    reader.view(place, node.outputs[0], operand.flow, regrouped(operand, output))


def begins_norm(reader: Reader, place: int, data: int) -> bool:
    """Whether a running mean is subtracted, with which a batch norm begins; the norm is made then."""
    node = reader.node(place)
    mean = reader.constants.name(node.inputs[1]).split(".")
    if node.kind != "subtract" or data != 0 or not (mean[-1] == "running_mean" or "batch_stats" in mean):
        return False
    batch_norm(reader, place, data)
    return True


# -- masks ------------------------------------------------------------------------------------------------------------


def mask(reader: Reader, place: int, node: Node, data: list[int]) -> bool:
    """Whether a choice is a mask, or no choice at all; it is made then."""
    if node.inputs[1] == node.inputs[2] and reader.is_data(node.inputs[1]):
        retire(reader, place, node.inputs[0])
        keep(reader, place, 1, reader.steps[-1])
        return True
    hidden = [index for index in (1, 2) if reader.constants.number(node.inputs[index]) is not None]
    scores = [index for index in (1, 2) if index in data]
    if len(hidden) != 1 or len(scores) != 1 or 0 in data:
        return False
    if reader.constants.number(node.inputs[hidden[0]]) not in (-inf, 0) and not very_low(reader, node, hidden[0]):
        return False
    (operand,) = reader.operands(place, [scores[0]], whole=True)
    names = written(sides(node.expression)[0][0]).names
    chosen = [name for name in names if operand.strands.get(name)][-2:]
    reader.claim(replaced(reader, place, "mask", operand, operand.ports(chosen)), node.inputs)
    return True


def very_low(reader: Reader, node: Node, index: int) -> bool:
    """Whether a number is so low that a softmax makes nothing of it."""
    value = reader.constants.number(node.inputs[index])
    return not isinstance(value, str) and float(value) <= -1e4


def retire(reader: Reader, place: int, value: int) -> None:
    """Take back the steps that only made a value that is not needed: the next step stands for them."""
    if value not in reader.seen or reader.uses[value] != 1:
        return
    step = reader.seen[value][0].step
    if step is None or step.kind != "lane" or len(reader.steps) == 1:
        return
    reader.steps.remove(step)
    reader.steps[-1].stand_for(step.nodes)
