"""Bytes moved, each operation by itself and fused."""

from cost.making import Making
from wirework.cost import cost
from wirework.polynomial import Polynomial


def size(text):
    return Polynomial.parse(text)


def test_each_operation_reads_its_inputs_and_writes_its_output():
    making = Making()
    x, w = making.input("a b"), making.parameter("b c")
    found = cost(making.circuit(making.node("dot", "a [b], [b] c -> a c", x, w)))
    assert found.moved == found.moved_fused == size("4*a*b + 4*b*c + 4*a*c")


def test_views_move_nothing():
    making = Making()
    x = making.input("a b c")
    view = making.node("rearrange", "a b c -> c (a b)", x)
    assert cost(making.circuit(view)).moved == 0


def test_of_a_table_as_much_is_read_as_is_looked_up():
    making = Making()
    table, tokens = making.parameter("v c"), making.input("b t", "int64")
    found = cost(making.circuit(making.node("get_at", "[v] c, b t -> b t c", table, tokens)))
    assert found.moved == size("8*b*t + 8*b*t*c")


def test_what_is_repeated_is_read_once():
    making = Making()
    x, y = making.input("a"), making.input("a b")
    repeated = making.node("rearrange", "a -> a b", x)
    found = cost(making.circuit(making.node("add", "a b, a b -> a b", repeated, y)))
    assert found.moved == size("4*a + 8*a*b")


def test_functions_are_fused_with_what_they_read_from():
    making = Making()
    x, w, bias = making.input("a b"), making.parameter("b c"), making.parameter("c")
    y = making.node("dot", "a [b], [b] c -> a c", x, w)
    z = making.node("gelu", "a c -> a c", making.node("add", "a c, c -> a c", y, bias))
    found = cost(making.circuit(z))
    assert found.moved == size("4*a*b + 4*b*c + 4*a*c") + size("8*a*c + 4*c") + size("8*a*c")
    assert found.moved_fused == size("4*a*b + 4*b*c + 4*c + 4*a*c")


def test_what_others_read_too_is_written():
    making = Making()
    x = making.input("a b")
    y = making.node("exp", "a b -> a b", x)
    z = making.node("sin", "a b -> a b", y)
    total = making.node("sum", "a [b] -> a", y)
    assert cost(making.circuit(z, total)).moved_fused == size("4*a*b + 8*a*b") + size("4*a*b + 4*a")


def test_groups_can_be_done_in_their_order():
    making = Making()
    x = making.input("a b")
    y = making.node("exp", "a b -> a b", x)
    total = making.node("sum", "a [b] -> a", y)
    making.node("sin", "a b -> a b", y)
    z = making.node("multiply", "a b, a -> a b", y, total)  # joins the sum's group, and not that of y, which is before
    groups = cost(making.circuit(z)).groups
    assert [group.nodes for group in groups] == [(0, 2), (1, 3)]


def test_intensity_is_a_number_when_all_sizes_are():
    making = Making()
    x, w = making.input("a b"), making.parameter("b c")
    found = cost(making.circuit(making.node("dot", "a [b], [b] c -> a c", x, w)))
    assert found.intensity is None
    known = found.value(a=2, b=3, c=4)
    assert known.intensity == known.intensity_fused == 2 * 24 / (4 * (6 + 12 + 8))
