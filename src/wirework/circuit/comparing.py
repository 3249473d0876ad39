"""What differs between two circuits, in words. How values are numbered does not matter."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from difflib import SequenceMatcher

from wirework.circuit.graph import Circuit, Node, Value
from wirework.circuit.records import plain
from wirework.circuit.renaming import with_plain_names

Pairs = list[tuple[Node, Node]]


def differences(here: Circuit, there: Circuit, names: bool = True) -> list[str]:
    """What `Circuit.differences` does."""
    if not names:
        here, there = with_plain_names(here), with_plain_names(there)
    pairs, unpaired = paired(here, there)
    return [
        *of_axes(here, there),
        *of_inputs(here, there),
        *of_weights(here, there),
        *unpaired,
        *of_connections(here, there, pairs),
        *of_blocks(here, there),
    ]


def of_axes(here: Circuit, there: Circuit) -> Iterator[str]:
    """Axes that only one has, and sizes that differ."""
    for axis in dict.fromkeys((*here.axes, *there.axes)):
        one, other = (str(circuit.axes.get(axis, "missing")) for circuit in (here, there))
        if one != other:
            yield f"axis {axis} is {one} here and {other} there"


def of_inputs(here: Circuit, there: Circuit) -> Iterator[str]:
    """Inputs that differ."""
    if len(here.inputs) != len(there.inputs):
        yield f"{len(here.inputs)} inputs here and {len(there.inputs)} there"
    for place, (one, other) in enumerate(zip(here.inputs, there.inputs, strict=False), 1):
        yield from of_values(f"input {place}", here.values[one], there.values[other])


def of_weights(here: Circuit, there: Circuit) -> Iterator[str]:
    """Parameters and buffers that only one has, or that differ."""
    ours, theirs = (
        {value.name: value for value in (*circuit.parameters, *circuit.buffers)} for circuit in (here, there)
    )
    for name in dict.fromkeys((*ours, *theirs)):
        if name not in theirs or name not in ours:
            role = (ours.get(name) or theirs[name]).role
            yield f"{role} {name} is only {'here' if name in ours else 'there'}"
        else:
            yield from of_values(f"{ours[name].role} {name}", ours[name], theirs[name])


def of_values(what: str, one: Value, other: Value) -> Iterator[str]:
    """In what two values differ, but for their numbers."""
    for word, left, right in (
        ("has axes", one.axes, other.axes),
        ("is", one.dtype, other.dtype),
        ("is a", one.role, other.role),
        ("is called", one.name, other.name),
    ):
        if left != right:
            yield f"{what} {word} {left or 'nothing'} here and {right or 'nothing'} there"


# -- operations ----------------------------------------------------------------------------------------------------


def paired(here: Circuit, there: Circuit) -> tuple[Pairs, list[str]]:
    """Operations that go together, in order, and what to say of the others."""
    ours, theirs = ([signature(circuit, node) for node in circuit.nodes] for circuit in (here, there))
    if ours == theirs:
        return list(zip(here.nodes, there.nodes, strict=True)), []
    pairs: Pairs = []
    words: list[str] = []
    for tag, a, b, c, d in SequenceMatcher(None, ours, theirs, autojunk=False).get_opcodes():
        if tag == "equal":
            pairs += zip(here.nodes[a:b], there.nodes[c:d], strict=True)
        elif b - a == d - c:
            pairs += zip(here.nodes[a:b], there.nodes[c:d], strict=True)
            words += map(changed, here.nodes[a:b], there.nodes[c:d])
        else:
            words += [f"only here: {described(node)}" for node in here.nodes[a:b]]
            words += [f"only there: {described(node)}" for node in there.nodes[c:d]]
    return pairs, words


def signature(circuit: Circuit, node: Node) -> str:
    """All of an operation but which values it reads and writes."""
    results = [(circuit.values[number].dims, circuit.values[number].dtype) for number in node.outputs]
    options = sorted((name, str(plain(option))) for name, option in node.options.items())
    return repr((node.kind, node.expression, len(node.inputs), node.keywords, options, node.block, results))


def described(node: Node) -> str:
    """An operation in a sentence."""
    options = ", ".join(f"{name}={option}" for name, option in node.options.items())
    where = f" in {'.'.join(node.block)}" if node.block else ""
    return f'{node.kind} "{node.expression}"{f" with {options}" if options else ""}{where}'


def changed(one: Node, other: Node) -> str:
    """Two operations that stand in the same place."""
    left, right = described(one), described(other)
    if left == right:
        return f"{left} gives another array"
    return f"{left} here, {right} there"


def of_connections(here: Circuit, there: Circuit, pairs: Sequence[tuple[Node, Node]]) -> Iterator[str]:
    """Operations that go together but read different values, and outputs that differ."""
    same = dict(zip(here.inputs, there.inputs, strict=False))
    named = {(value.role, value.name): value.number for value in (*there.parameters, *there.buffers)}
    same |= {v.number: named.get((v.role, v.name), -1) for v in (*here.parameters, *here.buffers)}
    for one, other in pairs:
        same |= dict(zip(one.outputs, other.outputs, strict=False))
    for one, other in pairs:
        for place, (left, right) in enumerate(zip(one.inputs, other.inputs, strict=False), 1):
            if same.get(left, right) != right:
                yield f"input {place} of {described(one)} is another value"
    if len(here.outputs) != len(there.outputs):
        yield f"{len(here.outputs)} outputs here and {len(there.outputs)} there"
    for place, (left, right) in enumerate(zip(here.outputs, there.outputs, strict=False), 1):
        if same.get(left, right) != right:
            yield f"output {place} is another value"
    if plain(here.structure) != plain(there.structure):
        yield f"the outputs are returned as {here.structure} here and as {there.structure} there"


def of_blocks(here: Circuit, there: Circuit) -> Iterator[str]:
    """Blocks with different titles."""
    for path in dict.fromkeys((*here.blocks, *there.blocks)):
        one, other = (circuit.blocks.get(path, "missing") for circuit in (here, there))
        if one != other:
            yield f"block {'.'.join(path)} is {one} here and {other} there"
