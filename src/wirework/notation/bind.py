"""A tree and the ranks of the arrays -> a bound expression: every axis named, every size a formula."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NoReturn

from wirework.errors import AxisSizeError, SemanticError, Span, did_you_mean, joined
from wirework.notation.bound import Array, Bound, Cat, Dimension, Item, Leaf, all_leaves
from wirework.notation.ellipsis import ANONYMOUS, Repeats
from wirework.notation.merge import merge_names, merge_runs, opaque_concats, standing_together, without_concats
from wirework.notation.names import shown, written_name
from wirework.notation.sizes import Atom, Check, Dim, Equation, Given, Solution, Statement, solve
from wirework.notation.tree import (
    Axis,
    Bracket,
    Concat,
    Ellipsis,
    Expression,
    Group,
    Number,
    Operand,
    Term,
    axis_names,
)

Kind = str | tuple["Kind", ...]  # of a size given by keyword: "int", or a tuple of kinds


@dataclass(frozen=True, slots=True)
class Rules:
    """How an operation wants its expressions bound.

    Attributes:
        units: a group inside brackets is one axis to the operation (`[(a b)]`), not two.
        merge: axes that always stand together may become one where their own sizes are not known.
        output_only: axes of the output whose size the operation itself decides.
    """

    units: bool = False
    merge: bool = True
    output_only: frozenset[str] = frozenset()


def bind(
    expression: Expression,
    ranks: Sequence[int | None],
    given: Mapping[str, Kind],
    rules: Rules = Rules(),
) -> Bound:
    """Bind a full expression (no shorthands) to inputs of some ranks and sizes given by keyword.

    Raises:
        RankError: if ranks do not fit.
        AxisSizeError: if a size cannot be found.
        SemanticError: if an axis or a keyword is not known.
    """
    return Binder(expression, ranks, given, rules).bind()


class Binder:
    """Holds what is collected while one expression is bound."""

    def __init__(
        self,
        expression: Expression,
        ranks: Sequence[int | None],
        given: Mapping[str, Kind],
        rules: Rules,
    ) -> None:
        self.expression = expression
        self.given = given
        self.rules = rules
        self.ranks = ranks
        self.check_given()
        lengths = {name: tuple_lengths(kind) for name, kind in given.items() if kind != "int"}
        self.repeats = Repeats(expression, ranks, lengths)
        self.equations: list[Equation] = []
        self.known: dict[str, Atom] = {}
        self.spans: dict[str, Span] = {}

    def bind(self) -> Bound:
        inputs = tuple(self.array(operand) for operand in self.expression.inputs)
        outputs = tuple(self.array(operand) for operand in self.expression.outputs or ())
        inner = self.equations
        self.equations = []
        for number, array in enumerate(inputs):
            if self.ranks[number] is not None:
                self.match_dimensions(number, array)
        self.equations += inner
        inputs, outputs, solution = self.solved(inputs, outputs)
        arrays = (*inputs, *outputs)
        size_of = {leaf.name: leaf.size for array in arrays for leaf in all_leaves(array)}
        return Bound(self.expression, inputs, outputs, solution.sizes, solution.statements, size_of)

    def check_given(self) -> None:
        names = axis_names((*self.expression.inputs, *(self.expression.outputs or ())))
        for name in self.given:
            if name not in names:
                raise SemanticError(
                    f"{name} is not an axis of the expression{did_you_mean(name, names)}", self.expression.text
                )

    # -- from terms to dimensions ----------------------------------------------------------------

    def array(self, operand: Operand) -> Array:
        dims = tuple(self.dimensions(operand.terms, (), bracket=False))
        return tell_apart(Array(dims, str(operand), operand.span))

    def dimensions(self, terms: Iterable[Term], path: tuple[int, ...], bracket: bool) -> Iterator[Dimension]:
        """The dimensions that some terms stand for, inside the given repetitions."""
        for term in terms:
            match term:
                case Axis(name, span):
                    yield self.axis(name, span, path, bracket)
                case Number(value, span):
                    yield self.number(value, span, path, bracket)
                case Ellipsis(inner, span):
                    for index in range(self.repeats.of(term, len(path))):
                        repeated = (Axis(ANONYMOUS, span),) if inner is None else (inner,)
                        yield from self.dimensions(repeated, (*path, index), bracket)
                case Bracket(inner):
                    yield from self.dimensions(inner, path, bracket=True)
                case Group(inner):
                    yield self.group(term, tuple(self.dimensions(inner, path, bracket)), bracket)
                case Concat(parts):
                    yield self.concat(term, parts, path, bracket)
                case _:
                    raise AssertionError(f"shorthand left in an operand: {term}")

    def axis(self, name: str, span: Span, path: tuple[int, ...], bracket: bool) -> Dimension:
        full = ".".join([name, *map(str, path)])
        self.spans.setdefault(full, span)
        kind = self.given.get(name)
        if kind is not None:
            self.known[full] = Given(name, () if kind == "int" else path[: kind_depth(kind)])
        return Dimension((Leaf(full, full, bracket, span),), full, span)

    def number(self, value: int, span: Span, path: tuple[int, ...], bracket: bool) -> Dimension:
        if value == 1:
            return Dimension((), "1", span)
        full = ".".join([f"{value}@{span[0]}", *map(str, path)])
        self.known[full] = value
        return Dimension((Leaf(full, full, bracket, span),), str(value), span)

    def group(self, group: Group, inner: tuple[Dimension, ...], bracket: bool) -> Dimension:
        items = tuple(item for dim in inner for item in dim.items)
        text = f"({' '.join(dim.text for dim in inner)})"
        if not (self.rules.units and bracket and len(items) > 1):
            return Dimension(items, text, group.span)
        name = self.combined(text, items, is_sum=False, span=group.span)
        return Dimension((Leaf(name, name, True, group.span),), text, group.span)

    def concat(self, concat: Concat, parts: Iterable[Term], path: tuple[int, ...], bracket: bool) -> Dimension:
        flattened = []
        for part in parts:
            dims = tuple(self.dimensions((part,), path, bracket))
            flattened.append((tuple(item for dim in dims for item in dim.items), " ".join(d.text for d in dims)))
        sizes = tuple(self.combined(f"({text})", items, is_sum=False, span=concat.span) for items, text in flattened)
        text = f"({' + '.join(text for _, text in flattened)})"
        self.equation(text, sizes, is_sum=True, text=text, span=concat.span)
        cat = Cat(tuple(items for items, _ in flattened), text, sizes, concat.span)
        return Dimension((cat,), text, concat.span)

    def combined(self, text: str, items: tuple[Item, ...], is_sum: bool, span: Span) -> str:
        """The name of the size of some flattened items."""
        if len(items) == 1:
            return items[0].size
        if not items:
            self.known["1"] = 1
            return "1"
        self.equation(text, tuple(item.size for item in items), is_sum, text, span)
        return text

    def equation(self, name: Dim | str, parts: tuple[str, ...], is_sum: bool, text: str, span: Span) -> None:
        new = Equation(name, parts, is_sum, text, span)
        if new not in self.equations:
            self.equations.append(new)

    def match_dimensions(self, number: int, array: Array) -> None:
        for index, dim in enumerate(array.dims):
            parts = tuple(item.size for item in dim.items)
            self.equation(Dim(number, index), parts, is_sum=False, text=dim.text, span=dim.span)

    # -- sizes -------------------------------------------------------------------------------------

    def solved(
        self, inputs: tuple[Array, ...], outputs: tuple[Array, ...]
    ) -> tuple[tuple[Array, ...], tuple[Array, ...], Solution]:
        solution = solve(self.equations, self.known)
        missing = self.missing(inputs, outputs, solution)
        if missing and self.rules.merge:
            inputs, outputs = self.merge_unknown(inputs, outputs, frozenset(missing))
            solution = solve(self.equations, self.known)
            missing = self.missing(inputs, outputs, solution)
        if missing:
            self.fail_missing(inputs, missing)
        return inputs, outputs, replace(solution, statements=(*solution.statements, *self.sign_checks(inputs)))

    def sign_checks(self, inputs: Sequence[Array]) -> list[Statement]:
        """A size that is given for the output alone is checked by nothing else."""
        compared = {leaf.size for array in inputs for leaf in all_leaves(array)}
        unchecked = {
            size: name for name, size in self.known.items() if isinstance(size, Given) and name not in compared
        }
        return [
            Check(size, 0, Equation(name, (name,), False, name, self.spans.get(name, (0, 0))), ">=")
            for size, name in unchecked.items()
        ]

    def missing(self, inputs: Sequence[Array], outputs: Sequence[Array], solution: Solution) -> list[str]:
        dims = [dim for array in (*inputs, *outputs) for dim in array.dims]
        names = dict.fromkeys(size for dim in dims for size in sizes_in(dim.items))
        own = self.rules.output_only
        return [name for name in names if name not in solution.sizes and name.split(".")[0] not in own]

    def merge_unknown(
        self, inputs: tuple[Array, ...], outputs: tuple[Array, ...], unknown: frozenset[str]
    ) -> tuple[tuple[Array, ...], tuple[Array, ...]]:
        """Make one axis of those that stand together everywhere and whose own sizes are not known."""
        whole = opaque_concats((*inputs, *outputs), unknown)
        inputs = tuple(without_concats(array, whole) for array in inputs)
        outputs = tuple(without_concats(array, whole) for array in outputs)
        self.equations = [equation for equation in self.equations if equation.total not in whole]
        runs = standing_together((*inputs, *outputs), unknown | whole)
        merged = {run: f"({' '.join(run)})" for run in runs}
        inputs = tuple(merge_runs(array, merged) for array in inputs)
        outputs = tuple(merge_runs(array, merged) for array in outputs)
        self.equations = [replace(equation, parts=merge_names(equation.parts, merged)) for equation in self.equations]
        return inputs, outputs

    def fail_missing(self, inputs: Sequence[Array], missing: Sequence[str]) -> None:
        written = {leaf.size for array in inputs for leaf in all_leaves(array)}
        new = next((name for name in missing if name not in written and name in self.spans), None)
        if new is not None:
            self.fail_new(written_name(new), self.spans[new])
        found = [name for name in missing if name in self.spans] or list(missing)
        names = list(dict.fromkeys(map(written_name, found)))
        equations = [
            f"{shown(equation.text)} = {shown_total(equation)}"
            for equation in self.equations
            if set(equation.parts) & set(missing) and equation.total != equation.text
        ]
        sizes = f"the size of axis {names[0]}" if len(names) == 1 else f"the sizes of axes {joined(names)}"
        more = "give" if len(names) == 1 else "give more of them, for example"
        raise AxisSizeError(
            f"{sizes} cannot be found: {more} {names[0]}=...",
            self.expression.text,
            [self.spans[name] for name in found if name in self.spans],
            equations,
        )

    def fail_new(self, name: str, span: Span) -> NoReturn:
        known = [other for other in axis_names(self.expression.inputs) if other != name]
        raise SemanticError(
            f"axis {name} appears only in the output, so its size must be given: {name}=...{did_you_mean(name, known)}",
            self.expression.text,
            [span],
        )


def sizes_in(items: Iterable[Item]) -> Iterator[str]:
    """The sizes that must be known: of axes, and of concatenations and their parts."""
    for item in items:
        yield item.size
        if isinstance(item, Cat):
            yield from item.sizes
            for part in item.parts:
                yield from sizes_in(part)


def shown_total(equation: Equation) -> str:
    """The left-hand side of an equation, for a message."""
    if isinstance(equation.total, Dim):
        return f"dimension {equation.total.index} of argument {equation.total.operand + 1}"
    return shown(equation.total)


def tuple_lengths(kind: Kind) -> tuple[int, ...]:
    """The length of a tuple of sizes at each level."""
    lengths = []
    while isinstance(kind, tuple):
        lengths.append(len(kind))
        kind = kind[0] if kind else "int"
    return tuple(lengths)


def kind_depth(kind: Kind) -> int:
    """How deep a tuple of sizes is nested."""
    return len(tuple_lengths(kind))


def tell_apart(array: Array) -> Array:
    """Give an axis that stands twice inside brackets a name of its own: there it only says 'as long as'."""
    seen: Counter[str] = Counter()

    def rename(item: Item) -> Item:
        if isinstance(item, Leaf) and item.bracket:
            seen[item.name] += 1
            if seen[item.name] > 1:
                return replace(item, name=f"{item.name}#{seen[item.name]}")
        return item

    dims = tuple(replace(dim, items=tuple(rename(item) for item in dim.items)) for dim in array.dims)
    return replace(array, dims=dims)
