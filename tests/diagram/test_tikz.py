"""TikZ: what is written, and that TeX reads it."""

import re
import shutil
import string
import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from diagram.specimens import italic, roman, sans, specimens
from wirework.diagram.drawing import draw
from wirework.diagram.picture import Run
from wirework.diagram.scene import Circle, Path, Scene, Words
from wirework.diagram.tex import tex
from wirework.diagram.themes import DARK, LIGHT, PRINT, THEMES
from wirework.diagram.tikz import document, number, route, tikz

ODD = 'σ Σ θ × ² 𝔼 ½ x̄ é Å ß ł t₂ φ ε λ ★ ⊙ √ ∈ ≤ → … – “q” ’ ` θ_b & 50% #1 {x} $y$ ~ ^ \\ <a> |b| "c" * 中 \t \x07'


def scenes():
    return {name: draw(each.picture, [each.layout], title=name) for name, each in specimens().items()}


def scene_of(*shapes):
    return Scene(100, 60, shapes, "a % \\scene é")


# -- text --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (italic("x"), "${x}$"),
        (italic("out"), r"${\mathit{out}}$"),
        (italic("28"), "${28}$"),
        ((Run("L", "bold"), Run("Q", level=1), Run("+", "roman", level=-1)), r"${\mathbf{L}}^{Q}_{\mathrm{+}}$"),
        ((Run("x", "bold", overline=True), Run("/2")), r"${\overline{\mathbf{x}}/2}$"),
        ((Run("k"), Run("-1", level=1), Run("/2", level=1)), "${k}^{-1/2}$"),
        ((Run("k"), Run("1", level=1), Run("2", level=-1), Run("3", level=1)), "${k}^{1}_{2}{}^{3}$"),
        ((Run("2", level=1),), "${}^{2}$"),
        (sans("Scaled Dot-Product"), r"\textsf{Scaled Dot-Product}"),
        ((Run("Block ", "sans"), Run("n")), r"\textsf{Block }${n}$"),
        (roman("r m s"), r"${\mathrm{r\ m\ s}}$"),
        (italic("σ"), r"${\ensuremath{\sigma}}$"),
        (roman("𝔼"), r"${\mathrm{\ensuremath{\mathbb{E}}}}$"),
        (italic("x²"), r"${x\ensuremath{^{2}}}$"),
        (italic("x\u0304y"), r"${\ensuremath{\overline{x}}y}$"),
        (sans("a_b & 5% #{$}"), r"\textsf{a\_b \& 5\% \#\{\$\}}"),
        (sans("中"), r"\textsf{\text{U+4E2D}}"),
        ((), ""),
    ],
)
def test_text(text, expected):
    assert tex(text) == expected


@given(st.text(), st.sampled_from(["italic", "roman", "bold", "sans"]))
def test_any_text_is_ascii_with_braces_that_match(text, style):
    written = tex((Run(text, style),))
    assert written.isascii() and written.isprintable()
    depth = 0
    for brace in re.findall(r"(?<!\\)(?:\\\\)*([{}])", written):
        depth += 1 if brace == "{" else -1
        assert depth >= 0
    assert depth == 0


# -- shapes ------------------------------------------------------------------------------------------------------------


def test_lines_and_curves():
    way = (("M", 0, 1), ("L", 10, 1.25), ("C", 12, 1, 14, 2, 16, 3), ("Z",))
    assert route(way) == "(0,1) -- (10,1.25) .. controls (12,1) and (14,2) .. (16,3) -- cycle"


@pytest.mark.parametrize(("value", "expected"), [(1.0, "1"), (0.12345, "0.123"), (-2.5, "-2.5"), (123456.7, "123457")])
def test_numbers_are_short_and_have_no_exponent(value, expected):
    assert number(value) == expected


def test_a_picture_reads_as_tikz():
    scene = scene_of(
        Path((("M", 0, 10), ("L", 100, 10)), "wire"),
        Path((("M", 0, 30), ("L", 100, 30)), "separator"),
        Path((("M", 5, 5), ("L", 9, 5), ("L", 9, 9), ("Z",)), "fence", level=1),
        Circle(50, 10, 3.35, "dot"),
        Words(20, 8, (Run("x"),), 14, "label", "middle"),
    )
    assert tikz(scene).splitlines() == [
        r"% a % \scene ?",
        r"\begin{tikzpicture}[x=0.75bp, y=-0.75bp, line join=round, every node/.style={inner sep=0pt}]",
        r"\definecolor{wirework111111}{HTML}{111111}",
        r"\definecolor{wireworkCBC5E6}{HTML}{CBC5E6}",
        r"\path[use as bounding box] (0,0) rectangle (100,60);",
        r"\path[draw=wirework111111, line width=0.75bp] (0,10) -- (100,10);",
        r"\path[draw=wirework111111, line width=0.975bp, dash pattern=on 4.5bp off 4.5bp] (0,30) -- (100,30);",
        r"\path[fill=wireworkCBC5E6] (5,5) -- (9,5) -- (9,9) -- cycle;",
        r"\path[fill=wirework111111] (50,10) circle[radius=2.513bp];",
        r"\path (20,8) node[anchor=base, wirework111111, scale=1.054] {${x}$};",
        r"\end{tikzpicture}",
    ]


def test_a_dark_picture_has_its_ground():
    assert r"\fill[wirework16181D] (0,0) rectangle (100,60);" in tikz(scene_of(), DARK)
    assert r"\fill" not in tikz(scene_of(), LIGHT)


def test_shadows_are_faint_and_wide():
    shadow = Path((("M", 0, 0), ("L", 9, 0), ("Z",)), "shadow")
    assert tikz(scene_of(shadow), LIGHT).count("opacity=") == len(LIGHT.shadow.widths)
    assert "opacity=" not in tikz(scene_of(shadow), PRINT)


def test_shares_are_colours():
    plate = Path((("M", 0, 0), ("L", 9, 0), ("Z",)), "plate", share=1.0)
    assert LIGHT.strongest.removeprefix("#").upper() in tikz(scene_of(plate))


@pytest.mark.parametrize("name", specimens())
def test_every_kind_is_written_the_same_each_time(name):
    one, other = (draw(specimens()[name].picture, [specimens()[name].layout]) for _ in range(2))
    assert tikz(one) == tikz(other)
    assert tikz(one).count(r"\path") > 2


# -- TeX ---------------------------------------------------------------------------------------------------------------


def compiled(folder, source):
    """What TeX says of a document; the test is skipped where there is no TeX."""
    program = shutil.which("pdflatex")
    if program is None:
        pytest.skip("no pdflatex is installed")
    (folder / "picture.tex").write_text(source, encoding="ascii")
    command = [program, "-interaction=nonstopmode", "-halt-on-error", "-no-shell-escape", "picture.tex"]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, errors="replace", timeout=120)
    assert done.returncode == 0, done.stdout[-2000:]
    return done.stdout


@pytest.mark.parametrize("theme", THEMES)
def test_tex_reads_every_kind(tmp_path, theme):
    pages = [document(scene, THEMES[theme]) for scene in scenes().values()]
    head = pages[0].partition(r"\begin{document}")[0]
    bodies = [page.partition(r"\begin{document}")[2].partition(r"\end{document}")[0] for page in pages]
    large = re.sub(r"paperwidth=[\d.]+bp,paperheight=[\d.]+bp", "paperwidth=900bp,paperheight=900bp", head)
    said = compiled(tmp_path, large + r"\begin{document}" + r"\newpage".join(bodies) + r"\end{document}")
    assert f"({len(pages)} pages" in said


def test_a_document_is_one_page_of_the_size_of_its_picture(tmp_path):
    said = compiled(tmp_path, document(scenes()["linear named"]))
    assert "(1 page," in said
    assert "Overfull" not in said


def test_tex_reads_any_letter(tmp_path):
    styles = ("italic", "roman", "bold", "sans")
    texts = [(Run(ODD + string.printable, style, overline),) for style in styles for overline in (False, True)]
    texts += [(Run("x"), Run(ODD, style, level=level)) for style in styles for level in (1, -1)]
    words = [Words(0, 20 * place, text, 12, "label") for place, text in enumerate(texts)]
    compiled(tmp_path, document(scene_of(*words)))
