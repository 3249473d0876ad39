"""Circuits made by hand, for tests that should not depend on tracing."""

from collections.abc import Mapping, Sequence
from typing import Any

from wirework.circuit import Circuit, Node, Reference, Value
from wirework.circuit.graph import Dims, Role
from wirework.polynomial import Polynomial


def dims_of(axes: str) -> Dims:
    """ "b t (h c) 1" as the dimensions of a value."""
    found: list[tuple[str, ...]] = []
    group: list[str] | None = None
    for word in axes.replace("(", " ( ").replace(")", " ) ").split():
        if word == "(":
            group = []
        elif word == ")":
            found.append(tuple(group or ()))
            group = None
        elif group is not None:
            group.append(word)
        else:
            found.append(() if word == "1" else (word,))
    return tuple(found)


class Maker:
    """Makes a circuit step by step. Each step gives the number of a new value.

    >>> make = Maker("double")
    >>> x = make.input("b c", "x")
    >>> circuit = make.circuit(make.node("add", "b c, b c -> b c", [x, x]))
    """

    def __init__(self, name: str, **sizes: int | str) -> None:
        self.name = name
        self.sizes = sizes
        self.values: list[Value] = []
        self.nodes: list[Node] = []
        self.inputs: list[int] = []
        self.blocks: dict[tuple[str, ...], str] = {}

    def value(self, axes: str, dtype: str, role: Role = "computed", name: str = "") -> int:
        self.values.append(Value(len(self.values), dims_of(axes), dtype, role, name))
        return len(self.values) - 1

    def input(self, axes: str, name: str = "", dtype: str = "float32") -> int:
        self.inputs.append(self.value(axes, dtype, "input", name))
        return self.inputs[-1]

    def parameter(self, axes: str, name: str, dtype: str = "float32") -> int:
        return self.value(axes, dtype, "parameter", name)

    def buffer(self, axes: str, name: str, dtype: str = "float32") -> int:
        return self.value(axes, dtype, "buffer", name)

    def node(
        self, kind: str, expression: str, inputs: Sequence[int], axes: str | None = None, *, dtype: str = "float32",
        block: str = "", keywords: Sequence[str] = (), **options: Any,
    ) -> int:  # fmt: skip
        """An operation with one output, whose axes are those that the expression ends in unless others are given."""
        options |= {"dtype": dtype} if kind == "cast" else {}
        axes = expression.rpartition("->")[2] if axes is None else axes
        output = self.value(axes.replace("[", "").replace("]", ""), dtype)
        path = tuple(filter(None, block.split(".")))
        self.nodes.append(Node(kind, expression, tuple(inputs), (output,), tuple(keywords), options, path))
        return output

    def circuit(self, *outputs: int, structure: Any = None, blocks: Mapping[str, str] | None = None) -> Circuit:
        names = dict.fromkeys(axis for value in self.values for axes in value.dims for axis in axes)
        axes = {name: Polynomial.parse(str(self.sizes.get(name, name))) for name in names}
        if structure is None:
            structure = Reference(0) if len(outputs) == 1 else tuple(map(Reference, range(len(outputs))))
        titles = {tuple(path.split(".")): title for path, title in (blocks or {}).items()}
        return Circuit(
            self.name, axes, tuple(self.values), tuple(self.nodes), tuple(self.inputs), outputs, structure, titles
        )


def attention(scale: float | None = 0.5, masked: bool = False) -> Circuit:
    """Multi-head attention with its parameters, written with dot, softmax, dot."""
    make = Maker("attention", h=2, c=4, m=8)
    x = make.input("b q m", "x")
    y = make.input("b k m", "y")
    mask = make.input("q k", "mask", "bool") if masked else None
    weights = {
        name: make.parameter("m (h c)" if name != "out" else "(h c) m", f"{name}.weight")
        for name in ("query", "key", "value", "out")
    }
    query = make.node("dot", "b q [m], [m] (h c) -> b q (h c)", [x, weights["query"]], block="query")
    key = make.node("dot", "b k [m], [m] (h c) -> b k (h c)", [y, weights["key"]], block="key")
    value = make.node("dot", "b k [m], [m] (h c) -> b k (h c)", [y, weights["value"]], block="value")
    query = make.node("rearrange", "b q (h c) -> b h q c", [query])
    key = make.node("rearrange", "b k (h c) -> b h k c", [key])
    value = make.node("rearrange", "b k (h c) -> b h k c", [value])
    scores = make.node("dot", "b h q [c], b h k [c] -> b h q k", [query, key])
    if scale is not None:
        factor = make.node("constant", "->", [], value=scale)
        scores = make.node("multiply", "b h q k, -> b h q k", [scores, factor])
    if mask is not None:
        least = make.node("constant", "->", [], value=float("-inf"))
        scores = make.node("where", "q k, b h q k, -> b h q k", [mask, scores, least])
    weights_of = make.node("softmax", "b h q [k] -> b h q [k]", [scores])
    mixed = make.node("dot", "b h q [k], b h [k] c -> b h q c", [weights_of, value])
    joined = make.node("rearrange", "b h q c -> b q (h c)", [mixed])
    result = make.node("dot", "b q [(h c)], [(h c)] m -> b q m", [joined, weights["out"]], block="out")
    blocks = dict.fromkeys(("query", "key", "value", "out"), "Linear")
    return make.circuit(result, blocks=blocks)


def layers(count: int = 3, twins: bool = False) -> Circuit:
    """Blocks of a norm and a layer with a residual; with twins two kinds of them in turn."""
    make = Maker("layers", c=4)
    x = make.input("b t c", "x")
    titles = {}
    for index in range(count):
        for part in ("a", "b") if twins else ("",):
            path = f"blocks.{index}{part}"
            weight = make.parameter("c c2", f"{path}.weight")
            normal = make.node("normalise", "b t [c]", [x], "b t c", block=f"{path}.norm", epsilon=1e-5)
            wide = make.node("dot", "b t [c], [c] c2 -> b t c2", [normal, weight], block=f"{path}.linear")
            kind = "tanh" if part == "b" else "gelu"
            active = make.node(kind, "b t c2 -> b t c2", [wide], block=path)
            x = make.node("add", "b t c, b t c -> b t c", [x, active], block=path)
            titles |= {path: "Layer", f"{path}.norm": "Norm", f"{path}.linear": "Linear"}
    make.sizes |= {"c2": 4}
    return make.circuit(x, blocks=titles)
