"""Biases of attention scores against Hugging Face's Swin, T5 and Bloom, and against loops."""

import copy
import math

import pytest
import torch

import wirework.nn.torch as wn
from wirework.errors import SemanticError

DTYPES = [torch.float32, torch.float64, torch.bfloat16]


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("window", [(2, 2), (3, 5), (4,), (2, 3, 2)])
def test_relative_bias_is_one_number_for_each_offset(window, dtype):
    bias = wn.RelativeBias(window, heads=3, dtype=dtype)
    y = bias()
    places = torch.from_numpy(wn.grid_positions(*window))
    assert y.shape == (3, len(places), len(places)) and y.dtype == dtype
    found = {}
    for q, one in enumerate(places.tolist()):
        for k, other in enumerate(places.tolist()):
            offset = tuple(a - b for a, b in zip(one, other, strict=True))
            assert torch.equal(found.setdefault(offset, y[:, q, k]), y[:, q, k])
    assert len(found) == len(bias.relative_position_bias_table)


@pytest.mark.parametrize("window", [(2, 2), (7, 7), (3, 5)])
def test_relative_bias_equals_swin(transformers, window):
    from transformers.models.swin.modeling_swin import SwinRelativePositionBias

    theirs = SwinRelativePositionBias(4, window)
    torch.nn.init.normal_(theirs.relative_position_bias_table)
    ours = wn.RelativeBias(window, heads=4)
    ours.load_state_dict(theirs.state_dict())
    assert torch.equal(ours(), theirs()[0])
    weights = torch.randn_like(ours())
    (ours() * weights).sum().backward()
    (theirs()[0] * weights).sum().backward()
    torch.testing.assert_close(ours.relative_position_bias_table.grad, theirs.relative_position_bias_table.grad)


def test_relative_bias_index_equals_timm(timm_layers):
    from timm.models.swin_transformer import get_relative_position_index

    for window in ((2, 2), (7, 7), (3, 5)):
        assert torch.equal(wn.RelativeBias(window, heads=1).index, get_relative_position_index(*window))


def test_relative_bias_of_some_places():
    bias = wn.RelativeBias((2, 3), heads=2)
    q, k = torch.tensor([4, 0]), torch.tensor([1, 1, 5])
    assert torch.equal(bias(q, k), bias()[:, q][:, :, k])
    assert torch.equal(bias(q[None], k[None])[0], bias(q, k))


T5_OPTIONS = [(32, 128), (8, 20), (16, 64), (32, 64), (64, 300), (10, 50)]


@pytest.mark.parametrize("bidirectional", [True, False])
@pytest.mark.parametrize(("buckets", "max_distance"), T5_OPTIONS)
def test_buckets_equal_t5(transformers, buckets, max_distance, bidirectional):
    from transformers.models.t5.modeling_t5 import T5Attention

    offsets = torch.arange(-2 * max_distance, 2 * max_distance + 1)
    expected = T5Attention._relative_position_bucket(offsets, bidirectional, buckets, max_distance)
    table = wn.T5Bias(1, buckets, max_distance, bidirectional).bucket
    assert torch.equal(table[offsets.clamp(-max_distance, max_distance) + max_distance], expected)


@pytest.mark.parametrize("bidirectional", [True, False])
@pytest.mark.parametrize("dtype", DTYPES)
def test_bias_equals_t5(transformers, bidirectional, dtype):
    from transformers.models.t5.modeling_t5 import T5Attention

    config = transformers.T5Config(num_heads=4, d_model=16, d_kv=4, is_decoder=not bidirectional)
    theirs = T5Attention(config, has_relative_attention_bias=True, layer_idx=0).to(dtype)
    torch.nn.init.normal_(theirs.relative_attention_bias.weight)
    ours = wn.T5Bias(4, bidirectional=bidirectional, dtype=dtype)
    ours.load_state_dict(theirs.relative_attention_bias.state_dict())
    y, expected = ours(torch.arange(20, 50), torch.arange(200)), theirs.compute_bias(30, 200, past_seen_tokens=20)[0]
    assert torch.equal(y, expected)
    weights = torch.randn_like(y)
    (y * weights).sum().backward()
    (expected * weights).sum().backward()
    close = {"rtol": 1e-4, "atol": 1e-4} if dtype != torch.bfloat16 else {"rtol": 0.05, "atol": 0.5}
    torch.testing.assert_close(ours.weight.grad, theirs.relative_attention_bias.weight.grad, **close)


def test_t5_buckets_written_out():
    table = wn.T5Bias(1).bucket
    behind = [int(table[128 - distance]) for distance in (0, 1, 7, 8, 15, 16, 127, 128)]
    assert behind == [0, 1, 7, 8, 9, 10, 15, 15]
    ahead = [int(table[128 + distance]) for distance in (1, 7, 8, 128)]
    assert ahead == [17, 23, 24, 31]
    assert wn.T5Bias(1, bidirectional=False).bucket[128:].eq(0).all(), "no bucket for what comes after"


@pytest.mark.parametrize("heads", [*range(1, 20), 32, 71, 112])
def test_slopes_equal_bloom(transformers, heads):
    from transformers.models.bloom.modeling_bloom import build_alibi_tensor

    theirs = build_alibi_tensor(torch.ones(1, 2, dtype=torch.long), heads, torch.float32)[:, 0, 1]
    torch.testing.assert_close(wn.ALiBi(heads).slopes, theirs, rtol=1e-6, atol=0)


def test_slopes_written_out():
    assert wn.ALiBi(8).slopes.tolist() == [2.0**-i for i in range(1, 9)]
    six = [2.0 ** -(2 * i) for i in (1, 2, 3, 4)] + [2.0**-1, 2.0**-3]
    assert wn.ALiBi(6).slopes.tolist() == pytest.approx(six)


@pytest.mark.parametrize("dtype", DTYPES)
def test_attention_with_alibi_equals_bloom(transformers, dtype):
    """Bloom's bias counts from the first key, ours from the query: the same after a causal softmax."""
    from transformers.models.bloom.modeling_bloom import build_alibi_tensor

    scores = torch.randn(6, 9, 9, dtype=dtype)
    later = torch.ones(9, 9, dtype=torch.bool).triu(1)
    theirs = scores + build_alibi_tensor(torch.ones(1, 9, dtype=torch.long), 6, torch.float32)
    ours = scores + wn.ALiBi(6)(torch.arange(9), torch.arange(9))
    weights = [s.masked_fill(later, -math.inf).softmax(-1) for s in (ours, theirs)]
    torch.testing.assert_close(*weights, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("bias", [wn.T5Bias(2), wn.ALiBi(2)])
def test_positions_of_a_batch(bias):
    q, k = torch.randint(0, 50, (3, 4)), torch.randint(0, 50, (3, 5))
    y = bias(q, k)
    assert torch.equal(y, torch.stack([bias(q[i], k[i]) for i in range(3)]))
    assert torch.equal(bias(q, k[0])[1], bias(q[1], k[0]))
    assert torch.equal(bias(q[0], k)[1], bias(q[0], k[1]))


MAKERS = {
    "relative": lambda: (wn.RelativeBias(3, heads=2), (torch.arange(3), torch.arange(3))),
    "T5": lambda: (wn.T5Bias(2), (torch.arange(3), torch.arange(7))),
    "ALiBi": lambda: (wn.ALiBi(2), (torch.arange(3), torch.arange(7))),
}


@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
def test_tables_survive_meta_and_conversions(make):
    ready, positions = make()
    with torch.device("meta"):
        module, _ = make()
    loaded = copy.deepcopy(module)
    loaded.load_state_dict(ready.state_dict(), assign=True)
    assert torch.equal(loaded(*positions), ready(*positions))
    assert not any(buffer.is_meta for buffer in loaded.buffers())
    module.to_empty(device="cpu").load_state_dict(ready.state_dict())
    assert torch.equal(module(*positions), ready(*positions))
    assert [b.dtype for b in copy.deepcopy(ready).half().buffers()] == [b.dtype for b in ready.buffers()]
    assert set(ready.state_dict()) == {name for name, _ in ready.named_parameters()}


@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
def test_compile(make):
    module, positions = make()
    compiled = torch.compile(module, fullgraph=True, backend="eager")
    assert torch.equal(compiled(*positions), module(*positions))


def test_messages():
    with pytest.raises(SemanticError, match="T5Bias needs 4 buckets or more"):
        wn.T5Bias(2, buckets=2)
    assert repr(wn.T5Bias(2)) == "T5Bias(heads=2, buckets=32, max_distance=128)"
    assert repr(wn.RelativeBias((7, 7), heads=3)) == "RelativeBias(window=(7, 7), heads=3)"
    assert repr(wn.ALiBi(4)) == "ALiBi(heads=4)"
