"""What every picture keeps to: each wire accounted for, each bundle given once and taken once."""

from collections import Counter

from wirework.circuit import Circuit
from wirework.diagram.picture import Bundle, Item, Panel, Picture


def check(picture: Picture, circuit: Circuit) -> None:
    """Refuse a picture that does not say all there is to say."""
    seen: Counter[int] = Counter()
    check_panel(picture.panel, picture, circuit, seen)
    assert [bundle.value for bundle in picture.panel.inputs] == list(circuit.inputs)
    assert len(picture.panel.outputs) == len(circuit.outputs)
    standing = nodes_in(picture.panel)
    assert standing == set(range(len(circuit.nodes))) or not picture.panel.items


def nodes_in(panel: Panel) -> set[int]:
    """The operations that the items of a panel stand for."""
    return {place for item in panel.items for place in item.nodes}


def key(bundle: Bundle) -> tuple[int, tuple[int, ...]]:
    return bundle.value, bundle.wires


def is_number(open_now: Counter, bundle: Bundle) -> bool:
    """Whether a bundle is one of several copies of a single number, which no wire tells from each other."""
    return not bundle.wires and open_now[key(bundle)] > 0


def check_panel(panel: Panel, picture: Picture, circuit: Circuit, seen: Counter[int]) -> None:
    given: Counter = Counter(map(key, panel.inputs))
    open_now: Counter = Counter(given)
    for item in panel.items:
        for bundle in item.inputs:
            assert open_now[key(bundle)] == 1 or is_number(open_now, bundle), (item.kind, bundle, "is not there")
            open_now[key(bundle)] -= 1
        for bundle in item.outputs:
            assert open_now[key(bundle)] == 0 or not bundle.wires, (item.kind, bundle, "is there twice")
            open_now[key(bundle)] += 1
        check_item(item, picture, circuit)
    for bundle in panel.outputs:
        assert open_now[key(bundle)] == 1 or is_number(open_now, bundle), (bundle, "does not leave")
        open_now[key(bundle)] -= 1
    assert not +open_now, "something is taken by nobody"
    here = {w for b in panel.inputs for w in b.wires} | {w for i in panel.items for b in i.outputs for w in b.wires}
    for wire in here:
        seen[wire] += 1
        assert seen[wire] == 1, "a wire is in two panels"
    for item in panel.items:
        if item.panel is not None:
            assert item.kind == "block"
            check_edges(item, item.panel, picture)
            check_panel(item.panel, picture, circuit, seen)


def check_edges(item: Item, panel: Panel, picture: Picture) -> None:
    for ours, theirs in ((item.inputs, panel.inputs), (item.outputs, panel.outputs)):
        assert len(ours) == len(theirs)
        for one, other in zip(ours, theirs, strict=True):
            assert len(one.wires) == len(other.wires), (item.text, one, other)
            for left, right in zip(one.wires, other.wires, strict=True):
                assert picture.wires[left].double == picture.wires[right].double


def check_item(item: Item, picture: Picture, circuit: Circuit) -> None:
    taken = [wire for bundle in item.inputs for wire in bundle.wires]
    made = [wire for bundle in item.outputs for wire in bundle.wires]
    assert len(set(taken)) == len(taken) and len(set(made)) == len(made)
    passing = set(taken) & set(made)
    for place in item.nodes:
        assert 0 <= place < len(circuit.nodes)
    for bundle in (*item.inputs, *item.outputs):
        assert 0 <= bundle.value < len(circuit.values)
        assert all(wire in picture.wires for wire in bundle.wires)
    paired = [wire for pair in item.pairs for wire in pair]
    ending = [one for one, _ in item.merges]
    ways = [*passing, *item.acts, *paired, *ending]
    assert sorted(ways) == sorted(taken), (item.kind, item.text, "inputs", taken, ways)
    begun = [other for _, other in item.forks]
    ways = [*passing, *item.gives, *begun]
    assert sorted(ways) == sorted(made), (item.kind, item.text, "outputs", made, ways)
    assert all(on in passing for _, on in item.merges) and all(on in passing for on, _ in item.forks), item.kind
    if item.kind in ("softmax", "norm", "mask"):
        assert len(item.acts) == len(item.gives)
    assert list(item.acts) == [wire for wire in taken if wire in item.acts], (item.kind, "acts out of order")
    if item.kind not in ("softmax", "norm", "mask"):
        assert list(item.gives) == [wire for wire in made if wire in item.gives], (item.kind, "gives out of order")
    assert item.centre is None or item.centre in (item.gives if item.kind == "window" else item.acts)
    for wire in {*taken, *made}:
        assert picture.wires[wire].label
