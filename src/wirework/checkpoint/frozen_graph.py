"""Reading frozen TensorFlow graphs: programs whose variables have become constants.

A file is one message, a GraphDef, in the encoding of protocol buffers: a sequence of fields, each with a number, and
a value that is a whole number, some bytes or a message again (protobuf.dev/programming-guides/encoding). The numbers
are those of TensorFlow's `graph.proto`, `node_def.proto`, `attr_value.proto` and `tensor.proto`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from wirework.errors import CheckpointError

Value = int | memoryview
Fields = dict[int, list[Value]]  # the values of a message by number, in order

MOST_FILLED = 2**24  # elements that a damaged file can ask for with a few bytes
WIDTHS = {1: 8, 5: 4}  # bytes of the values of a fixed width, by wire type

# TensorFlow's numbers of dtypes, each with the field that lists elements of it.
DTYPES = {
    1: (np.dtype("<f4"), 5),
    2: (np.dtype("<f8"), 6),
    3: (np.dtype("<i4"), 7),
    4: (np.dtype("u1"), 7),
    5: (np.dtype("<i2"), 7),
    6: (np.dtype("i1"), 7),
    9: (np.dtype("<i8"), 10),
    10: (np.dtype("?"), 11),
    19: (np.dtype("<f2"), 13),
}


class Damaged(ValueError):
    """What is wrong with a file."""


@dataclass(frozen=True)
class Node:
    """One operation of a graph.

    Attributes:
        name: unique in the graph.
        operation: such as "Conv3D" or "Const".
        inputs: names of nodes, with ":i" for an output after the first, and "^" before one that only has to run.
        tensor: of a constant of numbers; else `None`.
    """

    name: str
    operation: str
    inputs: tuple[str, ...]
    tensor: np.ndarray | None


def read_variables(path: Path) -> dict[str, np.ndarray]:
    """The constants that were variables before the graph was frozen: those with an Identity called NAME/read.

    Raises:
        CheckpointError: if the file is damaged or something else.
    """
    nodes = read_graph(path)
    return {
        name: node.tensor
        for name, node in nodes.items()
        if node.tensor is not None and (reader := nodes.get(f"{name}/read")) and reader.operation == "Identity"
    }


def read_graph(path: Path) -> dict[str, Node]:
    """The nodes of a graph by name, in the order of the file.

    Raises:
        CheckpointError: if the file is damaged or something else.
    """
    try:
        graph = read_fields(memoryview(path.read_bytes()))
        nodes = [read_node(message) for message in messages(graph, 1)]
        if not nodes:
            raise Damaged("it has no nodes")
    except (OSError, Damaged) as error:
        raise CheckpointError(f"{path} cannot be read as a frozen TensorFlow graph: {error}") from None
    return {node.name: node for node in nodes}


def read_node(message: memoryview) -> Node:
    """A NodeDef: 1 its name, 2 its operation, 3 its inputs, 5 its attributes."""
    found = read_fields(message)
    name, operation = (decode(messages(found, number)[-1:]) for number in (1, 2))
    tensor = read_constant(messages(found, 5), name) if operation == "Const" else None
    return Node(name, operation, tuple(decode([each]) for each in messages(found, 3)), tensor)


def read_constant(attributes: list[memoryview], name: str) -> np.ndarray | None:
    """The tensor of a constant: in an entry with 1 the key "value" and 2 an AttrValue, whose 8 is a TensorProto."""
    for entry in map(read_fields, attributes):
        if decode(messages(entry, 1)[-1:]) == "value":
            for value in messages(entry, 2)[-1:]:
                for tensor in messages(read_fields(value), 8)[-1:]:
                    return read_tensor(tensor, name)
    return None


def read_tensor(message: memoryview, name: str) -> np.ndarray | None:
    """A TensorProto: 1 its dtype, 2 its shape, 4 all its bytes, or else its first elements in the field of the dtype.

    The last element that is listed stands for all that follow. Texts and the like are not read.
    """
    found = read_fields(message)
    dtype, listed = DTYPES.get(whole_number(found, 1), (None, 0))
    if dtype is None:
        return None
    shape = read_shape(found)
    count = math.prod(shape)
    content = b"".join(messages(found, 4))
    elements = from_bytes(content, dtype) if content else listed_elements(found.get(listed, []), dtype)
    if 0 < len(elements) < count <= MOST_FILLED and not content:
        elements = np.concatenate([elements, np.full(count - len(elements), elements[-1], dtype)])
    if len(elements) != count:
        raise Damaged(f"{name} has {len(elements)} elements for the shape {shape}")
    return elements.reshape(shape)


def read_shape(tensor: Fields) -> tuple[int, ...]:
    """The shape of a tensor: in a TensorShapeProto, whose 2 are dimensions, whose 1 is a size."""
    shapes = messages(tensor, 2)[-1:]
    sizes = [whole_number(read_fields(each), 1) for shape in shapes for each in messages(read_fields(shape), 2)]
    if any(size < 0 for size in sizes):
        raise Damaged("a constant has no fixed shape")
    return tuple(sizes)


def listed_elements(values: list[Value], dtype: np.dtype) -> np.ndarray:
    """Elements that are listed one by one, or packed into bytes."""
    if dtype in (np.dtype("<f4"), np.dtype("<f8")):
        return from_bytes(b"".join(value for value in values if not isinstance(value, int)), dtype)
    numbers = [n for value in values for n in ([signed(value)] if isinstance(value, int) else packed(value))]
    whole = np.array(numbers, np.int64)
    return whole.astype("<u2").view(dtype) if dtype == np.dtype("<f2") else whole.astype(dtype)


def from_bytes(content: bytes, dtype: np.dtype) -> np.ndarray:
    """A copy of elements, which may be written to."""
    if len(content) % dtype.itemsize:
        raise Damaged("the bytes of a tensor are no whole number of elements")
    return np.frombuffer(content, dtype).copy()


# -- protocol buffers -----------------------------------------------------------------------------------------


def read_fields(message: memoryview) -> Fields:
    """All values of a message."""
    found: Fields = {}
    place = 0
    while place < len(message):
        key, place = read_varint(message, place)
        number, wire_type = key >> 3, key & 7
        if wire_type == 0:
            value, place = read_varint(message, place)
        elif wire_type == 2:
            length, place = read_varint(message, place)
            value, place = cut(message, place, length)
        elif wire_type in WIDTHS:
            value, place = cut(message, place, WIDTHS[wire_type])
        else:
            raise Damaged(f"a field has the wire type {wire_type}")
        found.setdefault(number, []).append(value)
    return found


def read_varint(message: memoryview, place: int) -> tuple[int, int]:
    """A whole number of up to 64 bits, 7 in each byte, the lowest first; and the place after it."""
    result = 0
    for i, byte in enumerate(message[place : place + 10]):
        result |= (byte & 127) << 7 * i
        if byte < 128:
            if result >= 2**64:
                break
            return result, place + i + 1
    raise Damaged("a number does not end")


def cut(message: memoryview, place: int, length: int) -> tuple[memoryview, int]:
    """Some bytes, and the place after them."""
    if length > len(message) - place:
        raise Damaged(f"it ends {length - len(message) + place} bytes too early")
    return message[place : place + length], place + length


def messages(found: Fields, number: int) -> list[memoryview]:
    """The values of a field that are bytes."""
    values = found.get(number, [])
    if any(isinstance(value, int) for value in values):
        raise Damaged(f"field {number} is a number")
    return [value for value in values if not isinstance(value, int)]


def whole_number(found: Fields, number: int) -> int:
    """The last value of a field that is a whole number, which is 0 where it is not written."""
    value = found.get(number, [0])[-1]
    if not isinstance(value, int):
        raise Damaged(f"field {number} is no number")
    return signed(value)


def packed(message: memoryview) -> list[int]:
    """Whole numbers one after the other."""
    numbers, place = [], 0
    while place < len(message):
        number, place = read_varint(message, place)
        numbers.append(signed(number))
    return numbers


def signed(number: int) -> int:
    """A number of 64 bits in two's complement."""
    return number - 2**64 if number >= 2**63 else number


def decode(texts: list[memoryview]) -> str:
    """A text, which is empty where it is not written."""
    try:
        return bytes(texts[0]).decode() if texts else ""
    except UnicodeDecodeError:
        raise Damaged("a name is no text") from None
