"""The definitions without a framework give the same numbers on NumPy and JAX as the torch modules."""

import numpy as np
import pytest
import torch

import wirework.nn.torch as wn
from wirework.nn.conv import ConvDefinition
from wirework.nn.embedding import EmbeddingDefinition


def numpy_library():
    return np, np.asarray


def jax_library():
    library = pytest.importorskip("jax.numpy", reason="jax is not installed")
    return library, library.asarray


@pytest.fixture(params=[numpy_library, jax_library], ids=["numpy", "jax"])
def library(request):
    """The functions of a library, and what makes its arrays of torch's."""
    functions, convert = request.param()
    return functions, lambda tensor: convert(tensor.detach().numpy())


def assert_same(array, tensor):
    np.testing.assert_allclose(np.asarray(array), tensor.detach().numpy(), rtol=1e-4, atol=1e-5)


def tables_of(module, convert):
    return {name: convert(getattr(module, name)) for name in module.definition.tables}


@pytest.mark.parametrize("scaling", [None, wn.DynamicScaling(2.0, length=4), wn.Llama3Scaling(8.0, length=64)])
@pytest.mark.parametrize("pairing", ["half", "interleaved"])
def test_rotary(library, pairing, scaling):
    functions, convert = library
    module, x, positions = wn.Rotary(pairing, 6, scaling=scaling), torch.randn(2, 3, 5, 8), torch.arange(5)
    angles = module.definition.angles(convert(positions), tables_of(module, convert))
    factors = module.definition.factors(functions.cos(angles), functions.sin(angles))
    assert_same(module.definition.rotate(convert(x), *factors), module(x, x, positions)[0])


def test_sinusoidal(library):
    functions, convert = library
    module, x, positions = wn.Sinusoidal(8, coordinates=2), torch.randn(3, 5, 8), torch.rand(3, 5, 2)
    angles = module.definition.angles(convert(positions), tables_of(module, convert))
    encoding = module.definition.join(functions.sin(angles), functions.cos(angles))
    assert_same(module.definition.add(convert(x), encoding), module(x, positions))


def test_learned(library):
    _, convert = library
    module, x = wn.LearnedPositions((2, 3), prefix=1, d=4), torch.randn(2, 21, 4)
    definition, weight = module.definition, convert(module.weight)
    table = definition.resample(weight, [matrix.astype(np.float32) for matrix in definition.matrices((4, 5))])
    assert_same(definition.add(convert(x), table), module(x, grid=(4, 5)))
    assert_same(definition.add_at(convert(x[:, :3]), weight, np.arange(3)), module(x[:, :3], torch.arange(3)))


def test_biases(library):
    _, convert = library
    q, k = torch.arange(3, 6), torch.arange(6)
    for module in (wn.RelativeBias((2, 3), 2), wn.T5Bias(2, max_distance=20), wn.ALiBi(2)):
        arrays = [convert(array) for array in module.parameters()]
        array = module.definition(*arrays, tables_of(module, convert), convert(q), convert(k))
        assert_same(array, module(q, k))


def test_embedding_and_conv(library):
    _, convert = library
    table, ids = wn.Embedding(v=7, d=3), torch.randint(0, 7, (2, 4))
    assert_same(EmbeddingDefinition()(convert(ids), convert(table.weight)), table(ids))
    for transposed in (False, True):
        layer, x = wn.Conv("b [s...] [c -> d]", 3, 2, d=3, transposed=transposed), torch.randn(2, 7, 7, 4)
        expected = layer(x)
        definition = ConvDefinition("b [s...] [c -> d]", 3, 2, transposed=transposed)
        assert_same(definition(convert(x), convert(layer.weight), convert(layer.bias)), expected)
