"""Panels of regions: wires get numbers, fan-out becomes copies, what nobody uses gets an end."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field

from wirework.circuit.graph import Circuit
from wirework.diagram.labels import Labels, Parts, label
from wirework.diagram.picture import Bundle, Item, Panel, Run, Text, Wire
from wirework.diagram.reading.regions import Part, Region, inputs_of, outputs_of
from wirework.diagram.reading.strands import KEEPING, Flow, Port, Step, Strand, drawn

IsOpen = Callable[[tuple[str, ...], int], bool]  # whether a block is, by its path and its depth


@dataclass(frozen=True)
class Choice:
    """What is drawn of a circuit.

    Attributes:
        is_open: whether a block is.
        hide: names of axes that are not drawn.
        open_attention: whether the steps of attention are drawn.
    """

    is_open: IsOpen
    labels: Labels = "name"
    hide: Collection[str] = ()
    open_attention: bool = True


@dataclass(frozen=True)
class Live:
    """An array on its way: its bundle, and the wire of each of its strands."""

    bundle: Bundle
    wires: dict[Strand, int]


@dataclass
class Builder:
    """Makes panels. Wires are numbered over all of them.

    Attributes:
        divided: axes that are called by another one, divided by a number.
        final: the arrays that leave the whole.
    """

    circuit: Circuit
    choice: Choice
    divided: Parts
    final: frozenset[Flow] = frozenset()
    wires: dict[int, Wire] = field(default_factory=dict)

    def wire(self, strand: Strand) -> int:
        """A new wire."""
        number = len(self.wires)
        self.wires[number] = self.labelled(number, strand.axes, strand.window)
        return number

    def labelled(self, number: int, axes: tuple[str, ...], window: bool = False) -> Wire:
        """A wire with its label."""
        return Wire(number, axes, label(axes, self.circuit.axes, self.divided, self.choice.labels, window))

    def relabel(self, number: int, axes: tuple[str, ...]) -> None:
        """Call a wire as what it is read as."""
        if self.wires[number].axes != axes:
            self.wires[number] = self.labelled(number, axes)

    def shown(self, strands: Sequence[Strand]) -> list[Strand]:
        """The strands that are drawn."""
        return [strand for strand in drawn(strands) if not set(strand.axes) <= set(self.choice.hide)]

    def new(self, flow: Flow, name: str = "", order: Sequence[int] | None = None) -> Live:
        """An array whose wires all begin, in an order of its strands."""
        shown = self.shown(flow.strands)
        wires = {
            strand: self.wire(strand) for strand in ([shown[place] for place in order] if order is not None else shown)
        }
        return Live(Bundle(flow.value, tuple(wires.values()), name), wires)

    def order_of(self, flow: Flow, live: Live) -> list[int]:
        """In which order the strands of an array stand."""
        shown = self.shown(flow.strands)
        return sorted(range(len(shown)), key=lambda place: live.bundle.wires.index(live.wires[shown[place]]))

    # -- panels ------------------------------------------------------------------------------------------------------

    def panel(
        self, parts: Sequence[Part], takes: Sequence[Flow], entering: Sequence[Live], gives: Sequence[Flow], level: int
    ) -> tuple[Panel, list[Live]]:
        """What is in a region, and what leaves it."""
        making = Making(self, level)
        parts = arranged(parts, gives)
        for flow in (*(flow for part in parts for flow in inputs_of(part)), *gives):
            making.needed[flow] = making.needed.get(flow, 0) + 1
        for flow, live in zip(takes, entering, strict=True):
            making.begin(flow, live)
        for part in parts:
            making.add(part)
        leaving = [making.take(flow) for flow in gives]
        bundles = tuple(tuple(live.bundle for live in lives) for lives in (entering, leaving))
        return Panel(bundles[0], bundles[1], tuple(making.items)), leaving

    def whole(self, region: Region, is_open: bool) -> Panel:
        """The panel of all."""
        entering = [self.new(flow, name_of(self.circuit, flow)) for flow in region.takes]
        parts: Sequence[Part] = region.parts if is_open else [region]
        return self.panel(parts, region.takes, entering, region.gives, int(is_open))[0]

    def block(self, part: Part, taken: Sequence[Live], level: int) -> tuple[Item, list[Live]]:
        """A block, open or closed, and what it gives."""
        flows, inner = inputs_of(part), outputs_of(part)
        panel, leaving = None, []
        if isinstance(part, Region):
            text: Text = (Run(part.title, "sans"),) if part.title else ()
            path, count, parts = part.path, part.count, part.parts
            nodes = sorted({place for step in part.steps for place in step.nodes})
            wrapper = not path and level > 0
            is_open, below = wrapper or self.choice.is_open(path, level), level if wrapper else level + 1
            inner = part.inner_gives
        else:
            text, count, nodes, parts = part.text, 1, sorted(part.nodes), part.inside or []
            path = (*self.circuit.nodes[part.place].block, "attention")
            is_open, below = self.choice.open_attention, level + 1
            inner = parts[-1].outputs
        if is_open:
            entering = [
                self.new(flow, order=self.order_of(flow, live)) for flow, live in zip(flows, taken, strict=True)
            ]
            panel, leaving = self.panel(parts, flows, entering, inner, below)
        if is_open:
            orders = [self.order_of(flow, live) for flow, live in zip(inner, leaving, strict=True)]
        else:
            orders = [self.outside(flow, taken) for flow in outputs_of(part)]
        given = [self.new(flow, order=order) for flow, order in zip(outputs_of(part), orders, strict=True)]
        item = Item(
            "block", tuple(live.bundle for live in taken), tuple(live.bundle for live in given), text=text,
            acts=tuple(wire for live in taken for wire in live.bundle.wires),
            gives=tuple(wire for live in given for wire in live.bundle.wires),
            nodes=tuple(nodes), path=path, count=count, level=max(0, level - 1), panel=panel,
        )  # fmt: skip
        return item, given

    def item(self, step: Step, taken: Sequence[Live]) -> tuple[Item, list[Live]]:
        """A step as an item, and what it gives."""
        given: list[dict[Strand, int]] = [{} for _ in step.outputs]
        for (place, one), (out, other) in step.passing:
            for before, after in zip(drawn([one]), drawn([other]), strict=True):
                if before in taken[place].wires:
                    given[out][after] = taken[place].wires[before]
                    self.relabel(given[out][after], after.axes)
        came = [dict(wires) for wires in given]  # for each strand the wire it was
        for (place, one), (out, other) in zip(step.acts, step.gives, strict=True) if step.kind in KEEPING else ():
            for before, after in zip(self.shown([one]), self.shown([other]), strict=True):
                came[out][after] = taken[place].wires[before]
        for out, flow in enumerate(step.outputs):
            given[out] = {s: given[out][s] if s in given[out] else self.wire(s) for s in self.shown(flow.strands)}
        outputs = [
            Live(Bundle(flow.value, tuple(wires[s] for s in self.order(flow, before, step, taken))), wires)
            for flow, wires, before in zip(step.outputs, given, came, strict=True)
        ]

        def numbers(lives: Sequence[Live], port: Port) -> list[int]:
            return [lives[port[0]].wires[strand] for strand in self.shown([port[1]])]

        def pairs(ports: Sequence[tuple[Port, Port]], lives: Sequence[Live]) -> tuple[tuple[int, int], ...]:
            return tuple(
                pair for one, other in ports for pair in zip(numbers(lives, one), numbers(lives, other), strict=True)
            )

        acts = in_order(taken, (wire for port in step.acts for wire in numbers(taken, port)))
        gives = in_order(outputs, (wire for port in step.gives for wire in numbers(outputs, port)))
        if step.kind in KEEPING:
            now = {before[s]: live.wires[s] for live, before in zip(outputs, came, strict=True) for s in before}
            gives = tuple(now[wire] for wire in acts)
        centre = self.shown([step.centre]) if step.centre is not None else []
        item = Item(
            step.kind, tuple(live.bundle for live in taken), tuple(live.bundle for live in outputs), text=step.text,
            note=step.note, biased=step.biased, nodes=tuple(sorted(step.nodes)), acts=acts, gives=gives,
            centre=next((live.wires[s] for s in centre for live in (*taken, *outputs) if s in live.wires), None),
            pairs=pairs(step.pairs, taken), merges=pairs(step.merges, taken), forks=pairs(step.forks, outputs),
        )  # fmt: skip
        for one, other in item.pairs:
            self.relabel(other, self.wires[one].axes)
        return item, outputs

    def order(self, flow: Flow, came: dict[Strand, int], step: Step, taken: Sequence[Live]) -> list[Strand]:
        """The order of strands: those that come from one array do not cross, unless they are returned so."""
        found = self.shown(flow.strands)
        if flow in self.final or step.kind == "dot":
            return found
        strands = {came[strand]: strand for strand in found if strand in came}
        for live in taken:
            coming = [strands[wire] for wire in live.bundle.wires if wire in strands]
            places = sorted(map(found.index, coming))
            for place, strand in zip(places, coming, strict=True):
                found[place] = strand
        return found

    def outside(self, flow: Flow, taken: Sequence[Live]) -> list[int]:
        """The order of the strands that a closed block gives: those that it also takes stand as they are taken."""
        shown = self.shown(flow.strands)
        found = list(range(len(shown)))
        if flow in self.final:
            return found
        for live in taken[:1]:
            order = sorted(live.wires, key=lambda strand: live.bundle.wires.index(live.wires[strand]))
            passing = [shown.index(strand) for strand in order if strand in shown]
            for place, index in zip(sorted(passing), passing, strict=True):
                found[place] = index
        return found


def in_order(lives: Sequence[Live], wires: Iterable[int]) -> tuple[int, ...]:
    """Wires as they stand in some arrays, from top to bottom."""
    places = {wire: place for place, wire in enumerate(wire for live in lives for wire in live.bundle.wires)}
    return tuple(sorted(wires, key=places.__getitem__))


def name_of(circuit: Circuit, flow: Flow) -> str:
    """What stands at an input: a single letter as a capital; nothing if it has a name only by its place."""
    name = circuit.values[flow.value].name
    if re.fullmatch(r"input\d+", name):
        return ""
    return name.upper() if len(name) == 1 else name


@dataclass
class Making:
    """A panel while it is made.

    Attributes:
        level: how deep what is in it stands.
        needed: how often each array is still taken.
        ready: for each array the bundles that wait for who takes them.
    """

    builder: Builder
    level: int
    items: list[Item] = field(default_factory=list)
    needed: dict[Flow, int] = field(default_factory=dict)
    ready: dict[Flow, list[Live]] = field(default_factory=dict)

    def begin(self, flow: Flow, live: Live) -> None:
        """An array that is there from now on; if nobody takes it, it ends."""
        self.ready[flow] = [live]
        if not self.needed.get(flow):
            self.items.append(Item("end", (live.bundle,), acts=live.bundle.wires))

    def take(self, flow: Flow) -> Live:
        """An array for one who takes it; it is copied when the first of several takes it."""
        if self.needed[flow] > len(self.ready[flow]):
            self.copy(flow)
        self.needed[flow] -= 1
        return self.ready[flow].pop(0)

    def copy(self, flow: Flow) -> None:
        """A copy for each who takes an array: wires go on in the first, and begin at dots in the others."""
        (live,) = self.ready[flow]
        copies = [live]
        for _ in range(self.needed[flow] - 1):
            wires = {strand: self.builder.wire(strand) for strand in live.wires}
            copies.append(Live(Bundle(flow.value, tuple(wires.values())), wires))
        on = Live(Bundle(flow.value, live.bundle.wires), live.wires)
        copies[0] = on
        forks = tuple((on.wires[s], other.wires[s]) for other in copies[1:] for s in live.wires)
        self.items.append(Item("copy", (live.bundle,), tuple(each.bundle for each in copies), forks=forks))
        self.ready[flow] = copies

    def add(self, part: Part) -> None:
        """A further part."""
        taken = [self.take(flow) for flow in inputs_of(part)]
        if isinstance(part, Step) and part.inside is None:
            item, given = self.builder.item(part, taken)
        else:
            item, given = self.builder.block(part, taken, self.level)
        self.items.append(item)
        for flow, live in zip(outputs_of(part), given, strict=True):
            self.begin(flow, live)


def arranged(parts: Sequence[Part], gives: Sequence[Flow]) -> list[Part]:
    """Parts in an order in which each follows what it takes, and that before what is taken after it."""
    maker = {flow: part for part in parts for flow in outputs_of(part)}
    done: dict[Part, None] = {}
    ends = [maker[flow] for flow in gives if flow in maker]
    stack = [(part, False) for part in reversed([*ends, *parts])]
    while stack:
        part, ready = stack.pop()
        if part in done:
            continue
        if ready:
            done[part] = None
        else:
            stack.append((part, True))
            stack += [
                (maker[flow], False) for flow in reversed(inputs_of(part)) if flow in maker and maker[flow] not in done
            ]
    return list(done)
