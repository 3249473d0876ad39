"""Reads a circuit operation by operation: what is known so far, and what all kinds of operations need."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from wirework.circuit.graph import Circuit, Node
from wirework.diagram.labels import roman
from wirework.diagram.picture import Run, Text
from wirework.diagram.reading.constants import Constants
from wirework.diagram.reading.operands import Cluster, Names, Written, clusters, length, sides, written
from wirework.diagram.reading.strands import (
    Dims,
    Flow,
    Port,
    Step,
    Strand,
    Unreadable,
    drawn,
    flat,
    go_on,
    rename,
    split,
)
from wirework.polynomial import Polynomial, product


@dataclass
class Operand:
    """An operand with the array that it reads.

    Attributes:
        place: of the array among the inputs of the step that is made.
        strands: of each name; those that no strand stands for alone have none, and the name before them has it.
    """

    place: int
    flow: Flow
    written: Written
    strands: dict[str, tuple[Strand, ...]]

    def ports(self, names: Iterable[str]) -> list[Port]:
        """The strands of some names."""
        return [(self.place, strand) for name in names for strand in self.strands[name]]


Sources = Mapping[str, Sequence[Port]]  # for each name the strands of inputs that go on


@dataclass
class Reader:
    """What is known of a circuit while it is read.

    Attributes:
        steps: what was made so far.
        seen: for each value the array it is part of, and its dimensions as strands of that array.
        uses: how often each value is used.
        claimed: places of operations on constants that a step stands for.
        patterns: for the last operation of a pattern the function that reads all of it.
        skipped: places of the other operations of patterns.
    """

    circuit: Circuit
    constants: Constants
    steps: list[Step] = field(default_factory=list)
    seen: dict[int, tuple[Flow, Dims]] = field(default_factory=dict)
    uses: Counter[int] = field(default_factory=Counter)
    claimed: set[int] = field(default_factory=set)
    patterns: dict[int, Callable[[], None]] = field(default_factory=dict)
    skipped: set[int] = field(default_factory=set)

    def node(self, place: int) -> Node:
        """An operation."""
        return self.circuit.nodes[place]

    def size(self, name: str) -> Polynomial:
        """The length of an axis."""
        if name.isdigit():
            return Polynomial.of(int(name))
        return self.circuit.axes.get(name, Polynomial.symbol(name))

    def is_data(self, value: int) -> bool:
        """Whether a value depends on an input."""
        return value not in self.constants.values

    def data(self, node: Node) -> list[int]:
        """The places of the inputs that depend on an input of the circuit."""
        return [place for place, value in enumerate(node.inputs) if self.is_data(value)]

    def enter(self, value: int) -> None:
        """An input of the circuit."""
        dims = tuple(tuple(Strand((axis,)) for axis in axes) for axes in self.circuit.values[value].dims)
        self.seen[value] = (Flow(value, flat(dims)), dims)

    def array(self, value: int) -> tuple[Flow, Dims]:
        """The array that a value is part of, and its dimensions as they turned out to be."""
        flow, dims = self.seen[value]
        return flow, tuple(drawn(dim) for dim in dims)

    # -- making steps ----------------------------------------------------------------------------------------------

    def add(self, step: Step, constants: Iterable[int] = ()) -> Step:
        """A further step, which stands for its operation and for what makes some constants."""
        step.stand_for([step.place])
        self.claim(step, constants)
        self.steps.append(step)
        return step

    def claim(self, step: Step, constants: Iterable[int]) -> None:
        """Let a step stand for what makes some constants, unless another does."""
        places = [place for place in self.constants.nodes(constants) if place not in self.claimed]
        self.claimed.update(places)
        step.stand_for(places)

    def view(self, place: int, value: int, flow: Flow, dims: Dims) -> None:
        """A value that is an array seen in another way: nothing is drawn."""
        self.seen[value] = (flow, dims)
        if flow.step is not None:
            flow.step.stand_for([place])
        else:
            flow.nodes.append(place)

    def source(self, place: int, value: int, names: Written | None) -> tuple[Flow, Dims]:
        """A constant as a step of its own: an array with the axes with which it is read."""
        dims = names.dims if names is not None else self.circuit.values[value].dims
        made = tuple(tuple(Strand((name,), True) for name in dim) for dim in dims)
        step = Step("source", place, text=self.source_text(value))
        self.add(step, [value])
        step.nodes.remove(place)
        flow = step.give(value, flat(made))
        step.gives = [(0, strand) for strand in flat(made)]
        return flow, made

    def source_text(self, value: int) -> Text:
        """What stands in the plate of a constant."""
        number = self.constants.number(value)
        if number is not None:
            return roman(str(number))
        name = self.constants.name(value)
        own = [part for part in name.split(".") if part != "weight"][-1:] or [name]
        return (Run(own[0][:1].upper(), "bold"), Run(f" {own[0]}", "sans"))

    def result(
        self, step: Step, value: int, names: Written, sources: Sources, *, soft: bool = False, given: Any = None,
    ) -> dict[str, tuple[Strand, ...]]:  # fmt: skip
        """Add an output whose strands pass from inputs where there is a source for a name, and else begin.

        Args:
            step: of which it is an output.
            value: its number in the circuit.
            names: its operand.
            sources: what passes.
            soft: whether strands that begin may begin as several axes.
            given: strands that begin, by name, where they are made already.

        Returns:
            The strands of each name.
        """
        out, used = len(step.outputs), set[int]()
        found: dict[str, tuple[Strand, ...]] = {}
        for name in names.names:
            if name in sources:
                axes = self.sharing(name, names, sources) if len(sources[name]) == 1 else ()
                found[name] = tuple(self.passing(step, out, port, axes, used, names) for port in sources[name])
            else:
                found[name] = given[name] if given and name in given else (Strand((name,), soft),)
                step.gives += [(out, strand) for strand in found[name]]
        dims = tuple(tuple(strand for name in dim for strand in found[name]) for dim in names.dims)
        self.seen[value] = (step.give(value, flat(dims)), dims)
        return found

    def sharing(self, name: str, names: Written, sources: Sources) -> tuple[str, ...]:
        """A name and those behind it that have no strand of their own: the axes of one strand."""
        dim = next(dim for dim in names.dims if name in dim)
        found = [name]
        for other in dim[dim.index(name) + 1 :]:
            if sources.get(other, (None,)):
                break
            found += [other] if self.size(other) != 1 else []
        return tuple(found)

    def passing(
        self, step: Step, out: int, port: Port, axes: tuple[str, ...], used: set[int], names: Written
    ) -> Strand:
        """What a strand goes on as: itself, or another one where it is there already, or its name is another's."""
        strand = port[1]
        if len(axes) > 1 and strand.soft and len(strand.axes) == 1:
            rename(strand, axes)
        other = bool(axes) and strand.axes != axes and (len(strand.axes) == 1) == (len(axes) == 1)
        other = other and (length(strand, self.size) != product(map(self.size, axes)) or strand.axes[0] in names.names)
        following = go_on(strand, axes if other else ()) if other or id(strand) in used else strand
        used.add(id(strand))
        step.passing.append((port, (out, following)))
        return following

    # -- reading operands ------------------------------------------------------------------------------------------

    def operands(
        self, place: int, chosen: Sequence[int], *, whole: bool = False, window: bool = False
    ) -> list[Operand]:
        """Some operands of an operation, with strands split where the operation treats their axes differently.

        Args:
            place: of the operation.
            chosen: the places of its inputs.
            whole: whether a strand of which a part is in brackets stays whole.
            window: whether a strand that must be split is split by a window that slides over it.

        Raises:
            Unreadable: if an operand is not made of axes, or they do not go with the dimensions of its array.
        """
        inputs, outputs = sides(self.node(place).expression)
        everything = [written(operand) for operand in (*inputs, *outputs)]
        return self.operands_of(place, [everything[index] for index in chosen], chosen, everything, whole, window)

    def operands_of(
        self, place: int, mine: Sequence[Written], chosen: Sequence[int], everything: Sequence[Written],
        whole: bool = False, window: bool = False,
    ) -> list[Operand]:  # fmt: skip
        """As `operands`, for operands that are read already, beside others in which axes must go together."""
        values = [self.node(place).inputs[index] for index in chosen]
        arrays = [
            self.array(value) if self.is_data(value) else self.source(place, value, reading)
            for value, reading in zip(values, mine, strict=True)
        ]
        matched = [self.matched(each.dims, dims) for each, (_, dims) in zip(mine, arrays, strict=True)]
        for index, (found, reading) in enumerate(zip(matched, mine, strict=True)):
            others = [each for other, each in enumerate(matched) if other != index]
            pieces = {
                strands: names for names, strands in found
                if len(names) > 1 and strands and must_split(names, reading, everything, others, whole)
            }  # fmt: skip
            if pieces:
                arrays[index] = self.apart(place, *arrays[index], pieces, reading.marked if window else frozenset())
        result: list[Operand] = []
        for index, (flow, dims) in enumerate(arrays):
            dims = tuple(drawn(dim) for dim in dims)
            result.append(Operand(index, flow, mine[index], by_name(self.matched(mine[index].dims, dims))))
        return result

    def matched(self, names: Names, dims: Dims) -> list[Cluster]:
        """The names of an operand with the strands of an array, dimension by dimension."""
        if len(names) != len(dims):
            raise Unreadable
        return [each for pair in zip(names, dims, strict=True) for each in clusters(*pair, self.size)]

    def apart(
        self, place: int, flow: Flow, dims: Dims, pieces: Mapping[tuple[Strand, ...], Sequence[str]],
        window: frozenset[str],
    ) -> tuple[Flow, Dims]:  # fmt: skip
        """An array with some strands as other axes: from where they begin, if they may, or else by a step."""
        hard = {old: names for old, names in pieces.items() if len(old) != 1 or split(old[0], names) is None}
        if not hard:
            return flow, dims
        parts: dict[Strand, tuple[Strand, ...]] = {strand: () for old in hard for strand in old}
        for (first, *_), names in hard.items():
            parts[first] = tuple(Strand((name,), window=name in window) for name in names)
        step = Step("bar", place, [flow], acts=[(0, strand) for strand in flow.wires if strand in parts])
        covered = [name for names in hard.values() for name in names if name in window]
        if covered:
            step.kind, step.text = "window", self.stride_text(covered)
            step.twins = [tuple(parts), *zip(*parts.values(), strict=False)] if len(parts) > 1 else []
        self.add(step)
        made = tuple(tuple(each for strand in drawn(dim) for each in parts.get(strand, (strand,))) for dim in dims)
        new = step.give(flow.value, [each for strand in flow.wires for each in parts.get(strand, (strand,))])
        step.passing = [((0, strand), (0, strand)) for strand in new.strands if strand in flow.wires]
        step.gives = [(0, each) for _, strand in step.acts for each in parts[strand]]
        step.centre = step.gives[0][1] if covered else None
        return new, made

    def stride_text(self, names: Sequence[str]) -> Text:
        """How far a window steps, from the lengths of what it covers."""
        lengths = list(dict.fromkeys(str(self.size(name)) for name in names))
        return roman("×".join(lengths))


def must_split(
    names: Sequence[str], mine: Written, everything: Sequence[Written], others: Sequence[Sequence[Cluster]], whole: bool
) -> bool:
    """Whether the axes of a strand do not go together through an operation."""
    if not whole and 0 < len(mine.marked.intersection(names)) < len(names):
        return True
    if any(not adjacent(tuple(names), each) for each in everything):
        return True
    return any(
        set(names) & set(other) and tuple(names) != other for found in others for other, strands in found if strands
    )


def adjacent(names: tuple[str, ...], operand: Written) -> bool:
    """Whether some names stand next to each other in a dimension of an operand, or are not in it."""
    if not set(names) & set(operand.names):
        return True
    count = len(names)
    return any(dim[start : start + count] == names for dim in operand.dims for start in range(len(dim)))


def by_name(found: Iterable[Cluster]) -> dict[str, tuple[Strand, ...]]:
    """The strands of each name: of several names that share strands the first has them."""
    result: dict[str, tuple[Strand, ...]] = {}
    for names, strands in found:
        result |= {name: strands if place == 0 else () for place, name in enumerate(names)}
    return result
