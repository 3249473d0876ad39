"""Embedding against torch.nn.Embedding, and its look-ups over several axes."""

import copy
import pickle

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

import wirework.nn.torch as wn
from wirework.errors import AxisSizeError, CoordinateError, SemanticError


@given(st.data())
@settings(max_examples=40)
def test_equals_torch_forward_and_backward(data):
    v, d = data.draw(st.tuples(st.integers(1, 12), st.integers(1, 6)))
    shape = data.draw(st.lists(st.integers(0, 4), max_size=3))
    dtype = data.draw(st.sampled_from([torch.float32, torch.float64, torch.bfloat16]))
    kind = data.draw(st.sampled_from([torch.int64, torch.int32]))
    padding = data.draw(st.none() | st.integers(-v, v - 1))
    theirs = nn.Embedding(v, d, padding, dtype=dtype)
    ours = wn.Embedding(padding_idx=padding, dtype=dtype)
    ours.load_state_dict(theirs.state_dict())
    assert ours.padding_idx == theirs.padding_idx
    ids = torch.randint(0, v, shape, dtype=kind)
    y, expected = ours(ids), theirs(ids)
    assert y.dtype == dtype and torch.equal(y, expected)
    weights = torch.randn_like(y)
    (y * weights).sum().backward()
    (expected * weights).sum().backward()
    close = {"rtol": 0.05, "atol": 0.05} if dtype == torch.bfloat16 else {"rtol": 1e-4, "atol": 1e-5}
    torch.testing.assert_close(ours.weight.grad, theirs.weight.grad, **close)


def test_vectors_of_several_axes():
    layer = wn.Embedding("[v] h d", v=9, h=2, d=3)
    ids = torch.randint(0, 9, (4, 5))
    assert torch.equal(layer(ids), layer.weight[ids])
    x = torch.randn(4, 2, 3)
    torch.testing.assert_close(layer.logits(x), torch.einsum("bhd,vhd->bv", x, layer.weight))


def test_axes_in_another_order():
    layer = wn.Embedding("d [v]", v=9, d=3)
    ids = torch.randint(0, 9, (4, 5))
    assert torch.equal(layer(ids), layer.weight.T[ids])


def pickled(layer):
    return pickle.loads(pickle.dumps(layer))


def compiled(layer):
    return torch.compile(layer, fullgraph=True, backend="eager")


@pytest.mark.parametrize(
    ("expression", "sizes"),
    [("[v] d", {"d": 4}), ("d [v]", {"d": 4}), ("d... [v]", {"d": (2, 3)}), ("[v] h d", {"h": 2, "d": 3})],
)
@pytest.mark.parametrize("variant", [pickled, compiled])
@pytest.mark.parametrize("padding", [3, -6])
def test_the_padding_starts_at_zero_and_is_not_trained(expression, sizes, variant, padding):
    layer = wn.Embedding(expression, padding_idx=padding, v=9, **sizes)
    axis, is_padding = layer.definition.axis, torch.arange(9) == 3
    for _ in range(2):
        assert torch.equal((layer.weight.movedim(axis, 0).flatten(1) == 0).all(1), is_padding)
        layer.reset_parameters()
    layer = variant(layer)
    layer(torch.arange(9).repeat(2, 1)).sum().backward()
    assert torch.equal(layer.weight.grad.movedim(axis, 0).flatten(1).mean(1), torch.where(is_padding, 0.0, 2.0))


def test_padding_that_is_none():
    with pytest.raises(CoordinateError) as raised:
        wn.Embedding(padding_idx=9, v=9, d=2)
    assert str(raised.value) == 'padding_idx of Embedding("[v] d") is 9, but there are 9 vectors'
    for expression in ("[h w] d", "(k [v]) d"):
        with pytest.raises(SemanticError, match=r"padding_idx goes with one indexed axis, as in \[v\] d"):
            wn.Embedding(expression, padding_idx=0)
    assert repr(wn.Embedding(padding_idx=1)) == 'Embedding("[v] d", padding_idx=1)'


def test_several_indexed_axes_take_coordinates():
    layer = wn.Embedding("[h w] d", h=3, w=4, d=2)
    ids = torch.stack([torch.randint(0, 3, (5,)), torch.randint(0, 4, (5,))], -1)
    assert torch.equal(layer(ids), layer.weight[ids[:, 0], ids[:, 1]])


def test_tied_logits():
    layer = wn.Embedding(v=11, d=4)
    x = torch.randn(2, 3, 4, requires_grad=True)
    torch.testing.assert_close(layer.logits(x), x @ layer.weight.T)


def test_loading_gives_sizes():
    theirs = nn.Embedding(7, 3)
    ours = wn.Embedding()
    ours.load_state_dict(theirs.state_dict())
    assert torch.equal(ours(torch.arange(7)), theirs.weight)
    for twin in (copy.deepcopy(ours), pickle.loads(pickle.dumps(ours))):
        assert torch.equal(twin.weight, ours.weight)


def test_initial_numbers():
    weight = wn.Embedding(v=2000, d=100).weight
    assert weight.std().item() == pytest.approx(0.02, rel=0.02)
    assert weight.mean().item() == pytest.approx(0.0, abs=1e-3)


def test_compile():
    layer = wn.Embedding(v=7, d=3)
    compiled = torch.compile(layer, fullgraph=True, backend="eager")
    assert torch.equal(compiled(torch.arange(5)), layer(torch.arange(5)))


def test_meta():
    with torch.device("meta"):
        layer = wn.Embedding(v=7, d=3)
    layer.load_state_dict(nn.Embedding(7, 3).state_dict(), assign=True)
    assert layer(torch.arange(7)).shape == (7, 3)


def test_messages():
    with pytest.raises(CoordinateError):
        wn.Embedding(v=7, d=3)(torch.tensor([7]))
    with pytest.raises(
        AxisSizeError, match=r'axis v of Embedding\("\[v\] d"\) has no size yet: pass v=\.\.\. or call build\(\)'
    ):
        wn.Embedding(d=3)(torch.tensor([0]))
    with pytest.raises(SemanticError, match="needs brackets around the axis that is indexed"):
        wn.Embedding("v d", v=2, d=3)
    with pytest.raises(SemanticError, match="indexes axes by their names"):
        wn.Embedding("[(v w)] d", v=2, w=2, d=3)
    with pytest.raises(SemanticError, match="there is no axis called c"):
        wn.Embedding(v=2, c=3)
    assert repr(wn.Embedding(v=7, d=3)) == 'Embedding("[v] d", v=7, d=3)'


@pytest.mark.parametrize("framework", ["flax", "linen", "equinox", "haiku"])
def test_padding_starts_at_zero_everywhere(framework):
    jax = pytest.importorskip("jax")
    module = pytest.importorskip(f"wirework.nn.{framework}")
    ids, key = jax.numpy.array([0, 1, 2, 3]), jax.random.key(0)
    sizes = {"v": 4, "d": 8, "padding_idx": -2}
    if framework == "flax":
        from flax import nnx

        found = module.Embedding(**sizes, rngs=nnx.Rngs(0))(ids)
    elif framework == "equinox":
        found = module.Embedding(**sizes, key=key)(ids)
    elif framework == "linen":
        found = module.Embedding(**sizes).init_with_output(key, ids)[0]
    else:
        import haiku

        transformed = haiku.transform(lambda ids: module.Embedding(**sizes)(ids))
        found = transformed.apply(transformed.init(key, ids), None, ids)
    assert [bool(row.any()) for row in found] == [True, True, False, True]
