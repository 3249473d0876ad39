"""Learned positions against torch.nn.Embedding, and their resampling against torch, timm and Hugging Face's ViT."""

import copy

import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

import wirework.nn.torch as wn
from wirework.errors import AxisSizeError, RankError


# Torch 2.13 gets images that are one pixel wide wrong: all rows come out as the first.
@given(st.integers(1, 20), st.integers(2, 20), st.integers(1, 20), st.integers(2, 20), st.booleans(), st.integers(0, 2))
@settings(max_examples=60)
def test_resampling_equals_torch(h, w, height, width, antialias, prefix):
    positions = wn.LearnedPositions((h, w), prefix=prefix, antialias=antialias, d=3, dtype=torch.float64)
    grid = positions.weight[prefix:].unflatten(0, (h, w)).permute(2, 0, 1)[None]
    expected = F.interpolate(grid, size=(height, width), mode="bicubic", antialias=antialias, align_corners=False)
    y = positions.resampled((height, width))
    torch.testing.assert_close(y[prefix:].unflatten(0, (height, width)), expected[0].permute(1, 2, 0))
    assert torch.equal(y[:prefix], positions.weight[:prefix])


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize(("old", "new"), [((14, 14), (24, 24)), ((14, 14), (7, 9)), ((4, 6), (6, 4)), ((5, 5), (5, 5))])
@pytest.mark.parametrize("prefix", [0, 1, 5])
def test_equals_timm(timm_layers, old, new, prefix, dtype):
    positions = wn.LearnedPositions(old, prefix=prefix, d=6, dtype=dtype)
    expected = timm_layers.resample_abs_pos_embed(positions.weight[None], list(new), list(old), prefix)[0]
    y = positions.resampled(new)
    assert y.dtype == dtype
    torch.testing.assert_close(
        y, expected, **({"rtol": 1e-2, "atol": 1e-4} if dtype == torch.bfloat16 else {"rtol": 1e-5, "atol": 1e-6})
    )


@pytest.mark.parametrize("size", [48, 32, 80])
def test_equals_hugging_face_vit(transformers, size):
    from transformers.models.vit.modeling_vit import ViTEmbeddings

    config = transformers.ViTConfig(image_size=48, patch_size=8, hidden_size=12, hidden_dropout_prob=0.0)
    theirs = ViTEmbeddings(config)
    for parameter in theirs.parameters():
        torch.nn.init.normal_(parameter)
    ours = wn.LearnedPositions((6, 6), prefix=1, antialias=False)
    ours.load_state_dict({"weight": theirs.position_embeddings})
    images = torch.randn(2, 3, size, size)
    expected = theirs(images, interpolate_pos_encoding=True)
    tokens = torch.cat([theirs.cls_token.expand(2, -1, -1), theirs.patch_embeddings(images)], 1)
    torch.testing.assert_close(ours(tokens, grid=(size // 8, size // 8)), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_a_line_of_places_equals_an_embedding(dtype):
    theirs = torch.nn.Embedding(10, 4, dtype=dtype)
    ours = wn.LearnedPositions(10, dtype=dtype)
    ours.load_state_dict(theirs.state_dict())
    x = torch.randn(2, 7, 4, dtype=dtype)
    assert torch.equal(ours(x), x + theirs(torch.arange(7)))
    for positions in (torch.randint(0, 10, (7,)), torch.randint(0, 10, (2, 7))):
        assert torch.equal(ours(x, positions), x + theirs(positions))
    weights = torch.randn_like(x)
    (ours(x) * weights).sum().backward()
    ((x + theirs(torch.arange(7))) * weights).sum().backward()
    torch.testing.assert_close(ours.weight.grad, theirs.weight.grad)


def test_gradients_through_resampling():
    positions = wn.LearnedPositions((2, 3), prefix=1, d=2, dtype=torch.float64)
    x = torch.randn(1, 13, 2, dtype=torch.float64)

    def added(weight):
        return torch.func.functional_call(positions, {"weight": weight}, (x,), {"grid": (3, 4)})

    assert torch.autograd.gradcheck(added, positions.weight.detach().requires_grad_())


def test_other_numbers_of_axes():
    line = wn.LearnedPositions(5, d=4)
    expected = F.interpolate(line.weight.T[None, :, None], size=(1, 9), mode="bicubic", antialias=True)
    torch.testing.assert_close(line.resampled(9), expected[0, :, 0].T, rtol=1e-5, atol=1e-6)
    box = wn.LearnedPositions((2, 3, 4), d=2)
    assert box.resampled((4, 3, 2)).shape == (24, 2)


def test_life_cycle():
    torch.manual_seed(0)
    eager = wn.LearnedPositions((2, 2), prefix=1, d=4)
    torch.manual_seed(0)
    lazy = wn.LearnedPositions((2, 2), prefix=1)
    x = torch.randn(3, 5, 4)
    assert torch.equal(copy.deepcopy(lazy)(x), eager(x))
    wn.build(lazy, {"x": (3, 5, 4)})
    assert torch.equal(lazy(x), eager(x))
    assert lazy.weight.shape == (5, 4)
    empty = wn.LearnedPositions((2, 2), prefix=1)
    empty.load_state_dict({"weight": eager.weight[None]})
    assert torch.equal(empty(x), eager(x))


def test_compile():
    positions = wn.LearnedPositions((2, 2), prefix=1, d=4)
    compiled = torch.compile(positions, fullgraph=True, backend="eager")
    x = torch.randn(3, 5, 4)
    assert torch.equal(compiled(x), positions(x))
    x = torch.randn(3, 10, 4)
    torch.testing.assert_close(compiled(x, grid=(3, 3)), positions(x, grid=(3, 3)))


def test_messages():
    positions = wn.LearnedPositions((2, 2), d=4)
    with pytest.raises(
        AxisSizeError, match=r"LearnedPositions\(\(2, 2\)\) has 4 rows, but there are 3 tokens: pass grid="
    ):
        positions(torch.zeros(3, 4))
    with pytest.raises(RankError, match=r"cannot be resampled to \(3,\), which has 1 axes"):
        positions.resampled(3)
    assert repr(positions) == "LearnedPositions(grid=(2, 2), d=4, antialias=True)"
