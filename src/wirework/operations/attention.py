"""attention: scaled dot-product attention, as one operation (Vaswani et al. 2017)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from wirework.errors import SemanticError, counted, did_you_mean
from wirework.notation import Bound, Bracket, Expression, contains, parse
from wirework.notation.names import shown, shown_axis
from wirework.notation.tree import Axis
from wirework.operations.base import (
    Call,
    Flops,
    Lowering,
    Operation,
    Option,
    added,
    brackets_of,
    monomial,
    need_output,
    one_output,
    refuse_lost,
    wrong_count,
)
from wirework.plan import Value

EXTRAS = ("mask", "bias", "scale", "softcap", "dropout", "rng")
OF_SCORES = {"mask": 1, "bias": 1, "softcap": 6, "dropout": 1}  # FLOPs for each score; softcap: divide, tanh, multiply


def complete(expression: Expression, call: Call) -> Expression:
    """Three operands with brackets, and an output."""
    one_output("attention", expression)
    need_output("attention", expression)
    if len(expression.inputs) != len(call.kinds) or len(call.kinds) != 3:
        if len(expression.inputs) == len(call.kinds):
            raise SemanticError("attention needs three arrays: queries, keys and values", expression.text)
        wrong_count("attention", expression, call)
    queries, keys, values = expression.inputs
    if not (contains(queries, Bracket) and contains(keys, Bracket) and contains(values, Bracket)):
        raise SemanticError(
            "attention needs brackets around the axis that queries and keys are compared over, "
            "and around the axis of keys",
            expression.text,
            [operand.span for operand in expression.inputs if not contains(operand, Bracket)],
            ['for example "b q (h [d]), b [k] (h [d]), b [k] (h e) -> b q (h e)"'],
        )
    return expression


@dataclass(frozen=True, slots=True)
class Roles:
    """What each axis is for."""

    batch: tuple[str, ...]  # a loop outside, in at least one of keys and values
    groups: tuple[str, ...]  # heads of the queries that share keys and values
    queries: tuple[str, ...]
    keys: tuple[str, ...]
    compared: tuple[str, ...]
    features: tuple[str, ...]  # of the values

    @property
    def scores(self) -> tuple[str, ...]:
        """The axes of the scores, in the order in which masks and biases have them."""
        return (*self.batch, *self.groups, *self.queries, *self.keys)


def roles(low: Lowering) -> Roles:
    """Tell what each axis is for by where it stands."""
    q, k, v = low.bound.inputs
    output = low.bound.outputs[0]
    compared = brackets_of(low, 0)
    keys = tuple(axis for axis in brackets_of(low, 1) if axis not in compared)
    for axis in compared:
        if axis not in brackets_of(low, 1):
            low.fail(f"{shown_axis(axis)} is in the brackets of the queries but not of the keys", q.span, k.span)
    if set(brackets_of(low, 2)) != set(keys):
        low.fail("the values must have the axes of keys in brackets, and no others", k.span, v.span)
    others = {*k.names, *v.names}
    own = [axis for axis in q.select(bracket=False) if axis not in others]
    beside = {axis for dim in q.layout if set(dim) & set(compared) for axis in dim}
    features = tuple(a for a in v.select(bracket=False) if a not in q.names and a not in k.names)
    known = [*q.select(bracket=False), *k.select(bracket=False), *v.select(bracket=False)]
    batch = [a for a in dict.fromkeys(known) if a not in own and a not in features]
    order = {axis: place for place, axis in enumerate(output.names)}
    for array in (q, k, v):
        for leaf in array.leaves:
            if not leaf.bracket and leaf.name in (*compared, *keys):
                low.fail(f"{shown_axis(leaf.name)} is in brackets in one place and not in another", leaf.span)
            if leaf.name not in order and leaf.name not in (*compared, *keys):
                refuse_lost(low, leaf)
            if leaf.name in order and leaf.name in (*compared, *keys):
                again = next(other for other in output.leaves if other.name == leaf.name)
                low.fail(f"{shown_axis(leaf.name)} is summed over, so it cannot be in the output", again.span)
    batch.sort(key=order.__getitem__)
    sharing = {axis for dim in q.layout if set(dim) & set(batch) for axis in dim}
    if any(axis not in beside | sharing for axis in own):  # (g r) with g shared: r is a head, not a place
        beside |= sharing
    return Roles(
        tuple(batch),
        tuple(axis for axis in own if axis in beside),
        tuple(axis for axis in own if axis not in beside),
        keys,
        compared,
        features,
    )


def lower(low: Lowering) -> Value:
    """Bring queries, keys and values to (batch, heads, length, features) and call the fused kernel."""
    role = roles(low)
    if low.option("causal") and len(role.queries) != 1:
        low.fail("causal=True needs one axis of queries", low.bound.inputs[0].span)
    if low.option("causal") and len(role.keys) != 1:
        low.fail("causal=True needs one axis of keys", low.bound.inputs[1].span)
    if low.option("rng") is not None and low.option("dropout") is None:
        low.fail("rng= only goes with dropout=")
    groups = role.groups
    outer, heads = role.batch[:-1], (*role.batch[-1:], *groups)
    q, k, v = low.inputs
    low.builder.apply("promote", [q, k, v])
    grouped = bool(groups) and bool(role.batch)
    shared = role.batch[-1:] if grouped else heads
    q = low.builder.arrange(q, [outer, heads, role.queries, role.compared])
    k = low.builder.arrange(k, [outer, shared, role.keys, role.compared])
    v = low.builder.arrange(v, [outer, shared, role.keys, role.features])
    arguments: list[Value | str] = [q, k, v]
    extras = [name for name in EXTRAS if low.option(name) is not None]
    layout = (outer, heads, role.queries, role.keys)
    for name in extras:
        arguments.append(score_array(low, name, role, layout) if name in ("mask", "bias") else name)
    value = low.builder.apply(
        "attention",
        arguments,
        [outer, heads, role.queries, role.features],
        extras=tuple(extras),
        causal=bool(low.option("causal")),
        grouped=grouped,
        sizes=tuple(low.bound.size(axis) for axis in (*role.queries, *role.keys)) if low.option("causal") else (),
    )
    return low.finish(value, low.bound.outputs[0])


def score_array(low: Lowering, option: str, role: Roles, layout: Sequence[tuple[str, ...]]) -> Value:
    """A mask or bias, brought to the layout of the scores, of length 1 where it has no axis."""
    kind = low.option(option)
    if kind[0] == "named":
        axes = named_axes(low, kind[1], role)
        if kind[2][1] != len(axes):
            low.fail(
                f"{option} has {counted(kind[2][1], 'dimension')}, but '{kind[1]}' has {counted(len(axes), 'axis')}"
            )
        value = Value(option, tuple((axis,) for axis in axes))
        return low.builder.arrange(value, whole_dims(layout, axes))
    rank = kind[1]
    if rank > len(role.scores):
        axes = " ".join(map(shown, role.scores))
        low.fail(f"{option} has {counted(rank, 'dimension')}, but the scores have {len(role.scores)}: {axes}")
    axes = role.scores[len(role.scores) - rank :]
    value = Value(option, tuple((axis,) for axis in axes))
    by_itself = all(len(dim) == 1 for dim in layout if set(dim) & set(axes)) and len(layout[-2]) == 1
    if by_itself and rank in (2, len(role.scores)):  # torch's fused kernel takes no other ranks
        return value
    shape = tuple(low.bound.size(axis) for axis in axes)
    value = low.builder.apply("expand", [value], value.layout, shape=shape)
    return low.builder.arrange(value, whole_dims(layout, axes))


def whole_dims(layout: Sequence[tuple[str, ...]], axes: Sequence[str]) -> list[tuple[str, ...]]:
    """A layout in which a dimension has all of its axes or none."""
    return [dim if set(dim) & set(axes) else () for dim in layout]


def named_axes(low: Lowering, text: str, role: Roles) -> tuple[str, ...]:
    """The axes of a mask given as ("axes", array)."""
    operand = parse(text).inputs[0]
    axes = tuple(term.name for term in operand.terms if isinstance(term, Axis))
    unknown = [axis for axis in axes if axis not in role.scores]
    if unknown or len(axes) != len(operand.terms) or len(parse(text).inputs) != 1:
        meant = did_you_mean(unknown[0], role.scores) if unknown else ""
        low.fail(f"the axes of a mask or bias are some of {' '.join(map(shown, role.scores))}, not '{text}'{meant}")
    return axes


def flops(bound: Bound, options: Mapping[str, Any]) -> Flops:
    """Two contractions, and for each score 1 to scale it, 8 for the softmax, and what the options add.

    A causal mask saves nothing here: the whole matrix of scores counts, as if it were computed.
    """
    q, k, v = bound.inputs
    compared = set(q.select(bracket=True))
    features = {a for a in v.names if a not in q.names and a not in k.names}
    scores = {*q.names, *k.names, *v.names} - compared - features

    def product(names: set[str]) -> tuple[str, ...]:
        return monomial(bound.size_of[name] for name in names)

    contractions = (product(scores | compared), product(scores | features))
    extras = sum(factor for name, factor in OF_SCORES.items() if options.get(name) not in (None, False))
    return Flops(
        added(*((indices, 2) for indices in contractions)),
        added(*((indices, 1) for indices in contractions)),
        added((product(scores), 1 + 8 + extras)),
    )


ATTENTION = Operation(
    name="attention",
    family="attention",
    arity=(3, 3),
    complete=complete,
    lower=lower,
    flops=flops,
    options={
        "mask": Option(None, accepts=("array", "named")),
        "bias": Option(None, accepts=("array", "named")),
        "scale": Option(None),
        "causal": Option(False, static=True, accepts=("bool",)),
        "softcap": Option(None),
        "dropout": Option(None),
        "rng": Option(None, accepts=("other",)),
    },
    arguments=("query", "key", "value"),
)
