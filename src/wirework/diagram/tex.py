"""Text as TeX writes it: axes in italics, bold letters, overlines, raised and lowered parts, and any character."""

from __future__ import annotations

import re
import unicodedata
from itertools import groupby

from wirework.diagram.picture import Run, Text

SPECIAL = {
    **{letter: f"\\{letter}" for letter in "&%$#_{}"},
    "~": r"\ensuremath{\sim}",
    "^": r"\text{\textasciicircum}",
    "\\": r"\ensuremath{\backslash}",
    "<": r"\ensuremath{<}",
    ">": r"\ensuremath{>}",
    "|": r"\ensuremath{|}",
    "*": r"\ensuremath{*}",
    '"': r"\text{''}",
    "`": r"\text{\textquoteleft}",
}
GREEK = (
    "alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi pi rho sigma tau upsilon phi chi psi "
    "omega Gamma Delta Theta Lambda Xi Pi Sigma Upsilon Phi Psi Omega"
)
MATHS = {
    "×": "times", "·": "cdot", "÷": "div", "±": "pm", "∓": "mp", "√": "surd", "∑": "Sigma", "∏": "Pi", "∂": "partial",
    "∇": "nabla", "∞": "infty", "∈": "in", "∉": "notin", "≤": "le", "≥": "ge", "≠": "ne", "≈": "approx", "≡": "equiv",
    "→": "to", "←": "leftarrow", "↔": "leftrightarrow", "↦": "mapsto", "↑": "uparrow", "↓": "downarrow",
    "⊙": "odot", "⊕": "oplus", "⊗": "otimes", "⊖": "ominus", "∘": "circ", "★": "star", "⋆": "star", "∗": "ast",
    "…": "dots", "⋯": "cdots", "⋮": "vdots", "ℓ": "ell", "∧": "wedge", "∨": "vee", "¬": "neg", "°": "circ",
    "∪": "cup", "∩": "cap", "⊂": "subset", "⊆": "subseteq", "∀": "forall", "∃": "exists", "∅": "emptyset",
    "⟨": "langle", "⟩": "rangle", "⌊": "lfloor", "⌋": "rfloor", "⌈": "lceil", "⌉": "rceil", "∥": "parallel",
    "●": "bullet", "•": "bullet", "△": "triangle", "◁": "triangleleft", "▷": "triangleright", "ϵ": "epsilon",
    "ϕ": "phi", "ϑ": "vartheta", "ϱ": "varrho", "ς": "varsigma", "ħ": "hbar", "ı": "imath", "†": "dagger",
}  # fmt: skip
TEXTS = {
    "–": "--", "—": "---", "‘": r"\text{\textquoteleft}", "’": r"\text{\textquoteright}", "“": r"\text{``}",
    "”": r"\text{''}", "−": r"\ensuremath{-}", "′": r"\ensuremath{'}", "ß": r"\text{\ss}", "ø": r"\text{\o}",
    "Ø": r"\text{\O}", "æ": r"\text{\ae}", "Æ": r"\text{\AE}", "œ": r"\text{\oe}", "Œ": r"\text{\OE}",
    "ł": r"\text{\l}", "Ł": r"\text{\L}", "§": r"\text{\S}", "\u00a0": " ",
}  # fmt: skip
ACCENTS = {
    "\u0300": "`", "\u0301": "'", "\u0302": "^", "\u0303": "~", "\u0308": '"', "\u030a": "r", "\u030c": "v",
    "\u0327": "c",
}  # fmt: skip
STYLES = {"italic": "mathit", "roman": "mathrm", "bold": "mathbf", "sans": "mathsf"}
LETTER = re.compile(r".[\u0300-\u036f]*", re.DOTALL)  # with the marks that stand on it
WORD_OR_LETTER = re.compile(rf"[a-zA-Z]{{2,}}(?![\u0300-\u036f])|{LETTER.pattern}", re.DOTALL)
FRACTION, OVERLINE, MACRON = "\u2044", "\u0305", "\u0304"


def greek() -> dict[str, str]:
    """The commands of Greek letters. Epsilon and phi are those that look like the letters of Unicode."""
    found = {}
    for name in GREEK.split():
        kind = "CAPITAL" if name[0].isupper() else "SMALL"
        full = {"lambda": "lamda", "Lambda": "lamda"}.get(name, name)
        found[unicodedata.lookup(f"GREEK {kind} LETTER {full}")] = name
    return {**found, "ε": "varepsilon", "φ": "varphi"}


COMMANDS = {**MATHS, **greek()}


def tex(text: Text) -> str:
    """A line of text, outside of maths."""
    return "".join(
        words(list(runs)) if is_words else f"${formula(list(runs))}$" for is_words, runs in groupby(text, is_sans)
    )


def is_sans(run: Run) -> bool:
    """Whether a run is words in sans, which are set as text."""
    return run.style == "sans" and run.level == 0 and not run.overline


def words(runs: list[Run]) -> str:
    """Words in sans."""
    return rf"\textsf{{{''.join(escaped(run.text) for run in runs)}}}"


def formula(runs: list[Run]) -> str:
    """Letters in a formula, those that are raised or lowered together in one group."""
    found, raised = "", set[int]()
    for level, group in groupby(runs, lambda run: run.level):
        inside = "".join(map(letters, group))
        again = level in raised or not found  # TeX hangs one of each on a base, and needs a base
        found += ("{}" if level and again else "") + {0: "", 1: "^", -1: "_"}[level] + f"{{{inside}}}"
        raised = set() if level == 0 else {level} if again else raised | {level}
    return found


def letters(run: Run) -> str:
    """A run in a formula. Numbers in italics stand upright, as in formulas of mathematics."""
    if run.style == "italic":
        inside = "".join(map(in_italics, re.findall(WORD_OR_LETTER, unicodedata.normalize("NFC", run.text))))
    else:
        inside = rf"\{STYLES[run.style]}{{{spaced(escaped(run.text))}}}"
    return rf"\overline{{{inside}}}" if run.overline else inside


def in_italics(piece: str) -> str:
    """A word, or a single letter, in italics: a word is more than a product of its letters."""
    is_word = len(piece) > 1 and piece.isascii()
    return rf"\mathit{{{piece}}}" if is_word else spaced(escaped(piece))


def spaced(text: str) -> str:
    """Text whose spaces are seen in a formula."""
    return text.replace(" ", r"\ ")


def escaped(text: str) -> str:
    """Letters that mean themselves, in a formula as in words."""
    return "".join(map(character, combined(text)))


def combined(text: str) -> list[str]:
    """The letters of a text, each with the marks that stand on it."""
    return re.findall(LETTER, unicodedata.normalize("NFC", text))


def character(letter: str) -> str:
    """One letter, with its marks."""
    if letter in SPECIAL:
        return SPECIAL[letter]
    if letter in TEXTS:
        return TEXTS[letter]
    if letter in COMMANDS:
        return rf"\ensuremath{{\{COMMANDS[letter]}}}"
    if letter.isascii():
        return letter if letter.isprintable() else " "
    return composed(letter)


def composed(letter: str) -> str:
    """A letter that is made of another: with an accent, raised, lowered, or in a style; else its number in Unicode."""
    base, *marks = unicodedata.normalize("NFD", letter)
    if marks:
        inside = character(base)
        for mark in marks:
            if mark in ACCENTS:
                inside = rf"\text{{\{ACCENTS[mark]}{{{inside}}}}}"
            elif mark in (OVERLINE, MACRON):
                inside = rf"\ensuremath{{\overline{{{inside}}}}}"
        return inside
    kind, _, plain = unicodedata.decomposition(letter).rpartition("> ")
    inner = "".join(chr(int(code, 16)) for code in plain.split())
    if not inner or inner == letter:
        return rf"\text{{U+{ord(letter):04X}}}"
    shown = escaped(inner.replace(FRACTION, "/"))
    command = {"<super": "^", "<sub": "_"}.get(kind)
    if command:
        return rf"\ensuremath{{{command}{{{shown}}}}}"
    return rf"\ensuremath{{\mathbb{{{shown}}}}}" if is_double_struck(letter) else shown


def is_double_struck(letter: str) -> bool:
    """Whether a letter is one of those of sets and means, of which TeX has capitals only."""
    name = unicodedata.name(letter, "")
    return "DOUBLE-STRUCK CAPITAL" in name
