"""Attention with the position embeddings of wirework."""

import pytest
import torch

import wirework.nn.torch as wn
import wirework.nn.torch.positions as positions
from nn.attention.close import assert_close


@pytest.mark.parametrize("backend", [None, "explicit"])
@pytest.mark.parametrize("pairing", ["half", "interleaved"])
def test_rotary_depends_on_distances_only(pairing, backend):
    torch.manual_seed(0)
    layer = wn.Attention(4, 32, kv_heads=2, mask=wn.causal, position=positions.Rotary(pairing, 8), backend=backend)
    x, places = torch.randn(2, 6, 32), torch.arange(6)
    assert_close(layer(x, positions=places + 17), layer(x))
    assert_close(layer(x, positions=torch.stack([places, places + 3])), layer(x))
    assert (layer(x, positions=2 * places) - layer(x)).abs().max() > 1e-3


@pytest.mark.parametrize("cache", [wn.GrowingCache, lambda: wn.StaticCache(9), lambda: wn.SlidingCache(3)])
@pytest.mark.parametrize("kind", ["rotary", "alibi", "relative"])
def test_decoding(kind, cache):
    torch.manual_seed(0)
    options = {
        "rotary": lambda: dict(position=positions.Rotary("half", 8)),
        "alibi": lambda: dict(scores=[positions.ALiBi(4)]),
        "relative": lambda: dict(scores=[positions.T5Bias(4, bidirectional=False)]),
    }[kind]()
    layer = wn.Attention(4, 32, kv_heads=2, mask=wn.causal & wn.window(3), **options)
    x, kept = torch.randn(2, 7, 32), cache()
    with torch.no_grad():
        whole = layer(x)
        steps = [layer(piece, cache=kept) for piece in x.split((2, 1, 3, 1), 1)]
    assert_close(torch.cat(steps, 1), whole)


def test_rotary_with_a_static_cache_compiles_once():
    from torch._dynamo.testing import CompileCounterWithBackend

    torch._dynamo.reset()
    layer = wn.Attention(4, 32, kv_heads=2, mask=wn.causal, position=positions.Rotary("half", 8)).eval()
    cache, x, counter = wn.StaticCache(24), torch.randn(1, 20, 32), CompileCounterWithBackend("eager")
    step = torch.compile(lambda token, cache: layer(token, cache=cache), fullgraph=True, backend=counter)
    with torch.no_grad():
        found = [layer(x[:, :4], cache=cache)] + [step(x[:, t : t + 1], cache) for t in range(4, 20)]
        assert_close(torch.cat(found, 1), layer(x))
    assert counter.frame_count == 1
