"""Notes beside a drawing, and tints behind what is to be seen first."""

from __future__ import annotations

from collections.abc import Iterable, Sequence, Set
from dataclasses import dataclass

from wirework.diagram.drawing import curves
from wirework.diagram.drawing.bounds import Box, box_around
from wirework.diagram.drawing.pen import Pen
from wirework.diagram.metrics import width
from wirework.diagram.picture import Run, Style, Text
from wirework.diagram.scene import Path, Shape

SIZE = 13.0  # of the text of a note
LINE = 17.0  # from line to line
WIDE = 230.0  # how long a line is at most
PAD = 7.0
AWAY = 20.0  # between a note and the drawing
APART = 12.0  # between two notes
FRAMES = frozenset({"title", "bracket", "shadow"})  # what belongs to a block, but does not say where it is


@dataclass(frozen=True, slots=True)
class Target:
    """What a note or a highlight is about: everything that one of these names.

    Attributes:
        axes: all wires of these.
        nodes: operations, by their places in `Circuit.nodes`; an open block is meant if all of its operations are.
        values: all wires of these arrays, by their numbers in `Circuit.values`.
        paths: blocks, open or closed, the names on the way to them joined by dots.
    """

    axes: frozenset[str] = frozenset()
    nodes: frozenset[int] = frozenset()
    values: frozenset[int] = frozenset()
    paths: frozenset[str] = frozenset()

    def has(self, shape: Shape) -> bool:
        """Whether a shape is meant."""
        tag = shape.tag
        if tag.wire >= 0:
            return tag.value in self.values or not self.axes.isdisjoint(tag.axes)
        if shape.role in FRAMES:
            return False
        if tag.path and tag.path in self.paths:
            return True
        if shape.role == "fence":
            return bool(tag.nodes) and self.nodes.issuperset(tag.nodes)
        return not self.nodes.isdisjoint(tag.nodes)


@dataclass(frozen=True, slots=True)
class Note:
    """Some words about a part of a drawing."""

    target: Target
    text: str


@dataclass(frozen=True, slots=True)
class Highlight:
    """A tint behind a part of a drawing."""

    target: Target


def lines_of(text: str, size: float, wide: float, style: Style = "sans") -> list[Text]:
    """A text as lines no longer than `wide`, broken between words."""
    lines: list[Text] = []
    for paragraph in text.split("\n"):
        line = ""
        for word in paragraph.split():
            longer = f"{line} {word}".strip()
            if line and width((Run(longer, style),), size) > wide:
                lines.append((Run(line, style),))
                longer = word
            line = longer
        lines.append((Run(line, style),))
    return lines


def draw_highlights(pen: Pen, shapes: Sequence[Shape], highlights: Sequence[Highlight], first: int) -> None:
    """Tint the ground of items, and the run of wires; each highlight has a tint of its own, from `first` on."""
    for index, highlight in enumerate(highlights, start=first):
        _tint(pen, shapes, highlight.target, index)


def _tint(pen: Pen, shapes: Sequence[Shape], target: Target, level: int) -> list[Box]:
    """Tint what is meant; the boxes around each of these things that are among the shapes."""
    boxes = []
    meant = [shape for shape in shapes if target.has(shape)]
    for item in _outermost(shape.tag.item for shape in meant):
        own = [shape for shape in meant if shape.tag.item == item]
        is_open = any(shape.role == "fence" for shape in own)
        if box := box_around(own):
            pen.path("notes", _rectangle(box.grown(4)), "trail" if is_open else "highlight", level=level)
            boxes.append(box.grown(4))
    for shape in meant:
        if isinstance(shape, Path) and shape.role == "wire" and shape.tag.wire >= 0:
            pen.path("notes", shape.commands, "trail", level=level)
            boxes.append(_beginning(shape))
    return boxes


def _beginning(wire: Path) -> Box:
    """The box around a wire where it begins: its first straight piece, or a short one if it bends at once."""
    _, x, y = wire.commands[0]
    name, *to = wire.commands[1]
    return Box(x, y, to[0], y) if name == "L" else Box(x, y, x + 8, y)


def _outermost(items: Iterable[str]) -> list[str]:
    """Those items that are in no other of them, each once."""
    found = dict.fromkeys(item for item in items if item)
    return [item for item in found if not any(item.startswith(f"{other}.") for other in found)]


def _rectangle(box: Box) -> tuple[tuple[str, *tuple[float, ...]], ...]:
    return curves.rectangle(box.left, box.top, box.right - box.left, box.bottom - box.top)


def draw_notes(pen: Pen, shapes: Sequence[Shape], notes: Sequence[Note], written: Set[int]) -> set[int]:
    """Write notes above and below a row of the drawing, where nothing else is, with leaders to what they are about.

    Args:
        pen: of the row.
        shapes: of the row.
        notes: all of the drawing.
        written: the places of those that stand beside a row above: of these only the tint goes on.

    Returns:
        The places of the notes that have been written.
    """
    whole = box_around(shapes)
    if whole is None:
        return set()
    found = []
    for index, note in enumerate(notes):
        boxes = _tint(pen, shapes, note.target, index)
        if boxes and index not in written:
            above = min(box.top for box in boxes) - whole.top <= whole.bottom - max(box.bottom for box in boxes)
            nearest = min(boxes, key=lambda box: box.top) if above else max(boxes, key=lambda box: box.bottom)
            found.append((index, note, nearest, above))
    ends = {True: whole.left - APART, False: whole.left - APART}
    for index, note, box, above in sorted(found, key=lambda entry: (entry[2].middle, entry[0])):
        lines = lines_of(note.text, SIZE, WIDE)
        wide = max(width(line, SIZE) for line in lines) + 2 * PAD
        high = len(lines) * LINE + 2 * PAD - 3
        left = max(box.middle - wide / 2, ends[above] + APART)
        top = whole.top - AWAY - high if above else whole.bottom + AWAY
        ends[above] = left + wide
        _write(pen, Box(left, top, left + wide, top + high), box, lines, above, index)
    return {index for index, *_ in found}


def _write(pen: Pen, box: Box, target: Box, lines: Sequence[Text], above: bool, level: int) -> None:
    """A box with text, and its leader."""
    edge, goal = (box.bottom, target.top) if above else (box.top, target.bottom)
    foot = min(max(target.middle, box.left + 14), box.right - 14)
    tip = min(8.0, (target.right - target.left) / 2)
    leader = ((foot - 12, edge), (foot + 12, edge), (target.middle + tip, goal), (target.middle - tip, goal))
    pen.path("notes", curves.polygon(*leader), "highlight", level=level)
    pen.path("notes", _rectangle(box), "shadow")
    pen.path("notes", _rectangle(box), "note", level=level)
    for number, line in enumerate(lines):
        pen.words((box.left + PAD, box.top + PAD + SIZE * 0.8 + number * LINE), line, SIZE, "note-text")
