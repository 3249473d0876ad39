"""Pictures made by hand, for tests: what a layout and a drawing are given."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from hypothesis import strategies as st

from wirework.diagram.picture import Bundle, Item, Panel, Picture, Run, Text, Wire


class Drafter:
    """Numbers wires and values while a picture is written."""

    def __init__(self) -> None:
        self.wires: dict[int, Wire] = {}
        self.values = 0

    def wire(self, axis: str) -> int:
        """A new wire, of one axis or of several joined by `+`."""
        number = len(self.wires) + 1
        axes = tuple(axis.split("+"))
        style = "bold" if len(axes) > 1 else "italic"
        self.wires[number] = Wire(number, axes, (Run("".join(axes), style, overline=len(axes) > 1),))
        return number

    def fresh(self, axes: str) -> list[int]:
        """New wires."""
        return [self.wire(axis) for axis in axes.split()]

    def bundle(self, wires: Iterable[int], name: str = "") -> Bundle:
        """A new array."""
        self.values += 1
        return Bundle(self.values, tuple(wires), name)

    def again(self, bundle: Bundle) -> Bundle:
        """A copy of an array, under new numbers of wires."""
        return Bundle(bundle.value, tuple(self.wire("+".join(self.wires[wire].axes)) for wire in bundle.wires))

    def copies(self, bundle: Bundle, count: int) -> Item:
        """A copy of an array."""
        outs = (bundle, *(self.again(bundle) for _ in range(count - 1)))
        forks = tuple(pair for out in outs[1:] for pair in zip(bundle.wires, out.wires, strict=True))
        return Item("copy", (bundle,), outs, forks=forks)

    def added(self, kept: Bundle, other: Bundle, *, swapped: bool = False) -> Item:
        """A sum of two arrays; the wires of the first go on."""
        ins = (other, kept) if swapped else (kept, other)
        merges = tuple(zip(other.wires, kept.wires, strict=True))
        return Item("sum", ins, (self.bundle(kept.wires),), text=(Run("+", "roman"),), merges=merges)

    def linear(self, bundle: Bundle, acts: Iterable[int], gives: str, text: str = "", biased: bool = False) -> Item:
        """A linear map, from some wires to new ones, which come last."""
        acts = tuple(acts)
        fresh = self.fresh(gives)
        out = self.bundle([wire for wire in bundle.wires if wire not in acts] + fresh)
        return Item("linear", (bundle,), (out,), raised(text), acts=acts, gives=tuple(fresh), biased=biased)

    def changed(self, kind: str, bundle: Bundle, acts: Iterable[int], text: str = "") -> Item:
        """An item that gives new wires of the same axes in the places of those it takes."""
        acts = tuple(acts)
        fresh = {wire: self.wire("+".join(self.wires[wire].axes)) for wire in acts}
        out = self.bundle([fresh.get(wire, wire) for wire in bundle.wires])
        return Item(kind, (bundle,), (out,), raised(text), acts=acts, gives=tuple(fresh.values()))  # type: ignore

    def lane(self, bundle: Bundle, text: str) -> Item:
        """A function of single elements."""
        return Item("lane", (bundle,), (self.bundle(bundle.wires),), raised(text))

    def picture(self, name: str, inputs: Iterable[Bundle], items: Iterable[Item], outputs: Iterable[Bundle]) -> Picture:
        """The picture of it all."""
        return Picture(name, Panel(tuple(inputs), tuple(outputs), tuple(items)), self.wires)


def raised(text: str) -> Text:
    """A text in italics, or none."""
    return (Run(text),) if text else ()


SCALE = (Run("*k", "italic"), Run("-1/2", "roman", level=1))


def attention() -> Picture:
    """Scaled dot-product attention, `y k, x k, x k -> y k`."""
    draft = Drafter()
    q, k, v = (draft.bundle(draft.fresh(axes), name) for axes, name in (("y k", "Q"), ("x k", "K"), ("x k", "V")))
    return draft.picture("attention", (q, k, v), *_attend(draft, q, k, v))


def _attend(draft: Drafter, q: Bundle, k: Bundle, v: Bundle) -> tuple[tuple[Item, ...], tuple[Bundle, ...]]:
    """Attention of arrays `y k [h]`, `x k [h]`, `x k [h]`."""
    (y, k_q, *h_q), (x, k_k, *h_k), (x_v, k_v, *h_v) = q.wires, k.wires, v.wires
    scores = draft.bundle((y, x, *h_k))
    first = Item("dot", (q, k), (scores,), note=SCALE, pairs=((k_q, k_k),), merges=tuple(zip(h_q, h_k, strict=True)))
    weights = draft.changed("softmax", scores, (x,))
    result = draft.bundle((y, k_v, *h_v))
    ends = weights.outputs[0].wires[1]
    last = Item(
        "dot", (weights.outputs[0], v), (result,), pairs=((ends, x_v),), merges=tuple(zip(h_k, h_v, strict=True))
    )
    return (first, weights, last), (result,)


def multi_head() -> Picture:
    """Multi-head attention, `y m, x m -> y m`."""
    draft = Drafter()
    q, x = draft.bundle(draft.fresh("y m")), draft.bundle(draft.fresh("x m"))
    copy = draft.copies(x, 2)
    maps = [draft.linear(bundle, bundle.wires[1:], "k h", text)
            for bundle, text in zip((q, *copy.outputs), "QKV", strict=True)]  # fmt: skip
    items, (result,) = _attend(draft, *(item.outputs[0] for item in maps))
    out = draft.linear(result, result.wires[1:], "m", "O")
    return draft.picture("multi-head attention", (q, x), (copy, *maps, *items, out), out.outputs)


def multi_head_open() -> Picture:
    """The same, with attention in an open block."""
    draft = Drafter()
    q, x = draft.bundle(draft.fresh("y m")), draft.bundle(draft.fresh("x m"))
    copy = draft.copies(x, 2)
    maps = [draft.linear(bundle, bundle.wires[1:], "k h", text)
            for bundle, text in zip((q, *copy.outputs), "QKV", strict=True)]  # fmt: skip
    inner = [draft.again(item.outputs[0]) for item in maps]
    items, outputs = _attend(draft, *inner)
    result = draft.again(outputs[0])
    block = Item("block", tuple(item.outputs[0] for item in maps), (result,), (Run("Attention", "sans"),),
                 panel=Panel(tuple(inner), outputs, items))  # fmt: skip
    out = draft.linear(result, result.wires[1:], "m", "O")
    return draft.picture("multi-head attention", (q, x), (copy, *maps, block, out), out.outputs)


def opened(draft: Drafter, bundle: Bundle, title: str, *, count: int = 1, level: int = 0) -> Item:
    """An open block of a norm, a linear map, a function and a linear map back."""
    inside = draft.again(bundle)
    norm = draft.changed("norm", inside, inside.wires[-1:])
    up = draft.linear(norm.outputs[0], norm.outputs[0].wires[-1:], "d", biased=True)
    lane = draft.lane(up.outputs[0], "R")
    down = draft.linear(lane.outputs[0], lane.outputs[0].wires[-1:], "c", biased=True)
    panel = Panel((inside,), down.outputs, (norm, up, lane, down))
    out = draft.again(down.outputs[0])
    return Item("block", (bundle,), (out,), (Run(title, "sans"),), count=count, level=level, panel=panel)


def residual(*, swapped: bool = False) -> Picture:
    """A residual block around an open block, then a closed one."""
    draft = Drafter()
    x = draft.bundle(draft.fresh("b t c"))
    copy = draft.copies(x, 2)
    block = opened(draft, copy.outputs[0], "MLP", count=3)
    if swapped:
        total = draft.added(copy.outputs[1], block.outputs[0], swapped=False)
    else:
        total = draft.added(block.outputs[0], copy.outputs[1])
    closed = draft.changed("block", total.outputs[0], total.outputs[0].wires, "Head")
    return draft.picture("residual", (x,), (copy, block, total, closed), closed.outputs)


def convolutions() -> Picture:
    """Norm over channels and batch, a lane, a convolution, twice, around them a skip; pooling at the end."""
    draft = Drafter()
    x = draft.bundle(draft.fresh("h+w c b"))
    copy = draft.copies(x, 2)
    items, last = [copy], copy.outputs[0]
    for _ in range(2):
        norm = draft.changed("norm", last, last.wires[1:])
        lane = draft.lane(norm.outputs[0], "R")
        conv = draft.changed("conv", lane.outputs[0], lane.outputs[0].wires[:2], "3")
        items += [norm, lane, conv]
        last = conv.outputs[0]
    items.append(draft.added(last, copy.outputs[1]))
    (space, *others), last = items[-1].outputs[0].wires, items[-1].outputs[0]
    gives = draft.fresh("h+w 2+2")
    pooled = draft.bundle((*gives, *others))
    items.append(Item("window", (last,), (pooled,), (Run("2", "roman"),), acts=(space,), gives=tuple(gives)))
    kept = draft.bundle((gives[0], *others))
    items.append(Item("reduce", (pooled,), (kept,), (Run("Max", "roman"),), acts=(gives[1],)))
    return draft.picture("convolutions", (x,), items, (kept,))


def nested() -> Picture:
    """A block that is repeated, and in it a block and a skip."""
    draft = Drafter()
    x = draft.bundle(draft.fresh("b t c"))
    inside = draft.again(x)
    copy = draft.copies(inside, 2)
    block = opened(draft, copy.outputs[0], "MLP", level=1)
    total = draft.added(block.outputs[0], copy.outputs[1])
    out = draft.again(total.outputs[0])
    panel = Panel((inside,), total.outputs, (copy, block, total))
    outer = Item("block", (x,), (out,), (Run("Block", "sans"),), count=12, panel=panel)
    return draft.picture("nested", (x,), (outer,), (out,))


HAND_MADE = {
    "attention": attention,
    "multi_head": multi_head,
    "multi_head_open": multi_head_open,
    "residual": residual,
    "convolutions": convolutions,
    "nested": nested,
}

STEPS = ("copy", "sum", "linear", "softmax", "lane", "block", "open", "end", "source", "outer", "contract", "total")


@st.composite
def pictures(draw: st.DrawFn, steps: int = 10) -> Picture:
    """Random pictures: arrays of up to three axes, with copies, sums, contractions, open and closed blocks."""
    draft = Drafter()
    inputs = [draft.bundle(draft.fresh(axes)) for axes in draw(st.lists(st.sampled_from(AXES), min_size=1, max_size=3))]
    alive, items = list(inputs), []
    for step in draw(st.lists(st.sampled_from(STEPS), max_size=steps)):
        place = draw(st.integers(0, max(0, len(alive) - 1)))
        items += _random_step(draft, alive, place, step)
    return draft.picture("random", inputs, items, alive)


AXES = ("a", "a b", "a b c", "b", "c b")


def _random_step(draft: Drafter, alive: list[Bundle], place: int, step: str) -> list[Item]:
    """An item on one of the arrays that are there, which it replaces; none if it does not fit."""
    if step == "source":
        item = Item("source", (), (draft.bundle(draft.fresh("s")),), raised("p"))
        item = replace(item, gives=item.outputs[0].wires)
        alive.append(item.outputs[0])
        return [item]
    if not alive or not alive[place].wires:
        return []
    bundle = alive.pop(place)
    item = _random_item(draft, alive, place, bundle, step)
    alive[place:place] = item.outputs
    return [item]


def _random_item(draft: Drafter, alive: list[Bundle], place: int, bundle: Bundle, step: str) -> Item:
    last = bundle.wires[-1:]
    other = alive[place % len(alive)] if alive else None
    if other is not None and step in ("sum", "outer", "contract") and other.wires:
        alive.remove(other)
        if step == "sum" and len(other.wires) == len(bundle.wires):
            return draft.added(bundle, other)
        if step == "contract":
            out = draft.bundle((*bundle.wires[:-1], *other.wires[1:]))
            return Item("dot", (bundle, other), (out,), pairs=((last[0], other.wires[0]),))
        return Item("dot", (bundle, other), (draft.bundle((*bundle.wires, *other.wires)),))
    if step == "copy":
        return draft.copies(bundle, 2 + len(alive) % 2)
    if step == "end":
        return Item("end", (bundle,), (), acts=bundle.wires)
    if step == "open":
        return opened(draft, bundle, "Block")
    if step == "block":
        return draft.changed("block", bundle, bundle.wires, "Closed")
    if step == "total":
        return Item("reduce", (bundle,), (draft.bundle(bundle.wires[:-1]),), raised("E"), acts=last)
    if step == "lane":
        return draft.lane(bundle, "f")
    if step == "softmax":
        return draft.changed("softmax", bundle, last)
    return draft.linear(bundle, last, "d e")
