"""conv: convolution in any number of dimensions, and window: the windows that pooling reduces over."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from wirework.errors import SemanticError, counted
from wirework.notation import (
    Bound,
    Bracket,
    Expression,
    Operand,
    Rules,
    Shorthand,
    axis_names,
    bracketed,
    contains,
    end_of,
    parse,
    rebuild,
    walk,
)
from wirework.notation.names import shown_axis
from wirework.notation.tree import Axis, Ellipsis, Group, Term
from wirework.operations.base import (
    Call,
    Flops,
    Lowering,
    Operation,
    Option,
    added,
    brackets_of,
    elements,
    free,
    monomial,
    need_brackets,
    need_output,
    one_output,
    refuse_lost,
    wrong_count,
)
from wirework.plan import Value

KERNEL = "_kernel"  # s_kernel is the extent of a kernel along s
AFTER = "'"  # s' is the axis s after sliding over it


def complete(expression: Expression, call: Call) -> Expression:
    """Write out the shorthand of one operand for input and weight.

    The weight has a kernel axis for each spatial axis, named `s_kernel`, then groups, input and output
    channels as they stand.
    """
    one_output("conv", expression)
    if expression.outputs is None:
        raise SemanticError(
            "conv needs '->' and an output, or, as a shorthand, channels in brackets: [c_in -> c_out]",
            expression.text,
            [end_of(expression)],
        )
    inputs = expression.inputs
    if len(inputs) == 1 and len(call.kinds) == 2:
        inputs = (inputs[0], weight_operand(call.text, inputs[0]))
    full = replace(expression, inputs=inputs)
    if len(inputs) != len(call.kinds) or len(inputs) != 2:
        wrong_count("conv", full, call)
    for operand in inputs:
        need_brackets("conv", expression, operand)
    return replace(full, outputs=(renamed_output(expression.outputs[0], inputs),))


def weight_operand(text: str, operand: Operand) -> Operand:
    """The weight of the shorthand."""
    written = parse(text).inputs[0]
    if not contains(written, Shorthand):
        raise SemanticError(
            "conv with one operand needs its channels as a shorthand: [c_in -> c_out]", text, [operand.span]
        )
    return Operand((*weight_inputs(written.terms), *weight_outputs(written)), operand.span)


def weight_inputs(terms: tuple[Term, ...]) -> list[Term]:
    """Kernel axes, groups and input channels, in the order in which the input has theirs."""
    found: list[Term] = []
    for term in terms:
        match term:
            case Shorthand(inputs):
                found.append(Bracket(inputs[0].terms, term.span))
            case Bracket(inner):
                found.append(Bracket(tuple(map(kernel_axis, inner)), term.span))
            case Ellipsis(Bracket(inner)):
                found.append(Bracket(tuple(kernel_axis(Ellipsis(each, term.span)) for each in inner), term.span))
            case Group(inner) if any(isinstance(each, Shorthand) for each in inner):
                for each in inner:
                    found += weight_inputs((each,)) if isinstance(each, Shorthand | Bracket) else [each]
            case _:
                pass
    return found


def weight_outputs(operand: Operand) -> list[Term]:
    """The output channels: what the shorthands have on the right but not on the left."""
    found: list[Term] = []
    for node in walk(operand):
        if isinstance(node, Shorthand) and node.outputs:
            found += [term for term in node.outputs[0].terms if term not in node.inputs[0].terms]
    return found


def kernel_axis(term: Term) -> Term:
    """The kernel axis of a spatial one."""
    match term:
        case Axis(name, span):
            return Axis(name + KERNEL, span)
        case Ellipsis(None, span):
            return Ellipsis(Axis(KERNEL, span), span, follows=term)
        case Ellipsis(inner, span) if inner is not None:
            return Ellipsis(kernel_axis(inner), span, follows=term)
        case _:
            return term


def renamed_output(output: Operand, inputs: tuple[Operand, ...]) -> Operand:
    """The output with new names for the spatial axes, whose lengths change."""
    used = axis_names(inputs[1:])
    spatial = {name for name in axis_names((Operand(bracketed(inputs[0])),)) if name not in used}
    anonymous = any(
        isinstance(node, Ellipsis) and node.term is None for term in bracketed(inputs[0]) for node in walk(term)
    )

    def rename(term: Term) -> tuple[Term, ...]:
        match term:
            case Axis(name, span) if name in spatial:
                return (Axis(name + AFTER, span),)
            case Ellipsis(None, span) if anonymous:
                return (Ellipsis(Axis("..." + AFTER, span), span, follows=term),)
            case Ellipsis(Axis(name), span) if name in spatial:
                return (Ellipsis(Axis(name + AFTER, span), span, follows=term),)
            case _:
                return (term,)

    return rebuild(output, rename)


def own_outputs(expression: Expression) -> Rules:
    """The spatial axes of the output are as long as the operation makes them."""
    known = axis_names(expression.inputs)
    new = (name for name in axis_names(expression.outputs or ()) if name not in known)
    return Rules(output_only=frozenset(new))


@dataclass(frozen=True, slots=True)
class Roles:
    """What each axis is for."""

    batch: tuple[str, ...]
    groups: tuple[str, ...]
    channels: tuple[str, ...]  # of the input, in a group
    features: tuple[str, ...]  # of the output, in a group
    spatial: tuple[str, ...]
    kernel: tuple[str, ...]
    result: tuple[str, ...]  # the spatial axes of the output


def roles(low: Lowering) -> Roles:
    """Tell what each axis is for by the operands that have it."""
    x, w = (array.names for array in low.bound.inputs)
    out = low.bound.outputs[0].names
    inside_x, inside_w = brackets_of(low, 0), brackets_of(low, 1)
    role = Roles(
        batch=tuple(a for a in x if a not in w and a not in inside_x),
        groups=tuple(a for a in x if a in w and a in out),
        channels=tuple(a for a in x if a in w and a not in out),
        features=tuple(a for a in w if a not in x and a in out),
        spatial=tuple(a for a in x if a in inside_x and a not in w),
        kernel=tuple(a for a in w if a in inside_w and a not in x and a not in out),
        result=tuple(a for a in out if a not in x and a not in w),
    )
    for leaf in low.bound.inputs[0].leaves:
        if leaf.name in role.batch and leaf.name not in out:
            refuse_lost(low, leaf)
    if not len(role.spatial) == len(role.kernel) == len(role.result):
        low.fail(
            f"conv slides over {counted(len(role.spatial), 'axis')} of the input, "
            f"but the kernel has {len(role.kernel)} and the output {len(role.result)}",
            *(array.span for array in (*low.bound.inputs, *low.bound.outputs)),
        )
    if not 1 <= len(role.spatial) <= 3:
        low.fail(f"conv slides over 1, 2 or 3 axes, not {len(role.spatial)}", low.bound.inputs[0].span)
    for name in set(w) - {*role.groups, *role.channels, *role.features, *role.kernel}:
        low.fail(f"{shown_axis(name)} of the weight has no part in the convolution", low.bound.inputs[1].span)
    return role


def lower(low: Lowering) -> Value:
    """Bring input and weight to (batch, channels, space) and (channels, channels, kernel)."""
    role = roles(low)
    space = [(axis,) for axis in role.spatial]
    kernel = [(axis,) for axis in role.kernel]
    x, w = low.inputs
    low.builder.apply("promote", [x, w])
    x = low.builder.arrange(x, [role.batch, (*role.groups, *role.channels), *space])
    transposed = bool(low.option("transposed"))
    if transposed and named_padding(low) == "same":
        low.fail("padding='same' does not go with transposed=True: give the padding as numbers")
    rows, columns = (role.channels, role.features) if transposed else (role.features, role.channels)
    laid = [(*role.groups, *rows), columns, *kernel]
    moved = low.builder.arrange(w, laid)
    if moved is not w and "contiguous" in low.call.fused:  # torch's gradient wants it so
        moved = low.builder.apply("contiguous", [moved], laid)
    result = [role.batch, (*role.groups, *role.features), *((axis,) for axis in role.result)]
    extras = slide_options(low, len(role.spatial))
    count = len(role.spatial)
    groups = tuple(low.bound.size(axis) for axis in role.groups)
    bias = bias_of(low, role)
    fused = [("bias", bias)] if bias is not None and "conv_bias" in low.call.fused else []
    value = low.builder.apply(
        "conv",
        [x, moved, *(value for _, value in fused), *(name for name, _ in extras)],
        result,
        extras=(*((name, "array") for name, _ in fused), *extras),
        dims=count,
        sizes=groups,
        transposed=transposed,
        padding=named_padding(low),
    )
    low.builder.measure(value, role.result)
    if bias is not None and not fused:
        term = low.builder.arrange(bias, [*bias.layout, *((),) * count])
        value = low.builder.apply("elementwise", [value, term], result, function="add", scalars=())
    return low.finish(value, low.bound.outputs[0])


def bias_of(low: Lowering, role: Roles) -> Value | None:
    """The bias, with one dimension for the channels of the output."""
    kind = low.option("bias")
    if kind is None:
        return None
    channels = (*role.groups, *role.features)
    if kind[1] not in (1, len(channels)):
        low.fail(f"bias= of conv has the channels of the output, {' '.join(channels)}, not {kind[1]} dimensions")
    layout = (channels,) if kind[1] == 1 else tuple((axis,) for axis in channels)
    low.shapes["bias"] = low.builder.shape(layout)
    return low.builder.arrange(Value("bias", layout), [channels])


def named_padding(low: Lowering) -> str | None:
    """The padding, if it is "same" or "valid"."""
    kind = low.option("padding")
    return kind if kind in ("same", "valid") else None


def slide_options(low: Lowering, count: int) -> list[tuple[str, str]]:
    """The options that were given, each with its kind: one number, or a tuple with one for each axis."""
    found = []
    for name in ("stride", "padding", "dilation", "output_padding", "fill"):
        kind = low.option(name)
        if kind is None or (isinstance(kind, str) and kind in ("same", "valid")):
            continue
        if name == "output_padding" and not low.option("transposed"):
            low.fail("output_padding= only goes with transposed=True")
        if isinstance(kind, tuple):
            if len(kind) != count:
                low.fail(
                    f"{name} has {counted(len(kind), 'number')}, but there "
                    f"{'is' if count == 1 else 'are'} {counted(count, 'axis')} to slide over",
                    *(leaf.span for leaf in low.bound.inputs[0].leaves if leaf.bracket),
                )
            deep = "pairs" if any(isinstance(entry, tuple) for entry in kind) else "tuple"
            found.append((name, deep))
        elif kind in ("int", "float"):
            found.append((name, "int"))
        else:
            low.fail(f"{name} must be a whole number, one for each axis, 'same' or 'valid'")
    return found


def flops(bound: Bound, options: Mapping[str, Any]) -> Flops:
    """Two for each output element, kernel element and channel of the input, and 1 to add a bias.

    Transposed: for each input element, kernel element and channel of the output. Padding counts as it is computed.
    """
    x, w = bound.inputs
    output = bound.outputs[0]
    slid = x if options.get("transposed") else output
    indices = monomial({leaf.name: leaf.size for array in (slid, w) for leaf in array.leaves}.values())
    return Flops(added((indices, 2)), added((indices, 1)), added((elements(output), options.get("bias") is not None)))


SLIDE = {
    "stride": Option(None, accepts=("int", "tuple"), least=1),
    "padding": Option(None, accepts=("int", "tuple", "same", "valid"), least=0),
    "dilation": Option(None, accepts=("int", "tuple"), least=1),
}

CONV = Operation(
    name="conv",
    family="convolution and windows",
    arity=(2, 2),
    complete=complete,
    lower=lower,
    flops=flops,
    options={
        **SLIDE,
        "bias": Option(None, accepts=("array",)),
        "output_padding": Option(None, accepts=("int", "tuple"), least=0),
        "transposed": Option(False, static=True, accepts=("bool",)),
    },
    rules=own_outputs,
    arguments=("x", "w"),
)


# -- windows ------------------------------------------------------------------------------------------------


def complete_window(expression: Expression, call: Call) -> Expression:
    """The input's bracket is slid over; the output's bracket is the window."""
    one_output("window", expression)
    need_output("window", expression)
    if len(expression.inputs) != 1 or len(call.kinds) != 1:
        wrong_count("window", expression, call)
    need_brackets("window", expression, expression.inputs[0])
    need_brackets("window", expression, expression.output)
    output = renamed_output(expression.output, (*expression.inputs, Operand(())))
    return replace(expression, outputs=(as_many_windows(expression.inputs[0], output),))


def as_many_windows(operand: Operand, output: Operand) -> Operand:
    """The output with its repeated window axes as many as the repeated axes slid over."""
    slid = [node for term in bracketed(operand) for node in walk(term) if isinstance(node, Ellipsis)]

    def tie(term: Term) -> tuple[Term, ...]:
        if isinstance(term, Bracket) and len(slid) == 1:
            inner = (replace(each, follows=slid[0]) if isinstance(each, Ellipsis) else each for each in term.terms)
            return (replace(term, terms=tuple(inner)),)
        return (term,)

    return rebuild(output, tie)


def lower_window(low: Lowering) -> Value:
    """Slide over each spatial axis; the windows come last, then everything goes to its place."""
    spatial = brackets_of(low, 0)
    output = low.bound.outputs[0]
    kept = [axis for axis in low.inputs[0].axes if axis not in spatial]
    windows = output.select(bracket=True)
    places = tuple(a for a in output.select(bracket=False) if a not in kept)
    if not len(spatial) == len(windows) == len(places):
        low.fail(
            f"window slides over {counted(len(spatial), 'axis')}, but the output has "
            f"{counted(len(places), 'axis')} of places and {counted(len(windows), 'axis')} of windows in brackets",
            output.span,
        )
    for axis in kept:
        if axis not in output.names:
            refuse_lost(low, next(leaf for leaf in low.bound.inputs[0].leaves if leaf.name == axis))
    for leaf in output.leaves:
        if leaf.name in windows and leaf.size not in low.bound.sizes:
            low.fail(f"the length of the window must be given: {leaf.size.split('.')[0]}=...", leaf.span)
    value = low.builder.reshape(low.inputs[0], [(axis,) for axis in low.inputs[0].axes])
    axes = tuple(value.axes.index(axis) for axis in spatial)
    renamed = dict(zip(spatial, places, strict=True))
    layout = [(renamed.get(axis, axis),) for axis in value.axes] + [(axis,) for axis in windows]
    extras = slide_options(low, len(spatial))
    value = low.builder.apply(
        "window",
        [value, *(name for name, _ in extras)],
        layout,
        extras=tuple(extras),
        axes=axes,
        sizes=tuple(low.bound.size(axis) for axis in windows),
        padding=named_padding(low),
    )
    low.builder.measure(value, places)
    return low.finish(value, output)


def own_places(expression: Expression) -> Rules:
    """The places of the windows are as many as the operation makes; the windows' own sizes are given."""
    known = axis_names(expression.inputs)
    new = {name for name in axis_names(expression.outputs or ()) if name not in known}
    return Rules(units=False, output_only=frozenset(new))


WINDOW = Operation(
    name="window",
    family="convolution and windows",
    arity=(1, 1),
    complete=complete_window,
    lower=lower_window,
    flops=free,
    options={**SLIDE, "fill": Option(None)},
    rules=own_places,
)
