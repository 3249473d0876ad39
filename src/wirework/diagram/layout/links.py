"""Which item of a panel gives a bundle, and which takes it."""

from __future__ import annotations

from collections import defaultdict, deque
from dataclasses import dataclass

from wirework.diagram.picture import Bundle, Panel
from wirework.errors import SemanticError

EDGE = -1  # the place of the edge of a panel, where an item's would be


@dataclass(frozen=True, slots=True)
class Link:
    """A bundle between two items.

    Attributes:
        number: its place in the list of links.
        bundle: the array.
        source, target: places of items in `Panel.items`, or `EDGE`.
        wires: those of the bundle; for a single number one that is not drawn, so that it has a row too.
        last: the same in the order in which they are taken.
    """

    number: int
    bundle: Bundle
    source: int
    target: int
    wires: tuple[int, ...]
    last: tuple[int, ...]

    @property
    def drawn(self) -> bool:
        """Whether it has wires that are drawn."""
        return bool(self.bundle.wires)


@dataclass(frozen=True, slots=True)
class Links:
    """All links of a panel, and for each item, and for the two edges, which are its own, in the order of its bundles.

    Attributes:
        all: by number.
        ins, outs: of each item.
        entering, leaving: at the left and at the right edge of the panel.
    """

    all: tuple[Link, ...]
    ins: tuple[tuple[Link, ...], ...]
    outs: tuple[tuple[Link, ...], ...]
    entering: tuple[Link, ...]
    leaving: tuple[Link, ...]


def links(panel: Panel) -> Links:
    """The links of a panel.

    Raises:
        SemanticError: if a bundle is taken that none gives, or given and taken by none.
    """
    given: dict[tuple[int, tuple[int, ...]], deque[int]] = defaultdict(deque)
    sources: list[tuple[Bundle, int]] = []
    targets: dict[int, tuple[int, Bundle]] = {}

    def give(bundle: Bundle, item: int) -> int:
        given[_key(bundle)].append(len(sources))
        sources.append((bundle, item))
        return len(sources) - 1

    def take(bundle: Bundle, item: int) -> int:
        waiting = given[_key(bundle)]
        if not waiting:
            raise SemanticError(f"no item gives value {bundle.value} with wires {bundle.wires} before it is taken")
        number = waiting.popleft()
        targets[number] = item, bundle
        return number

    entering = [give(bundle, EDGE) for bundle in panel.inputs]
    ins, outs = [], []
    for place, item in enumerate(panel.items):
        ins.append([take(bundle, place) for bundle in item.inputs])
        outs.append([give(bundle, place) for bundle in item.outputs])
    leaving = [take(bundle, EDGE) for bundle in panel.outputs]
    unused = [bundle for number, (bundle, _) in enumerate(sources) if number not in targets]
    if unused:
        raise SemanticError(f"nothing takes value {unused[0].value} with wires {unused[0].wires}")

    made = tuple(
        Link(
            number,
            bundle,
            source,
            targets[number][0],
            bundle.wires or (-1 - number,),
            targets[number][1].wires or (-1 - number,),
        )
        for number, (bundle, source) in enumerate(sources)
    )
    chosen = lambda numbers: tuple(made[number] for number in numbers)  # noqa: E731
    return Links(made, tuple(map(chosen, ins)), tuple(map(chosen, outs)), chosen(entering), chosen(leaving))


def _key(bundle: Bundle) -> tuple[int, tuple[int, ...]]:
    """What a bundle is told by, in whatever order its wires are."""
    return bundle.value, tuple(sorted(bundle.wires))
