"""What differs between circuits, in words."""

from dataclasses import replace

import pytest

from circuit.making import Maker, attention, layers
from wirework.circuit import Reference
from wirework.circuit.trimming import trimmed


def renumbered(circuit):
    """The same circuit with the parameters as the first values."""
    order = sorted(circuit.values, key=lambda value: value.role != "parameter")
    numbers = {value.number: place for place, value in enumerate(order)}

    def moved(old):
        return tuple(numbers[number] for number in old)

    return replace(
        circuit,
        values=tuple(replace(value, number=place) for place, value in enumerate(order)),
        nodes=tuple(replace(node, inputs=moved(node.inputs), outputs=moved(node.outputs)) for node in circuit.nodes),
        inputs=moved(circuit.inputs),
        outputs=moved(circuit.outputs),
    )


def two(kind="add", name="x", dtype="float32", first=True, c="c", axis="t", **options):
    make = Maker("two", **{"c": c})
    x = make.input(f"b {axis} c", name, dtype)
    y = make.node("exp", f"b {axis} c -> b {axis} c", [x], block="a")
    z = make.node(kind, f"b {axis} c, b {axis} c -> b {axis} c", [x if first else y, y], block="a.0", **options)
    return make.circuit(z, blocks={"a": "A"})


@pytest.mark.parametrize("circuit", [attention(), layers(), two()])
def test_numbers_of_values_do_not_matter(circuit):
    other = renumbered(circuit)
    assert other.same_as(circuit) and circuit.same_as(other)
    assert circuit == circuit and (other == circuit) == (other.values == circuit.values)


def test_names_of_axes_matter_only_if_asked():
    assert not two().same_as(two(axis="s"))
    assert two().same_as(two(axis="s"), names=False)
    assert not two().same_as(two(axis="s", c=3), names=False)
    assert two(shift="2*t").same_as(two(shift="2*s", axis="s"), names=False)
    assert two(axis="s").differences(two())[:2] == [
        "axis s is s here and missing there",
        "axis t is missing here and t there",
    ]


DIFFERENT = [
    (two(c=3), ["axis c is c here and 3 there"]),
    (two(name="y"), ["input 1 is called x here and y there"]),
    (two(dtype="int64"), ["input 1 is float32 here and int64 there"]),
    (two("multiply"), [
        'add "b t c, b t c -> b t c" in a.0 here, multiply "b t c, b t c -> b t c" in a.0 there',
    ]),
    (two(shift=1), [
        'add "b t c, b t c -> b t c" in a.0 here, add "b t c, b t c -> b t c" with shift=1 in a.0 there',
    ]),
    (two(first=False), ['input 1 of add "b t c, b t c -> b t c" in a.0 is another value']),
    (replace(two(), blocks={}), ["block a is A here and missing there"]),
    (replace(two(), outputs=(1,)), ["output 1 is another value"]),
    (replace(two(), outputs=(2, 1), structure=(Reference(0), Reference(1))), [
        "1 outputs here and 2 there",
        "the outputs are returned as Reference(place=0) here and as (Reference(place=0), Reference(place=1)) there",
    ]),
]  # fmt: skip


@pytest.mark.parametrize(("other", "words"), DIFFERENT)
def test_says_what_differs(other, words):
    assert two().differences(other) == words


def test_says_what_only_one_has():
    assert layers(2).differences(layers(3))[:5] == [
        "parameter blocks.2.weight is only there",
        'only there: normalise "b t [c]" with epsilon=1e-05 in blocks.2.norm',
        'only there: dot "b t [c], [c] c2 -> b t c2" in blocks.2.linear',
        'only there: gelu "b t c2 -> b t c2" in blocks.2',
        'only there: add "b t c, b t c -> b t c" in blocks.2',
    ]
    assert attention(masked=True).differences(attention())[0] == "3 inputs here and 2 there"


def test_trimming_leaves_what_was_idle_before():
    make = Maker("idle")
    x = make.input("b", "x")
    make.node("exp", "b -> b", [x])
    y = make.node("tanh", "b -> b", [x])
    circuit = make.circuit(make.node("sin", "b -> b", [y]))
    shorter = replace(circuit, outputs=(y,))
    assert [node.kind for node in trimmed(shorter, circuit).nodes] == ["exp", "tanh"]
    assert trimmed(circuit, circuit) == circuit
