"""What is written down while a function is traced, and the circuit that comes of it. Knows no framework."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from wirework.circuit.axes import Axis, Dim, Names, found, hint_of, length_of, same
from wirework.circuit.graph import Circuit, Node, Role, Value
from wirework.circuit.readings import Reading, axes_in, written
from wirework.circuit.sizes import Size
from wirework.polynomial import Polynomial


@dataclass(eq=False, slots=True)
class Array:
    """An array of the function that is traced.

    Attributes:
        dims: its dimensions.
        dtype: such as "float32".
        role, name: as of a `Value`.
        place: where its axes meet.
        scalar: the number it is, if it is one that the code wrote.
    """

    dims: tuple[Dim, ...]
    dtype: str
    role: Role
    name: str
    place: int
    scalar: Any = None

    @property
    def shape(self) -> tuple[Polynomial, ...]:
        """The length of each dimension, in formulas."""
        return tuple(length_of(found(dim)) for dim in self.dims)

    @property
    def hints(self) -> tuple[int, ...]:
        """The length of each dimension in this trace."""
        return tuple(hint_of(found(dim)) for dim in self.dims)


@dataclass(eq=False, slots=True)
class Step:
    """One operation of the function that is traced: a `Node` whose axes have no names yet.

    Attributes:
        keywords: names of the last inputs, which are no operands.
        options: plain data; polynomials and readings in it become text.
    """

    kind: str
    inputs: tuple[Array, ...]
    operands: tuple[Reading, ...]
    outputs: tuple[Array, ...]
    results: tuple[Reading, ...]
    keywords: tuple[str, ...]
    options: Mapping[str, Any]
    block: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Result:
    """What an operation gives.

    Attributes:
        dims: of the array.
        dtype: of its elements.
        reading: how the expression reads it; `None`: as the array has it.
    """

    dims: tuple[Dim, ...]
    dtype: str
    reading: Reading | None = None


@dataclass
class Recorder:
    """Arrays and steps so far, and the block that the function is in."""

    arrays: list[Array] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)
    blocks: dict[tuple[str, ...], str] = field(default_factory=dict)
    path: list[tuple[str, ...]] = field(default_factory=lambda: [()])
    held: dict[str, Any] = field(default_factory=dict)
    places: int = 0

    def array(self, dims: Iterable[Dim], dtype: str, role: Role = "computed", name: str = "") -> Array:
        """Note an array."""
        array = Array(tuple(dims), dtype, role, name, self.meet(each for dim in dims for each in dim))
        self.arrays.append(array)
        return array

    def meet(self, axes: Iterable[Axis]) -> int:
        """Note that axes occur in the same place, so that they are different."""
        self.places += 1
        for each in found(axes):
            each.places.add(self.places)
        return self.places

    def step(
        self,
        kind: str,
        inputs: Sequence[Array],
        operands: Sequence[Reading],
        results: Sequence[Result],
        keywords: Mapping[str, Array] = MappingProxyType({}),
        **options: Any,
    ) -> tuple[Array, ...]:
        """Note an operation, and the arrays it gives."""
        readings = tuple(result.dims if result.reading is None else result.reading for result in results)
        self.meet(dict.fromkeys(each for one in (*operands, *readings) for items in one for each in axes_in(items)))
        outputs = tuple(self.array(result.dims, result.dtype) for result in results)
        self.steps.append(
            Step(
                kind, (*inputs, *keywords.values()), tuple(operands), outputs, readings,
                tuple(keywords), options, self.path[-1],
            )
        )  # fmt: skip
        return outputs

    def rearranged(self, array: Array, operand: Reading, dims: Sequence[Dim]) -> Array:
        """The same elements in other dimensions; the array itself if that changes nothing."""
        dims = [found(dim) for dim in dims]
        if dims == [found(dim) for dim in array.dims] and dims == list(operand):
            return array
        return self.step("rearrange", (array,), (operand,), [Result(tuple(dims), array.dtype)])[0]

    # -- blocks --------------------------------------------------------------------------------------------------

    def enter(self, title: str) -> None:
        """A block of that title begins."""
        self.begin((*self.path[-1], title), title)

    def begin(self, path: tuple[str, ...], title: str) -> None:
        """A block begins."""
        self.path.append(path)
        if path:
            self.blocks.setdefault(path, title)

    def leave(self) -> None:
        """The last block ends."""
        self.path.pop()

    @property
    def where(self) -> str:
        """The block the function is in, for messages."""
        return f"in block {'.'.join(self.path[-1])}" if self.path[-1] else "outside any block"

    # -- the circuit ---------------------------------------------------------------------------------------------

    def circuit(self, name: str, inputs: Sequence[Array], outputs: Sequence[Array], structure: Any) -> Circuit:
        """The circuit of what was noted."""
        names = Names()
        used = {id(array) for step in self.steps for array in (*step.inputs, *step.outputs)}
        kept = [
            array for array in self.arrays
            if array.role in ("input", "parameter") or id(array) in used or array in outputs
        ]  # fmt: skip
        for array in (*inputs, *kept):
            for each in (each for dim in array.dims for each in found(dim)):
                names.give(each)
        numbers = {id(array): number for number, array in enumerate(kept)}
        values = tuple(
            Value(
                number, tuple(tuple(map(names.give, found(dim))) for dim in array.dims), array.dtype, array.role,
                array.name,
            )
            for number, array in enumerate(kept)
        )  # fmt: skip
        nodes = tuple(node_of(step, numbers, names) for step in self.steps)
        return Circuit(
            name,
            MappingProxyType(dict(names.sizes)),
            values,
            nodes,
            tuple(numbers[id(array)] for array in inputs),
            tuple(numbers[id(array)] for array in outputs),
            structure,
            MappingProxyType(dict(self.blocks)),
            MappingProxyType(dict(self.held)),
        )


def number(recorder: Recorder, value: Any, floating: str = "float32") -> Array:
    """A number that code wrote, as an array without dimensions.

    Args:
        recorder: where it is noted.
        value: the number.
        floating: the type of one that is not whole.
    """
    if isinstance(value, Size):
        return recorder.step("full", (), (), [Result((), "int64")], value=value.formula)[0]
    kinds = ((bool, "bool"), (int, "int64"), (float, floating), (complex, "complex64"))
    dtype = next(name for kind, name in kinds if isinstance(value, kind))
    return recorder.step("constant", (), (), [Result((), dtype)], value=value)[0]


def named_mask(recorder: Recorder, mask: Array, scores: Sequence[Dim]) -> Array:
    """A mask of attention without dimensions of length 1, the others being axes of the scores.

    Args:
        recorder: where it is noted.
        mask: as it is broadcast to the scores.
        scores: their dimensions.
    """
    own = list(map(found, mask.dims))
    wholes = [found(dim) for dim in scores[len(scores) - len(own) :]]
    long = [(dim, whole) for dim, whole in zip(own, wholes, strict=True) if hint_of(dim) != 1]
    for dim, whole in long:
        same(whole, dim)
    reading = tuple(() if hint_of(dim) == 1 else found(whole) for dim, whole in zip(own, wholes, strict=True))
    return recorder.rearranged(mask, reading, [(each,) for _, whole in long for each in found(whole)])


def node_of(step: Step, numbers: Mapping[int, int], names: Names) -> Node:
    """The node of a step, now that axes have names."""
    operands = ", ".join(written(reading, names.give) for reading in step.operands)
    results = ", ".join(written(reading, names.give) for reading in step.results)
    return Node(
        step.kind,
        f"{operands} -> {results}".strip(),
        tuple(numbers[id(array)] for array in step.inputs),
        tuple(numbers[id(array)] for array in step.outputs),
        step.keywords,
        MappingProxyType(
            {key: value if key == "arguments" else plain(value, names.give) for key, value in step.options.items()}
        ),
        step.block,
    )


@dataclass(frozen=True, slots=True)
class Axes:
    """Among the options of a step: axes, to be written as text."""

    reading: Reading


def plain(value: Any, name: Callable[[Axis], str]) -> Any:
    """Options as plain data."""
    match value:
        case Polynomial():
            return str(value) if value.constant is None else value.constant
        case Axes(reading):
            return written(reading, name)
        case float():
            return float(value)
        case tuple() | list():
            return type(value)(plain(each, name) for each in value) if type(value) in (tuple, list) else value
        case dict():
            return {key: plain(each, name) for key, each in value.items()}
        case _:
            return value
