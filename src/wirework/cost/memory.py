"""How much memory activations take: when each value comes to be, when it is used last, and what training keeps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

from wirework.circuit.graph import Circuit
from wirework.cost.figures import NONE, sum_of
from wirework.cost.kept import Kept, differentiable, kept
from wirework.cost.storage import Storage
from wirework.polynomial import Polynomial

Path = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Lifetimes:
    """Between which operations memory is in use.

    Attributes:
        made: for each operation the memory that comes to be with it.
        dropped: for each operation the memory that is not used after it.
        held: the memory in use all the time: that of the circuit's inputs, which belong to the caller.
    """

    made: tuple[tuple[int, ...], ...]
    dropped: tuple[tuple[int, ...], ...]
    held: tuple[int, ...]


def lifetimes(circuit: Circuit, storage: Storage, eager: bool = False) -> Lifetimes:
    """Each value lives from the operation that makes it to the last that uses it or a view of it.

    Args:
        eager: whether what a block is given lives until the block ends, as Python has it: its caller holds it.
    """
    last: dict[int, int] = {}
    maker: dict[int, int] = {}
    ends = ends_of_blocks(circuit) if eager else {}
    for place, node in enumerate(circuit.nodes):
        maker.update((number, place) for number in node.outputs if not storage.is_view(number))
        for source in map(storage.of, (*node.inputs, *node.outputs)):
            origin = circuit.nodes[maker[source]].block if source in maker else ()
            last[source] = max(last.get(source, 0), ends.get((place, entered(circuit, origin, node.block)), place))
    for number in circuit.outputs:
        last[storage.of(number)] = len(circuit.nodes)
    made: list[list[int]] = [[] for _ in circuit.nodes]
    dropped: list[list[int]] = [[] for _ in circuit.nodes]
    for number, place in maker.items():
        made[place].append(number)
        if last[number] < len(circuit.nodes):
            dropped[last[number]].append(number)
    inputs = tuple(dict.fromkeys(map(storage.of, circuit.inputs)))
    return Lifetimes(tuple(map(tuple, made)), tuple(map(tuple, dropped)), inputs)


def entered(circuit: Circuit, before: Path, after: Path) -> Path:
    """The outermost block that is called on the way from one to another; none: ()."""
    ways = (after[:depth] for depth in range(1, len(after) + 1))
    return next((way for way in ways if way != before[: len(way)] and is_called(circuit.blocks.get(way))), ())


def is_called(title: str | None) -> bool:
    """Whether a block is a call, and not just something that holds blocks."""
    return title not in (None, "ModuleList", "ModuleDict")


def ends_of_blocks(circuit: Circuit) -> dict[tuple[int, Path], int]:
    """For each operation and each block around it: the last operation before the block is left."""
    ends: dict[tuple[int, Path], int] = {}
    inside: dict[Path, int] = {}
    for place, node in reversed(list(enumerate(circuit.nodes))):
        inside = {node.block[:depth]: inside.get(node.block[:depth], place) for depth in range(1, len(node.block) + 1)}
        ends.update(((place, path), end) for path, end in inside.items())
    return ends


def inference(circuit: Circuit, storage: Storage, eager: bool = False) -> list[Polynomial]:
    """The bytes of all activations in use while each operation runs."""
    lives, size = lifetimes(circuit, storage, eager), cache(storage.size)
    in_use = sum_of(map(size, lives.held))
    found = []
    for made, dropped in zip(lives.made, lives.dropped, strict=True):
        in_use += sum_of(map(size, made))
        found.append(in_use)
        in_use -= sum_of(map(size, dropped))
    return found


def training(circuit: Circuit, storage: Storage, parameters: bool = False) -> list[Polynomial]:
    """The same while each operation runs forward, then backward, with the gradients of activations.

    Args:
        parameters: whether the gradients of parameters count, too, from where the backward pass comes to them.
    """
    plan = backward_plan(circuit, storage)
    lives, size = lifetimes(circuit, storage), cache(storage.size)
    in_use = sum_of(map(size, lives.held))
    found = []
    for place, (made, dropped) in enumerate(zip(lives.made, lives.dropped, strict=True)):
        in_use += sum_of(map(size, made)) + plan.extra[place]
        found.append(in_use)
        in_use -= sum_of(size(number) for number in dropped if number not in plan.released)
    gradients = set(map(storage.of, circuit.outputs)) & plan.gradients
    in_use += sum_of(map(size, gradients))
    wanted = plan.gradients | {value.number for value in circuit.parameters if parameters}
    for place in reversed(range(len(circuit.nodes))):
        node = circuit.nodes[place]
        results = set(map(storage.of, node.outputs))
        if not results & plan.gradients:
            continue
        arriving = {number for number in map(storage.of, node.inputs) if number in wanted}
        own = gradients.intersection(node.outputs)
        in_use += sum_of(map(size, arriving - gradients))
        found.append(in_use + sum_of(map(size, (arriving & gradients) - results)))  # to be added to the first
        gradients = (gradients | arriving) - own
        in_use -= sum_of(map(size, own)) + plan.extra[place] + sum_of(map(size, plan.freed[place]))
    return found


@dataclass(frozen=True, slots=True)
class BackwardPlan:
    """What training keeps.

    Attributes:
        gradients: the memory of values that have a gradient, but for parameters.
        extra: for each operation the bytes that it keeps beside values.
        released: for each value that is kept: the operation in whose backward pass it is used last.
        freed: for each operation the values that its backward pass is the last to use.
    """

    gradients: frozenset[int]
    extra: tuple[Polynomial, ...]
    released: Mapping[int, int]
    freed: tuple[tuple[int, ...], ...]


def backward_plan(circuit: Circuit, storage: Storage) -> BackwardPlan:
    """Find what each operation keeps, in the order of the forward pass."""
    found = differentiable(circuit)
    given = {value.number for value in circuit.values if value.role != "computed"}
    keeping = [kept(circuit, node, storage, found) for node in circuit.nodes]
    released: dict[int, int] = {}
    for place, each in reversed(list(enumerate(keeping))):
        released.update((number, place) for number in map(storage.of, each.values) if number not in given)
    outputs = set(map(storage.of, circuit.outputs))
    freed: list[list[int]] = [[] for _ in circuit.nodes]
    for number, place in released.items():
        if number not in outputs:
            freed[place].append(number)
    return BackwardPlan(
        frozenset(map(storage.of, found)) - given,
        tuple(storage.known(each.extra + signs(storage, each, released)) for each in keeping),
        released,
        tuple(map(tuple, freed)),
    )


def signs(storage: Storage, each: Kept, released: Mapping[int, int]) -> Polynomial:
    """Bytes of signs that cannot be read off an array that is kept anyway."""
    return NONE if any(storage.of(number) in released for number in each.read_off) else each.signs


def kept_bytes(circuit: Circuit, storage: Storage) -> list[Polynomial]:
    """The bytes that each operation keeps, without what one before it keeps already."""
    plan = backward_plan(circuit, storage)
    first: dict[int, list[int]] = {}
    for number, place in plan.released.items():
        first.setdefault(place, []).append(number)
    return [extra + sum_of(map(storage.size, first.get(place, ()))) for place, extra in enumerate(plan.extra)]
