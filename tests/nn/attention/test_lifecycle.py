"""Attention whose sizes come later, and what it refuses."""

import copy
import io
import pickle

import pytest
import torch
from torch import nn

import wirework.nn.torch as wn
from nn.attention.close import assert_close
from wirework.errors import AxisSizeError, NotSupportedError, SemanticError


class Bias(nn.Module):
    """A learned bias for each head and distance."""

    def __init__(self, heads=4):
        super().__init__()
        self.table = nn.Parameter(torch.randn(heads, 99))

    def forward(self, q, k):
        return self.table[:, (q[:, None] - k[None, :]).abs()]


KINDS = {
    "fused": dict(),
    "grouped": dict(kv_heads=2, gate=True, mask=wn.causal & wn.window(3)),
    "split": dict(projection=wn.Split(), qk_norm=wn.QKNorm("layer", bias=True), scores=[wn.Sinks()]),
    "heads": dict(projection=wn.Split(), kv_heads=2, qk_norm=wn.QKNorm(over="heads")),
    "latent": dict(projection=wn.Latent(6, 2, 5)),
}
X = torch.linspace(-1, 1, 2 * 5 * 16).sin().reshape(2, 5, 16)


def seeded(name, dim=None):
    torch.manual_seed(3)
    return wn.Attention(4, dim, **KINDS[name])


def assert_equal_state(first, second):
    assert list(first.state_dict()) == list(second.state_dict())
    for one, two in zip(first.state_dict().values(), second.state_dict().values(), strict=True):
        assert torch.equal(one, two)


@pytest.mark.parametrize("name", sorted(KINDS))
class TestSizesThatComeLater:
    def test_the_numbers_are_the_same(self, name):
        eager, called, built = seeded(name, 16), seeded(name), seeded(name)
        assert called.unbuilt and sum(parameter.numel() for parameter in called.parameters()) < 50
        called(X)
        wn.build(built, {"x": (2, 5, 16)})
        assert_equal_state(eager, called)
        assert_equal_state(eager, built)
        assert all(type(parameter) is nn.Parameter for parameter in called.parameters())
        assert not called.unbuilt and repr(called) == repr(eager)

    @pytest.mark.parametrize("assign", [False, True])
    def test_loading_builds(self, name, assign):
        eager, lazy = seeded(name, 16), wn.Attention(4, **KINDS[name])
        lazy.load_state_dict(eager.state_dict(), assign=assign)
        assert not lazy.unbuilt
        assert_equal_state(eager, lazy)
        assert torch.equal(lazy(X), eager(X))

    def test_copies(self, name):
        lazy = seeded(name)
        twins = [copy.deepcopy(lazy), pickle.loads(pickle.dumps(lazy))]
        y = lazy(X)
        buffer = io.BytesIO()
        torch.save(lazy, buffer)
        buffer.seek(0)
        twins += [copy.deepcopy(lazy), pickle.loads(pickle.dumps(lazy)), torch.load(buffer, weights_only=False)]
        for twin in twins:
            assert torch.equal(twin(X), y)

    def test_an_optimizer_made_before_trains(self, name):
        layer = seeded(name)
        optimizer = torch.optim.AdamW(layer.parameters(), lr=0.1)
        layer(X).square().sum().backward()
        before = [parameter.detach().clone() for parameter in layer.parameters()]
        optimizer.step()
        assert all(parameter.grad is not None for parameter in layer.parameters())
        assert not any(torch.equal(*pair) for pair in zip(before, layer.parameters(), strict=True))

    def test_meta_device_and_reset(self, name):
        with torch.device("meta"):
            layer = seeded(name, 16)
        assert all(parameter.is_meta for parameter in layer.parameters())
        layer.to_empty(device="cpu")
        layer.reset_parameters()
        assert layer(X).isfinite().all()

    def test_conversion_before_the_first_call(self, name):
        assert seeded(name).double()(X.double()).dtype == torch.float64
        assert wn.Attention(4, **KINDS[name], dtype=torch.bfloat16)(X.bfloat16()).dtype == torch.bfloat16

    def test_checkpointing(self, name):
        layer = seeded(name, 16)
        x = X.clone().requires_grad_()
        y = torch.utils.checkpoint.checkpoint(layer, x, use_reentrant=False)
        assert_close(torch.autograd.grad(y.sum(), x)[0], torch.autograd.grad(layer(x).sum(), x)[0])


def test_modules_among_the_options_are_registered():
    layer = wn.Attention(4, 16, scores=[Bias()], mask=wn.causal)
    assert "score_bias.table" in layer.state_dict()
    layer(X).sum().backward()
    assert layer.score_bias.table.grad is not None


@pytest.mark.parametrize("kv_heads", [4, 2])
@pytest.mark.parametrize("backend", [None, "explicit"])
def test_a_bias_is_added_to_the_scores(kv_heads, backend):
    layer = wn.Attention(4, 16, kv_heads=kv_heads, scores=[Bias()], backend=backend)
    plain = wn.Attention(4, 16, kv_heads=kv_heads, backend=backend)
    plain.load_state_dict({name: value for name, value in layer.state_dict().items() if "table" not in name})
    places = torch.arange(5)
    weights = (plain.weights(X).log() + layer.score_bias(places, places)).softmax(-1)
    assert_close(layer.weights(X), weights)
    with torch.no_grad():
        layer.score_bias.table.zero_()
    assert_close(layer(X), plain(X))


def test_repr():
    assert repr(wn.Attention(4, mask=wn.causal & wn.window(3), kv_heads=2)).splitlines()[1] == (
        "  heads=4, kv_heads=2, mask=causal & window(3)"
    )


def test_an_unbuilt_layer_says_what_is_missing():
    for use in (lambda layer: layer.in_proj_weight * 2, lambda layer: layer.reset_parameters()):
        with pytest.raises(AxisSizeError) as raised:
            use(wn.Attention(4))
        assert str(raised.value) == ("axis dim of Attention(heads=4) has no size yet: pass dim=... or call build()")


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: wn.Attention(4, kv_heads=3), AxisSizeError, "heads=4 is not divisible by kv_heads=3"),
        (lambda: wn.Attention(4, 6), AxisSizeError, "dim=6 is not divisible by heads=4: pass head_dim=..."),
        (lambda: wn.Attention(4)(torch.ones(1, 2, 6)), AxisSizeError, "dim=6 is not divisible by heads=4: pass head_dim=..."),
        (lambda: wn.Attention(4, 8, context_dim=6), NotSupportedError, "context_dim differs from dim: that takes projection=Split()"),
        (lambda: wn.Attention(4, bias="q"), NotSupportedError, "a bias for some of q, k and v takes projection=Split()"),
        (lambda: wn.Attention(4, bias="qx"), SemanticError, "bias names projections among q, k, v and out, not x"),
        (lambda: wn.Attention(4, qk_norm=wn.QKNorm(over="heads")), NotSupportedError, 'QKNorm(over="heads") takes projection=Split()'),
        (lambda: wn.Attention(4, qk_norm=wn.QKNorm(over="heads"), gate=True, projection=wn.Split()), NotSupportedError, 'gate=True does not go with QKNorm(over="heads")'),
        (lambda: wn.Attention(4, kv_heads=2, projection=wn.Latent(4, 2)), NotSupportedError, "kv_heads does not go with projection=Latent(...)"),
        (lambda: wn.Attention(4, gate=True, projection=wn.Latent(4, 2)), NotSupportedError, "gate does not go with projection=Latent(...)"),
        (lambda: wn.Attention(4, qk_norm=wn.QKNorm(), projection=wn.Latent(4, 2)), NotSupportedError, "qk_norm does not go with projection=Latent(...)"),
        (lambda: wn.Attention(4, scores=[wn.Softcap(2.0)], backend="fused"), NotSupportedError, 'Softcap does not go with backend="fused": no fused kernel has it'),
        (lambda: wn.Attention(4, backend="flash"), NotSupportedError, "backend is \"fused\", \"explicit\" or None, not 'flash'"),
        (lambda: wn.Attention(4, dropout=2.0), NotSupportedError, "dropout is a probability between 0 and 1, not 2.0"),
        (lambda: wn.Attention(4, scores=[Bias(), Bias()]), NotSupportedError, "scores are at most one Softcap(...), one Sinks() and one function of positions"),
        (lambda: wn.Attention(4, scores=[3]), NotSupportedError, "scores are at most one Softcap(...), one Sinks() and one function of positions"),
        (lambda: wn.Attention(4, scores=[wn.Softcap(1.0), wn.Softcap(2.0)]), NotSupportedError, "scores are at most one Softcap(...), one Sinks() and one function of positions"),
        (lambda: wn.Attention(4)(X, X, cache=wn.GrowingCache()), NotSupportedError, "a cache does not go with a separate context"),
        (lambda: wn.Attention(4, position=lambda q, k, p: (q, k))(X, X), NotSupportedError, "a position transform does not go with a separate context"),
        (lambda: wn.Attention(4, projection=wn.Latent(4, 2))(X, X), NotSupportedError, "a context does not go with projection=Latent(...)"),
        (lambda: wn.Attention(4)(X, cache=wn.SlidingCache(3)), NotSupportedError, "SlidingCache(3) keeps fewer keys than the mask None shows"),
    ],
)  # fmt: skip
def test_combinations_that_are_refused(make, error, message):
    with pytest.raises(error) as raised:
        make()
    assert str(raised.value) == message
