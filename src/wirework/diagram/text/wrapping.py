"""A wide drawing in characters, cut into pieces that fit below each other."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from wirework.diagram.text.canvas import Canvas

ON, ON_DOUBLE = "→", "⇒"
UPRIGHT = set(" │║┊┃⎜⎟")
LEAST = 0.6  # of its width that a piece uses


def pieces(canvas: Canvas, width: int, labels: Mapping[int, str], double: Mapping[int, bool]) -> Iterator[list[str]]:
    """The lines of each piece.

    Args:
        canvas: the drawing.
        width: the most columns that a piece may have.
        labels: of wires, which are repeated where a piece begins.
        double: whether a wire is double.
    """
    height, total = canvas.size
    crossing = [cut_at(canvas, column) for column in range(total + 1)]
    start, lead = 0, 0
    while start < total:
        room = max(width - lead, 8)
        if total - start <= room:
            end = total
        else:
            room -= 2  # for the arrow
            candidates = range(start + max(int(room * LEAST), 1), start + room + 1)
            clean = [column for column in candidates if crossing[column] is not None]
            end = min(clean, key=lambda column: (len(crossing[column] or {}), -column)) if clean else start + room
        before = (crossing[start] if start else None) or {}
        after = (crossing[end] if end < total else None) or {}
        lines = []
        for row in range(height):
            head = heading(row, before, lead, labels, double)
            body = "".join(canvas.letter(row, column) for column in range(start, end))
            tail = (ON_DOUBLE if double[after[row]] else ON) if row in after else ""
            lines.append((head + body + tail).rstrip())
        yield squeezed(lines)
        start = end
        lead = max((len(labels[wire]) for wire in after.values()), default=0) + 3


def heading(
    row: int, wires: Mapping[int, int], lead: int, labels: Mapping[int, str], double: Mapping[int, bool]
) -> str:
    """What stands left of a row of a piece that goes on: an arrow, or the label of the wire below."""
    if row in wires:
        twice = double[wires[row]]
        return (ON_DOUBLE if twice else ON) + ("═" if twice else "─") * (lead - 1)
    if row + 1 in wires:
        return f"  {labels[wires[row + 1]]}".ljust(lead)
    return " " * lead


def cut_at(canvas: Canvas, column: int) -> dict[int, int] | None:
    """The wires that cross the left edge of a column, by row; `None` if something else is cut there."""
    height, _ = canvas.size
    if any(canvas.is_whole(row, column) for row in range(height)):
        return None
    crossing = {row: canvas.crossing(row, column) for row in range(height)}
    return {row: wire for row, wire in crossing.items() if wire is not None}


def squeezed(lines: list[str]) -> list[str]:
    """Lines without those that only carry on what the line before has, and without empty ones at either end."""
    kept = [
        line for place, line in enumerate(lines) if not (place and line == lines[place - 1] and set(line) <= UPRIGHT)
    ]
    while kept and not kept[0]:
        kept.pop(0)
    while kept and not kept[-1]:
        kept.pop()
    return kept
