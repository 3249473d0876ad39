"""What operations cost, as shares of the whole and as texts."""

import pytest

import wirework as ww
from cost.making import Making
from wirework.diagram.costs import described, details, shares
from wirework.diagram.page import facts
from wirework.errors import AxisSizeError, SemanticError


def attention(**sizes):
    made = Making(**sizes)
    q, k, v = made.input("h y k"), made.input("h x k"), made.input("h x k")
    scores = made.node("dot", "h y [k], h x [k] -> h y x", q, k)
    weights = made.node("softmax", "h y [x] -> h y [x]", scores)
    made.block = ("mix", "0")
    return made.circuit(made.node("dot", "h y [x], h [x] k -> h y k", weights, v), name="attention")


def layers():
    """Two layers that share their weight."""
    made = Making(b=2, c=3, d=3)
    x, w = made.input("b c"), made.parameter("d c", "weight")
    y = made.node("dot", "b [c], d [c] -> b d", x, w)
    return made.circuit(made.node("dot", "b [d], d [c] -> b c", y, w))


SIZES = {"h": 2, "y": 3, "x": 4}


def test_shares_of_flops_sum_to_one():
    found = shares(attention(k=64), "flops", SIZES)
    dot, softmax = 2 * 2 * 3 * 4 * 64, 8 * 2 * 3 * 4
    whole = 2 * dot + softmax
    assert found == pytest.approx({0: dot / whole, 1: softmax / whole, 2: dot / whole})
    assert sum(found.values()) == pytest.approx(1)


def test_shared_parameters_count_where_they_are_used_first():
    assert shares(layers(), "parameters", {}) == {0: 1.0, 1: 0.0}


def test_memory_is_what_is_read_and_written():
    found = shares(layers(), "memory", {})
    assert found == {0: 0.5, 1: 0.5}


def test_without_parameters_all_shares_are_zero():
    assert shares(attention(k=64), "parameters", SIZES) == {0: 0.0, 1: 0.0, 2: 0.0}


def test_shares_need_numbers():
    with pytest.raises(AxisSizeError) as error:
        shares(attention(k=64), "flops", {"h": 2})
    assert str(error.value) == "shares of flops are numbers, so y and x must be known in attention: give y=..."


def test_shares_are_of_three_things():
    with pytest.raises(SemanticError) as error:
        shares(attention(), "flop", SIZES)
    assert str(error.value) == "there are no shares by 'flop' (did you mean flops?): choose flops, parameters or memory"


def test_sizes_that_are_none():
    with pytest.raises(SemanticError, match="no axis 'z'"):
        shares(attention(), "flops", {"z": 1})


def test_an_operation_is_described_in_texts():
    assert described(attention(k=64), 2, SIZES) == {
        "kind": "dot",
        "block": "mix.0",
        "expression": "h y [x], h [x] k -> h y k",
        "takes": "x4: h y x (h, y, x)\nx2: h x k (h, x, 64)",
        "gives": "x5: h y k (h, y, 64)",
        "code": 'x5 = ww.dot("h y [x], h [x] k -> h y k", x4, x2)',
        "flops": "2*h*k*x*y = 3.1k",
        "bytes": "3.7kB",
    }


def test_without_sizes_formulas_stand():
    assert described(attention(k=64), 0, {})["flops"] == "2*h*k*x*y = 128*h*x*y"
    assert described(layers(), 0, {})["parameters"] == "9"  # the formula is that number


def test_details_are_of_all_operations():
    circuit = attention(k=64)
    assert details(circuit, SIZES) == {place: described(circuit, place, SIZES) for place in range(3)}


def test_facts_hold_shares_as_soon_as_there_are_numbers():
    circuit = attention(k=64)
    assert facts(circuit).shares == {}
    assert facts(circuit).axes == {"h": "h", "y": "y", "k": "64", "x": "x"}
    known = facts(circuit, SIZES)
    assert known.axes == {"h": "2", "y": "3", "k": "64", "x": "4"}
    assert list(known.shares) == ["flops", "memory"]  # nothing is learned


def test_shares_of_what_is_drawn_sum_to_one():
    from wirework.cli.circuits import architecture
    from wirework.diagram import reading
    from wirework.diagram.drawing.shares import shares_in

    made, signature, known = architecture("gpt2", None, {}, {})
    circuit = ww.trace(made, signature, **known)
    costs = shares(circuit, "flops", {"b": 1, "t": 128})

    def total(panel, found, times=1):
        inner = [(item, item.panel) for item in panel.items]
        return sum(
            found.of(item, times) if below is None else total(below, found, times * item.count) for item, below in inner
        )

    for depth in (0, 1, 2, 3, 9):
        panel = reading.picture(circuit, depth=depth).panel
        assert total(panel, shares_in(panel, costs)) == pytest.approx(1)
