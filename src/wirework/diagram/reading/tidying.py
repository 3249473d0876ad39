"""What is seen only when all steps are known: scales of contractions, maps that are parted, constants nobody uses."""

from __future__ import annotations

from collections.abc import Iterable

from wirework.circuit.powers import number_of, raised
from wirework.diagram.labels import scale
from wirework.diagram.picture import Run
from wirework.diagram.reading.linear import superscript
from wirework.diagram.reading.reader import Reader
from wirework.diagram.reading.strands import Flow, Step, Strand, drawn

Users = dict[Flow, list[Step]]


def tidy(reader: Reader) -> None:
    """Do all of it."""
    scales(reader)
    parted(reader)
    claim_rest(reader)


def everything(steps: Iterable[Step]) -> list[Step]:
    """Steps with those inside them."""
    return [each for step in steps for each in (step, *everything(step.inside or ()))]


def users_of(reader: Reader) -> Users:
    """The steps that take each array; an output of the whole counts as one more."""
    found: Users = {}
    for step in reader.steps:
        for flow in step.inputs:
            found.setdefault(flow, []).append(step)
    return found


def returned(reader: Reader) -> list[Flow]:
    """The arrays that leave the whole."""
    return [reader.seen[value][0] for value in reader.circuit.outputs]


def scales(reader: Reader) -> None:
    """A number right behind a contraction is a note beside it."""
    users, leaving = users_of(reader), returned(reader)
    for step in list(reader.steps):
        node = reader.node(step.place)
        before = step.inputs[0] if step.kind == "lane" and node.kind in ("multiply", "divide") else None
        dot = before.step if before is not None else None
        if before is None or dot is None or dot.kind != "dot" or not dot.pairs or dot.note:
            continue
        if len(users[before]) > 1 or before in leaving or before.wires != step.outputs[0].wires:
            continue
        value = next((reader.constants.number(each) for each in node.inputs if not reader.is_data(each)), None)
        if node.kind == "divide" and isinstance(value, str):
            value = str(raised(number_of(value), -1.0))
        elif node.kind == "divide" and value:
            value = 1 / value
        if value is None or value == 0:
            continue
        names = [axis for _, (_, strand) in dot.pairs for each in drawn((strand,)) for axis in each.axes]
        dot.note = scale(value, names, reader.circuit.axes)
        dot.stand_for(step.nodes)
        dot.outputs[0] = step.outputs[0]
        dot.outputs[0].step = dot
        reader.steps.remove(step)


# -- learned maps that are parted -------------------------------------------------------------------------------------


def parted(reader: Reader) -> None:
    """A learned map whose result is taken in parts is a map for each part."""
    users, leaving = users_of(reader), returned(reader)
    for step in list(reader.steps):
        if step.kind != "linear":
            continue
        flow = step.outputs[0]
        takers = users.get(flow, [])
        if flow in leaving or not takers or not all(takes_part(step, each) for each in takers):
            continue
        pieces = [(taker, out) for taker in takers for out in range(len(taker.outputs))]
        if len(pieces) < 2:
            continue
        made = [piece(step, taker, out) for taker, out in pieces]
        place = reader.steps.index(step)
        reader.steps = [each for each in reader.steps if each is not step and each not in takers]
        reader.steps[place:place] = made
        name_parts(reader, made)


def takes_part(step: Step, taker: Step) -> bool:
    """Whether a step takes only a part of what a learned map gives."""
    given = {each for _, strand in step.gives for each in drawn((strand,))}
    ranged = taker.kind == "function" and taker.text and ":" in taker.text[0].text
    acted = {each for _, strand in taker.acts for each in drawn((strand,))}
    return (
        (taker.kind in ("part", "index") or bool(ranged)) and bool(acted) and acted <= given and len(taker.inputs) == 1
    )


def piece(step: Step, taker: Step, out: int) -> Step:
    """The learned map that gives one part."""
    made = Step("linear", step.place, list(step.inputs), text=step.text, biased=step.biased, acts=list(step.acts))
    made.nodes = list(dict.fromkeys([*step.nodes, *taker.nodes]))
    before = {each: port for port, (_, strand) in step.passing for each in drawn((strand,))}
    came: dict[Strand, Strand] = {}
    for (_, one), (place, other) in taker.passing:
        came |= zip_strands(other, one) if place == out else {}
    for (_, one), (place, other) in taker.forks:
        came |= zip_strands(other, one) if place == out else {}
    flow = taker.outputs[out]
    made.outputs, flow.step = [flow], made
    for strand in flow.wires:
        port = before.get(came.get(strand, strand)) if strand in came else None
        if port is None:
            made.gives.append((0, strand))
        else:
            index = [each for each in drawn([port[1]])].index(source_of(step, came[strand], port))
            made.passing.append(((port[0], drawn([port[1]])[index]), (0, strand)))
    return made


def zip_strands(key: Strand, value: Strand) -> dict[Strand, Strand]:
    """What each part of a strand was before."""
    return dict(zip(drawn([key]), drawn([value]), strict=True))


def source_of(step: Step, strand: Strand, port: tuple[int, Strand]) -> Strand:
    """The strand of an input that passes a learned map as another one."""
    for one, (_, other) in step.passing:
        if one == port:
            return dict(zip(drawn([other]), drawn([one[1]]), strict=True))[strand]
    raise KeyError(strand)


def name_parts(reader: Reader, made: list[Step]) -> None:
    """Call the parts Q, K and V, if attention takes them so."""
    if len(made) != 3 or any(each.text for each in made):
        return
    users = users_of(reader)
    letters = [role(each.outputs[0], users) for each in made]
    if sorted(letters) != ["K", "Q", "V"]:
        attends = superscript(reader, made[0].place, "out_proj")  # it has a name only in attention
        letters = ["Q", "K", "V"] if attends else ["", "", ""]
    for step, letter in zip(made, letters, strict=True):
        step.text = (Run(letter),) if letter else ()


def role(flow: Flow, users: Users) -> str:
    """What an array is to the attention that takes it."""
    while len(users.get(flow, [])) == 1:
        (step,) = users[flow]
        if step.kind == "block":
            return "QKV"[step.inputs.index(flow)] if step.inputs.index(flow) < 3 else ""
        if step.kind not in ("lane", "norm", "function") or len(step.outputs) != 1:
            return ""
        flow = step.outputs[0]
    return ""


def claim_rest(reader: Reader) -> None:
    """Let a step stand for each operation that no other stands for: views of inputs, constants that nobody uses."""
    for step in reader.steps:
        for flow in step.inputs:
            if flow.step is None and flow.nodes:
                step.stand_for(flow.nodes)
                flow.nodes = []
    known = {place for step in everything(reader.steps) for place in step.nodes}
    for place in range(len(reader.circuit.nodes)):
        if place not in known and reader.steps:
            after = [step for step in reader.steps if step.place >= place]
            (after[0] if after else reader.steps[-1]).stand_for([place])
