"""In which column each item stands."""

from __future__ import annotations

from wirework.diagram.layout.links import EDGE, Links
from wirework.diagram.picture import Panel


def columns(panel: Panel, links: Links) -> tuple[int, ...]:
    """The column of each item: as far left as its inputs allow, but next to what takes it if it depends on no input.

    Items of one kind that give the operands of one item stand in one column: the linear maps of queries and keys.
    """
    leftmost = _leftmost(links)
    rightmost = _rightmost(links, leftmost)
    depends = _dependent(links)
    found = list(leftmost)
    for place in reversed(range(len(found))):
        if not depends[place]:
            found[place] = min((found[link.target] - 1 for link in links.outs[place] if link.target != EDGE),
                               default=leftmost[place])  # fmt: skip
        elif not (panel.items[place].kind in ("copy", "part") or _follows(panel, links, place)):
            found[place] = _beside(panel, links, place, found, rightmost[place])
    return _compact(found)


def _leftmost(links: Links) -> list[int]:
    found: list[int] = []
    for ins in links.ins:
        found.append(1 + max((found[link.source] for link in ins if link.source != EDGE), default=-1))
    return found


def _rightmost(links: Links, leftmost: list[int]) -> list[int]:
    last = max(leftmost, default=0)
    found = [last] * len(leftmost)
    for place in reversed(range(len(found))):
        targets = [found[link.target] - 1 for link in links.outs[place] if link.target != EDGE]
        found[place] = min(targets, default=last)
    return found


def _dependent(links: Links) -> list[bool]:
    """For each item whether it depends on an input of the panel."""
    found: list[bool] = []
    for ins in links.ins:
        found.append(any(link.source == EDGE or found[link.source] for link in ins))
    return found


def _follows(panel: Panel, links: Links, place: int) -> bool:
    """Whether an item stands on one bundle and leaves it where it is."""
    return panel.items[place].kind == "lane" or len(links.ins[place]) != 1 or len(links.outs[place]) != 1


def _beside(panel: Panel, links: Links, place: int, found: list[int], last: int) -> int:
    """The column of the other operands of the item that takes what this one gives, where they are of its kind."""
    target = links.outs[place][0].target
    if target == EDGE:
        return found[place]
    kind = panel.items[place].kind
    kin = [link.source for link in links.ins[target] if link.source not in (EDGE, place)]
    wanted = [found[other] for other in kin if panel.items[other].kind == kind and found[other] <= last]
    return max((found[place], *wanted))


def _compact(found: list[int]) -> tuple[int, ...]:
    """The same order of columns, without empty ones."""
    places = {column: place for place, column in enumerate(sorted(set(found)))}
    return tuple(places[column] for column in found)
