"""Positional embeddings inside attention and models: protocols, life cycle, and the examples in docstrings."""

import copy
import doctest
import io
import pickle
from importlib import import_module

import pytest
import torch
from torch import nn

import wirework.nn.torch as wn

X = torch.linspace(-1, 1, 2 * 6 * 16).reshape(2, 6, 16)
ROTARIES = {
    "half": lambda: wn.Rotary("half", 4),
    "interleaved": lambda: wn.Rotary("interleaved", 4),
    "partial": lambda: wn.Rotary("half", 2),
    "scaled": lambda: wn.Rotary("half", 4, scaling=wn.YarnScaling(4.0, length=16)),
}
BIASES = {
    "relative": lambda: wn.RelativeBias((2, 3), heads=4),
    "T5": lambda: wn.T5Bias(4),
    "ALiBi": lambda: wn.ALiBi(4),
}


@pytest.mark.parametrize("make", ROTARIES.values(), ids=ROTARIES)
def test_decoding_with_rotary_equals_the_whole(make):
    layer = wn.Attention(4, 16, kv_heads=2, position=make(), mask=wn.causal)
    cache = wn.GrowingCache()
    parts = [layer(X[:, start : start + 2], cache=cache) for start in (0, 2, 4)]
    torch.testing.assert_close(torch.cat(parts, 1), layer(X))


@pytest.mark.parametrize("make", BIASES.values(), ids=BIASES)
def test_a_bias_is_added_to_the_scores(make):
    bias = make()
    layer = wn.Attention(4, 16, scores=[bias])
    plain = wn.Attention(4, 16)
    plain.load_state_dict(layer.state_dict(), strict=False)
    added = bias(torch.arange(6), torch.arange(6))
    logits = plain.weights(X).log() + added
    torch.testing.assert_close(layer.weights(X), logits.softmax(-1), rtol=1e-4, atol=1e-6)


class Model(nn.Module):
    """All that a transformer needs of this kind, with sizes that follow from the input."""

    def __init__(self):
        super().__init__()
        self.learned = wn.LearnedPositions(8)
        self.sinusoidal = wn.Sinusoidal()
        self.attention = wn.Attention(4, position=wn.Rotary("half", 4), scores=[wn.T5Bias(4)], mask=wn.causal)
        self.block = wn.Residual(wn.MLP(m=32), layer_scale=0.1)

    def forward(self, x):
        return self.block(self.attention(self.sinusoidal(self.learned(x))))


def test_a_model_lives_like_any_other():
    torch.manual_seed(0)
    model = wn.build(copy.deepcopy(Model()), {"x": (2, 6, 16)}).eval()
    expected = model(X)
    buffer = io.BytesIO()
    torch.save(model, buffer)
    buffer.seek(0)
    for twin in (copy.deepcopy(model), pickle.loads(pickle.dumps(model)), torch.load(buffer, weights_only=False)):
        assert torch.equal(twin(X), expected)
    loaded = Model()
    loaded.load_state_dict(model.state_dict())
    assert torch.equal(loaded(X), expected)
    compiled = torch.compile(model, fullgraph=True, backend="eager")
    torch.testing.assert_close(compiled(X), expected)
    exported = torch.export.export(model, (X,), dynamic_shapes=({0: torch.export.Dim("b"), 1: None, 2: None},))
    torch.testing.assert_close(exported.module()(torch.cat([X, X])), torch.cat([expected, expected]))


def test_a_model_in_lower_precision():
    model = wn.build(Model(), {"x": (2, 6, 16)}).eval()
    expected = model(X)
    with torch.autocast("cpu", torch.bfloat16):
        torch.testing.assert_close(model(X).float(), expected, rtol=0.1, atol=0.05)
    y = model.bfloat16()(X.bfloat16())
    assert y.dtype == torch.bfloat16
    torch.testing.assert_close(y.float(), expected, rtol=0.1, atol=0.05)


MODULES = ("torch.positions", "torch.embedding", "torch.conv", "torch.mlp", "positions.grids")


@pytest.mark.parametrize("name", MODULES)
def test_the_examples_run(name):
    results = doctest.testmod(import_module(f"wirework.nn.{name}"))
    assert results.attempted and not results.failed
