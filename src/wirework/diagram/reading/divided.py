"""Which axes are another one divided by a number: those over which a window made steps."""

from __future__ import annotations

from collections.abc import Iterable

from wirework.diagram.labels import Parts, fractions
from wirework.diagram.reading.reader import Reader
from wirework.diagram.reading.strands import Step, drawn


def divided(reader: Reader, steps: Iterable[Step]) -> Parts:
    """For such axes the first that they come of, and the number; those whose sizes say so themselves are among them."""
    found = dict(fractions(reader.circuit.axes))
    known = {axis for value in reader.circuit.inputs for dim in reader.circuit.values[value].dims for axis in dim}
    for step in steps:
        if step.kind != "window":
            continue
        for before, after in over(step):
            first, _ = found.get(before, (before, 1))
            number, rest = whole_ratio(reader, first, after)
            if after not in known and after not in found and number > 1 and not rest:
                found[after] = first, number
            known |= {before, after}
    return found


def over(step: Step) -> list[tuple[str, str]]:
    """Each axis that a window slides over, with that of the places where it stops."""
    gives = list(drawn(strand for _, strand in step.gives))
    centre = drawn([step.centre])[:1] if step.centre is not None else ()
    places = gives[gives.index(centre[0]) :] if centre else gives
    before = [axis for strand in drawn(strand for _, strand in step.acts) for axis in strand.axes]
    return list(zip(before, (axis for strand in places for axis in strand.axes), strict=False))


def whole_ratio(reader: Reader, one: str, other: str) -> tuple[int, int]:
    """How often the length of an axis goes into that of another, and the rest; nothing if they are no numbers."""
    large, small = reader.size(one).constant, reader.size(other).constant
    return divmod(int(large), int(small)) if large and small else (0, 0)
