"""Operations that only arrange: nothing is drawn where wires go on, a bar where axes are flattened or split."""

from __future__ import annotations

from wirework.diagram.labels import roman
from wirework.diagram.reading.acting import merge
from wirework.diagram.reading.operands import Written, has_sum, sides, sum_in, written
from wirework.diagram.reading.reader import Reader
from wirework.diagram.reading.strands import Dims, Flow, Port, Step, Strand, Unreadable, flat, go_on, split
from wirework.notation import Axis, Group, axis_names
from wirework.notation import Operand as Expressed
from wirework.notation.tree import Concat
from wirework.polynomial import Polynomial


def same(reader: Reader, place: int) -> None:
    """Another type, or nothing that is seen: the same array."""
    node = reader.node(place)
    flow, dims = reader.array(node.inputs[0])
    reader.view(place, node.outputs[0], flow, dims)


def rearrange(reader: Reader, place: int) -> None:
    """Wires in another order; bars; joined and parted arrays."""
    node = reader.node(place)
    inputs, outputs = sides(node.expression)
    if any(map(has_sum, outputs)) and len(outputs) == 1 and not any(map(has_sum, inputs)):
        concat(reader, place)
    elif any(map(has_sum, inputs)) and len(inputs) == 1 and not any(map(has_sum, outputs)):
        part(reader, place)
    elif len(inputs) == len(outputs) == 1 and not any(map(has_sum, (*inputs, *outputs))):
        arranged(reader, place)
    else:
        raise Unreadable


def arranged(reader: Reader, place: int) -> None:
    """One array in other dimensions."""
    node = reader.node(place)
    output = written(sides(node.expression)[1][0])
    before = len(reader.steps)
    (operand,) = reader.operands(place, [0])
    bar = reader.steps[-1] if len(reader.steps) > before else None
    flow = operand.flow
    new = [name for name in output.names if name not in operand.strands]
    if new:
        step = reader.add(Step("function", place, [flow], text=roman("1")))
        sources = {name: operand.ports([name]) for name in operand.written.names}
        reader.result(step, node.outputs[0], output, sources)
        return
    dims = tuple(tuple(strand for name in dim for strand in operand.strands[name]) for dim in output.dims)
    if lost := [
        strand for name in operand.written.names if name not in output.names for strand in operand.strands[name]
    ]:
        flow, dims = dropped(reader, place, flow, dims, lost)
    merged = {
        dim: Strand(tuple(axis for each in dim for axis in each.axes)) for dim in dims if flattens(reader, place, dim)
    }
    if merged:
        flow, dims = flatten(reader, place, flow, dims, merged, bar)
    reader.view(place, node.outputs[0], flow, dims)


def dropped(reader: Reader, place: int, flow: Flow, dims: Dims, lost: list[Strand]) -> tuple[Flow, Dims]:
    """An array without axes of length 1."""
    step = reader.add(Step("index", place, [flow], text=roman("0"), acts=[(0, strand) for strand in lost]))
    kept = [strand for strand in flow.wires if strand not in lost]
    return step.give(flow.value, kept, [((0, strand), (0, strand)) for strand in kept]), dims


def flattens(reader: Reader, place: int, dim: tuple[Strand, ...]) -> bool:
    """Whether axes become one for good: such that are not born by learned maps, and are not split again."""
    if len(dim) < 2 or all(strand.soft for strand in dim):
        return False
    node = reader.node(place)
    before = reader.seen[node.inputs[0]][1]
    if any(set(map(id, dim)) <= set(map(id, old)) for old in before):
        return False  # they were one dimension already
    return not split_later(reader, place, tuple(axis for strand in dim for axis in strand.axes))


def split_later(reader: Reader, place: int, names: tuple[str, ...]) -> bool:
    """Whether a dimension with these axes becomes several again in what is made of the result of an operation."""
    circuit = reader.circuit
    known = set(circuit.nodes[place].outputs)
    for node in circuit.nodes[place + 1 :]:
        if not known.intersection(node.inputs):
            continue
        for value in node.outputs:
            dims = circuit.values[value].dims
            if any(contains(dim, names) for dim in dims):
                known.add(value)
            elif sum(bool(set(dim) & set(names)) for dim in dims) > 1:
                return True
    return False


def contains(dim: tuple[str, ...], names: tuple[str, ...]) -> bool:
    """Whether some axes stand next to each other in a dimension."""
    return any(dim[start : start + len(names)] == names for start in range(len(dim)))


def flatten(
    reader: Reader, place: int, flow: Flow, dims: Dims, merged: dict[tuple[Strand, ...], Strand], bar: Step | None
) -> tuple[Flow, Dims]:
    """An array with several strands as one, behind a bar: that which split others, if there is one."""
    ending = [strand for dim in merged for strand in dim]
    if bar is not None and bar.kind == "bar" and flow is bar.outputs[0]:
        flow = bar.inputs[0]
        begun = [strand for _, strand in bar.gives]
        step = bar
        more = [strand for strand in ending if strand not in begun]
        step.acts += [(0, strand) for strand in more]
        gives = [strand for strand in flat(dims) if strand in begun and strand not in ending]
        step.outputs, step.gives, step.passing = [], [], []
    else:
        step = reader.add(Step("bar", place, [flow], acts=[(0, strand) for strand in ending]))
        gives = []
    new = tuple((merged[dim],) if dim in merged else dim for dim in dims)
    result = step.give(flow.value, flat(new))
    ended = [strand for _, strand in step.acts]
    step.gives = [(0, strand) for strand in flat(new) if strand in gives or strand in merged.values()]
    step.passing = [((0, strand), (0, strand)) for strand in flow.wires if strand not in ended]
    return result, new


# -- joining and parting ----------------------------------------------------------------------------------------------


def concat(reader: Reader, place: int) -> None:
    """Arrays one after the other along an axis."""
    node = reader.node(place)
    inputs, outputs = sides(node.expression)
    at, summed = sum_place(outputs[0])
    shared = [written(Expressed((term,))) for term in outputs[0].terms if sum_in(term) is None]
    names = {name for each in shared for name in each.names}
    operands = reader.operands_of(place, [written(each) for each in inputs], range(len(inputs)), shared)
    operands.sort(key=lambda each: -each.flow.depth)
    for index, each in enumerate(operands):
        each.place = index
    step = Step("concat", place, [each.flow for each in operands])
    sources: dict[str, list[Port]] = {}
    main = max(operands, key=lambda each: (len(each.flow.wires), -each.place))
    for each in (main, *(each for each in operands if each is not main)):
        for name in each.written.names:
            ports = each.ports([name])
            if name not in names:
                continue
            if name in sources:
                merge(step, ports, sources[name])
            else:
                sources[name] = ports
    step.acts = [
        port for each in operands for name in each.written.names if name not in names for port in each.ports([name])
    ]
    reader.add(step)
    joined = reader.circuit.values[node.outputs[0]].dims[at] or (summed,)
    left = [each.dims[0] for each in shared]
    output = Written((*left[:at], joined, *left[at:]), frozenset())
    reader.result(step, node.outputs[0], output, {name: ports for name, ports in sources.items() if name not in joined})


def sum_place(operand: Expressed) -> tuple[int, str]:
    """Which dimension of an operand has a sum, and what it is called if it has no name."""
    found = [index for index, term in enumerate(operand.terms) if sum_in(term) is not None]
    if len(found) != 1:
        raise Unreadable
    return found[0], "1"


def part(reader: Reader, place: int) -> None:
    """One array as several along an axis."""
    node = reader.node(place)
    inputs, outputs = sides(node.expression)
    at, _ = sum_place(inputs[0])
    flow, dims = reader.array(node.inputs[0])
    acted, inside = list(dims[at]), set(axis_names((Expressed((inputs[0].terms[at],)),)))
    found = pieces_of(reader, dims[at], inputs[0], at, written(outputs[0]).names)
    if found is not None:
        acted = [strand for strand in acted if strand not in found.values()]
    rest = [written(Expressed((term,))) for index, term in enumerate(inputs[0].terms) if index != at]
    dims_left = [dim for index, dim in enumerate(dims) if index != at]
    kept: dict[str, tuple[Strand, ...]] = {name: (strand,) for name, strand in (found or {}).items()}
    for names, dim in zip(rest, dims_left, strict=True):
        for group, strands in reader.matched((names.dims[0] if names.dims else (),), (dim,)):
            if len(group) > 1 and len(strands) == 1:
                raise Unreadable
            kept |= {name: strands if index == 0 else () for index, name in enumerate(group)}
    step = reader.add(Step("part", place, [flow], acts=[(0, strand) for strand in acted]))
    for index, output in enumerate(map(written, outputs)):
        made: list[list[Strand]] = []
        for dim in output.dims:
            made.append([])
            for name in dim:
                if name in kept:
                    made[-1] += [copied(step, index, strand) for strand in kept[name]]
                elif name in inside:
                    made[-1].append(Strand((name,), soft=all(strand.soft for strand in acted)))
                    step.gives.append((index, made[-1][-1]))
                else:
                    raise Unreadable
        result = tuple(tuple(dim) for dim in made)
        reader.seen[node.outputs[index]] = (step.give(node.outputs[index], flat(result)), result)


def copied(step: Step, output: int, strand: Strand) -> Strand:
    """A strand that goes on in the first part, and begins on a dot in the others."""
    if output == 0:
        step.passing.append(((0, strand), (0, strand)))
        return strand
    new = go_on(strand)
    step.forks.append(((0, strand), (output, new)))
    return new


def pieces_of(
    reader: Reader, dim: tuple[Strand, ...], operand: Expressed, at: int, output: tuple[str, ...]
) -> dict[str, Strand] | None:
    """Of a dimension that is a sum and other axes: the strands of these others, if it may begin as several axes."""
    term = operand.terms[at]
    if not isinstance(term, Group) or len(dim) != 1 or not all(isinstance(each, Axis | Concat) for each in term.terms):
        return None
    names = [each.name if isinstance(each, Axis) else "" for each in term.terms]
    others = [name for name in names if name]
    total = Polynomial.of(1)
    for name in others:
        total = total * reader.size(name)
    whole = reader.size(dim[0].axes[0]) if len(dim[0].axes) == 1 else None
    if whole is None or whole // total * total != whole:
        return None
    count = str(whole // total)
    parts = split(dim[0], [name or count for name in names])
    return None if parts is None else {name: strand for name, strand in zip(names, parts, strict=True) if name}


# -- slices -----------------------------------------------------------------------------------------------------------


def sliced(reader: Reader, place: int) -> None:
    """An index ends a wire; a range gives another one."""
    node = reader.node(place)
    flow, dims = reader.array(node.inputs[0])
    value = reader.circuit.values[node.inputs[0]]
    lengths = reader.circuit.shape(value)
    output = list(reader.circuit.values[node.outputs[0]].dims)
    texts: list[str] = []
    acts: list[Strand] = []
    result: list[tuple[Strand, ...]] = []
    begun: list[Strand] = []
    for entry, dim, size in zip(node.options["dims"], dims, lengths, strict=True):
        if isinstance(entry, str):
            acts += dim
            texts.append(entry)
            continue
        named = output.pop(0)
        if is_whole(entry, size):
            result.append(dim)
            continue
        acts += dim
        texts.append(range_text(entry, size))
        result.append(tuple(Strand((name,), soft=all(strand.soft for strand in dim)) for name in named))
        begun += result[-1]
    if not texts:
        reader.view(place, node.outputs[0], flow, tuple(result))
        return
    plain = not any(":" in text for text in texts)
    step = reader.add(Step("index" if plain else "function", place, [flow], text=roman(", ".join(texts))))
    step.acts = [(0, strand) for strand in acts]
    made = step.give(node.outputs[0], flat(tuple(result)))
    step.gives = [(0, strand) for strand in begun]
    step.passing = [((0, strand), (0, strand)) for strand in made.strands if strand not in begun]
    reader.seen[node.outputs[0]] = (made, tuple(result))


def is_whole(entry: tuple[str, ...], size: Polynomial) -> bool:
    """Whether a range is all of a dimension."""
    start, stop, step = entry
    return start == "0" and step == "1" and Polynomial.parse(str(stop)) == size


def range_text(entry: tuple[str, ...], size: Polynomial) -> str:
    """A range as it is written in an index."""
    start, stop, step = map(str, entry)
    end = "" if Polynomial.parse(stop) == size else stop
    return f"{'' if start == '0' else start}:{end}" + (f":{step}" if step != "1" else "")


# -- tables -----------------------------------------------------------------------------------------------------------


def get_at(reader: Reader, place: int) -> None:
    """A row of a table for each index: the wires of the indices pass, those of a row begin."""
    node = reader.node(place)
    if len(node.inputs) != 2 or reader.data(node) != [1]:
        raise Unreadable
    inputs, outputs = sides(node.expression)
    table, output = written(inputs[0]), written(outputs[0])
    (operand,) = reader.operands(place, [1])
    if operand.written.marked or len(table.marked) != 1:
        raise Unreadable
    step = reader.add(Step("index", place, [operand.flow], text=roman("E")), [node.inputs[0]])
    sources = {name: operand.ports([name]) for name in operand.written.names if name in output.names}
    step.acts = operand.ports(name for name in operand.written.names if name not in output.names)
    reader.result(step, node.outputs[0], output, sources, soft=True)
