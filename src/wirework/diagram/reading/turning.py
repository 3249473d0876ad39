"""The order in which the wires of an output stand: as they are returned, after all transpositions."""

from __future__ import annotations

from wirework.diagram.reading.reader import Reader
from wirework.diagram.reading.strands import Step, drawn, flat


def turn_outputs(reader: Reader) -> None:
    """Let each array that leaves the whole have its wires in the order of the last view of it."""
    for value in reader.circuit.outputs:
        flow, dims = reader.seen[value]
        strands = drawn(flat(dims))
        if strands == flow.wires or set(strands) != set(flow.wires):
            continue
        if flow.step is not None:
            flow.strands = strands
        else:
            turn = reader.add(Step("function", max(0, len(reader.circuit.nodes) - 1), [flow]))
            turn.stand_for(flow.nodes)
            turned = turn.give(value, strands, [((0, strand), (0, strand)) for strand in strands])
            reader.seen[value] = (turned, dims)
