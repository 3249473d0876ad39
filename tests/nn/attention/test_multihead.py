"""Attention against torch.nn.MultiheadAttention and F.scaled_dot_product_attention."""

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

import wirework.nn.torch as wn
from nn.attention.close import TOLERANCE, assert_close, assert_same_gradients

DTYPES = sorted(TOLERANCE, key=str)
SHAPES = st.tuples(*(st.integers(1, top) for top in (3, 4, 6, 6, 5)))  # batch, heads, queries, keys, head_dim


@settings(max_examples=40)
@given(SHAPES, st.booleans(), st.sampled_from(["self", "context"]), st.sampled_from(DTYPES), st.booleans())
def test_equals_multihead_attention(shape, bias, kind, dtype, training):
    b, h, t, s, d = shape
    theirs = nn.MultiheadAttention(h * d, h, bias=bias, batch_first=True, dtype=dtype).train(training)
    for parameter in theirs.parameters():
        nn.init.normal_(parameter)
    ours = wn.Attention(heads=h, dim=h * d, bias=bias, dtype=dtype).train(training)
    assert list(ours.state_dict()) == list(theirs.state_dict())
    ours.load_state_dict(theirs.state_dict())
    x1, x2 = (torch.linspace(-1, 1, b * t * h * d, dtype=dtype).sin().reshape(b, t, -1).requires_grad_() for _ in "12")
    c = x1 if kind == "self" else torch.linspace(2, -1, b * s * h * d, dtype=dtype).cos().reshape(b, s, -1)
    c2 = x2 if kind == "self" else c
    y1, (y2, weights) = ours(x1, None if kind == "self" else c), theirs(x2, c2, c2, average_attn_weights=False)
    assert_close(y1, y2)
    assert_close(ours.weights(x1, None if kind == "self" else c), weights)
    assert_same_gradients(y1, y2, [x1, *ours.parameters()], [x2, *theirs.parameters()])


@settings(max_examples=40)
@given(
    SHAPES,
    st.integers(1, 3),
    st.integers(1, 5),
    st.sampled_from(DTYPES),
    st.booleans(),
    st.sampled_from([None, "explicit", "fused"]),
)
def test_grouped_heads_equal_torch(shape, repeats, value_dim, dtype, causal, backend):
    b, g, t, _, d = shape
    h, c = g * repeats, 7
    layer = wn.Attention(
        h, c, kv_heads=g, head_dim=d, value_dim=value_dim, out_dim=3, dtype=dtype, backend=backend,
        projection=wn.Split(), mask=wn.causal if causal else None,
    )  # fmt: skip
    x = torch.randn(b, t, c, dtype=dtype, requires_grad=True)
    q, k, v = (p(x).unflatten(2, (-1, n)).transpose(1, 2) for p, n in
               ((layer.q_proj, d), (layer.k_proj, d), (layer.v_proj, value_dim)))  # fmt: skip
    mixed = F.scaled_dot_product_attention(q, k, v, is_causal=causal, enable_gqa=True)
    expected = layer.o_proj(mixed.transpose(1, 2).flatten(2))
    found = layer(x)
    assert found.shape == (b, t, 3)
    assert_close(found, expected)
    inputs = [x, layer.q_proj.weight, layer.k_proj.weight]
    assert_same_gradients(found, expected, inputs, inputs)


def test_fused_and_split_are_the_same():
    torch.manual_seed(0)
    split = wn.Attention(4, 12, kv_heads=2, gate=True, value_dim=5, projection=wn.Split())
    fused = wn.Attention(4, 12, kv_heads=2, gate=True, value_dim=5)
    parts = (split.q_proj, split.k_proj, split.v_proj)
    with torch.no_grad():
        fused.in_proj_weight.copy_(torch.cat([part.weight for part in parts]))
        fused.in_proj_bias.copy_(torch.randn(len(fused.in_proj_bias)))
        lengths = [len(part.bias) for part in parts]
        for part, bias in zip(parts, fused.in_proj_bias.split(lengths), strict=True):
            part.bias.copy_(bias)
    fused.out_proj.load_state_dict(split.o_proj.state_dict())
    x, context = torch.randn(2, 3, 12), torch.randn(2, 5, 12)
    assert_close(fused(x), split(x))
    assert_close(fused(x, context), split(x, context))


def test_context_of_another_width():
    layer = wn.Attention(2, 8, context_dim=5, projection=wn.Split())
    assert layer(torch.randn(1, 3, 8), torch.randn(1, 4, 5)).shape == (1, 3, 8)
    lazy = wn.Attention(2, projection=wn.Split())
    assert lazy(torch.randn(1, 3, 8), torch.randn(1, 4, 5)).shape == (1, 3, 8)
    assert lazy.k_proj.weight.shape == (8, 5)


def test_biases_by_name():
    layer = wn.Attention(2, 8, bias={"q", "k", "v"}, projection=wn.Split())
    assert [name for name, _ in layer.named_parameters() if name.endswith("bias")] == [
        "q_proj.bias", "k_proj.bias", "v_proj.bias",
    ]  # fmt: skip
    assert "out_proj.bias" not in wn.Attention(2, 8, bias="qkv").state_dict()


@pytest.mark.parametrize("backend", [None, "explicit"])
def test_dropout(backend):
    torch.manual_seed(0)
    layer = wn.Attention(2, 8, dropout=0.5, backend=backend)
    x = torch.randn(1, 6, 8)
    assert torch.equal(layer.eval()(x), layer(x))
    layer.train()
    mean = torch.stack([layer(x) for _ in range(4000)]).mean(0)
    assert not torch.equal(layer(x), layer(x))
    torch.testing.assert_close(mean, layer.eval()(x), atol=0.05, rtol=0)
    assert torch.equal(wn.Attention(2, 8, dropout=1.0, backend=backend, bias=False)(x), torch.zeros(1, 6, 8))


def test_autocast():
    layer = wn.Attention(2, 8, mask=wn.causal)
    x = torch.randn(1, 4, 8)
    with torch.autocast("cpu", torch.bfloat16):
        assert layer(x).dtype == torch.bfloat16
    assert_close(layer(x).bfloat16(), torch.autocast("cpu", torch.bfloat16)(layer)(x))
