"""The gallery and the picture of the README are what their code draws."""

import importlib.util
import runpy
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
GALLERY = ROOT / "docs" / "gallery"


def figures():
    """The module that makes the figures."""
    if "gallery_figures" not in sys.modules:
        spec = importlib.util.spec_from_file_location("gallery_figures", GALLERY / "figures.py")
        sys.modules["gallery_figures"] = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(sys.modules["gallery_figures"])
    return sys.modules["gallery_figures"].FIGURES


@pytest.mark.parametrize("figure", figures(), ids=lambda figure: figure.make.__name__)
def test_figure_is_what_its_code_draws(figure):
    drawn = figure.make().svg()
    assert (GALLERY / f"{figure.make.__name__}.svg").read_text() == drawn, "run: make gallery"


def test_page_shows_every_figure():
    page = (GALLERY / "README.md").read_text()
    for figure in figures():
        assert f"({figure.make.__name__}.svg)" in page
    files = {path.stem for path in GALLERY.glob("*.svg")}
    assert files == {figure.make.__name__ for figure in figures()}


def test_picture_of_the_readme(tmp_path, monkeypatch, capsys):
    file = ROOT / "examples" / "draw_attention.py"
    monkeypatch.setattr(sys, "argv", [str(file), str(tmp_path / "attention.svg")])
    runpy.run_path(str(file), run_name="__main__")
    assert "Scaled Dot-Product Attention" in capsys.readouterr().out
    picture = ROOT / "docs" / "images" / "attention.svg"
    assert picture.read_text() == (tmp_path / "attention.svg").read_text(), f"run: python {file} {picture}"
