"""Operations that act on some axes of an array and leave the others alone: softmax, norms, reductions, functions."""

from __future__ import annotations

from wirework.circuit.graph import Node
from wirework.diagram.labels import SYMBOLS, roman
from wirework.diagram.picture import Kind, Text
from wirework.diagram.reading.operands import Written, sides, written
from wirework.diagram.reading.reader import Operand, Reader
from wirework.diagram.reading.strands import Dims, Flow, Port, Step, Strand, Unreadable, flat, go_on, link

REDUCTIONS = (
    "sum", "mean", "max", "min", "prod", "any", "all", "var", "std", "logsumexp", "count_nonzero", "argmax", "argmin",
)  # fmt: skip

LOCAL = ("interpolate", "upsample", "resize", "pad")  # functions that act only on the axes whose lengths they change


def softmax(reader: Reader, place: int) -> None:
    """A triangle on each axis."""
    (operand,) = reader.operands(place, [0])
    kind = reader.node(place).kind
    note = roman("log") if kind == "log_softmax" else ()
    replaced(reader, place, "softmax", operand, operand.ports(marked(operand)), note=note)


def marked(operand: Operand) -> list[str]:
    """The names in brackets, in order."""
    return [name for name in operand.written.names if name in operand.written.marked]


def replaced(
    reader: Reader, place: int, kind: Kind, operand: Operand, acts: list[Port], text: Text = (), note: Text = ()
) -> Step:
    """A step in which each strand that it acts on comes out as one that goes on under its name."""
    step = reader.add(Step(kind, place, [operand.flow], text=text, note=note, acts=acts))
    new = {id(strand): go_on(strand) for _, strand in acts}
    node = reader.node(place)
    output = written(sides(node.expression)[1][0])
    dims = tuple(tuple(new.get(id(each), each) for each in dim) for dim in regrouped(operand, output))
    flow = step.give(node.outputs[0], flat(dims))
    step.gives = [(0, new[id(strand)]) for _, strand in acts]
    step.passing = [((0, strand), (0, strand)) for strand in flat(dims) if strand in operand.flow.wires]
    reader.seen[node.outputs[0]] = (flow, dims)
    return step


def regrouped(operand: Operand, output: Written) -> Dims:
    """The dimensions of an output that has all axes of an operand, and only these."""
    return tuple(tuple(strand for name in dim for strand in operand.strands.get(name, ())) for dim in output.dims)


def normalise(reader: Reader, place: int) -> None:
    """A circle on the axis that is normalised; for a batch norm on the channels, and the batch curves into it."""
    (operand,) = reader.operands(place, [0], whole=True)
    inside = operand.written.marked
    names = operand.written.names
    batch = next((list(dim) for dim in operand.written.dims if dim), [])
    acted = [name for name in names if name in inside]
    if batch and inside.issuperset(batch) and len(acted) < len(names):
        acted = [*(name for name in names if name not in inside), *batch]
    grouped = [name for name in acted if not operand.strands[name] and whole_name(operand, name) not in inside]
    ports = [port for name in grouped or acted for port in whole_strand(operand, name)]
    note = roman("rms") if reader.node(place).options.get("mean") is False else ()
    step = replaced(reader, place, "norm", operand, list(dict.fromkeys(ports)), note=note)
    step.centre = step.acts[0][1] if step.acts else None


def whole_name(operand: Operand, name: str) -> str:
    """The name that has the strand of a name: itself, or the one before it with which it shares one."""
    names = operand.written.names
    while not operand.strands[name] and names.index(name) > 0:
        name = names[names.index(name) - 1]
    return name


def whole_strand(operand: Operand, name: str) -> list[Port]:
    """The strands of a name, also where it shares one with the name before it."""
    return operand.ports([whole_name(operand, name)])


def batch_norm(reader: Reader, place: int, data: int) -> None:
    """The norm that a subtraction of a running mean begins."""
    operand, mean = reader.operands(place, [data]), written(sides(reader.node(place).expression)[0][1 - data])
    channels = operand[0].ports(mean.names)
    first = [port for dim in operand[0].written.dims[:1] for port in operand[0].ports(dim) if port not in channels]
    step = replaced(reader, place, "norm", operand[0], [*channels, *first])
    step.centre = next((strand for _, strand in channels), None)
    reader.claim(step, [reader.node(place).inputs[1 - data]])


def reduction(reader: Reader, place: int) -> None:
    """The wires end in the symbol of the reduction."""
    node = reader.node(place)
    (operand,) = reader.operands(place, [0], window=True)
    output = written(sides(node.expression)[1][0])
    acts = [name for name in operand.written.names if name not in output.names]
    text = SYMBOLS.get(node.kind, node.kind)
    step = reader.add(Step("reduce", place, [operand.flow], text=roman(text)))
    step.acts = operand.ports(acts)
    reader.result(step, node.outputs[0], output, kept(operand, output.names))


def kept(operand: Operand, names: tuple[str, ...]) -> dict[str, list[Port]]:
    """What passes of an operand."""
    return {name: operand.ports([name]) for name in operand.written.names if name in names}


def window(reader: Reader, place: int) -> None:
    """The trapezoid: an axis becomes the places of a window, and the window."""
    node = reader.node(place)
    (operand,) = reader.operands(place, [0])
    output = written(sides(node.expression)[1][0])
    inside = marked(operand)
    text = roman(steps_text(node.options.get("stride", 1)))
    step = reader.add(Step("window", place, [operand.flow], text=text, acts=operand.ports(inside)))
    sources = {name: ports for name, ports in kept(operand, output.names).items() if name not in inside}
    covered = {name: (Strand((name,), window=True),) for name in output.marked}
    found = reader.result(step, node.outputs[0], output, sources, given=covered)
    places = tuple(
        strand for name in output.names if name not in sources and name not in covered for strand in found[name]
    )
    step.twins = groups(tuple(strand for _, strand in step.acts), places, flat(tuple(covered.values())))
    step.centre = next(iter(places), None)


def groups(*strands: tuple[Strand, ...]) -> list[tuple[Strand, ...]]:
    """Those of some groups that have several members."""
    return [group for group in strands if len(group) > 1]


def steps_text(value: object) -> str:
    """A stride, dilation or kernel size, for one axis or several."""
    found = list(value) if isinstance(value, tuple | list) else [value]
    return str(found[0]) if len(set(found)) == 1 else "×".join(map(str, found))


def function(reader: Reader, place: int) -> None:
    """A box over the axes in brackets; the others pass. What several arrays share goes on once."""
    node = reader.node(place)
    if node.keywords:
        raise Unreadable
    operands = reader.operands(place, range(len(node.inputs)), whole=True)
    outputs = [written(each) for each in sides(node.expression)[1]]
    if len(outputs) != 1:
        raise Unreadable
    step = reader.add(Step("function", place, [each.flow for each in operands], text=roman(node.kind)))
    acted = {
        name for each in operands for name in each.written.names if name in each.written.marked | outputs[0].marked
    }
    sources: dict[str, list[Port]] = {}
    for operand in operands:
        for name in operand.written.names:
            ports = operand.ports([name])
            if name in acted or name not in outputs[0].names:
                step.acts += ports
            elif name in sources:
                merge(step, ports, sources[name])
            else:
                sources[name] = ports
    found = {name: strands for each in operands for name, strands in each.strands.items() if strands}
    given = {name: tuple(map(go_on, found[name])) for name in outputs[0].names if name in acted and name in found}
    reader.result(step, node.outputs[0], outputs[0], sources, given=given)


def merge(step: Step, ending: list[Port], going_on: list[Port]) -> None:
    """Let strands end on others."""
    if len(ending) != len(going_on):
        raise Unreadable
    step.merges += zip(ending, going_on, strict=True)
    for (_, one), (_, other) in zip(ending, going_on, strict=True):
        link(one, other)


def opaque(reader: Reader, place: int) -> None:
    """A named box that takes and gives all wires, but for those that it is known to leave alone."""
    node = reader.node(place)
    name = str(node.options.get("function", node.kind)).rsplit(".", 1)[-1]
    numbers = [
        value for value in node.inputs if not reader.is_data(value) and reader.constants.number(value) is not None
    ]
    flows: list[Flow] = [
        reader.array(value)[0] if reader.is_data(value) else reader.source(place, value, None)[0]
        for value in node.inputs if value not in numbers
    ]  # fmt: skip
    step = reader.add(Step("function", place, flows, text=roman(name)), numbers)
    left = untouched(reader, node, name)
    alone = [strand for dim in left.values() for strand in dim]
    step.acts = [(index, strand) for index, flow in enumerate(flows) for strand in flow.wires if strand not in alone]
    step.passing = [((0, strand), (0, strand)) for strand in alone]
    for index, value in enumerate(node.outputs):
        axes = reader.circuit.values[value].dims
        dims = tuple(left.get(at) or tuple(Strand((axis,)) for axis in dim) for at, dim in enumerate(axes))
        reader.seen[value] = (step.give(value, flat(dims)), dims)
        step.gives += [(index, strand) for strand in flat(dims) if strand not in alone]


def untouched(reader: Reader, node: Node, name: str) -> dict[int, tuple[Strand, ...]]:
    """The dimensions that a function which is known to act on the others only leaves alone, by their places."""
    if name not in LOCAL or len(node.inputs) != 1 or len(node.outputs) != 1:
        return {}
    before, after = (reader.circuit.values[value].dims for value in (node.inputs[0], node.outputs[0]))
    dims = reader.array(node.inputs[0])[1]
    same = [at for at, (one, other) in enumerate(zip(before, after, strict=False)) if one == other]
    return {at: dims[at] for at in same} if len(same) < len(before) == len(after) else {}
