"""Several operations that are one to whoever reads them: how they are found, and rotary positions."""

from __future__ import annotations

from functools import partial

from wirework.circuit.graph import Node
from wirework.diagram.picture import Run
from wirework.diagram.reading.acting import replaced
from wirework.diagram.reading.reader import Reader

TURNING = ("roll", "slice", "negative", "rearrange")


def maker(reader: Reader, value: int, *kinds: str) -> Node | None:
    """The operation that gives a value, if it is one of some kinds; types and views between are passed over."""
    node = reader.constants.maker(value)
    while node is not None and node.kind not in kinds and node.kind in ("cast", "rearrange") and len(node.inputs) == 1:
        node = reader.constants.maker(node.inputs[0])
    return node if node is not None and node.kind in kinds else None


def between(reader: Reader, last: int, first: int) -> list[int] | None:
    """The places of the operations by which a value is made of another, if no one else uses what is between."""
    found: list[int] = []
    queue = [last]
    uses: dict[int, int] = {}
    while queue:
        value = queue.pop(0)
        if value == first or not reader.is_data(value):
            continue
        uses[value] = uses.get(value, 0) + 1
        place = reader.constants.makers.get(value)
        if place is None:
            return None
        if place not in found:
            found.append(place)
            queue += reader.circuit.nodes[place].inputs
    inner = [value for place in found for value in reader.circuit.nodes[place].outputs if value != last]
    if any(uses.get(value, 0) != reader.uses[value] for value in inner):
        return None
    return sorted(found)


def constants_in(reader: Reader, places: list[int]) -> list[int]:
    """The constants that some operations use."""
    return [value for place in places for value in reader.circuit.nodes[place].inputs if not reader.is_data(value)]


# -- rotary positions -----------------------------------------------------------------------------------------------


def find_rotary(reader: Reader, place: int, node: Node) -> None:
    """Note rotary positions: x * cos + turned(x) * sin; what is turned is x with elements moved and negated."""
    products = [maker(reader, value, "multiply") for value in node.inputs]
    if len(products) != 2 or any(each is None for each in products):
        return
    factors = [split_product(reader, each) for each in products if each is not None]
    if any(each is None for each in factors):
        return
    (x, cosine), (turned, sine) = (each for each in factors if each is not None)
    if not has(reader, cosine, "cos") or not has(reader, sine, "sin"):
        return
    inside = between(reader, node.outputs[0], x)
    moves = between(reader, turned, x)
    if not inside or not moves or any(reader.node(each).kind not in TURNING for each in moves):
        return
    data = next(index for index, value in enumerate(node.inputs) if maker(reader, value, "multiply") is products[0])
    reader.skipped.update(inside)
    reader.patterns[place] = partial(make_rotary, reader, place, data, x, inside)


def split_product(reader: Reader, node: Node) -> tuple[int, int] | None:
    """What depends on an input, and the constant, of a product of two."""
    data = reader.data(node)
    return (node.inputs[data[0]], node.inputs[1 - data[0]]) if len(data) == 1 and len(node.inputs) == 2 else None


def has(reader: Reader, value: int, kind: str) -> bool:
    """Whether a constant is made by an operation of some kind."""
    return any(reader.node(place).kind == kind for place in reader.constants.nodes([value]))


def make_rotary(reader: Reader, place: int, data: int, x: int, inside: list[int]) -> None:
    """A letter on the axis whose pairs are turned, which is the last."""
    node = reader.node(place)
    reader.seen[node.inputs[data]] = reader.seen[x]
    (operand,) = reader.operands(place, [data], whole=True)
    last = next(name for name in reversed(operand.written.names) if operand.strands[name])
    text = (Run("R"), Run("θ", level=-1))
    step = replaced(reader, place, "function", operand, operand.ports([last]), text)
    reader.claim(step, constants_in(reader, inside))
    step.stand_for(inside)
