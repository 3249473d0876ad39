"""A scene as a picture of TikZ, for papers: it needs the packages tikz, amsmath and amssymb, and nothing else."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from wirework.diagram.picture import plain
from wirework.diagram.scene import Circle, Command, Path, Scene, Shape, Words
from wirework.diagram.tex import tex
from wirework.diagram.themes import LIGHT, Look, Theme

UNIT = 0.75  # points of PostScript in a unit of a scene, which is a pixel of the web
FONT = 9.96  # the size of TeX's normal text, in points of PostScript
ANCHORS = {"start": "base west", "middle": "base", "end": "base east"}
DOCUMENT = r"""\documentclass[10pt]{article}
\usepackage{amsmath,amssymb,tikz}
\usepackage[paperwidth=%sbp,paperheight=%sbp,margin=0bp]{geometry}
\pagestyle{empty}
\topskip=0pt \parindent=0pt
\begin{document}
\noindent%%
%s\end{document}
"""


def document(scene: Scene, theme: Theme = LIGHT) -> str:
    """A whole file, whose page is as large as the picture."""
    wide, high = (number(length * UNIT + 1) for length in (scene.width, scene.height))
    return DOCUMENT % (wide, high, tikz(scene, theme))


def tikz(scene: Scene, theme: Theme = LIGHT) -> str:
    r"""A `tikzpicture`, to be pasted or `\input` into a paper that uses the packages tikz, amsmath and amssymb."""
    colours = Colours()
    body = [line for shape in scene.shapes for line in drawn(shape, theme, colours)]
    corner = point(scene.width, scene.height)
    ground = "" if theme.page == "#ffffff" else rf"\fill[{colours.name(theme.page)}] (0,0) rectangle {corner};"
    lines = [
        rf"% {plain_line(scene.title)}" if scene.title else "",
        rf"\begin{{tikzpicture}}[x={UNIT}bp, y=-{UNIT}bp, line join=round, every node/.style={{inner sep=0pt}}]",
        *colours.definitions,
        rf"\path[use as bounding box] (0,0) rectangle {corner};",
        ground,
        *body,
        r"\end{tikzpicture}",
    ]
    return "\n".join(line for line in lines if line) + "\n"


def plain_line(text: str) -> str:
    """Text for a comment: one line of letters that every TeX reads."""
    return "".join(letter if letter.isascii() and letter.isprintable() else "?" for letter in text)


@dataclass(frozen=True, slots=True)
class Colours:
    """The colours of a picture, each with a name from its number."""

    names: dict[str, str] = field(default_factory=dict)

    def name(self, colour: str) -> str:
        """What a colour is called."""
        return self.names.setdefault(colour, f"wirework{colour.removeprefix('#').upper()}")

    @property
    def definitions(self) -> list[str]:
        """Their definitions, which end with the picture."""
        return [
            rf"\definecolor{{{name}}}{{HTML}}{{{colour.removeprefix('#').upper()}}}"
            for colour, name in self.names.items()
        ]


def drawn(shape: Shape, theme: Theme, colours: Colours) -> Iterator[str]:
    """The commands of a shape."""
    match shape:
        case Path(role="shadow"):
            yield from shadow(shape, theme, colours)
        case Path():
            yield rf"\path[{options(shape, theme, colours)}] {route(shape.commands)};"
        case Circle():
            at = f"{point(shape.x, shape.y)} circle[radius={number(shape.radius * UNIT)}bp]"
            yield rf"\path[{options(shape, theme, colours)}] {at};"
        case Words() if plain(shape.text).strip():
            colour = colours.name(theme.fill(shape.role))
            scale = number(shape.size * UNIT / FONT)
            place = rf"{point(shape.x, shape.y)} node[anchor={ANCHORS[shape.anchor]}, {colour}, scale={scale}]"
            yield rf"\path {place} {{{tex(shape.text)}}};"


def shadow(shape: Path, theme: Theme, colours: Colours) -> Iterator[str]:
    """A soft shadow: the shape over and over, faint, with ever wider lines."""
    soft = theme.shadow
    if soft is None:
        return
    colour, way = colours.name(soft.colour), route(shape.commands)
    for width in soft.widths:
        thick = number(width * UNIT)
        yield rf"\path[fill={colour}, draw={colour}, line width={thick}bp, opacity={number(soft.opacity)}] {way};"


def options(shape: Path | Circle, theme: Theme, colours: Colours) -> str:
    """How a shape is painted."""
    look = theme.looks.get(shape.role, Look())
    level = shape.level if isinstance(shape, Path) else 0
    tint = theme.fill(shape.role, level, shape.share)
    fill, stroke = ("", tint) if shape.role == "trail" else (tint, look.stroke)
    said = [f"fill={colours.name(fill)}"] if fill else []
    if stroke:
        said += [f"draw={colours.name(stroke)}", f"line width={number(look.width * UNIT)}bp"]
    if look.dash:
        pattern = " ".join(
            f"{'off' if place % 2 else 'on'} {number(length * UNIT)}bp" for place, length in enumerate(look.dash)
        )
        said.append(f"dash pattern={pattern}")
    return ", ".join(said)


def route(commands: Iterable[Command]) -> str:
    """Lines and curves as TikZ writes them."""
    said = []
    for name, *places in commands:
        points = [point(x, y) for x, y in zip(places[::2], places[1::2], strict=True)]
        match name:
            case "M":
                said.append(points[0])
            case "L":
                said.append(f"-- {points[0]}")
            case "C":
                said.append(f".. controls {points[0]} and {points[1]} .. {points[2]}")
            case _:
                said.append("-- cycle")
    return " ".join(said)


def point(x: float, y: float) -> str:
    """A place, in units of the scene."""
    return f"({number(x)},{number(y)})"


def number(value: float) -> str:
    """A number in few digits."""
    return f"{round(value, 3):g}" if abs(value) < 1e4 else f"{round(value)}"
