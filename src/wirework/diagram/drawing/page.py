"""The whole drawing: rows under each other, with names, notes, title, legend and caption."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence, Set

from wirework.diagram.drawing import curves
from wirework.diagram.drawing.bounds import Box, box_around, shifted
from wirework.diagram.drawing.notes import Highlight, Note, draw_highlights, draw_notes, lines_of
from wirework.diagram.drawing.panels import draw_panel
from wirework.diagram.drawing.pen import LAYERS, Pen
from wirework.diagram.drawing.shares import Shares, shares_in
from wirework.diagram.metrics import width
from wirework.diagram.picture import Picture, Run, Text
from wirework.diagram.placed import Layout
from wirework.diagram.scene import Command, Path, Scene, Shape, Tag, Words
from wirework.diagram.sizes import NAME, WORD
from wirework.errors import SemanticError

EDGE = 14.0  # around the whole
BETWEEN = 26.0  # between rows, and between these and what is written around them
HEADING = 18.0  # the sizes of the title,
CAPTION = 13.0  # of the caption
LEGEND = 15.0  # and of the legend
LEGEND_LINES = 4  # in a column of it, at most
SHARES = (0.0, 0.01, 0.04, 0.16, 0.36, 0.64, 1.0)  # on the scale of colours
SWATCH = 38.0  # the width of one of them


def draw(
    picture: Picture,
    rows: Sequence[Layout],
    *,
    title: str = "",
    caption: str = "",
    legend: bool = True,
    notes: Sequence[Note] = (),
    highlights: Sequence[Highlight] = (),
    shares: Mapping[int, float] | None = None,
    shares_of: str = "",
) -> Scene:
    """Draw a picture that has been laid out.

    Args:
        picture: what is drawn.
        rows: its layout, cut into rows; one if it is not cut.
        title: stands above.
        caption: stands below.
        legend: whether a box says what labels stand for.
        notes: words about parts of it.
        highlights: parts that are tinted.
        shares: what part of the whole, from 0 to 1, each operation costs: glyphs are coloured by it.
        shares_of: what they are shares of, for the scale of colours.

    Raises:
        SemanticError: a note is about something that is not in the picture.
    """
    drawn, written, coloured = [], set[int](), shares_in(picture.panel, shares or {})
    for index in range(len(rows)):
        shapes, found = _row(picture, rows, index, notes, highlights, coloured, written)
        drawn.append(shapes)
        written |= found
    for index, note in enumerate(notes):
        if index not in written:
            raise SemanticError(f"the note {note.text!r} is about something that is not drawn")
    shapes = _under_each_other(drawn)
    if legend and picture.legend:
        shapes += _below(shapes, _legend(picture.legend))
    if shares:
        shapes += _below(shapes, _scale(shares_of))
    if caption:
        box = _box(shapes)
        shapes += _below(shapes, _caption(caption, max(box.right - box.left, 240.0)))
    if title:
        shapes += _heading(title, _box(shapes))
    return _scene(shapes, title or picture.name)


def _scene(shapes: Sequence[Shape], title: str) -> Scene:
    box = _box(shapes).grown(EDGE)
    moved = tuple(shifted(shape, -box.left, -box.top) for shape in shapes)
    return Scene(math.ceil(box.right - box.left), math.ceil(box.bottom - box.top), moved, title)


def _box(shapes: Sequence[Shape]) -> Box:
    return box_around(shapes) or Box(0.0, 0.0, 0.0, 0.0)


def _row(
    picture: Picture, rows: Sequence[Layout], index: int, notes: Sequence[Note], highlights: Sequence[Highlight],
    shares: Shares, written: Set[int],
) -> tuple[list[Shape], set[int]]:  # fmt: skip
    """The shapes of a row, in the order in which they are drawn, and which notes it adds."""
    row, pen = rows[index], Pen(picture, shares)
    places = {id(item): place for place, item in enumerate(picture.panel.items)}
    names = {number: str(places.get(id(place.item), number)) for number, place in enumerate(row.places)}
    first, last = index == 0, index == len(rows) - 1
    draw_panel(pen, row, names, ("in" if first else f"row:{index}", "out" if last else f"row:{index + 1}"))
    if first:
        _names(pen, row)
    else:
        _continue_from(pen, row)
    if not last:
        _continue_to(pen, row)
    drawn = [shape for layer in LAYERS for shape in pen.layers[layer]]
    draw_highlights(pen, drawn, highlights, len(notes))
    found = draw_notes(pen, drawn, notes, written)
    pen.layers["wires"].sort(key=lambda shape: shape.tag.wire)
    return [shape for layer in LAYERS for shape in pen.layers[layer]], found


def _names(pen: Pen, row: Layout) -> None:
    """The names of the inputs, left of their wires."""
    for bundle in row.panel.inputs:
        heights = [row.ins[wire] for wire in bundle.wires if wire in row.ins]
        if not bundle.name or not heights:
            continue
        short = len(bundle.name) <= 2
        text: Text = (Run(bundle.name, "italic" if short else "sans"),)
        size = NAME if short else WORD
        middle = (min(heights) + max(heights)) / 2
        pen.words((-8, middle + size * 0.33), text, size, "glyph-text", "end", Tag(value=bundle.value))


def _continue_to(pen: Pen, row: Layout) -> None:
    """Grey arrows at the right end of a row that goes on below."""
    for wire, y in sorted(row.outs.items()):
        x = row.width
        _continuation(pen, wire, (("M", x, y), ("C", x + 11, y, x + 17, y + 2, x + 24, y + 7)))
        pen.path("dots", curves.turned_head(x + 31, y + 12, 0.62), "continuation-head", _continued(pen, wire))


def _continue_from(pen: Pen, row: Layout) -> None:
    """Grey arrows at the left end of a row that goes on from above."""
    for wire, y in sorted(row.ins.items()):
        _continuation(pen, wire, (("M", -38, y - 12), ("C", -32, y - 4, -24, y, -8, y)))
        pen.path("dots", curves.turned_head(0, y, 0), "continuation-head", _continued(pen, wire))


def _continuation(pen: Pen, wire: int, commands: tuple[Command, ...]) -> None:
    double = pen.picture.wires[wire].double
    for offset in (-curves.HALF_GAP, curves.HALF_GAP) if double else (0.0,):
        pen.path("wires", curves.moved(commands, 0, offset), "continuation", _continued(pen, wire))


def _continued(pen: Pen, wire: int) -> Tag:
    return Tag(wire=wire, axes=pen.picture.wires[wire].axes)


def _under_each_other(rows: Sequence[Sequence[Shape]]) -> list[Shape]:
    shapes: list[Shape] = []
    low = 0.0
    for row in rows:
        box = _box(row)
        shapes += [shifted(shape, 0, low - box.top) for shape in row]
        low += box.bottom - box.top + BETWEEN
    return shapes


def _below(shapes: Sequence[Shape], block: Sequence[Shape]) -> list[Shape]:
    """A block of text at the left under what is drawn."""
    above, box = _box(shapes), _box(block)
    return [shifted(shape, above.left - box.left, above.bottom + BETWEEN - box.top) for shape in block]


def _caption(text: str, wide: float) -> list[Shape]:
    lines = lines_of(text, CAPTION, wide, "roman")
    return [Words(0, number * CAPTION * 1.35, line, CAPTION, "caption") for number, line in enumerate(lines)]


def _heading(title: str, box: Box) -> list[Shape]:
    text: Text = (Run(title, "sans"),)
    return [Words((box.left + box.right) / 2, box.top - BETWEEN, text, HEADING, "heading", "middle")]


def _legend(lines: Sequence[Text]) -> list[Shape]:
    """A box that says what labels stand for, in columns under its heading."""
    long = math.ceil(len(lines) / math.ceil(len(lines) / LEGEND_LINES))
    columns = [lines[start : start + long] for start in range(0, len(lines), long)]
    wides = [max(width(line, LEGEND) for line in column) for column in columns]
    wide = max(sum(wides) + 24 * (len(wides) - 1), 80.0) + 24
    high = 30 + long * LEGEND * 1.45
    box = curves.rectangle(0, 0, wide, high)
    shapes: list[Shape] = [Path(box, "shadow"), Path(box, "legend")]
    shapes.append(Words(wide / 2, 17, (Run("Legend", "sans"),), CAPTION, "title", "middle"))
    shapes.append(Path(curves.polyline((10, 23), (wide - 10, 23)), "wire"))
    x = (wide - sum(wides) - 24 * (len(wides) - 1)) / 2
    for column, room in zip(columns, wides, strict=True):
        for number, line in enumerate(column):
            shapes.append(Words(x, 41 + number * LEGEND * 1.45, line, LEGEND, "legend-text"))
        x += room + 24
    return shapes


def _scale(of: str) -> list[Shape]:
    """The colours of shares, from none to all."""
    text: Text = (Run(f"Share of {of}" if of else "Share", "sans"),)
    shapes: list[Shape] = [Words(0, 0, text, CAPTION, "title")]
    x = width(text, CAPTION) + 14
    for share in SHARES:
        label: Text = (Run(f"{share:.0%}", "roman"),)
        shapes.append(Path(curves.rectangle(x, -11, SWATCH, 14), "legend", share=share))
        shapes.append(Words(x + SWATCH / 2, 17, label, CAPTION, "legend-text", "middle"))
        x += SWATCH
    return shapes
