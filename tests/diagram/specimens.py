"""One item at a time, placed by hand: what every kind of glyph is drawn from, without a layout."""

from dataclasses import dataclass

from wirework.diagram.picture import Bundle, Item, Panel, Picture, Run, Text, Wire
from wirework.diagram.placed import Layout, Place, Separator, Stretch
from wirework.diagram.sizes import GAP, PITCH, size

LEAD = 45.0  # how long wires are at both sides


def italic(text: str) -> Text:
    return (Run(text),)


def roman(text: str) -> Text:
    return (Run(text, "roman"),)


def sans(text: str) -> Text:
    return (Run(text, "sans"),)


def wires_of(labels: str) -> dict[int, Wire]:
    """Wires numbered from 1, by their labels; a capital is a double wire."""
    found = {}
    for number, name in enumerate(labels.split(), start=1):
        axes = (name.lower() + "1", name.lower() + "2") if name.isupper() else (name,)
        found[number] = Wire(number, axes, (Run(name.lower(), "bold" if name.isupper() else "italic", name.isupper()),))
    return found


@dataclass(frozen=True)
class Specimen:
    picture: Picture
    layout: Layout


def specimen(item: Item, labels: str, height: float = 0.0) -> Specimen:
    """An item with its wires: those of `acts`, `pairs` and `gives` where its size says, the others under them."""
    wires = wires_of(labels)
    panel = Panel(item.inputs, item.outputs, (item,))
    picture = Picture("specimen", panel, wires)
    own = size(item, picture)
    top = own.above
    pairs = [wire for pair in item.pairs for wire in pair]
    ins = {wire: top + y for wire, y in zip(pairs or item.acts, own.ins, strict=False)}
    outs = {wire: top + y for wire, y in zip(item.gives, own.outs, strict=False)}
    low = max((*ins.values(), *outs.values()), default=top + (own.height if item.kind == "lane" else 0.0) - PITCH + 5)
    for bundle in item.outputs:
        for wire in bundle.wires:
            if wire not in outs:
                low += PITCH
                outs[wire] = low
    targets = dict(item.merges)
    for bundle in item.inputs:
        for wire in bundle.wires:
            if wire not in ins:
                ins[wire] = outs.get(targets.get(wire, wire), top)
    sources = {begins: wire for wire, begins in item.forks}
    heights = {**outs, **{begins: outs[wire] for begins, wire in sources.items()}}
    high = max((*ins.values(), *outs.values(), top + own.height)) + own.below
    place = Place(item, LEAD, top, own.width, own.height, ins, heights)
    right = LEAD + own.width
    starts = _starts(item, ins)
    stretches = [
        Stretch(wire, bundle, -1, 0, ((0, starts[wire]), (LEAD * 0.9, ins[wire]), (LEAD, ins[wire])), (4, starts[wire]))
        for bundle in item.inputs
        for wire in bundle.wires
    ]
    stretches += [
        Stretch(
            wire, bundle, 0, -1, ((right, heights[wire]), (right + LEAD, outs[wire])), (right + LEAD - 8, outs[wire])
        )
        for bundle in item.outputs
        for wire in bundle.wires
    ]
    wide = right + LEAD
    separators = (Separator(((0, high / 2), (LEAD, high / 2))),) if len(item.inputs) > 1 else ()
    layout = Layout(panel, wide, high + GAP, (place,), tuple(stretches), separators, starts, outs)
    return Specimen(picture, layout)


def _starts(item: Item, ins: dict[int, float]) -> dict[int, float]:
    """Where wires begin: those that end on one dot not at the same height."""
    taken: set[float] = set()
    starts = {}
    for wire, y in ins.items():
        while y in taken:
            y += PITCH
        taken.add(y)
        starts[wire] = y
    return starts


def specimens() -> dict[str, Specimen]:
    """One or more of every kind."""
    a, ab = Bundle(0, (1,)), Bundle(0, (1, 2))
    return {
        "copy": specimen(Item("copy", (ab,), (ab, Bundle(0, (3, 4))), forks=((1, 3), (2, 4))), "x m x m"),
        "sum": specimen(
            Item("sum", (ab, Bundle(1, (3, 4))), (Bundle(2, (1, 2)),), roman("+"), merges=((3, 1), (4, 2))), "X m X m"
        ),
        "dot": specimen(
            Item("dot", (ab, Bundle(1, (3,))), (Bundle(2, (1,)),), note=(Run("*k"), Run("-1/2", "roman", level=1)), pairs=((2, 3),)),
            "y k k",
        ),
        "dot double": specimen(Item("dot", (a, Bundle(1, (2,))), (Bundle(2, ()),), pairs=((1, 2),)), "X X"),
        "dot two": specimen(
            Item("dot", (ab, Bundle(1, (3, 4))), (Bundle(2, ()),), pairs=((1, 4), (2, 3))), "k h h k"
        ),
        "dot shared": specimen(Item("dot", (a, Bundle(1, (2,))), (Bundle(2, (2,)),), merges=((1, 2),)), "h h"),
        "linear": specimen(Item("linear", (a,), (Bundle(1, (2,)),), acts=(1,), gives=(2,), biased=True), "m n"),
        "linear named": specimen(
            Item("linear", (a,), (Bundle(1, (2, 3)),), italic("Q"), acts=(1,), gives=(2, 3), biased=True), "m k h"
        ),
        "linear two": specimen(Item("linear", (ab,), (Bundle(1, (3,)),), italic("O"), acts=(1, 2), gives=(3,)), "k h m"),
        "function": specimen(Item("function", (a,), (Bundle(1, (2,)),), italic("F"), acts=(1,), gives=(2,)), "a b"),
        "function box": specimen(
            Item("function", (ab,), (Bundle(1, (3,)),), sans("roll"), italic("s=3"), acts=(1, 2), gives=(3,)), "a b c"
        ),
        "lane": specimen(Item("lane", (ab,), (Bundle(1, (1, 2)),), italic("R")), "a b"),
        "lane named": specimen(Item("lane", (ab,), (Bundle(1, (1, 2)),), roman("gelu")), "a b"),
        "softmax": specimen(Item("softmax", (a,), (Bundle(1, (2,)),), acts=(1,), gives=(2,)), "x x"),
        "norm": specimen(Item("norm", (a,), (Bundle(1, (2,)),), acts=(1,), gives=(2,)), "c c"),
        "norm over": specimen(
            Item("norm", (ab,), (Bundle(1, (3, 4)),), acts=(1, 2), gives=(3, 4)), "n b n b"
        ),
        "norm under": specimen(
            Item("norm", (ab,), (Bundle(1, (3, 4)),), acts=(1, 2), gives=(3, 4), centre=2), "b n b n"
        ),
        "reduce": specimen(Item("reduce", (a,), (Bundle(1, ()),), roman("Max"), acts=(1,)), "W"),
        "reduce mean": specimen(Item("reduce", (ab,), (Bundle(1, (1,)),), roman("𝔼"), acts=(2,)), "c x"),
        "bar": specimen(Item("bar", (ab,), (Bundle(1, (3,)),), acts=(1, 2), gives=(3,)), "x y p"),
        "bar split": specimen(Item("bar", (a,), (Bundle(1, (2, 3)),), acts=(1,), gives=(2, 3)), "m k h"),
        "concat": specimen(
            Item("concat", (ab, Bundle(1, (3, 4))), (Bundle(2, (1, 5)),), acts=(2, 4), gives=(5,), merges=((3, 1),)), "X c X c d"
        ),
        "part": specimen(
            Item("part", (ab,), (Bundle(1, (1, 3)), Bundle(2, (4, 5))), acts=(2,), gives=(3, 5), forks=((1, 4),)), "t c c t c"
        ),
        "conv": specimen(
            Item("conv", (ab,), (Bundle(1, (3, 4)),), roman("3"), acts=(1, 2), gives=(3, 4)), "X c X d"
        ),
        "window": specimen(
            Item("window", (a,), (Bundle(1, (2, 3)),), italic("s"), acts=(1,), gives=(2, 3)), "X X K"
        ),
        "window above": specimen(
            Item("window", (a,), (Bundle(1, (2, 3)),), italic("s"), acts=(1,), gives=(2, 3), centre=3), "X K X"
        ),
        "index": specimen(Item("index", (a,), (Bundle(1, ()),), italic("i"), acts=(1,)), "a"),
        "index table": specimen(Item("index", (a,), (Bundle(1, (2,)),), italic("ids"), acts=(1,), gives=(2,)), "v c"),
        "mask": specimen(Item("mask", (ab,), (Bundle(1, (3, 4)),), acts=(1, 2), gives=(3, 4)), "q k q k"),
        "source": specimen(Item("source", (), (Bundle(1, (1, 2)),), italic("W"), gives=(1, 2)), "p c"),
        "end": specimen(Item("end", (ab,), (), ()), "a b"),
        "block": specimen(
            Item("block", (ab,), (Bundle(1, (3, 4)),), sans("Block"), acts=(1, 2), gives=(3, 4), path=("h", "0"), count=3), "X n X m"
        ),
        "block nested": nested(),
    }  # fmt: skip


def nested() -> Specimen:
    """An open block that is repeated, with a softmax in it."""
    inner = specimen(Item("softmax", (Bundle(0, (3,)),), (Bundle(1, (4,)),), acts=(3,), gives=(4,)), "a b c d").layout
    panel = inner.panel
    item = Item(
        "block",
        (Bundle(0, (1,)),),
        (Bundle(1, (2,)),),
        sans("SoftMax"),
        path=("attention", "p"),
        count=12,
        panel=panel,
        nodes=(0,),
    )
    outer = Panel(item.inputs, item.outputs, (item,))
    down, right = 40.0, 40.0
    moved = _moved(inner, down)
    port = moved.ins[3]
    place = Place(item, 40, 0, moved.width, moved.height + 10, {1: port}, {2: port}, moved)
    wide = 40 + moved.width + right
    stretches = (
        Stretch(1, item.inputs[0], -1, 0, ((0, port), (40, port)), (4, port)),
        Stretch(2, item.outputs[0], 0, -1, ((wide - right, port), (wide, port)), (wide - 12, port)),
    )
    layout = Layout(outer, wide, moved.height + 10, (place,), stretches, (), {1: port}, {2: port})
    return Specimen(Picture("nested", outer, wires_of("a b c d")), layout)


def _moved(layout: Layout, down: float) -> Layout:
    places = tuple(
        Place(
            p.item, p.x, p.y + down, p.width, p.height,
            {w: y + down for w, y in p.ins.items()}, {w: y + down for w, y in p.outs.items()},
        )
        for p in layout.places
    )  # fmt: skip
    stretches = tuple(
        Stretch(s.wire, s.bundle, s.source, s.target, tuple((x, y + down) for x, y in s.points))
        for s in layout.stretches
    )
    ins, outs = ({w: y + down for w, y in side.items()} for side in (layout.ins, layout.outs))
    return Layout(layout.panel, layout.width, layout.height + down, places, stretches, (), ins, outs)
