"""Masks against a loop over places, the functions of transformers, and the laws of their algebra."""

import pickle

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import wirework.nn.torch as wn
from nn.attention.close import assert_close, attention_by_loops
from wirework.errors import NotSupportedError, RankError, SemanticError
from wirework.nn.attention.places import Aligned, visible
from wirework.nn.masks import EVERYTHING, Given, Span
from wirework.nn.torch.runtime import EVALUATION

# A mask, and whether query q sees key k.
LEAVES = st.one_of(
    st.just((wn.causal, lambda q, k: k <= q)),
    st.integers(1, 5).map(lambda n: (wn.prefix(n), lambda q, k: k < n)),
    st.integers(1, 5).map(lambda n: (wn.chunk(n), lambda q, k: q // n == k // n)),
    st.integers(1, 5).map(lambda n: (wn.span(n, 1), lambda q, k: -n <= k - q <= 1)),
    st.integers(2, 5).map(lambda n: (wn.where(lambda q, k: (q + k) % n == 0), lambda q, k: (q + k) % n == 0)),
    st.integers(1, 5).map(lambda n: (wn.window(n) & wn.causal, lambda q, k: q - n < k <= q)),
    st.integers(1, 5).map(lambda n: (wn.window(n) | wn.window(1), lambda q, k: abs(q - k) <= n)),
)


def combined(parts):
    return st.one_of(
        st.tuples(parts, parts).map(lambda p: (p[0][0] | p[1][0], lambda q, k: p[0][1](q, k) or p[1][1](q, k))),
        parts.map(lambda p: (~p[0], lambda q, k: not p[1](q, k))),
        st.tuples(parts, parts).map(lambda p: (~(~p[0][0] | ~p[1][0]), lambda q, k: p[0][1](q, k) and p[1][1](q, k))),
    )


MASKS = st.recursive(LEAVES, combined, max_leaves=5)
LENGTHS = st.integers(1, 9).flatmap(lambda keys: st.tuples(st.integers(1, keys), st.just(keys)))


def by_loop(rule, queries, keys):
    places = range(keys - queries, keys)
    return np.array([[bool(rule(q, k)) for k in range(keys)] for q in places])


@given(MASKS, LENGTHS)
def test_equals_a_loop_over_places(mask, lengths):
    queries, keys = lengths
    q, k = np.arange(keys - queries, keys), np.arange(keys)
    expected = by_loop(mask[1], queries, keys)
    assert np.array_equal(np.broadcast_to(mask[0].visible(q, k), expected.shape), expected)
    simple = mask[0].simplified(queries, keys)
    assert np.array_equal(np.broadcast_to(simple.visible(q, k), expected.shape), expected)
    of_torch = mask[0].visible(torch.from_numpy(q), torch.from_numpy(k))
    assert np.array_equal(of_torch.broadcast_to(expected.shape).numpy(), expected)


@given(MASKS, LENGTHS)
def test_reach_covers_all_keys_up_to_the_query(mask, lengths):
    if (reach := mask[0].reach) is None:
        return
    queries, keys = lengths
    seen = by_loop(mask[1], queries, keys)
    for row, q in enumerate(range(keys - queries, keys)):
        assert not seen[row, : max(q - reach + 1, 0)].any()


@given(MASKS, LENGTHS)
def test_attention_with_a_mask_equals_a_loop(mask, lengths):
    queries, keys = lengths
    torch.manual_seed(0)
    layer = wn.Attention(2, 4, kv_heads=1, bias=False, dtype=torch.float64, mask=mask[0])
    x, context = torch.randn(1, queries, 4).double(), torch.randn(1, keys, 4).double()
    q, k, v = layer.in_proj_weight.split((4, 2, 2))
    q = (x @ q.T).unflatten(2, (2, 2)).transpose(1, 2)
    k, v = ((context @ w.T)[:, None].expand(1, 2, keys, 2) for w in (k, v))
    seen = torch.from_numpy(by_loop(mask[1], queries, keys)).expand(1, 2, queries, keys)
    expected = layer.out_proj(attention_by_loops(q, k, v, seen).transpose(1, 2).flatten(2))
    assert_close(layer(x, context), expected)
    explicit = wn.Attention(2, 4, kv_heads=1, bias=False, dtype=torch.float64, mask=mask[0], backend="explicit")
    explicit.load_state_dict(layer.state_dict())
    assert_close(explicit(x, context), expected)


@pytest.mark.parametrize("backend", [None, "explicit"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_a_query_that_sees_nothing_gives_zero_and_gradients_that_are_numbers(backend, dtype):
    layer = wn.Attention(2, 8, bias=False, backend=backend, mask=wn.where(lambda q, k: k > q), dtype=dtype)
    x = torch.randn(1, 4, 8, dtype=dtype, requires_grad=True)
    y = layer(x)
    assert torch.equal(y[:, -1], torch.zeros(1, 8, dtype=dtype)) and y.isfinite().all()
    y.sum().backward()
    assert x.grad.isfinite().all() and layer.in_proj_weight.grad.isfinite().all()


def test_the_least_that_says_it():

    def aligned(queries, keys):
        return Aligned(queries, keys, EVALUATION, torch.empty(0))

    assert visible(None, aligned(5, 5)) == (False, None)
    assert visible(wn.causal, aligned(5, 5)) == (True, None)
    assert visible(wn.causal & wn.window(9), aligned(5, 5)) == (True, None)
    assert visible(wn.causal & wn.window(5) & wn.chunk(5) & wn.causal, aligned(1, 5))[1] is not None
    assert visible(wn.causal, aligned(1, 5)) == (False, None)
    assert visible(wn.causal & wn.window(5), aligned(1, 5)) == (False, None)
    assert visible(wn.window(9), aligned(5, 5)) == (False, None)
    assert visible(wn.causal | wn.window(9), aligned(5, 5)) == (False, None)
    causal, mask = visible(wn.causal & wn.window(3), aligned(5, 5))
    assert not causal and mask.shape == (5, 5) and mask.dtype == torch.bool
    causal, mask = visible(wn.causal, aligned(5, 5), dense=True)
    assert not causal and torch.equal(mask, torch.ones(5, 5).tril().bool())


def test_only_causal_reaches_the_kernel_as_such(monkeypatch):
    calls = []
    kernel = torch.nn.functional.scaled_dot_product_attention
    monkeypatch.setattr(
        torch.nn.functional,
        "scaled_dot_product_attention",
        lambda *args, **options: calls.append(options) or kernel(*args, **options),
    )
    x = torch.randn(1, 5, 8)
    wn.Attention(2, 8, mask=wn.causal)(x)
    assert calls[-1]["is_causal"] and "attn_mask" not in calls[-1]
    wn.Attention(2, 8)(x)
    assert not calls[-1]
    wn.Attention(2, 8, mask=wn.causal & wn.window(2))(x)
    assert set(calls[-1]) == {"attn_mask"} and calls[-1]["attn_mask"].dtype == torch.bool
    layer, cache = wn.Attention(2, 8, mask=wn.causal), wn.GrowingCache()
    with torch.no_grad():
        layer(x, cache=cache)
        assert calls[-1]["is_causal"]
        layer(x[:, :1], cache=cache)
        assert not calls[-1]


def test_windows():
    assert wn.causal & wn.window(3) & wn.causal == wn.causal & wn.window(3) & wn.causal
    places = np.arange(6)
    for mask in (wn.causal & wn.window(3), wn.window(3) & wn.causal, wn.window(3) & wn.prefix(9) & wn.causal):
        assert np.array_equal(mask.visible(places, places), by_loop(lambda q, k: q - 3 < k <= q, 6, 6))
    assert np.array_equal(wn.window(2).visible(places, places), by_loop(lambda q, k: abs(q - k) <= 2, 6, 6))
    both = wn.window(2) & wn.window(3)
    assert np.array_equal(both.visible(places, places), by_loop(lambda q, k: abs(q - k) <= 2, 6, 6))
    assert (wn.causal & wn.window(3)).reach == 3 and (wn.causal & wn.window(3) | wn.prefix(4)).reach is None
    assert (wn.causal & wn.chunk(4)).reach == 4


def test_repr_and_pickle():
    mask = wn.causal & wn.window(256) | wn.prefix(4)
    assert repr(mask) == "causal & window(256) | prefix(4)"
    assert repr(wn.causal & (wn.chunk(3) | ~wn.prefix(2))) == "causal & (chunk(3) | ~prefix(2))"
    assert repr(~(wn.causal & wn.span(2, None))) == "~(causal & span(2, None))"
    assert pickle.loads(pickle.dumps(mask)) == mask
    assert (wn.causal & (lambda q, k: k > 0)).parts[1].visible(np.arange(2), np.arange(2)).tolist() == [[False, True]]
    assert ((lambda q, k: k > 0) | wn.causal).visible(np.arange(2), np.arange(2)).tolist() == [[True, True]] * 2
    assert ((lambda q, k: k > 0) & wn.causal).visible(np.arange(2), np.arange(2)).tolist() == [
        [False, False],
        [False, True],
    ]


def test_masks_of_data_equal_those_of_single_sequences():
    """Padding, documents and prefixes: each sequence of a batch as it is alone."""
    torch.manual_seed(0)
    layer = wn.Attention(2, 8, kv_heads=1, mask=wn.causal)
    x = torch.randn(2, 6, 8)
    keep = torch.tensor([[True] * 4 + [False] * 2, [True] * 6])
    for mask in (wn.padding(keep), wn.padding(last=torch.tensor([4, 6]))):
        assert_close(layer(x, mask=mask)[0, :4], layer(x[:1, :4])[0])
        assert_close(layer(x, mask=mask)[1], layer(x[1:])[0])
    left = wn.padding(first=torch.tensor([2, 0]))
    assert_close(layer(x, mask=left)[0, 2:], layer(x[:1, 2:])[0])
    documents = wn.document(torch.tensor([[0, 0, 1, 1, 1, -1], [3] * 6]))
    y = layer(x, mask=documents)
    assert_close(y[0, :2], layer(x[:1, :2])[0])
    assert_close(y[0, 2:5], layer(x[:1, 2:5])[0])
    assert_close(y[0, 5], layer.out_proj(torch.zeros(8)))
    both = wn.Attention(2, 8)
    y = both(x, mask=wn.causal | wn.prefix(torch.tensor([2, 3])))
    assert_close(y[1], both(x[1:], mask=wn.causal | wn.prefix(3))[0])


@pytest.mark.parametrize("shape", [(5, 5), (1, 5), (2, 5, 5), (2, 1, 5), (2, 1, 5, 5), (1, 4, 5, 5), (2, 4, 1, 5)])
@pytest.mark.parametrize("kv_heads", [4, 2])
@pytest.mark.parametrize("backend", [None, "explicit"])
def test_masks_given_as_booleans(shape, kv_heads, backend):
    torch.manual_seed(0)
    layer = wn.Attention(4, 8, kv_heads=kv_heads, backend=backend)
    x, mask = torch.randn(2, 5, 8), torch.rand(shape) > 0.3
    weights = layer.weights(x, mask=mask)
    full = (mask[:, None] if mask.ndim == 3 else mask).expand(2, 4, 5, 5)
    assert torch.equal(weights > 0, full)
    v = x @ layer.in_proj_weight[-kv_heads * 2 :].T + layer.in_proj_bias[-kv_heads * 2 :]
    v = v.unflatten(2, (kv_heads, 2)).transpose(1, 2).repeat_interleave(4 // kv_heads, 1)
    assert_close(layer(x, mask=mask), layer.out_proj((weights @ v).transpose(1, 2).flatten(2)))


def test_equals_the_masks_of_transformers():
    utilities = pytest.importorskip("transformers.masking_utils", reason="the references are functions of transformers")
    keep = torch.rand(3, 7) > 0.3
    packed = torch.tensor([[0, 0, 0, 1, 1, 2, 2], [0] * 7, [0, 1, 1, 1, 1, 1, 2]])
    blocks = torch.tensor([[0, 0, -1, 1, 1, -1, 2], [-1] * 7, [0] * 7])
    start = torch.zeros(3, dtype=torch.long)
    pairs = [
        (wn.causal, utilities.causal_mask_function),
        (wn.causal & wn.window(3), utilities.sliding_window_causal_mask_function(3)),
        (wn.window(3), utilities.sliding_window_bidirectional_mask_function(3)),
        (wn.causal & wn.chunk(3), utilities.chunked_causal_mask_function(3, start)),
        (wn.padding(keep), utilities.padding_mask_function(keep)),
        (wn.document(packed), utilities.packed_sequence_mask_function(packed)),
        (wn.document(blocks), utilities.blockwise_overlay(blocks)),
        (
            wn.causal & wn.document(packed) | wn.prefix(2),
            utilities.or_masks(
                utilities.and_masks(utilities.causal_mask_function, utilities.packed_sequence_mask_function(packed)),
                lambda b, h, q, k: k < 2,
            ),
        ),
    ]
    for queries in (7, 3, 1):
        for ours, theirs in pairs:
            expected = utilities.sdpa_mask(
                3, queries, 7, q_offset=7 - queries, mask_function=theirs, allow_is_causal_skip=False
            )
            found = ours.visible(torch.arange(7 - queries, 7), torch.arange(7))
            assert torch.equal(found.expand(3, 1, queries, 7), expected.expand(3, 1, queries, 7)), ours


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: Given(torch.zeros(2, 2)), SemanticError, "a mask holds booleans, not torch.float32: numbers are added by a score bias"),
        (lambda: Given(torch.ones(2).bool()), RankError, "a mask has the axes q k, b q k or b h q k, not 1 dimensions"),
        (lambda: wn.causal & 3, SemanticError, "a mask is combined of masks, functions of places and booleans, not of 3"),
        (lambda: wn.window(0), SemanticError, "a window is at least 1 wide, not 0"),
        (lambda: wn.chunk(0), SemanticError, "a chunk is at least 1 long, not 0"),
        (lambda: wn.padding(), NotSupportedError, "padding() takes either keep, or first and last"),
    ],
)  # fmt: skip
def test_what_is_no_mask(make, error, message):
    with pytest.raises(error) as raised:
        make()
    assert str(raised.value) == message


def test_everything_is_a_span_without_bounds():
    assert Span() == EVERYTHING and wn.span(None, 0) == wn.causal
    assert EVERYTHING.visible(np.arange(2), np.arange(3)).all()
