"""The page, in a real browser: moving, lighting axes, cards, opening and closing blocks, keys, dark mode, no network."""

import base64
import json
import re
import zlib
from dataclasses import replace

import pytest

from diagram.browser import SHIFT, browser_or_skip
from diagram.specimens import specimens
from wirework.diagram.drawing import draw
from wirework.diagram.page import Facts, State, html, states
from wirework.diagram.picture import Item, Panel, Picture, Run
from wirework.diagram.svg import svg as svg_of
from wirework.diagram.themes import LIGHT
from wirework.errors import SemanticError

FACTS = Facts(
    axes={"t": "128", "c": "64", "h": "h"},
    details={
        0: {"kind": "dot", "block": "layer", "expression": "t [c] -> t h", "code": 'x1 = ww.dot("t [c] -> t h", x0)'},
        1: {"kind": "softmax", "expression": "t [h]", "flops": "8*t*h = 1.0k"},
        2: {"kind": "<b>odd</b>", "expression": "t"},
    },
    shares={"flops": {0: 0.9, 1: 0.1, 2: 0.0}, "parameters": {0: 1.0}},
)


def svg(body, width=400, height=160):
    """A picture in the form that a page reads, with a wire of t above and one of c."""
    wires = "".join(
        f'<path class="wire" data-wire="{number}" data-axis="{axis}" d="M0 {y}H{width}"/>'
        for number, (axis, y) in enumerate({"t": 30, "c": 130}.items())
    )
    style = "<style>.wire{fill:none;stroke:#000}.fence{fill:#ffe2bb}.solid{fill:#c5bedf}</style>"
    return f'<svg xmlns="http://www.w3.org/2000/svg" class="wirework" viewBox="0 0 {width} {height}">{style}{wires}{body}</svg>'


def operation(item, x, node):
    return f'<rect class="box" data-item="{item}" data-op="{node}" x="{x}" y="60" width="30" height="30" fill="#fff"/>'


def block(item, x, path, kind, nodes="0 1", wide=60, y=40):
    title = f"<title>{path.title()}</title>"
    marks = f'data-item="{item}" data-block="{path}" data-op="{nodes}"'
    return f'<rect class="{kind} l0" {marks} x="{x}" y="{y}" width="{wide}" height="{160 - 2 * y}">{title}</rect>'


CLOSED = svg(block("0", 40, "layer", "solid") + operation("1", 300, 2))
OPEN = svg(
    block("0", 40, "layer", "fence", wide=200)
    + operation("0.0", 60, 0)
    + block("0.1", 120, "layer.inner", "solid", "1", y=70)
    + operation("1", 300, 2)
)
DEEP = svg(
    block("0", 40, "layer", "fence", wide=200)
    + operation("0.0", 60, 0)
    + block("0.1", 120, "layer.inner", "fence", "1", y=70)
    + operation("0.1.0", 140, 1)
    + operation("1", 300, 2)
)
LAYER, INNER = ("layer",), ("layer", "inner")
STATES = (
    State("level-0", frozenset(), CLOSED, "level 0", 0),
    State("level-1", frozenset([LAYER]), OPEN, "level 1", 1),
    State("level-2", frozenset([LAYER, INNER]), DEEP, "level 2", 2),
)


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    found = browser_or_skip(tmp_path_factory.mktemp("chromium"))
    yield found
    found.close()


@pytest.fixture
def page(browser, tmp_path):
    browser.resize(1200, 800)
    browser.prefer(color_scheme="light", reduced_motion="reduce")
    path = tmp_path / "page.html"
    path.write_text(html(STATES, "A <model>", FACTS), encoding="utf-8")
    browser.open(path)
    return browser


def centre(browser, selector):
    """The middle of an element in the window."""
    box = f"document.querySelector({selector!r}).getBoundingClientRect()"
    return browser.run(f"(({{x, y, width, height}}) => [x + width / 2, y + height / 2])({box})")


def head(browser, selector):
    """A place in the head of an open block."""
    box = f"document.querySelector({selector!r}).getBoundingClientRect()"
    return browser.run(f"(({{x, y, width}}) => [x + width / 2, y + 4])({box})")


def opened(browser):
    """The blocks that are drawn open."""
    return browser.run("[...document.querySelectorAll('.fence')].map((each) => each.dataset.block)")


def scale(browser):
    return browser.run("new DOMMatrix(document.getElementById('stage').style.transform).a")


def position(browser):
    matrix = "new DOMMatrix(document.getElementById('stage').style.transform)"
    return browser.run(f"(({{e, f}}) => [e, f])({matrix})")


def focused(browser):
    return browser.run("document.activeElement.dataset.item ?? document.activeElement.id")


def card(browser):
    return browser.run("document.getElementById('card').hidden ? null : document.getElementById('card').innerText")


def lit(browser):
    return browser.run("[...document.querySelectorAll('#stage .lit')].map((each) => each.dataset.axis)")


# -- the file ----------------------------------------------------------------------------------------------------------


def test_page_is_the_same_each_time_and_holds_all_states():
    page = html(STATES, "A <model>", FACTS)
    assert page == html(STATES, "A <model>", FACTS)
    assert "<title>A &lt;model&gt;</title>" in page
    data = page.partition('id="data">')[2].partition("<")[0]
    record = json.loads(zlib.decompress(base64.b64decode(data)))
    assert [each["svg"] for each in record["states"]] == [CLOSED, OPEN, DEEP]
    assert record["states"][2]["open"] == ["layer", "layer.inner"]


def test_page_shows_its_first_state_without_its_script():
    assert CLOSED in html(STATES, "model")
    assert DEEP in html(STATES, "model", start="level-2")


def test_page_names_nothing_outside_itself():
    page = html(STATES, "model", FACTS).replace("http://www.w3.org/2000/svg", "")
    assert "http" not in page.replace("http-equiv", "")


def test_page_needs_states():
    with pytest.raises(SemanticError, match="a page needs a state"):
        html((), "model")
    with pytest.raises(SemanticError, match="no state 'level-9': choose from level-0, level-1, level-2"):
        html(STATES, "model", start="level-9")


def test_many_states_stay_small():
    many = tuple(State(f"{n}", frozenset([(str(n),)]), DEEP.replace("layer", f"layer{n}") * 40, "") for n in range(50))
    assert len(html(many, "model")) < sum(len(state.svg) for state in many) / 10


# -- which states there are --------------------------------------------------------------------------------------------


def fence(path, *items):
    return Item("block", text=(Run(path[-1], "sans"),), path=path, panel=Panel((), (), items))


def picture(*items):
    return Picture("model", Panel((), (), items), {})


def drawing(*items, always=()):
    """What draws a picture with some blocks open: blocks whose name is in `always` are never closed."""

    def kept(item, open_blocks):
        if item.path not in open_blocks and item.path[-1] not in always:
            return replace(item, panel=None)
        inside = tuple(kept(inner, open_blocks) for inner in item.panel.items)
        return replace(item, panel=replace(item.panel, items=inside))

    def draw(open_blocks):
        said = ",".join(sorted(".".join(path) for path in open_blocks))
        return picture(*(kept(item, open_blocks) for item in items)), said

    return draw


def test_states_are_levels_and_single_blocks():
    blocks = fence(("a",), fence(("a", "x")), fence(("a", "y"))), fence(("b",))
    found = states(picture(*blocks), drawing(*blocks))
    assert [(state.key, state.svg) for state in found] == [
        ("level-0", ""),
        ("level-1", "a,b"),
        ("level-2", "a,a.x,a.y,b"),
        ("a", "a"),
        ("b", "b"),
        ("a.x", "a,a.x"),
        ("a.y", "a,a.y"),
    ]
    assert [state.level for state in found] == [0, 1, 2, None, None, None, None]
    assert found[2].open == {("a",), ("a", "x"), ("a", "y"), ("b",)}


def test_a_block_that_is_never_closed_makes_no_states():
    blocks = (fence(("a",), fence(("a", "steps"), fence(("a", "steps", "x")))),)
    found = states(picture(*blocks), drawing(*blocks, always=("steps",)))
    assert [(state.key, len(state.open)) for state in found] == [("level-0", 0), ("level-1", 2), ("level-2", 3)]


def test_states_grow_with_blocks_and_end():
    blocks = [fence((str(n),)) for n in range(100)]
    assert len(states(picture(*blocks), drawing(*blocks), most=10)) == 12


def test_a_picture_without_blocks_has_one_state():
    assert [state.key for state in states(picture(), drawing())] == ["level-0"]


# -- in a browser ------------------------------------------------------------------------------------------------------


def test_page_is_quiet_and_asks_for_nothing(page):
    page.press(*centre(page, "[data-block=layer]"))
    page.run("document.getElementById('colours').value = 'flops'; colour()")
    assert page.errors() == []
    assert page.requests() == []


def test_dragging_moves_the_picture(page):
    x, y = position(page)
    page.drag((900, 700), (950, 640))
    assert position(page) == pytest.approx([x + 50, y - 60])


def test_the_wheel_zooms_at_the_pointer(page):
    point = centre(page, "[data-item='1']")
    before = scale(page)
    page.wheel(*point, -200)
    assert scale(page) > 1.2 * before
    assert centre(page, "[data-item='1']") == pytest.approx(point, abs=1)


def test_two_fingers_zoom(page):
    before = scale(page)
    page.touch([(500, 400), (600, 400)], [(450, 400), (600, 400)], [(450, 400), (650, 400)])
    assert scale(page) == pytest.approx(2 * before, rel=0.1)


def test_double_click_zooms_on_the_ground(page):
    before = scale(page)
    page.press(900, 740, count=2)
    assert scale(page) == pytest.approx(1.6 * before)


@pytest.mark.parametrize(("key", "factor"), [("+", 1.25), ("-", 0.8)])
def test_keys_zoom_and_fit(page, key, factor):
    before = scale(page)
    page.key(key)
    assert scale(page) == pytest.approx(factor * before)
    page.key("0")
    assert scale(page) == pytest.approx(before)


def test_arrows_move(page):
    x, y = position(page)
    page.key("ArrowRight")
    page.key("ArrowDown")
    assert position(page) == pytest.approx([x - 60, y - 60])


def test_pointing_at_a_wire_lights_its_axis_everywhere(page):
    x, y = centre(page, "[data-axis=t]")
    page.hover(x, y + 3)  # near it is enough
    assert lit(page) == ["t"]
    assert page.run("getComputedStyle(document.querySelector('#stage [data-axis=c]')).opacity") != "1"
    page.hover(900, 740)
    assert lit(page) == []


def test_the_list_of_axes_lights_and_keeps_them(page):
    assert page.run("[...document.querySelectorAll('#axes button')].map((each) => each.innerText)") == [
        "t\n128",
        "c\n64",
    ]
    page.press(*centre(page, "#axes button[value=c]"))
    page.hover(900, 740)
    assert lit(page) == ["c"]
    page.press(*centre(page, "#stage [data-axis=t]"))
    assert sorted(lit(page)) == ["c", "t"]
    page.key("Escape")
    assert lit(page) == []


def test_pointing_at_an_operation_tells_of_it(page):
    page.hover(*centre(page, "[data-item='1']"))
    assert card(page) == "<b>odd</b>\nexpression\nt"
    page.hover(900, 740)
    assert card(page) is None


def test_a_click_keeps_a_card(page):
    page.press(*centre(page, "[data-item='1']"))
    page.hover(900, 740)
    assert "odd" in card(page)
    page.key("Escape")
    assert card(page) is None


def test_a_card_tells_what_an_operation_costs(page):
    page.press(*centre(page, "[data-block=layer]"))
    page.hover(*centre(page, "[data-item='0.0']"))
    text = card(page)
    assert all(part in text for part in ("dot", "layer", "t [c] -> t h", "x1 = ww.dot", "share of FLOPs", "90.0 %"))


def test_a_click_opens_a_block_where_it_is(page):
    point = centre(page, "[data-block=layer]")
    before = scale(page)
    page.press(*point)
    assert opened(page) == ["layer"]
    assert centre(page, "[data-block=layer]") == pytest.approx(point, abs=1)
    assert scale(page) == pytest.approx(before)
    page.press(*centre(page, "[data-block='layer.inner']"))
    assert opened(page) == ["layer", "layer.inner"]


def test_a_click_on_its_head_closes_a_block(page):
    page.press(*centre(page, "[data-block=layer]"))
    page.press(*centre(page, "[data-block='layer.inner']"))
    x, y = centre(page, "[data-block=layer]")
    page.press(x, y + 110)  # the tint of an open block is only ground
    assert opened(page) == ["layer", "layer.inner"]
    page.press(*head(page, "[data-block=layer]"))
    assert opened(page) == []


def test_dragging_a_block_does_not_open_it(page):
    x, y = centre(page, "[data-block=layer]")
    page.drag((x, y), (x + 40, y))
    assert opened(page) == []


def test_buttons_show_levels(page):
    page.press(*centre(page, "#levels button[value='level-2']"))
    assert opened(page) == ["layer", "layer.inner"]
    assert page.run("document.querySelector('#levels [aria-pressed=true]').innerText") == "2"
    page.press(*centre(page, "#levels button[value='level-0']"))
    assert opened(page) == []


def test_tab_walks_in_the_order_of_reading(page):
    page.press(*centre(page, "#levels button[value='level-2']"))
    page.run("document.getElementById('view').focus()")
    walked = []
    for _ in range(5):
        page.key("Tab")
        walked.append(focused(page))
    assert walked == ["0", "0.0", "0.1", "0.1.0", "1"]
    page.key("Tab", SHIFT)
    assert focused(page) == "0.1.0"
    assert "softmax" in card(page)
    page.run("document.querySelector('[data-item=\"1\"]').focus()")
    page.key("Tab")
    assert page.run("document.activeElement.closest('#axes') !== null")


def test_enter_opens_and_closes_and_keeps_the_place(page):
    page.run("document.getElementById('view').focus()")
    page.key("Tab")
    page.key("Enter")
    assert opened(page) == ["layer"]
    assert focused(page) == "0"
    assert page.run("document.activeElement.getAttribute('aria-expanded')") == "true"
    assert page.run("document.getElementById('said').innerText") == "Layer opened"
    page.key("Enter")
    assert opened(page) == []
    page.key("Escape")
    page.key("Escape")
    assert page.run("document.activeElement === document.body")


def test_what_can_be_walked_to_has_a_name(page):
    page.press(*centre(page, "[data-block=layer]"))
    names = page.run(
        "[...document.querySelectorAll('#stage [role]:not(svg)')].map((each) => each.getAttribute('aria-label'))"
    )
    assert sorted(names) == ["<b>odd</b>", "Layer, block, open", "Layer.Inner, block, closed", "dot"]
    unnamed = "[...document.querySelectorAll('button, select')].filter((e) => !e.innerText && !e.ariaLabel && !e.labels.length)"
    assert page.run(f"{unnamed}.length") == 0


def test_colours_are_shares(page):
    page.press(*centre(page, "#levels button[value='level-2']"))
    page.run(
        "const box = document.getElementById('colours'); box.value = 'flops'; box.dispatchEvent(new Event('change'))"
    )
    share = "[...document.querySelectorAll('.heat rect')].map((each) => Number(each.style.getPropertyValue('--share')))"
    assert page.run(share) == pytest.approx([1, (1 / 9) ** 0.5, 0])
    assert page.run("document.getElementById('scale').innerText").split("\n") == ["0 %", "90.0 %"]
    assert (
        page.run("getComputedStyle(document.querySelector('.heat rect')).fill")
        == "color(srgb 0.94902 0.419608 0.113725)"
    )


def test_what_is_repeated_counts_as_often_as_it_is_done(browser, tmp_path):
    """Two layers drawn once, in which two items share an operation."""
    drawn = svg(
        block("0", 40, "layer", "fence", "0 1 2 3", wide=200)
        + operation("0.0", 60, 0)
        + operation("0.1", 100, 0)
        + operation("0.2", 140, 1)
    )
    parts = {0: 0.4, 1: 0.1, 2: 0.4, 3: 0.1}
    path = tmp_path / "page.html"
    path.write_text(html([State("all", frozenset([LAYER]), drawn, "")], "two", Facts(shares={"flops": parts})))
    browser.open(path)
    assert browser.run("items.map((each) => [each.times, share(each, 'flops')])") == [
        [1, pytest.approx(1.0)],
        [2, pytest.approx(0.4)],
        [2, pytest.approx(0.4)],
        [2, pytest.approx(0.2)],
    ]


def test_dark_mode_follows_the_reader_and_the_button(page):
    background = "getComputedStyle(document.body).backgroundColor"
    assert page.run(background) == "rgb(255, 255, 255)"
    page.prefer(color_scheme="dark", reduced_motion="reduce")
    page.wait(f"{background} === 'rgb(21, 24, 28)'")
    assert page.run("getComputedStyle(document.querySelector('.wire')).stroke") == "rgb(230, 230, 230)"
    page.press(*centre(page, "#theme"))
    assert page.run(background) == "rgb(255, 255, 255)"
    page.key("d")
    assert page.run(background) == "rgb(21, 24, 28)"


def test_help_opens_and_leaves(page):
    page.key("?")
    assert page.run("document.activeElement.id") == "close-keys"
    assert page.run("document.getElementById('keys').hidden") is False
    page.key("Escape")
    assert page.run("document.getElementById('keys').hidden") is True
    assert page.run("document.activeElement.id") == "help"


def test_the_picture_can_be_saved(page):
    page.run("""
        URL.createObjectURL = (blob) => { blob.text().then((text) => { window.saved = text; }); return "#"; };
        URL.revokeObjectURL = () => {};
    """)
    page.press(*centre(page, "#save"))
    page.wait("window.saved")
    assert page.run("window.saved") == CLOSED


@pytest.mark.parametrize("width", [400, 1200])
def test_nothing_is_wider_than_the_window(page, width):
    page.resize(width, 800)
    assert page.run("document.documentElement.scrollWidth") <= width
    assert page.run("document.getElementById('view').clientHeight") > 300


def test_animations_run_where_they_may(page):
    page.prefer(color_scheme="light", reduced_motion="no-preference")
    page.press(*centre(page, "[data-block=layer]"))
    assert page.run("document.getElementById('stage').getAnimations().length") == 1
    page.settle()
    assert opened(page) == ["layer"]


# -- with drawings as they are -----------------------------------------------------------------------------------------


def shown(browser, tmp_path, name):
    """A page of a specimen, whose items all stand for operations."""
    each = specimens()[name]
    drawn = re.sub(
        r'(data-item="[^"]*")(?! data-op)', r'\1 data-op="0"', svg_of(draw(each.picture, [each.layout]), LIGHT)
    )
    state = State("only", frozenset(), drawn, name)
    path = tmp_path / "page.html"
    path.write_text(html([state], name), encoding="utf-8")
    browser.prefer(color_scheme="light", reduced_motion="reduce")
    browser.open(path)


@pytest.mark.parametrize("name", specimens())
def test_every_kind_can_be_walked_to(browser, tmp_path, name):
    shown(browser, tmp_path, name)
    browser.run("document.getElementById('view').focus()")
    browser.key("Tab")
    assert focused(browser) == "0"
    assert browser.errors() == []


def test_a_cup_belongs_to_its_contraction(browser, tmp_path):
    shown(browser, tmp_path, "dot")
    cups = "[...document.querySelectorAll('[data-part]')].map((each) => each.dataset.part)"
    assert browser.run(cups) == ["0"]


def test_an_open_block_has_its_name_and_what_is_in_it(browser, tmp_path):
    shown(browser, tmp_path, "block nested")
    assert browser.run("items.map((each) => [each.name, each.block, each.open])") == [
        ["0", "attention.p", True],
        ["0.0", "", False],
    ]


def test_a_dark_page_draws_in_light_ink(browser, tmp_path):
    shown(browser, tmp_path, "softmax")
    stroke = "getComputedStyle(document.querySelector('.triangle')).stroke"
    assert browser.run(stroke) == "rgb(17, 17, 17)"
    browser.key("d")
    assert browser.run(stroke) == "rgb(230, 230, 230)"
