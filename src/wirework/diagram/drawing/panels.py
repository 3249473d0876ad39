"""A panel: its items, its wires with their labels, and the dashed lines between arrays."""

from __future__ import annotations

from collections.abc import Mapping

from wirework.diagram.drawing import curves
from wirework.diagram.drawing.blocks import draw_fence, draw_solid
from wirework.diagram.drawing.glyphs import draw_glyph, passing
from wirework.diagram.drawing.pen import Glyph, Pen
from wirework.diagram.picture import Item, plain
from wirework.diagram.placed import Layout, Place, Stretch
from wirework.diagram.scene import Tag
from wirework.diagram.sizes import LABEL

RISE = 4.0  # how far above its wire a label stands


def draw_panel(pen: Pen, layout: Layout, names: Mapping[int, str], edges: tuple[str, str]) -> None:
    """Draw a layout.

    Args:
        pen: at the place of the layout.
        layout: of the panel, or of a row of it.
        names: of its items, by their place in the layout's panel.
        edges: what its left and its right edge are called.
    """
    for index, place in enumerate(layout.places):
        draw_item(pen, place, names[index])
    for separator in layout.separators:
        pen.path("wires", curves.polyline(*separator.points), "separator")
    for stretch in layout.stretches:
        source = names[stretch.source] if stretch.source >= 0 else edges[0]
        target = names[stretch.target] if stretch.target >= 0 else edges[1]
        draw_stretch(pen, stretch, (source, target))


def draw_item(pen: Pen, place: Place, name: str) -> None:
    """Draw an item, with all that is in it if it is an open block."""
    item = place.item
    tag = Tag(item=name, nodes=item.nodes, path=".".join(item.path), title=told(item))
    if place.inside is None:
        glyph = Glyph(pen, place, tag, pen.shares.of(item, pen.times))
        passing(glyph)
        if item.kind == "block":
            draw_solid(glyph)
        else:
            draw_glyph(glyph)
    else:
        draw_fence(Glyph(pen, place, tag, None))
        inner = pen.inside(name, place.x, place.y, item.count)
        names = {index: inner.called(index) for index in range(len(place.inside.places))}
        draw_panel(inner, place.inside, names, (inner.edge("in"), inner.edge("out")))


def told(item: Item) -> str:
    """What a reader is told who points at an item: what it is, what is written on it, and how often it is repeated."""
    name = ".".join(item.path) if item.path else item.kind
    said = dict.fromkeys(word for word in (name, plain(item.text)) if word)
    return " ".join(said) + (f" ×{item.count}" if item.count > 1 else "")


def draw_stretch(pen: Pen, stretch: Stretch, ends: tuple[str, str]) -> None:
    """Draw a piece of a wire from item to item, and its label."""
    wire = pen.picture.wires[stretch.wire]
    pen.wire(stretch.wire, stretch.bundle, curves.lines(stretch.points, wire.double), ends)
    if stretch.label is None:
        return
    x, y = stretch.label
    rise = RISE + (curves.HALF_GAP if wire.double else 0.0)
    tag = Tag(wire=wire.number, value=stretch.bundle.value, axes=wire.axes)
    pen.words((x, y - rise), wire.label, LABEL, "label", tag=tag)
