"""The picture of a circuit."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import get_args

from wirework.circuit.graph import Circuit
from wirework.diagram.labels import Labels, Parts, by_name, legend_line, scaled
from wirework.diagram.picture import Panel, Picture, Text, Wire
from wirework.diagram.reading.divided import divided
from wirework.diagram.reading.panels import Builder, Choice, IsOpen
from wirework.diagram.reading.regions import Region, whole
from wirework.diagram.reading.steps import steps_of
from wirework.diagram.reading.tidying import everything, returned, tidy
from wirework.diagram.reading.turning import turn_outputs
from wirework.diagram.reading.twins import draw_together
from wirework.errors import SemanticError, did_you_mean

MANY = 40  # items, more than which are too many for one look

Path = tuple[str, ...]


def picture(
    circuit: Circuit,
    *,
    depth: int | None = None,
    opened: Collection[Path] | None = None,
    labels: Labels = "name",
    hide: Collection[str] = (),
    open_attention: bool = True,
) -> Picture:
    """What is drawn of a circuit.

    Args:
        circuit: what is drawn.
        depth: blocks to this level are open; 0: the whole is one closed block. `None`: as many levels as stay within
            about 40 items, and at least one.
        opened: instead, exactly the blocks that are open, by their paths.
        labels: what stands above wires: the names of axes, their sizes, or both.
        hide: axes that are not drawn.
        open_attention: whether attention that is one operation is drawn with its steps.

    Raises:
        SemanticError: if there is no such block or axis, or the depth or the labels are none.
    """
    check(circuit, depth, opened, labels, hide)
    known = read_once(circuit)
    if opened is not None:
        chosen = frozenset(opened)
        is_open: IsOpen = lambda path, level: not path or path in chosen  # noqa: E731
        return built(circuit, known, Choice(is_open, labels, hide, open_attention))
    if depth is not None:
        return built(circuit, known, Choice(to_level(depth), labels, hide, open_attention))
    best = built(circuit, known, Choice(to_level(1), labels, hide, open_attention))
    for level in range(2, 2 + max(map(len, circuit.blocks), default=0)):
        further = built(circuit, known, Choice(to_level(level), labels, hide, open_attention))
        if items_in(further.panel) > MANY:
            break
        best = further
    return best


def to_level(depth: int) -> IsOpen:
    """Whether a block of a level is open."""
    return lambda path, level: level < depth


def check(
    circuit: Circuit, depth: int | None, opened: Collection[Path] | None, labels: str, hide: Collection[str]
) -> None:
    """Refuse what there is not."""
    if depth is not None and (isinstance(depth, bool) or not isinstance(depth, int) or depth < 0):
        raise SemanticError(f"the depth of a picture is a whole number from 0 on, not {depth!r}")
    if labels not in get_args(Labels):
        raise SemanticError(f"labels are {', '.join(map(repr, get_args(Labels)))}, not {labels!r}")
    for axis in hide:
        if axis not in circuit.axes:
            raise SemanticError(f"there is no axis {axis!r} to hide{did_you_mean(axis, circuit.axes)}")
    known = {node.block[:end] for node in circuit.nodes for end in range(len(node.block) + 1)}
    for path in opened or ():
        if tuple(path) not in known and tuple(path)[:-1] not in known:
            raise SemanticError(f"there is no block {'.'.join(path)!r}")


@dataclass(frozen=True)
class Read:
    """What all pictures of a circuit have in common.

    Attributes:
        region: its blocks, with the steps in them.
        divided: axes that are called by another one, divided by a number.
    """

    region: Region
    divided: Parts


def read_once(circuit: Circuit) -> Read:
    """What `read` gives, kept with the circuit: a page asks for many pictures of it."""
    kept = vars(circuit)
    if "read" not in kept:
        kept["read"] = read(circuit)
    return kept["read"]


def read(circuit: Circuit) -> Read:
    """A circuit as regions of steps."""
    reader = steps_of(circuit)
    tidy(reader)
    turn_outputs(reader)
    steps = everything(reader.steps)
    entering = [reader.seen[value][0] for value in circuit.inputs]
    leaving = returned(reader)
    draw_together(steps, [*entering, *(flow for step in steps for flow in (*step.inputs, *step.outputs))])
    region = whole(circuit, reader.steps, leaving)
    region.takes, region.gives = entering, leaving
    return Read(region, divided(reader, steps))


def built(circuit: Circuit, read: Read, choice: Choice) -> Picture:
    """The picture of a circuit of which some blocks are open."""
    builder = Builder(circuit, choice, read.divided, frozenset(read.region.gives))
    panel = builder.whole(read.region, choice.is_open((), 0))
    used = used_wires(panel)
    wires = {number: wire for number, wire in builder.wires.items() if number in used}
    return Picture(circuit.name, panel, wires, legend(circuit, read.divided, wires.values(), choice.labels))


def items_in(panel: Panel) -> int:
    """How many items are drawn."""
    return sum(1 + (items_in(item.panel) if item.panel is not None else 0) for item in panel.items)


def used_wires(panel: Panel) -> set[int]:
    """The wires in a panel, and in those in it."""
    found = {wire for bundle in (*panel.inputs, *panel.outputs) for wire in bundle.wires}
    for item in panel.items:
        found |= {wire for bundle in (*item.inputs, *item.outputs) for wire in bundle.wires}
        found |= used_wires(item.panel) if item.panel is not None else set()
    return found


def legend(circuit: Circuit, divided: Parts, wires: Collection[Wire], labels: Labels) -> tuple[Text, ...]:
    """What the labels stand for, where that is not what they say; of axes that are divided, what these are."""
    if labels != "name":
        return ()
    order = {name: place for place, name in enumerate(circuit.axes)}
    shown = {scaled(wire.axes, divided)[0] for wire in wires if wire.label == by_name(wire.axes, divided)}
    known: dict[Text, Text] = {}
    for axes in sorted(shown, key=lambda axes: [order.get(axis, -1) for axis in axes]):
        if any(str(circuit.axes.get(axis, axis)) != axis for axis in axes):
            known.setdefault(by_name(axes, {}), legend_line(axes, circuit.axes))
    return tuple(known.values())
