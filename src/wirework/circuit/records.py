"""Circuits as JSON: exact, with formulas as text, and checked when they are read."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from wirework.circuit.graph import Circuit, Node, Reference, Value
from wirework.errors import DataError, NotSupportedError
from wirework.polynomial import Polynomial

VERSION = 1


def to_json(circuit: Circuit, indent: int | None = None) -> str:
    """What `Circuit.to_json` does."""
    record = {
        "circuit": VERSION,
        "name": circuit.name,
        "axes": {name: str(size) for name, size in circuit.axes.items()},
        "values": list(map(value_record, circuit.values)),
        "nodes": list(map(node_record, circuit.nodes)),
        "inputs": circuit.inputs,
        "outputs": circuit.outputs,
        "structure": plain(circuit.structure),
        "blocks": [[path, title] for path, title in circuit.blocks.items()],
    }
    return json.dumps(record, indent=indent, ensure_ascii=False)


def from_json(text: str) -> Circuit:
    """What `Circuit.from_json` does."""
    try:
        record = json.loads(text)
        version = record["circuit"]
    except (ValueError, KeyError, TypeError):
        raise DataError("this is no circuit in JSON") from None
    if version != VERSION:
        raise DataError(
            f"this circuit has version {version!r} of the format, but this wirework reads version {VERSION}"
        )
    try:
        circuit = Circuit(
            record["name"],
            {name: Polynomial.parse(size) for name, size in record["axes"].items()},
            tuple(read_value(number, each) for number, each in enumerate(record["values"])),
            tuple(map(read_node, record["nodes"])),
            tuple(record["inputs"]),
            tuple(record["outputs"]),
            read_plain(record["structure"]),
            {tuple(path): title for path, title in record["blocks"]},
        )
        check(circuit)
    except (AttributeError, IndexError, KeyError, TypeError, ValueError) as error:
        raise DataError(f"this circuit is damaged: {type(error).__name__}: {error}") from None
    return circuit


def restored(text: str, held: Mapping[str, Any]) -> Circuit:
    """A copy of a circuit: what is written of it, and the arrays that it holds."""
    return replace(from_json(text), held=held)


def check(circuit: Circuit) -> None:
    """Refuse a circuit whose operations use what has not been computed.

    Raises:
        ValueError: says what is wrong.
        KeyError: for an axis without a size.
    """
    for value in circuit.values:
        circuit.shape(value)
    known = {*circuit.inputs, *(value.number for value in circuit.values if value.role in ("parameter", "buffer"))}
    for node in circuit.nodes:
        if lost := [number for number in node.inputs if number not in known]:
            raise ValueError(f"{node.kind} uses value {lost[0]} before it is computed")
        known.update(node.outputs)
    if lost := [
        number for number in (*known, *circuit.outputs) if number not in known & set(range(len(circuit.values)))
    ]:
        raise ValueError(f"there is no value {lost[0]}")


# -- values and operations -----------------------------------------------------------------------------------------


def value_record(value: Value) -> dict[str, Any]:
    """A value; what is as usual is left out."""
    record: dict[str, Any] = {"dims": value.dims, "dtype": value.dtype}
    return (
        record
        | ({"role": value.role} if value.role != "computed" else {})
        | ({"name": value.name} if value.name else {})
    )


def read_value(number: int, record: Mapping[str, Any]) -> Value:
    """A value from what is written of it."""
    dims = tuple(tuple(axes) for axes in record["dims"])
    return Value(number, dims, record["dtype"], record.get("role", "computed"), record.get("name", ""))


def node_record(node: Node) -> dict[str, Any]:
    """An operation; what is as usual is left out."""
    record = {
        "kind": node.kind,
        "expression": node.expression,
        "inputs": node.inputs,
        "outputs": node.outputs,
        "keywords": node.keywords,
        "options": {name: plain(option) for name, option in node.options.items()},
        "block": node.block,
    }
    optional = ("keywords", "options", "block")
    return {name: entry for name, entry in record.items() if entry or name not in optional}


def read_node(record: Mapping[str, Any]) -> Node:
    """An operation from what is written of it."""
    options = {name: read_plain(option) for name, option in record.get("options", {}).items()}
    numbers = (tuple(record["inputs"]), tuple(record["outputs"]))
    names = (tuple(record.get("keywords", ())), options, tuple(record.get("block", ())))
    return Node(record["kind"], record["expression"], *numbers, *names)


# -- plain data ----------------------------------------------------------------------------------------------------


def plain(data: Any) -> Any:
    """Plain data as JSON: what JSON has not is an object with one entry, the name of its kind.

    Raises:
        NotSupportedError: if it is no plain data.
    """
    match data:
        case None | bool() | int() | str():
            return data
        case float():
            return data if math.isfinite(data) else {"float": str(data)}
        case complex():
            return {"complex": [plain(data.real), plain(data.imag)]}
        case list():
            return list(map(plain, data))
        case tuple():
            return {"tuple": list(map(plain, data))}
        case slice():
            return {"slice": [plain(data.start), plain(data.stop), plain(data.step)]}
        case Reference(place):
            return {"reference": place}
        case Polynomial():
            return {"size": str(data)}
        case Mapping():
            return {"mapping": [[plain(key), plain(entry)] for key, entry in data.items()]}
        case _ if data is ...:
            return {"ellipsis": None}
        case _:
            raise NotSupportedError(f"a {type(data).__name__} among the options of a circuit is no plain data")


def read_plain(data: Any) -> Any:
    """Plain data from JSON."""
    if isinstance(data, list):
        return list(map(read_plain, data))
    if not isinstance(data, dict):
        return data
    ((kind, entry),) = data.items()
    return READERS[kind](entry)


READERS = {
    "float": float,
    "complex": lambda parts: complex(*map(read_plain, parts)),
    "tuple": lambda entries: tuple(map(read_plain, entries)),
    "slice": lambda ends: slice(*map(read_plain, ends)),
    "reference": Reference,
    "size": Polynomial.parse,
    "mapping": lambda entries: {read_plain(key): read_plain(entry) for key, entry in entries},
    "ellipsis": lambda _: ...,
}
