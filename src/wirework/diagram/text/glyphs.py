"""Each kind of item in characters."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from wirework.diagram.picture import Item, plain
from wirework.diagram.text.canvas import Canvas
from wirework.diagram.text.parts import Glyph

BOXES = {  # what stands left and right of the text where a glyph is on one row only
    "linear": "[]", "function": "[]", "conv": "⟦⟧", "window": "⟦⟧", "index": "[❯", "source": "[]", "mask": "[]",
    "reduce": "",
}  # fmt: skip
INVISIBLE = ("copy", "sum", "end")  # dots and ends of wires are all that is drawn of them
LIGHT, HEAVY = "┌─┐│└┘┤├", "┏━┓┃┗┛┨┠"
PLUS = "₊"


def is_framed(item: Item, count: int) -> bool:
    """Whether an item that meets wires on so many heights has a frame with rows above and below."""
    return item.kind == "block" or (item.kind in BOXES and count > 1)


def inscription(item: Item) -> str:
    """The text in an item."""
    text, plus = plain(item.text), PLUS if item.biased else ""
    note = f" {plain(item.note)}" if item.note and item.kind != "dot" else ""
    match item.kind:
        case "linear":
            return f"L{'^' if text else ''}{text}{plus}{note}"
        case "conv" | "window":
            return f"★{text}{plus}{note}"
        case "mask":
            return f"◣{text}{note}"
        case "lane":
            return f"▸{text}▸{note}"
        case "reduce":
            return f"{text}▸{note}"
        case "block":
            return f"{text} ×{item.count}" if item.count > 1 else text
        case "norm":
            return f"○{note}"
        case _:
            return text + note


def width(glyph: Glyph) -> int:
    """How many columns a glyph needs."""
    item, text = glyph.item, inscription(glyph.item)
    if item.kind in INVISIBLE:
        return 0
    if item.kind == "dot":
        return len(item.pairs) + (1 if item.pairs else 0) + len(plain(item.note))
    if item.kind in ("bar", "concat", "part", "softmax"):
        return 1
    if item.kind in BOXES and not is_framed(item, len(glyph.heights)):
        return len(text) + len(BOXES[item.kind])
    return len(text) + (4 if item.kind == "block" else 2 if item.kind in BOXES else 0)


def draw(
    canvas: Canvas, glyph: Glyph, rows: Mapping[float, int], left: int, right: int, double: Mapping[int, bool]
) -> None:
    """Draw a glyph between two columns; some wires are double."""
    item = glyph.item
    ins = {wire: rows[height] for wire, height in glyph.ins.items()}
    outs = {wire: rows[height] for wire, height in glyph.outs.items()}
    spot = Spot(canvas, item, ins, outs, rows.get(glyph.middle, 0), left, right, double)
    if item.kind in INVISIBLE:
        return
    if item.kind == "dot":
        cup(spot)
    elif item.kind == "lane":
        spot.centre(min(spot.passed) - 1 if spot.passed else spot.middle, inscription(item))
    elif item.kind == "softmax":
        for wire in item.acts:
            spot.pass_through(ins[wire], wire)
            spot.centre(ins[wire], "◁")
    elif item.kind == "norm":
        circle(spot)
    elif item.kind in ("bar", "concat", "part"):
        bar(spot)
    elif is_framed(item, len(glyph.heights)):
        frame(spot)
    else:
        left_side, right_side = BOXES[item.kind] or ("", "")
        text = f"{left_side}{inscription(item)}{right_side}"
        row = spot.met[0] if spot.met else spot.middle
        if item.acts and item.gives:
            spot.pass_through(row, item.acts[0])
        spot.centre(row, text)


@dataclass(frozen=True, slots=True)
class Spot:
    """Where a glyph is drawn: between two columns, with the rows of its wires."""

    canvas: Canvas
    item: Item
    ins: Mapping[int, int]
    outs: Mapping[int, int]
    middle: int
    left: int
    right: int
    double: Mapping[int, bool]

    @property
    def met(self) -> list[int]:
        """The rows of the wires that end or begin in it, from the top."""
        return sorted({*(self.ins[wire] for wire in self.item.acts), *(self.outs[wire] for wire in self.item.gives)})

    @property
    def passed(self) -> set[int]:
        """The rows of the wires that pass."""
        return {self.outs[wire] for wire in self.item.passing}

    def centre(self, row: int, text: str) -> None:
        """Write a text in the middle of the columns."""
        self.canvas.write(row, self.left + max(self.right - self.left - len(text), 0) // 2, text)

    def pass_through(self, row: int, wire: int) -> None:
        """Join what enters on a row with what leaves on it."""
        self.canvas.write(row, self.left, self.across(wire) * (self.right - self.left))

    def across(self, wire: int) -> str:
        """A piece of a wire."""
        return "═" if self.double[wire] else "─"


def cup(spot: Spot) -> None:
    """Wires that are joined, the inner pairs first, and the arrow of what they give."""
    item, canvas = spot.item, spot.canvas
    if not item.pairs:
        row = min([*spot.outs.values(), *spot.ins.values()], default=spot.middle)
        canvas.write(row - 1, spot.left, plain(item.note))
        return
    pairs = sorted((*sorted((spot.ins[one], spot.ins[two])), one) for one, two in item.pairs)
    top, bottom, double = 0, 0, False
    for place, (top, bottom, wire) in enumerate(sorted(pairs, key=lambda pair: pair[1] - pair[0])):
        column, double = spot.left + place, spot.double[wire]
        for row in (top, bottom):
            canvas.write(row, spot.left, spot.across(wire) * place)
        canvas.write(top, column, "╗" if double else "╮")
        for row in range(top + 1, bottom):
            canvas.write(row, column, "║" if double else "│")
        canvas.write(bottom, column, "╝" if double else "╯")
    canvas.write((top + bottom) // 2, spot.left + len(pairs) - 1, f"{'╟' if double else '├'}▸{plain(item.note)}")


def circle(spot: Spot) -> None:
    """A circle on a wire, joined to other wires over which it takes its statistics."""
    centre = spot.item.centre if spot.item.centre is not None else spot.item.acts[0]
    first, others = spot.ins[centre], [spot.ins[wire] for wire in spot.item.acts if wire != centre]
    for wire in spot.item.acts:
        spot.pass_through(spot.ins[wire], wire)
    text = inscription(spot.item)
    column = spot.left + max(spot.right - spot.left - len(text), 0) // 2
    for other in others:
        top, bottom = min(first, other), max(first, other)
        for row in range(top + 1, bottom):
            spot.canvas.write(row, column, "┼" if row in spot.passed or row in others else "│")
        spot.canvas.write(other, column, "┴" if other > first else "┬")
    spot.canvas.write(first, column, text)


def bar(spot: Spot) -> None:
    """A thick bar from the first to the last of the wires that meet it."""
    merged = [spot.ins[wire] for wire, _ in spot.item.merges] + [spot.outs[wire] for _, wire in spot.item.forks]
    rows = sorted({*spot.met, *merged})
    column = (spot.left + max(spot.right - 1, spot.left)) // 2
    for wires, (start, end) in ((spot.item.acts, (spot.left, column)), (spot.item.gives, (column, spot.right))):
        for wire in wires:
            row = spot.ins[wire] if wires is spot.item.acts else spot.outs[wire]
            spot.canvas.write(row, start, spot.across(wire) * (end - start))
    for row in range(rows[0] if rows else spot.middle, (rows[-1] if rows else spot.middle) + 1):
        spot.canvas.write(row, column, "╂" if row in spot.passed else "┃")


def frame(spot: Spot) -> None:
    """A box over all wires that meet it, with its text; wires that pass go through it."""
    canvas, item = spot.canvas, spot.item
    across, down = (HEAVY[1], HEAVY[3]) if item.kind == "block" else (LIGHT[1], LIGHT[3])
    corners = HEAVY if item.kind == "block" else LIGHT
    rows = spot.met or [spot.middle]
    top, bottom, last = rows[0] - 1, rows[-1] + 1, spot.right - 1
    inner = last - spot.left - 1
    canvas.write(top, spot.left, corners[0] + across * inner + corners[2])
    canvas.write(bottom, spot.left, corners[4] + across * inner + corners[5])
    entering = {spot.ins[wire] for wire in item.acts}
    leaving = {spot.outs[wire] for wire in item.gives}
    free = [row for row in range(top + 1, bottom) if row not in spot.passed]
    for row in free:
        canvas.write(row, spot.left, corners[6] if row in entering else down)
        canvas.write(row, last, corners[7] if row in leaving else down)
        canvas.write(row, spot.left + 1, " " * inner)
    row = min(free, key=lambda row: abs(2 * row - top - bottom), default=top)
    spot.centre(row, inscription(item))
