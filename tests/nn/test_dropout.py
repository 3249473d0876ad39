"""Dropout: which elements share a mask, how many survive, and what they are multiplied by."""

import pytest
import torch

import wirework.nn.torch as wn
from wirework.errors import SemanticError

X = torch.ones(50, 40, 30)


@pytest.mark.parametrize("rate", [0.1, 0.5])
def test_ordinary(rate):
    y = wn.Dropout("[...]", rate)(X)
    assert (y == 0).float().mean().item() == pytest.approx(rate, abs=0.01)
    assert torch.allclose(y[y != 0], torch.tensor(1 / (1 - rate)))


def test_spatial():
    y = wn.Dropout("[b] ... [c]", 0.5)(X)
    assert torch.equal(y, y[:, :1].expand_as(y)), "all places share the mask of their channel"
    assert 0.4 < (y[:, 0] == 0).float().mean() < 0.6


def test_drop_path():
    y = wn.Dropout("[b] ...", 0.5)(X)
    assert torch.equal(y, y[:, :1, :1].expand_as(y)), "a sample is dropped as a whole"
    assert 0 < (y[:, 0, 0] == 0).sum() < 50


def test_gradient_is_the_mask():
    x = X.clone().requires_grad_()
    y = wn.Dropout("[...]", 0.3)(x)
    y.sum().backward()
    assert torch.equal(x.grad, y.detach())


def test_evaluation_and_rate_zero_return_the_input():
    assert wn.Dropout("[...]", 0.5).eval()(X) is X
    assert wn.Dropout("[...]", 0.0)(X) is X


def test_rate_one_drops_all():
    assert torch.equal(wn.Dropout("[...]", 1.0)(X), torch.zeros_like(X))


def test_seeded():
    torch.manual_seed(0)
    first = wn.Dropout("[...]", 0.5)(X)
    torch.manual_seed(0)
    assert torch.equal(wn.Dropout("[...]", 0.5)(X), first)


def test_dtype_is_kept():
    assert wn.Dropout("[...]", 0.5)(X.bfloat16()).dtype == torch.bfloat16


def test_repr():
    assert repr(wn.Dropout("[b] ... [c]", 0.5)) == 'Dropout("[b] ... [c]", drop_rate=0.5)'


def test_mistakes():
    with pytest.raises(SemanticError) as raised:
        wn.Dropout("b c", 0.5)
    assert str(raised.value) == "Dropout needs brackets around the axes of its mask\n\n    b c"
    with pytest.raises(SemanticError) as raised:
        wn.Dropout("[...]", 1.5)
    assert str(raised.value) == "drop_rate is a probability between 0 and 1, not 1.5"
