"""The tree of an expression as it is written, each node with its place in the text.

The grammar (`NOTATION.md`) in terms of these nodes::

    Expression  operands [-> operands]
    Operand     terms, one after the other
    Axis        a name            Number    an unnamed axis of that length
    Ellipsis    "..." or a term repeated
    Group       "( terms )"       Concat    "part + part"
    Bracket     "[ terms ]"       Shorthand "[ operands -> operands ]"
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace

Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Axis:
    """A named axis."""

    name: str
    span: Span = field(default=(0, 0), compare=False)

    def __str__(self) -> str:
        return self.name


@dataclass(frozen=True, slots=True)
class Number:
    """An unnamed axis of a given length. Each place where one is written is an axis of its own."""

    value: int
    span: Span = field(default=(0, 0), compare=False)

    def __str__(self) -> str:
        return str(self.value)


@dataclass(frozen=True, slots=True)
class Ellipsis:
    """A term repeated any number of times; without a term, any number of unnamed axes.

    `follows` is a term whose repetitions it shares, for a term that has no axis of its own to tell.
    """

    term: Term | None
    span: Span = field(default=(0, 0), compare=False)
    follows: Term | None = None

    def __str__(self) -> str:
        return "..." if self.term is None else f"{self.term}..."


@dataclass(frozen=True, slots=True)
class Group:
    """Axes flattened into one, row-major."""

    terms: tuple[Term, ...]
    span: Span = field(default=(0, 0), compare=False)

    def __str__(self) -> str:
        return f"({' '.join(map(str, self.terms))})"


@dataclass(frozen=True, slots=True)
class Concat:
    """Axes one after the other in a single axis, whose length is the sum of theirs."""

    parts: tuple[Term, ...]
    span: Span = field(default=(0, 0), compare=False)

    def __str__(self) -> str:
        return f"({' + '.join(map(str, self.parts))})"


@dataclass(frozen=True, slots=True)
class Bracket:
    """Axes that the operation itself acts on."""

    terms: tuple[Term, ...]
    span: Span = field(default=(0, 0), compare=False)

    def __str__(self) -> str:
        return f"[{' '.join(map(str, self.terms))}]"


@dataclass(frozen=True, slots=True)
class Shorthand:
    """A bracket with a side for the inputs and one for the outputs (`None`: no arrow was written)."""

    inputs: tuple[Operand, ...]
    outputs: tuple[Operand, ...] | None
    span: Span = field(default=(0, 0), compare=False)

    def __str__(self) -> str:
        inputs = ", ".join(map(str, self.inputs))
        return f"[{inputs}]" if self.outputs is None else f"[{inputs} -> {', '.join(map(str, self.outputs))}]"


Term = Axis | Number | Ellipsis | Group | Concat | Bracket | Shorthand


@dataclass(frozen=True, slots=True)
class Operand:
    """The axes of one array."""

    terms: tuple[Term, ...]
    span: Span = field(default=(0, 0), compare=False)

    def __str__(self) -> str:
        return " ".join(map(str, self.terms))


@dataclass(frozen=True, slots=True)
class Expression:
    """Operands in and, if an arrow was written, operands out."""

    inputs: tuple[Operand, ...]
    outputs: tuple[Operand, ...] | None
    text: str = field(default="", compare=False)

    @property
    def output(self) -> Operand:
        """The one output of an expression that has one."""
        assert self.outputs is not None
        return self.outputs[0]

    def __str__(self) -> str:
        inputs = ", ".join(map(str, self.inputs))
        return inputs if self.outputs is None else f"{inputs} -> {', '.join(map(str, self.outputs))}"


def children(node: Term | Operand) -> tuple[Term, ...]:
    """The terms directly inside a node."""
    match node:
        case Group(terms) | Bracket(terms) | Operand(terms):
            return terms
        case Concat(parts):
            return parts
        case Ellipsis(term):
            return () if term is None else (term,)
        case Shorthand(inputs, outputs):
            return tuple(term for operand in (*inputs, *(outputs or ())) for term in operand.terms)
        case _:
            return ()


def walk(node: Term | Operand) -> Iterator[Term | Operand]:
    """A node and everything inside it, from left to right."""
    yield node
    for child in children(node):
        yield from walk(child)


def contains(node: Term | Operand, kind: type) -> bool:
    """Whether a node of this kind stands anywhere in `node`."""
    return any(isinstance(inner, kind) for inner in walk(node))


def rebuild(operand: Operand, change: Callable[[Term], tuple[Term, ...]]) -> Operand:
    """`operand` with each term replaced, outermost first, by the terms that `change` makes of it.

    `change` returns the term itself, `(term,)`, to have its inside rebuilt in turn.
    """
    return replace(operand, terms=_rebuild_all(operand.terms, change))


def _rebuild_all(terms: tuple[Term, ...], change: Callable[[Term], tuple[Term, ...]]) -> tuple[Term, ...]:
    return tuple(new for term in terms for new in _rebuild(term, change))


def _rebuild(term: Term, change: Callable[[Term], tuple[Term, ...]]) -> tuple[Term, ...]:
    changed = change(term)
    if changed != (term,):
        return changed
    match term:
        case Group(terms) | Bracket(terms):
            return (replace(term, terms=_rebuild_all(terms, change)),)
        case Concat(parts):
            return (replace(term, parts=tuple(_as_one(_rebuild(part, change), part) for part in parts)),)
        case Ellipsis(inner) if inner is not None:
            repeated = _rebuild(inner, change)
            if repeated == (inner,):
                return (term,)
            return (replace(term, term=_as_one(repeated, inner), follows=term.follows or term),) if repeated else ()
        case _:
            return (term,)


def _as_one(terms: tuple[Term, ...], original: Term) -> Term:
    return terms[0] if len(terms) == 1 else Group(terms, original.span)


def spans_of(expression: Expression, name: str) -> list[Span]:
    """The places where an axis is written."""
    operands = (*expression.inputs, *(expression.outputs or ()))
    return [node.span for operand in operands for node in walk(operand) if isinstance(node, Axis) and node.name == name]


def end_of(expression: Expression) -> Span:
    """The place after the last word."""
    end = len(expression.text.rstrip())
    return (end, end + 1)


def without_brackets(operand: Operand) -> Operand:
    """The same axes with every bracket opened."""

    def open_bracket(term: Term) -> tuple[Term, ...]:
        if isinstance(term, Bracket):
            return _rebuild_all(term.terms, open_bracket)
        return (term,)

    return rebuild(operand, open_bracket)


def bracketed(operand: Operand) -> tuple[Term, ...]:
    """What stands in the outermost brackets of an operand, from left to right, brackets opened.

    A repeated bracket, or a bracket inside a repetition, stays repeated.
    """
    return tuple(_bracketed(operand.terms))


def _bracketed(terms: tuple[Term, ...]) -> Iterator[Term]:
    for term in terms:
        match term:
            case Bracket(inner):
                yield from without_brackets(Operand(inner)).terms
            case Group(inner):
                yield from _bracketed(inner)
            case Concat(parts):
                yield from _bracketed(parts)
            case Ellipsis(inner) if inner is not None:
                found = tuple(_bracketed((inner,)))
                if found:
                    yield Ellipsis(_as_one(found, inner), term.span)


def axis_names(operands: tuple[Operand, ...]) -> tuple[str, ...]:
    """The names used in some operands, each once, in order of appearance."""
    found = (node.name for operand in operands for node in walk(operand) if isinstance(node, Axis))
    return tuple(dict.fromkeys(found))
