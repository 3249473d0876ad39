"""Attention in one operation, drawn as its steps in a block of its own, or as a closed one."""

from __future__ import annotations

from wirework.diagram.labels import roman, scale
from wirework.diagram.picture import Run
from wirework.diagram.reading.acting import merge
from wirework.diagram.reading.linear import align, contract
from wirework.diagram.reading.operands import Written, sides, written
from wirework.diagram.reading.reader import Operand, Reader
from wirework.diagram.reading.strands import Flow, Port, Step, Strand, Unreadable, drawn, flat, go_on
from wirework.notation import parse

TITLE = "Scaled Dot-Product Attention"


def attention(reader: Reader, place: int) -> None:
    """A block with the contraction of queries and keys, a mask, a softmax and the contraction with the values."""
    node = reader.node(place)
    count = len(node.inputs) - len(node.keywords)
    outputs = sides(node.expression)[1]
    if count != 3 or len(outputs) != 1:
        raise Unreadable
    q, k, v = reader.operands(place, range(3))
    output = written(outputs[0])
    extra = [extra_operand(reader, place, count + index, keyword) for index, keyword in enumerate(node.keywords)]
    start = len(reader.steps)
    compared = [name for name in q.written.names if name in q.written.marked]
    keys = [name for name in v.written.names if name in v.written.marked]
    one = Reading(reader, place, compared, keys)
    scores = one.scores(q, k)
    for keyword, operand in zip(node.keywords, extra, strict=True):
        if operand is not None:
            scores = one.added(scores, operand, keyword)
    if node.options.get("causal") or any(
        keyword == "mask" and each is None for keyword, each in zip(node.keywords, extra, strict=True)
    ):
        scores = one.masked(scores)
    contract(reader, place, one.softmax(scores), v, output, node.outputs[0])
    enclosed(reader, place, start, [each.flow for each in (q, k, v, *(each for each in extra if each is not None))])


def extra_operand(reader: Reader, place: int, index: int, keyword: str) -> Operand | None:
    """A mask or a bias of the scores as an operand; `None` for a mask that depends on no input."""
    node = reader.node(place)
    value = node.inputs[index]
    if keyword == "mask" and not reader.is_data(value):
        return None
    text = node.options.get(f"{keyword}_axes")
    if text is None:
        raise Unreadable
    reading = written(parse(str(text)).inputs[0])
    flow, dims = reader.array(value) if reader.is_data(value) else reader.source(place, value, reading)
    strands: dict[str, tuple[Strand, ...]] = {}
    for names, found in reader.matched(reading.dims, dims):
        if len(names) > 1 and found:
            raise Unreadable
        strands |= {name: found for name in names}
    return Operand(0, flow, reading, strands)


class Reading:
    """The steps of an attention while they are made.

    Attributes:
        compared: the names of the axes over which queries and keys are compared.
        keys: the names of the axes of the keys.
    """

    def __init__(self, reader: Reader, place: int, compared: list[str], keys: list[str]) -> None:
        self.reader, self.place, self.compared, self.keys = reader, place, compared, keys
        self.node = reader.node(place)
        self.value = self.node.outputs[0]

    def scores(self, q: Operand, k: Operand) -> Operand:
        """Queries and keys compared."""
        names = [name for name in dict.fromkeys((*q.written.names, *k.written.names)) if name not in self.compared]
        reading = Written(tuple((name,) for name in names), frozenset())
        scores = contract(self.reader, self.place, q, k, reading, self.value)
        step = self.reader.steps[-1]
        step.note = scale(self.node.options.get("scale"), self.compared, self.reader.circuit.axes)
        return scores

    def replaced(self, kind: str, scores: Operand, names: list[str]) -> Operand:
        """A step that acts on the strands of some names, which go on."""
        acts = [(0, strand) for name in names for strand in scores.strands[name]]
        step = self.reader.add(Step(kind, self.place, [scores.flow], acts=acts))  # type: ignore[arg-type]
        strands = {
            name: tuple(go_on(strand) for strand in found) if name in names else found
            for name, found in scores.strands.items()
        }
        flow = step.give(self.value, [strand for found in strands.values() for strand in found])
        step.gives = [(0, strand) for name in names for strand in strands[name]]
        step.passing = [((0, strand), (0, strand)) for strand in flow.strands if strand in scores.flow.wires]
        return Operand(0, flow, scores.written, strands)

    def masked(self, scores: Operand) -> Operand:
        """The scores of some keys hidden from some queries."""
        queries = [name for name in scores.strands if name not in self.keys and name not in self.shared]
        return self.replaced("mask", scores, [*queries, *self.keys])

    @property
    def shared(self) -> set[str]:
        """The axes that queries and keys share."""
        q, k = (set(written(each).names) for each in sides(self.node.expression)[0][:2])
        return q & k

    def softmax(self, scores: Operand) -> Operand:
        """Weights."""
        return self.replaced("softmax", scores, self.keys)

    def added(self, scores: Operand, other: Operand, keyword: str) -> Operand:
        """A bias added to the scores, or a mask that is computed put on them."""
        step = Step("sum", self.place, [scores.flow, other.flow], text=roman("+" if keyword == "bias" else "mask"))
        for name, found in other.strands.items():
            if name not in scores.strands:
                raise Unreadable
            ending, on = [(1, strand) for strand in drawn(found)], [(0, strand) for strand in scores.strands[name]]
            merge(step, *align(self.reader, ending, on))
        self.reader.add(step)
        passing: list[tuple[Port, Port]] = [((0, strand), (0, strand)) for strand in scores.flow.wires]
        return Operand(0, step.give(self.value, scores.flow.wires, passing), scores.written, scores.strands)


def enclosed(reader: Reader, place: int, start: int, taken: list[Flow]) -> None:
    """Put the steps since some place in a block, whose result has strands of its own."""
    inside = reader.steps[start:]
    del reader.steps[start:]
    value = reader.node(place).outputs[0]
    inner, dims = reader.array(value)
    step = Step("block", place, list(dict.fromkeys(taken)), text=(Run(TITLE, "sans"),), inside=inside)
    reader.add(step, reader.node(place).inputs)
    outer = tuple(tuple(go_on(strand) for strand in dim) for dim in dims)
    reader.seen[value] = (step.give(inner.value, flat(outer)), outer)
