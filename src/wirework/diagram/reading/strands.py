"""What runs through a circuit while it is read: strands, the arrays they are part of, and the steps between arrays."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from wirework.diagram.picture import Kind, Text


class Unreadable(Exception):
    """An operation is not written in a way that says what it does to single axes."""


@dataclass(eq=False, slots=True)
class Strand:
    """An axis from where it begins to where it ends.

    Attributes:
        axes: of the circuit; more than one if they are flattened, or drawn as one.
        soft: whether it may begin as several axes, if it is read as several: what a learned map gives may.
        window: whether it is what a window slides over, which is called by its size.
        parts: what it turned out to be: several strands, or none if it is drawn with another one.
        peers: strands that are split wherever it is: those it is joined with, or becomes.
    """

    axes: tuple[str, ...]
    soft: bool = False
    window: bool = False
    parts: tuple[Strand, ...] | None = None
    peers: list[Strand] = field(default_factory=list)


def drawn(strands: Iterable[Strand]) -> tuple[Strand, ...]:
    """The strands that some strands turned out to be."""
    return tuple(each for strand in strands for each in ((strand,) if strand.parts is None else drawn(strand.parts)))


def link(one: Strand, other: Strand) -> None:
    """Say that two strands are split together."""
    if one is not other:
        one.peers.append(other)
        other.peers.append(one)


def together(strand: Strand) -> list[Strand]:
    """A strand and all that are split where it is."""
    found = [strand]
    for each in found:
        found += [peer for peer in each.peers if peer not in found]
    return found


def split(strand: Strand, names: Sequence[str]) -> tuple[Strand, ...] | None:
    """Let a strand, and all its peers, begin as several axes; `None` if one of them may not."""
    group = together(strand)
    if not all(each.soft and each.parts is None for each in group):
        return None
    for each in group:
        each.parts = tuple(Strand((name,), True, each.window) for name in names)
    for each in group[1:]:
        for one, other in zip(strand.parts or (), each.parts or (), strict=True):
            link(one, other)
    return strand.parts


def rename(strand: Strand, axes: tuple[str, ...]) -> None:
    """Let a strand, and all its peers that are called as it is, stand for several axes from where they begin."""
    name = strand.axes
    for each in together(strand):
        if each.axes == name:
            each.axes = axes


def go_on(strand: Strand, axes: tuple[str, ...] = ()) -> Strand:
    """A strand that is split where this one is: what it becomes, perhaps as other axes."""
    following = Strand(axes or strand.axes, strand.soft, strand.window)
    link(strand, following)
    return following


@dataclass(eq=False, slots=True)
class Flow:
    """An array, from the step that gives it to those that take it.

    Attributes:
        value: its number in the circuit.
        strands: in order.
        step: what gives it; `None` for an input.
        depth: how many steps, at most, are between it and the inputs.
        nodes: places of the views of an input, which nothing else stands for.
    """

    value: int
    strands: tuple[Strand, ...]
    step: Step | None = None
    depth: int = 0
    nodes: list[int] = field(default_factory=list)

    @property
    def wires(self) -> tuple[Strand, ...]:
        """Its strands, as they turned out to be."""
        return drawn(self.strands)


KEEPING = ("softmax", "norm", "mask")  # kinds that give, one by one, what they act on

Port = tuple[int, Strand]  # the place of an input or output, and a strand in it
Pair = tuple[Port, Port]


@dataclass(eq=False, slots=True)
class Step:
    """An item while it is read. Inputs and outputs are told by their places in it.

    Attributes:
        kind, text, note, biased: as of `Item`.
        inputs, outputs: arrays.
        acts: strands of inputs that end in it.
        gives: strands of outputs that begin at it.
        pairs: strands of inputs that are joined.
        merges: (a strand of an input that ends, a strand of an input that goes on).
        forks: (a strand of an output that goes on, a strand of an output that begins on it).
        passing: (a strand of an input, the strand of an output that it goes on as).
        centre: the strand that the glyph is on, as of `Item`; the first if it is not said.
        place: of the operation it is made for, in `Circuit.nodes`.
        nodes: places of all operations it stands for.
        twins: strands that are drawn as one, if they are together everywhere.
        inside: the steps of a block that is made of a single operation, with its title as `text`.
    """

    kind: Kind
    place: int
    inputs: list[Flow] = field(default_factory=list)
    outputs: list[Flow] = field(default_factory=list)
    text: Text = ()
    note: Text = ()
    acts: list[Port] = field(default_factory=list)
    gives: list[Port] = field(default_factory=list)
    pairs: list[Pair] = field(default_factory=list)
    merges: list[Pair] = field(default_factory=list)
    forks: list[Pair] = field(default_factory=list)
    passing: list[Pair] = field(default_factory=list)
    centre: Strand | None = None
    biased: bool = False
    nodes: list[int] = field(default_factory=list)
    twins: list[tuple[Strand, ...]] = field(default_factory=list)
    inside: list[Step] | None = None

    def give(self, value: int, strands: Iterable[Strand], passing: Iterable[Pair] = ()) -> Flow:
        """Add an output: an array with these strands, of which some pass."""
        flow = Flow(value, tuple(strands), self, 1 + max((each.depth for each in self.inputs), default=0))
        self.outputs.append(flow)
        self.passing += passing
        return flow

    def stand_for(self, places: Iterable[int]) -> None:
        """Let it stand for further operations."""
        self.nodes += [place for place in places if place not in self.nodes]


Dims = tuple[tuple[Strand, ...], ...]  # for each dimension of an array the strands flattened in it


def flat(dims: Dims) -> tuple[Strand, ...]:
    """All strands of an array in order."""
    return tuple(strand for dim in dims for strand in dim)
