"""Blocks that follow each other and are the same are folded into one, with a count."""

import pytest

from circuit.making import Maker, attention, layers
from wirework.circuit import Node
from wirework.circuit.folding import Block, Repeat, nodes_of


def outline(part):
    """A tree in few words: "2*(0 1)" for a repetition."""
    if isinstance(part, Node):
        return part.kind
    inside = " ".join(map(outline, part.parts))
    return f"{part.count}*({inside})" if isinstance(part, Repeat) else f"{'.'.join(part.path[-1:])}[{inside}]"


def chain(*blocks, skip=(), share=()):
    """Blocks "path kind", each of one operation on what the one before gave."""
    make = Maker("chain")
    x, y = make.input("b c", "x"), make.input("b c", "y")
    seen = [x]
    for place, entry in enumerate(blocks):
        path, kind = entry.split()
        other = seen[-2] if place in skip else make.parameter("b c", f"{path}.weight") if place in share else y
        last = make.node("add", "b c, b c -> b c", [seen[-1], other], block=path)
        seen.append(make.node(kind, "b c -> b c", [last], block=path))
    return make.circuit(seen[-1])


def test_blocks_nest_like_their_paths():
    assert outline(attention().tree()).startswith("[query[dot] key[dot] value[dot] rearrange rearrange")
    assert layers(1).tree().parts[0].parts[0].title == "Layer"
    assert layers(1).tree().title == "layers"


@pytest.mark.parametrize("count", [2, 3, 12])
def test_like_blocks_are_folded(count):
    tree = layers(count).tree()
    assert outline(tree) == f"[blocks[{count}*(0[norm[normalise] linear[dot] gelu add])]]"
    (repeat,) = tree.parts[0].parts
    assert repeat.paths == tuple((("blocks", str(index)),) for index in range(count))
    assert len(nodes_of(tree)) == 4
    assert len(nodes_of(layers(count).tree(folded=False))) == 4 * count


def test_one_block_is_no_repetition():
    assert outline(layers(1).tree()) == "[blocks[0[norm[normalise] linear[dot] gelu add]]]"


def test_blocks_in_turn_are_folded_together():
    (repeat,) = layers(3, twins=True).tree().parts[0].parts
    assert (repeat.count, [each.path[-1] for each in repeat.parts]) == (3, ["0a", "0b"])
    assert repeat.paths[2] == (("blocks", "2a"), ("blocks", "2b"))


@pytest.mark.parametrize(
    ("circuit", "wanted"),
    [
        (chain("0 exp", "1 exp", "2 sin"), "[2*(0[add exp]) 2[add sin]]"),
        (chain("0 sin", "1 exp", "2 exp", "3 exp"), "[0[add sin] 3*(1[add exp])]"),
        (chain("0 exp", "1 sin", "2 exp", "3 sin"), "[2*(0[add exp] 1[add sin])]"),
        (chain("0 exp", "1 exp", "2 sin", "3 exp", "4 exp", "5 sin"), "[2*(2*(0[add exp]) 2[add sin])]"),
        (chain("a.0 exp", "a.1 exp", "b.0 exp", "b.1 exp"), "[a[2*(0[add exp])] b[2*(0[add exp])]]"),
        (chain("s0.0 exp", "s0.1 exp", "s1.0 exp", "s1.1 exp"), "[2*(s0[2*(0[add exp])])]"),
        (chain("0 exp", "1 sin", "2 cos"), "[0[add exp] 1[add sin] 2[add cos]]"),
        (chain("up exp", "down exp"), "[up[add exp] down[add exp]]"),
        (chain("0 exp", "1 exp", "2 exp", share=(0, 1, 2)), "[3*(0[add exp])]"),
        (chain("0 exp", "1 exp", "2 exp", share=(1, 2)), "[0[add exp] 2*(1[add exp])]"),
    ],
)
def test_what_repeats(circuit, wanted):
    assert outline(circuit.tree()) == wanted


def test_blocks_that_are_connected_in_another_way_are_not_alike():
    plain = chain("0 exp", "1 exp", "2 exp", "3 exp")
    assert outline(plain.tree()) == "[4*(0[add exp])]"
    skipping = chain("0 exp", "1 exp", "2 exp", "3 exp", skip=(2,))
    assert outline(skipping.tree()) != "[4*(0[add exp])]"


def test_a_block_of_other_sizes_is_another():
    make = Maker("sizes", c=4, d=4, e=8)
    x = make.input("b c", "x")
    for index, (before, after) in enumerate([("c", "d"), ("d", "c"), ("c", "e")]):
        weight = make.parameter(f"{before} {after}", f"{index}.weight")
        x = make.node("dot", f"b [{before}], [{before}] {after} -> b {after}", [x, weight], block=str(index))
    assert outline(make.circuit(x).tree()) == "[2*(0[dot]) 2[dot]]"


def test_single_operations_are_not_folded():
    make = Maker("chain")
    x = make.input("b", "x")
    for _ in range(4):
        x = make.node("exp", "b -> b", [x])
    assert outline(make.circuit(x).tree()) == "[exp exp exp exp]"


def test_it_is_always_the_same():
    assert layers(4, twins=True).tree() == layers(4, twins=True).tree()
    assert isinstance(layers().tree(), Block)


def test_many_layers_take_no_time():
    import time

    start = time.process_time()
    layers(126).tree()
    assert time.process_time() - start < 2
