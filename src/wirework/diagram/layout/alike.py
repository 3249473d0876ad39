"""Panels that differ in nothing but numbers, and paths: they are laid out once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from wirework.diagram.layout.frames import Frame
from wirework.diagram.picture import Bundle, Item, Panel, Picture, Text
from wirework.diagram.placed import Layout, Place

Numbers = dict[int, int]


@dataclass(frozen=True, slots=True)
class Likeness:
    """What the layout of a panel depends on: the same for all that look alike.

    Attributes:
        panel: with wires and values numbered as they come.
        block: around it, without what is in it.
        labels: of the wires.
        ins: the heights of the wires that come to it.
    """

    panel: Panel
    block: Item | None
    labels: tuple[Text, ...]
    ins: tuple[tuple[int, float], ...]


@dataclass(slots=True)
class Counter:
    """Numbers of wires and of values, in the order in which they come."""

    wires: Numbers = field(default_factory=dict)
    values: Numbers = field(default_factory=dict)

    def wire(self, number: int) -> int:
        """The place of a wire among all that have come."""
        return self.wires.setdefault(number, len(self.wires))

    def value(self, number: int) -> int:
        """The place of a value."""
        return self.values.setdefault(number, len(self.values))


@dataclass(frozen=True, slots=True)
class Known:
    """The layouts that have been made, each with the numbers of its wires and values as they come."""

    layouts: dict[Likeness, tuple[Layout, Counter]] = field(default_factory=dict)

    def find(self, likeness: Likeness, panel: Panel, counter: Counter) -> Layout | None:
        """The layout of a panel, if one that is like it has been laid out."""
        if likeness not in self.layouts:
            return None
        layout, other = self.layouts[likeness]
        wires = dict(zip(other.wires, counter.wires, strict=True))
        values = dict(zip(other.values, counter.values, strict=True))
        return _renumbered(layout, panel, wires, values)

    def keep(self, likeness: Likeness, layout: Layout, counter: Counter) -> None:
        """Keep a layout for panels that are like its own."""
        self.layouts[likeness] = layout, counter


def likeness(picture: Picture, panel: Panel, frame: Frame) -> tuple[Likeness, Counter]:
    """What the layout of a panel depends on, and the numbers that it has in the place of these."""
    counter = Counter()
    numbered = _numbered(panel, counter)
    block = frame.block and replace(
        frame.block, inputs=(), outputs=(), acts=(), gives=(), nodes=(), path=(), panel=None
    )
    labels = tuple(picture.wires[wire].label for wire in counter.wires)
    ins = tuple((counter.wire(wire), height) for wire, height in frame.ins.items())
    return Likeness(numbered, block, labels, ins), counter


def _numbered(panel: Panel, counter: Counter) -> Panel:
    return Panel(
        tuple(_bundle(bundle, counter) for bundle in panel.inputs),
        tuple(_bundle(bundle, counter) for bundle in panel.outputs),
        tuple(_item(item, counter) for item in panel.items),
    )


def _bundle(bundle: Bundle, counter: Counter) -> Bundle:
    return Bundle(counter.value(bundle.value), tuple(map(counter.wire, bundle.wires)), bundle.name)


def _item(item: Item, counter: Counter) -> Item:
    two = lambda pairs: tuple((counter.wire(one), counter.wire(other)) for one, other in pairs)  # noqa: E731
    return replace(
        item,
        inputs=tuple(_bundle(bundle, counter) for bundle in item.inputs),
        outputs=tuple(_bundle(bundle, counter) for bundle in item.outputs),
        acts=tuple(map(counter.wire, item.acts)),
        gives=tuple(map(counter.wire, item.gives)),
        pairs=two(item.pairs),
        merges=two(item.merges),
        forks=two(item.forks),
        nodes=(),
        path=(),
        panel=item.panel and _numbered(item.panel, counter),
    )


def _renumbered(layout: Layout, panel: Panel, wires: Mapping[int, int], values: Mapping[int, int]) -> Layout:
    """A layout of a panel, from that of another one that is like it."""
    own = {bundle: replace(bundle, value=values[bundle.value], wires=tuple(wires[wire] for wire in bundle.wires))
           for bundle in dict.fromkeys(stretch.bundle for stretch in layout.stretches)}  # fmt: skip
    places = zip(layout.places, panel.items, strict=True)
    return replace(
        layout,
        panel=panel,
        places=tuple(_place(place, item, wires, values) for place, item in places),
        stretches=tuple(
            replace(stretch, wire=wires[stretch.wire], bundle=own[stretch.bundle]) for stretch in layout.stretches
        ),
        ins=_heights(layout.ins, wires),
        outs=_heights(layout.outs, wires),
    )


def _place(place: Place, item: Item, wires: Mapping[int, int], values: Mapping[int, int]) -> Place:
    inside = place.inside
    if inside is not None and item.panel is not None:
        inside = _renumbered(inside, item.panel, wires, values)
    return replace(place, item=item, ins=_heights(place.ins, wires), outs=_heights(place.outs, wires), inside=inside)


def _heights(heights: Mapping[int, float], wires: Mapping[int, int]) -> dict[int, float]:
    return {wires[wire]: height for wire, height in heights.items()}
