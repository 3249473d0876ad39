"""MLP and Residual against torch.nn, timm and Hugging Face, and what they do before their sizes are known."""

import copy
import pickle

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

import wirework.nn.torch as wn
from wirework.errors import SemanticError

FUNCTIONS = {
    "gelu": F.gelu, "gelu_tanh": nn.GELU(approximate="tanh"), "relu": F.relu, "silu": F.silu, "tanh": torch.tanh,
}  # fmt: skip


@given(st.data())
@settings(max_examples=60)
def test_equals_the_formula_forward_and_backward(data):
    name, gated, bias = data.draw(st.tuples(st.sampled_from(list(FUNCTIONS)), st.booleans(), st.booleans()))
    shape = data.draw(st.lists(st.integers(1, 4), min_size=1, max_size=4))
    m, dtype = data.draw(st.integers(1, 6)), data.draw(st.sampled_from([torch.float32, torch.float64, torch.bfloat16]))
    mlp = wn.MLP(m=m, d=shape[-1], activation=name, gated=gated, bias=bias, dtype=dtype)
    x = torch.randn(shape, dtype=dtype, requires_grad=True)

    def plain(x):
        if not gated:
            return F.linear(FUNCTIONS[name](F.linear(x, mlp.fc1.weight, mlp.fc1.bias)), mlp.fc2.weight, mlp.fc2.bias)
        gate, up = (F.linear(x, layer.weight, layer.bias) for layer in (mlp.gate_proj, mlp.up_proj))
        return F.linear(FUNCTIONS[name](gate) * up, mlp.down_proj.weight, mlp.down_proj.bias)

    y, expected = mlp(x), plain(x)
    close = {"rtol": 0.05, "atol": 0.05} if dtype == torch.bfloat16 else {"rtol": 1e-4, "atol": 1e-5}
    assert y.dtype == dtype and y.shape == x.shape
    torch.testing.assert_close(y, expected, **close)
    weights = torch.randn_like(y)
    variables = [x, *mlp.parameters()]
    gradients = [torch.autograd.grad((output * weights).sum(), variables) for output in (y, expected)]
    for one, other in zip(*gradients, strict=True):
        torch.testing.assert_close(one, other, **close)


@pytest.mark.parametrize(("activation", "theirs_name"), [("silu", "silu"), ("gelu_tanh", "gelu_pytorch_tanh")])
def test_gated_equals_llama(transformers, activation, theirs_name):
    from transformers.models.llama.modeling_llama import LlamaMLP

    theirs = LlamaMLP(transformers.LlamaConfig(hidden_size=32, intermediate_size=20, hidden_act=theirs_name))
    ours = wn.MLP(m=20, activation=activation, gated=True, bias=False)
    ours.load_state_dict(theirs.state_dict())
    x = torch.randn(2, 3, 32)
    torch.testing.assert_close(ours(x), theirs(x), rtol=1e-5, atol=1e-6)


def test_equals_timm(timm_layers):
    theirs = timm_layers.Mlp(12, 20)
    ours = wn.MLP(m=20)
    ours.load_state_dict(theirs.state_dict())
    x = torch.randn(2, 3, 12)
    torch.testing.assert_close(ours(x), theirs(x), rtol=1e-5, atol=1e-6)


def test_state_has_the_names_of_timm():
    mlp = wn.MLP(m=8, d=4)
    assert {name: tuple(p.shape) for name, p in mlp.state_dict().items()} == {
        "fc1.weight": (8, 4), "fc1.bias": (8,), "fc2.weight": (4, 8), "fc2.bias": (4,),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("expand", "contract", "sizes", "shape", "out"),
    [
        ("... [d -> m]", None, {}, (2, 3, 5), (2, 3, 5)),
        ("... [d -> m]", "... [m -> e]", {"e": 2}, (2, 3, 5), (2, 3, 2)),
        ("b [t -> m] d", None, {}, (2, 3, 5), (2, 3, 5)),
        ("b [s... -> m] c", None, {}, (2, 3, 4, 5), (2, 3, 4, 5)),
        ("b c [h -> m] w", None, {}, (2, 3, 4, 5), (2, 3, 4, 5)),
    ],
)
def test_other_axes_and_sizes_from_the_input(expand, contract, sizes, shape, out):
    x = torch.randn(shape)
    torch.manual_seed(0)
    lazy = wn.MLP(expand, contract, m=7, **sizes)
    for twin in (copy.deepcopy(lazy), pickle.loads(pickle.dumps(lazy))):
        assert twin(x).shape == out
        assert torch.equal(twin(x), copy.deepcopy(lazy)(x))
    built = wn.build(copy.deepcopy(lazy), {"x": shape})
    assert torch.equal(built(x), lazy(x))
    loaded = wn.MLP(expand, contract, m=7, **sizes)
    loaded.load_state_dict(lazy.state_dict())
    assert torch.equal(loaded(x), lazy(x))


def test_eager_and_inferred_numbers_are_the_same():
    torch.manual_seed(1)
    eager = wn.MLP(m=6, d=4, gated=True)
    torch.manual_seed(1)
    lazy = wn.MLP(m=6, gated=True)
    x = torch.randn(3, 4)
    assert torch.equal(lazy(x), eager(x))


def test_dropout_is_on_the_hidden_layer():
    mlp = wn.MLP(m=1000, d=2, activation=nn.Identity(), bias=False, dropout=0.5)
    nn.init.ones_(mlp.fc1.weight)
    nn.init.constant_(mlp.fc2.weight, 1 / 1000)
    x = torch.ones(1, 2)
    kept = mlp(x)[0, 0].item() / 4
    assert 0.4 < kept < 0.6
    torch.testing.assert_close(mlp.eval()(x), 2 * x)


def test_an_activation_of_ones_own():
    learned = wn.MLP(m=6, d=4, activation=nn.PReLU())
    assert "activation.weight" in learned.state_dict()
    assert learned(torch.randn(2, 4)).shape == (2, 4)


class Double(nn.Module):
    def forward(self, x, factor=2.0):
        return factor * x


@given(st.data())
@settings(max_examples=30)
def test_residual_equals_the_formula(data):
    norm_after, scaled, normed = data.draw(st.tuples(st.booleans(), st.booleans(), st.booleans()))
    dtype = data.draw(st.sampled_from([torch.float32, torch.float64, torch.bfloat16]))
    x = torch.randn(2, 3, 4, dtype=dtype, requires_grad=True)
    norm = nn.LayerNorm(4, dtype=dtype) if normed else None
    after = norm or (lambda x: x)
    layer = wn.Residual(Double(), norm, norm_after=norm_after, layer_scale=0.1 if scaled else None, dtype=dtype)
    scale = torch.tensor(0.1 if scaled else 1.0, dtype=dtype)
    expected = after(x + scale * (3.0 * x)) if norm_after else x + scale * (3.0 * after(x))
    close = {"rtol": 0.05, "atol": 0.05} if dtype == torch.bfloat16 else {"rtol": 1e-5, "atol": 1e-5}
    y = layer(x, factor=3.0)
    torch.testing.assert_close(y, expected, **close)
    gradients = [torch.autograd.grad(output.square().sum(), x)[0] for output in (y, expected)]
    torch.testing.assert_close(*gradients, rtol=max(close["rtol"], 1e-3), atol=close["atol"] * 10)


def test_drop_path_drops_whole_samples():
    layer = wn.Residual(Double(), drop_path=0.5)
    y = layer(torch.ones(200, 3, 4))
    assert set(y.unique().tolist()) == {1.0, 5.0}, "nothing, or twice 2"
    assert torch.equal(y, y[:, :1, :1].expand_as(y))
    assert layer.eval()(torch.ones(2, 3)).eq(3).all()


def test_dropout_drops_single_elements():
    y = wn.Residual(Double(), dropout=0.5)(torch.ones(50, 4))
    assert set(y.unique().tolist()) == {1.0, 5.0}
    assert not torch.equal(y, y[:, :1].expand_as(y))


def test_layer_scale_of_channels_first():
    layer = wn.Residual(Double(), layer_scale=0.5, expression="b [c] s...")
    assert layer(torch.ones(2, 3, 4, 4)).eq(2).all()
    assert layer.scale.shape == (3,)
    torch.testing.assert_close(wn.Residual(Double(), layer_scale=0.5, d=3).scale.data, torch.full((3,), 0.5))


def block(**sizes):
    mlp = wn.MLP(m=8, activation="silu", gated=True, **sizes)
    return wn.Residual(mlp, wn.Norm("... [d]", "... [d]", **sizes), layer_scale=1e-2, drop_path=0.1, **sizes)


def test_a_block_lives_like_any_module():
    torch.manual_seed(0)
    eager = block(d=4)
    torch.manual_seed(0)
    lazy = wn.build(block(), {"x": (2, 4)}).eval()
    x = torch.randn(2, 4)
    assert torch.equal(lazy(x), eager.eval()(x))
    compiled = torch.compile(lazy, fullgraph=True, backend="eager")
    torch.testing.assert_close(compiled(x), lazy(x))
    exported = torch.export.export(lazy, (x,)).module()
    torch.testing.assert_close(exported(x), lazy(x))
    with torch.device("meta"):
        other = block(d=4)
    other.load_state_dict(lazy.state_dict(), assign=True)
    assert torch.equal(other.eval()(x), lazy(x))


def test_messages():
    with pytest.raises(SemanticError, match=r"MLP needs the size of its hidden axis m: pass m=\.\.\."):
        wn.MLP()
    with pytest.raises(SemanticError, match=r"there is no activation 'gelo' \(did you mean gelu\?\)"):
        wn.MLP(m=8, activation="gelo")
    with pytest.raises(SemanticError, match="there is no axis called e"):
        wn.MLP(m=8, e=3)
    with pytest.raises(SemanticError, match="Residual needs brackets around the axes of its scale"):
        wn.Residual(Double(), expression="b t d")
    first = repr(wn.MLP(m=8, gated=True, activation="silu")).splitlines()[1]
    assert first == '  "... [d -> m]", m=8, gated=True, bias=True, activation="silu"'
