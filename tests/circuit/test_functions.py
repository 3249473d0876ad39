"""Functions of single elements mean the same on NumPy and JAX as on torch, gradients included."""

import numpy as np
import pytest

from wirework.circuit.functions import FUNCTIONS, dtype_of, meanings
from wirework.errors import NotSupportedError

torch = pytest.importorskip("torch")
import torch.nn.functional as F  # noqa: E402

OPTIONS = {
    "cast": [{"dtype": "float64"}, {"dtype": "int32"}, {"dtype": "bool"}],
    "clamp": [{"min": 0.2}, {"max": 1.0}, {"min": -0.5, "max": 0.5}],
    "elu": [{}, {"alpha": 0.3}],
    "gelu": [{}, {"approximate": "tanh"}],
    "leaky_relu": [{}, {"negative_slope": 0.2}],
    "power": [{"exponent": 2}, {"exponent": 3.0}],
    "round": [{}, {"decimals": 1}],
    "softplus": [{}, {"beta": 3, "threshold": 4}],
}
POSITIVE = ("log", "log1p", "rsqrt", "sqrt")
SPREAD = np.concatenate([np.linspace(-30, 30, 41), [-100, -0.5, 0.25, 2.5, 100]]).astype("float32")
CASES = [(name, options) for name in FUNCTIONS for options in OPTIONS.get(name, [{}])]
WHERE_SMOOTH = [
    case for case in CASES if FUNCTIONS[case[0]].keeps != "nothing" and case[0] not in ("clamp", "relu6", "abs")
]


def elements(name):
    if name == "logical_not":
        return SPREAD > 0
    if name in ("reciprocal",):
        return SPREAD[SPREAD != 0]
    return np.abs(SPREAD) + 0.1 if name in POSITIVE else SPREAD


@pytest.mark.parametrize(("name", "options"), CASES)
@pytest.mark.parametrize("backend", ["numpy", "jax"])
def test_means_what_torch_means(backend, name, options):
    x = elements(name)
    wanted = meanings("torch")[name](torch.tensor(x), **options).numpy()
    if backend == "jax":
        x = pytest.importorskip("jax.numpy").asarray(x)
        wanted = wanted.astype("float32") if wanted.dtype == "float64" else wanted
    with np.errstate(over="ignore"):
        found = meanings(backend)[name](x, **options)
    assert str(found.dtype) == str(wanted.dtype)
    np.testing.assert_allclose(np.asarray(found), wanted, rtol=2e-6, atol=2e-6)


@pytest.mark.parametrize(("name", "options"), WHERE_SMOOTH)
def test_jax_has_the_gradient_of_torch(name, options):
    jax = pytest.importorskip("jax")
    x = elements(name)
    x = x[(np.abs(x) < 20) & (x != 0) & (np.abs(x) != 3)]
    leaf = torch.tensor(x, requires_grad=True)
    meanings("torch")[name](leaf, **options).sum().backward()
    found = jax.grad(lambda a: meanings("jax")[name](a, **options).sum())(jax.numpy.asarray(x))
    np.testing.assert_allclose(np.asarray(found), leaf.grad.numpy(), rtol=2e-5, atol=2e-5)


def test_numpy_keeps_single_precision():
    for name, options in CASES:
        if name not in ("cast", "isnan", "logical_not"):
            with np.errstate(over="ignore"):
                assert meanings("numpy")[name](elements(name), **options).dtype == np.float32, name


@pytest.mark.parametrize("name", FUNCTIONS)
def test_says_what_it_keeps(name):
    """By what torch's autograd keeps: an array of floats is its input or its output."""
    keeps, saved = FUNCTIONS[name].keeps, []
    if name in ("cast", "isnan", "logical_not"):
        assert keeps == "nothing"
        return
    x = torch.rand(5, requires_grad=True)
    with torch.autograd.graph.saved_tensors_hooks(lambda a: saved.append(a) or a, lambda a: a):
        y = meanings("torch")[name](x, **OPTIONS.get(name, [{}])[0])
    kinds = {"input" if a.data_ptr() == x.data_ptr() else "output" for a in saved if a.numel() == 5}
    y.detach()
    if keeps in ("input", "nothing"):
        assert kinds <= {keeps}, kinds
    assert keeps == "nothing" or kinds


def test_flops_are_those_of_the_parts():
    flops = {name: function.flops for name, function in FUNCTIONS.items()}
    assert flops["sigmoid"] == flops["negative"] + flops["exp"] + 1 + flops["reciprocal"]
    assert flops["silu"] == flops["sigmoid"] + 1
    assert flops["softplus"] == flops["exp"] + 1 + flops["log"]
    assert flops["mish"] == flops["softplus"] + flops["tanh"] + 1
    assert flops["gelu"] == 3 + flops["erf"] + 1
    assert flops["elu"] == flops["expm1"] + 2


def test_erf_of_many_shapes():
    x = np.linspace(-4, 4, 12).reshape(3, 4)
    np.testing.assert_allclose(meanings("numpy")["erf"](x), torch.erf(torch.tensor(x)).numpy(), rtol=1e-14)
    assert meanings("numpy")["erf"](np.zeros((0, 2))).shape == (0, 2)


def test_gelu_is_torchs_to_the_last_digits():
    x = np.linspace(-6, 6, 101)
    for approximate in ("none", "tanh"):
        wanted = F.gelu(torch.tensor(x), approximate=approximate).numpy()
        np.testing.assert_allclose(meanings("numpy")["gelu"](x, approximate=approximate), wanted, atol=1e-15)


@pytest.mark.parametrize("backend", ["numpy", "torch"])
def test_an_unknown_dtype(backend):
    with pytest.raises(NotSupportedError, match=f"{backend} has no dtype float3"):
        dtype_of(backend, "float3")


def test_an_unknown_backend():
    with pytest.raises(NotSupportedError, match="a circuit runs on NumPy, torch and JAX, not on cupy"):
        meanings("cupy")
