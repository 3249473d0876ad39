"""Characters at places: wires of lines that join, what is drawn over them, and what is drawn under them."""

from __future__ import annotations

from collections import defaultdict

UP, DOWN, LEFT, RIGHT = range(4)
# By whether lines are double, vertical and level: level, vertical, four corners, four tees, crossing.
LINES = {
    (False, False): "─│╭╮╰╯├┤┬┴┼",
    (False, True): "═│╒╕╘╛╞╡╤╧╪",
    (True, False): "─║╓╖╙╜╟╢╥╨╫",
    (True, True): "═║╔╗╚╝╠╣╦╩╬",
}
SHAPES = {
    (False, True, False, True): 2, (False, True, True, False): 3,
    (True, False, False, True): 4, (True, False, True, False): 5,
    (True, True, False, True): 6, (True, True, True, False): 7,
    (False, True, True, True): 8, (True, False, True, True): 9, (True, True, True, True): 10,
}  # fmt: skip
Cell = tuple[int, int]  # row and column


class Canvas:
    """Characters at places.

    Attributes:
        over: characters of glyphs and labels.
        under: characters of fences and separators.
        wires: the wire that runs level through a place.
    """

    def __init__(self) -> None:
        self.arms: dict[Cell, list[int]] = defaultdict(lambda: [0, 0, 0, 0])  # how thick a line is in each direction
        self.over: dict[Cell, str] = {}
        self.under: dict[Cell, str] = {}
        self.wires: dict[Cell, int] = {}

    @property
    def size(self) -> Cell:
        """How many rows and columns there are."""
        cells = [*self.arms, *self.over, *self.under]
        return max((row for row, _ in cells), default=-1) + 1, max((column for _, column in cells), default=-1) + 1

    def level(self, row: int, left: int, right: int, wire: int, double: bool) -> None:
        """A wire on a row, from a column up to, not including, another one."""
        for column in range(left, right):
            self.arm(row, column, LEFT, double)
            self.arm(row, column, RIGHT, double)
            self.wires[row, column] = wire

    def upright(self, column: int, start: int, end: int, double: bool) -> None:
        """A wire in a column, from the middle of a row to the middle of another one."""
        top, bottom = min(start, end), max(start, end)
        for row in range(top, bottom):
            self.arm(row, column, DOWN, double)
            self.arm(row + 1, column, UP, double)

    def corner(self, row: int, column: int, direction: int, wire: int, double: bool) -> None:
        """Where a wire that is upright goes to the left or the right."""
        self.arm(row, column, direction, double)
        self.wires[row, column] = wire

    def arm(self, row: int, column: int, direction: int, double: bool) -> None:
        """A line from the middle of a place to one of its sides."""
        self.arms[row, column][direction] = max(self.arms[row, column][direction], 1 + double)

    def write(self, row: int, column: int, text: str) -> None:
        """Letters from a place on, over wires."""
        self.over.update({(row, column + place): letter for place, letter in enumerate(text)})

    def write_under(self, row: int, column: int, text: str) -> None:
        """Letters from a place on, under wires."""
        self.under.update({(row, column + place): letter for place, letter in enumerate(text)})

    def is_free(self, row: int, left: int, right: int) -> bool:
        """Whether nothing but fences and separators is in some columns of a row."""
        return not any((row, column) in self.over or (row, column) in self.arms for column in range(left, right))

    def crossing(self, row: int, column: int) -> int | None:
        """The wire that crosses the left edge of a place, if one does."""
        before, after = self.arms.get((row, column - 1)), self.arms.get((row, column))
        if before and after and before[RIGHT] and after[LEFT]:
            return self.wires.get((row, column), self.wires.get((row, column - 1)))
        return None

    def is_whole(self, row: int, column: int) -> bool:
        """Whether the left edge of a place is in or beside a glyph, or in a text, so that nothing is cut there."""
        before, after = (row, column - 1), (row, column)
        if before in self.over or after in self.over:
            return (before in self.over and after in self.over) or before in self.arms or after in self.arms
        return self.under.get(before, "").isalnum() or self.under.get(after, "").isalnum()

    def letter(self, row: int, column: int) -> str:
        """What stands at a place."""
        cell = row, column
        if cell in self.over:
            return self.over[cell]
        return line(self.arms[cell]) if cell in self.arms else self.under.get(cell, " ")


def line(arms: list[int]) -> str:
    """The character whose lines go in these directions."""
    up, down, left, right = arms
    letters = LINES[max(up, down) > 1, max(left, right) > 1]
    shape = SHAPES.get((up > 0, down > 0, left > 0, right > 0))
    return letters[int(not (left or right)) if shape is None else shape]
