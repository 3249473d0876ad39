"""Scenes as SVG, PNG and PDF: valid, complete, small, the same every time, and true to the circuit."""

import re
import struct
import sys
import xml.etree.ElementTree as ElementTree
import zlib
from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from diagram import pictures
from diagram.specimens import specimens
from wirework.diagram import drawing, layout
from wirework.diagram.pdf import pdf
from wirework.diagram.picture import Bundle, Item, Panel, Picture, Run, Wire
from wirework.diagram.raster import png
from wirework.diagram.scene import Path, Scene, Tag, Words
from wirework.diagram.svg import data, number, svg
from wirework.diagram.themes import LIGHT, STEPS, THEMES, theme_named
from wirework.errors import NotSupportedError, SemanticError

NAMESPACE = "{http://www.w3.org/2000/svg}"
PICTURES = {
    name: getattr(pictures, name)() for name in ("attention", "multi_head", "multi_head_open", "convolutions", "nested")
}


def numbered(picture):
    """With the place of each item as the operation that it stands for."""
    items = tuple(replace(item, nodes=(place,)) for place, item in enumerate(picture.panel.items))
    return replace(picture, panel=replace(picture.panel, items=items))


def scene_of(picture, **options):
    return drawing.draw(picture, [layout.place(picture)], **options)


def specimen_scene(name):
    return drawing.draw(specimens()[name].picture, [specimens()[name].layout])


def tree(text):
    return ElementTree.fromstring(text)


def connections(panel, name=""):
    """(wire, value, from, to) of each wire of each bundle of a panel and of all panels in it."""
    at, side = (f"{name}.", f":{name}") if name else ("", "")
    found = set()
    givers = {(bundle.value, bundle.wires): f"in{side}" for bundle in panel.inputs}

    def taken(bundles, taker):
        for value, wires in ((bundle.value, bundle.wires) for bundle in bundles):
            giver = givers.pop((value, wires))
            found.update((wire, value, giver, taker) for wire in wires)

    for place, item in enumerate(panel.items):
        taken(item.inputs, f"{at}{place}")
        givers |= {(bundle.value, bundle.wires): f"{at}{place}" for bundle in item.outputs}
        if item.panel is not None:
            found |= connections(item.panel, f"{at}{place}")
    taken(panel.outputs, f"out{side}")
    return found


def read_back(text):
    """The same, from the text of an SVG file: pieces that end where a row does are joined."""
    pieces = []
    for group in tree(text).iter(NAMESPACE + "g"):
        for path in group.findall(NAMESPACE + "path"):
            if "data-wire" in group.attrib and "data-ends" in path.attrib:
                source, target = path.get("data-ends").split()
                pieces.append((int(group.get("data-wire")), int(path.get("data-value")), source, target))
    whole = [piece for piece in pieces if not piece[2].startswith("row")]
    rest = {piece[:3]: piece for piece in pieces if piece[2].startswith("row")}
    found = set()
    for wire, value, source, target in whole:
        while target.startswith("row"):
            target = rest.pop((wire, value, target))[3]
        found.add((wire, value, source, target))
    assert not rest
    return found


@pytest.mark.parametrize("name", PICTURES)
def test_strands_read_back_are_the_connections(name):
    assert read_back(svg(scene_of(PICTURES[name]), LIGHT)) == connections(PICTURES[name].panel)


@pytest.mark.parametrize("name", PICTURES)
def test_strands_read_back_from_rows_are_the_connections(name):
    picture = PICTURES[name]
    rows = layout.wrap(picture, layout.place(picture), 200)
    text = svg(drawing.draw(picture, rows), LIGHT)
    assert read_back(text) == connections(picture.panel)


@st.composite
def chains(draw):
    """Pictures of items one after the other, some within a copy and a sum."""
    draft = pictures.Drafter()
    start = draft.bundle(draft.fresh(draw(st.sampled_from(("t c", "b t c", "h+w c")))))
    items, last = [], start
    for kind in draw(st.lists(st.sampled_from(("linear", "softmax", "lane", "skip", "block")), max_size=6)):
        if kind == "skip":
            copy = draft.copies(last, 2)
            items += [copy, draft.added(*copy.outputs)]
        elif kind == "linear":
            items.append(draft.linear(last, last.wires[-1:], "d"))
        elif kind == "lane":
            items.append(draft.lane(last, "R"))
        elif kind == "block":
            items.append(pictures.opened(draft, last, "Block", count=draw(st.integers(1, 3))))
        else:
            items.append(draft.changed("softmax", last, last.wires[-1:]))
        last = items[-1].outputs[0]
    return draft.picture("chain", (start,), items, (last,))


@settings(max_examples=40, deadline=None)
@given(chains())
def test_strands_of_any_chain_read_back(picture):
    assert read_back(svg(scene_of(picture), LIGHT)) == connections(picture.panel)


@pytest.mark.parametrize("name", specimens())
@pytest.mark.parametrize("theme", THEMES.values(), ids=list(THEMES))
def test_every_kind_in_every_theme_is_well_formed(name, theme):
    text = svg(specimen_scene(name), theme)
    root = tree(text)
    ids = [element.get("id") for element in root.iter() if "id" in element.attrib]
    used = {element.get("href") for element in root.iter(NAMESPACE + "use")}
    assert len(ids) == len(set(ids)) and used == {f"#{each}" for each in ids}
    classes = {each for element in root.iter() for each in element.get("class", "").split()}
    assert all(each.startswith("wirework") or f".{each}" in text for each in classes)
    assert svg(specimen_scene(name), theme) == text


@pytest.mark.parametrize("name", PICTURES)
def test_labels_are_the_axes_of_their_wires(name):
    picture = PICTURES[name]
    root = tree(svg(scene_of(picture), LIGHT))
    said = {group.get("id"): group.get("aria-label") for group in root.iter(NAMESPACE + "g") if "id" in group.attrib}
    for use in root.iter(NAMESPACE + "use"):
        if "data-wire" in use.attrib:
            wire = picture.wires[int(use.get("data-wire"))]
            assert said[use.get("href")[1:]] == "".join(run.text for run in wire.label)
            assert use.get("data-axis").split() == list(wire.axes)


def test_it_can_be_read_without_being_seen():
    root = tree(svg(scene_of(numbered(PICTURES["attention"]), title="Attention & more"), LIGHT))
    assert root.get("role") == "img"
    assert root.find(NAMESPACE + "title").text == "Attention & more"
    assert "3 operations" in root.find(NAMESPACE + "desc").text
    titles = {each.find(NAMESPACE + "title").text for each in root.iter(NAMESPACE + "g") if each.get("data-op") == "1"}
    assert titles == {"softmax"}


def test_items_say_which_operations_they_are():
    root = tree(svg(scene_of(numbered(PICTURES["attention"])), LIGHT))
    operations = {each.get("data-item"): each.get("data-op") for each in root.iter() if "data-item" in each.attrib}
    assert operations == {"0": "0", "1": "1", "2": "2"}


@given(st.text(max_size=12), st.text(max_size=12))
def test_any_text_is_escaped(words, title):
    tag = Tag(item='<&">', path='"<>&', title=title)
    shapes = (Words(5, 20, (Run(words, "sans"), Run("字<&>", "italic", True, 1)), 12, "label", tag=tag),)
    root = tree(svg(Scene(50, 30, shapes, title), LIGHT))
    (group,) = (each for each in root.iter(NAMESPACE + "g") if "data-item" in each.attrib)
    assert (group.get("data-item"), group.get("data-block")) == ('<&">', '"<>&')
    spans = [each.text or "" for each in root.iter(NAMESPACE + "tspan")]
    assert spans == ["".join(each for each in words if each.isprintable()), "字<&>"]


coordinates = st.floats(-500, 500).map(lambda value: round(value, 3))


@given(st.lists(st.tuples(coordinates, coordinates), min_size=2, max_size=6))
def test_paths_are_exact_to_a_tenth(points):
    (x, y), *rest = points
    text = data((("M", x, y), *(("L", *point) for point in rest), ("Z",)))
    at, found = [0.0, 0.0], []
    for name, numbers in re.findall(r"([Mlhvz])([^Mlhvz]*)", text):
        values = [float(value) for value in re.findall(r"-?[\d.]+", numbers)]
        if name == "z":
            continue
        dx, dy = {"h": [*values, 0], "v": [0, *values]}.get(name, values)
        at = [dx, dy] if name == "M" else [at[0] + dx, at[1] + dy]
        found.append(tuple(at))
    assert found == [pytest.approx((round(a * 10) / 10, round(b * 10) / 10), abs=1e-6) for a, b in points]


def test_numbers_are_short():
    assert [number(value) for value in (3.0, 0.04, -0.04, 2.26, -17.5)] == ["3", "0", "0", "2.3", "-17.5"]


def test_a_thousand_operations_are_less_than_a_megabyte():
    count = 1000
    bundles = [Bundle(place, (1, 2, 3 + place)) for place in range(count + 1)]
    wires = {n: Wire(n, (f"a{min(n, 3)}",), (Run("btc"[min(n, 3) - 1]),)) for n in range(1, count + 4)}
    items = tuple(
        Item("linear", (one,), (other,), acts=one.wires[2:], gives=other.wires[2:], nodes=(place,))
        for place, (one, other) in enumerate(pairwise(bundles))
    )
    picture = Picture("deep", Panel((bundles[0],), (bundles[-1],), items), wires)
    assert len(svg(scene_of(picture), LIGHT)) < 1_000_000


def test_coloured_by_cost():
    text = svg(scene_of(numbered(PICTURES["attention"]), shares={1: 1.0, 2: 0.01}), LIGHT)
    assert f'class="triangle s{STEPS}"' in text
    assert 'class="highlight s1"' in text
    assert text.count('class="highlight') == 1


def test_an_unknown_theme_is_refused():
    with pytest.raises(
        SemanticError, match=r"no theme 'drak' \(did you mean dark\?\): there are light, dark and print"
    ):
        theme_named("drak")


def test_no_text_of_a_scene_is_clipped():
    for scene in map(scene_of, PICTURES.values()):
        root = tree(svg(scene, LIGHT))
        for use in root.iter(NAMESPACE + "use"):
            assert 0 <= float(use.get("x", 0)) <= scene.width and 0 <= float(use.get("y", 0)) <= scene.height


@pytest.mark.parametrize("name", specimens())
@pytest.mark.parametrize("theme", THEMES.values(), ids=list(THEMES))
def test_every_kind_is_a_pdf(name, theme):
    scene = specimen_scene(name)
    file = pdf(scene, theme)
    assert file == pdf(scene, theme)
    assert file.startswith(b"%PDF-1.7") and file.endswith(b"%%EOF\n")
    table = int(file.rsplit(b"startxref\n", 1)[1].split()[0])
    assert file[table : table + 4] == b"xref"
    places = [int(line[:10]) for line in file[table:].splitlines() if line.endswith(b" n ")]
    assert [file[place:].split(b" ")[0] for place in places] == [str(at + 1).encode() for at in range(len(places))]
    content = zlib.decompress(re.search(rb"4 0 obj.*?stream\n(.*?)\nendstream", file, re.DOTALL).group(1)).decode()
    assert content.count(" Do ") == sum(isinstance(shape, Words) for shape in scene.shapes)


def test_a_png_has_the_size_that_was_asked_for():
    pytest.importorskip("resvg_py")
    scene = scene_of(PICTURES["attention"])
    image = png(svg(scene, LIGHT), 3)
    assert image.startswith(b"\x89PNG")
    assert struct.unpack(">II", image[16:24]) == (scene.width * 3, scene.height * 3)


def test_without_resvg_a_png_is_refused(monkeypatch):
    monkeypatch.setitem(sys.modules, "resvg_py", None)
    with pytest.raises(NotSupportedError, match=r'PNG needs resvg-py: pip install "wirework\[draw\]"'):
        png("<svg/>")


def test_shapes_alike_but_for_their_place_are_drawn_alike():
    one, other = (Path((("M", x, 1.0), ("C", x + 1, 2.0, x + 2, 3.0, x + 3, 4.0)), "wire") for x in (0.0, 50.0))
    assert data(one.commands)[2:] == data(other.commands)[3:]
