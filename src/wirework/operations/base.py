"""What an operation is: how its expression is completed, and how it is lowered to a plan."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, NoReturn

from wirework.docstrings import summary
from wirework.errors import SemanticError, Span, counted
from wirework.notation import (
    Array,
    Axis,
    Bound,
    Bracket,
    Ellipsis,
    Expression,
    Group,
    Kind,
    Leaf,
    Number,
    Operand,
    Rules,
    bind,
    coarsen,
    contains,
    distribute,
    end_of,
    parse,
    rebuild,
    walk,
)
from wirework.notation.names import shown, shown_axis
from wirework.notation.sizes import Check, Size
from wirework.plan import Builder, Input, Plan, Value


@dataclass(frozen=True, slots=True)
class Option:
    """An option of an operation.

    Attributes:
        default: what it is when it is not given.
        static: its value chooses the code. Otherwise the generated function takes it as an argument.
        least: the least number it takes.
        accepts: the kinds of value it takes, as `engine.kind_of` names them; "array" for an array.
    """

    default: Any
    static: bool = False
    accepts: tuple[str, ...] = ("int", "float")
    least: int | None = None


@dataclass(frozen=True, slots=True)
class Call:
    """Everything about a call that the code of an operation may depend on; never a shape.

    Attributes:
        text: the expression as the user wrote it.
        kinds: for each operand "array", "scalar" or "factory".
        ranks: the rank of each operand; `None` for a factory.
        given: the axis sizes given by keyword.
        options: the value of each static option, and the kind of each other option that was given.
        order: the keywords that the generated function takes, in order: ("size" or "option", name).
        fused: the primitives that the backend has as one.
    """

    text: str
    kinds: tuple[str, ...]
    ranks: tuple[int | None, ...]
    given: Mapping[str, Kind]
    options: Mapping[str, Any]
    order: tuple[tuple[str, str], ...] = ()
    fused: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Lowering:
    """What an operation works with while it is lowered."""

    call: Call
    bound: Bound
    builder: Builder
    inputs: tuple[Value, ...]
    checks: list[Check] = field(default_factory=list)  # made at run time, beside those of the sizes
    shapes: dict[str, tuple[Size, ...]] = field(default_factory=dict)  # that options must have

    def option(self, name: str) -> Any:
        """The value of a static option, the kind of another one, `None` if it was not given."""
        return self.call.options.get(name)

    def finish(self, value: Value, output: Array) -> Value:
        """Bring a result to the layout of an output."""
        return self.builder.arrange(value, output.layout)

    def fail(self, reason: str, *spans: Span, notes: Sequence[str] = ()) -> NoReturn:
        """Refuse the expression."""
        raise SemanticError(reason, self.call.text, spans, notes)


Complete = Callable[[Expression, Call], Expression]
Lower = Callable[[Lowering], "Value | list[Value]"]
Count = Mapping[tuple[str, ...], int]  # a polynomial: from products of axis lengths to factors


@dataclass(frozen=True, slots=True)
class Flops:
    """How much arithmetic a call is.

    Attributes:
        contraction: multiplications of operands with each other, and the additions that sum the products.
        multiplications: those of them that multiply: what others count as multiply-adds.
        other: everything else.
    """

    contraction: Count = field(default_factory=lambda: MappingProxyType({}))
    multiplications: Count = field(default_factory=lambda: MappingProxyType({}))
    other: Count = field(default_factory=lambda: MappingProxyType({}))


CountFlops = Callable[[Bound, Mapping[str, Any]], Flops]


@dataclass(frozen=True, eq=False)
class Operation:
    """One elementary operation. Everything else is the same for all of them.

    Attributes:
        name: what users call it by.
        family: what it is listed under.
        arity: the least and the largest number of arrays; `None`: any.
        complete: writes out shorthands and the output where it was left out.
        lower: its steps.
        flops: what it costs, from its bound expression and its options.
        options: by name.
        rules: how its expressions are bound.
        coarse: axes that stand together everywhere may be treated as one.
        arguments: names for its arrays in generated code.
    """

    name: str
    family: str
    arity: tuple[int, int | None]
    complete: Complete
    lower: Lower
    flops: CountFlops
    options: Mapping[str, Option] = field(default_factory=lambda: MappingProxyType({}))
    rules: Rules | Callable[[Expression], Rules] = field(default_factory=Rules)
    coarse: bool = False
    arguments: tuple[str, ...] = ("x", "y", "z")
    function: Callable[..., Any] | None = None  # the user's own, of an adapted operation
    summary: str = ""  # what it does, in a sentence; by default that of its docstring

    def __post_init__(self) -> None:
        object.__setattr__(self, "summary", self.summary or summary(self.name))

    def expression(self, call: Call) -> Expression:
        """The full expression of a call: one operand for each array, shorthands written out, outputs there."""
        expression = self.complete(distribute(parse(call.text)), call)
        if len(expression.inputs) != len(call.kinds):
            wrong_count(self.name, expression, call)
        return expression

    def bound(self, call: Call) -> Bound:
        """The bound expression of a call."""
        expression = self.expression(call)
        rules = self.rules(expression) if callable(self.rules) else self.rules
        bound = bind(expression, call.ranks, call.given, rules)
        refuse_repeated_outputs(bound)
        if self.family not in ("rearrange", "solving"):
            refuse_concats(self.name, bound)
        return bound

    def plan(self, call: Call, bound: Bound) -> Plan:
        """The plan of a call, from its bound expression."""
        work = coarsen(bound) if self.coarse else bound
        builder = Builder(work.size)
        names = [*self.arguments, *(f"x{i}" for i in range(len(self.arguments), len(call.kinds)))]
        names = names[: len(call.kinds)]
        values = tuple(
            Value(name, array.layout if not contains_concat(array) else ())
            for name, array in zip(names, work.inputs, strict=True)
        )
        diagonal = tuple(builder.diagonals(value) if value.layout else value for value in values)
        low = Lowering(call, work, builder, diagonal)
        result = self.lower(low)
        results = result if isinstance(result, list) else [result]
        inputs = tuple(
            Input(name, kind, dim_names(array))
            for name, kind, array in zip(names, call.kinds, bound.inputs, strict=True)
        )
        factories = tuple(
            (name, Builder(bound.size).shape(array.layout))
            for name, kind, array in zip(names, call.kinds, bound.inputs, strict=True)
            if kind == "factory" and self.family != "solving"
        )
        return Plan(
            self.name,
            inputs,
            call.order,
            (*bound.statements, *low.checks),
            tuple(builder.steps),
            tuple(value.name for value in results),
            single=not isinstance(result, list),
            factories=factories,
            ranks=tuple(
                (name, kind[1]) for name, kind in call.options.items() if is_array_kind(kind) and name not in low.shapes
            ),
            shapes=tuple(low.shapes.items()),
            branches=tuple(builder.branches),
        )


def is_array_kind(kind: Any) -> bool:
    """Whether an option was given as an array."""
    return isinstance(kind, tuple) and kind[:1] == ("array",)


def contains_concat(array: Array) -> bool:
    """Whether an operand has a concatenation."""
    return any(len(dim.items) != len(dim.leaves) for dim in array.dims)


def dim_names(array: Array) -> tuple[str, ...]:
    """Names for the dimensions of an array in generated code, as like the expression as can be."""
    return tuple(
        "".join("d" + item.size[3:] if item.size.startswith("...") else item.size.split("@")[0] for item in dim.items)
        or "one"
        for dim in array.dims
    )


def wrong_count(name: str, expression: Expression, call: Call, notes: Sequence[str] = ()) -> NoReturn:
    """Say that the expression and the arguments do not go together."""
    operands, arrays = len(expression.inputs), len(call.kinds)
    raise SemanticError(
        f"{name} got {counted(arrays, 'array')}, but the expression has {counted(operands, 'input operand')}",
        call.text,
        [operand.span for operand in expression.inputs],
        notes,
    )


def refuse_concats(name: str, bound: Bound) -> None:
    """Concatenations are joined and split by rearrange alone."""
    for array in (*bound.inputs, *bound.outputs):
        for dim in array.dims:
            for item in dim.items:
                if not isinstance(item, Leaf):
                    raise SemanticError(
                        f"{name} cannot act on a concatenation",
                        bound.expression.text,
                        [item.span],
                        ["split or join the arrays with rearrange"],
                    )


def refuse_repeated_outputs(bound: Bound) -> None:
    """An axis stands at most once in an output: there is no array whose off-diagonal is undefined."""
    for output in bound.outputs:
        seen: dict[str, Span] = {}
        for leaf in output.leaves:
            if leaf.name in seen:
                raise SemanticError(
                    f"{shown_axis(leaf.name)} stands twice in an output",
                    bound.expression.text,
                    [seen[leaf.name], leaf.span],
                )
            seen[leaf.name] = leaf.span


# -- completing expressions -------------------------------------------------------------------------


def need_output(name: str, expression: Expression) -> None:
    """Refuse an expression without '->'."""
    if expression.outputs is None:
        raise SemanticError(f"{name} needs '->' and an output", expression.text, [end_of(expression)])


def need_brackets(name: str, expression: Expression, operand: Operand) -> None:
    """Refuse an operand without brackets."""
    if not contains(operand, Bracket):
        raise SemanticError(
            f"{name} acts on axes in brackets, but none is in brackets",
            expression.text,
            [operand.span],
            ["write [...] around the axes it acts on"],
        )


def refuse_brackets(name: str, expression: Expression) -> None:
    """Refuse brackets anywhere."""
    for operand in (*expression.inputs, *(expression.outputs or ())):
        for node in walk(operand):
            if isinstance(node, Bracket):
                raise SemanticError(
                    f"{name} acts on no axis by itself, so nothing can be in brackets",
                    expression.text,
                    [node.span],
                )


def one_output(name: str, expression: Expression) -> None:
    """Refuse several outputs."""
    if expression.outputs is not None and len(expression.outputs) != 1:
        raise SemanticError(
            f"{name} has one output, not {len(expression.outputs)}",
            expression.text,
            [operand.span for operand in expression.outputs],
        )


def without_bracketed(operand: Operand) -> Operand:
    """An operand without the axes in its brackets."""
    return rebuild(operand, lambda term: () if isinstance(term, Bracket) else (term,))


def ones_for_bracketed(operand: Operand) -> Operand:
    """An operand with an axis of length 1 in the place of each one in its brackets."""

    def ones(term: Any) -> tuple[Any, ...]:
        if isinstance(term, Bracket):
            return rebuild(Operand(term.terms), one).terms
        return (term,)

    def one(term: Any) -> tuple[Any, ...]:
        match term:
            case Ellipsis(inner):
                return (replace(term, term=Group((), term.span), follows=inner or term),)
            case Bracket(inner):
                return rebuild(Operand(inner), one).terms
            case _:
                return (Group((), term.span),)

    return rebuild(operand, ones)


def axis_keys(operand: Operand) -> frozenset[str]:
    """What tells the axes of an operand: names, and the places of unnamed ones."""
    keys = set()
    for node in walk(operand):
        match node:
            case Axis(name):
                keys.add(name)
            case Number(value, span) if value != 1:
                keys.add(f"{value}@{span[0]}")
            case Ellipsis(None):
                keys.add("...")
            case _:
                pass
    return frozenset(keys)


# -- lowering ---------------------------------------------------------------------------------------


def refuse_lost_axes(low: Lowering, kept: Iterable[str], lost_may_be: Iterable[str] = ()) -> None:
    """Refuse an axis of an input that is missing from the output."""
    known = {*kept, *lost_may_be}
    for array in low.bound.inputs:
        for leaf in array.leaves:
            if leaf.name not in known:
                refuse_lost(low, leaf)


def refuse_lost(low: Lowering, leaf: Leaf) -> NoReturn:
    """Say that an axis of an input is missing from the output."""
    number = shown(leaf.size)
    low.fail(
        f"{shown_axis(leaf.size)} is in the input but missing from the output",
        leaf.span,
        notes=[f"an unnamed axis of length {number} is an axis of its own: give it a name"] if "@" in leaf.size else (),
    )


def brackets_of(low: Lowering, number: int) -> tuple[str, ...]:
    """The axes in the brackets of an input."""
    return low.bound.inputs[number].select(bracket=True)


def monomial(names: Iterable[str]) -> tuple[str, ...]:
    """A product of axis lengths, in a fixed order."""
    return tuple(sorted(names))


def free(bound: Bound, options: Mapping[str, Any]) -> Flops:
    """The cost of views and gathers: no arithmetic."""
    return Flops()


def elements(array: Array) -> tuple[str, ...]:
    """The number of elements of an operand, as a product of axis lengths."""
    return monomial(leaf.size for leaf in array.leaves)


def added(*terms: tuple[tuple[str, ...], int]) -> Count:
    """A sum of products of axis lengths with factors."""
    total: dict[tuple[str, ...], int] = {}
    for names, factor in terms:
        if factor:
            total[names] = total.get(names, 0) + factor
    return total
