"""A scene as SVG: compact, with one style sheet, and with letters as outlines, so that it looks alike everywhere."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from xml.sax.saxutils import escape, quoteattr
from zlib import crc32

from wirework.diagram.metrics import EM, OVERLINE, Part, letter, parts, width
from wirework.diagram.picture import Text, plain
from wirework.diagram.scene import Circle, Command, Path, Scene, Shape, Tag, Words
from wirework.diagram.themes import Theme, step

FONTS = {
    "italic": "font-family='Palatino,Palatino Linotype,TeX Gyre Pagella,serif' font-style='italic'",
    "roman": "font-family='Palatino,Palatino Linotype,TeX Gyre Pagella,serif'",
    "bold": "font-family='Palatino,Palatino Linotype,TeX Gyre Pagella,serif' font-weight='bold'",
    "sans": "font-family='Helvetica,Arial,sans-serif'",
}  # of letters that are in no table


def svg(scene: Scene, theme: Theme) -> str:
    """A scene as the text of an SVG file.

    Classes are roles. Wires carry `data-wire`, `data-axis`, `data-value` and `data-ends`, items `data-item`, `data-op`
    (places of operations) and `data-block`.
    """
    scope = f"wirework-{theme.name}"
    wide, high = number(scene.width), number(scene.height)
    writer = _Writer(theme)
    body = list(writer.shapes(scene.shapes))
    items = len({shape.tag.item for shape in scene.shapes if shape.tag.item})
    return "\n".join((
        f'<svg xmlns="http://www.w3.org/2000/svg" class="wirework {scope}" role="img" width="{wide}" height="{high}" '
        f'viewBox="0 0 {wide} {high}">',
        f"<title>{_text(scene.title)}</title>",
        f"<desc>A neural circuit diagram of {items} operations and blocks, from left to right; lines are axes.</desc>",
        f"<style>{theme.style('.' + scope)}</style>",
        *(["<defs>", *writer.defined.values(), "</defs>"] if writer.defined else []),
        f'<rect class="page" width="{wide}" height="{high}"/>',
        *body,
        "</svg>\n",
    ))  # fmt: skip


def number(value: float) -> str:
    """A coordinate, to a tenth."""
    rounded = round(value, 1)
    return str(int(rounded)) if rounded == int(rounded) else str(rounded)


def data(commands: Iterable[Command]) -> str:
    """The `d` of a path, in short steps from point to point that are exact to a tenth."""
    said: list[str] = []
    x = y = start_x = start_y = 0
    for name, *values in commands:
        tenths = [round(value * 10) for value in values]
        if name == "Z":
            said.append("z")
            x, y = start_x, start_y
            continue
        steps = [value - (y if place % 2 else x) for place, value in enumerate(tenths)]
        if name == "M":
            said.append("M" + _steps(tenths))
            start_x, start_y = tenths
        elif name == "L" and steps[1] == 0:
            said.append("h" + _steps(steps[:1]))
        elif name == "L" and steps[0] == 0:
            said.append("v" + _steps(steps[1:]))
        else:
            said.append(name.lower() + _steps(steps))
        x, y = tenths[-2:]
    return "".join(said)


def _steps(tenths: Sequence[int]) -> str:
    return " ".join(number(value / 10) for value in tenths).replace(" -", "-")


def _text(words: str) -> str:
    """Text as XML has it, without what XML cannot have."""
    return escape("".join(each for each in words if each.isprintable() or each == " "))


def _attribute(name: str, value: str) -> str:
    return f" {name}={quoteattr(_unprintable(value))}" if value else ""


def _unprintable(words: str) -> str:
    return "".join(each for each in words if each.isprintable())


def _identity(text: str) -> str:
    """A name for a definition that depends on nothing but what it defines."""
    return f"{crc32(text.encode()):08x}"


@dataclass(frozen=True, slots=True)
class _Writer:
    """Writes shapes, and keeps what they share.

    Attributes:
        theme: says how many tints there are.
        defined: texts that are drawn more than once, by name.
    """

    theme: Theme
    defined: dict[str, str] = field(default_factory=dict)

    def shapes(self, shapes: Iterable[Shape]) -> Iterator[str]:
        """All shapes; those that belong to the same thing and follow each other in one group."""
        told: set[str] = set()
        for (kind, name), group in groupby(shapes, _belonging):
            members = list(group)
            tag = members[0].tag
            if kind == "shadow":
                yield from self.shadow([shape for shape in members if isinstance(shape, Path)])
            elif kind == "item":
                yield f"<g{_item_attributes(tag)}>"
                if tag.title and name not in told:
                    told.add(name)
                    yield f"<title>{_text(tag.title)}</title>"
                yield from (self.shape(shape) for shape in members)
                yield "</g>"
            elif kind == "wire":
                yield f'<g class="wire"{_wire_attributes(tag)}><title>{_text(tag.title)}</title>'
                yield from (_piece(shape) for shape in members if isinstance(shape, Path))
                yield "</g>"
            else:
                yield from (self.shape(shape, _wire_attributes(shape.tag)) for shape in members)

    def shadow(self, shapes: Sequence[Path]) -> Iterator[str]:
        """Soft shadows of shapes that lie side by side, all at once."""
        soft = self.theme.shadow
        if soft is None:
            return
        drawn = "".join(data(shape.commands) for shape in shapes)
        name = "s" + _identity(drawn)
        self.defined[name] = f'<path id="{name}" d="{drawn}"/>'
        yield from (f'<use class="shadow" href="#{name}" stroke-width="{thick:g}"/>' for thick in soft.widths)

    def shape(self, shape: Shape, attributes: str = "") -> str:
        """One shape."""
        match shape:
            case Path():
                return f'<path class="{self.classes(shape)}" d="{data(shape.commands)}"{attributes}/>'
            case Circle(x=x, y=y, radius=radius):
                at = f'cx="{number(x)}" cy="{number(y)}" r="{radius:g}"'
                return f'<circle class="{self.classes(shape)}" {at}{attributes}/>'
            case Words():
                return self.words(shape, attributes)

    def classes(self, shape: Path | Circle) -> str:
        """The role of a shape, its tint and its share."""
        found: list[str] = [shape.role]
        levels = self.theme.levels(shape.role)
        if shape.share is not None:
            found.append(f"s{step(shape.share)}")
        elif isinstance(shape, Path) and levels:
            found.append(f"l{shape.level % levels}")
        return " ".join(found)

    def words(self, words: Words, attributes: str) -> str:
        """A line of text: outlines that are defined once, or plain text if a letter is not in the table."""
        left = words.x - width(words.text, words.size) * {"start": 0.0, "middle": 0.5, "end": 1.0}[words.anchor]
        at = f'x="{number(left)}" y="{number(words.y)}"'
        if any(letter(each, run.style) is None for run in words.text for each in run.text):
            return f'<text class="{words.role}" {at}{attributes}>{_spans(words)}</text>'
        name = "t" + _identity(f"{words.size:g} {words.text}")
        if name not in self.defined:
            self.defined[name] = _outlines(name, words.text, words.size)
        return f'<use class="{words.role}" href="#{name}" {at}{attributes}/>'


def _belonging(shape: Shape) -> tuple[str, str]:
    """What a shape is grouped by."""
    if shape.role == "shadow":
        return "shadow", ""
    if shape.tag.item:
        return "item", shape.tag.item
    if shape.role == "wire" and shape.tag.wire >= 0:
        return "wire", str(shape.tag.wire)
    return "single", ""


def _item_attributes(tag: Tag) -> str:
    operations = " ".join(str(node) for node in tag.nodes)
    return _attribute("data-item", tag.item) + _attribute("data-op", operations) + _attribute("data-block", tag.path)


def _wire_attributes(tag: Tag) -> str:
    wire = f' data-wire="{tag.wire}"' if tag.wire >= 0 else ""
    return wire + _attribute("data-axis", " ".join(tag.axes))


def _piece(shape: Path) -> str:
    ends = _attribute("data-ends", " ".join(end for end in shape.tag.ends if end))
    value = f' data-value="{shape.tag.value}"' if shape.tag.value >= 0 else ""
    return f'<path d="{data(shape.commands)}"{value}{ends}/>'


def _outlines(name: str, text: Text, size: float) -> str:
    """The definition of a text: a path for each run, at the size in which it is drawn."""
    paths = []
    for part in parts(text, size):
        moved = f"translate({part.x:.4g},{-part.y:.4g})" if part.x or part.y else ""
        paths.append(f'<path transform="{moved}scale({part.size / EM:.5g})" d="{_outline(part)}"/>')
    return f'<g id="{name}" aria-label={quoteattr(plain(text))}>{"".join(paths)}</g>'


def _outline(part: Part) -> str:
    """The letters of a run side by side, and the line above them, in thousandths of an em."""
    said, x = [], 0
    for each in part.run.text:
        found = letter(each, part.run.style)
        if found is None:
            continue
        said.append(_further(found.outline, x))
        x += found.advance
    if part.run.overline:
        top = round(-(part.top - part.y) / part.size * EM - OVERLINE * EM)
        said.append(f"M{round(x * 0.06)} {top}h{round(x * 0.94)}v-45h-{round(x * 0.94)}z")
    return "".join(said)


def _further(outline: str, x: int) -> str:
    """An outline further to the right: all its steps but the first go from where it is."""
    if not x or not outline:
        return outline
    end = next(place for place, each in enumerate(outline) if place and each.isalpha())
    start = outline[1:end].replace("-", " -").split()
    return f"M{int(start[0]) + x} {start[1]}".replace(" -", "-") + outline[end:]


def _spans(words: Words) -> str:
    """A text in letters of the system, run by run."""
    spans, before = [], 0.0
    for part in parts(words.text, words.size):
        shift = f' dy="{number(before - part.y)}"' if part.y != before else ""
        line = " text-decoration='overline'" if part.run.overline else ""
        font = f"{FONTS[part.run.style]} font-size='{part.size:g}'"
        spans.append(f"<tspan {font}{shift}{line}>{_text(part.run.text)}</tspan>")
        before = part.y
    return "".join(spans)
