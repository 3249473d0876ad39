"""Layers without a framework: what they are compared by, and what their classes say of themselves."""

import inspect

import numpy as np
import pytest

from wirework.nn import layers
from wirework.nn.attention import Fused, Sinks, Softcap, Split
from wirework.nn.layers import LAYERS, signature_of
from wirework.nn.masks import causal, padding, window
from wirework.nn.positions import Llama3Scaling

ALIKE = [
    (lambda: layers.Linear("... [c -> d]", d=3), lambda: layers.Linear("... [c -> d]", d=4)),
    (lambda: layers.Conv("b [s] [c -> d]", (3,), d=3), lambda: layers.Conv("b [s] [c -> d]", (5,), d=3)),
    (lambda: layers.MLP(m=3, activation="relu"), lambda: layers.MLP(m=3)),
    (lambda: layers.Rotary("half", 8), lambda: layers.Rotary("half", 8, scaling=Llama3Scaling(8, 64))),
    (
        lambda: layers.Attention(2, 8, bias={"q", "k"}, projection=Split(), mask=causal & window(4)),
        lambda: layers.Attention(2, 8, bias={"q"}, projection=Split(), mask=causal & window(4)),
    ),
    (
        lambda: layers.Attention(2, 8, scores=[Softcap(3.0), Sinks()], projection=Fused()),
        lambda: layers.Attention(2, 8, scores=[Softcap(3.0)], projection=Fused()),
    ),
]


@pytest.mark.parametrize(("make", "make_other"), ALIKE)
def test_layers_of_equal_arguments_are_equal_and_have_one_hash(make, make_other):
    assert make() == make() and hash(make()) == hash(make())
    assert make() != make_other() and len({make(), make(), make_other()}) == 2


def test_lists_and_tuples_are_the_same_sizes():
    assert layers.RelativeBias([2, 3], 4) == layers.RelativeBias((2, 3), 4)
    assert layers.LearnedPositions([2, 3]) == layers.LearnedPositions((2, 3))


def test_a_mask_made_of_arrays_is_compared_as_one_object():
    mask = padding(np.array([[True, False]]))
    assert layers.Attention(2, 8, mask=mask) == layers.Attention(2, 8, mask=mask)
    assert layers.Attention(2, 8, mask=mask) != layers.Attention(2, 8, mask=padding(np.array([[True, False]])))


def test_a_layer_is_not_equal_to_anything_else():
    assert layers.ALiBi(2) != "ALiBi(heads=2)" and layers.Linear("... [c -> d]", d=3) != layers.ALiBi(3)


@pytest.mark.parametrize("kind", LAYERS, ids=lambda kind: kind.__name__)
def test_every_layer_says_what_each_argument_is(kind):
    arguments = signature_of(kind).parameters
    documented = kind.__doc__.partition("Args:")[2].partition("\n\n")[0]
    assert all(name in documented for name in arguments), kind.__doc__


def test_a_signature_has_the_arguments_that_a_framework_adds_before_the_sizes():
    def make(self, *args, rngs=None, dtype: type = float, **kwargs): ...

    signature = signature_of(layers.Linear, make)
    assert list(signature.parameters) == ["expression", "bias", "rngs", "dtype", "sizes"]
    assert signature.parameters["dtype"].default is float
    assert signature.bind("... [c -> d]", rngs=1, d=3).arguments["sizes"] == {"d": 3}
    assert signature.parameters["sizes"].kind is inspect.Parameter.VAR_KEYWORD


def test_a_layer_is_written_as_it_is_made():
    assert repr(layers.Linear("... [c -> d]", d=3)) == 'Linear("... [c -> d]", d=3, bias=True)'
    assert repr(layers.ALiBi(4)) == "ALiBi(heads=4)"


def test_what_belongs_to_a_framework_is_handed_over_once():
    layer = layers.Residual(len, norm=abs)
    assert layer.hand_over() == {"module": len, "norm": abs} and layer.hand_over() == {}
    again = layers.Residual(**layers.Residual.keywords(layer.arguments, {"module": len, "norm": abs}))
    assert again == layer


def test_a_layer_of_attention_is_made_again_with_its_functions():
    def bias(q, k): ...

    def turn(q, k, positions): ...

    layer = layers.Attention(2, 8, scores=(Softcap(3.0), bias), position=turn)
    natives = layer.hand_over()
    again = layers.Attention(**layers.Attention.keywords(layer.arguments, natives))
    assert again == layer and again.hand_over() == natives == {"position": turn, "score_bias": bias}
