"""`text`: a layout in Unicode, wrapped to the width of a terminal."""

from __future__ import annotations

from textwrap import wrap
from unicodedata import normalize

from wirework.diagram.picture import Picture, plain
from wirework.diagram.placed import Layout
from wirework.diagram.text.drawing import canvas
from wirework.diagram.text.wrapping import pieces

NARROWEST = 20  # columns
PLAIN = {
    **dict.fromkeys("─╌┄━", "-"), **dict.fromkeys("═", "="), **dict.fromkeys("│┊┃⎜⎟║┨┠", "|"),
    **dict.fromkeys("╭╮╰╯├┤┬┴┼┌┐└┘┏┓┗┛⎛⎞⎝⎠╂", "+"), **dict.fromkeys("╒╕╘╛╞╡╤╧╪╓╖╙╜╟╢╥╨╫╔╗╚╝╠╣╦╩╬", "#"),
    "╳": "X", "●": "o", "⊕": "+", "⊖": "-", "⊗": "*", "⊙": "*", "⊘": "/", "○": "O", "◁": "<", "▸": ">", "❯": ">",
    "→": ">", "⇒": ">", "⟦": "[", "⟧": "]", "★": "*", "×": "x", "₊": "+", "◣": "\\", "∗": "*", "−": "-",
}  # fmt: skip


def text(
    picture: Picture, layout: Layout, width: int = 80, *, title: str = "", caption: str = "", legend: bool = True
) -> str:
    """A drawing for a terminal, ending in a line break.

    Args:
        picture: what is drawn.
        layout: its places: the order of items and wires is kept.
        width: of the terminal, in characters. What is wider goes on below, from arrow to arrow.
        title: stands above it.
        caption: stands below it.
        legend: whether sizes of axes stand below it.
    """
    labels = {number: plain(wire.label) for number, wire in picture.wires.items()}
    double = {number: wire.double for number, wire in picture.wires.items()}
    found = pieces(canvas(picture, layout), max(width, NARROWEST), labels, double)
    drawn = [line for piece in found for line in [*piece, ""]]
    said = ", ".join(plain(line) for line in picture.legend) if legend else ""
    lines = [*paragraph(title, width), *drawn, *paragraph(said, width), *paragraph(caption, width)]
    return "\n".join(lines).rstrip("\n") + "\n"


def paragraph(words: str, width: int) -> list[str]:
    """Lines of words with an empty one behind them; none if nothing is said."""
    return [*wrap(words, max(width, NARROWEST)), ""] if words.strip() else []


def ascii_only(drawing: str) -> str:
    """A drawing without characters that are not ASCII, for a terminal that has no others."""
    return "".join(map(plainest, drawing))


def plainest(letter: str) -> str:
    """The ASCII character that is most like another one."""
    found = PLAIN.get(letter) or normalize("NFKD", letter)[0]
    return found if found.isascii() else "?"
