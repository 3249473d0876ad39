"""How large each glyph is, and where wires meet it: the geometry of the drawing language."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from wirework.diagram.metrics import width
from wirework.diagram.picture import Bundle, Item, Kind, Picture, Run, Text
from wirework.diagram.placed import Size

PITCH = 20.0  # between wires of an array
GAP = 30.0  # between the last wire of an array and the first of the next
ABOVE_SEPARATOR = 10.0  # of these, between a wire and the separator under it
DOUBLE = 3.0  # between the two lines of a double wire
DOT = 3.35  # the radius of a dot
STUB = 15.0  # the arrow that leaves a cup or a reduction

LABEL = 14.0  # the sizes of text: of labels of wires and of notes beside glyphs,
NOTE = 11.0  # of what is said under glyphs,
LETTER = 22.0  # of functions in a wire and in a lane,
LINEAR = 26.0  # of the L of a linear map,
WORD = 14.0  # of names in boxes,
TITLE = 13.0  # of titles of blocks,
NAME = 24.0  # and of names of inputs

PLATE = 30.0  # of a linear map: its height, and the least of its width
TRIANGLE = (20.0, 28.0)
RADIUS = 10.0  # of the circle of a normalisation
CURVE = 15.0  # the room beside it for wires that curve into it
CONV = 30.0  # the least width of a convolution
MARGIN = 3.0  # between the edge of a convolution and its wires
STAR = 5.0  # the outer radius of its star
WINDOW = (24.0, 32.0)  # over a wire of space and one of the window
PENTAGON = (35.0, 25.0)
MASK = 30.0
BAR = 3.0
DEPTH = 6.0  # of the faces of a solid
LANE = 18.0  # the height of a lane, which stands wholly above the wires of its array
ARROW = 10.0  # an arrow of a lane

FENCE = 12.0  # between the fence of an open block and what is in it
HEAD = 22.0  # the room of its title at the top of the fence
BRACKET = 22.0  # the room at each side of a block that is repeated, outside its fence


def size(item: Item, picture: Picture) -> Size:
    """The size of an item's glyph.

    Of an open block it is what its title needs: the layout makes its fence, `FENCE` around its layout with `HEAD` for
    the title, and `BRACKET` at both sides if it is repeated. The glyph of a lane is the lane alone. Copies, sums and
    the dots of contractions are as wide as a dot; their height is that of the wires they are on.
    """
    return SIZES[item.kind](item)


def is_letter(item: Item) -> bool:
    """Whether a function is written as a letter in its wire, not in a box."""
    return sum(len(run.text) for run in item.text) <= 2


def upright(item: Item) -> bool:
    """Whether a window gives the places above what it covers."""
    return item.centre is None or item.centre == item.gives[0]


def linear_text(item: Item) -> Text:
    """What stands on the plate of a linear map: L, its name raised, and a + lowered if it is biased."""
    raised = tuple(Run(run.text, run.style, run.overline, 1) for run in item.text)
    return (Run("L", "bold"), *raised, *((Run("+", "roman", level=-1),) if item.biased else ()))


def conv_text(item: Item) -> Text:
    """What stands behind the star of a convolution."""
    return (*item.text, *((Run("+", "roman", level=-1),) if item.biased else ()))


def lane_size(item: Item) -> float:
    """The size of the text of a lane: a letter is larger than a name."""
    return LETTER - 2 if is_letter(item) else WORD + 1


def stacked(wires: tuple[int, ...], bundles: tuple[Bundle, ...], first: float) -> tuple[float, ...]:
    """Heights of wires under each other: by the pitch in an array, by the gap from one array to the next."""
    member = {wire: index for index, bundle in enumerate(bundles) for wire in bundle.wires}
    heights = [first] * len(wires)
    for place in range(1, len(wires)):
        same = member.get(wires[place]) == member.get(wires[place - 1])
        heights[place] = heights[place - 1] + (PITCH if same else GAP)
    return tuple(heights)


def spanning(item: Item, wide: float, margin: float, least: float = 0.0) -> Size:
    """A glyph over its wires, the first of each side at the same height, with a margin above and below them."""
    if max(len(item.acts), len(item.gives)) <= 1:
        margin = max(margin, least / 2)
    ins = stacked(item.acts, item.inputs, margin)
    outs = stacked(item.gives, item.outputs, margin)
    high = max((*ins, *outs, margin)) + margin
    return Size(wide, max(high, least), ins, outs)


def _dots(item: Item) -> Size:
    high = PITCH * max(0, max((len(bundle.wires) for bundle in (*item.inputs, *item.outputs)), default=0) - 1)
    return Size(3 * DOT, high + 2 * DOT)


def _sum(item: Item) -> Size:
    dots = _dots(item)
    return Size(max(dots.width, width(item.text, LABEL)), dots.height, above=PITCH)


def _dot(item: Item) -> Size:
    if not item.pairs:
        return _dots(item)
    count = len(item.pairs)
    last = (2 * count - 2) * PITCH + GAP
    ins = tuple(y for place in range(count) for y in (place * PITCH, last - place * PITCH))
    stub = max(STUB, width(item.note, LABEL) + 6)
    return Size(round(min(last / 2, 2 * GAP) + stub, 1), last, ins)


def _linear(item: Item) -> Size:
    return _noted(item, spanning(item, max(PLATE, width(linear_text(item), LINEAR) + 10), PLATE / 2, PLATE))


def _function(item: Item) -> Size:
    wide = width(item.text, LETTER) + 6 if is_letter(item) else width(item.text, WORD) + 14
    return _noted(item, spanning(item, wide, 12.0, 24.0))


def _noted(item: Item, bare: Size) -> Size:
    """A glyph with room for the note under it."""
    if not item.note:
        return bare
    return replace(bare, width=max(bare.width, width(item.note, NOTE)), below=LABEL + 2)


def _lane(item: Item) -> Size:
    return Size(width(item.text, lane_size(item)) + 2 * ARROW + 6, LANE)


def _softmax(item: Item) -> Size:
    wide, high = TRIANGLE
    ins = tuple(high / 2 + GAP * place for place in range(len(item.acts)))
    return Size(wide, max(1, len(item.acts)) * GAP - GAP + high, ins, ins[: len(item.gives)])


def _norm(item: Item) -> Size:
    side = CURVE if len(item.acts) > 1 or len(item.gives) > 1 else 0.0
    return _noted(item, spanning(item, 2 * (RADIUS + side), RADIUS))


def _reduce(item: Item) -> Size:
    return spanning(item, width(item.text, WORD + 2) + 6 + STUB, PITCH / 2)


def _bar(item: Item) -> Size:
    ins, outs = stacked(item.acts, item.inputs, 0.0), stacked(item.gives, item.outputs, 0.0)
    high = max((*ins, *outs), default=0.0) + PITCH
    return Size(10.0, high, _centred(ins, high), _centred(outs, high))


def _centred(heights: tuple[float, ...], high: float) -> tuple[float, ...]:
    shift = (high - max(heights, default=0.0)) / 2
    return tuple(height + shift for height in heights)


def _conv(item: Item) -> Size:
    wide = width(conv_text(item), WORD + 2)
    return _noted(item, spanning(item, max(CONV, 2 * STAR + 12 + wide), MARGIN, PITCH))


def _window(item: Item) -> Size:
    wide, high = WINDOW
    text = width(item.text, WORD)
    rows = max(2, len(item.gives))
    first = high / 4 if upright(item) else high * 3 / 4 - PITCH
    outs = tuple(first + PITCH * place for place in range(rows))
    ins = outs[: len(item.acts)] if upright(item) else outs[rows - len(item.acts) :]
    box = wide if text <= wide / 2 else wide / 2 + text + 2
    return Size(box, high + PITCH * (rows - 2), ins, outs[: len(item.gives)])


def _index(item: Item) -> Size:
    wide, high = PENTAGON
    return spanning(item, max(wide, width(item.text, WORD + 2) + 18), high / 2)


def _mask(item: Item) -> Size:
    return spanning(item, MASK, (MASK - PITCH) / 2, MASK)


def _source(item: Item) -> Size:
    return spanning(item, max(24.0, width(item.text, WORD + 2) + 12), 12.0)


def _end(item: Item) -> Size:
    return Size(DOT, 0.0)


def _block(item: Item) -> Size:
    title = width(item.text, TITLE)
    if item.panel is not None:
        return Size(title + 2 * FENCE, HEAD + 2 * FENCE, above=0.0)
    times = width((Run(f"×{item.count}", "sans"),), TITLE) + 4 if item.count > 1 else 0.0
    solid = spanning(item, title + times + 20 + DEPTH, PITCH * 0.75, 2 * PITCH)
    return Size(solid.width, solid.height, solid.ins, solid.outs, above=DEPTH)


SIZES: dict[Kind, Callable[[Item], Size]] = {
    "copy": _dots,
    "sum": _sum,
    "dot": _dot,
    "linear": _linear,
    "function": _function,
    "lane": _lane,
    "softmax": _softmax,
    "norm": _norm,
    "reduce": _reduce,
    "bar": _bar,
    "concat": _bar,
    "part": _bar,
    "conv": _conv,
    "window": _window,
    "index": _index,
    "mask": _mask,
    "source": _source,
    "end": _end,
    "block": _block,
}
