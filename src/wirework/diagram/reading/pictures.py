"""The picture of a circuit."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import get_args

from wirework.circuit.graph import Circuit
from wirework.diagram.labels import Labels, legend_line, scaled
from wirework.diagram.picture import Panel, Picture, Text, Wire
from wirework.diagram.reading.panels import Builder, Choice
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
    region = read_once(circuit)
    if opened is not None:
        chosen = frozenset(opened)
        return built(
            circuit, region, Choice(lambda path, level: not path or path in chosen, labels, hide, open_attention)
        )
    if depth is not None:
        return built(circuit, region, Choice(to_level(depth), labels, hide, open_attention))
    best = built(circuit, region, Choice(to_level(1), labels, hide, open_attention))
    for level in range(2, 2 + max(map(len, circuit.blocks), default=0)):
        further = built(circuit, region, Choice(to_level(level), labels, hide, open_attention))
        if items_in(further.panel) > MANY:
            break
        best = further
    return best


def to_level(depth: int) -> Callable[[Path, int], bool]:
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


def read_once(circuit: Circuit) -> Region:
    """What `read` gives, kept with the circuit: a page asks for many pictures of it."""
    kept = vars(circuit)
    if "regions" not in kept:
        kept["regions"] = read(circuit)
    return kept["regions"]


def read(circuit: Circuit) -> Region:
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
    return region


def built(circuit: Circuit, region: Region, choice: Choice) -> Picture:
    """The picture of regions of which some are open."""
    builder = Builder(circuit, choice, frozenset(region.gives))
    panel = builder.whole(region, choice.is_open((), 0))
    used = used_wires(panel)
    wires = {number: wire for number, wire in builder.wires.items() if number in used}
    return Picture(circuit.name, panel, wires, legend(circuit, wires.values(), choice.labels))


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


def legend(circuit: Circuit, wires: Collection[Wire], labels: Labels) -> tuple[Text, ...]:
    """What the labels stand for, where that is not what they say."""
    if labels != "name":
        return ()
    known: dict[Text, Text] = {}
    order = {name: place for place, name in enumerate(circuit.axes)}
    for wire in sorted(wires, key=lambda wire: [order.get(axis, -1) for axis in wire.axes]):
        named = any(str(circuit.axes.get(axis, axis)) != axis for axis in wire.axes)
        if named and not scaled(wire.axes, circuit.axes) and wire.label not in known:
            line = legend_line(wire.axes, circuit.axes)
            if line[: len(wire.label)] == wire.label:
                known[wire.label] = line
    return tuple(known.values())
