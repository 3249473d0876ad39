"""Sinusoidal embeddings against the formula of the paper, and against timm in two dimensions."""

import copy
import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import wirework.nn.torch as wn
from wirework.errors import AxisSizeError, SemanticError


def paper(positions, d, base=10000.0):
    """Section 3.5 of the paper, element by element, in float64."""
    table = torch.empty(len(positions), d, dtype=torch.float64)
    for row, position in enumerate(positions):
        for i in range(d // 2):
            angle = position / base ** (2 * i / d)
            table[row, 2 * i], table[row, 2 * i + 1] = math.sin(angle), math.cos(angle)
    return table


@given(st.data())
@settings(max_examples=40)
def test_equals_the_paper(data):
    dtype = data.draw(st.sampled_from([torch.float32, torch.float64, torch.bfloat16]))
    lead = data.draw(st.lists(st.integers(1, 3), max_size=2))
    t, d, base = data.draw(
        st.tuples(st.integers(1, 9), st.integers(1, 8).map(lambda n: 2 * n), st.sampled_from([100.0, 10000.0]))
    )
    x = torch.randn(*lead, t, d, dtype=dtype)
    expected = x + paper(range(t), d, base).to(dtype)
    close = {"rtol": 2e-2, "atol": 2e-2} if dtype == torch.bfloat16 else {"rtol": 1e-5, "atol": 1e-5}
    for module in (wn.Sinusoidal(base=base), wn.Sinusoidal(d, base=base), wn.Sinusoidal(d, base=base, grid=t + 2)):
        y = module(x)
        assert y.dtype == dtype
        torch.testing.assert_close(y, expected, **close)


def test_given_positions():
    positions = torch.tensor([[5, 0, 900], [7, 7, 1]])
    x = torch.randn(2, 3, 8)
    expected = x + torch.stack([paper(row, 8) for row in positions.tolist()]).float()
    torch.testing.assert_close(wn.Sinusoidal()(x, positions), expected, rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(wn.Sinusoidal()(x, positions[1])[1], expected[1], rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("layout", ["k c f", "c k f"])
@pytest.mark.parametrize(("shape", "d", "base"), [((4, 4), 16, 10000.0), ((3, 7), 64, 100.0), ((14, 14), 192, 10000.0)])
def test_equals_timm(timm_layers, shape, d, base, layout):
    expected = timm_layers.build_sincos2d_pos_embed(list(shape), d, base, interleave_sin_cos=layout == "c k f")
    zeros = torch.zeros(math.prod(shape), d)
    once = wn.Sinusoidal(d, base=base, layout=layout, grid=shape)
    each = wn.Sinusoidal(base=base, layout=layout, coordinates=2)
    torch.testing.assert_close(once(zeros), expected, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(each(zeros, torch.from_numpy(wn.grid_positions(*shape))), expected, rtol=1e-5, atol=1e-5)


@given(st.data())
@settings(max_examples=30)
def test_coordinates_are_one_embedding_each(data):
    count, t, f = data.draw(st.tuples(st.integers(1, 4), st.integers(1, 5), st.integers(1, 4)))
    layout = data.draw(st.sampled_from(["c f k", "c k f", "k c f"]))
    positions = torch.rand(2, t, count) * 20
    module = wn.Sinusoidal(2 * f * count, coordinates=count, layout=layout)
    y = module.encode(positions if count > 1 else positions[..., 0])
    order = [" cfk".index(letter) for letter in layout.split()]
    named = torch.stack(
        [torch.stack([paper(row, 2 * f) for row in positions[..., c].tolist()]) for c in range(count)], 2
    )
    expected = named.unflatten(-1, (f, 2)).permute(0, 1, *(place + 1 for place in order)).flatten(2)
    torch.testing.assert_close(y, expected.float(), rtol=1e-4, atol=1e-5)


def test_timm_layout_written_out():
    y = wn.Sinusoidal(8, layout="k c f", coordinates=2).encode(torch.tensor([[3, 5]]))
    angles = [3.0, 3 * 0.01, 5.0, 5 * 0.01]
    expected = [math.sin(angle) for angle in angles] + [math.cos(angle) for angle in angles]
    assert y[0].tolist() == pytest.approx(expected, abs=1e-6)


def test_gradient_reaches_positions_and_tokens():
    x = torch.randn(3, 4, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(wn.Sinusoidal(), x)
    positions = torch.rand(3, 2, requires_grad=True)
    wn.Sinusoidal(coordinates=2)(x.detach().float(), positions).sum().backward()
    assert positions.grad.abs().sum() > 0


def test_tables_survive():
    x = torch.randn(2, 5, 8)
    ready = wn.Sinusoidal(8, grid=6)
    with torch.device("meta"):
        module = wn.Sinusoidal(8, grid=6)
    assert torch.equal(module(x), ready(x))
    assert torch.equal(module.to_empty(device="cpu").bfloat16()(x), ready(x))
    unsized = wn.build(wn.Sinusoidal(), {"x": (2, 5, 8)})
    assert unsized.frequencies.shape == (4,) and type(unsized.frequencies) is torch.Tensor
    assert torch.equal(copy.deepcopy(unsized)(x), unsized(x))
    assert ready.state_dict() == {}


def test_compile():
    for module in (wn.Sinusoidal(8), wn.Sinusoidal(8, grid=20)):
        compiled = torch.compile(module, fullgraph=True, backend="eager")
        for t in (3, 5, 7):
            x = torch.randn(2, t, 8)
            torch.testing.assert_close(compiled(x), module(x))


def test_messages():
    with pytest.raises(AxisSizeError, match="d=6 is not divisible by 4"):
        wn.Sinusoidal(6, coordinates=2)
    with pytest.raises(AxisSizeError, match="d=7 is not divisible by 2"):
        wn.Sinusoidal()(torch.zeros(2, 7))
    with pytest.raises(SemanticError, match="one of c f k, c k f, k c f, not 'k f'"):
        wn.Sinusoidal(8, layout="k f")
    with pytest.raises(
        AxisSizeError, match=r"axis d of Sinusoidal\(\) has no size yet: pass d=\.\.\. or call build\(\)"
    ):
        wn.Sinusoidal().encode(torch.arange(3))
    assert repr(wn.Sinusoidal(8)) == "Sinusoidal(d=8, base=10000.0, layout='c f k')"
