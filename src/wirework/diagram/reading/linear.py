"""Contractions: learned ones are plates and convolutions, those of two computed arrays are cups."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from wirework.diagram.labels import roman
from wirework.diagram.picture import Run, Text
from wirework.diagram.reading.acting import groups, merge, steps_text
from wirework.diagram.reading.operands import Written, length, sides, written
from wirework.diagram.reading.reader import Operand, Reader
from wirework.diagram.reading.strands import Port, Step, Strand, Unreadable, flat, link, split
from wirework.polynomial import product

PROJECTIONS = {
    "Q": ("q", "query", "queries", "q_proj", "to_q", "wq", "q_lin", "w_q", "query_proj", "q_linear", "q_proj_weight"),
    "K": ("k", "key", "keys", "k_proj", "to_k", "wk", "k_lin", "w_k", "key_proj", "k_linear", "k_proj_weight"),
    "V": ("v", "value", "values", "v_proj", "to_v", "wv", "v_lin", "w_v", "value_proj", "v_linear", "v_proj_weight"),
    "O": ("o", "o_proj", "to_out", "wo", "out_lin", "w_o", "out_proj", "out", "proj", "c_proj", "output", "dense"),
}
ALWAYS = ("o", "o_proj", "wo", "w_o", "to_out")  # of an attention, wherever they stand


def superscript(reader: Reader, place: int, name: str) -> Text:
    """What a learned map is called: Q, K, V, O in an attention; a capital but W, which all have; else nothing."""
    parts = [part for part in name.split(".") if part not in ("weight", "bias", "kernel") and not part.isdigit()]
    last = parts[-1].lower() if parts else ""
    if parts and re.fullmatch("[A-VX-Z]", parts[-1]):
        return (Run(parts[-1]),)
    block = reader.node(place).block
    titles = [reader.circuit.blocks.get(block[:end], "") for end in range(len(block) + 1)]
    attends = any(
        "attention" in word.lower() or "attn" in word.lower() for word in (*titles, *block, reader.circuit.name)
    )
    for letter, names in PROJECTIONS.items():
        if last in names and (letter != "O" or attends or last in ALWAYS):
            return (Run(letter),)
    return ()


def dot(reader: Reader, place: int) -> None:
    """A contraction, learned or not."""
    node = reader.node(place)
    count = len(node.inputs) - len(node.keywords)
    data = [index for index in range(count) if reader.is_data(node.inputs[index])]
    weights = [index for index in range(count) if index not in data]
    if any(reader.is_data(value) for value in node.inputs[count:]):
        raise Unreadable
    if len(data) == 1 and any(reader.constants.learned(node.inputs[index]) for index in weights):
        linear(reader, place, data[0], weights)
        return
    output = written(sides(node.expression)[1][0])
    operands = reader.operands(place, range(count))
    for index, operand in enumerate(operands[1:], 1):
        last = index == len(operands) - 1
        rest = [name for later in operands[index + 1 :] for name in later.written.names]
        wanted = output if last else between(operands[0], operand, [*output.names, *rest])
        operands[0] = contract(reader, place, operands[0], operand, wanted, node.outputs[0])
    if count == 1:
        summed(reader, place, operands[0], output)


def between(one: Operand, other: Operand, needed: Sequence[str]) -> Written:
    """The axes of a contraction of the first of several arrays."""
    names = dict.fromkeys((*one.written.names, *other.written.names))
    return Written(tuple((name,) for name in names if name in needed), frozenset())


def summed(reader: Reader, place: int, operand: Operand, output: Written) -> None:
    """The sum over some axes of a single array."""
    acts = operand.ports(name for name in operand.written.names if name not in output.names)
    step = reader.add(Step("reduce", place, [operand.flow], text=(Run("Σ"),), acts=acts))
    sources = {name: operand.ports([name]) for name in operand.written.names if name in output.names}
    reader.result(step, reader.node(place).outputs[0], output, sources)


def contract(reader: Reader, place: int, one: Operand, other: Operand, output: Written, value: int) -> Operand:
    """The contraction of two arrays: what it gives, as an operand."""
    step = Step("dot", place, [one.flow, other.flow])
    first, second = Operand(0, one.flow, one.written, one.strands), Operand(1, other.flow, other.written, other.strands)
    sources: dict[str, list[Port]] = {}
    for name in dict.fromkeys((*one.written.names, *other.written.names)):
        left = first.ports([name]) if name in one.strands else []
        right = second.ports([name]) if name in other.strands else []
        shared = name in one.strands and name in other.strands
        if shared:
            left, right = align(reader, left, right)
        if name in output.names:
            sources[name] = right if name in other.strands else left
            if shared:
                merge(step, left, right)
        elif shared:
            step.pairs += zip(left, right, strict=True)
            for (_, one_end), (_, other_end) in zip(left, right, strict=True):
                link(one_end, other_end)
        else:
            step.acts += [*left, *right]
    reader.add(step)
    found = reader.result(step, value, output, sources)
    return Operand(0, step.outputs[0], output, found)


def align(reader: Reader, left: list[Port], right: list[Port]) -> tuple[list[Port], list[Port]]:
    """The strands of a name in two arrays, one for one."""
    for coarse, fine in ((left, right), (right, left)):
        if len(coarse) == 1 and len(fine) > 1:
            place, strand = coarse[0]
            if split(strand, [axis for _, each in fine for axis in each.axes[:1]]) is not None:
                coarse[:] = [(place, each) for each in strand.parts or ()]
    if len(left) != len(right):
        raise Unreadable
    if any(
        length(one, reader.size) != length(two, reader.size) for (_, one), (_, two) in zip(left, right, strict=True)
    ):
        raise Unreadable
    return left, right


def linear(reader: Reader, place: int, data: int, weights: Sequence[int]) -> None:
    """A plate: axes that are contracted end in it, the other axes of the weights begin at it."""
    node = reader.node(place)
    output = written(sides(node.expression)[1][0])
    (operand,) = reader.operands(place, [data])
    values = [node.inputs[index] for index in weights]
    biases = node.inputs[len(node.inputs) - len(node.keywords) :]
    name = reader.constants.name(next(value for value in values if reader.constants.learned(value)))
    step = Step("linear", place, [operand.flow], text=superscript(reader, place, name), biased="bias" in node.keywords)
    reader.add(step, [*values, *biases])
    step.acts = operand.ports(name for name in operand.written.names if name not in output.names)
    sources = {name: operand.ports([name]) for name in operand.written.names if name in output.names}
    reader.result(step, node.outputs[0], output, sources, soft=True)


# -- convolutions -----------------------------------------------------------------------------------------------------


def conv(reader: Reader, place: int) -> None:
    """A box over space and channels; one that steps, or is transposed, as a window and a learned map over it."""
    node = reader.node(place)
    data = reader.data(node)
    if data != [0]:
        raise Unreadable
    inputs, outputs = sides(node.expression)
    weights, output = written(inputs[1]), written(outputs[0])
    (operand,) = reader.operands(place, [0], whole=True)
    stays = [name for name in operand.written.names if name in output.names and name not in operand.written.marked]
    channel_dim = [name for name in operand.written.names if name in weights.names]
    stays = [name for name in stays if name not in channel_dim and operand.strands[name]]
    channels = list(dict.fromkeys(port for name in channel_dim for port in operand.ports([name])))
    space = [name for name in operand.written.names if name not in stays and name not in channel_dim]
    sources = {name: operand.ports([name]) for name in stays}
    kernel = [name for name in weights.names if name in weights.marked and name not in operand.written.names]
    places = [name for name in output.names if name not in weights.names and name not in stays]
    if len(places) != len(space):
        raise Unreadable
    made = Making(reader, place, operand, output, sources, channels, operand.ports(space), places, kernel)
    steps = steps_text(node.options.get("stride", 1)) != "1"
    if steps or (node.options.get("transposed") and made.kernel_text != "1"):
        made.exploded()
    else:
        made.box()


class Making:
    """A convolution while it is made into steps."""

    def __init__(
        self, reader: Reader, place: int, operand: Operand, output: Written, sources: dict[str, list[Port]],
        channels: list[Port], space: list[Port], places: Iterable[str], kernel: list[str],
    ) -> None:  # fmt: skip
        self.reader, self.place, self.operand, self.output, self.sources = reader, place, operand, output, sources
        self.channels, self.space, self.kernel = channels, space, kernel
        self.node = reader.node(place)
        self.new_space = {name: (Strand((name,)),) for name in places}

    @property
    def kernel_text(self) -> str:
        """The size of the kernel."""
        return steps_text([str(self.reader.size(name)) for name in self.kernel]) if self.kernel else "1"

    @property
    def note(self) -> Text:
        """What is said beside it: how far apart the elements of the kernel are, and in how many groups channels are."""
        dilation = steps_text(self.node.options.get("dilation", 1))
        weights = written(sides(self.node.expression)[0][1])
        names = [name for name in self.operand.written.names if name in weights.names and name in self.output.names]
        groups = str(product(map(self.reader.size, names)))
        said = (["dilation " + dilation] if dilation != "1" else []) + (["groups " + groups] if groups != "1" else [])
        return roman(", ".join(said)) if said else ()

    @property
    def channels_above(self) -> bool:
        """Whether the channels stand above space; what a window covers then stands above space, too."""
        wires = self.operand.flow.wires
        return bool(self.channels) and wires.index(self.channels[0][1]) < wires.index(self.space[0][1])

    def box(self) -> None:
        """A single box."""
        step = Step("conv", self.place, [self.operand.flow], text=roman(self.kernel_text))
        step.note = self.note
        step.biased = "bias" in self.node.keywords
        step.acts = [*self.space, *self.channels]
        self.reader.add(step, self.node.inputs[1:])
        self.reader.result(step, self.node.outputs[0], self.output, self.sources, soft=True, given=self.new_space)
        step.twins = groups(tuple(strand for _, strand in self.space), flat(tuple(self.new_space.values())))

    def exploded(self) -> None:
        """The window that slides, and the learned map over the window and the channels."""
        transposed = bool(self.node.options.get("transposed"))
        stride = steps_text(self.node.options.get("stride", 1))
        text = roman(stride + "T" * transposed)
        window = self.reader.add(Step("window", self.place, [self.operand.flow], text=text, acts=list(self.space)))
        covered = tuple(Strand((name,), window=True) for name in self.kernel)
        begun = flat(tuple(self.new_space.values()))
        wires, sliding = self.operand.flow.wires, [strand for _, strand in self.space]
        passing = [((0, strand), (0, strand)) for strand in wires if strand not in sliding]
        made = (*covered, *begun) if self.channels_above else (*begun, *covered)
        strands = [each for s in wires for each in (made if s is sliding[0] else () if s in sliding else (s,))]
        flow = window.give(self.node.outputs[0], strands, passing)
        window.gives = [(0, strand) for strand in made]
        window.centre = begun[0]
        window.twins = groups(tuple(strand for _, strand in self.space), begun, covered)
        step = Step("linear", self.place, [flow], note=self.note, biased="bias" in self.node.keywords)
        step.acts = [*((0, strand) for strand in covered), *self.channels]
        self.reader.add(step, self.node.inputs[1:])
        sources = self.sources | {name: [(0, strand) for strand in found] for name, found in self.new_space.items()}
        self.reader.result(step, self.node.outputs[0], self.output, sources, soft=True)
