"""Blocks: fences around what is open, solids for what is closed, brackets around what is repeated."""

from __future__ import annotations

from wirework.diagram.drawing import curves
from wirework.diagram.drawing.pen import Glyph
from wirework.diagram.metrics import width
from wirework.diagram.picture import Run, Text
from wirework.diagram.sizes import BRACKET, DEPTH, HEAD, TITLE

BULGE = 11.0  # of a bracket


def count_text(count: int) -> Text:
    """How often a block is repeated."""
    return (Run(f"×{count}", "sans"),)


def draw_fence(glyph: Glyph) -> None:
    """The tinted fence of an open block, its title at the top, and brackets around it if it is repeated."""
    place, item = glyph.place, glyph.item
    room = BRACKET if item.count > 1 else 0.0
    x, wide = place.x + room, place.width - 2 * room
    fence = curves.rectangle(x, place.y, wide, place.height)
    glyph.pen.path("fences", fence, "shadow")
    glyph.pen.path("fences", fence, "fence", glyph.tag, item.level, glyph.share)
    glyph.pen.words((x + wide / 2, place.y + HEAD * 0.72), item.text, TITLE, "title", "middle", glyph.tag)
    if item.count > 1:
        _brackets(glyph)


def _brackets(glyph: Glyph) -> None:
    place = glyph.place
    for x, bulge in ((place.x + BRACKET - 2, -BULGE), (glyph.right - BRACKET + 2, BULGE)):
        shape = curves.bracket(x, place.y - 2, place.height + 4, bulge)
        glyph.pen.path("glyphs", shape, "bracket", glyph.tag)
    text = count_text(glyph.item.count)
    glyph.pen.words((glyph.right - BRACKET + 8, place.y + 7), text, TITLE, "title", tag=glyph.tag)


def draw_solid(glyph: Glyph) -> None:
    """The solid box of a closed block, with faces at its top and its right, and its title."""
    place, item = glyph.place, glyph.item
    x, y, high, right = place.x, place.y, place.height, glyph.right
    front = right - DEPTH
    outline = ((x, y), (x + DEPTH, y - DEPTH), (right, y - DEPTH), (right, y + high - DEPTH), (front, y + high))
    glyph.pen.path("shadows", curves.polygon(*outline, (x, y + high)), "shadow")
    top = curves.polygon((x, y), (x + DEPTH, y - DEPTH), (right, y - DEPTH), (front, y))
    side = curves.polygon((front, y), (right, y - DEPTH), (right, y + high - DEPTH), (front, y + high))
    glyph.pen.path("glyphs", top, "solid-top", glyph.tag, item.level, glyph.share)
    glyph.pen.path("glyphs", side, "solid-side", glyph.tag, item.level, glyph.share)
    glyph.body(curves.rectangle(x, y, front - x, high), "solid")
    _solid_title(glyph, (x + front) / 2)


def _solid_title(glyph: Glyph, x: float) -> None:
    """The title of a closed block, and behind it how often it is repeated."""
    text = glyph.item.text
    if glyph.item.count > 1:
        text = (*text, Run(" ", "sans"), *count_text(glyph.item.count))
    if width(text, TITLE):
        glyph.pen.words((x, glyph.middle[1] + TITLE * 0.33), text, TITLE, "title", "middle", glyph.tag)
