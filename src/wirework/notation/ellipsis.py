"""How many axes each ellipsis stands for, from the ranks of the arrays.

All ellipses around the same axis stand for the same number, so they are kept in classes. Each array
of known rank gives one linear equation over the classes; an equation with one unknown determines it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from wirework.errors import RankError, SemanticError, counted, joined
from wirework.notation.tree import (
    Axis,
    Bracket,
    Ellipsis,
    Expression,
    Group,
    Number,
    Operand,
    Span,
    Term,
    children,
)

ANONYMOUS = "..."
Level = tuple[str, int]  # an axis and how many ellipses stand around this one


class Repeats:
    """The number of repetitions of every ellipsis of an expression."""

    def __init__(
        self,
        expression: Expression,
        ranks: Sequence[int | None],
        lengths: Mapping[str, tuple[int, ...]],
    ) -> None:
        """Solve for the repetitions.

        Args:
            expression: the full expression, without shorthands.
            ranks: the rank of each input, `None` where it is not known.
            lengths: for sizes given as (nested) tuples, the length at each level.

        Raises:
            RankError: if the ranks contradict the expression, or leave an ellipsis ambiguous.
        """
        self.expression = expression
        self.depths: dict[str, tuple[int, Span]] = {}
        self.parents: dict[Level, Level] = {}
        self.terms: dict[Level, list[Ellipsis]] = {}
        operands = (*expression.inputs, *(expression.outputs or ()))
        for operand in operands:
            self.register(operand, [])
        self.counts: dict[Level, int] = {}
        self.take_lengths(lengths)
        self.solve(ranks)
        self.settle_flattened(operands)

    def of(self, ellipsis: Ellipsis, depth: int) -> int:
        """How often an ellipsis, standing inside `depth` others, repeats its term."""
        return self.counts[self.find(level_of(ellipsis, depth))]

    def register(self, node: Term | Operand, around: list[Ellipsis]) -> None:
        """Note the depth of every axis and unite the ellipses that share one."""
        match node:
            case Axis(name, span):
                self.note(name, span, around)
            case Number():
                pass
            case Ellipsis(term):
                first = level_of(node, len(around))
                self.terms.setdefault(self.find(first), []).append(node)
                if node.follows is not None:
                    self.unite(first, (first_axis(node.follows) or f"@{node.span[0]}", len(around)))
                if term is None:
                    self.note(ANONYMOUS, node.span, [*around, node])
                else:
                    self.register(term, [*around, node])
            case _:
                for child in children(node):
                    self.register(child, around)

    def note(self, name: str, span: Span, around: list[Ellipsis]) -> None:
        depth, first = self.depths.setdefault(name, (len(around), span))
        if depth != len(around):
            raise SemanticError(
                f"axis {name} is repeated by {ellipses(depth)} here and by {ellipses(len(around))} there",
                self.expression.text,
                [first, span],
            )
        for level, ellipsis in enumerate(around):
            self.unite((name, level), level_of(ellipsis, level))

    def find(self, level: Level) -> Level:
        while self.parents.get(level, level) != level:
            level = self.parents[level]
        return level

    def unite(self, one: Level, other: Level) -> None:
        one, other = self.find(one), self.find(other)
        if one != other:
            self.parents[one] = other
            self.terms.setdefault(other, []).extend(self.terms.pop(one, []))

    def take_lengths(self, lengths: Mapping[str, tuple[int, ...]]) -> None:
        for name, given in lengths.items():
            depth, span = self.depths.get(name, (0, (0, 0)))
            if len(given) > depth:
                raise RankError(
                    f"axis {name} is given {describe_depth(len(given))}, but is repeated by {ellipses(depth)}",
                    self.expression.text,
                    [span],
                )
            for level, count in enumerate(given):
                key = self.find((name, level))
                if self.counts.setdefault(key, count) != count:
                    raise RankError(
                        f"{self.shown(key)} stands for {counted(self.counts[key], 'axis')} by one size and for {count} "
                        f"by {name}",
                        self.expression.text,
                        self.spans(key),
                    )

    def solve(self, ranks: Sequence[int | None]) -> None:
        pending = [
            (operand, rank, self.rank_of(operand.terms, 0))
            for operand, rank in zip(self.expression.inputs, ranks, strict=True)
            if rank is not None
        ]
        progress = True
        while pending and progress:
            progress = False
            for item in list(pending):
                if self.apply(*item):
                    pending.remove(item)
                    progress = True
        if pending:
            keys = [key for _, _, needed in pending for key in needed if key not in self.counts and key]
            shown = joined(dict.fromkeys(self.shown(key) for key in keys if key != ONE))
            raise RankError(
                f"it is ambiguous how many axes {shown} stand for: the ranks of the arrays fit several ways",
                self.expression.text,
                [span for key in keys if key != ONE for span in self.spans(key)],
                ["give the sizes of one of them as a tuple, which says how many there are"],
            )

    def rank_of(self, terms: Sequence[Term], depth: int) -> Counter[Level]:
        """The rank of some terms, as a number of plain axes (`ONE`) and a multiple of each class."""
        rank: Counter[Level] = Counter()
        for term in terms:
            match term:
                case Bracket(inner):
                    rank += self.rank_of(inner, depth)
                case Ellipsis(None):
                    rank[self.find(level_of(term, depth))] += 1
                case Ellipsis(inner) if inner is not None:
                    repeated = self.rank_of((inner,), depth + 1)
                    if set(repeated) - {ONE}:
                        raise SemanticError(
                            "an ellipsis cannot repeat another one directly: put parentheses between them",
                            self.expression.text,
                            [term.span],
                        )
                    rank[self.find(level_of(term, depth))] += repeated[ONE]
                case _:
                    rank[ONE] += 1
        return rank

    def apply(self, operand: Operand, rank: int, needed: Counter[Level]) -> bool:
        unknown = [key for key in needed if key != ONE and key not in self.counts]
        if len(unknown) > 1:
            return False
        fixed = needed[ONE] + sum(self.counts[key] * times for key, times in needed.items() if key in self.counts)
        if not unknown:
            if fixed != rank:
                self.mismatch(operand, rank, fixed, at_least=False)
            return True
        times = needed[unknown[0]]
        if rank < fixed or (rank - fixed) % times:
            self.mismatch(operand, rank, fixed, at_least=rank < fixed)
        self.counts[unknown[0]] = (rank - fixed) // times
        return True

    def mismatch(self, operand: Operand, rank: int, axes: int, at_least: bool) -> None:
        position = next(n for n, other in enumerate(self.expression.inputs, 1) if other is operand)
        needed = self.rank_of(operand.terms, 0)
        repeated = [key for key in needed if key != ONE]
        known = [key for key in repeated if key in self.counts]
        has = f"{'at least ' if at_least else ''}{counted(axes, 'axis')}"
        if not at_least and len(known) < len(repeated):
            times = next(needed[key] for key in repeated if key not in known)
            has += f" and {times} more for each repetition"
        counts = [f"{self.shown(key)} stands for {counted(self.counts[key], 'axis')}" for key in known]
        raise RankError(
            f"'{operand}' has {has}, but argument {position} has {counted(rank, 'dimension')}",
            self.expression.text,
            [operand.span],
            [f"{joined(counts)}, by other operands or sizes"] if counts else (),
        )

    def settle_flattened(self, operands: Sequence[Operand]) -> None:
        """Settle what is still unknown: it stands inside parentheses only.

        If it is the same everywhere, it can be treated as one axis.
        """
        for operand in operands:
            self.settle(operand.terms, 0, flattened=False)

    def settle(self, terms: Sequence[Term], depth: int, flattened: bool) -> None:
        for term in terms:
            if not isinstance(term, Ellipsis):
                self.settle(children(term), depth, flattened or isinstance(term, Group))
                continue
            key = self.find(level_of(term, depth))
            if key not in self.counts:
                same = len({str(other) for other in self.terms[key]}) == 1
                if not (flattened and same and depth == 0):
                    raise RankError(
                        f"the number of axes that {self.shown(key)} stands for cannot be found from the arrays",
                        self.expression.text,
                        self.spans(key),
                        ["give the sizes of an axis in it as a tuple, which says how many there are"]
                        if first_axis(self.terms[key][0]) not in (None, ANONYMOUS)
                        else (),
                    )
                self.counts[key] = 1
            self.settle(children(term), depth + 1, flattened)

    def shown(self, key: Level) -> str:
        return str(self.terms[key][0])

    def spans(self, key: Level) -> list[Span]:
        return [ellipsis.span for ellipsis in self.terms.get(key, [])]


ONE: Level = ("", 0)


def level_of(ellipsis: Ellipsis, depth: int) -> Level:
    """The level of an ellipsis: that of any axis inside it, or of itself if there is none."""
    return (first_axis(ellipsis) or f"@{ellipsis.span[0]}", depth)


def first_axis(term: Term) -> str | None:
    """The name of the first axis in a term."""
    match term:
        case Axis(name):
            return name
        case Ellipsis(None):
            return ANONYMOUS
        case Ellipsis(inner, _, follows) if inner is not None:
            return first_axis(inner) or (first_axis(follows) if follows else None)
        case _:
            return next((name for child in children(term) if (name := first_axis(child))), None)


def ellipses(number: int) -> str:
    """A number of ellipses in words."""
    return ("no ellipsis", "an ellipsis")[number] if number < 2 else f"{number} ellipses"


def describe_depth(levels: int) -> str:
    """A tuple, or tuples in it, in words."""
    return "a tuple" if levels == 1 else f"a {levels}-fold nested tuple"
