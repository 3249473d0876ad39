"""Decoding with each cache equals the full forward, whatever the pieces; and what a cache refuses."""

import copy
import pickle

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import wirework.nn.torch as wn
from nn.attention.close import assert_close
from wirework.errors import AxisSizeError, NotSupportedError


def turn(q, k, positions):
    """A position transform that tells places apart."""
    angle = positions.to(q.dtype)[..., :, None] * 0.3
    angle = angle if positions.ndim == 1 else angle[:, None]
    return q * angle.cos(), k * (1 + angle.sin())


def distance(q, k):
    return -0.1 * (q[:, None] - k[None, :]).abs()[None].float() * torch.arange(1.0, 5)[:, None, None]


WINDOW = wn.causal & wn.window(3)
LAYERS = {
    "plain": dict(mask=wn.causal),
    "grouped": dict(mask=wn.causal, kv_heads=2, position=turn),
    "split": dict(mask=wn.causal, kv_heads=1, position=turn, projection=wn.Split(), qk_norm=wn.QKNorm()),
    "latent": dict(mask=wn.causal, projection=wn.Latent(6, 2), position=turn),
    "prefix": dict(mask=WINDOW | wn.prefix(2), position=turn),
    "function": dict(mask=wn.causal & wn.where(lambda q, k: (q - k) % 3 != 1), kv_heads=2),
    "scores": dict(mask=wn.causal, kv_heads=2, scores=[wn.Sinks(), wn.Softcap(1.0), distance], gate=True),
    "window": dict(mask=WINDOW, position=turn, kv_heads=2),
    "window scores": dict(mask=WINDOW, position=turn, kv_heads=2, scores=[wn.Sinks(), distance]),
    "window latent": dict(mask=WINDOW, projection=wn.Latent(6, 2, 5), position=turn),
    "chunk": dict(mask=wn.causal & wn.chunk(3), position=turn),
}
CACHES = {
    "growing": wn.GrowingCache,
    "static": lambda: wn.StaticCache(14),
    "sliding": lambda: wn.SlidingCache(3),
    "wide": lambda: wn.SlidingCache(5),
}
PIECES = st.lists(st.integers(1, 5), min_size=1, max_size=5).filter(lambda pieces: sum(pieces) <= 12)


@given(
    st.sampled_from(sorted(LAYERS)),
    st.sampled_from(sorted(CACHES)),
    st.sampled_from([None, "explicit"]),
    PIECES,
    st.booleans(),
)
def test_decoding_in_pieces_equals_the_full_forward(name, kind, backend, pieces, padded):
    torch.manual_seed(0)
    layer = wn.Attention(4, 16, **LAYERS[name], backend=backend)
    if layer.definition.sinks:
        torch.nn.init.normal_(layer.sinks)
    x = torch.randn(2, sum(pieces), 16)
    mask = wn.padding(first=torch.tensor([0, 2])) if padded else None
    cache = CACHES[kind]()
    if kind in ("sliding", "wide") and layer.definition.mask.reach is None:
        with pytest.raises(NotSupportedError, match="keeps fewer keys than the mask"):
            layer(x, cache=cache)
        return
    with torch.no_grad():
        whole = layer(x, mask=mask)
        steps = [layer(piece, mask=mask, cache=cache) for piece in x.split(pieces, 1)]
        assert_close(torch.cat(steps, 1), whole)
        cache.reset()
        assert_close(layer(x, mask=mask, cache=cache), whole)


@pytest.mark.parametrize("kind", sorted(CACHES))
def test_data_masks_go_with_every_cache(kind):
    torch.manual_seed(0)
    layer = wn.Attention(4, 16, mask=WINDOW)
    x, keep = torch.randn(2, 9, 16), torch.rand(2, 9) > 0.3
    documents = torch.tensor([[0, 0, 0, 1, 1, 1, 1, 1, 1], [0, 0, 0, 0, 0, 0, 0, 1, 1]])
    with torch.no_grad():
        for mask in (wn.padding(keep), wn.document(documents)):
            cache = CACHES[kind]()
            steps = [layer(piece, mask=mask, cache=cache) for piece in x.split((4, 1, 1, 2, 1), 1)]
            assert_close(torch.cat(steps, 1), layer(x, mask=mask))


def test_the_window_may_come_with_the_call():
    layer, x = wn.Attention(4, 16), torch.randn(1, 7, 16)
    with torch.no_grad():
        cache = wn.SlidingCache(3)
        steps = [layer(piece, mask=WINDOW, cache=cache) for piece in x.split(1, 1)]
        assert_close(torch.cat(steps, 1), layer(x, mask=WINDOW))


def test_gradients_through_a_growing_cache():
    torch.manual_seed(0)
    layer = wn.Attention(4, 16, kv_heads=2, mask=wn.causal)
    x = torch.randn(2, 6, 16, requires_grad=True)
    (expected,) = torch.autograd.grad(layer(x).square().sum(), x)
    cache = wn.GrowingCache()
    steps = [layer(piece, cache=cache) for piece in x.split(2, 1)]
    (found,) = torch.autograd.grad(torch.cat(steps, 1).square().sum(), x)
    assert_close(found, expected)


def test_latent_attention_keeps_the_short_vectors():
    layer, cache = wn.Attention(4, 16, projection=wn.Latent(6, 2), mask=wn.causal), wn.StaticCache(5)
    with torch.no_grad():
        layer(torch.randn(3, 2, 16), cache=cache)
    assert cache.k.shape == (3, 1, 5, 2) and cache.v.shape == (3, 1, 5, 6)


@pytest.mark.parametrize("kind", sorted(CACHES))
def test_reorder_and_copies(kind):
    torch.manual_seed(0)
    layer, cache, x = wn.Attention(4, 16, mask=WINDOW), CACHES[kind](), torch.randn(3, 6, 16)
    rows = torch.tensor([2, 0, 0])
    with torch.no_grad():
        layer(x[:, :4], cache=cache)
        twin = copy.deepcopy(cache) if kind != "growing" else pickle.loads(pickle.dumps(cache))
        untouched = twin.k[:, :, :3].clone()
        cache.reorder(rows)
        assert_close(layer(x[rows, 4:], cache=cache), layer(x[rows])[:, 4:])
        assert torch.equal(twin.k[:, :, :3], untouched)
        assert_close(layer(x[:, 4:], cache=twin), layer(x)[:, 4:])


def test_a_full_cache_says_so():
    layer, cache = wn.Attention(4, 16, mask=wn.causal), wn.StaticCache(3)
    with torch.no_grad():
        layer(torch.randn(1, 2, 16), cache=cache)
        with pytest.raises(AxisSizeError) as raised:
            layer(torch.randn(1, 2, 16), cache=cache)
    assert str(raised.value) == "2 more tokens do not fit into StaticCache(3), which has 2"
    with pytest.raises(AxisSizeError) as raised:
        layer(torch.randn(1, 4, 16), cache=wn.StaticCache(3))
    assert str(raised.value) == "4 tokens do not fit into StaticCache(3)"


def test_growing_seldom_copies():
    layer, cache = wn.Attention(4, 16, mask=wn.causal), wn.GrowingCache()
    places = set()
    with torch.no_grad():
        for _ in range(100):
            layer(torch.randn(1, 1, 16), cache=cache)
            places.add(cache.k.data_ptr())
    assert len(places) <= 3 and cache.length == 100
