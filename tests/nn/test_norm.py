"""Norm against every normalisation of torch.nn, forward, backward and in its running statistics."""

import pytest
import torch
from torch import nn

import wirework.nn.torch as wn
from wirework.errors import AxisSizeError, SemanticError

STATELESS = {
    "layer norm": (wn.Norm, ("... [c]",), {}, lambda: nn.LayerNorm(6), (2, 3, 6)),
    "layer norm over several axes": (
        wn.Norm, ("b [s... c]", "b [s... c]"), {}, lambda: nn.LayerNorm((3, 4, 6)), (2, 3, 4, 6),
    ),
    "group norm": (
        wn.Norm, ("b (g [c]) [s...]", "b [c] s..."), {"g": 3}, lambda: nn.GroupNorm(3, 6), (2, 6, 4, 5),
    ),
    "instance norm": (
        wn.Norm, ("b c [s...]", "b [c] s..."), {}, lambda: nn.InstanceNorm2d(6, affine=True), (2, 6, 4, 5),
    ),
    "RMS norm": (
        wn.Norm, ("... [c]",), {"mean": False, "bias": False}, lambda: nn.RMSNorm(6, eps=1e-5), (2, 3, 6),
    ),
}  # fmt: skip

BATCH_NORMS = {
    "BatchNorm1d": ("[b] c", "b [c]", nn.BatchNorm1d, (8, 5)),
    "BatchNorm1d in time": ("[b] c [t]", "b [c] t", nn.BatchNorm1d, (8, 5, 3)),
    "BatchNorm2d": ("[b] c [s...]", "b [c] s...", nn.BatchNorm2d, (4, 5, 3, 2)),
    "BatchNorm3d": ("[b] c [s...]", "b [c] s...", nn.BatchNorm3d, (4, 5, 3, 2, 2)),
}


def randomise(*modules):
    """Give two modules the same parameters, none of them at its start."""
    state = {
        name: torch.rand_like(value) + 0.5
        for name, value in modules[0].state_dict().items()
        if value.is_floating_point()
    }
    for module in modules:
        module.load_state_dict(state, strict=False)


def assert_same(ours, theirs, x):
    """Outputs and all gradients agree."""
    x1, x2 = x.clone().requires_grad_(), x.clone().requires_grad_()
    y1, y2 = ours(x1), theirs(x2)
    torch.testing.assert_close(y1, y2, rtol=1e-4, atol=1e-5)
    weights = torch.randn_like(y1)
    (y1 * weights).sum().backward()
    (y2 * weights).sum().backward()
    torch.testing.assert_close(x1.grad, x2.grad, rtol=1e-4, atol=1e-5)
    theirs_by_name = dict(theirs.named_parameters())
    for name, parameter in ours.named_parameters():
        torch.testing.assert_close(parameter.grad, theirs_by_name[name].grad, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", STATELESS)
def test_equals_torch(name):
    make, arguments, options, make_theirs, shape = STATELESS[name]
    ours, theirs = make(*arguments, **options), make_theirs()
    x = torch.randn(shape) * 3 + 2
    wn.build(ours, {"x": shape})
    randomise(theirs, ours)
    assert set(ours.state_dict()) == set(theirs.state_dict())
    assert_same(ours, theirs, x)


@pytest.mark.parametrize("name", BATCH_NORMS)
def test_batch_norm_in_training_and_evaluation(name):
    stats, params, make_theirs, shape = BATCH_NORMS[name]
    ours, theirs = wn.Norm(stats, params, decay_rate=0.9), make_theirs(shape[1])
    ours(torch.zeros(shape))
    randomise(theirs, ours)
    ours.num_batches_tracked.zero_()
    for _ in range(3):
        assert_same(ours, theirs, torch.randn(shape) * 3 + 2)
    for key, value in theirs.state_dict().items():
        torch.testing.assert_close(ours.state_dict()[key], value, rtol=1e-4, atol=1e-5)
    assert_same(ours.eval(), theirs.eval(), torch.randn(shape))


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
