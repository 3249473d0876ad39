"""Drawings for terminals: what they look like, that wires keep apart, that they fit, and that they are plain."""

import pytest

from diagram.pictures import attention, convolutions, multi_head, multi_head_open, nested, residual
from wirework.diagram import layout
from wirework.diagram.picture import Bundle, Item, Panel, Picture, Run, Wire
from wirework.diagram.placed import Layout, Place, Separator, Stretch
from wirework.diagram.text import ascii_only, text
from wirework.diagram.text.canvas import Canvas
from wirework.diagram.text.drawing import canvas

PICTURES = (attention, convolutions, multi_head, multi_head_open, nested, residual)


def crossed() -> tuple[Picture, Layout]:
    """Two arrays, the axes of one of which change places, and are contracted; a tail beside them."""
    labels = {1: "y", 2: "k", 3: "x", 4: "k"}
    wires = {number: Wire(number, (name,), (Run(name),)) for number, name in labels.items()}
    q, k, scores = Bundle(0, (1, 2), "Q"), Bundle(1, (3, 4), "K"), Bundle(2, (1, 3))
    dot = Item("dot", (q, k), (scores,), note=(Run("*k"), Run("-1/2", "roman", level=1)), pairs=((2, 4),))
    panel = Panel((q, k), (scores,), (dot,))
    place = Place(dot, 120, 30, 40, 20, {1: 10, 2: 30, 3: 70, 4: 50}, {1: 10, 3: 70})
    stretches = (
        Stretch(1, q, -1, 0, ((0, 10), (120, 10)), (5, 10)),
        Stretch(2, q, -1, 0, ((0, 30), (120, 30)), (5, 30)),
        Stretch(3, k, -1, 0, ((0, 50), (80, 50), (110, 70), (120, 70)), (5, 50)),
        Stretch(4, k, -1, 0, ((0, 70), (80, 70), (110, 50), (120, 50)), (5, 70)),
        Stretch(1, scores, 0, -1, ((160, 10), (240, 10)), (200, 10)),
        Stretch(3, scores, 0, -1, ((160, 70), (240, 70)), (200, 70)),
    )
    separators = (Separator(((0, 40), (120, 40))),)
    found = Layout(panel, 240, 80, (place,), stretches, separators, {1: 10, 2: 30, 3: 50, 4: 70}, {1: 10, 3: 70})
    return Picture("scores", panel, wires), found


def test_wires_cups_crossings_and_separators():
    picture, places = crossed()
    assert text(picture, places) == "\n".join((
        "  y              y",
        "  ─────────────────",
        "Q k",
        "  ──────╮",
        "  ╌╌╌╌╌╌├▸*k^-1/2",
        "  x     │",
        "  ──╮ ╭─╯",
        "K k  ╳           x",
        "  ──╯ ╰────────────",
        "",
    ))  # fmt: skip


def test_title_caption_and_legend_stand_around_it():
    picture, places = crossed()
    with_legend = Picture(picture.name, picture.panel, picture.wires, ((Run("k = 64"),), (Run("y = 9"),)))
    found = text(with_legend, places, title="Scores", caption="Before the softmax.")
    assert found.startswith("Scores\n\n")
    assert found.endswith("\n\nk = 64, y = 9\n\nBefore the softmax.\n")
    assert "k = 64" not in text(with_legend, places, legend=False)


@pytest.mark.parametrize("make", PICTURES)
@pytest.mark.parametrize("width", [24, 40, 80, 200])
def test_it_fits_the_terminal_and_is_the_same_each_time(make, width):
    picture = make()
    places = layout.place(picture)
    found = text(picture, places, width)
    assert found == text(picture, places, width)
    assert max(map(len, found.splitlines())) <= width
    assert not any(line != line.rstrip() for line in found.splitlines())


@pytest.mark.parametrize("make", PICTURES)
def test_no_two_wires_lie_on_each_other(make, monkeypatch):
    owners: dict[tuple[int, int], set[int]] = {}
    level = Canvas.level

    def watched(self, row, left, right, wire, double):
        for column in range(left, right):
            owners.setdefault((row, column), set()).add(wire)
        level(self, row, left, right, wire, double)

    monkeypatch.setattr(Canvas, "level", watched)
    picture = make()
    canvas(picture, layout.place(picture))
    assert owners
    assert all(len(wires) == 1 for wires in owners.values())


@pytest.mark.parametrize("make", PICTURES)
def test_what_is_wide_goes_on_from_arrow_to_arrow(make):
    picture = make()
    found = text(picture, layout.place(picture), 30)
    lines = found.splitlines()
    assert sum(line.endswith(("→", "⇒")) for line in lines) == sum(line.startswith(("→", "⇒")) for line in lines)


@pytest.mark.parametrize("make", PICTURES)
def test_ascii_for_terminals_that_have_nothing_else(make):
    picture = make()
    found = text(picture, layout.place(picture))
    plain = ascii_only(found)
    assert plain.isascii()
    assert [len(line) for line in plain.splitlines()] == [len(line) for line in found.splitlines()]
    assert "?" not in plain


def test_every_item_is_written():
    found = text(nested(), layout.place(nested()))
    assert "Block ×12" in found
    assert "MLP" in found
    assert found.count("[L₊]") == 2
    assert found.count("○") == 1
    assert found.count("▸R▸") == 1
    assert found.count("⊕") == found.count("●") == 3
