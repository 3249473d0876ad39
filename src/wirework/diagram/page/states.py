"""The pictures that a page shows: one for each level of blocks, and one for each block that is opened by itself."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from wirework.diagram.picture import Panel, Picture, plain

Path = tuple[str, ...]
MOST = 24  # states that open one block, unless more are asked for


@dataclass(frozen=True, slots=True)
class State:
    """A whole picture with some blocks open.

    Attributes:
        key: a short name, told from all others.
        open: the paths of the blocks that are open.
        svg: the picture.
        title: what it shows.
        level: of blocks, if all blocks to a level are open and no others: 0 if none is.
    """

    key: str
    open: frozenset[Path]
    svg: str
    title: str
    level: int | None = None


@dataclass(frozen=True, slots=True)
class Nested:
    """A block of a picture: its title, and the paths from the outermost block to it."""

    title: str
    paths: tuple[Path, ...]


def states(
    picture: Picture, draw: Callable[[frozenset[Path]], tuple[Picture, str]], most: int = MOST
) -> tuple[State, ...]:
    """All states of a page: one for each level, then those in which the way to one block is open.

    A block is so opened where it stands, and those beside it are closed, so that a page grows with the number of
    blocks and not with that of their combinations.

    Args:
        picture: with all blocks open.
        draw: gives the picture with some blocks open, and its SVG. A block that is never closed may be open, too.
        most: how many states open one block: those of outer blocks come first, and levels open the others.
    """
    blocks = sorted(nested(picture.panel), key=lambda block: len(block.paths))
    levels = range(max((len(block.paths) for block in blocks), default=0) + 1)
    found: dict[frozenset[Path], State] = {}
    for level in levels:
        drawn, svg = draw(frozenset(block.paths[-1] for block in blocks if len(block.paths) <= level))
        number = len(found)
        state = State(f"level-{number}", opened(drawn), svg, f"level {number}", number)
        found.setdefault(state.open, state)
    for block in blocks[:most]:
        drawn, svg = draw(frozenset(block.paths))
        state = State(".".join(block.paths[-1]), opened(drawn), svg, block.title)
        found.setdefault(state.open, state)
    return tuple(found.values())


def opened(picture: Picture) -> frozenset[Path]:
    """The paths of the blocks that are open in a picture."""
    return frozenset(block.paths[-1] for block in nested(picture.panel))


def nested(panel: Panel, around: tuple[Path, ...] = ()) -> Iterator[Nested]:
    """All blocks that are open in a panel, each before those in it."""
    for item in panel.items:
        if item.panel is not None:
            paths = (*around, item.path)
            yield Nested(plain(item.text) or ".".join(item.path), paths)
            yield from nested(item.panel, paths)
