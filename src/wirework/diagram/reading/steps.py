"""A circuit as steps: each kind of operation by the function that reads it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

from wirework.circuit.graph import Circuit, Node
from wirework.diagram.reading import acting, elementwise, linear, views
from wirework.diagram.reading.attention import attention
from wirework.diagram.reading.constants import Constants
from wirework.diagram.reading.norms import find_norm
from wirework.diagram.reading.operands import sides, written
from wirework.diagram.reading.patterns import find_rotary
from wirework.diagram.reading.reader import Reader
from wirework.diagram.reading.strands import Unreadable

READERS: dict[str, Callable[[Reader, int], None]] = {
    "dot": linear.dot,
    "conv": linear.conv,
    "window": acting.window,
    "softmax": acting.softmax,
    "log_softmax": acting.softmax,
    "normalise": acting.normalise,
    "attention": attention,
    "rearrange": views.rearrange,
    "slice": views.sliced,
    "get_at": views.get_at,
    "cast": views.same,
    "dropout": views.same,
    "opaque": acting.opaque,
    **dict.fromkeys(acting.REDUCTIONS, acting.reduction),
    **dict.fromkeys(elementwise.UNARY, elementwise.unary),
    **dict.fromkeys(elementwise.SEVERAL, elementwise.several),
}

PATTERNS: dict[str, Callable[[Reader, int, Node], None]] = {
    "add": find_rotary,
    **dict.fromkeys(("multiply", "divide", "true_divide"), find_norm),
}  # by the kinds of their last operations


def steps_of(circuit: Circuit) -> Reader:
    """All that is known of a circuit after it is read."""
    uses = Counter(value for node in circuit.nodes for value in node.inputs)
    uses.update(circuit.outputs)
    reader = Reader(circuit, Constants(circuit), uses=uses)
    for value in circuit.inputs:
        reader.enter(value)
    for place, node in enumerate(circuit.nodes):
        if node.kind in PATTERNS:
            PATTERNS[node.kind](reader, place, node)
    for place, node in enumerate(circuit.nodes):
        if place in reader.patterns:
            attempt(reader, place, lambda reader, place: reader.patterns[place]())
        elif place not in reader.skipped and any(map(reader.is_data, node.outputs)):
            attempt(reader, place, reader_of(reader, place))
    for value in dict.fromkeys(circuit.outputs):
        if not reader.is_data(value):
            reader.seen[value] = reader.source(len(circuit.nodes) - 1, value, None)
    return reader


def reader_of(reader: Reader, place: int) -> Callable[[Reader, int], None]:
    """What reads an operation: where its kind has none of its own, its brackets say what it acts on."""
    node = reader.node(place)
    if node.kind in READERS:
        if len(node.inputs) == 1 and READERS[node.kind] is elementwise.several:
            return elementwise.unary
        return READERS[node.kind]
    try:
        marked = any(written(each).marked for side in sides(node.expression) for each in side)
    except Unreadable:
        marked = False
    return acting.function if marked else acting.opaque


def attempt(reader: Reader, place: int, read: Callable[[Reader, int], None]) -> None:
    """Read an operation; as a box over all its wires if its expression does not say more."""
    before = len(reader.steps)
    claimed = set(reader.claimed)
    try:
        read(reader, place)
    except Unreadable:
        del reader.steps[before:]
        reader.claimed.clear()
        reader.claimed.update(claimed)
        acting.opaque(reader, place)
