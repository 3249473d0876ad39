"""`Diagram`: a circuit as it is drawn, in every form that it can have."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Any

from wirework.circuit.graph import Circuit
from wirework.diagram import costs, drawing, layout, page, raster, reading, tikz
from wirework.diagram.options import Note, Options, names
from wirework.diagram.pdf import pdf
from wirework.diagram.picture import Panel, Picture
from wirework.diagram.placed import Layout
from wirework.diagram.scene import Scene
from wirework.diagram.svg import svg
from wirework.diagram.targets import target
from wirework.diagram.text import text
from wirework.diagram.themes import theme_named
from wirework.errors import AxisSizeError, DataError, SemanticError, brief, did_you_mean, joined

COLUMNS = 80  # of a text whose width is not given
SHARES_OF = {"flops": "FLOPs", "parameters": "parameters", "memory": "bytes moved"}
DEEPEST = 1000  # levels of blocks: more than there are


@dataclass(frozen=True, repr=False)
class Diagram:
    """A circuit as it is drawn. In a notebook it shows itself.

    What is asked for is computed when it is first asked for, and kept.

    Attributes:
        circuit: what is drawn.
        options: how.
        known: the layouts of its blocks, which other diagrams of the circuit take.
    """

    circuit: Circuit
    options: Options = field(default_factory=Options)
    known: layout.Known = field(default_factory=layout.Known, compare=False)

    # -- changing --------------------------------------------------------------------------------------------------

    @brief
    def annotate(self, target: str, text: str) -> Diagram:
        """A diagram with a note beside a part of it.

        Args:
            target: the name of an axis ("h"), of a block by its path ("blocks.0.attention") or its title
                ("Attention"), of a kind of operation ("softmax"), or of an input ("x").
            text: what is said.

        Raises:
            SemanticError: if nothing has that name.
        """
        if not isinstance(text, str) or not text.strip():
            raise SemanticError(f"a note is a text, not {text!r}")
        self.find(target)
        return Diagram(self.circuit, replace(self.options, notes=(*self.options.notes, Note(target, text))))

    @brief
    def highlight(self, *targets: str) -> Diagram:
        """A diagram in which some parts are marked, each in a colour of its own.

        Args:
            targets: names as for `annotate`.

        Raises:
            SemanticError: if nothing has that name.
        """
        for name in targets:
            self.find(name)
        return Diagram(self.circuit, replace(self.options, highlights=(*self.options.highlights, *targets)))

    def find(self, name: str) -> drawing.Target:
        """What is drawn of a name."""
        return target(self.circuit, name, tuple(paths(self.picture.panel)))

    # -- steps -----------------------------------------------------------------------------------------------------

    @cached_property
    def picture(self) -> Picture:
        """What is drawn, before it has places."""
        chosen = self.options
        return reading.picture(
            self.circuit, depth=chosen.depth, opened=chosen.opened, labels=chosen.labels, hide=chosen.hide
        )

    @cached_property
    def layout(self) -> Layout:
        """Where it stands, in one row."""
        return layout.place(self.picture, self.known)

    @cached_property
    def shares(self) -> Mapping[int, float]:
        """What part of the whole each operation costs, if the diagram is coloured by that."""
        by = self.options.color_by
        return MappingProxyType({} if by is None else costs.shares(self.circuit, by, self.options.sizes))

    @cached_property
    def scene(self) -> Scene:
        """Its shapes."""
        chosen = self.options
        rows = (self.layout,) if chosen.width is None else layout.wrap(self.picture, self.layout, chosen.width)
        return drawing.draw(
            self.picture,
            rows,
            title=chosen.title or "",
            caption=chosen.caption or "",
            legend=chosen.legend,
            notes=[drawing.Note(self.find(note.target), note.text) for note in chosen.notes],
            highlights=[drawing.Highlight(self.find(name)) for name in chosen.highlights],
            shares=self.shares,
            shares_of=SHARES_OF.get(chosen.color_by or "", ""),
        )

    # -- forms -----------------------------------------------------------------------------------------------------

    @brief
    def svg(self) -> str:
        """An SVG drawing, that needs nothing beside it."""
        return self._svg

    @cached_property
    def _svg(self) -> str:
        return svg(self.scene, theme_named(self.options.theme))

    @brief
    def html(self) -> str:
        """A page in one file: to move and zoom in, to open and close blocks, to see axes and costs."""
        return self._html

    @cached_property
    def _html(self) -> str:
        whole = reading.picture(self.circuit, depth=DEEPEST, labels=self.options.labels, hide=self.options.hide)
        states = page.states(whole, self.opened)
        shown = frozenset(tuple(path.split(".")) for path in paths(self.picture.panel, only_open=True))
        start = min(states, key=lambda state: len(state.open ^ shown)).key
        title = self.options.title or self.circuit.name
        return page.html(states, title, page.facts(self.circuit, self.options.sizes), start)

    def opened(self, blocks: frozenset[tuple[str, ...]]) -> tuple[Picture, str]:
        """The picture with exactly some blocks open, and its SVG. A note on what this does not show is left out."""
        other = Diagram(self.circuit, replace(self.options, opened=blocks, depth=None, color_by=None), self.known)
        kept = tuple(note for note in self.options.notes if shows(other.picture, other.find(note.target)))
        same = kept == self.options.notes
        return other.picture, (
            other if same else Diagram(self.circuit, replace(other.options, notes=kept), self.known)
        ).svg()

    @brief
    def tikz(self) -> str:
        """A LaTeX document with a TikZ picture."""
        return tikz.document(self.scene, theme_named(self.options.theme))

    @brief
    def text(self, width: int | None = None) -> str:
        """A drawing in Unicode for a terminal.

        Args:
            width: of the terminal, in characters; by default 80.
        """
        if width is not None and (isinstance(width, bool) or not isinstance(width, int) or width < 1):
            raise SemanticError(f"the width of a text is a number of characters, not {width!r}")
        chosen = self.options
        return text(
            self.picture, self.layout, COLUMNS if width is None else width,
            title=chosen.title or "", caption=chosen.caption or "", legend=chosen.legend,
        )  # fmt: skip

    @brief
    def png(self, scale: float = 2) -> bytes:
        """A PNG image.

        Args:
            scale: pixels for each unit of the SVG drawing.

        Raises:
            NotSupportedError: if the packages of `wirework[draw]` are not installed.
        """
        if isinstance(scale, bool) or not isinstance(scale, int | float) or not 0 < scale <= 20:
            raise SemanticError(f"scale is a number above 0 and up to 20, not {scale!r}")
        return raster.png(self.svg(), scale)

    @brief
    def pdf(self) -> bytes:
        """A PDF document of one page."""
        return pdf(self.scene, theme_named(self.options.theme))

    @brief
    def save(self, path: str | os.PathLike[str]) -> None:
        """Write a file, whose suffix says what it is: .svg, .html, .tex, .txt, .png or .pdf.

        Raises:
            SemanticError: for any other suffix.
            NotSupportedError: for PNG, if the packages of `wirework[draw]` are not installed.
            DataError: if the file cannot be written.
        """
        place = Path(path)
        made = self.form(place)()
        write(place, made.encode() if isinstance(made, str) else made)

    def form(self, path: Path) -> Callable[[], str | bytes]:
        """What makes the content of a file."""
        forms: dict[str, Callable[[], str | bytes]] = {
            ".svg": self.svg, ".html": self.html, ".tex": self.tikz, ".txt": self.text, ".png": self.png,
            ".pdf": self.pdf,
        }  # fmt: skip
        suffix = path.suffix.lower()
        if suffix not in forms:
            raise SemanticError(f"a diagram is written as {joined(forms, 'or')}, so not as {path.name!r}")
        return forms[suffix]

    # -- notebooks -------------------------------------------------------------------------------------------------

    def _repr_svg_(self) -> str:
        return self.svg()

    def _repr_html_(self) -> str:
        return f'<div class="wirework-diagram" style="overflow-x: auto">{self.svg()}</div>'

    def __repr__(self) -> str:
        return f"<Diagram of {self.circuit.name}: {len(self.circuit.nodes)} operations>"


@brief
def diagram(
    circuit: Circuit, *, hide: str | Collection[str] = (), highlight: str | Collection[str] = (),
    sizes: Mapping[str, int] = MappingProxyType({}), **chosen: Any,
) -> Diagram:  # fmt: skip
    """What `Circuit.draw` does."""
    hidden = names("hide", hide)
    for name in hidden:
        if name not in circuit.axes:
            raise SemanticError(f"{circuit.name} has no axis {name!r} to hide{did_you_mean(name, circuit.axes)}")
    for name, size in sizes.items():
        check_size(circuit, name, size)
    made = Diagram(circuit, Options(hide=hidden, sizes=MappingProxyType(dict(sizes)), **chosen))
    if made.options.color_by is not None:
        costs.shares(circuit, made.options.color_by, sizes)  # a missing size is an error here, not when it is shown
    return made.highlight(*names("highlight", highlight)) if highlight else made


def check_size(circuit: Circuit, name: str, size: Any) -> None:
    """Refuse what is no size, or no option, or of no axis of a circuit."""
    if name not in circuit.axes:
        words = (*circuit.axes, "depth", "width", "theme", "legend", "labels", "hide", "title", "caption", "highlight",
                 "color_by")  # fmt: skip
        raise SemanticError(f"{circuit.name} has no axis {name!r}, and draw no such option{did_you_mean(name, words)}")
    if isinstance(size, bool) or not isinstance(size, int) or size < 0:
        raise AxisSizeError(f"the size of axis {name} must be a whole number from 0 on, not {size!r}")


def paths(panel: Panel, only_open: bool = False) -> Iterator[str]:
    """The paths of the blocks that a panel shows."""
    for item in panel.items:
        if item.path and item.kind == "block" and (item.panel is not None or not only_open):
            yield ".".join(item.path)
        if item.panel is not None:
            yield from paths(item.panel, only_open)


def shows(picture: Picture, wanted: drawing.Target) -> bool:
    """Whether a picture has something of a target."""

    def within(panel: Panel) -> bool:
        return any(
            not set(wanted.nodes).isdisjoint(item.nodes)
            or ".".join(item.path) in wanted.paths
            or any(bundle.value in wanted.values for bundle in (*item.inputs, *item.outputs))
            or (item.panel is not None and within(item.panel))
            for item in panel.items
        )

    axes = {axis for wire in picture.wires.values() for axis in wire.axes}
    return not axes.isdisjoint(wanted.axes) or within(picture.panel)


def write(path: Path, content: bytes) -> None:
    """Write a file that takes the place of an older one at once.

    Raises:
        DataError: if it cannot be written.
    """
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        beside.write_bytes(content)
        os.replace(beside, path)
    except OSError as error:
        raise DataError(f"{path} cannot be written: {error.strerror}") from None
    finally:
        if beside.exists():
            beside.unlink()
