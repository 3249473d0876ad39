"""Circuits come back from JSON equal in everything, and nothing damaged is taken for one."""

import copy
import json
import pickle
from dataclasses import replace
from types import MappingProxyType

import pytest

from circuit.making import Maker, attention, layers
from wirework.circuit import Circuit, Node, Reference
from wirework.errors import DataError, NotSupportedError
from wirework.polynomial import Polynomial

ODD = {
    "numbers": [1, 1.0, True, None, -0.5, 1e300, 3 + 4j],
    "infinite": (float("inf"), float("-inf")),
    "text": 'b -> c · "quoted"',
    "nested": {"a": (1, [2, (3,)]), 4: ()},
    "places": (Reference(0), slice(None, Polynomial.parse("b//2"), 2), ...),
}


def odd():
    make = Maker("odd", m="3*b + 1")
    x = make.input("b (m) 1", "x")
    make.nodes.append(Node("opaque", "b -> b", (x,), (make.value("b", "bool"),), (), MappingProxyType(ODD), ("a", "0")))
    return make.circuit(1, 0, structure={"y": Reference(0), "rest": [Reference(1), (None, 2.5)]}, blocks={"a": "A"})


@pytest.mark.parametrize("circuit", [attention(masked=True), layers(), odd()], ids=["attention", "layers", "odd"])
@pytest.mark.parametrize("indent", [None, 2])
def test_comes_back_equal(circuit, indent):
    text = circuit.to_json(indent)
    found = Circuit.from_json(text)
    assert found == circuit
    assert found.to_json(indent) == text
    for one, other in zip(found.nodes, circuit.nodes, strict=True):
        assert repr(dict(one.options)) == repr(dict(other.options))


def test_can_be_copied_and_pickled():
    circuit = odd()
    assert copy.deepcopy(circuit) == pickle.loads(pickle.dumps(circuit)) == circuit
    assert pickle.loads(pickle.dumps(replace(circuit, held={"table": 3}))).held == {"table": 3}


def test_sizes_are_written_as_formulas():
    record = json.loads(odd().to_json())
    assert record["circuit"] == 1
    assert record["axes"] == {"b": "b", "m": "3*b + 1"}


def test_what_is_no_plain_data():
    make = Maker("f")
    circuit = make.circuit(make.node("exp", "b -> b", [make.input("b")], f=print))
    with pytest.raises(NotSupportedError, match="a builtin_function_or_method among the options of a circuit"):
        circuit.to_json()


def damaged(**changes):
    return json.dumps({**json.loads(attention().to_json()), **changes})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "this is no circuit in JSON"),
        ("[1]", "this is no circuit in JSON"),
        ('{"name": "f"}', "this is no circuit in JSON"),
        (damaged(circuit=2), "this circuit has version 2 of the format, but this wirework reads version 1"),
        (damaged(axes={}), "this circuit is damaged: KeyError: 'b'"),
        (damaged(axes={"b": "print()"}), "this circuit is damaged: ValueError: 'print()' is no formula of sizes"),
        (damaged(outputs=[99]), "this circuit is damaged: ValueError: there is no value 99"),
        (damaged(inputs=[]), "this circuit is damaged: ValueError: dot uses value 0 before it is computed"),
        (damaged(values=[]), "this circuit is damaged: ValueError: dot uses value 2 before it is computed"),
        (damaged(nodes=[{}]), "this circuit is damaged: KeyError: 'inputs'"),
        (damaged(structure={"what": 1}), "this circuit is damaged: KeyError: 'what'"),
    ],
)
def test_says_what_is_damaged(text, message):
    with pytest.raises(DataError) as caught:
        Circuit.from_json(text)
    assert str(caught.value) == message
