"""From layouts to scenes."""

from itertools import pairwise
from math import hypot
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diagram.specimens import LEAD, italic, specimens
from wirework.diagram import drawing
from wirework.diagram.drawing import curves
from wirework.diagram.drawing.bounds import box_around, box_of
from wirework.diagram.drawing.notes import lines_of
from wirework.diagram.metrics import width
from wirework.diagram.picture import Kind
from wirework.diagram.placed import Layout
from wirework.diagram.scene import Circle, Path, Words
from wirework.errors import SemanticError

ORDER = ("fence", "wire", "plate", "dot", "label")
MARK = {
    "copy": "dot", "sum": "dot", "dot": "arrow", "dot shared": "dot", "linear": "plate", "function": "glyph-text",
    "function box": "box", "lane": "arrow", "softmax": "triangle", "norm": "circle", "reduce": "arrow", "bar": "bar",
    "concat": "bar", "part": "bar", "conv": "conv", "window": "window", "index": "pentagon", "mask": "masked",
    "source": "source", "end": "bar", "block": "solid", "block nested": "bracket",
}  # fmt: skip


def drawn(name, **options):
    specimen = specimens()[name]
    return drawing.draw(specimen.picture, [specimen.layout], **options)


def roles(scene):
    return [shape.role for shape in scene.shapes]


def test_there_is_a_specimen_of_every_kind():
    assert {item.kind for each in specimens().values() for item in each.picture.panel.items} == set(get_args(Kind))


@pytest.mark.parametrize("name", specimens())
def test_all_shapes_are_inside(name):
    scene = drawn(name, title="A title", caption="A caption that is longer than the drawing is wide. " * 5)
    for shape in scene.shapes:
        box = box_of(shape)
        assert box.left >= 0 and box.top >= 0 and box.right <= scene.width and box.bottom <= scene.height


@pytest.mark.parametrize(("name", "role"), MARK.items())
def test_every_kind_is_drawn_by_its_sign(name, role):
    assert role in roles(drawn(name))


@pytest.mark.parametrize("name", specimens())
def test_every_shape_of_an_item_says_so(name):
    tags = [shape.tag for shape in drawn(name).shapes]
    assert any(tag.item == "0" and tag.title for tag in tags)
    assert all(tag.axes for tag in tags if tag.wire >= 0)


@pytest.mark.parametrize("name", specimens())
def test_layers_follow_each_other(name):
    places = [ORDER.index(role) for role in roles(drawn(name)) if role in ORDER]
    assert places == sorted(places)


def test_two_drawings_are_equal():
    for name in specimens():
        assert drawn(name) == drawn(name)


def test_wires_of_a_copy_begin_at_its_dots():
    scene = drawn("copy")
    dots = {(shape.x, shape.y) for shape in scene.shapes if isinstance(shape, Circle)}
    starts = {shape.commands[0][1:] for shape in scene.shapes if shape.role == "wire" and shape.tag.wire in (3, 4)}
    assert len(dots) == 2 and dots <= starts


@pytest.mark.parametrize(("name", "wire"), [("norm", 1), ("norm over", 1), ("norm under", 2)])
def test_a_circle_is_on_its_wire_and_the_others_curve_into_it(name, wire):
    scene = drawn(name)
    (circle,) = (shape for shape in scene.shapes if isinstance(shape, Circle) and shape.role == "circle")
    for other in specimens()[name].picture.panel.items[0].acts:
        ends = [shape.commands[-1][-2:] for shape in scene.shapes if shape.role == "wire" and shape.tag.wire == other]
        (y,) = {y for x, y in ends if hypot(x - circle.x, y - circle.y) == pytest.approx(circle.radius, rel=0.01)}
        assert (y > circle.y) - (y < circle.y) == (other > wire) - (other < wire)


def test_a_double_wire_is_two_lines_three_apart():
    lines = [shape for shape in drawn("conv").shapes if shape.role == "wire" and shape.tag.wire == 1]
    first, second = (command for command in lines[0].commands if command[0] == "M")
    assert second[2] - first[2] == 3 and second[1] == first[1]


def test_an_item_in_an_open_block_is_named_below_it():
    items = {shape.tag.item for shape in drawn("block nested").shapes if shape.tag.item}
    assert items == {"0", "0.0"}
    ends = {shape.tag.ends for shape in drawn("block nested").shapes if shape.tag.ends != ("", "")}
    assert ends == {("in", "0"), ("0", "out"), ("in:0", "0.0"), ("0.0", "out:0")}


def test_names_of_inputs_stand_at_the_left():
    specimen = specimens()["linear"]
    panel = specimen.layout.panel
    named = type(panel)((type(panel.inputs[0])(0, (1,), "Q"),), panel.outputs, panel.items)
    layout = Layout(named, *(getattr(specimen.layout, name) for name in Layout.__slots__ if name != "panel"))
    scene = drawing.draw(specimen.picture, [layout])
    (name,) = (shape for shape in scene.shapes if isinstance(shape, Words) and shape.text == italic("Q"))
    assert name.anchor == "end" and name.x < min(box_of(s).left for s in scene.shapes if s.role == "wire")


def test_rows_are_joined_by_grey_arrows():
    specimen = specimens()["conv"]
    scene = drawing.draw(specimen.picture, [specimen.layout, specimen.layout])
    arrows = [shape for shape in scene.shapes if shape.role == "continuation"]
    assert {shape.tag.wire for shape in arrows} == {1, 2, 3, 4}
    assert scene.height > 2 * specimen.layout.height
    ends = {shape.tag.ends for shape in scene.shapes if shape.role == "wire"}
    assert {("in", "0"), ("0", "row:1"), ("row:1", "0"), ("0", "out")} <= ends


def test_a_note_stands_where_nothing_else_is():
    target = drawing.Target(axes=frozenset({"m"}))
    bare, scene = (
        drawn("linear"),
        drawn("linear", notes=[drawing.Note(target, "The width of the model, in many words.")]),
    )
    (note,) = (shape for shape in scene.shapes if shape.role == "note")
    box = box_of(note)
    rest = box_around(s for s in scene.shapes if s.role in ("wire", "plate"))
    assert box.bottom < rest.top or box.top > rest.bottom
    assert len(scene.shapes) > len(bare.shapes)
    words = [s for s in scene.shapes if s.role == "note-text"]
    assert all(box.left < box_of(w).left and box_of(w).right < box.right for w in words)


def test_notes_do_not_overlap():
    notes = [drawing.Note(drawing.Target(axes=frozenset({axis})), f"About {axis}, at some length.") for axis in "kmh"]
    boxes = [box_of(shape) for shape in drawn("linear named", notes=notes).shapes if shape.role == "note"]
    for one, other in pairwise(boxes):
        assert one.right < other.left or one.bottom < other.top or other.bottom < one.top or other.right < one.left


def test_a_note_stands_beside_the_first_row_that_it_is_about():
    specimen = specimens()["linear"]
    notes = [drawing.Note(drawing.Target(axes=frozenset({"m"})), "The width.")]
    scene = drawing.draw(specimen.picture, [specimen.layout, specimen.layout], notes=notes)
    assert roles(scene).count("note") == 1 and roles(scene).count("trail") == 2


def test_a_note_on_nothing_is_refused():
    with pytest.raises(SemanticError, match="'Where' is about something that is not drawn"):
        drawn("linear", notes=[drawing.Note(drawing.Target(axes=frozenset({"q"})), "Where")])


def test_highlights_lie_under_wires():
    scene = drawn("block nested", highlights=[drawing.Highlight(drawing.Target(paths=frozenset({"attention.p"})))])
    assert roles(scene).index("trail") < roles(scene).index("wire")
    scene = drawn("linear", highlights=[drawing.Highlight(drawing.Target(axes=frozenset({"n"})))])
    assert {s.tag.wire for s in scene.shapes if s.role == "trail"} == {-1}


def test_items_are_coloured_by_their_share():
    (fence,) = (s for s in drawn("block nested", shares={0: 0.5}).shapes if s.role == "fence")
    assert fence.share is None
    assert all(s.share == 0 for s in drawn("linear", shares={0: 0.5}).shapes if s.role == "plate")


def test_legend():
    specimen = specimens()["linear"]
    picture = type(specimen.picture)("p", specimen.picture.panel, specimen.picture.wires, tuple(map(italic, "abcdef")))
    scene = drawing.draw(picture, [specimen.layout])
    assert roles(scene).count("legend-text") == 6
    assert "legend" not in roles(drawing.draw(picture, [specimen.layout], legend=False))


@given(st.text(alphabet="abc d\n", max_size=80), st.floats(20, 200))
def test_lines_of_text_are_short_enough_and_complete(text, wide):
    lines = lines_of(text, 10, wide)
    assert " ".join(run.text for line in lines for run in line).split() == text.split()
    assert all(width(line, 10) <= wide or " " not in line[0].text for line in lines)


points = st.lists(st.tuples(st.integers(1, 50), st.integers(-5, 5)), min_size=1, max_size=5)


@given(points, st.floats(-3, 3))
def test_a_wire_goes_through_its_points(steps, offset):
    path = [(0.0, 0.0)]
    for dx, dy in steps:
        path.append((path[-1][0] + dx, dy * 10.0))
    commands = curves.curve(path, offset)
    assert commands[0] == ("M", 0.0, offset)
    assert commands[-1][-2:] == (path[-1][0], path[-1][1] + offset)
    for command in commands:
        if command[0] == "C":
            assert command[4] == pytest.approx(command[6])  # its end is level


def test_a_cup_is_a_half_circle():
    start, down, up = curves.cup(LEAD, 0, 30, 15)
    assert start == ("M", LEAD, 0) and down[-2:] == (LEAD + 15, 15) and up[-2:] == (LEAD, 30)
    x, y = ((p + 3 * q + 3 * r + s) / 8 for p, q, r, s in zip((LEAD, 0), down[1:3], down[3:5], down[5:7], strict=True))
    assert ((x - LEAD) ** 2 + (y - 15) ** 2) ** 0.5 == pytest.approx(15, abs=0.01)


def test_paths_are_drawn_with_commands_of_known_length():
    length = {"M": 2, "L": 2, "C": 6, "Z": 0}
    for name in specimens():
        for shape in drawn(name).shapes:
            if isinstance(shape, Path):
                assert all(len(values) == length[kind] for kind, *values in shape.commands)
