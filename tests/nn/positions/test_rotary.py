"""Rotary embeddings against Hugging Face's Llama and timm, and against the formula written out."""

import copy
import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import wirework.nn.torch as wn
from wirework.errors import AxisSizeError, SemanticError

DTYPES = [torch.float32, torch.float64, torch.bfloat16]
SCALINGS = {
    "linear": (wn.LinearScaling(4.0), {"factor": 4.0}),
    "dynamic": (wn.DynamicScaling(2.0, length=64), {"factor": 2.0}),
    "yarn": (wn.YarnScaling(4.0, length=64), {"factor": 4.0, "original_max_position_embeddings": 64}),
    "yarn, other bounds": (
        wn.YarnScaling(8.0, length=512, beta_fast=16, beta_slow=2, truncate=False),
        {"factor": 8.0, "original_max_position_embeddings": 512, "beta_fast": 16, "beta_slow": 2, "truncate": False},
    ),
    "yarn, mscale": (
        wn.YarnScaling(40.0, length=4096, mscale=1.0, mscale_all_dim=0.7),
        {"factor": 40.0, "original_max_position_embeddings": 4096, "mscale": 1.0, "mscale_all_dim": 0.7},
    ),
    "yarn, factor given": (
        wn.YarnScaling(4.0, length=64, attention_factor=1.3),
        {"factor": 4.0, "original_max_position_embeddings": 64, "attention_factor": 1.3},
    ),
    "llama3": (
        wn.Llama3Scaling(8.0, length=64, low=1.0, high=4.0),
        {"factor": 8.0, "original_max_position_embeddings": 64, "low_freq_factor": 1.0, "high_freq_factor": 4.0},
    ),
}  # fmt: skip


def turned(x, positions, frequencies, pairing):
    """Every pair of features turned by its angle, as complex numbers, in float64."""
    x = x.double()
    pairs = torch.stack(x.chunk(2, -1), -1) if pairing == "half" else x.unflatten(-1, (-1, 2))
    angles = positions.double()[..., None] * frequencies
    y = torch.view_as_real(torch.view_as_complex(pairs.contiguous()) * torch.polar(torch.ones_like(angles), angles))
    return torch.cat(y.unbind(-1), -1) if pairing == "half" else y.flatten(-2)


def geometric(dim, base=10000.0):
    return base ** (-torch.arange(0, dim, 2, dtype=torch.float64) / dim)


def tolerance(dtype):
    return {"rtol": 2e-2, "atol": 2e-2} if dtype == torch.bfloat16 else {"rtol": 1e-5, "atol": 1e-5}


@given(st.data())
@settings(max_examples=40)
def test_equals_the_formula(data):
    pairing = data.draw(st.sampled_from(["half", "interleaved"]))
    dtype = data.draw(st.sampled_from(DTYPES))
    lead = data.draw(st.lists(st.integers(1, 3), max_size=3))
    t, dim, rest = data.draw(st.tuples(st.integers(1, 9), st.integers(1, 6).map(lambda n: 2 * n), st.integers(0, 3)))
    x = torch.randn(*lead, t, dim + rest, dtype=dtype)
    positions = torch.randint(0, 100, (t,))
    y, _ = wn.Rotary(pairing, dim)(x, x, positions)
    expected = torch.cat([turned(x[..., :dim], positions, geometric(dim), pairing), x[..., dim:].double()], -1)
    assert y.dtype == dtype
    torch.testing.assert_close(y, expected.to(dtype), **tolerance(dtype))


@pytest.mark.parametrize("pairing", ["half", "interleaved"])
def test_positions_of_a_batch_and_grouped_keys(pairing):
    q, k = torch.randn(3, 2, 2, 5, 8), torch.randn(3, 2, 1, 5, 8)
    positions = torch.randint(0, 50, (3, 5))
    rotary = wn.Rotary(pairing, 8)
    each = [rotary(q[i], k[i], positions[i]) for i in range(3)]
    whole = rotary(q, k, positions)
    for one, parts in zip(whole, zip(*each, strict=True), strict=True):
        torch.testing.assert_close(one, torch.stack(parts))
    for one, other in zip(rotary(q, k, positions[:1]), rotary(q, k, positions[0]), strict=True):
        torch.testing.assert_close(one, other)
    for one, other in zip(rotary(q, k), rotary(q, k, rotary.angles(torch.arange(5))), strict=True):
        assert torch.equal(one, other)


@pytest.mark.parametrize("pairing", ["half", "interleaved"])
def test_gradients(pairing):
    x = torch.randn(2, 3, 4, 8, dtype=torch.float64, requires_grad=True)
    rotary = wn.Rotary(pairing, 6)
    assert torch.autograd.gradcheck(lambda x: rotary(x, x, torch.arange(4))[0], x)


def test_scores_depend_on_distance_alone():
    rotary, q, k = wn.Rotary("half", 16), torch.randn(1, 16), torch.randn(1, 16)

    def score(i, j):
        return (rotary(q, q, torch.tensor([i]))[0] * rotary(k, k, torch.tensor([j]))[0]).sum()

    torch.testing.assert_close(score(9, 4), score(105, 100), rtol=1e-4, atol=1e-4)


def llama(transformers, dim, base, length, scaling=None):
    from transformers.models.llama.modeling_llama import LlamaRotaryEmbedding

    parameters = {"rope_theta": base, "rope_type": "default", **(scaling or {})}
    config = transformers.LlamaConfig(
        hidden_size=2 * dim,
        num_attention_heads=2,
        head_dim=dim,
        max_position_embeddings=length,
        rope_parameters=parameters,
    )
    return LlamaRotaryEmbedding(config)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("dim", "base"), [(8, 10000.0), (64, 10000.0), (128, 500000.0)])
def test_equals_llama(transformers, dim, base, dtype):
    from transformers.models.llama.modeling_llama import apply_rotary_pos_emb

    q = torch.randn(2, 4, 11, dim, dtype=dtype, requires_grad=True)
    k = torch.randn(2, 2, 11, dim, dtype=dtype, requires_grad=True)
    positions = torch.randint(0, 200, (2, 11))
    theirs = apply_rotary_pos_emb(q, k, *llama(transformers, dim, base, 64)(q, positions))
    ours = wn.Rotary("half", dim, base=base)(q, k, positions)
    # Frequencies differ by a rounding, and so do angles near 200: by 200 * 6e-8.
    close = {"rtol": 1e-4, "atol": 5e-5} if dtype != torch.bfloat16 else tolerance(dtype)
    for one, other in zip(ours, theirs, strict=True):
        assert one.dtype == dtype
        torch.testing.assert_close(one, other, **close)
    weights = torch.randn_like(q)
    gradients = [torch.autograd.grad((y * weights).sum(), q)[0] for y in (ours[0], theirs[0])]
    torch.testing.assert_close(*gradients, **close)


@pytest.mark.parametrize("dim", [8, 32, 128])
@pytest.mark.parametrize("base", [10000.0, 500000.0])
@pytest.mark.parametrize("name", SCALINGS)
def test_scaling_equals_transformers(transformers, name, base, dim):
    ours, options = SCALINGS[name]
    kind = name.partition(",")[0]
    theirs = llama(transformers, dim, base, 64, {"rope_type": kind, **options})
    rotary = wn.Rotary("half", dim, base=base, scaling=ours)
    torch.testing.assert_close(rotary.frequencies, theirs.inv_freq, rtol=2e-6, atol=0)
    assert rotary.definition.attention_scaling == pytest.approx(theirs.attention_scaling)
    q = torch.randn(1, 2, 200, dim)
    for length in (32, 64, 65, 200):
        positions = torch.arange(length)
        cos, sin = theirs(q, positions[None])
        own, partner = rotary.angles(positions)
        torch.testing.assert_close(own, cos[0], rtol=1e-4, atol=1e-4)
        torch.testing.assert_close(partner[:, dim // 2 :], sin[0, :, dim // 2 :], rtol=1e-4, atol=1e-4)


def test_scalings_written_out():
    """The same without transformers, at the ends of each rule."""
    fast, slow = (10000.0 ** (-i / 32) for i in (0, 31))
    ends = lambda scaling: wn.Rotary("half", 64, scaling=scaling).frequencies[[0, 31]].tolist()  # noqa: E731
    assert ends(wn.LinearScaling(4.0)) == pytest.approx([fast / 4, slow / 4])
    assert ends(wn.YarnScaling(4.0, length=2048)) == pytest.approx([fast, slow / 4])
    assert ends(wn.Llama3Scaling(8.0, length=8192)) == pytest.approx([fast, slow / 8])
    assert wn.YarnScaling(4.0, length=2048).attention_scaling == pytest.approx(0.1 * math.log(4) + 1)
    dynamic = wn.Rotary("half", 64, scaling=wn.DynamicScaling(2.0, length=16))
    grown = 10000.0 * (2 * 48 / 16 - 1) ** (64 / 62)
    expected = torch.cos(47 * geometric(64, grown)).float()
    torch.testing.assert_close(dynamic.angles(torch.arange(48))[0][47, :32], expected, rtol=1e-4, atol=1e-5)
    short = dynamic.angles(torch.arange(16))[0]
    torch.testing.assert_close(short, wn.Rotary("half", 64).angles(torch.arange(16))[0])


@pytest.mark.parametrize("half", [False, True])
@pytest.mark.parametrize("in_pixels", [False, True])
@pytest.mark.parametrize(("shape", "dim"), [((4, 4), 16), ((3, 5), 32), ((2, 3, 4), 12)])
def test_axial_equals_timm(timm_layers, shape, dim, in_pixels, half):
    n = len(shape)
    sin, cos = timm_layers.pos_embed_sincos.build_rotary_pos_embed(
        list(shape), dim=dim * 4 // (2 * n), max_res=224, in_pixels=in_pixels, linear_bands=True, rotate_half=half
    )
    scaling = wn.PixelBands(224) if in_pixels else None
    rotary = wn.Rotary("half" if half else "interleaved", dim, coordinates=n, scaling=scaling)
    places = torch.from_numpy(wn.grid_positions(*shape))
    if in_pixels:
        places = 2 * places / (torch.tensor(shape) - 1) - 1
    x = torch.randn(2, 3, len(places), dim)
    y, _ = rotary(x, x, places)
    expected = timm_layers.pos_embed_sincos.apply_rot_embed(x, sin, cos, half=half)
    torch.testing.assert_close(y, expected, rtol=1e-4, atol=1e-4)


def test_positions_may_be_scaled_to_the_grid_of_training_as_timm_does(timm_layers):
    sin, cos = timm_layers.build_rotary_pos_embed([6, 9], dim=16, in_pixels=False, ref_feat_shape=[4, 4])
    places = torch.from_numpy(wn.grid_positions(6, 9)) * (4 / torch.tensor([6, 9]))
    x = torch.randn(54, 16)
    expected = timm_layers.pos_embed_sincos.apply_rot_embed(x, sin, cos)
    y, _ = wn.Rotary("interleaved", 16, coordinates=2)(x, x, places)
    torch.testing.assert_close(y, expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("pairing", ["half", "interleaved"])
def test_axial_is_one_rotary_for_each_coordinate(pairing):
    places = torch.from_numpy(wn.grid_positions(3, 4))
    x = torch.randn(2, 12, 16)
    y, _ = wn.Rotary(pairing, 16, coordinates=2)(x, x, places)
    if pairing == "interleaved":
        parts, join = x.chunk(2, -1), lambda parts: torch.cat(parts, -1)
    else:  # features (p c f)
        parts = [part.flatten(-2) for part in x.unflatten(-1, (2, 2, 4)).unbind(-2)]
        join = lambda parts: torch.stack([part.unflatten(-1, (2, 4)) for part in parts], -2).flatten(-3)  # noqa: E731
    rows = [turned(part, places[:, i], geometric(8), pairing) for i, part in enumerate(parts)]
    torch.testing.assert_close(y, join(rows).float(), rtol=1e-4, atol=1e-5)


def test_tables_keep_their_precision_and_survive_meta():
    with torch.device("meta"):
        rotary = wn.Rotary("half", 8)
    assert rotary.frequencies.is_meta
    x = torch.randn(1, 3, 8)
    expected = wn.Rotary("half", 8)(x, x)[0]
    assert torch.equal(rotary(x, x)[0], expected), "tables are made where they are needed"
    rotary.to_empty(device="cpu")
    assert torch.equal(rotary.frequencies, wn.Rotary("half", 8).frequencies)
    assert rotary.bfloat16().frequencies.dtype == torch.float32
    assert torch.equal(copy.deepcopy(rotary)(x, x)[0], expected)
    assert rotary.state_dict() == {}


@pytest.mark.parametrize("scaling", [None, wn.DynamicScaling(2.0, length=4)])
@pytest.mark.parametrize("pairing", ["half", "interleaved"])
def test_compile(pairing, scaling):
    rotary, x = wn.Rotary(pairing, 8, scaling=scaling), torch.randn(2, 3, 7, 8)
    compiled = torch.compile(rotary, fullgraph=True, backend="eager", dynamic=True)
    for positions in (torch.arange(7), torch.arange(10, 17), torch.randint(0, 9, (2, 7)), None):
        torch.testing.assert_close(compiled(x, x, positions), rotary(x, x, positions))


def test_messages():
    with pytest.raises(SemanticError, match='the pairing of Rotary is "half" or "interleaved", not \'both\''):
        wn.Rotary("both", 8)
    with pytest.raises(AxisSizeError, match="for each of 2 coordinates: dim=6 is not divisible by 4"):
        wn.Rotary("half", 6, coordinates=2)
    scaled = wn.Rotary("half", 8, scaling=wn.LinearScaling(2))
    assert repr(scaled) == 'Rotary("half", dim=8, base=10000.0, scaling=LinearScaling(factor=2))'
