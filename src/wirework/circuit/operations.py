"""Operations of wirework in a traced function: how their expressions read in the axes of the circuit."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Protocol

from wirework.circuit.axes import WRITTEN, Axis, Dim, apart, axis, found, hint_of, length_of, one_axis, same, solid
from wirework.circuit.readings import Item, Marked, Reading, Sum, reshaping
from wirework.circuit.recorder import Array, Axes, Recorder, Result, named_mask, number
from wirework.circuit.sizes import formula_of, refuse_length, sized
from wirework.circuit.sliding import KERNEL, kernel_axes, sliding_lengths
from wirework.errors import NotSupportedError
from wirework.keywords import is_named, runtime_value
from wirework.notation import Bound, Leaf, parse
from wirework.notation.bound import Item as Written
from wirework.notation.bound import all_leaves
from wirework.notation.names import written_name
from wirework.notation.sizes import Assign, Atom, Check, Given, evaluate
from wirework.notation.sizes import Dim as Dimension
from wirework.notation.tree import Axis as Named
from wirework.operations import Call, Operation
from wirework.operations.attention import roles
from wirework.operations.base import Lowering
from wirework.plan import Builder
from wirework.polynomial import Polynomial
from wirework.program import Prepared, Program, prepare, program_for

UNMARKED = ("contraction", "convolution and windows", "attention", "reduction")  # brackets in the output say nothing
WHOLE = ("along an axis", "convolution and windows", "indexing", "attention")  # act on axes one by one
ONE_BY_ONE = ("argmax", "argmin")
MASKS = ("mask", "bias", "causal")  # have the axes of the scores, one by one
LEFT_OUT = ("rng", "keepdims", "sizes")


class Session(Protocol):
    """A trace in some framework: what stands for which array."""

    recorder: Recorder

    def array(self, stand_in: Any, /) -> Array:
        """What a stand-in stands for."""
        ...

    def bind(self, stand_in: Any, array: Array, /) -> None:
        """From here on a stand-in stands for an array."""
        ...

    def stand_in(self, array: Any, /) -> Any:
        """What stands in for an array that the function holds."""
        ...

    def dtype(self, stand_in: Any, /) -> str:
        """The type of its elements."""
        ...

    def run(self, program: Program, prepared: Prepared, arrays: Sequence[Any], /) -> Any:
        """Call the code of an operation on stand-ins."""
        ...


def observer(session: Session) -> Callable[..., Any]:
    """Who is called instead of each operation of wirework, and writes it down."""

    def observe(operation: str | Operation, text: str, arrays: tuple[Any, ...], keywords: dict[str, Any]) -> Any:
        prepared = prepare(operation, text, arrays, keywords)
        if "factory" in prepared.call.kinds:
            raise NotSupportedError(
                f"{prepared.operation.name} cannot be traced with a function in an array's place "
                f"({session.recorder.where})",
                prepared.call.text,
            )
        program = program_for(prepared)
        stand_ins = [each if is_number(each) else session.stand_in(each) for each in prepared.arrays]
        if prepared.operation.family == "solving":
            return program.function(*stand_ins, *prepared.values)
        try:
            result = session.run(program, prepared, stand_ins)
        except Exception:
            refuse_sizes(session, program.bound, stand_ins, keywords)
            raise
        note(session, program, stand_ins, keywords, result)
        return result

    return observe


def is_number(value: Any) -> bool:
    """Whether an argument is a plain number."""
    return isinstance(value, bool | int | float | complex)


# -- sizes ------------------------------------------------------------------------------------------------------------


class Sizes:
    """The lengths of the axes of an expression: formulas, and hints.

    Args:
        bound: the expression.
        arrays: what its operands are.
        given: the sizes given by keyword.
    """

    def __init__(self, bound: Bound, arrays: Sequence[Array | None], given: Mapping[str, Any]) -> None:
        self.bound, self.arrays, self.given = bound, arrays, {**(given.get("sizes") or {}), **given}
        self.lengths: dict[str, Polynomial] = {}
        self.hints: dict[str, int] = {}
        for statement in bound.statements:
            if isinstance(statement, Assign):
                self.hints[statement.name] = evaluate(statement.size, self.hint)
                try:
                    self.lengths[statement.name] = Polynomial.of(evaluate(statement.size, self.formula))  # type: ignore[arg-type]
                except (TypeError, ValueError):  # a root
                    self.lengths[statement.name] = Polynomial.of(self.hints[statement.name])

    def atom(self, part: Atom, of_array: Callable[[Array], tuple[Any, ...]], number: Callable[[Any], Any]) -> Any:
        """What an atom of a formula stands for."""
        match part:
            case Dimension(operand, index):
                array = self.arrays[operand]
                assert array is not None
                return of_array(array)[index]
            case Given(name, path):
                entry = self.given[name]
                for index in path:
                    entry = entry[index]
                return number(entry)
            case _:
                raise KeyError(part)

    def formula(self, part: Atom) -> Any:
        """An atom in the axes of the circuit."""
        if getattr(part, "name", None) in self.lengths and not isinstance(part, Given):
            return self.lengths[part.name]  # type: ignore[union-attr]
        return self.atom(part, lambda array: array.shape, formula_of)

    def hint(self, part: Atom) -> int:
        """An atom in this trace."""
        if getattr(part, "name", None) in self.hints and not isinstance(part, Given):
            return self.hints[part.name]  # type: ignore[union-attr]
        return self.atom(part, lambda array: array.hints, int)

    def of(self, name: str) -> tuple[Polynomial, int]:
        """Formula and hint of an axis, by the name of its size."""
        size = self.bound.sizes[name]
        return Polynomial.of(evaluate(size, self.formula)), evaluate(size, self.hint)  # type: ignore[arg-type]

    def size(self, name: str) -> int:
        """An axis as a number that knows its formula."""
        formula, hint = self.of(name)
        return sized(hint, formula)


def refuse_sizes(session: Session, bound: Bound, stand_ins: Sequence[Any], keywords: Mapping[str, Any]) -> None:
    """Say which axis of unknown length an operation refuses because of its length.

    Raises:
        Sized: if there is one.
    """
    arrays = [None if is_number(each) else session.array(each) for each in stand_ins]
    try:
        sizes = Sizes(bound, arrays, keywords)
        checks = [statement for statement in bound.statements if isinstance(statement, Check)]
        pairs = [(evaluate(each.left, sizes.formula), evaluate(each.right, sizes.formula)) for each in checks]
    except (KeyError, ValueError, TypeError, ZeroDivisionError):
        return
    for left, right in pairs:
        refuse_length(Polynomial.of(left), Polynomial.of(right))  # type: ignore[arg-type]


# -- writing an operation down ----------------------------------------------------------------------------------------


def note(
    session: Session, program: Program, stand_ins: Sequence[Any], keywords: Mapping[str, Any], result: Any
) -> None:
    """Write an operation down, with its expression in the axes of the circuit."""
    bound, operation, recorder = program.bound, program.operation, session.recorder
    arrays = [number(recorder, each) if is_number(each) else session.array(each) for each in stand_ins]
    expression = Reader(bound, arrays, keywords, operation)
    outputs = result if isinstance(result, tuple) else (result,)
    results = [expression.result(place, session.dtype(output)) for place, output in enumerate(outputs)]
    kind, options = operation.name, {}
    if operation.function is not None:
        function = f"{operation.function.__module__}.{operation.function.__qualname__}"
        kind, options = "opaque", {"function": function, "arguments": ((), {})}
    learned: dict[str, Array] = {}
    for name, value in keywords.items():
        if name not in operation.options or name in LEFT_OUT or value is None or value is False:
            continue
        if not hasattr(runtime_value(value), "ndim"):
            options[name] = plain_option(value)
            continue
        learned[name] = session.array(session.stand_in(runtime_value(value)))
        if isinstance(value, tuple | list) and is_named(value):
            options[f"{name}_axes"] = Axes(expression.named(value[0], learned[name]))
        elif kind == "attention":
            learned[name] = named_mask(recorder, learned[name], expression.scores(program.call))
            options[f"{name}_axes"] = Axes(learned[name].dims)
        elif name == "bias" and kind in ("dot", "conv"):
            expression.biased(learned[name])
    given = recorder.step(kind, arrays, expression.operands, results, learned, **options)
    for output, array in zip(outputs, given, strict=True):
        session.bind(output, array)


def plain_option(value: Any) -> Any:
    """An option as plain data, sizes as formulas."""
    if isinstance(value, tuple | list):
        return tuple(map(plain_option, value))
    return formula_of(value) if isinstance(value, int) and not isinstance(value, bool) else value


class Reader:
    """How the operands of a bound expression read their arrays.

    Attributes:
        dims: for each axis of the expression those of the circuit.
        operands: how each input is read.
    """

    def __init__(
        self, bound: Bound, arrays: Sequence[Array], keywords: Mapping[str, Any], operation: Operation
    ) -> None:
        self.bound, self.arrays, self.operation = bound, arrays, operation
        self.sizes = Sizes(bound, arrays, keywords)
        self.dims: dict[str, Dim] = {}
        self.masked = operation.name == "attention" and any(keywords.get(name) is not None for name in MASKS)
        self.parts: dict[Axis, Dim] = {}  # what axes are, that are read as one
        self.wishes = dict(zip(kernel_axes(operation.name, bound), KERNEL, strict=False))
        for operand, array in zip(bound.inputs, arrays, strict=True):
            for written, dim in zip(operand.dims, array.dims, strict=True):
                self.align(written.items, found(dim))
        alike = self.add_missing(keywords)
        names = list(self.dims)
        self.dims = dict(zip(names, apart(list(self.dims.values())), strict=True))
        self.dims |= {after: self.dims[before] for after, before in alike.items()}
        self.inside = self.marked_leaves()
        self.operands = [
            tuple(self.items(written.items, self.inside) for written in operand.dims) for operand in bound.inputs
        ]

    def align(self, items: Sequence[Written], dim: Dim) -> None:
        """Let the axes of one dimension of the expression be those of the array."""
        leaves = [item for item in items if isinstance(item, Leaf)]
        if len(leaves) != len(items):
            return
        if len(leaves) == 1:
            self.meet(leaves[0], dim)
            return
        sizes = [self.sizes.of(leaf.size) for leaf in leaves]
        plan = reshaping([dim], sizes)
        for place, leaf in enumerate(leaves):
            self.meet(leaf, plan.dims[place] if plan is not None else axis(*sizes[place]))

    def meet(self, leaf: Leaf, dim: Dim) -> None:
        """Let an axis of the expression be some of the circuit; one, if the operation acts on axes one by one."""
        one_by_one = self.operation.family in WHOLE or self.operation.name in ONE_BY_ONE
        if (leaf.bracket and (one_by_one or not dim)) or self.masked:
            (single,) = one_axis(dim)
            self.parts[single] = dim or (single,)
            dim = (single,)
        wish = self.wishes.get(leaf.name, written_name(leaf.size))
        if len(dim) == 1 and not dim[0].wish and wish.isidentifier():
            dim[0].wish, dim[0].rank = wish, max(dim[0].rank, WRITTEN)
        self.dims[leaf.name] = same(self.dims[leaf.name], dim) if leaf.name in self.dims else dim

    def add_missing(self, keywords: Mapping[str, Any]) -> dict[str, str]:
        """Make the axes that are no dimension of an input; those that are as long as before something slid along them.

        Returns:
            The names of these, and of what they were before.
        """
        slid = sliding_lengths(self.operation.name, self.bound, self.sizes.size, keywords)
        alike: dict[str, str] = {}
        for leaf in (leaf for array in (*self.bound.inputs, *self.bound.outputs) for leaf in all_leaves(array)):
            if leaf.name in self.dims:
                continue
            if leaf.name not in slid:
                wish = written_name(leaf.size)
                self.dims[leaf.name] = axis(*self.sizes.of(leaf.size), wish if wish.isidentifier() else "")
                continue
            before, length = slid[leaf.name]
            own = self.dims[before]
            if hint_of(own) == int(length):
                alike[leaf.name] = before
            else:
                self.dims[leaf.name] = one_axis(axis(formula_of(length), int(length), own[-1].wish if own else ""))
        return alike

    def marked_leaves(self) -> set[str]:
        """The axes of the expression in brackets; those that vanish, where no brackets are written."""
        leaves = [leaf for array in self.bound.inputs for dim in array.dims for leaf in dim.leaves]
        inside = {leaf.name for leaf in leaves if leaf.bracket}
        if not inside and self.operation.family in ("contraction", "reduction"):
            kept = {leaf.name for array in self.bound.outputs for dim in array.dims for leaf in dim.leaves}
            inside = {leaf.name for leaf in leaves} - kept
        return inside

    def items(self, items: Iterable[Written], inside: set[str]) -> tuple[Item, ...]:
        """One dimension of the expression, in the axes of the circuit."""
        result: list[Item] = []
        for item in items:
            if not isinstance(item, Leaf):
                result.append(Sum(tuple(self.items(part, inside) for part in item.parts)))
            elif item.name in inside:
                result += [Marked(each) for each in found(self.dims[item.name])]
            else:
                result += found(self.dims[item.name])
        return tuple(result)

    def result(self, place: int, dtype: str) -> Result:
        """An output, and how it is read."""
        operand = self.bound.outputs[place]
        keep = self.operation.family not in UNMARKED or self.operation.name == "window"
        inside = {leaf.name for dim in operand.dims for leaf in dim.leaves if leaf.bracket and keep}
        reading = tuple(self.items(dim.items, inside) for dim in operand.dims)
        return Result(tuple(self.whole(items) for items in reading), dtype, reading)

    def whole(self, items: Iterable[Item]) -> Dim:
        """The axes of a dimension of an output: a concatenation is an axis of its own."""
        result: list[Axis] = []
        for item in items:
            match item:
                case Sum(parts):
                    dims = [self.whole(part) for part in parts]
                    length = sum(map(length_of, dims), Polynomial.of(0))
                    longest = max(dims, key=hint_of)
                    result += axis(length, sum(map(hint_of, dims)), longest[0].wish if len(longest) == 1 else "n")
                case Marked(one):
                    result += self.split((one,))
                case _:
                    result += self.split((item,))
        return tuple(result)

    def split(self, dim: Dim) -> Dim:
        """The axes of a dimension, as the array has them."""
        return found(part for each in found(dim) for part in self.parts.get(each, (each,)))

    # -- options -----------------------------------------------------------------------------------------------------

    def named(self, text: str, array: Array) -> Reading:
        """The axes of a mask that is given with their names."""
        names = [term.name for term in parse(text).inputs[0].terms if isinstance(term, Named)]
        for name, dim in zip(names, array.dims, strict=True):
            same(self.dims[name], dim)
        return tuple(found(self.dims[name]) for name in names)

    def scores(self, call: Call) -> list[Dim]:
        """The dimensions of the scores of attention, in the order in which masks have them."""
        names = roles(Lowering(call, self.bound, Builder(self.bound.size), ())).scores
        return [self.dims[name] for name in names]

    def biased(self, array: Array) -> None:
        """Let the dimensions of a bias be the axes that the output has and the first array has not."""
        first = {leaf.name for dim in self.bound.inputs[0].dims for leaf in dim.leaves}
        new = [leaf.name for dim in self.bound.outputs[0].dims for leaf in dim.leaves if leaf.name not in first]
        weights = {leaf.name for dim in self.bound.inputs[1].dims for leaf in dim.leaves}
        new = [name for name in new if name in weights]
        if len(new) == len(array.dims):
            for name, dim in zip(new, array.dims, strict=True):
                solid(same(self.dims[name], dim))
