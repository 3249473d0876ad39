"""Conversion between frameworks: sizes that were inferred, dtypes, and what is refused. See also `conformance`."""

import pytest
import torch
import torch.nn.functional as F

import wirework.nn.torch as wn
from wirework.errors import AxisSizeError, NotSupportedError, SemanticError
from wirework.nn.convert import convert

UNSIZED = {
    "linear": (lambda: wn.Linear("b [s... -> t] c", t=2), (2, 3, 4, 5)),
    "layer norm": (lambda: wn.Norm("... [c]"), (2, 3, 8)),
    "group norm": (lambda: wn.Norm("b [s...] (g [c])", g=2), (2, 3, 8)),
    "batch norm": (lambda: wn.Norm("[b...] c", decay_rate=0.9), (2, 3, 8)),
    "convolution": (lambda: wn.Conv("b [s] (g [c -> d])", 3, g=2, d=2), (2, 5, 8)),
    "attention": (lambda: wn.Attention(2, kv_heads=1, projection=wn.Split()), (2, 3, 8)),
    "latent attention": (lambda: wn.Attention(2, projection=wn.Latent(4, 2)), (2, 3, 8)),
    "MLP": (lambda: wn.MLP("... [d -> m]", "... [m -> e]", m=6, e=3), (2, 3, 8)),
    "residual": (lambda: wn.Residual(wn.MLP(m=6), wn.Norm("... [c]"), layer_scale=0.1), (2, 3, 8)),
    "learned positions": (lambda: wn.LearnedPositions(3), (2, 3, 8)),
}


@pytest.mark.parametrize(("make", "shape"), UNSIZED.values(), ids=UNSIZED)
def test_sizes_that_were_inferred_are_converted_too(make, shape):
    layer, x = make(), torch.randn(shape)
    layer(x)
    expected, again = layer.eval()(x), convert(layer, to="torch").eval()
    assert not any(getattr(module, "unbuilt", False) for module in again.modules())
    torch.testing.assert_close(again(x), expected, rtol=0, atol=0)


def test_a_converted_layer_has_arrays_of_its_own():
    layer = wn.Linear("... [c -> d]", c=2, d=3)
    again = convert(layer, to="torch")
    with torch.no_grad():
        layer.weight.zero_()
    assert again.weight.abs().min() > 0 and again.weight.requires_grad


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_dtypes_are_kept(dtype):
    layer = wn.Linear("... [c -> d]", c=2, d=3, dtype=dtype)
    again = convert(layer, to="torch")
    assert again.weight.dtype is dtype and torch.equal(again.weight, layer.weight)


def test_a_layer_without_sizes_is_refused():
    with pytest.raises(AxisSizeError, match=r"axis c of Linear\(.*\) has no size yet: pass c=... or call build"):
        convert(wn.Linear("... [c -> d]", d=3), to="torch")


@pytest.mark.parametrize(
    ("make", "name"),
    [
        (lambda: torch.nn.Linear(2, 3), "Linear"),
        (lambda: wn.Residual(torch.nn.Identity()), "Identity"),
        (lambda: wn.MLP(d=2, m=3, activation=F.elu), "elu"),
        (lambda: wn.Attention(2, 8, position=lambda q, k, positions: (q, k)), "<lambda>"),
    ],
)
def test_what_is_not_ours_is_refused_by_name(make, name):
    with pytest.raises(NotSupportedError, match=f"^{name} is not a layer of wirework.nn: only those"):
        convert(make(), to="torch")


def test_a_framework_that_there_is_not_is_refused():
    with pytest.raises(
        NotSupportedError, match=r"there is no framework 'flex' \(did you mean flax\?\): choose from torch"
    ):
        convert(wn.ALiBi(2), to="flex")


def test_a_module_of_equinox_is_converted_with_its_state():
    pytest.importorskip("equinox")
    norm = wn.Norm("[b...] c", c=3, decay_rate=0.9)
    module, _ = convert(norm, to="equinox")
    with pytest.raises(
        SemanticError, match=r"has running statistics inside: convert it with its state, \(module, state\)"
    ):
        convert(module, to="torch")
