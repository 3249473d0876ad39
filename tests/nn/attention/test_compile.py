"""torch.compile and torch.export take attention whole, and a step of decoding compiles once."""

import pytest
import torch
from torch._dynamo.testing import CompileCounterWithBackend

import wirework.nn.torch as wn
from nn.attention.close import assert_close

STATIC = {
    "plain": (dict(mask=wn.causal), lambda: wn.StaticCache(24)),
    "grouped": (dict(mask=wn.causal, kv_heads=2), lambda: wn.StaticCache(24)),
    "latent": (dict(mask=wn.causal, projection=wn.Latent(6, 2)), lambda: wn.StaticCache(24)),
    "prefix": (dict(mask=wn.causal & wn.window(5) | wn.prefix(2), kv_heads=1), lambda: wn.StaticCache(24)),
    "scores": (dict(mask=wn.causal, scores=[wn.Sinks(), wn.Softcap(2.0)], gate=True), lambda: wn.StaticCache(24)),
    "explicit": (dict(mask=wn.causal, kv_heads=2, backend="explicit"), lambda: wn.StaticCache(24)),
    "sliding": (dict(mask=wn.causal & wn.window(5), kv_heads=2), lambda: wn.SlidingCache(5)),
}


@pytest.mark.parametrize("backend", ["eager", "inductor"])
@pytest.mark.parametrize("name", sorted(STATIC))
def test_a_step_of_decoding_compiles_once(name, backend):
    if backend == "inductor" and name not in ("grouped", "sliding"):
        pytest.skip("one of each cache is enough for the slower backend")
    torch._dynamo.reset()
    options, make = STATIC[name]
    layer, cache, x = wn.Attention(4, 16, **options).eval(), make(), torch.randn(2, 20, 16)
    counter = CompileCounterWithBackend(backend)
    step = torch.compile(lambda token, cache: layer(token, cache=cache), fullgraph=True, dynamic=False, backend=counter)
    with torch.no_grad():
        whole = layer(x)
        found = [layer(x[:, :4], cache=cache)] + [step(x[:, t : t + 1], cache) for t in range(4, 20)]
    assert_close(torch.cat(found, 1), whole)
    assert counter.frame_count == 1


def test_a_growing_cache_compiles_at_most_twice():
    torch._dynamo.reset()
    layer, cache, x = wn.Attention(4, 16, mask=wn.causal).eval(), wn.GrowingCache(), torch.randn(2, 20, 16)
    counter = CompileCounterWithBackend("eager")
    step = torch.compile(lambda token, cache: layer(token, cache=cache), fullgraph=True, backend=counter)
    with torch.no_grad():
        found = [layer(x[:, :4], cache=cache)] + [step(x[:, t : t + 1], cache) for t in range(4, 20)]
        assert_close(torch.cat(found, 1), layer(x))
    assert counter.frame_count <= 2


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("name", sorted(STATIC))
def test_forward_compiles_whole(name, training):
    torch._dynamo.reset()
    layer = wn.Attention(4, 16, **STATIC[name][0]).train(training)
    counter = CompileCounterWithBackend("aot_eager" if training else "eager")
    compiled = torch.compile(layer, fullgraph=True, backend=counter)
    for length in range(3, 11):
        x = torch.randn(2, length, 16, requires_grad=training)
        y = compiled(x)
        assert_close(y, layer(x))
        if training:
            y.sum().backward()
    assert counter.frame_count <= 2 + (name in ("prefix", "sliding"))


def test_masks_and_positions_as_arguments():
    torch._dynamo.reset()
    layer = wn.Attention(4, 16, mask=wn.causal)
    counter = CompileCounterWithBackend("eager")
    run = torch.compile(lambda x, keep: layer(x, mask=wn.padding(keep) & wn.window(3)), fullgraph=True, backend=counter)
    for seed in range(3):
        torch.manual_seed(seed)
        x, keep = torch.randn(2, 6, 16), torch.rand(2, 6) > 0.4
        assert_close(run(x, keep), layer(x, mask=wn.padding(keep) & wn.window(3)))
    assert counter.frame_count == 1


@pytest.mark.parametrize("name", sorted(STATIC))
def test_export_with_any_batch_and_length(name):
    layer = wn.Attention(4, 16, **STATIC[name][0]).eval()
    dims = {0: torch.export.Dim("b", min=2, max=9), 1: torch.export.Dim("t", min=8, max=99)}
    exported = torch.export.export(layer, (torch.randn(3, 9, 16),), dynamic_shapes=(dims,))
    x = torch.randn(2, 14, 16)
    assert_close(exported.module()(x), layer(x))


def test_export_with_context_and_mask():
    layer = wn.Attention(4, 16).eval()
    x, context, mask = torch.randn(2, 3, 16), torch.randn(2, 5, 16), torch.rand(2, 3, 5) > 0.2
    exported = torch.export.export(layer, (x, context, mask))
    assert_close(exported.module()(x, context, mask), layer(x, context, mask))
