"""Sizes of glyphs."""

from itertools import pairwise
from typing import get_args

import pytest

from diagram.specimens import italic, sans, specimens, wires_of
from wirework.diagram.metrics import width
from wirework.diagram.picture import Bundle, Item, Kind, Panel, Picture, Run
from wirework.diagram.sizes import CONV, GAP, PITCH, PLATE, SIZES, TITLE, TRIANGLE, conv_text, linear_text, size

EMPTY = Picture("p", Panel((), (), ()), wires_of("a b c d e"))


def of(kind, acts="", gives="", **further):
    """The size of an item with one bundle at each side."""
    acts, gives = (tuple(map(int, wires.split())) for wires in (acts, gives))
    item = Item(kind, (Bundle(0, acts),), (Bundle(1, gives),), acts=acts, gives=gives, **further)
    return size(item, EMPTY)


def test_every_kind_has_a_size():
    assert set(SIZES) == set(get_args(Kind))


@pytest.mark.parametrize("name", specimens())
def test_sizes_hold_their_wires(name):
    specimen = specimens()[name]
    for item in specimen.picture.panel.items:
        found = size(item, specimen.picture)
        assert found.width > 0 and found.height >= 0 and found.above >= 0 and found.below >= 0
        if item.panel is None:
            assert len(found.ins) == (2 * len(item.pairs) if item.kind == "dot" else len(item.acts))
            assert len(found.outs) == len(item.gives)
        assert all(0 <= y <= found.height for y in (*found.ins, *found.outs))


@pytest.mark.parametrize("kind", ["linear", "function", "reduce", "block", "source", "conv", "mask"])
def test_wires_of_an_array_are_one_pitch_apart(kind):
    found = of(kind, "" if kind == "source" else "1 2 3", "4 5")
    for heights in (found.ins, found.outs):
        assert all(lower - upper == PITCH for upper, lower in pairwise(heights))
    if found.ins:
        assert found.ins[0] == found.outs[0]


def test_arrays_are_one_gap_apart():
    item = Item("block", (Bundle(0, (1, 2)), Bundle(1, (3,))), (), acts=(1, 2, 3))
    first, second, third = size(item, EMPTY).ins
    assert (second - first, third - second) == (PITCH, GAP)


def test_a_cup_is_half_as_wide_as_its_gap_and_its_arrow():
    item = Item("dot", (Bundle(0, (1,)), Bundle(1, (2,))), (), pairs=((1, 2),))
    assert size(item, EMPTY).ins == (0, GAP)
    assert size(item, EMPTY).width == GAP / 2 + 15


def test_cups_of_two_pairs_are_within_each_other():
    item = Item("dot", (Bundle(0, (1, 2)), Bundle(1, (3, 4))), (), pairs=((1, 4), (2, 3)))
    outer, outer_end, inner, inner_end = size(item, EMPTY).ins
    assert outer < inner < inner_end < outer_end


def test_a_window_has_its_wire_of_space_at_one_height():
    under, above = of("window", "1", "2 3"), of("window", "1", "2 3", centre=3)
    assert under.ins == under.outs[:1] and above.ins == above.outs[1:]
    two = of("window", "1 2", "3 4 5")
    assert two.ins == two.outs[:2] and two.height == under.height + PITCH


def test_least_sizes():
    assert (of("linear", "1", "2").width, of("linear", "1", "2").height) == (PLATE, PLATE)
    assert (of("softmax", "1", "2").width, of("softmax", "1", "2").height) == TRIANGLE
    assert of("conv", "1 2", "3 4", text=italic("3")).width == CONV


def test_long_text_makes_room():
    title = sans("A block with a long title")
    assert of("block", "1", "2", text=title).width > width(title, TITLE)
    assert of("block", "1", "2", text=title, count=12).width > of("block", "1", "2", text=title).width
    assert of("linear", "1", "2", text=italic("query")).width > PLATE
    assert of("conv", "1 2", "3 4", text=italic("3×3, 256")).width > CONV


def test_bias_is_a_lowered_plus():
    assert linear_text(Item("linear", text=italic("Q"), biased=True)) == (
        Run("L", "bold"), Run("Q", level=1), Run("+", "roman", level=-1)
    )  # fmt: skip
    assert conv_text(Item("conv", text=italic("3"))) == italic("3")
