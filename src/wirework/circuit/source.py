"""A circuit as the Python function that it means: one statement for each operation."""

from __future__ import annotations

import keyword
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from wirework.circuit.functions import FUNCTIONS
from wirework.circuit.graph import Circuit, Node, Reference
from wirework.circuit.layouts import flat_text, layout_of
from wirework.circuit.literals import dictionary, identifier, literal, quoted, torch_word, tupled
from wirework.circuit.powers import Power, formula
from wirework.circuit.renaming import WORDS
from wirework.errors import NotSupportedError
from wirework.notation import Axis, Bracket, Operand, axis_names, bracketed, parse, without_brackets
from wirework.operations import OPERATIONS
from wirework.polynomial import Polynomial

RESERVED = {
    "arange", "arrays", "changed", "constant", "drop", "equations", "f", "full", "jax", "len", "max", "normalise",
    "numpy", "shape", "shapes", "torch", "torchvision", "weights", "ww", *keyword.kwlist,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Way:
    """How a size is found: the length of a dimension, less `rest`, over `factor`.

    Attributes:
        name: of the size.
        place, dim: which array, and which dimension of it.
    """

    name: str
    place: int
    dim: int
    factor: Polynomial
    rest: Polynomial


def source(circuit: Circuit) -> str:
    """The source of a function of the inputs, the weights by name, the sizes of axes, and what drops elements."""
    return Writer(circuit).function()


def finder_source(circuit: Circuit, numbers: Sequence[int], ways: Sequence[Way], known: Sequence[str]) -> str:
    """The source of a function from shapes, and sizes that are known, to all sizes and to what the shapes must be."""
    writer = Writer(circuit)
    lines = [f"def find({', '.join(['shapes', *(writer.sizes[name] for name in known)])}):"]
    ranks = [len(circuit.values[number].dims) for number in numbers]
    lines += [f"if [len(shape) for shape in shapes] != {ranks}:", "    return None, None"]
    for way in ways:
        length = f"shapes[{way.place}][{way.dim}]"
        length = f"({length} - ({writer.formula(way.rest)}))" if way.rest != 0 else length
        factor = writer.formula(way.factor)
        divided = "" if way.factor == 1 else f" // ({factor})" if way.factor.constant else f" // (({factor}) or 1)"
        lines.append(f"{writer.sizes[way.name]} = {length}{divided}")
    expected = [literal(circuit.shape(number), formula=writer.formula) for number in numbers]
    lines.append(f"return {tupled(writer.sizes.values())}, [{', '.join(expected)}]")
    return "\n    ".join(lines) + "\n"


def symbols(circuit: Circuit) -> tuple[str, ...]:
    """The sizes that a circuit is given, in the order in which axes need them."""
    return tuple(dict.fromkeys(name for size in circuit.axes.values() for name in size.names))


class Writer:
    """Holds the names of variables while one circuit is written."""

    def __init__(self, circuit: Circuit) -> None:
        self.circuit = circuit
        self.taken = set(RESERVED)
        self.sizes = {name: identifier(self.free(name)) for name in symbols(circuit)}
        self.last = last_uses(circuit)
        self.literals = numbers_beside_arrays(circuit)
        self.names = self.variables()

    def variables(self) -> dict[int, str]:
        """What each value is called."""
        names: dict[int, str] = {}
        for value in self.circuit.values:
            name = value.name if value.number in self.circuit.inputs and value.name.isidentifier() else ""
            if value.role in ("parameter", "buffer"):
                names[value.number] = f"weights[{quoted(value.name)}]"
            elif value.number in self.literals:
                names[value.number] = self.option(self.literals[value.number])
            else:
                names[value.number] = self.free(name or f"x{value.number}")
        return names

    def free(self, name: str) -> str:
        """A name for a variable that no other has: this one, if possible."""
        while name in self.taken:
            name += "_"
        self.taken.add(name)
        return name

    def function(self) -> str:
        """The whole function."""
        name = self.circuit.name
        name = name if name.isidentifier() and name not in RESERVED else "circuit"
        arguments = [*(self.names[number] for number in self.circuit.inputs), "weights", *self.sizes.values()]
        body = [line for place in range(len(self.circuit.nodes)) for line in self.statements(place)]
        returned = literal(
            self.circuit.structure, lambda reference: self.names[self.circuit.outputs[reference.place]], self.formula
        )
        lines = [f"def {name}({', '.join([*arguments, 'drop=None'])}):", *body, f"return {returned}"]
        return "\n    ".join(lines) + "\n"

    def statements(self, place: int) -> list[str]:
        """The statement of an operation, and one that lets go of what is not needed any more."""
        node = self.circuit.nodes[place]
        if set(node.outputs) <= set(self.literals):
            return []
        targets = ", ".join(self.names[number] for number in node.outputs)
        done = [
            self.names[number] for number in dict.fromkeys((*node.inputs, *node.outputs)) if self.ends(number, place)
        ]
        return [f"{targets} = {self.call(node)}", *([f"del {', '.join(done)}"] if done else [])]

    def ends(self, number: int, place: int) -> bool:
        """Whether a computed value is used for the last time by the operation at a place."""
        computed = self.circuit.values[number].role == "computed" and number not in self.literals
        return computed and self.last[number] == place and number not in self.circuit.outputs

    def call(self, node: Node) -> str:
        """An operation as an expression of Python."""
        special: dict[str, Callable[[Node], str]] = {
            "arange": self.made, "constant": self.made, "dropout": self.dropout, "full": self.made,
            "normalise": self.normalise, "opaque": self.opaque, "slice": self.slice,
        }  # fmt: skip
        if node.kind in special:
            return special[node.kind](node)
        if node.kind in FUNCTIONS and len(node.inputs) == 1:
            return self.function_of_elements(node)
        if node.kind in OPERATIONS:
            return self.operation(node)
        raise NotSupportedError(f"no circuit can have an operation called {node.kind!r}")

    def operation(self, node: Node) -> str:
        """A call of an operation of wirework, with the sizes of axes that no array shows."""
        count = len(node.inputs) - len(node.keywords)
        options = {name: option for name, option in node.options.items() if name != "dropout" and name not in AXES}
        keywords = [f"{identifier(name)}={self.option(option)}" for name, option in options.items()]
        keywords += [
            f"{identifier(name)}={self.extra(node, name, number)}"
            for name, number in zip(node.keywords, node.inputs[count:], strict=True)
        ]
        keywords += self.size_keywords(node.expression, node.kind)
        if "dropout" in node.options:
            keywords.append(f"**({{}} if drop is None else drop.options({literal(node.options['dropout'])}))")
        arguments = [quoted(node.expression), *(self.names[number] for number in node.inputs[:count]), *keywords]
        return f"ww.{node.kind}({', '.join(arguments)})"

    def extra(self, node: Node, name: str, number: int) -> str:
        """An array that is given by keyword: a mask or bias of scores with its axes, each a dimension."""
        array, axes = self.names[number], node.options.get(f"{name}_axes")
        if axes is None:
            return array
        flat = flat_text(layout_of(parse(axes).inputs[0]))
        if flat != axes:
            expression = f"{axes} -> {flat}"
            array = (
                f"ww.rearrange({', '.join([quoted(expression), array, *self.size_keywords(expression, 'rearrange')])})"
            )
        return f"({quoted(flat)}, {array})"

    def option(self, value: Any) -> str:
        """An option of an operation: text in it is a formula."""
        if isinstance(value, str) and value not in WORDS:
            return self.formula(formula(value))
        if isinstance(value, list | tuple):
            return tupled(map(self.option, value))
        return literal(value, formula=self.formula)

    def options(self, node: Node) -> list[str]:
        """Options that are no formulas, as keywords of a call."""
        return [f"{identifier(name)}={literal(option)}" for name, option in node.options.items()]

    def hidden_axes(self, expression: str) -> list[str]:
        """The axes that are nowhere a dimension of their own in an input."""
        tree = parse(expression)
        shown = {name for operand in tree.inputs for name in plain_axes(operand)}
        names = axis_names((*tree.inputs, *(tree.outputs or ())))
        return [name for name in names if name not in shown and name in self.circuit.axes]

    def function_of_elements(self, node: Node) -> str:
        """A call of a function of single elements, and a rearrangement if the axes change their order."""
        call = f"f.{node.kind}({', '.join([self.names[node.inputs[0]], *self.options(node)])})"
        before, _, after = node.expression.partition("->")
        if not after or before.split() == after.split():
            return call
        sizes = self.size_keywords(node.expression, "rearrange")
        return f"ww.rearrange({', '.join([quoted(node.expression), call, *sizes])})"

    def size_keywords(self, expression: str, operation: str) -> list[str]:
        """The sizes of axes that no array shows, as keywords of a call: apart if they are called like an option."""
        sizes = {axis: self.formula(self.circuit.axes[axis]) for axis in self.hidden_axes(expression)}
        taken = {"sizes", *OPERATIONS[operation].options, *keyword.kwlist}
        apart = {axis: size for axis, size in sizes.items() if axis in taken}
        plain = [f"{axis}={size}" for axis, size in sizes.items() if axis not in taken]
        return [*plain, *([f"sizes={dictionary(apart)}"] if apart else [])]

    def normalise(self, node: Node) -> str:
        """A call with the expression of the statistics, and that of their use."""
        tree = parse(node.expression)
        operand = tree.inputs[0]
        within = axis_names((Operand(bracketed(operand)),))
        kept = " ".join(name for name in axis_names((operand,)) if name not in within)
        plain = without_brackets(operand)
        result = without_brackets(tree.output) if tree.outputs else plain
        expressions = [quoted(f"{operand} -> {kept}"), quoted(f"{plain}, {kept} -> {result}")]
        sizes = {axis: self.formula(self.circuit.axes[axis]) for axis in self.hidden_axes(node.expression)}
        given = [f"sizes={dictionary(sizes)}"] if sizes else []
        return f"normalise({', '.join([self.names[node.inputs[0]], *expressions, *self.options(node), *given])})"

    def dropout(self, node: Node) -> str:
        """What is left of an array while training; else all of it."""
        x = self.names[node.inputs[0]]
        return f"{x} if drop is None else drop({x}, {literal(node.options['drop_rate'])})"

    def slice(self, node: Node) -> str:
        """A call of an array's indexing."""
        places = [self.place(dim) for dim in node.options["dims"]]
        return f"{self.names[node.inputs[0]]}[{', '.join(places) or '...'}]"

    def place(self, dim: Any) -> str:
        """What is taken of one dimension."""
        if not isinstance(dim, list | tuple):
            return self.option(dim)
        start, stop, step = ["" if each is None else self.option(each) for each in dim]
        return f"{'' if start == '0' else start}:{stop}" + (f":{step}" if step not in ("", "1") else "")

    def made(self, node: Node) -> str:
        """An array that depends on no input, on the device of the first array that is given."""
        given = [*self.circuit.inputs, *(v.number for v in (*self.circuit.parameters, *self.circuit.buffers))]
        value = self.circuit.values[node.outputs[0]]
        arguments = [
            tupled(map(self.formula, self.circuit.shape(value))),
            quoted(value.dtype),
            self.names[given[0]] if given else "None",
        ]
        if node.kind == "arange":
            ends = [self.option(node.options.get(name, default)) for name, default in (("start", 0), ("step", 1))]
            return f"arange({', '.join([*ends, *arguments])})"
        option = node.options["value"]
        shown = literal(option) if isinstance(option, list) else self.option(option)
        return f"{node.kind}({', '.join([shown, *arguments])})"

    def opaque(self, node: Node) -> str:
        """A call as it was written."""

        def reference(each: Reference) -> str:
            return self.names[node.inputs[each.place]]

        if "equation" in node.options:
            given = [dictionary(self.sizes), *(self.names[number] for number in node.inputs)]
            call = f"equations[{quoted(node.options['equation'])}]({', '.join(given)})"
            return call if len(node.outputs) == 1 else f"arrays({call})"
        function = ".".join(map(identifier, node.options["function"].split(".")))
        words = torch_word if function.startswith(("torch.", "torchvision.")) else quoted
        positional, named = node.options["arguments"]
        arguments = [literal(each, reference, self.formula, words) for each in positional]
        arguments += [
            f"{identifier(name)}={literal(each, reference, self.formula, words)}" for name, each in named.items()
        ]
        changes_its_first = function.endswith("__setitem__") or (function.endswith("_") and not function.endswith("__"))
        call = (
            f"changed({', '.join([function, *arguments])})"
            if changes_its_first
            else f"{function}({', '.join(arguments)})"
        )
        return call if len(node.outputs) == 1 else f"arrays({call})"

    def formula(self, size: Polynomial | Power) -> str:
        """A size, over the variables of this function."""
        return str(size.substitute(**{name: Polynomial.symbol(called) for name, called in self.sizes.items()}))


AXES = ("mask_axes", "bias_axes")


# -- what is known of a circuit before it is written -------------------------------------------------------------------


def plain_axes(operand: Operand) -> list[str]:
    """The axes that are a dimension of their own."""
    found: list[str] = []
    for term in operand.terms:
        if isinstance(term, Axis):
            found.append(term.name)
        elif isinstance(term, Bracket):
            found += plain_axes(Operand(term.terms))
    return found


def last_uses(circuit: Circuit) -> Mapping[int, int]:
    """The place of the operation that uses, or makes, each value last."""
    return {number: place for place, node in enumerate(circuit.nodes) for number in (*node.outputs, *node.inputs)}


def numbers_beside_arrays(circuit: Circuit) -> Mapping[int, Any]:
    """The numbers that stand beside arrays wherever they are used, so that they follow the dtype of these."""
    numbers = {
        node.outputs[0]: node.options["value"]
        for node in circuit.nodes
        if node.kind in ("constant", "full") and is_number(node.options["value"])
        and not circuit.values[node.outputs[0]].dims and node.outputs[0] not in circuit.outputs
    }  # fmt: skip
    for node in circuit.nodes:
        elementwise = node.kind in OPERATIONS and OPERATIONS[node.kind].family == "elementwise"
        if not elementwise or all(number in numbers for number in node.inputs):
            for number in node.inputs:
                numbers.pop(number, None)
    return numbers


def is_number(value: Any) -> bool:
    """Whether a value is a number, or the formula of one, and no list."""
    return isinstance(value, bool | int | float | complex | str)
