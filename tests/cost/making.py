"""Circuits made by hand."""

import re
from types import MappingProxyType

from wirework.circuit import Circuit, Node, Value
from wirework.polynomial import Polynomial


def dims_of(operand):
    """The dimensions of an operand: "b [t] (h c)" as (("b",), ("t",), ("h", "c"))."""
    words = re.findall(r"\([^)]*\)|\w+'?", operand.replace("[", "").replace("]", ""))
    return tuple(tuple(word.strip("()").split()) if word != "1" else () for word in words)


class Making:
    """Puts a circuit together, node by node.

    Axes are symbols unless their size is given, as a number or as a formula in text.
    """

    def __init__(self, **sizes):
        self.sizes = sizes
        self.values = []
        self.nodes = []
        self.block = ()

    def value(self, operand, dtype="float32", role="computed", name=""):
        self.values.append(Value(len(self.values), dims_of(operand), dtype, role, name))
        return self.values[-1].number

    def input(self, operand, dtype="float32"):
        return self.value(operand, dtype, "input")

    def parameter(self, operand, name=""):
        return self.value(operand, role="parameter", name=name)

    def node(self, kind, expression, *inputs, dtype="float32", keywords=MappingProxyType({}), **options):
        outputs = tuple(self.value(operand, dtype) for operand in expression.split("->")[1].split(","))
        numbers = (*inputs, *keywords.values())
        self.nodes.append(Node(kind, expression, numbers, outputs, tuple(keywords), options, self.block))
        return outputs[0] if len(outputs) == 1 else outputs

    def circuit(self, *outputs, name="made", blocks=MappingProxyType({})):
        names = dict.fromkeys(axis for value in self.values for axes in value.dims for axis in axes)
        axes = {name: Polynomial.parse(str(self.sizes.get(name, name))) for name in names}
        inputs = tuple(value.number for value in self.values if value.role == "input")
        return Circuit(name, axes, tuple(self.values), tuple(self.nodes), inputs, outputs, blocks=blocks)
