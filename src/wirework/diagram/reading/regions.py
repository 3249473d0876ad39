"""The blocks of a circuit with the steps that stand in them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from wirework.circuit.folding import Block, Repeat
from wirework.circuit.folding import Part as TreePart
from wirework.circuit.graph import Circuit, Node
from wirework.diagram.labels import activation
from wirework.diagram.reading.strands import Flow, Step

DISSOLVED = ("ModuleList", "ModuleDict", "ParameterList", "ParameterDict")
PLAIN = ("Sequential", "Module")
MOST = 2  # operations of a block that is not worth a fence

Path = tuple[str, ...]


@dataclass(eq=False)
class Region:
    """A block, or several that are repeated.

    Attributes:
        path: of the block; empty for the whole, and for several blocks that are repeated together.
        title: what it is called.
        parts: what is in it; of a repetition, in the first copy.
        copies: of a repetition, the parts of each copy.
        takes: the arrays that enter it.
        gives: the arrays that leave it.
    """

    path: Path
    title: str
    parts: list[Part]
    copies: list[list[Part]] = field(default_factory=list)
    takes: list[Flow] = field(default_factory=list)
    gives: list[Flow] = field(default_factory=list)

    @property
    def count(self) -> int:
        """How often it is repeated."""
        return max(1, len(self.copies))

    @property
    def steps(self) -> list[Step]:
        """All steps in it, in all copies."""
        return [step for parts in (self.copies or [self.parts]) for step in steps_in(parts)]

    @property
    def inner_gives(self) -> list[Flow]:
        """What leaves the first copy, where what leaves a repetition leaves the last one."""
        if self.count == 1:
            return self.gives
        first, last = ([flow for step in steps_in(parts) for flow in step.outputs] for parts in self.ends)
        return [first[last.index(flow)] for flow in self.gives]

    @property
    def ends(self) -> tuple[list[Part], list[Part]]:
        """The parts of the first and of the last copy."""
        return self.copies[0], self.copies[-1]


Part = Step | Region


def steps_in(parts: Iterable[Part]) -> list[Step]:
    """The steps in some parts."""
    return [step for part in parts for step in ([part] if isinstance(part, Step) else part.steps)]


def inputs_of(part: Part) -> list[Flow]:
    """The arrays that a part takes."""
    return part.inputs if isinstance(part, Step) else part.takes


def outputs_of(part: Part) -> list[Flow]:
    """The arrays that a part gives."""
    return part.outputs if isinstance(part, Step) else part.gives


def whole(circuit: Circuit, steps: Sequence[Step], leaving: Sequence[Flow]) -> Region:
    """The outermost region."""
    return Regions(circuit, steps, leaving).whole()


class Regions:
    """The regions of a circuit while they are made."""

    def __init__(self, circuit: Circuit, steps: Sequence[Step], leaving: Sequence[Flow]) -> None:
        self.circuit, self.leaving = circuit, set(leaving)
        self.at: dict[int, list[Step]] = {}
        self.users: dict[Flow, list[Step]] = {}
        self.place = 0
        for step in steps:
            self.at.setdefault(step.place, []).append(step)
            for flow in step.inputs:
                self.users.setdefault(flow, []).append(step)

    def whole(self) -> Region:
        """The outermost region."""
        parts = self.parts(self.circuit.tree().parts)
        return self.bounded(Region((), self.circuit.name, [*parts, *self.at.get(self.place, [])]))

    def parts(self, found: Iterable[TreePart]) -> list[Part]:
        """The parts of a tree, from the operation that is read next."""
        return [part for each in found for part in self.part(each)]

    def part(self, found: TreePart) -> list[Part]:
        """What stands for a part of a tree."""
        match found:
            case Node():
                self.place += 1
                return list(self.at.get(self.place - 1, ()))
            case Block(path, title, parts):
                here = self.circuit.nodes[self.place].block[: len(path)]
                return self.settled(Region(here, titled(here, title), self.parts(parts)), title)
            case Repeat(parts, count):
                copies = [self.parts(parts) for _ in range(count)]
                return self.repeated(copies) if self.repeats(copies) else [part for copy in copies for part in copy]

    # -- blocks ------------------------------------------------------------------------------------------------------

    def settled(self, region: Region, title: str) -> list[Part]:
        """A block, or what stands for it: nothing, its only part, its parts if it is small or a mere list."""
        self.bounded(region)
        drawn = {part.place if isinstance(part, Step) else part for part in region.parts if not is_source(part)}
        if title in DISSOLVED or len(drawn) <= 1 or self.small(region):
            return region.parts
        if lane := self.function(region):
            return [lane]
        return [region]

    def small(self, region: Region) -> bool:
        """Whether a block holds no more than two operations, one after the other."""
        if any(isinstance(part, Region) or part.inside for part in region.parts):
            return False
        inner = [step for step in region.steps if not is_source(step)]
        copied = [flow for flow in region.takes if sum(flow in step.inputs for step in inner) > 1]
        return not copied and len({step.place for step in inner}) <= MOST

    def function(self, region: Region) -> Step | None:
        """The lane that a block is, which is a function of single elements of one array."""
        steps = region.steps
        if len(region.takes) != 1 or len(region.gives) != 1 or any(step.kind not in ("lane", "sum") for step in steps):
            return None
        before, after = region.takes[0], region.gives[0]
        if before.wires != after.wires:
            return None
        lane = Step("lane", steps[-1].place, [before], [after], text=activation(region.title))
        lane.passing = [((0, strand), (0, strand)) for strand in before.wires]
        lane.stand_for(place for step in steps for place in step.nodes)
        after.step = lane
        self.users[before] = [*(step for step in self.users[before] if step not in steps), lane]
        return lane

    def bounded(self, region: Region) -> Region:
        """A region with the arrays that enter and leave it."""
        steps = set(region.steps)
        inner = steps_in(region.parts)
        made = {flow for step in inner for flow in step.outputs}
        region.takes = list(dict.fromkeys(flow for step in inner for flow in step.inputs if flow not in made))
        last = steps_in(region.copies[-1]) if region.copies else inner
        region.gives = [flow for step in last for flow in step.outputs if self.leaves(flow, steps)]
        return region

    def leaves(self, flow: Flow, steps: set[Step]) -> bool:
        """Whether an array is used outside some steps."""
        return flow in self.leaving or any(step not in steps for step in self.users.get(flow, ()))

    # -- repetitions ---------------------------------------------------------------------------------------------------

    def repeated(self, copies: list[list[Part]]) -> list[Part]:
        """Copies as one region: a block, if each is a single one."""
        only = copies[0][0] if len(copies[0]) == 1 else None
        if isinstance(only, Region) and only.count == 1:
            parts = [copy[0].parts for copy in copies if isinstance(copy[0], Region)]
            return [self.bounded(Region(only.path, only.title, only.parts, parts))]
        return [self.bounded(Region((), "", copies[0], copies))] if copies[0] else []

    def repeats(self, copies: list[list[Part]]) -> bool:
        """Whether copies have the same steps, and take only what the first takes, or what the one before gives."""
        steps = [steps_in(copy) for copy in copies]
        if any([step.kind for step in each] != [step.kind for step in steps[0]] for each in steps):
            return False
        given = [[flow for step in each for flow in step.outputs] for each in steps]
        taken = [
            [flow for step in each for flow in step.inputs if flow not in own]
            for each, own in zip(steps, given, strict=True)
        ]
        for index in range(1, len(copies)):
            if not set(taken[index]) <= {*taken[0], *given[index - 1]}:
                return False
            allowed = {*steps[index - 1], *steps[index]}
            if any(self.leaves(flow, allowed) for flow in given[index - 1]):
                return False
        return [len(flow.wires) for flow in given[0]] == [len(flow.wires) for flow in given[-1]]


def is_source(part: Part) -> bool:
    """Whether a part is a constant."""
    return isinstance(part, Step) and part.kind == "source"


def titled(path: Path, title: str) -> str:
    """What a block is called: its class; a plain container by its own name."""
    if title and title not in PLAIN:
        return title
    words = [part for part in path[-2:] if part] if path[-1:] and re.fullmatch(r"\d+", path[-1]) else list(path[-1:])
    return " ".join(words)
