"""Which strands are drawn as one double wire: axes of space that go together through the whole circuit."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from wirework.diagram.reading.strands import KEEPING, Flow, Port, Step, Strand, drawn

Group = tuple[Strand, ...]


def draw_together(steps: Sequence[Step], flows: Iterable[Flow]) -> None:
    """Make one strand of those that a window slides over together, where they are together everywhere.

    Args:
        steps: all of them, with those inside others.
        flows: all arrays.
    """
    groups = spread(steps, [group for step in steps for group in step.twins])
    flows = list(flows)
    while True:
        member = {strand: group for group in groups for strand in group}
        failing = {group for flow in flows for group in halves(flow, member)}
        failing |= {group for step in steps for group in treated_apart(step, member)}
        if not failing:
            break
        groups = [group for group in groups if group not in failing]
    for first, *others in groups:
        first.axes = tuple(axis for strand in (first, *others) for axis in strand.axes)
        for strand in others:
            strand.parts = ()


def spread(steps: Sequence[Step], first: Iterable[Group]) -> list[Group]:
    """Groups, and those that their strands are joined with, or become."""
    follows: dict[Strand, list[tuple[tuple, Strand]]] = {}
    for index, step in enumerate(steps):
        for way, one, other in neighbours(step):
            follows.setdefault(one, []).append(((index, way, 0), other))
            follows.setdefault(other, []).append(((index, way, 1), one))
    found: list[Group] = []
    member: dict[Strand, Group] = {}
    queue = [group for group in first if all(strand.parts is None for strand in group)]
    for group in queue:
        if member.get(group[0]) == group or any(strand in member for strand in group):
            continue
        found.append(group)
        member |= dict.fromkeys(group, group)
        tables = [dict(follows.get(strand, [])) for strand in group]
        queue += [tuple(table[key] for table in tables) for key in tables[0] if all(key in table for table in tables)]
    return [group for group in found if len(set(group)) == len(group)]


def neighbours(step: Step) -> list[tuple[tuple, Strand, Strand]]:
    """Pairs of strands of which one becomes, or is joined with, the other in a step, and in which way."""
    found: list[tuple[tuple, Strand, Strand]] = []

    def both(way: str, pairs: Iterable[tuple[Port, Port]]) -> None:
        for (place, one), (other_place, other) in pairs:
            for left, right in zip(drawn([one]), drawn([other]), strict=False):
                if left is not right:
                    found.append(((way, place, other_place), left, right))

    both("pairs", step.pairs)
    both("merges", step.merges)
    both("forks", step.forks)
    both("passing", step.passing)
    if step.kind in KEEPING:
        both("acts", zip(step.acts, step.gives, strict=True))
    if step.inside:
        inner = step.inside[-1].outputs[0].wires
        both("inside", [((0, one), (0, other)) for one, other in zip(inner, step.outputs[0].wires, strict=True)])
    return found


def halves(flow: Flow, member: dict[Strand, Group]) -> list[Group]:
    """The groups of which an array has only some."""
    inside = set(flow.wires)
    return [member[strand] for strand in flow.wires if strand in member and not inside.issuperset(member[strand])]


def treated_apart(step: Step, member: dict[Strand, Group]) -> list[Group]:
    """The groups whose strands a step does not treat alike."""
    ways: dict[tuple[str, int, Strand], set[tuple]] = {}

    def note(side: str, port: Port, *way: object) -> None:
        for index, strand in enumerate(drawn([port[1]])):
            other = [each for each in way if isinstance(each, Strand)]
            partner = drawn(other)[index] if other else None
            kind = tuple(each for each in way if not isinstance(each, Strand))
            known = member.get(partner, partner) if partner is not None else None
            ways.setdefault((side, port[0], strand), set()).add((*kind, id(known)))

    for one, other in step.pairs:
        note("in", one, "pair", other[1])
        note("in", other, "pair", one[1])
    for one, other in step.merges:
        note("in", one, "ends", other[0], other[1])
        note("in", other, "goes on", one[0], one[1])
    for one, other in step.forks:
        note("out", one, "forks", other[0], other[1])
        note("out", other, "begins", one[0], one[1])
    for one, other in step.passing:
        note("in", one, "passes", other[0], other[1])
        note("out", other, "passed", one[0], one[1])
    keeping = step.kind in KEEPING
    for index, port in enumerate(step.acts):
        note("in", port, "acts", *([step.gives[index][1]] if keeping else []))
    for index, port in enumerate(step.gives):
        note("out", port, "gives", *([step.acts[index][1]] if keeping else []))
    found: list[Group] = []
    for side, flows in (("in", step.inputs), ("out", step.outputs)):
        for place, flow in enumerate(flows):
            for strand in flow.wires:
                group = member.get(strand, ())
                if any(ways.get((side, place, each)) != ways.get((side, place, strand)) for each in group):
                    found.append(group)
    return found
