"""Frozen TensorFlow graphs: written by hand here, and damaged in every way."""

import random
import struct

import numpy as np
import pytest

from wirework.checkpoint import read_weights
from wirework.checkpoint.frozen_graph import read_graph, read_variables
from wirework.errors import CheckpointError


def varint(number):
    number %= 2**64
    found = b""
    while number > 127:
        found += bytes([number & 127 | 128])
        number >>= 7
    return found + bytes([number])


def field(number, value):
    """A field whose value is a whole number, or bytes."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    return varint(number << 3 | 2) + varint(len(value)) + value


def tensor(dtype, shape, *fields):
    dimensions = b"".join(field(2, field(1, size)) for size in shape)
    return field(1, dtype) + field(2, dimensions) + b"".join(fields)


def node(name, operation, *inputs, value=None):
    parts = [field(1, name.encode()), field(2, operation.encode()), *(field(3, each.encode()) for each in inputs)]
    if value is not None:
        parts.append(field(5, field(1, b"dtype") + field(2, field(6, 1))))
        parts.append(field(5, field(1, b"value") + field(2, field(8, value))))
    return field(1, b"".join(parts))


def graph(tmp_path, *nodes):
    path = tmp_path / "graph.pb"
    path.write_bytes(b"".join(nodes) + field(4, field(1, 27)))  # the last: versions
    return path


def constant(tmp_path, *arguments):
    return read_graph(graph(tmp_path, node("c", "Const", value=tensor(*arguments))))["c"].tensor


KERNEL = np.arange(6, dtype=np.float32).reshape(2, 3)
WEIGHTS = (
    node("kernel", "Const", value=tensor(1, (2, 3), field(4, KERNEL.tobytes()))),
    node("kernel/read", "Identity", "kernel"),
    node("bias", "Const", value=tensor(1, (), field(5, struct.pack("<f", 0.5)))),
    node("bias/read", "Identity", "bias"),
)
PROGRAM = (
    node("x", "Placeholder"),
    node("y", "MatMul", "x", "kernel/read"),
    node("z", "AddN", "y:1", "bias/read", "^x"),
    node("rate", "Const", value=tensor(1, (), field(5, struct.pack("<f", 0.1)))),
)


def test_nodes(tmp_path):
    nodes = read_graph(graph(tmp_path, *WEIGHTS, *PROGRAM))
    assert list(nodes) == ["kernel", "kernel/read", "bias", "bias/read", "x", "y", "z", "rate"]
    assert (nodes["z"].operation, nodes["z"].inputs) == ("AddN", ("y:1", "bias/read", "^x"))
    assert nodes["y"].tensor is None
    assert nodes["rate"].tensor == np.float32(0.1)


def test_variables_are_the_constants_that_were_read(tmp_path):
    found = read_variables(graph(tmp_path, *WEIGHTS, *PROGRAM))
    assert list(found) == ["kernel", "bias"]
    assert np.array_equal(found["kernel"], KERNEL)
    assert found["bias"].shape == ()


def test_a_file_of_weights(tmp_path):
    weights = read_weights(graph(tmp_path, *WEIGHTS, *PROGRAM))
    assert weights["kernel"].tolist() == KERNEL.tolist()


class TestTensors:
    @pytest.mark.parametrize(
        "number, dtype",
        [(1, "f4"), (2, "f8"), (3, "i4"), (4, "u1"), (5, "i2"), (6, "i1"), (9, "i8"), (10, "?"), (19, "f2")],
    )
    def test_bytes(self, tmp_path, number, dtype):
        expected = np.array([[0, 1], [1, 0], [2, 3]], dtype)
        found = constant(tmp_path, number, (3, 2), field(4, expected.tobytes()))
        assert found.dtype == expected.dtype
        assert np.array_equal(found, expected)

    @pytest.mark.parametrize("number, where", [(3, 7), (4, 7), (5, 7), (6, 7), (9, 10)])
    def test_listed_numbers(self, tmp_path, number, where):
        values = [5, 0, 100 if number == 4 else -7]
        one_by_one = constant(tmp_path, number, (3,), *(field(where, value) for value in values))
        packed = constant(tmp_path, number, (3,), field(where, b"".join(map(varint, values))))
        assert one_by_one.tolist() == packed.tolist() == values

    @pytest.mark.parametrize("number, where, kind", [(1, 5, "f"), (2, 6, "d")])
    def test_listed_fractions(self, tmp_path, number, where, kind):
        values = [0.5, -2.0]
        width = varint(where << 3 | {"f": 5, "d": 1}[kind])
        one_by_one = constant(tmp_path, number, (2,), *(width + struct.pack(f"<{kind}", value) for value in values))
        packed = constant(tmp_path, number, (2,), field(where, struct.pack(f"<2{kind}", *values)))
        assert one_by_one.tolist() == packed.tolist() == values

    def test_half_precision_is_listed_by_its_bits(self, tmp_path):
        bits = int(np.array(-1.5, np.float16).view(np.uint16))
        assert constant(tmp_path, 19, (2,), field(13, bits)).tolist() == [-1.5, -1.5]

    def test_the_last_element_stands_for_the_rest(self, tmp_path):
        found = constant(tmp_path, 3, (2, 3), field(7, 4), field(7, 9))
        assert found.tolist() == [[4, 9, 9], [9, 9, 9]]
        found[0, 0] = 1  # and may be written to

    def test_nothing_in_it(self, tmp_path):
        assert constant(tmp_path, 1, (0, 3)).shape == (0, 3)

    def test_texts_are_not_read(self, tmp_path):
        assert constant(tmp_path, 7, (1,), field(8, b"text")) is None


class TestDamaged:
    def message(self, tmp_path, content):
        path = tmp_path / "graph.pb"
        path.write_bytes(content)
        with pytest.raises(CheckpointError) as caught:
            read_graph(path)
        start = f"{path} cannot be read as a frozen TensorFlow graph: "
        assert str(caught.value).startswith(start)
        return str(caught.value).removeprefix(start)

    def of(self, *tensor_fields):
        return node("c", "Const", value=tensor(*tensor_fields))

    def test_messages(self, tmp_path):
        for content, message in [
            (b"", "it has no nodes"),
            (b"a text, not a graph", "a field has the wire type 7"),
            (b"\x0a\x05ab", "it ends 3 bytes too early"),
            (b"\xff" * 20, "a number does not end"),
            (field(1, 5), "field 1 is a number"),
            (node("a", "b")[:-1] + b"\xff", "a name is no text"),
            (self.of(1, (2,), field(4, b"12345678901")), "the bytes of a tensor are no whole number of elements"),
            (self.of(1, (2,), field(4, b"1234")), "c has 1 elements for the shape (2,)"),
            (self.of(1, (2,)), "c has 0 elements for the shape (2,)"),
            (self.of(3, (1,), field(7, 1), field(7, 2)), "c has 2 elements for the shape (1,)"),
            (self.of(1, (-1,), field(4, b"1234")), "a constant has no fixed shape"),
            (self.of(1, (2**40,), field(5, b"1234")), f"c has 1 elements for the shape ({2**40},)"),
        ]:
            assert self.message(tmp_path, content) == message

    def test_no_file(self, tmp_path):
        with pytest.raises(CheckpointError, match="No such file"):
            read_graph(tmp_path / "none.pb")

    def test_cut_anywhere(self, tmp_path):
        """A cut between two nodes leaves a graph; any other is told."""
        whole = b"".join((*WEIGHTS, *PROGRAM))
        ends = {len(b"".join((*WEIGHTS, *PROGRAM)[:i])) for i in range(1, len(WEIGHTS) + len(PROGRAM) + 1)}
        path = tmp_path / "graph.pb"
        for length in range(len(whole)):
            path.write_bytes(whole[:length])
            if length in ends:
                read_graph(path)
            else:
                with pytest.raises(CheckpointError):
                    read_graph(path)

    def test_any_bytes_changed(self, tmp_path):
        whole = b"".join((*WEIGHTS, *PROGRAM))
        path, chance = tmp_path / "graph.pb", random.Random(0)
        for _ in range(400):
            damaged = bytearray(whole)
            for _ in range(chance.randint(1, 4)):
                damaged[chance.randrange(len(damaged))] = chance.randrange(256)
            path.write_bytes(damaged)
            try:
                read_variables(path)
            except CheckpointError as error:
                assert "cannot be read as a frozen TensorFlow graph" in str(error)
