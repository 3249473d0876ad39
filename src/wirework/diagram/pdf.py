"""A scene as PDF: vectors and outlines of letters, on one page of its size, and nothing else to install."""

from __future__ import annotations

import re
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from wirework.diagram.drawing.bounds import BEFORE
from wirework.diagram.drawing.curves import ROUND, rectangle
from wirework.diagram.metrics import EM, OVERLINE, Part, letter, parts, width
from wirework.diagram.scene import Circle, Command, Path, Scene, Shape, Words
from wirework.diagram.themes import Look, Soft, Theme

POINTS = 0.75  # in a unit of SVG
STEP = re.compile(r"([MmhvlczZ])([^A-Za-z]*)")
NUMBER = re.compile(r"-?\d+")


def pdf(scene: Scene, theme: Theme) -> bytes:
    """A scene as the bytes of a PDF file.

    Letters that are neither Latin nor Greek are drawn as empty boxes: there is no font to take them from.
    """
    page = _Page(theme)
    page.paint(rectangle(0, 0, scene.width, scene.height), Look(fill=theme.page))
    for shape in scene.shapes:
        page.shape(shape)
    wide, high = scene.width * POINTS, scene.height * POINTS
    content = f"{POINTS} 0 0 -{POINTS} 0 {_number(high)} cm 1 J\n" + "\n".join(page.content)
    soft = theme.shadow or Soft()
    faint = f"<< /Faint << /Type /ExtGState /ca {soft.opacity} /CA {soft.opacity} >> >>"
    texts = "".join(f"/{name} {number} 0 R " for number, (name, _) in enumerate(page.texts.values(), start=6))
    return _file([
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 {_number(wide)} {_number(high)}] /Contents 4 0 R "
        f"/Resources << /ExtGState {faint} /XObject << {texts}>> >> >>".encode(),
        _stream("", content),
        b"<< /Title <feff" + scene.title.encode("utf-16-be").hex().encode() + b"> /Producer (wirework) >>",
        *(_stream("/Type /XObject /Subtype /Form /BBox [-99 -99 9999 99] ", drawn) for _, drawn in page.texts.values()),
    ])  # fmt: skip


def _stream(entries: str, content: str) -> bytes:
    packed = zlib.compress(content.encode(), 9)
    head = f"<< {entries}/Length {len(packed)} /Filter /FlateDecode >>\nstream\n"
    return head.encode() + packed + b"\nendstream"


def _file(objects: Sequence[bytes]) -> bytes:
    """The file with these objects, numbered from 1: the first is the catalogue, the fifth says the title."""
    written, places = b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n", []
    for number, content in enumerate(objects, start=1):
        places.append(len(written))
        written += f"{number} 0 obj\n".encode() + content + b"\nendobj\n"
    table = "".join(f"{place:010d} 00000 n \n" for place in places)
    count = len(objects) + 1
    end = f"xref\n0 {count}\n0000000000 65535 f \n{table}trailer\n<< /Size {count} /Root 1 0 R /Info 5 0 R >>\n"
    return written + end.encode() + f"startxref\n{len(written)}\n%%EOF\n".encode()


def _number(value: float) -> str:
    return f"{value:.3f}".rstrip("0").rstrip(".") or "0"


def _numbers(values: Iterable[float]) -> str:
    return " ".join(map(_number, values))


def _colour(colour: str) -> str:
    return _numbers(int(colour[place : place + 2], 16) / 255 for place in (1, 3, 5))


OPERATORS = {"M": "m", "L": "l", "C": "c", "Z": "h"}


def _drawn(commands: Iterable[Command]) -> str:
    return " ".join(f"{_numbers(values)} {OPERATORS[name]}".lstrip() for name, *values in commands)


def _circle(x: float, y: float, radius: float) -> tuple[Command, ...]:
    far = ROUND * radius
    return (
        ("M", x + radius, y),
        ("C", x + radius, y + far, x + far, y + radius, x, y + radius),
        ("C", x - far, y + radius, x - radius, y + far, x - radius, y),
        ("C", x - radius, y - far, x - far, y - radius, x, y - radius),
        ("C", x + far, y - radius, x + radius, y - far, x + radius, y),
        ("Z",),
    )


@dataclass(frozen=True, slots=True)
class _Page:
    """Writes shapes on a page.

    Attributes:
        theme: how they look.
        content: what has been written.
        texts: what is drawn again and again: its name and its outlines, by text and size.
    """

    theme: Theme
    content: list[str] = field(default_factory=list)
    texts: dict[tuple[object, float], tuple[str, str]] = field(default_factory=dict)

    def shape(self, shape: Shape) -> None:
        """Draw a shape."""
        match shape:
            case Path(role="shadow"):
                self.shadow(shape)
            case Path(role="trail"):
                look = self.theme.looks["trail"]
                self.paint(shape.commands, Look(stroke=self.theme.fill("trail", shape.level), width=look.width))
            case Path():
                look = self.theme.looks[shape.role]
                fill = self.theme.fill(shape.role, shape.level, shape.share)
                self.paint(shape.commands, Look(fill, look.stroke, look.width, look.dash))
            case Circle():
                look = self.theme.looks[shape.role]
                fill = self.theme.fill(shape.role, 0, shape.share)
                commands = _circle(shape.x, shape.y, shape.radius)
                self.paint(commands, Look(fill, look.stroke, look.width, look.dash))
            case Words():
                self.words(shape)

    def paint(self, commands: Iterable[Command], look: Look) -> None:
        """Fill and draw a line."""
        said = [f"{_colour(look.fill)} rg"] if look.fill else []
        if look.stroke:
            said.append(f"{_colour(look.stroke)} RG {_number(look.width)} w [{_numbers(look.dash)}] 0 d")
        painted = {(True, True): "B", (True, False): "f", (False, True): "S", (False, False): "n"}
        said.append(f"{_drawn(commands)} {painted[bool(look.fill), bool(look.stroke)]}")
        self.content.append("\n".join(said))

    def shadow(self, shape: Path) -> None:
        """Draw a soft shadow."""
        soft = self.theme.shadow
        if soft is None:
            return
        self.content.append("q /Faint gs 1 j")
        for thick in soft.widths:
            self.paint(shape.commands, Look(soft.colour, soft.colour, thick))
        self.content.append("Q")

    def words(self, words: Words) -> None:
        """Draw a line of text."""
        key = (words.text, words.size)
        if key not in self.texts:
            drawn = " ".join(_outlines(part) for part in parts(words.text, words.size))
            self.texts[key] = (f"T{len(self.texts)}", drawn)
        left = words.x - width(words.text, words.size) * BEFORE[words.anchor]
        fill = _colour(self.theme.fill(words.role))
        self.content.append(f"q {fill} rg 1 0 0 1 {_number(left)} {_number(words.y)} cm /{self.texts[key][0]} Do Q")


def _outlines(part: Part) -> str:
    """The letters of a run as a filled path, at its size."""
    scale, x, said = part.size / EM, 0.0, []
    for each in part.run.text:
        found = letter(each, part.run.style)
        outline = found.outline if found else "M80 0h460v-680h-460zm50-50v-580h360v580z"
        said.append(_drawn(_commands(outline, part.x + x * scale, -part.y, scale)))
        x += found.advance if found else width((part.run,), EM) / len(part.run.text)
    if part.run.overline:
        top = part.top + OVERLINE * part.size
        said.append(_drawn(rectangle(part.x + x * scale * 0.06, -top, x * scale * 0.94, 0.045 * part.size)))
    return " ".join(said) + " f"


def _commands(outline: str, x: float, y: float, scale: float) -> Iterator[Command]:
    """An outline of the table at a place and a size."""
    at = start = (0.0, 0.0)

    def placed(points: Iterable[float]) -> Iterator[float]:
        return (value * scale + (y if index % 2 else x) for index, value in enumerate(points))

    for name, said in STEP.findall(outline):
        steps = [float(value) for value in NUMBER.findall(said)]
        if name in "zZ":
            at = start
            yield ("Z",)
            continue
        if name in "hv":
            steps = [steps[0], 0.0] if name == "h" else [0.0, steps[0]]
        base = (0.0, 0.0) if name == "M" else at
        points = [value + base[index % 2] for index, value in enumerate(steps)]
        at = (points[-2], points[-1])
        if name in "Mm":
            start = at
        yield ({"M": "M", "m": "M", "c": "C"}.get(name, "L"), *placed(points))
