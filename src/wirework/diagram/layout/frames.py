"""What a panel is placed in: the whole, a row of it, or a block, and the heights at which wires come to it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from wirework.diagram.picture import Bundle, Item, Panel


@dataclass(frozen=True, slots=True)
class Frame:
    """What is around a panel.

    Attributes:
        block: the item that it is the inside of; `None` for the whole and for a row.
        goes_on: whether another row follows.
        ins: how far below the topmost one each wire comes to it, by number; of all wires, or none.
    """

    block: Item | None = None
    goes_on: bool = False
    ins: Mapping[int, float] = field(default_factory=dict)

    @property
    def outermost(self) -> bool:
        """Whether it is not inside a block: wires have labels where they enter."""
        return self.block is None

    @property
    def ends(self) -> bool:
        """Whether wires end at its right edge, and have labels there."""
        return self.block is None and not self.goes_on

    def arranged(self, panel: Panel) -> Panel:
        """A panel whose inputs, and their wires, are in the order of the heights at which they come."""
        if not self.ins:
            return panel
        lowest = max(self.ins.values(), default=0.0)

        def height(bundle: Bundle) -> float:
            return min((self.ins[wire] for wire in bundle.wires), default=lowest)

        inputs = (replace(bundle, wires=tuple(sorted(bundle.wires, key=lambda wire: self.ins[wire])))
                  for bundle in sorted(panel.inputs, key=height))  # fmt: skip
        return replace(panel, inputs=tuple(inputs))
