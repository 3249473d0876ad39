"""Axes of a circuit under other names."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any

from wirework.circuit.graph import Circuit, Dims, Node
from wirework.circuit.powers import Power, formula
from wirework.polynomial import Polynomial

NAME = re.compile(r"[A-Za-z_]\w*")
FORMULAS = (
    "start", "stop", "step", "shift", "stride", "padding", "dilation", "dims", "output_padding", "scale", "value",
)  # fmt: skip
WORDS = ("same", "valid")  # options of operations that are text and no formulas


def in_expression(expression: str, name: Callable[[str], str]) -> str:
    """An expression with other names of axes."""
    return NAME.sub(lambda match: name(match[0]), expression)


def in_dims(dims: Dims, name: Callable[[str], str]) -> Dims:
    """Dimensions with other names of axes."""
    return tuple(tuple(map(name, axes)) for axes in dims)


def in_options(options: Mapping[str, Any], name: Callable[[str], str]) -> dict[str, Any]:
    """Options with other names in formulas."""

    def renamed(option: Any, text: bool) -> Any:
        if isinstance(option, Power):
            return replace(option, size=renamed(option.size, text))
        if isinstance(option, Polynomial):
            return option.substitute(**{each: Polynomial.symbol(name(each)) for each in option.names})
        if isinstance(option, str) and text and option not in WORDS:
            return str(renamed(formula(option), text))
        if isinstance(option, list | tuple):
            return type(option)(renamed(each, text) for each in option)
        if isinstance(option, Mapping):
            return {key: renamed(each, text) for key, each in option.items()}
        return option

    found = {key: renamed(option, key in FORMULAS) for key, option in options.items()}
    axes = {key: in_expression(found[key], name) for key in ("mask_axes", "bias_axes") if key in found}
    return found | axes


def appearance(circuit: Circuit, nodes: Iterable[Node], numbers: Iterable[int]) -> dict[str, str]:
    """A name for each axis, by the order in which they appear in values and then in operations."""
    names: dict[str, str] = {}

    def seen(axis: str) -> str:
        return names.setdefault(axis, f"axis{len(names)}")

    for number in numbers:
        in_dims(circuit.values[number].dims, seen)
    for node in nodes:
        for number in (*node.inputs, *node.outputs):
            in_dims(circuit.values[number].dims, seen)
        in_expression(node.expression, seen)
    return names


def with_plain_names(circuit: Circuit) -> Circuit:
    """The same circuit with axes called by the order in which they appear."""
    names = appearance(circuit, circuit.nodes, circuit.inputs)

    def name(axis: str) -> str:
        return names.setdefault(axis, f"axis{len(names)}")

    values = tuple(replace(value, dims=in_dims(value.dims, name)) for value in circuit.values)
    nodes = tuple(
        replace(node, expression=in_expression(node.expression, name), options=in_options(node.options, name))
        for node in circuit.nodes
    )
    axes = {
        name(axis): size.substitute(**{each: Polynomial.symbol(name(each)) for each in size.names})
        for axis, size in circuit.axes.items()
    }
    return replace(circuit, axes=axes, values=values, nodes=nodes)
