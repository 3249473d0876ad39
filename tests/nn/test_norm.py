"""Norm against every normalisation of torch.nn, forward, backward and in its running statistics."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

import wirework.nn.torch as wn
from wirework.errors import AxisSizeError, SemanticError

DTYPES = [torch.float32, torch.float64, torch.bfloat16]
CLOSE = {
    torch.float32: {"rtol": 1e-3, "atol": 1e-4},
    torch.float64: {"rtol": 1e-7, "atol": 1e-8},
    torch.bfloat16: {"rtol": 0.05, "atol": 0.1},
}


def layer_norm(shape, last, draw):
    normalised = shape[-draw(st.integers(1, len(shape) - 1)) :]
    stats = f"b... [{' '.join('hwcd'[: len(normalised)])}]"
    return wn.Norm(stats, stats), nn.LayerNorm(normalised)


def rms_norm(shape, last, draw):
    return wn.Norm("... [c]", mean=False, bias=False), nn.RMSNorm(shape[-1], eps=1e-5)


def instance_norm(shape, last, draw):
    stats, params = ("b [s...] c", "b... [c]") if last else ("b c [s...]", "b [c] s...")
    affine = draw(st.booleans())
    kind = getattr(nn, f"InstanceNorm{len(shape) - 2}d")
    return wn.Norm(stats, params, scale=affine, bias=affine), kind(shape[1], affine=affine)


def group_norm(shape, last, draw):
    stats, params = ("b [s...] (g [c])", "b... [c]") if last else ("b (g [c]) [s...]", "b [c] s...")
    g = draw(st.sampled_from([n for n in (1, 2, 3) if shape[1] % n == 0]))
    return wn.Norm(stats, params, g=g), nn.GroupNorm(g, shape[1])


def batch_norm(shape, last, draw):
    stats, params = ("[b...] c", "b... [c]") if last else ("[b] c [s...]", "b [c] s...")
    momentum = draw(st.sampled_from([0.1, 0.01, 1.0]))
    tracked = draw(st.booleans())
    ours = wn.Norm(stats, params, decay_rate=1 - momentum if tracked else None)
    kind = getattr(nn, f"BatchNorm{len(shape) - 2}d")
    return ours, kind(shape[1], momentum=momentum, track_running_stats=tracked)


def make_pair(make, draw):
    """Ours and torch's in the same state, none of it at its start, the shape of an input, and where ours has channels.

    Ours computes by torch's kernels, or by its definition.
    """
    channels_last = make not in (layer_norm, rms_norm) and draw(st.booleans())
    shape = tuple(draw(st.lists(st.integers(2, 6), min_size=3, max_size=5)))
    ours, theirs = make(shape, channels_last, draw)
    ours(torch.zeros(shape).movedim(1, -1) if channels_last else torch.zeros(shape))
    start = theirs.state_dict()
    state = {name: torch.rand_like(x) + 0.5 if x.is_floating_point() else x for name, x in start.items()}
    for module in (ours, theirs):
        module.load_state_dict(state)
    if draw(st.booleans()):
        ours.form = None
    return ours, theirs, shape, channels_last


def spread(shape):
    """Random numbers that are not alike along any axis, which would make gradients sensitive to rounding."""
    odd = sum(torch.meshgrid(*map(torch.arange, shape), indexing="ij")) % 2
    return torch.randn(shape) / 2 + 4 * odd + 1


def assert_same(ours, theirs, x, channels_last):
    """Outputs, gradients and states agree."""
    x1, x2 = x.clone().requires_grad_(), x.clone().requires_grad_()
    y1, y2 = ours(x1.movedim(1, -1)).movedim(-1, 1) if channels_last else ours(x1), theirs(x2)
    close = CLOSE[x.dtype]
    torch.testing.assert_close(y1, y2, **close)
    weights = torch.randn_like(y1)
    y1.backward(weights)
    y2.backward(weights)
    torch.testing.assert_close(x1.grad, x2.grad, **close)
    grown = {name: 10 * value for name, value in close.items()}
    for name, parameter in theirs.named_parameters():
        torch.testing.assert_close(ours.get_parameter(name).grad, parameter.grad, **grown)
    assert list(ours.state_dict()) == list(theirs.state_dict())
    for mine, other in zip(ours.state_dict().values(), theirs.state_dict().values(), strict=True):
        torch.testing.assert_close(mine, other, **close)


@pytest.mark.parametrize("make", [layer_norm, rms_norm, instance_norm, group_norm, batch_norm])
@given(data=st.data())
@settings(max_examples=50)
def test_equals_torch_in_training_and_evaluation(make, data):
    torch.manual_seed(data.draw(st.integers(0, 999)))
    ours, theirs, shape, channels_last = make_pair(make, data.draw)
    dtype = data.draw(st.sampled_from(DTYPES))
    ours, theirs = ours.to(dtype), theirs.to(dtype)
    for training in (True, True, False):
        assert_same(ours.train(training), theirs.train(training), spread(shape).to(dtype), channels_last)


def test_channels_last_expressions_of_the_documentation():
    x = torch.randn(4, 3, 2, 6) * 2 + 1
    first = x.movedim(-1, 1)
    pairs = [
        (wn.Norm("[b...] c"), nn.BatchNorm2d(6)),
        (wn.Norm("b [s...] c"), nn.InstanceNorm2d(6)),
        (wn.Norm("b [s...] (g [c])", g=3), nn.GroupNorm(3, 6)),
    ]
    for ours, theirs in pairs:
        torch.testing.assert_close(ours(x).movedim(-1, 1), theirs(first), rtol=1e-4, atol=1e-5)


def test_the_first_training_step_uses_the_statistics_of_the_batch():
    norm = wn.Norm("[b...] c", decay_rate=0.99)
    y = norm(torch.randn(500, 3) * 10 + 100)
    assert y.mean().item() == pytest.approx(0, abs=1e-4)
    assert y.std().item() == pytest.approx(1, abs=1e-2)


def test_variance_is_stable_far_from_zero():
    x = torch.randn(64, 128, dtype=torch.float64) + 1e4
    y = wn.Norm("... [c]")(x.float())
    expected = nn.functional.layer_norm(x.float().double(), (128,))
    torch.testing.assert_close(y.double(), expected, rtol=1e-2, atol=1e-2)


def test_group_norm_sizes_at_construction():
    norm = wn.Norm("b [s...] (g [c])", g=4, c=8)
    assert not norm.unbuilt
    assert norm.weight.shape == (32,)


def test_switches():
    x = torch.randn(5, 4) + 3
    assert torch.allclose(wn.Norm("... [c]", var=False, scale=False, bias=False)(x).mean(1), torch.zeros(5), atol=1e-6)
    bare = wn.Norm("... [c]", scale=False, bias=False)
    assert not list(bare.parameters())
    torch.testing.assert_close(bare(x), nn.functional.layer_norm(x, (4,)))
    assert bare.weight is None and bare.bias is None


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_low_precision_keeps_float32_statistics(dtype):
    x = (torch.randn(8, 512) * 100 + 300).to(dtype)
    y = wn.Norm("... [c]")(x)
    assert y.dtype == dtype
    torch.testing.assert_close(y.float(), nn.functional.layer_norm(x.float(), (512,)), rtol=1e-2, atol=1e-2)


def test_autocast_statistics_are_float32():
    norm, linear = wn.Norm("... [c]"), nn.Linear(16, 16)
    with torch.autocast("cpu", torch.bfloat16):
        hidden = linear(torch.randn(4, 16))
        y = norm(hidden)
    assert y.dtype == torch.bfloat16
    torch.testing.assert_close(y.float(), nn.functional.layer_norm(hidden.float(), (16,)), rtol=1e-2, atol=1e-2)


def test_half_precision_module():
    norm = wn.Norm("[b] c [s...]", "b [c] s...", decay_rate=0.9, c=4).half()
    x = torch.randn(3, 4, 5).half()
    assert norm(x).dtype == torch.float16
    assert norm.running_mean.dtype == torch.float16
    assert norm.eval()(x).dtype == torch.float16


def test_reset_parameters():
    norm = wn.Norm("[b...] c", decay_rate=0.9, c=3)
    nn.init.zeros_(norm.weight)
    norm(torch.randn(9, 3) + 5)
    norm.reset_parameters()
    assert torch.equal(norm.weight, torch.ones(3))
    assert torch.equal(norm.running_mean, torch.zeros(3))
    assert norm.num_batches_tracked == 0


def test_repr():
    assert repr(wn.Norm("... [c]", c=4, mean=False)) == 'Norm("... [c]", "b... [c]", c=4, mean=False, epsilon=1e-05)'


def test_one_value_per_statistic_cannot_be_tracked():
    with pytest.raises(AxisSizeError, match="needs more than one value per statistic in training"):
        wn.Norm("[b] c", decay_rate=0.9)(torch.randn(1, 3))


@pytest.mark.parametrize(
    ("stats", "message"),
    [
        ("b c", "Norm needs brackets around the axes that it acts on\n\n    b c"),
        (
            "b [c -> d]",
            "the brackets of Norm hold axes only, without ',' or '->'\n\n    b [c -> d]",
        ),
        (
            "b [c], b",
            "Norm takes the axes of one array, without ',' or '->' outside brackets\n\n    b [c], b",
        ),
    ],
)
def test_expressions_that_are_no_statistics(stats, message):
    with pytest.raises(SemanticError) as raised:
        wn.Norm(stats)
    assert str(raised.value) == message


def test_group_norm_with_channels_last_and_a_gradient_for_the_weight_alone():
    """The backward of the kernel of torch 2.13 crashes on an input that is not contiguous."""
    layer = wn.Norm("b s... (g [c])", "b... [c]", g=2)
    x = torch.randn(2, 5, 5, 6)
    layer(x).square().sum().backward()
    other = wn.Norm("b (g [c]) s...", "b [c] s...", g=2)
    other(x.movedim(-1, 1).contiguous()).square().sum().backward()
    torch.testing.assert_close(layer.weight.grad, other.weight.grad)
