"""`Circuit.draw` and `Diagram`: forms, files, options, notes, and what becomes of mistakes."""

import re
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest
import torch
from torch import nn

import wirework as ww
from wirework.diagram import Diagram
from wirework.errors import AxisSizeError, DataError, SemanticError


def attention(q, k, v):
    scores = ww.dot("y k, x k -> y x", q, k) * 0.125
    return ww.dot("y x, x k -> y k", ww.softmax("y [x]", scores), v)


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.inner = nn.Linear(8, 8)
        self.norm = nn.LayerNorm(8)

    def forward(self, x):
        return x + torch.relu(self.inner(self.norm(x)))


@pytest.fixture(scope="module")
def circuit():
    return ww.trace(attention, "y k", "x k", "x k")


@pytest.fixture(scope="module")
def blocks():
    return ww.trace(nn.Sequential(Block(), Block(), nn.Linear(8, 3)), "b c", c=8)


def test_a_diagram_shows_itself(circuit):
    drawn = circuit.draw()
    assert isinstance(drawn, Diagram)
    assert drawn._repr_svg_() == drawn.svg()
    assert drawn.svg() in drawn._repr_html_()
    assert repr(drawn) == f"<Diagram of attention: {len(circuit.nodes)} operations>"


@pytest.mark.parametrize(
    ("suffix", "beginning"),
    [
        (".svg", b"<svg "), (".html", b"<!"), (".tex", b"\\documentclass"), (".txt", b"  y"), (".png", b"\x89PNG"),
        (".pdf", b"%PDF"), (".SVG", b"<svg "),
    ],
)  # fmt: skip
def test_save_writes_what_the_suffix_says(circuit, tmp_path, suffix, beginning):
    if suffix == ".png":
        pytest.importorskip("resvg_py")
    path = tmp_path / "new" / f"attention{suffix}"
    circuit.draw().save(path)
    assert path.read_bytes().startswith(beginning)
    assert [each.name for each in path.parent.iterdir()] == [path.name], "nothing is left beside it"


def test_two_runs_give_the_same_bytes(circuit):
    one, other = circuit.draw(), ww.trace(attention, "y k", "x k", "x k").draw()
    assert one.svg() == other.svg()
    assert one.text() == other.text()
    assert one.tikz() == other.tikz()
    assert one.html() == other.html()


def test_svg_is_xml_and_has_its_title(circuit):
    drawn = circuit.draw(title="Attention & more", caption="One row for each query.")
    root = ElementTree.fromstring(drawn.svg())
    assert root.find("{http://www.w3.org/2000/svg}title").text == "Attention & more"
    assert drawn.text().startswith("Attention & more\n")
    assert drawn.text().endswith("One row for each query.\n")


def test_depth_opens_blocks(blocks):
    closed, opened = blocks.draw(depth=1).text(), blocks.draw(depth=2).text()
    assert "┏" in closed
    assert "○" not in closed
    assert "○" in opened


def test_width_wraps(blocks):
    wide, narrow = blocks.draw(depth=3), blocks.draw(depth=3, width=300)
    assert narrow.scene.width < wide.scene.width
    assert narrow.scene.height > wide.scene.height


def test_themes_labels_and_hidden_axes(circuit, blocks):
    assert len({circuit.draw(theme=theme).svg() for theme in ("light", "dark", "print")}) == 3
    assert blocks.draw(labels="size").text() != blocks.draw().text()
    assert "b" in blocks.draw(depth=3).text()
    hidden = blocks.draw(depth=3, hide="b", legend=False).text()
    assert not re.search(r"\bb\b", hidden)


def test_notes_and_highlights_make_new_diagrams(circuit):
    plain = circuit.draw()
    noted = plain.annotate("softmax", "one row for each query").highlight("k")
    assert noted is not plain
    assert noted.options.notes[0].text == "one row for each query"
    assert noted.options.highlights == ("k",)
    assert plain.options.notes == ()
    assert len(noted.svg()) > len(plain.svg())
    assert circuit.draw(highlight=("k", "softmax")).options.highlights == ("k", "softmax")


@pytest.mark.parametrize("target", ["y", "q", "softmax"])
def test_targets(circuit, target):
    plain = circuit.draw()
    assert plain.highlight(target).svg() != plain.svg()


@pytest.mark.parametrize("target", ["Block", "0", "0.inner", "normalise", "c"])
def test_targets_in_blocks(blocks, target):
    plain = blocks.draw(depth=3)
    assert plain.highlight(target).svg() != plain.svg()


def test_colour_by_cost(circuit):
    assert circuit.draw(color_by="flops", x=4, y=4, k=4).svg() != circuit.draw().svg()
    with pytest.raises(AxisSizeError, match=r"x|y|k"):
        circuit.draw(color_by="flops")


def test_the_page_has_a_state_for_each_level(blocks):
    page = blocks.draw(title="Two blocks").html()
    assert "<title>Two blocks</title>" in page
    assert "https://" not in page


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"depth": -1}, "depth is a whole number from 0 on, or None, not -1"),
        ({"depth": True}, "depth is a whole number"),
        ({"width": 0}, "width is a number of pixels above 0, or None, not 0"),
        ({"width": float("inf")}, "width is a number"),
        ({"theme": "drak"}, "theme is 'light', 'dark' or 'print', not 'drak' (did you mean dark?)"),
        ({"labels": None}, "labels is 'name', 'size' or 'both', not None"),
        ({"color_by": "flop"}, "color_by is 'flops', 'parameters' or 'memory', not 'flop' (did you mean flops?)"),
        ({"hide": "kk"}, "attention has no axis 'kk' to hide"),
        ({"hide": (1,)}, "hide takes names, not (1,)"),
        ({"title": 3}, "title is a text, not 3"),
        ({"highlight": "sofmax"}, "attention has no axis, block, operation or input 'sofmax' (did you mean softmax?)"),
        ({"tilte": 3}, "attention has no axis 'tilte', and draw no such option (did you mean title?)"),
        ({"k": -1}, "the size of axis k must be a whole number from 0 on, not -1"),
    ],
)
def test_bad_options(circuit, options, message):
    with pytest.raises((SemanticError, AxisSizeError)) as caught:
        circuit.draw(**options)
    assert message in str(caught.value)


def test_an_unknown_target_lists_what_there_is(circuit):
    with pytest.raises(SemanticError) as caught:
        circuit.draw().annotate("rows", "here")
    message = str(caught.value)
    assert "axes: y, k, x" in message
    assert "inputs: q, k, v" in message
    assert "softmax" in message


def test_bad_files_and_numbers(circuit, tmp_path):
    drawn = circuit.draw()
    with pytest.raises(SemanticError, match=r"\.svg, \.html, \.tex, \.txt, \.png or \.pdf, so not as 'a\.jpg'"):
        drawn.save(tmp_path / "a.jpg")
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="cannot be written"):
        drawn.save(Path(tmp_path / "file" / "a.svg"))
    with pytest.raises(SemanticError, match="number of characters"):
        drawn.text(width=0)
    with pytest.raises(SemanticError, match="scale is a number"):
        drawn.png(scale=0)
    with pytest.raises(SemanticError, match="a note is a text"):
        drawn.annotate("k", " ")
