"""What a note or a highlight is about: axes, blocks, operations and inputs of a circuit, by name."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from wirework.circuit.graph import Circuit, Node
from wirework.diagram.drawing import Target
from wirework.errors import SemanticError, closest

SHOWN = 8  # how many names of each kind an error lists


def target(circuit: Circuit, name: str, drawn: Collection[str] = ()) -> Target:
    """What a name stands for: an axis, an input or a parameter, a block by its path or title, or a kind of operation.

    Args:
        circuit: what it is a part of.
        name: what is meant.
        drawn: the paths of the blocks that a picture shows: blocks that it does not show are their operations.

    Raises:
        SemanticError: if nothing has that name.
    """
    if not isinstance(name, str):
        raise SemanticError(f"a target is the name of an axis, a block, an operation or an input, not {name!r}")
    if name in circuit.axes:
        return Target(axes=frozenset((name,)))
    for number in circuit.inputs:
        if circuit.values[number].name == name:
            return Target(values=frozenset((number,)))
    nodes = frozenset(place for place, node in enumerate(circuit.nodes) if name in names_of(circuit, node))
    if not nodes:
        raise SemanticError(unknown(circuit, name), notes=listed(circuit))
    paths = frozenset(path for path in drawn if name in (path, circuit.blocks.get(tuple(path.split(".")), "")))
    return Target(paths=paths) if paths else Target(nodes=nodes)


def names_of(circuit: Circuit, node: Node) -> Iterator[str]:
    """All names that an operation can be meant by."""
    yield node.kind
    if "function" in node.options:
        yield node.options["function"]
        yield node.options["function"].rpartition(".")[2]
    for length in range(1, len(node.block) + 1):
        path = node.block[:length]
        yield ".".join(path)
        yield circuit.blocks.get(path, "")
    yield from (circuit.values[number].name for number in node.inputs if circuit.values[number].role != "input")


def known(circuit: Circuit) -> dict[str, list[str]]:
    """The names that targets can have, by what they are of, each once and in order."""
    paths = dict.fromkeys(".".join(node.block[: n + 1]) for node in circuit.nodes for n in range(len(node.block)))
    return {
        "axes": list(circuit.axes),
        "inputs": [circuit.values[number].name for number in circuit.inputs if circuit.values[number].name],
        "operations": list(dict.fromkeys(node.kind for node in circuit.nodes)),
        "blocks": list(dict.fromkeys(title for title in circuit.blocks.values() if title)),
        "paths": list(paths),
    }


def unknown(circuit: Circuit, name: str) -> str:
    """The sentence for a name that nothing has."""
    found = known(circuit)
    close = closest(name, [each for group in found.values() for each in group])
    hint = f" (did you mean {close}?)" if close else ""
    return f"{circuit.name} has no axis, block, operation or input {name!r}{hint}"


def listed(circuit: Circuit) -> list[str]:
    """A line for each kind of names."""
    return [
        f"{kind}: {', '.join(group[:SHOWN])}{', ...' if len(group) > SHOWN else ''}"
        for kind, group in known(circuit).items()
        if group
    ]
