"""How each kind of item is drawn, but for blocks: one small function for each glyph."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from wirework.diagram.drawing import curves
from wirework.diagram.drawing.pen import Glyph
from wirework.diagram.metrics import width
from wirework.diagram.picture import Kind
from wirework.diagram.placed import Point
from wirework.diagram.sizes import (
    ARROW,
    BAR,
    CURVE,
    DOT,
    LABEL,
    LETTER,
    LINEAR,
    MARGIN,
    MASK,
    NOTE,
    PENTAGON,
    PITCH,
    RADIUS,
    STAR,
    STUB,
    TRIANGLE,
    WINDOW,
    WORD,
    conv_text,
    is_letter,
    lane_size,
    linear_text,
    upright,
)  # fmt: skip

CUT = 9.0  # the corner that a plate lacks
CUP_LIMIT = 60.0  # how far a cup reaches to the right at most


def passing(glyph: Glyph) -> None:
    """The wires that go through."""
    place = glyph.place
    for wire in glyph.item.passing:
        if wire in place.ins and wire in place.outs and place.width:
            glyph.wire(wire, (place.x, place.ins[wire]), (glyph.right, place.outs[wire]))


def _enter(glyph: Glyph, x: float) -> None:
    for wire in glyph.item.acts:
        glyph.wire(wire, (glyph.place.x, glyph.place.ins[wire]), (x, glyph.place.ins[wire]))


def _leave(glyph: Glyph, x: float) -> None:
    for wire in glyph.item.gives:
        glyph.wire(wire, (x, glyph.place.outs[wire]), (glyph.right, glyph.place.outs[wire]))


def _heights(glyph: Glyph) -> list[float]:
    """Where the wires are that end in the glyph or begin at it; its middle if there are none."""
    place = glyph.place
    met = [place.ins[wire] for wire in glyph.item.acts] + [place.outs[wire] for wire in glyph.item.gives]
    return sorted(met) or [glyph.middle[1]]


def _forks(glyph: Glyph, x: float) -> None:
    """Dots at which wires begin, and the beginnings of these."""
    outs = glyph.place.outs
    for wire, begins in glyph.item.forks:
        glyph.wire(begins, (x, outs[wire]), (glyph.right, outs[begins]))
    for height in sorted({outs[wire] for wire, _ in glyph.item.forks}):
        glyph.dot(x, height, DOT)


def _merges(glyph: Glyph, x: float) -> None:
    """Dots on which wires end, and the ends of these."""
    place = glyph.place
    for ends, wire in glyph.item.merges:
        glyph.wire(ends, (place.x, place.ins[ends]), (x, place.outs[wire]))
    for height in sorted({place.outs[wire] for _, wire in glyph.item.merges}):
        glyph.dot(x, height, DOT)


def _copy(glyph: Glyph) -> None:
    _forks(glyph, glyph.middle[0])


def _sum(glyph: Glyph) -> None:
    x = glyph.middle[0]
    _merges(glyph, x)
    heights = [glyph.place.outs[wire] for _, wire in glyph.item.merges]
    top = min(heights, default=glyph.middle[1])
    glyph.write((x, top - DOT - LABEL * 0.55), glyph.item.text, LABEL + 3)
    if not heights:
        glyph.dot(x, top, DOT)


def _dot(glyph: Glyph) -> None:
    place, item = glyph.place, glyph.item
    if item.merges:
        _merges(glyph, place.x + 1.5 * DOT)
    tips = [_cup(glyph, *pair) for pair in item.pairs]
    if tips:
        x, y = max(tips)
        end = max(glyph.right, x + STUB)
        glyph.mark(curves.polyline((x, y), (end - 4, y)), "wire")
        glyph.mark(curves.arrow_head(end, y))
        glyph.pen.words((x + 3, y - 5), item.note, LABEL, "glyph-text", tag=glyph.tag)
    elif item.note:
        glyph.pen.words((place.x + 3 * DOT, place.y - 4), item.note, LABEL, "glyph-text", tag=glyph.tag)


def _cup(glyph: Glyph, first: int, second: int) -> Point:
    """Two wires that are joined; where the arrow leaves from them."""
    place = glyph.place
    upper, lower = sorted((first, second), key=lambda wire: place.ins[wire])
    top, bottom = place.ins[upper], place.ins[lower]
    reach = min((bottom - top) / 2, CUP_LIMIT)
    bundle = next(bundle for bundle in glyph.item.inputs if first in bundle.wires)
    double = glyph.pen.picture.wires[first].double
    for offset in (-curves.HALF_GAP, curves.HALF_GAP) if double else (0.0,):
        commands = curves.cup(place.x, top - offset, bottom + offset, reach + offset)
        glyph.pen.wire(first, bundle, commands)
    return place.x + reach + (curves.HALF_GAP if double else 0.0), (top + bottom) / 2


def _linear(glyph: Glyph) -> None:
    place = glyph.place
    right, low = glyph.right, place.y + place.height
    plate = curves.polygon(
        (place.x, place.y), (right, place.y), (right, low), (place.x + CUT, low), (place.x, low - CUT)
    )
    glyph.body(plate, "plate", shadow=True)
    text = linear_text(glyph.item)
    glyph.write((glyph.middle[0] - width(text, LINEAR) / 2, glyph.middle[1]), text, LINEAR, middle=False)
    _note(glyph)


def _function(glyph: Glyph) -> None:
    place, item = glyph.place, glyph.item
    x, y = glyph.middle
    if is_letter(item):
        room = (place.width - width(item.text, LETTER)) / 2 - 2
        _enter(glyph, place.x + room)
        _leave(glyph, glyph.right - room)
        glyph.write((x, sum(_heights(glyph)[:1])), item.text, LETTER)
    else:
        glyph.body(curves.rectangle(place.x, place.y, place.width, place.height), "box")
        glyph.write((x, y), item.text, WORD)
    _note(glyph)


def _note(glyph: Glyph) -> None:
    """What is said of a glyph, under it."""
    place = glyph.place
    glyph.write((glyph.middle[0], place.y + place.height + LABEL * 0.7), glyph.item.note, NOTE, "label")


def _lane(glyph: Glyph) -> None:
    x, y = glyph.middle
    half = width(glyph.item.text, lane_size(glyph.item)) / 2
    glyph.mark(curves.arrow_head(x - half - 1, y, ARROW))
    glyph.write((x, y), glyph.item.text, lane_size(glyph.item))
    glyph.mark(curves.arrow_head(x + half + 2 + ARROW, y, ARROW))


def _softmax(glyph: Glyph) -> None:
    wide, high = TRIANGLE
    x = glyph.middle[0] - wide / 2
    for wire in glyph.item.acts:
        y = glyph.place.ins[wire]
        glyph.body(curves.polygon((x, y), (x + wide, y - high / 2), (x + wide, y + high / 2)), "triangle")


def _norm(glyph: Glyph) -> None:
    place, item = glyph.place, glyph.item
    x = glyph.middle[0]
    centre = item.acts.index(item.centre) if item.centre in item.acts else 0
    main = place.ins[item.acts[centre]] if item.acts else glyph.middle[1]
    for index, (before, after) in enumerate(zip(item.acts, item.gives, strict=True)):
        if index == centre:
            glyph.wire(before, (place.x, main), (x - RADIUS, main))
            glyph.wire(after, (x + RADIUS, main), (glyph.right, place.outs[after]))
        else:
            _statistics(glyph, before, place.ins[before], main, -1)
            _statistics(glyph, after, place.outs[after], main, 1)
    glyph.pen.circle("glyphs", (x, main), RADIUS, "circle", glyph.tag, glyph.share)
    glyph.write((x, main), item.text, WORD - 2)
    _note(glyph)


def _statistics(glyph: Glyph, wire: int, height: float, main: float, side: int) -> None:
    """A wire that curves into the lower, or upper, quarter of a circle from one side, -1 for the left."""
    x, slant = glyph.middle[0], RADIUS * 0.7071
    down = 1 if height > main else -1
    at = (x + side * slant, main + down * slant)
    edge = (glyph.place.x if side < 0 else glyph.right, height)
    start = (x + side * (RADIUS + CURVE), height)
    bundle = next(b for b in (*glyph.item.inputs, *glyph.item.outputs) if wire in b.wires)
    for offset in (-curves.HALF_GAP, curves.HALF_GAP) if glyph.pen.picture.wires[wire].double else (0.0,):
        glyph.pen.wire(wire, bundle, (
            ("M", edge[0], height + offset), ("L", start[0], height + offset),
            ("C", start[0] - side * 9, height + offset, at[0] + side * 5, at[1] + down * 5 + offset, at[0], at[1]),
        ))  # fmt: skip


def _reduce(glyph: Glyph) -> None:
    place, text = glyph.place, glyph.item.text
    heights = _heights(glyph)
    y = (heights[0] + heights[-1]) / 2
    end = glyph.right if not glyph.item.gives else glyph.right - ARROW
    glyph.write((place.x + 3, y), text, WORD + 2, middle=False)
    start = place.x + 5 + width(text, WORD + 2)
    glyph.mark(curves.polyline((start, y), (end - 4, y)), "wire")
    glyph.mark(curves.arrow_head(end, y))
    _leave(glyph, end)


def _bar(glyph: Glyph) -> None:
    x = glyph.middle[0]
    heights = _heights(glyph)
    _enter(glyph, x)
    _leave(glyph, x)
    low, high = heights[0] - PITCH * 0.35, heights[-1] + PITCH * 0.35
    glyph.body(curves.rectangle(x - BAR / 2, low, BAR, high - low), "bar")


def _concat(glyph: Glyph) -> None:
    _bar(glyph)
    _merges(glyph, glyph.middle[0])


def _part(glyph: Glyph) -> None:
    _bar(glyph)
    _forks(glyph, glyph.middle[0])


def _conv(glyph: Glyph) -> None:
    place = glyph.place
    heights = _heights(glyph)
    high = max(place.height, heights[-1] - heights[0] + 2 * MARGIN)
    y = (heights[0] + heights[-1]) / 2
    glyph.body(curves.rectangle(place.x, y - high / 2, place.width, high), "conv")
    text = conv_text(glyph.item)
    x = glyph.middle[0] - (2 * STAR + 3 + width(text, WORD + 2)) / 2
    glyph.mark(curves.star(x + STAR, y + 0.5, STAR))
    glyph.write((x + 2 * STAR + 3, y), text, WORD + 2, middle=False)
    _note(glyph)


def _window(glyph: Glyph) -> None:
    x, y, wide = glyph.place.x, glyph.place.y, glyph.place.width
    high = max(WINDOW[1], glyph.place.height)

    def at(part: float) -> float:
        """How far down a part of the height is, from the side of the places."""
        return y + high * (part if upright(glyph.item) else 1 - part)

    left = (x, at(0.68))
    shape = curves.polygon((x, at(0)), (x + wide, at(0)), (x + wide, at(1)), left)
    glyph.body(shape, "window", shadow=True)
    glyph.mark(curves.polyline(left, (x + wide, at(0.4))), "wire")
    glyph.mark(curves.star(x + wide * 0.4, at(0.27), STAR))
    text = glyph.item.text
    glyph.write((x + wide - width(text, WORD) - 2, at(0.68)), text, WORD, middle=False)


def _index(glyph: Glyph) -> None:
    place = glyph.place
    heights = _heights(glyph)
    x, y, half = place.x, heights[0], PENTAGON[1] / 2
    tip = glyph.right
    for wire in glyph.item.gives:
        glyph.wire(wire, (tip - 10, y), (tip, place.outs[wire]))
    shape = curves.polygon((x, y - half), (tip - 10, y - half), (tip, y), (tip - 10, y + half), (x, y + half))
    glyph.body(shape, "pentagon", shadow=True)
    role = "pentagon-text" if glyph.share is None else "glyph-text"
    glyph.write(((x + tip) / 2 - 3, y), glyph.item.text, WORD + 2, role)


def _mask(glyph: Glyph) -> None:
    place = glyph.place
    heights = _heights(glyph)
    high = max(MASK, heights[-1] - heights[0] + 10)
    x, y = place.x, (heights[0] + heights[-1]) / 2 - high / 2
    right, low = glyph.right, y + high
    glyph.body(curves.rectangle(x, y, place.width, high), "mask")
    glyph.mark(curves.polygon((x, y), (right, y), (right, low)), "masked")


def _source(glyph: Glyph) -> None:
    place = glyph.place
    glyph.body(curves.rectangle(place.x, place.y, place.width, place.height), "source", shadow=True)
    glyph.write(glyph.middle, glyph.item.text, WORD + 2)


def _end(glyph: Glyph) -> None:
    x = glyph.place.x
    for bundle in glyph.item.inputs:
        for wire in bundle.wires:
            height = glyph.place.ins[wire]
            glyph.mark(curves.rectangle(x, height - 4, 1.2, 8), "bar")


GLYPHS: dict[Kind, Callable[[Glyph], None]] = {
    "copy": _copy,
    "sum": _sum,
    "dot": _dot,
    "linear": _linear,
    "function": _function,
    "lane": _lane,
    "softmax": _softmax,
    "norm": _norm,
    "reduce": _reduce,
    "bar": _bar,
    "concat": _concat,
    "part": _part,
    "conv": _conv,
    "window": _window,
    "index": _index,
    "mask": _mask,
    "source": _source,
    "end": _end,
}
WITHOUT_BODY = frozenset({"copy", "sum", "dot", "lane", "reduce", "end"})


def draw_glyph(glyph: Glyph) -> None:
    """Draw an item that is not a block."""
    bare = glyph.item.kind in WITHOUT_BODY or (glyph.item.kind == "function" and is_letter(glyph.item))
    if glyph.share and bare:
        _ground(glyph)
    GLYPHS[glyph.item.kind](glyph)


def _ground(glyph: Glyph) -> None:
    """A tinted ground behind a glyph that has no body of its own to colour."""
    place = glyph.place
    shape = curves.rectangle(place.x - 2, place.y - 2, place.width + 4, place.height + 4)
    glyph.pen.path("notes", shape, "highlight", replace(glyph.tag, title=""), share=glyph.share)
