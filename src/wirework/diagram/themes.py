"""How each role of a scene looks: the light theme, the dark theme, and black and white for print."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from wirework.diagram.scene import Role
from wirework.errors import SemanticError, did_you_mean, joined

STEPS = 10  # from the weakest colour of the scale of costs to the strongest
TINTED: tuple[Role, ...] = ("fence", "solid", "solid-top", "solid-side", "note", "highlight", "trail")  # by level


@dataclass(frozen=True, slots=True)
class Look:
    """How a shape is painted. Colours are "#rrggbb"; empty: not at all.

    Attributes:
        fill: of its inside, or of text.
        stroke: of its line.
        width: of its line.
        dash: lengths of the strokes and gaps of a dashed line.
    """

    fill: str = ""
    stroke: str = ""
    width: float = 1.0
    dash: tuple[float, ...] = ()


@dataclass(frozen=True, slots=True)
class Soft:
    """A soft shadow: the shape drawn over and over in one colour, faint, with ever wider lines."""

    colour: str = "#000000"
    opacity: float = 0.034
    widths: tuple[float, ...] = (0.6, 1.6, 2.6, 3.6, 4.6, 5.8, 7.2, 8.8, 10.6)


@dataclass(frozen=True, slots=True)
class Theme:
    """All colours of a drawing.

    Attributes:
        name: what it is asked for by.
        page: the ground.
        looks: by role; those of `TINTED` have no fill here, but by level.
        fences: fills of open blocks, by level, again from the first after the last.
        solids: of closed blocks.
        tints: of notes and highlights.
        weakest, strongest: the ends of the scale of costs.
        shadow: under fences, plates and solids; `None` for none.
    """

    name: str
    page: str
    looks: Mapping[Role, Look]
    fences: tuple[str, ...]
    solids: tuple[str, ...]
    tints: tuple[str, ...]
    weakest: str
    strongest: str
    shadow: Soft | None = None

    def fill(self, role: Role, level: int = 0, share: float | None = None) -> str:
        """The fill of a shape, by the level of its block or by what it costs."""
        if share is not None:
            return mixed(self.weakest, self.strongest, step(share) / STEPS)
        match role:
            case "fence":
                return self.fences[level % len(self.fences)]
            case "solid":
                return self.solids[level % len(self.solids)]
            case "solid-top":
                return mixed(self.fill("solid", level), "#ffffff", 0.3)
            case "solid-side":
                return mixed(self.fill("solid", level), "#000000", 0.13)
            case "note" | "highlight" | "trail":
                return self.tints[level % len(self.tints)]
        return self.looks[role].fill

    def style(self, scope: str) -> str:
        """The rules of a style sheet for elements whose classes are their roles, inside of `scope`.

        Tinted shapes also have a class for their level (`l0`, `l1`, ...), and coloured ones one for their share (`s0`
        to `s10`).
        """
        rules = [f"{scope} .page{{fill:{self.page}}}"]
        rules += [f"{scope} .{role}{{{declarations(look)}}}" for role, look in self.looks.items()]
        for role in TINTED:
            property = "stroke" if role == "trail" else "fill"
            count = {"fence": len(self.fences), "solid": len(self.solids)}.get(role.split("-")[0], len(self.tints))
            rules += [f"{scope} .{role}.l{level}{{{property}:{self.fill(role, level)}}}" for level in range(count)]
        rules += [f"{scope} .s{at}{{fill:{self.fill('plate', 0, at / STEPS)}}}" for at in range(STEPS + 1)]
        rules.append(f"{scope} .circle,{scope} .triangle{{pointer-events:all}}")
        rules.append(f"{scope} .wire,{scope} .trail{{stroke-linecap:round}}")
        if soft := self.shadow:
            colours = f"fill:{soft.colour};stroke:{soft.colour}"
            rules.append(f"{scope} .shadow{{{colours};stroke-linejoin:round;opacity:{soft.opacity}}}")
        return "\n".join(rules)

    def levels(self, role: Role) -> int:
        """After how many levels the tints of a role begin again; 0 if it has none."""
        if role not in TINTED:
            return 0
        return len({"fence": self.fences, "solid": self.solids}.get(role.split("-")[0], self.tints))


def step(share: float) -> int:
    """The step of the scale for a share: small shares are told apart, so the scale is that of square roots."""
    return round(min(max(share, 0.0), 1.0) ** 0.5 * STEPS)


def mixed(one: str, other: str, part: float) -> str:
    """A colour between two, `part` of the way to the other."""
    pairs = zip(_numbers(one), _numbers(other), strict=True)
    return "#" + "".join(f"{round(a + (b - a) * part):02x}" for a, b in pairs)


def _numbers(colour: str) -> tuple[int, ...]:
    return tuple(int(colour[place : place + 2], 16) for place in (1, 3, 5))


def declarations(look: Look) -> str:
    """A look as a style sheet says it."""
    said = [f"fill:{look.fill or 'none'}"]
    if look.stroke:
        said.append(f"stroke:{look.stroke}")
    if look.width != 1.0:
        said.append(f"stroke-width:{look.width:g}")
    if look.dash:
        said.append(f"stroke-dasharray:{' '.join(f'{length:g}' for length in look.dash)}")
    return ";".join(said)


def _looks(
    ink: str, soft: str, plate: str, conv: str, window: str, index: str, masked: str, legend: str, paper: str
) -> Mapping[Role, Look]:
    return {
        "trail": Look(width=7.0),
        "highlight": Look(),
        "fence": Look(),
        "solid": Look(stroke=ink, width=1.2),
        "solid-top": Look(stroke=ink, width=1.2),
        "solid-side": Look(stroke=ink, width=1.2),
        "bracket": Look(fill=ink),
        "wire": Look(stroke=ink),
        "separator": Look(stroke=ink, width=1.3, dash=(6.0, 6.0)),
        "dot": Look(fill=ink),
        "arrow": Look(fill=ink),
        "continuation": Look(stroke=soft),
        "continuation-head": Look(fill=soft),
        "plate": Look(fill=plate),
        "box": Look(fill=paper, stroke=ink, width=1.2),
        "triangle": Look(stroke=ink, width=1.2),
        "circle": Look(stroke=ink, width=2.0),
        "bar": Look(fill=ink),
        "conv": Look(fill=conv, stroke=ink, width=2.0),
        "window": Look(fill=window, stroke=ink, width=1.2),
        "pentagon": Look(fill=index, stroke=ink, width=1.2),
        "mask": Look(fill=paper, stroke=ink, width=1.2),
        "masked": Look(fill=masked, stroke=ink, width=0.8),
        "source": Look(fill=plate),
        "note": Look(),
        "legend": Look(fill=legend),
        "label": Look(fill=ink),
        "glyph-text": Look(fill=ink),
        "pentagon-text": Look(fill="#ffffff"),
        "title": Look(fill=ink),
        "caption": Look(fill=ink),
        "heading": Look(fill=ink),
        "note-text": Look(fill=ink),
        "legend-text": Look(fill=ink),
    }


LIGHT = Theme(
    "light", "#ffffff",
    _looks("#111111", "#4a4a4a", "#e8eeeb", "#e5f2f9", "#a9e3ff", "#1346fe", "#b4b4b4", "#e8eeeb", "#ffffff"),
    fences=("#ffe2bb", "#cbc5e6", "#fcdfe1", "#e6f4cf", "#d8ecf8", "#f1f1f1"),
    solids=("#b8e986", "#e3cefa", "#a9dcf5", "#ffd596", "#f7bcc3"),
    tints=("#fff491", "#e5a3f0", "#9fc9ff", "#a8e6c1", "#ffc58a"),
    weakest="#fdf6e3", strongest="#e8491d", shadow=Soft(),
)  # fmt: skip
DARK = Theme(
    "dark", "#16181d",
    _looks("#e6e6e6", "#9a9a9a", "#39443f", "#243944", "#1f5f80", "#2f5bff", "#6a6a6a", "#262b2a", "#16181d"),
    fences=("#3d3120", "#322d4a", "#45292d", "#2c3a20", "#203542", "#2a2a2a"),
    solids=("#3f6420", "#533a72", "#1f5470", "#6b4a16", "#6b2d36"),
    tints=("#5c5412", "#5b2c66", "#1f3f6b", "#1d5238", "#6b431a"),
    weakest="#2a2522", strongest="#c8401a", shadow=Soft(opacity=0.08),
)  # fmt: skip
OUTLINED: Mapping[Role, Look] = {  # what the other themes tell by its tint alone
    "plate": Look("#ffffff", "#000000", 0.8),
    "source": Look("#ffffff", "#000000", 0.8),
    "legend": Look("#ffffff", "#000000", 0.6),
    "note": Look(stroke="#000000", width=0.6),
    "fence": Look(stroke="#000000", width=0.8, dash=(1.5, 2.5)),
}
PRINT = Theme(
    "print", "#ffffff",
    {**_looks("#000000", "#555555", "#ffffff", "#ffffff", "#d9d9d9", "#000000", "#a0a0a0", "#ffffff", "#ffffff"),
     **OUTLINED},
    fences=("#f4f4f4", "#e9e9e9", "#f9f9f9", "#efefef"),
    solids=("#ffffff", "#e6e6e6", "#d2d2d2"),
    tints=("#e0e0e0", "#d0d0d0", "#ececec"),
    weakest="#ffffff", strongest="#808080",
)  # fmt: skip
THEMES: Mapping[str, Theme] = MappingProxyType({theme.name: theme for theme in (LIGHT, DARK, PRINT)})


def theme_named(name: str) -> Theme:
    """The theme of this name.

    Raises:
        SemanticError: there is none.
    """
    if name not in THEMES:
        raise SemanticError(f"no theme {name!r}{did_you_mean(name, THEMES)}: there are {joined(THEMES)}")
    return THEMES[name]
