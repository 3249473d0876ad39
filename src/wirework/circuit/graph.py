"""The circuit: a graph of operations on arrays with named axes. Everything in it is plain, frozen data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Literal

from wirework.polynomial import Polynomial, product

Dims = tuple[tuple[str, ...], ...]  # for each dimension the axes flattened in it, row-major; () is a dimension of 1
Role = Literal["input", "parameter", "buffer", "computed"]


@dataclass(frozen=True, slots=True)
class Value:
    """An array.

    Attributes:
        number: its place in `Circuit.values`.
        dims: its dimensions, as names of axes of the circuit.
        dtype: such as "float32", "int64", "bool".
        role: where it comes from. A buffer is an array that the model holds and does not learn.
        name: of an input, parameter or buffer ("blocks.0.attention.weight"); else empty.
    """

    number: int
    dims: Dims
    dtype: str
    role: Role = "computed"
    name: str = ""

    @property
    def axes(self) -> str:
        """Its axes, as in an expression: "b t (h c)"."""
        return " ".join(axes[0] if len(axes) == 1 else f"({' '.join(axes)})" if axes else "1" for axes in self.dims)


@dataclass(frozen=True, slots=True)
class Node:
    """One operation.

    `kind` is one of

    - an operation of wirework's ("dot", "softmax", "rearrange", "get_at", "attention", "conv", "add" ...);
      `expression` is then its full expression in the circuit's axes, with brackets, an operand for each input, and
      `options` are its options;
    - a function of single elements in `circuit.functions` ("gelu", "exp", "power", "cast" ...), whose expression says
      how axes line up, as for "add";
    - "normalise": to mean 0 and variance 1 over the bracketed axes (options "mean": False for RMS norm, "epsilon");
    - "slice" (option "dims": for each dimension the integer taken, or (start, stop, step), as formulas in text);
    - "dropout" (option "drop_rate");
    - "constant", "full", "arange": an array that depends on no input (options "value", or "start", "step");
    - "opaque": anything else. Options: "function", its full name, and "arguments", its arguments with a
      `Reference(place)` for each input; it is run as it was written, and shown as a box.

    Attributes:
        inputs, outputs: numbers of values.
        keywords: names of the last inputs, if they are given by keyword and not as operands: "bias", "mask".
        options: plain data. A size in it is a formula in text.
        block: the path of blocks it stands in, from the outermost: ("blocks", "0", "attention").
    """

    kind: str
    expression: str
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    keywords: tuple[str, ...] = ()
    options: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}))
    block: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Reference:
    """Input number `place` of an opaque node, among its arguments."""

    place: int


@dataclass(frozen=True)
class Circuit:
    """A graph of operations.

    Attributes:
        name: of the function or the module that was traced.
        axes: the size of each axis: a symbol of its own name, a number, or a formula over other sizes.
        values: all arrays.
        nodes: all operations, in the order in which they were run.
        inputs: numbers of the values that are given to it, in order.
        outputs: numbers of the values it returns, in order.
        structure: how the outputs are nested in what is returned: a `Reference` for each, in lists, tuples and
            dictionaries.
        blocks: what each block is: the name of its class, or its title. By path, as in `Node.block`.
    """

    name: str
    axes: Mapping[str, Polynomial]
    values: tuple[Value, ...]
    nodes: tuple[Node, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    structure: Any = Reference(0)
    blocks: Mapping[tuple[str, ...], str] = field(default_factory=lambda: MappingProxyType({}))

    @property
    def parameters(self) -> tuple[Value, ...]:
        """What the model learns; a shared one once."""
        return tuple(value for value in self.values if value.role == "parameter")

    @property
    def buffers(self) -> tuple[Value, ...]:
        """What the model holds and does not learn."""
        return tuple(value for value in self.values if value.role == "buffer")

    def shape(self, value: Value | int) -> tuple[Polynomial, ...]:
        """The length of each dimension of an array."""
        dims = (self.values[value] if isinstance(value, int) else value).dims
        return tuple(product(self.axes[axis] for axis in axes) for axes in dims)

    def elements(self, value: Value | int) -> Polynomial:
        """How many elements an array has."""
        return product(self.shape(value))
