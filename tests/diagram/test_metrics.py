"""Widths and heights of text."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wirework.diagram.metrics import depth, height, letter, letters, parts, width
from wirework.diagram.picture import Run

STYLES = ("italic", "roman", "bold", "sans")
runs = st.builds(
    Run, st.text(max_size=8), st.sampled_from(STYLES), st.booleans(), st.sampled_from((-1, 0, 1))
)  # fmt: skip
texts = st.lists(runs, max_size=5).map(tuple)


def test_every_style_has_letters_with_outlines():
    assert tuple(letters()) == STYLES
    for table in letters().values():
        assert all(each.advance > 0 and each.outline.startswith("M") for name, each in table.items() if name.strip())


@pytest.mark.parametrize("name", "0123456789+-−×*=/()[],.<>→·√∑∏²½𝔼αβγθλμσφωΓΣΩ")
@pytest.mark.parametrize("style", STYLES)
def test_digits_signs_and_greek_are_known_in_every_style(name, style):
    assert letter(name, style) is not None


def test_a_digit_in_maths_is_upright():
    assert letter("3", "italic") == letter("3", "roman") != letter("3", "bold")


@given(texts, st.floats(1, 50))
def test_width_is_in_proportion_to_size(text, size):
    assert width(text, 2 * size) == pytest.approx(2 * width(text, size))


@given(texts)
def test_no_run_is_outside_of_the_width(text):
    whole = width(text, 10)
    assert all(part.x >= 0 and part.x + part.width <= whole + 1e-9 for part in parts(text, 10))


@given(texts, runs)
def test_more_text_is_not_narrower(text, run):
    assert width((*text, run), 10) >= width(text, 10)


def test_widths_are_those_of_the_letters():
    assert width((Run("xx"),), 10) == pytest.approx(2 * width((Run("x"),), 10))
    assert width((Run("W", "bold"),), 14) > width((Run("i", "bold"),), 14)
    assert width((), 10) == 0


def test_raised_and_lowered_text_stands_together_and_is_small():
    both = (Run("L", "bold"), Run("Q", level=1), Run("+", "roman", level=-1))
    line, raised, lowered = parts(both, 20)
    assert raised.x == lowered.x == line.width
    assert raised.size == lowered.size < 20
    assert lowered.y < 0 < raised.y
    assert width(both, 20) == pytest.approx(line.width + max(raised.width, lowered.width))


def test_what_follows_raised_text_stands_behind_it():
    x, two, y = parts((Run("x"), Run("2", level=1), Run("y")), 10)
    assert (x.x, two.x) == (0, x.width)
    assert y.x == pytest.approx(two.x + two.width)


def test_a_hyphen_in_maths_is_a_minus():
    assert [part.run.text for part in parts((Run("k"), Run("-1/2", "roman", level=1)), 10)] == ["k", "−1/2"]
    assert [part.run.text for part in parts((Run("dot-product", "sans"),), 10)] == ["dot-product"]


def test_heights():
    assert height((Run("k"),), 10) > height((Run("x"),), 10) > 0
    assert height((Run("x", overline=True),), 10) > height((Run("x"),), 10)
    assert depth((Run("y"),), 10) > 1 > depth((Run("k"),), 10)
    assert height((), 10) == depth((), 10) == 0


def test_unknown_letters_have_a_width():
    assert width((Run("字"),), 10) == 10
    assert width((Run("\ue000"),), 10) > 0
