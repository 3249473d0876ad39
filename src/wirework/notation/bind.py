"""A tree and the ranks of the arrays -> a bound expression: every axis named, every size a formula."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NoReturn

from wirework.errors import AxisSizeError, SemanticError, Span, did_you_mean, joined
from wirework.notation.ellipsis import ANONYMOUS, Repeats
from wirework.notation.names import shown, written_name
from wirework.notation.sizes import Atom, Check, Dim, Equation, Given, Size, Solution, Statement, product, solve
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
class Leaf:
    """One axis: a loop variable, or, in brackets, an axis that the operation sees.

    `name` is its identity within the expression, `size` the name of its length: two axes can have the
    same length without being the same (`[a a]`).
    """

    name: str
    size: str
    bracket: bool
    span: Span


@dataclass(frozen=True, slots=True)
class Cat:
    """A concatenation: each part is the axes flattened in it."""

    parts: tuple[tuple[Leaf | Cat, ...], ...]
    size: str
    sizes: tuple[str, ...]  # one for each part
    span: Span


Item = Leaf | Cat


@dataclass(frozen=True, slots=True)
class Dimension:
    """One dimension of an array: the axes flattened in it, row-major, those of length 1 left out."""

    items: tuple[Item, ...]
    text: str
    span: Span

    @property
    def leaves(self) -> tuple[Leaf, ...]:
        """The axes of a dimension without concatenations."""
        return tuple(item for item in self.items if isinstance(item, Leaf))


@dataclass(frozen=True, slots=True)
class Array:
    """One operand: its dimensions."""

    dims: tuple[Dimension, ...]
    text: str
    span: Span

    @property
    def leaves(self) -> tuple[Leaf, ...]:
        """All its axes, in order."""
        return tuple(leaf for dim in self.dims for leaf in dim.leaves)

    @property
    def names(self) -> tuple[str, ...]:
        """The names of all its axes, in order."""
        return tuple(leaf.name for leaf in self.leaves)

    def select(self, bracket: bool) -> tuple[str, ...]:
        """The names of its axes inside, or outside, brackets."""
        return tuple(leaf.name for leaf in self.leaves if leaf.bracket == bracket)

    @property
    def layout(self) -> tuple[tuple[str, ...], ...]:
        """The names of the axes flattened in each dimension."""
        return tuple(tuple(leaf.name for leaf in dim.leaves) for dim in self.dims)


@dataclass(frozen=True, slots=True)
class Bound:
    """An expression with every axis named and every size a formula."""

    expression: Expression
    inputs: tuple[Array, ...]
    outputs: tuple[Array, ...]
    sizes: Mapping[str, Size]  # by name of a size
    statements: tuple[Statement, ...]
    size_of: Mapping[str, str]  # from the name of an axis to the name of its size

    def size(self, axis: str) -> Size:
        """The formula of the length of an axis."""
        return self.sizes[self.size_of.get(axis, axis)]


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
        used = [leaf.size for array in (*inputs, *outputs) for leaf in all_leaves(array)]
        names = dict.fromkeys([*used, *solution.unknown])
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
        more = "give it" if len(names) == 1 else "give more of them, for example"
        raise AxisSizeError(
            f"{sizes} cannot be found: {more} {names[0]}=...",
            self.expression.text,
            [self.spans[name] for name in found if name in self.spans],
            equations,
        )

    def fail_new(self, name: str, span: Span) -> NoReturn:
        known = axis_names(self.expression.inputs)
        raise SemanticError(
            f"axis {name} appears only in the output, so its size must be given: {name}=..."
            f"{did_you_mean(name, known)}",
            self.expression.text,
            [span],
        )


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


def all_leaves(array: Array) -> Iterator[Leaf]:
    """Every axis of an operand, also those in concatenations."""
    for dim in array.dims:
        yield from item_leaves(dim.items)


def item_leaves(items: Iterable[Item]) -> Iterator[Leaf]:
    """Every axis in some items, also those in concatenations."""
    for item in items:
        if isinstance(item, Leaf):
            yield item
        else:
            for part in item.parts:
                yield from item_leaves(part)


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


# -- axes that stand together everywhere --------------------------------------------------------------


def standing_together(arrays: Iterable[Array], allowed: frozenset[str] | None = None) -> list[tuple[str, ...]]:
    """The runs of two or more axes that, wherever one of them stands, stand together in one dimension.

    Args:
        arrays: all operands of the expression.
        allowed: only axes with these sizes may be part of a run; `None`: any.
    """
    after: dict[str, set[tuple[str, bool] | None]] = {}
    before: dict[str, set[str | None]] = {}
    for row in (row for array in arrays for dim in array.dims for row in rows(dim.items)):
        for index, item in enumerate(row):
            if not isinstance(item, Leaf):
                continue
            following = row[index + 1] if index + 1 < len(row) else None
            preceding = row[index - 1] if index else None
            same = isinstance(following, Leaf) and following.bracket == item.bracket
            after.setdefault(item.name, set()).add((following.name, True) if same else None)  # type: ignore[union-attr]
            before.setdefault(item.name, set()).add(preceding.name if isinstance(preceding, Leaf) else None)
    follower: dict[str, str] = {}
    for name, nexts in after.items():
        only = next(iter(nexts))
        if len(nexts) > 1 or only is None or only[0] == name or before[only[0]] != {name}:
            continue
        if allowed is None or {name, only[0]} <= allowed:
            follower[name] = only[0]
    runs = []
    for start in follower:
        if start in follower.values():
            continue
        run = [start]
        while run[-1] in follower:
            run.append(follower[run[-1]])
        runs.append(tuple(run))
    return runs


def rows(items: tuple[Item, ...]) -> Iterator[tuple[Item, ...]]:
    """The items flattened together: those of a dimension, and those of each part of a concatenation."""
    yield items
    for item in items:
        if isinstance(item, Cat):
            for part in item.parts:
                yield from rows(part)


def merge_runs(array: Array, merged: Mapping[tuple[str, ...], str]) -> Array:
    """Put one axis in the place of each run."""
    dims = tuple(replace(dim, items=merge_items(dim.items, merged)) for dim in array.dims)
    return replace(array, dims=dims)


def merge_items(items: tuple[Item, ...], merged: Mapping[tuple[str, ...], str]) -> tuple[Item, ...]:
    """Some items with one axis in the place of each run."""
    starts = {run[0]: run for run in merged}
    result: list[Item] = []
    skip: set[str] = set()
    for item in items:
        if isinstance(item, Cat):
            result.append(replace(item, parts=tuple(merge_items(part, merged) for part in item.parts)))
        elif item.name in starts:
            run = starts[item.name]
            skip = set(run[1:])
            result.append(replace(item, name=merged[run], size=merged[run]))
        elif item.name not in skip:
            result.append(item)
    return tuple(result)


def merge_names(names: tuple[str, ...], merged: Mapping[tuple[str, ...], str]) -> tuple[str, ...]:
    """Some names with one in the place of each run."""
    starts = {run[0]: run for run in merged}
    followers = {name for run in merged for name in run[1:]}
    return tuple(merged[starts[name]] if name in starts else name for name in names if name not in followers)


def opaque_concats(arrays: Iterable[Array], unknown: frozenset[str]) -> frozenset[str]:
    """The concatenations that are written the same wherever one of their axes, all unknown, stands."""
    homes: dict[str, set[str | None]] = {}
    cats: dict[str, set[str]] = {}
    for item in (item for array in arrays for dim in array.dims for item in dim.items):
        home = item.size if isinstance(item, Cat) else None
        for leaf in item_leaves((item,)):
            homes.setdefault(leaf.name, set()).add(home)
            if home is not None:
                cats.setdefault(home, set()).add(leaf.name)
    return frozenset(
        size for size, names in cats.items() if names & unknown and all(homes[name] == {size} for name in names)
    )


def without_concats(array: Array, sizes: frozenset[str]) -> Array:
    """Put one axis in the place of each concatenation with one of these sizes."""

    def opened(item: Item) -> Item:
        if isinstance(item, Cat) and item.size in sizes:
            return Leaf(item.size, item.size, bracket=False, span=item.span)
        return item

    dims = tuple(replace(dim, items=tuple(map(opened, dim.items))) for dim in array.dims)
    return replace(array, dims=dims)


def coarsen(bound: Bound) -> Bound:
    """Treat as one axis what stands together everywhere: nothing needs to be split there."""
    runs = standing_together((*bound.inputs, *bound.outputs))
    if not runs:
        return bound
    merged = {run: f"({' '.join(run)})" for run in runs}
    sizes = dict(bound.sizes)
    for run, name in merged.items():
        sizes[name] = product(bound.size(axis) for axis in run)
    return replace(
        bound,
        inputs=tuple(merge_runs(array, merged) for array in bound.inputs),
        outputs=tuple(merge_runs(array, merged) for array in bound.outputs),
        sizes=sizes,
        size_of={**bound.size_of, **{name: name for name in merged.values()}},
    )
