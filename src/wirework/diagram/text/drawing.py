"""A layout on a canvas of characters."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from wirework.diagram.picture import Picture
from wirework.diagram.placed import Layout
from wirework.diagram.text import glyphs
from wirework.diagram.text.canvas import DOWN, LEFT, RIGHT, UP, Canvas
from wirework.diagram.text.columns import Room, columns
from wirework.diagram.text.parts import Bend, Dash, Fence, Glyph, Label, Part, Strand, names, near, parts
from wirework.diagram.text.routes import Obstacle, Track, routes
from wirework.diagram.text.rows import rows


def canvas(picture: Picture, layout: Layout) -> Canvas:
    """Draw a layout: its order of wires and items, in rows and columns that are as narrow as can be."""
    labels = {number: wire.label for number, wire in picture.wires.items()}
    found = list(parts(layout, labels))
    heights = rows(found)
    edges = sorted({0.0, near(layout.width), *(x for part in found for x in edges_of(part))})
    bends = [bend for part in found if isinstance(part, Strand) for bend in part.bends]
    tracks = routes(bends, heights, edges, [each for part in found for each in obstacles(part, heights)])
    places = columns(edges, [*(room for part in found for room in rooms(part)), *rooms_of(tracks, edges)])
    called = list(names(layout))
    margin = max((len(name.text) + 1 for name in called), default=0)
    places = {edge: column + margin for edge, column in places.items()}
    drawn = Canvas()
    for name in called:
        drawn.write((heights[name.top] + heights[name.bottom]) // 2, 0, name.text)
    pen = Pen(drawn, heights, places, {number: wire.double for number, wire in picture.wires.items()})
    pen.put_tracks(tracks, edges)
    for part in found:
        pen.draw(part)
    for part in found:
        if isinstance(part, Label):
            pen.label(part)
    return drawn


def edges_of(part: Part) -> tuple[float, ...]:
    """Where a part begins and ends."""
    match part:
        case Glyph() | Fence() | Strand():
            return part.left, part.right
        case Label():
            return part.x, part.end
        case _:
            return ()


def rooms(part: Part) -> Iterator[Room]:
    """The columns that a part needs."""
    match part:
        case Glyph():
            yield Room(part.left, part.right, glyphs.width(part))
        case Fence():
            yield Room(part.left, part.right, len(title(part)) + 6)
        case Label():
            yield Room(part.x, part.end, len(part.text))
        case Strand() if not part.bends:
            yield Room(part.left, part.right, 2)


def rooms_of(tracks: Sequence[Track], edges: Sequence[float]) -> Iterator[Room]:
    """The columns that bends need."""
    needed: dict[int, int] = defaultdict(int)
    for track in tracks:
        needed[track.gap] = max(needed[track.gap], track.column + track.move.width)
    for gap, count in needed.items():
        yield Room(edges[gap], edges[gap + 1], count + 2)


def obstacles(part: Part, heights: Mapping[float, int]) -> Iterator[Obstacle]:
    """What wires should go around."""
    if isinstance(part, Glyph) and part.item.kind not in glyphs.INVISIBLE:
        frame = int(glyphs.is_framed(part.item, len(part.heights)))
        met = [heights[height] for height in part.heights] or [heights.get(part.middle, 0)]
        yield Obstacle(part.left, part.right, min(met) - frame, max(met) + frame)
    if isinstance(part, Label) and part.x < part.end:
        yield Obstacle(part.x, part.end, heights[part.y] - 1, heights[part.y] - 1)


def title(fence: Fence) -> str:
    """What stands in the upper edge of a fence."""
    return glyphs.inscription(fence.item)


@dataclass(frozen=True, slots=True)
class Hop:
    """A wire leaves a row in one column, and is on another row from the other column on."""

    left: int
    right: int
    start: int
    end: int


class Pen:
    """Draws parts on a canvas.

    Args:
        canvas: where.
        rows: of heights.
        columns: of edges.
        double: whether a wire is double.
    """

    def __init__(
        self, canvas: Canvas, rows: Mapping[float, int], columns: Mapping[float, int], double: Mapping[int, bool]
    ) -> None:
        self.canvas = canvas
        self.rows = rows
        self.columns = columns
        self.edges = sorted(columns)
        self.double = double
        self.hops: dict[Bend, list[Hop]] = defaultdict(list)

    def put_tracks(self, tracks: Sequence[Track], edges: Sequence[float]) -> None:
        """Remember where each bend changes rows. Two that change places cross at once."""
        for track in tracks:
            column, move = self.columns[edges[track.gap]] + 1 + track.column, track.move
            last = column + move.width - 1
            self.hops[move.bend].append(Hop(column, last, move.start, move.end))
            if move.other is not None:
                self.hops[move.other].append(Hop(column, last, move.end, move.start))
                self.canvas.write(move.start + 1, column + 1, "╳")

    def draw(self, part: Part) -> None:
        """Draw a part, unless it is a label."""
        match part:
            case Strand():
                self.strand(part)
            case Fence():
                self.fence(part)
            case Dash():
                self.dash(part)
            case Glyph():
                left, right = self.columns[part.left], self.columns[part.right]
                for wire in part.item.passing:
                    self.canvas.level(self.rows[part.outs[wire]], left, right, wire, self.double[wire])
                glyphs.draw(self.canvas, part, self.rows, left, right, self.double)

    def strand(self, strand: Strand) -> None:
        """A wire with all its bends."""
        double = self.double[strand.wire]
        column, row = self.columns[strand.left], self.rows[strand.start]
        for bend in strand.bends:
            for hop in self.hops[bend]:
                if bend.forks:
                    self.canvas.write(hop.start, hop.left, bend.dot)
                else:
                    self.canvas.level(hop.start, column, hop.left, strand.wire, double)
                    self.canvas.corner(hop.start, hop.left, LEFT, strand.wire, double)
                self.hop(hop, double)
                self.canvas.corner(hop.end, hop.right, RIGHT, strand.wire, double)
                column, row = hop.right + 1, hop.end
        last = strand.bends[-1] if strand.bends else None
        if last is not None and last.merges and self.hops[last]:
            self.canvas.write(row, column - 1, last.dot)
        else:
            self.canvas.level(row, column, self.columns[strand.right], strand.wire, double)

    def hop(self, hop: Hop, double: bool) -> None:
        """A wire from one row to another: upright, or, across another one, only its beginning and its end."""
        if hop.left == hop.right:
            self.canvas.upright(hop.left, hop.start, hop.end, double)
        else:
            away, back = (DOWN, UP) if hop.end > hop.start else (UP, DOWN)
            self.canvas.arm(hop.start, hop.left, away, double)
            self.canvas.arm(hop.end, hop.right, back, double)

    def fence(self, fence: Fence) -> None:
        """A dotted frame with a title, or brackets around what is repeated."""
        left, right = self.columns[fence.left], self.columns[fence.right] - 1
        top, bottom = self.rows[fence.top], self.rows[fence.bottom]
        corners, sides = ("⎛⎞⎝⎠", "⎜⎟") if fence.item.count > 1 else ("┌┐└┘", "┊┊")
        text = f" {title(fence)} " if title(fence) else ""
        self.canvas.write_under(top, left, corners[0] + text.center(right - left - 1, "┄") + corners[1])
        self.canvas.write_under(bottom, left, corners[2] + "┄" * (right - left - 1) + corners[3])
        for row in range(top + 1, bottom):
            self.canvas.write_under(row, left, sides[0])
            self.canvas.write_under(row, right, sides[1])

    def dash(self, dash: Dash) -> None:
        """A piece of a separator; where it changes its row it does so in the middle."""
        left, middle, right = (self.at(x) for x in (dash.left, (dash.left + dash.right) / 2, dash.right))
        self.canvas.write_under(self.rows[dash.start], left, "╌" * (middle - left))
        self.canvas.write_under(self.rows[dash.end], middle, "╌" * (right - middle))

    def at(self, x: float) -> int:
        """The column of any x: between those of the edges beside it."""
        place = bisect_right(self.edges, x) - 1
        before, after = self.edges[max(place, 0)], self.edges[min(place + 1, len(self.edges) - 1)]
        part = (x - before) / (after - before) if after > before else 0
        return round(self.columns[before] + part * (self.columns[after] - self.columns[before]))

    def label(self, label: Label) -> None:
        """A label above its wire, if there is nothing yet."""
        row, column = self.rows[label.y] - 1, self.columns[label.x]
        if self.canvas.is_free(row, column, column + len(label.text)):
            self.canvas.write(row, column, label.text)
