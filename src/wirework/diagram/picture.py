"""What is drawn, before it has places: items joined by wires, panel in panel. All of it is plain, frozen data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal

Style = Literal["italic", "roman", "bold", "sans"]
Kind = Literal[
    "copy",  # one bundle becomes several: a dot on each wire, the others fan out below (`forks`)
    "sum",  # bundles of the same axes become one: a dot on each wire, with `text` (+, x ...) above them (`merges`)
    "dot",  # a contraction: equal wires end in a cup (`pairs`); shared axes end on a dot (`merges`); `note`: a scale
    "linear",  # learned and linear: a plate with a bold L; `acts` in, `gives` out; `text` is its superscript
    "function",  # a letter or name in the wire, or a box over its wires: `acts` in, `gives` out
    "lane",  # a function of single elements: arrow, `text`, arrow above the wires of the bundle; touches no wire
    "softmax",  # a triangle on each wire it acts on, apex left; `acts` and `gives` have the same length
    "norm",  # a circle on `centre`; the others of `acts` curve into it, and out as the others of `gives`
    "reduce",  # `acts` end in a symbol, `text` (Max, 𝔼, Σ), and an arrow
    "bar",  # flatten or split: a thick bar from `acts` to `gives`
    "concat",  # bundles become one: `acts` end in a bar that gives one wire; `merges` have dots
    "part",  # one bundle becomes several along an axis: the mirror image of concat (`forks` have dots)
    "conv",  # a small bordered box with a star and `text`, over the wires of space and channels
    "window",  # the trapezoid: `acts`, space, in; `gives` are space, `centre`, and the window under or above it;
    # `text` is its stride, or T
    "index",  # an index wire ends in a pentagon with `text`
    "mask",  # a square with a grey triangle over the two wires it acts on, which go on
    "source",  # an array that comes from nowhere: a plate with `text` (a parameter, a constant), `gives` out
    "end",  # a bundle that nothing uses: its wires end
    "block",  # a block: a solid box with `text` if `panel` is None, else a fence around what is in it
]


@dataclass(frozen=True, slots=True)
class Run:
    """Some letters of a text that look alike.

    Attributes:
        text: the letters.
        style: italic for axes and functions, bold for L and for several axes as one, sans for titles.
        overline: whether a line stands above.
        level: 1 for a superscript, -1 for a subscript, 0 else.
    """

    text: str
    style: Style = "italic"
    overline: bool = False
    level: int = 0


Text = tuple[Run, ...]


def plain(text: Text) -> str:
    """The letters of a text: `x_2`, `k^-1/2` for what is raised or lowered."""
    return "".join({0: "", 1: "^", -1: "_"}[run.level] + run.text for run in text)


@dataclass(frozen=True, slots=True)
class Wire:
    """A strand: one axis, or several that always go together, from where it begins to where it ends in its panel.

    It has its number in all bundles that it passes through, unbroken: an item that does nothing to it has it among its
    inputs and among its outputs.

    Attributes:
        number: its key in `Picture.wires`; no two panels share one.
        axes: of the circuit; more than one if it is drawn double.
        label: what stands above it.
    """

    number: int
    axes: tuple[str, ...]
    label: Text

    @property
    def double(self) -> bool:
        """Whether it stands for several axes."""
        return len(self.axes) > 1


@dataclass(frozen=True, slots=True)
class Bundle:
    """A member of a tuple, on its way from one item to one other: an array, as its wires from top to bottom.

    The order is how it was written; a layout may cross the wires of a bundle wherever that is better.

    Attributes:
        value: the number of the array in `Circuit.values`.
        wires: numbers of wires. A single number has none: it is drawn as a short arrow where it leaves.
        name: what stands at its left end where it enters the whole: Q, K, V; else empty.
    """

    value: int
    wires: tuple[int, ...]
    name: str = ""


@dataclass(frozen=True, slots=True)
class Item:
    """One thing that is drawn: a glyph between bundles.

    Each wire of the inputs is one of four: it passes (it is among the wires of the outputs), it is in `acts`, it is in
    `pairs`, or it ends on a dot (`merges`). Each wire of the outputs passes, is in `gives`, or begins at a dot
    (`forks`).

    Attributes:
        kind: see `Kind`.
        inputs, outputs: the bundles it takes and gives. Each bundle is given by one item, or enters the panel, and is
            taken by one item, or leaves the panel: fan-out is a copy, and what is unused has an "end". A bundle is
            told by its value and its wires.
        text: what stands in it.
        note: small text beside it: the scale of a contraction, what is said of a function.
        acts: wires that end in the glyph, from top to bottom.
        gives: wires that begin at the glyph, from top to bottom.
        pairs: wires that are joined by a cup.
        merges: (a wire that ends on a dot, the wire that goes on).
        forks: (a wire that goes on, a wire that begins at a dot on it).
        centre: the wire that the glyph is on: of a norm one of `acts`, of a window one of `gives`; `None`: the first.
        biased: whether a linear map or a convolution adds a bias: a subscript +.
        nodes: places in `Circuit.nodes` of the operations it stands for.
        path: of the block, for a block.
        count: how often a block is repeated, one after the other.
        level: how deep a block stands in others: blocks of a level have the tint of that level.
        panel: what is in a block that is open. Its inputs and outputs are those of the item, bundle by bundle and wire
            by wire, under other numbers.
    """

    kind: Kind
    inputs: tuple[Bundle, ...] = ()
    outputs: tuple[Bundle, ...] = ()
    text: Text = ()
    note: Text = ()
    acts: tuple[int, ...] = ()
    gives: tuple[int, ...] = ()
    pairs: tuple[tuple[int, int], ...] = ()
    merges: tuple[tuple[int, int], ...] = ()
    forks: tuple[tuple[int, int], ...] = ()
    centre: int | None = None
    biased: bool = False
    nodes: tuple[int, ...] = ()
    path: tuple[str, ...] = ()
    count: int = 1
    level: int = 0
    panel: Panel | None = None

    @property
    def passing(self) -> tuple[int, ...]:
        """The wires that go through, in the order of the outputs."""
        taken = {wire for bundle in self.inputs for wire in bundle.wires}
        return tuple(wire for bundle in self.outputs for wire in bundle.wires if wire in taken)


@dataclass(frozen=True, slots=True)
class Panel:
    """What stands in the whole, or in an open block: items, in an order in which they can be run.

    Attributes:
        inputs: the bundles that enter at the left, in order.
        outputs: the bundles that leave at the right, in order.
        items: what is between.
    """

    inputs: tuple[Bundle, ...]
    outputs: tuple[Bundle, ...]
    items: tuple[Item, ...]


@dataclass(frozen=True, slots=True)
class Picture:
    """All that is drawn of a circuit.

    Attributes:
        name: of the circuit.
        panel: the whole.
        wires: all wires of all panels, by number.
        legend: lines that say what labels stand for: "x = 28", "n = 4 m".
    """

    name: str
    panel: Panel
    wires: Mapping[int, Wire]
    legend: tuple[Text, ...] = field(default=())

    def __post_init__(self) -> None:
        object.__setattr__(self, "wires", MappingProxyType(dict(self.wires)))
