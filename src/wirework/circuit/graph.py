"""The circuit: a graph of operations on arrays with named axes. Everything in it is plain, frozen data."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from importlib import import_module
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Literal

from wirework.polynomial import Polynomial, product

if TYPE_CHECKING:
    from wirework.circuit.folding import Block

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
    - "opaque": anything else. Options: "function", its full name ("torch.nn.functional.interpolate",
      "torch.Tensor.topk"), and "arguments", a tuple of those by place and a dictionary of those by name, with a
      `Reference(place)` for each input and a `Polynomial` for each size; it is run as it was written, and shown as
      a box. Where no function says all, as for a loop of JAX's, "equation" is what it is called in `Circuit.held`.

    An operand says dimension by dimension how its input is read, mostly as the input's own `dims`. Other axes of the
    same lengths stand there where a dimension is split, or read as one axis, or where an axis would stand twice: the
    queries and keys of self-attention have the same `t`, so that keys are read along `t2`, which is as long.

    Attributes:
        inputs, outputs: numbers of values.
        keywords: names of the last inputs, if they are given by keyword and not as operands: "bias", "mask". A mask of
            scores has its axes in the option "mask_axes", as an operand: "b 1 k"; without it, it has the last axes of
            the scores. So for a bias of scores.
        options: plain data. A size in it is a formula in text; so is a number that follows one: "k**-0.5".
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


@dataclass(frozen=True, repr=False)
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
        held: arrays that the traced function had and no module has under a name, by the names of their values; and
            what opaque operations run that no function is, by their option "equation". They are no part of what is
            written or compared.
    """

    name: str
    axes: Mapping[str, Polynomial]
    values: tuple[Value, ...]
    nodes: tuple[Node, ...]
    inputs: tuple[int, ...]
    outputs: tuple[int, ...]
    structure: Any = Reference(0)
    blocks: Mapping[tuple[str, ...], str] = field(default_factory=lambda: MappingProxyType({}))
    held: Mapping[str, Any] = field(default_factory=lambda: MappingProxyType({}), compare=False)

    # -- running -----------------------------------------------------------------------------------------------

    def run(
        self, *arrays: Any, parameters: Any = None, training: bool = False, rng: Any = None,
        sizes: Mapping[str, int] = MappingProxyType({}),
    ) -> Any:  # fmt: skip
        """What the traced function gives for these arrays, of NumPy, torch or JAX.

        Args:
            arrays: one for each input.
            parameters: the parameters and buffers, by name, or a module that has them.
            training: whether anything is dropped.
            rng: what to draw from while training: a generator of NumPy, a key of JAX. torch has its own.
            sizes: of axes that no array shows.

        Raises:
            SemanticError: if there are too many or too few arrays or parameters.
            RankError, AxisSizeError: if their shapes do not fit.
            BackendError: if they are no arrays, or of two libraries.
            NotSupportedError: if an opaque operation is of another library.
        """
        from wirework.circuit.running import run

        return run(self, arrays, parameters, training, rng, sizes)

    def program(self, kinds: tuple[type, ...], known: tuple[str, ...]) -> str:
        """The name of what is made once, to run it on arrays of some types; empty if these cannot be mixed.

        torch.compile runs this while it traces, and takes the result, which must be a string, for a constant.
        """
        made = vars(self).setdefault("made", {})
        if (kinds, known) not in made:
            from wirework.circuit.running import program_for

            made[kinds, known] = program_for(self, kinds, known)
        return made[kinds, known]

    program._dynamo_marked_constant = True  # type: ignore[attr-defined]

    def source(self) -> str:
        """The source of the function that is run: one statement for each operation."""
        from wirework.circuit.source import source

        return source(self)

    # -- comparing, folding, fusing ------------------------------------------------------------------------------

    def differences(self, other: Circuit, *, names: bool = True) -> list[str]:
        """What differs from another circuit, in words; how values are numbered does not matter.

        Args:
            other: the other circuit.
            names: whether axes must have the same names; else they are told by the order in which they appear.
        """
        from wirework.circuit.comparing import differences

        return differences(self, other, names)

    def same_as(self, other: Circuit, *, names: bool = True) -> bool:
        """Whether nothing differs from another circuit: see `differences`."""
        return not self.differences(other, names=names)

    def tree(self, *, folded: bool = True) -> Block:
        """The blocks as a tree, in which those that follow each other and are the same are one `Repeat`."""
        from wirework.circuit.folding import tree

        return tree(self, folded)

    def fuse(self) -> Circuit:
        """The circuit with attention written as dot, softmax, dot in one operation, as far as it means the same."""
        from wirework.circuit.fusing import fuse

        return fuse(self)

    # -- writing -----------------------------------------------------------------------------------------------

    def to_json(self, indent: int | None = None) -> str:
        """The circuit as text that `from_json` reads.

        Raises:
            NotSupportedError: if an option is no plain data.
        """
        from wirework.circuit.records import to_json

        return to_json(self, indent)

    @staticmethod
    def from_json(text: str) -> Circuit:
        """The circuit that `to_json` has written, equal in everything.

        Raises:
            DataError: if it is none, or damaged.
        """
        from wirework.circuit.records import from_json

        return from_json(text)

    def __reduce__(self) -> tuple[Any, ...]:
        from wirework.circuit.records import restored

        return restored, (self.to_json(), dict(self.held))

    def table(self, *, folded: bool = True) -> str:
        """A line for each operation: what it gives, its kind, its expression, what it takes, how large that is."""
        from wirework.circuit.shown import table

        return table(self, folded)

    def __str__(self) -> str:
        from wirework.circuit.shown import text

        return text(self)

    def __repr__(self) -> str:
        return f"<Circuit {self.name}: {len(self.nodes)} operations>"

    def _repr_html_(self) -> str:
        from wirework.circuit.shown import html

        return html(self)

    # -- reading -----------------------------------------------------------------------------------------------

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

    def cost(self, /, *, dtype: str | None = None, **sizes: int) -> Any:
        """What it costs: a `wirework.cost.Cost`.

        Args:
            dtype: of floating values, such as "bfloat16"; by default what they were traced with.
            sizes: lengths of the axes that have none yet.

        Raises:
            SemanticError: if there is no axis of a name, or no such dtype.
            AxisSizeError: if a size is not a whole number from 0 on.
        """
        return import_module("wirework.cost").cost(self, dtype=dtype, **sizes)  # by name: what reads it is above it

    def draw(
        self, depth: int | None = None, width: float | None = None, theme: str = "light", *, legend: bool = True,
        labels: str = "name", hide: str | Collection[str] = (), title: str | None = None, caption: str | None = None,
        highlight: str | Collection[str] = (), color_by: str | None = None, **sizes: int,
    ) -> Any:  # fmt: skip
        """A diagram of it, a `wirework.diagram.Diagram`, which shows itself in a notebook and can be saved as a file.

        Args:
            depth: how many levels of blocks are open; 0 draws the whole as one block. By default as many as a page
                has room for.
            width: in pixels, at which the drawing goes on below; by default never.
            theme: "light", "dark", or "print" for black and white.
            legend: whether the sizes of axes stand below.
            labels: whether axes are labelled by their "name", their "size", or "both".
            hide: axes that are not drawn.
            title: stands above.
            caption: stands below.
            highlight: what is marked: names of axes, blocks, operations or inputs, as in `Diagram.highlight`.
            color_by: colour operations by their share of all "flops", "parameters" or "memory" (bytes moved).
            sizes: lengths of the axes that have none yet, to count shares with.

        Raises:
            SemanticError: if an option has no such value, or there is nothing of a name.
            AxisSizeError: if shares are asked for, and a size is missing or not a whole number from 0 on.
        """
        return import_module("wirework.diagram").diagram(
            self, depth=depth, width=width, theme=theme, legend=legend, labels=labels, hide=hide, title=title,
            caption=caption, highlight=highlight, color_by=color_by, sizes=sizes,
        )  # fmt: skip
