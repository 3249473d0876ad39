"""Text to tree: a recursive-descent parser that keeps the place of every node."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import NoReturn

from wirework.errors import SyntaxError
from wirework.notation.tree import (
    Axis,
    Bracket,
    Concat,
    Ellipsis,
    Expression,
    Group,
    Number,
    Operand,
    Shorthand,
    Span,
    Term,
)

MAX_DEPTH = 64
INSTEAD = {
    ">": "the arrow is '->'",
    "\N{RIGHTWARDS ARROW}": "the arrow is '->'",
    "*": "axes are flattened by parentheses, (a b)",
    "=": "sizes are given as keywords",
    ";": "operands are separated by ','",
    "{": "only ( ) and [ ] are used",
    "\N{HORIZONTAL ELLIPSIS}": "an ellipsis is three dots: ...",
}

TOKEN = re.compile(
    r"(?P<space>\s+)|(?P<name>[A-Za-z_][A-Za-z_0-9]*)|(?P<number>[0-9]+)|(?P<ellipsis>\.\.\.)"
    r"|(?P<arrow>->)|(?P<punctuation>[()\[\],+])"
)


@dataclass(frozen=True, slots=True)
class Token:
    """A word or sign of an expression."""

    kind: str
    text: str
    span: Span
    glued: bool  # no space before it


@lru_cache(maxsize=4096)
def parse(text: str) -> Expression:
    """The tree of an expression.

    Raises:
        SyntaxError: with carets under the first fault.
    """
    return Parser(text).expression()


def tokenize(text: str) -> list[Token]:
    """The words and signs of an expression, ended by an empty one."""
    tokens: list[Token] = []
    position, glued = 0, False
    while position < len(text):
        match = TOKEN.match(text, position)
        if match is None:
            reject_character(text, position)
        if match.lastgroup == "space":
            glued = False
        else:
            kind = match.lastgroup if match.lastgroup in ("name", "number", "ellipsis") else match.group()
            follows_number = glued and kind in ("name", "number") and tokens[-1].kind == "number"
            if follows_number:
                span = (tokens[-1].span[0], match.end())
                raise SyntaxError(f"an axis name cannot start with a digit: {text[slice(*span)]}", text, [span])
            tokens.append(Token(str(kind), match.group(), match.span(), glued))
            glued = True
        position = match.end()
    tokens.append(Token("end", "", (len(text), len(text)), False))
    return tokens


def reject_character(text: str, position: int) -> NoReturn:
    """Say what the character at `position` might have been meant to be."""
    character = text[position]
    span = (position, position + 1)
    if character == "|":
        raise SyntaxError("'|' is not used any more: write '->'", text, [span])
    if character == ".":
        end = position + len(re.match(r"\.+", text[position:]).group())  # type: ignore[union-attr]
        raise SyntaxError("an ellipsis is three dots: ...", text, [(position, end)])
    if character == "-":
        raise SyntaxError("'-' is only used in the arrow '->'", text, [span])
    if character in INSTEAD:
        raise SyntaxError(f"unexpected character {character!r}: {INSTEAD[character]}", text, [span])
    if character.isidentifier():
        raise SyntaxError(f"axis names are made of ASCII letters, digits and '_', not {character!r}", text, [span])
    raise SyntaxError(f"unexpected character {character!r}", text, [span])


class Parser:
    """Reads one expression. Each method reads one rule of the grammar."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.tokens = tokenize(text)
        self.position = 0
        self.open: list[Token] = []  # brackets and parentheses not yet closed

    @property
    def next(self) -> Token:
        return self.tokens[self.position]

    def take(self) -> Token:
        token = self.next
        self.position += 1
        return token

    def fail(self, reason: str, *spans: Span) -> NoReturn:
        raise SyntaxError(reason, self.text, spans)

    def expression(self) -> Expression:
        inputs, outputs = self.sides()
        if self.next.kind != "end":
            self.unexpected()
        return Expression(inputs, outputs, self.text)

    def sides(self) -> tuple[tuple[Operand, ...], tuple[Operand, ...] | None]:
        inputs = self.operands()
        if self.next.kind != "->":
            return inputs, None
        arrow = self.take()
        outputs = self.operands()
        if self.next.kind == "->":
            self.fail("an expression has one arrow, not two", arrow.span, self.next.span)
        return inputs, outputs

    def operands(self) -> tuple[Operand, ...]:
        found = [self.operand()]
        while self.next.kind == ",":
            self.take()
            found.append(self.operand())
        return tuple(found)

    def operand(self) -> Operand:
        start = self.next.span[0]
        terms: list[Term] = []
        while self.next.kind not in (",", "->", ")", "]", "end"):
            terms.append(self.sum())
        end = terms[-1].span[1] if terms else start
        return Operand(tuple(terms), (start if terms else end, end))

    def sum(self) -> Term:
        """A term, or several with '+' between them: '+' binds tighter than a space."""
        parts = [self.term()]
        while self.next.kind == "+":
            plus = self.take()
            if self.next.kind in (",", "->", ")", "]", "end", "+"):
                self.fail("'+' needs an axis on both sides", plus.span)
            parts.append(self.term())
        if len(parts) == 1:
            return parts[0]
        return Concat(tuple(parts), (parts[0].span[0], parts[-1].span[1]))

    def term(self) -> Term:
        token = self.next
        match token.kind:
            case "name":
                self.take()
                term: Term = Axis(token.text, token.span)
            case "number":
                self.take()
                term = Number(int(token.text), token.span)
            case "ellipsis":
                self.take()
                return Ellipsis(None, token.span)
            case "(":
                term = self.group()
            case "[":
                term = self.bracket()
            case _:
                self.unexpected()
        while self.next.kind == "ellipsis" and self.next.glued:
            term = Ellipsis(term, (term.span[0], self.take().span[1]))
        return term

    def group(self) -> Group | Concat:
        opening = self.enter()
        inner = self.operand()
        if self.next.kind in (",", "->"):
            self.fail(f"'{self.next.text}' cannot stand inside parentheses", self.next.span)
        span = self.leave(opening, ")")
        if len(inner.terms) == 1 and isinstance(inner.terms[0], Concat):
            return Concat(inner.terms[0].parts, span)
        return Group(inner.terms, span)

    def bracket(self) -> Bracket | Shorthand:
        opening = self.enter()
        inputs, outputs = self.sides()
        span = self.leave(opening, "]")
        if outputs is None and len(inputs) == 1:
            return Bracket(inputs[0].terms, span)
        for operand in (*inputs, *(outputs or ())):
            for term in operand.terms:
                if isinstance(term, Shorthand):
                    self.fail("a bracket with '->' or ',' cannot stand inside another", term.span)
        return Shorthand(inputs, outputs, span)

    def enter(self) -> Token:
        opening = self.take()
        self.open.append(opening)
        if len(self.open) > MAX_DEPTH:
            self.fail(f"more than {MAX_DEPTH} parentheses inside each other", opening.span)
        return opening

    def leave(self, opening: Token, closing: str) -> Span:
        if self.next.kind == "end":
            self.fail(f"'{opening.text}' is never closed", opening.span)
        if self.next.kind != closing:
            self.fail(f"'{opening.text}' is closed by '{self.next.text}'", opening.span, self.next.span)
        self.open.pop()
        return (opening.span[0], self.take().span[1])

    def unexpected(self) -> NoReturn:
        token = self.next
        if token.kind in (")", "]"):
            self.fail(f"'{token.text}' closes nothing", token.span)
        if token.kind == "+":
            self.fail("'+' needs an axis on both sides", token.span)
        self.fail(f"unexpected '{token.text}'", token.span)
