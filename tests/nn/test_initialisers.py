"""Initialisers: the distributions as they are promised, and which operation gets which."""

import math

import pytest
import torch

from wirework.errors import SemanticError
from wirework.nn.initialisers import (
    Constant,
    Normal,
    TruncatedNormal,
    Uniform,
    default_initialiser,
    lecun_normal,
)
from wirework.nn.torch.parameter import draw

MANY = (400, 500)


def sample(initialiser, shape=MANY, seed=0, dtype=torch.float32):
    return draw(initialiser, shape, seed, "cpu", dtype)


def test_truncated_normal_has_its_deviation_after_the_cut():
    drawn = sample(TruncatedNormal(0.5))
    bell = TruncatedNormal(0.5).untruncated_stddev
    assert drawn.std().item() == pytest.approx(0.5, rel=5e-3)
    assert drawn.abs().max() <= 2 * bell
    assert drawn.abs().max() > 1.99 * bell
    assert drawn.mean().item() == pytest.approx(0, abs=5e-3)


def test_lecun_normal_has_variance_one_over_fan_in():
    assert sample(lecun_normal(fan_in=50)).var().item() == pytest.approx(1 / 50, rel=1e-2)


def test_truncation_constant_is_the_deviation_of_a_bell_cut_at_two():
    density = math.exp(-2) / math.sqrt(2 * math.pi)
    mass = math.erf(2 / math.sqrt(2))
    expected = math.sqrt(1 - 2 * 2 * density / mass)
    assert 1 / TruncatedNormal(1.0).untruncated_stddev == pytest.approx(expected, rel=1e-12)


def test_normal_uniform_constant():
    assert sample(Normal(0.02)).std().item() == pytest.approx(0.02, rel=1e-2)
    drawn = sample(Uniform(-1.0, 3.0))
    assert drawn.min() >= -1 and drawn.max() <= 3
    assert drawn.mean().item() == pytest.approx(1.0, abs=1e-2)
    assert torch.equal(sample(Constant(0.25), (3,)), torch.full((3,), 0.25))


def test_numbers_and_functions_are_initialisers():
    assert torch.equal(sample(1e-5, (2,)), torch.full((2,), 1e-5))
    orthogonal = sample(torch.nn.init.orthogonal_, (4, 4))
    assert torch.allclose(orthogonal @ orthogonal.T, torch.eye(4), atol=1e-5)


@pytest.mark.parametrize("initialiser", [Normal(1.0), TruncatedNormal(1.0), torch.nn.init.kaiming_normal_])
def test_numbers_depend_on_the_seed_alone(initialiser):
    torch.manual_seed(1)
    first = sample(initialiser, (5, 5), seed=3)
    before = torch.get_rng_state()
    assert torch.equal(sample(initialiser, (5, 5), seed=3), first)
    assert not torch.equal(sample(initialiser, (5, 5), seed=4), first)
    assert torch.equal(torch.get_rng_state(), before), "drawing must leave torch's own generator alone"


def test_lower_precision_is_the_rounded_float32_draw():
    assert torch.equal(sample(Normal(1.0), (9,), dtype=torch.bfloat16), sample(Normal(1.0), (9,)).to(torch.bfloat16))


@pytest.mark.parametrize(
    ("operation", "expected"),
    [
        ("add", Constant(0.0)),
        ("multiply", Constant(1.0)),
        ("get_at", Normal(0.02)),
        ("rearrange", Normal(0.02)),
        ("dot", TruncatedNormal(0.25)),
    ],
)
def test_default_by_operation(operation, expected):
    assert default_initialiser(operation, fan_in=16) == expected


def test_no_default_for_other_operations():
    with pytest.raises(SemanticError) as raised:
        default_initialiser("logaddexp")
    assert str(raised.value) == "a parameter of logaddexp has no default initialisation: pass init=..."
