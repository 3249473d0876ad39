"""source and explain: the code of a call, and what it means."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from wirework.arguments import checked_option, is_coordinate, size_kind, sort_keywords, takes_value
from wirework.backends import load
from wirework.errors import RankError, SemanticError, brief, counted, did_you_mean
from wirework.notation import Array, Bound, Ellipsis, Shorthand, bracketed, contains, distribute, parse
from wirework.notation.names import shown as without_marks
from wirework.notation.sizes import evaluate
from wirework.operations import OPERATIONS, Call, Operation
from wirework.operations.base import Count, added
from wirework.program import Prepared, Program, prepare, program_for, solved_values

BOLD, DIM, AXIS, CODE, RESET = "\033[1m", "\033[2m", "\033[36m", "\033[32m", "\033[0m"


@brief
def source(
    name: str,
    expression: str,
    backend: str = "numpy",
    *,
    ranks: Sequence[int] | None = None,
    given: Sequence[str] = (),
    **options: Any,
) -> str:
    """The code that an operation is compiled to.

    Args:
        name: the operation.
        expression: the expression.
        backend: "numpy", "torch" or "jax".
        ranks: the rank of each array; needed where an ellipsis leaves it open.
        given: the names of the axes whose sizes are given by keyword.
        options: options of the operation, and sizes.

    Raises:
        WireworkError: whatever the call itself would raise.

    >>> print(source("rearrange", "b (h w) c -> b c h w", "torch", given=("h",)), end="")
    def rearrange(x, h):
        b, hw, c = x.shape
        w = hw // h
        if h * w != hw:
            fail(0, x, h)
        return x.reshape(b, h, w, c).permute(0, 3, 1, 2)
    """
    operation = operation_called(name)
    chosen = load(backend)
    call = call_without_arrays(operation, expression, ranks, given, options, chosen.fused)
    return program_for(Prepared(operation, call, chosen, (), (), (), True)).source


def operation_called(name: str) -> Operation:
    """The operation of a name."""
    found = OPERATIONS.get("rearrange" if name == "id" else name)
    if found is None:
        raise SemanticError(f"there is no operation called {name}{did_you_mean(name, OPERATIONS)}")
    return found


def call_without_arrays(
    operation: Operation, text: str, ranks: Sequence[int] | None, given: Sequence[str], options: Mapping[str, Any],
    fused: frozenset[str],
) -> Call:  # fmt: skip
    """A call as it would be made with arrays of some ranks."""
    operands = distribute(parse(text)).inputs
    if ranks is None:
        if any(contains(operand, Ellipsis) for operand in operands):
            spans = [operand.span for operand in operands if contains(operand, Ellipsis)]
            raise RankError("the expression has an ellipsis: give the rank of each array as ranks=(...)", text, spans)
        ranks = tuple(plain_rank(operand.terms) for operand in operands)
        if len(ranks) == 1 and takes_two(operation, text):
            ranks = (*ranks, second_rank(operation, text))
    if len(ranks) < operation.arity[0]:
        raise SemanticError(
            f"{operation.name} takes {counted(operation.arity[0], 'array')}, but there are ranks for {len(ranks)}", text
        )
    sizes, options = sort_keywords(operation, text, {**dict.fromkeys(given, 1), **options})
    kinds = {
        name: checked_option(operation, name, value, text)
        for name, value in options.items()
        if value is not None and value is not False
    }
    order = [("size", name) for name in sizes]
    order += [("option", name) for name, kind in kinds.items() if takes_value(operation, name, kind)]
    kept = {name: size_kind(name, size, text) for name, size in sizes.items()}
    return Call(text, ("array",) * len(ranks), tuple(ranks), kept, kinds, tuple(order), fused)


def plain_rank(terms: Sequence[Any]) -> int:
    """The rank of terms without ellipses."""
    return sum(plain_rank(term.terms) if type(term).__name__ == "Bracket" else 1 for term in terms)


def takes_two(operation: Operation, text: str) -> bool:
    """Whether an expression with one operand is a shorthand for two arrays."""
    least, most = operation.arity
    return least == 2 or (most != 1 and contains(parse(text).inputs[0], Shorthand))


def second_rank(operation: Operation, text: str) -> int:
    """The rank of the second operand of a shorthand."""
    expression = operation.complete(distribute(parse(text)), Call(text, ("array",) * 2, (None, None), {}, {}))
    return plain_rank(expression.inputs[1].terms)


@dataclass(frozen=True, slots=True)
class Costs:
    """What one call costs.

    Attributes:
        contraction, other: FLOPs in products that are summed, and all others, as formulas over axis names.
        contraction_value, other_value: their values.
        multiply_adds: how many multiplications the contraction has.
        moved: bytes of the arrays that are read and of those that are written.
    """

    contraction: str
    contraction_value: int
    multiply_adds: int
    other: str
    other_value: int
    moved: int

    @property
    def lines(self) -> list[str]:
        """For people."""
        flops = self.contraction_value + self.other_value
        found = []
        if self.contraction != "0":
            found.append(f"contraction  {self.contraction} = {self.contraction_value:,} FLOPs")
            found[0] += f" = {self.multiply_adds:,} multiply-adds" if self.multiply_adds else ""
        if self.other != "0":
            found.append(f"{'other' if found else 'arithmetic':<11}  {self.other} = {self.other_value:,} FLOPs")
        intensity = f", {flops / self.moved:.3g} FLOPs per byte" if flops and self.moved else ""
        moves = f"moves        {self.moved:,} bytes{intensity}"
        return [*(found or ["no arithmetic"]), moves]

    def to_json(self) -> dict[str, Any]:
        """As plain data."""
        return {
            "contraction": {"formula": self.contraction, "value": self.contraction_value},
            "other": {"formula": self.other, "value": self.other_value},
            "multiply_adds": self.multiply_adds,
            "bytes": self.moved,
        }


@dataclass(frozen=True)
class Explanation:
    """What one call means. Print it, or take its parts.

    Attributes:
        operation: its name.
        summary: what it does, in a sentence.
        expression: the full expression, shorthands written out.
        axes: for each axis its size and its part: "loop", "operation" (in brackets).
        loop: Python code of the loop nest it means.
        source: the generated code.
        inputs, outputs: shapes.
        flops: the number of arithmetic operations as a formula over axis names.
        flops_value: its value for these shapes.
        costs: what they are made of, and the bytes that are moved.
    """

    operation: str
    summary: str
    expression: str
    axes: tuple[tuple[str, int, str], ...]
    loop: str
    source: str
    backend: str
    inputs: tuple[tuple[int, ...], ...]
    outputs: tuple[tuple[int, ...], ...]
    flops: str
    flops_value: int
    costs: Costs

    def __str__(self) -> str:
        return self.text()

    def text(self, color: bool = False) -> str:
        """All of it as text, in colours if asked."""
        bold, dim, axis, code, reset = (BOLD, DIM, AXIS, CODE, RESET) if color else ("",) * 5
        width = max((len(name) for name, _, _ in self.axes), default=0)
        digits = max((len(str(size)) for _, size, _ in self.axes), default=0)
        shapes = [" ".join(map(str, shape)) or "scalar" for shape in (*self.inputs, *self.outputs)]
        count = len(self.inputs)
        lines = [
            f"{bold}{self.operation}{reset}  {axis}{self.expression}{reset}",
            f"{dim}{self.summary}{reset}",
            "",
            f"{bold}axes{reset}",
            *(
                f"  {axis}{name:<{width}}{reset} = {size:<{digits}}  {dim}{part}{reset}"
                for name, size, part in self.axes
            ),
            "",
            f"{bold}shapes{reset}",
            f"  in   {', '.join(shapes[:count])}",
            f"  out  {', '.join(shapes[count:])}",
            "",
            f"{bold}means{reset}",
            *(f"  {line}" for line in self.loop.splitlines()),
            "",
            f"{bold}runs as{reset} {dim}({self.backend}){reset}",
            *(f"  {code}{line}{reset}" for line in self.source.splitlines()),
            "",
            f"{bold}costs{reset}",
            *(f"  {line}" for line in self.costs.lines),
        ]
        return "\n".join(lines)

    def to_json(self) -> dict[str, Any]:
        """All of it as plain data."""
        return {
            "operation": self.operation,
            "expression": self.expression,
            "axes": [{"name": name, "size": size, "part": part} for name, size, part in self.axes],
            "loop": self.loop,
            "source": self.source,
            "backend": self.backend,
            "inputs": [list(shape) for shape in self.inputs],
            "outputs": [list(shape) for shape in self.outputs],
            "flops": {"formula": self.flops, "value": self.flops_value},
            "costs": self.costs.to_json(),
        }


@brief
def explain(name: str, expression: str, /, *arrays: Any, backend: str | None = None, **keywords: Any) -> Explanation:
    """Explain one call.

    Args:
        name: the operation.
        expression: its expression.
        arrays: arrays, or shapes as tuples.
        backend: print the code for this one; by default for that of the arrays (of shapes: NumPy).
        keywords: sizes and options, as for the call.

    Raises:
        WireworkError: whatever the call itself would raise.

    >>> print(explain("sum", "a [b]", (2, 3)).flops)
    a*b
    """
    operation = operation_called(name)
    stand_ins = [
        stand_in(array, is_coordinate(operation, expression, place)) if isinstance(array, tuple | list) else array
        for place, array in enumerate(arrays)
    ]
    prepared = prepare(operation, expression, stand_ins, keywords)
    own = program_for(prepared)
    shown = own
    if backend is not None and backend != prepared.backend.name:
        chosen = load(backend)
        call = Call(
            prepared.call.text, prepared.call.kinds, prepared.call.ranks, prepared.call.given, prepared.call.options,
            prepared.call.order, chosen.fused,
        )  # fmt: skip
        shown = program_for(Prepared(operation, call, chosen, (), (), (), True))
    return explanation(own, shown, prepared)


def stand_in(shape: Sequence[int], coordinates: bool) -> Any:
    """An array of a shape, that takes no memory."""
    if not all(isinstance(length, int) and length >= 0 for length in shape):
        raise SemanticError(f"a shape is made of whole numbers from 0 on, unlike {tuple(shape)}")
    return np.broadcast_to(np.zeros((), int) if coordinates else np.ones((), np.float32), tuple(shape))


def explanation(program: Program, shown: Program, prepared: Prepared) -> Explanation:
    """Put an explanation together."""
    bound, operation = program.bound, program.operation
    sizes = {name: value for (_, name), value in zip(prepared.call.order, prepared.values, strict=True)}
    shapes = [tuple(getattr(array, "shape", ())) for array in prepared.arrays]
    value = solved_values(bound, shapes, sizes)
    lengths = {name: evaluate(size, value) for name, size in bound.sizes.items()}
    outputs = program.function(*prepared.arrays, *prepared.values)
    results = outputs if isinstance(outputs, tuple) else (outputs,)
    shapes_out = tuple(tuple(getattr(result, "shape", ())) for result in results)
    for array, shape in zip(bound.outputs, shapes_out, strict=False):
        for dim, length in zip(array.dims, shape, strict=False):
            if len(dim.leaves) == 1:
                lengths.setdefault(dim.leaves[0].size, length)
    flops = operation.flops(bound, prepared.call.options)
    both = added(*flops.contraction.items(), *flops.other.items())
    return Explanation(
        operation.name,
        operation.summary,
        full_text(bound),
        axes_of(bound, lengths, inner_axes(program)),
        loop_of(program, lengths),
        shown.source,
        shown.backend.name,
        tuple(shapes),
        shapes_out,
        formula(both),
        number(both, lengths),
        Costs(
            formula(flops.contraction),
            number(flops.contraction, lengths),
            number(flops.multiplications, lengths),
            formula(flops.other),
            number(flops.other, lengths),
            sum(map(size_in_bytes, (*prepared.arrays, *options_that_are_arrays(prepared), *results))),
        ),
    )


def options_that_are_arrays(prepared: Prepared) -> list[Any]:
    """Arrays given by keyword."""
    return [value for value in prepared.values if hasattr(value, "shape")]


def size_in_bytes(array: Any) -> int:
    """How many bytes the elements of an array are; none of a number."""
    return math.prod(array.shape) * array.dtype.itemsize if hasattr(array, "dtype") else 0


def full_text(bound: Bound) -> str:
    """The expression with shorthands written out, in terms of the user's names."""
    return without_marks(str(bound.expression))


def axes_of(bound: Bound, lengths: Mapping[str, int], inside: set[str]) -> tuple[tuple[str, int, str], ...]:
    """Name, length and part of every axis, in order of appearance."""
    found: dict[str, tuple[str, int, str]] = {}
    for array in (*bound.inputs, *bound.outputs):
        for leaf in array.leaves:
            part = "seen by the operation" if leaf.name in inside else "loop"
            if leaf.size in lengths and "@" not in leaf.name:
                found.setdefault(leaf.name, (shown_axis(leaf.name), lengths[leaf.size], part))
    return tuple(found.values())


def shown_axis(name: str) -> str:
    """An axis as a Python name: `s0` for the first copy of `s...`."""
    return name.split("@")[0].replace("...", "d").replace(".", "").replace("#", "_").replace("'", "_out")


def number(cost: Count, lengths: Mapping[str, int]) -> int:
    """The value of a polynomial."""
    return sum(factor * math.prod(lengths[name] for name in names) for names, factor in cost.items())


def formula(cost: Count) -> str:
    """A polynomial as text."""
    terms = []
    for names, factor in cost.items():
        shown = [str(factor)] * (factor != 1 or not names) + [shown_axis(name) for name in names]
        terms.append("*".join(shown))
    return " + ".join(terms) or "0"


# -- the loop an expression means ------------------------------------------------------------------------------


def loop_of(program: Program, lengths: Mapping[str, int]) -> str:
    """Python code of the loop nest: one loop for each unbracketed axis, the operation inside."""
    bound, operation = program.bound, program.operation
    if operation.family == "solving":
        return "# the sizes are read off the shapes"
    if any(len(dim.items) != len(dim.leaves) for array in (*bound.inputs, *bound.outputs) for dim in array.dims):
        return "# the parts of a concatenation are copied one after the other"
    names = [entry.name for entry in program.plan.inputs]
    lines = [split_line(name, array, lengths) for name, array in zip(names, bound.inputs, strict=True)]
    lines = [line for line in lines if line]
    inside = inner_axes(program)
    loops = list(dict.fromkeys(
        leaf.name for array in (*bound.outputs, *bound.inputs) for leaf in array.leaves
        if leaf.name not in inside and leaf.size in lengths
    ))  # fmt: skip
    sizes = {leaf.name: lengths.get(leaf.size, 0) for array in (*bound.inputs, *bound.outputs) for leaf in array.leaves}
    depth = 0
    for axis in loops:
        lines.append("    " * depth + f"for {shown_axis(axis)} in range({sizes[axis]}):")
        depth += 1
    operands = [indexed(name, array, inside) for name, array in zip(names, bound.inputs, strict=True)]
    results = [
        indexed("out" if len(bound.outputs) == 1 else f"out{i}", array, inside) for i, array in enumerate(bound.outputs)
    ]
    body = f"{', '.join(results)} = {operation.name}({', '.join(operands)})"
    if operation.name == "rearrange":
        body = "; ".join(f"{result} = {operand}" for result, operand in zip(results, operands, strict=False))
    lines.append("    " * depth + body)
    joined = [flatten_line(array, lengths) for array in bound.outputs]
    return "\n".join([*lines, *(line for line in joined if line)])


def inner_axes(program: Program) -> set[str]:
    """The axes that the operation sees: those in brackets, or, without any, those missing from the output."""
    bound = program.bound
    inputs = {leaf.name for array in bound.inputs for leaf in array.leaves}
    marked = {leaf.name for array in (*bound.inputs, *bound.outputs) for leaf in array.leaves if leaf.bracket}
    if marked or any(bracketed(operand) for operand in bound.expression.inputs):
        return marked
    outputs = {leaf.name for array in bound.outputs for leaf in array.leaves}
    return inputs - outputs if program.operation.family in ("reduction", "contraction", "adapters") else set()


def split_line(name: str, array: Array, lengths: Mapping[str, int]) -> str:
    """The line that splits flattened dimensions."""
    if all(len(dim.leaves) == 1 for dim in array.dims):
        return ""
    shape = ", ".join(str(lengths.get(leaf.size, "...")) for leaf in array.leaves)
    return f"{name} = {name}.reshape({shape})  # {' '.join(shown_axis(leaf.name) for leaf in array.leaves)}"


def flatten_line(array: Array, lengths: Mapping[str, int]) -> str:
    """The line that flattens the dimensions of an output."""
    if all(len(dim.leaves) == 1 for dim in array.dims):
        return ""
    shape = ", ".join(str(math.prod(lengths.get(leaf.size, 0) for leaf in dim.leaves)) for dim in array.dims)
    return f"out = out.reshape({shape})  # {array.text}"


def indexed(name: str, array: Array, inside: set[str]) -> str:
    """An array at the loop variables, with whole slices where the operation sees an axis."""
    places = [":" if leaf.name in inside else shown_axis(leaf.name) for leaf in array.leaves]
    return f"{name}[{', '.join(places)}]" if places else name
