"""The layers for Flax linen: against those for torch, and as modules of linen."""

import copy
import inspect
import pickle

import numpy as np
import pytest
import torch

jax = pytest.importorskip("jax")
nn = pytest.importorskip("flax.linen")
jnp = jax.numpy

import wirework as ww  # noqa: E402
import wirework.nn.linen as wn  # noqa: E402
import wirework.nn.torch as wt  # noqa: E402
from nn.flax_cases import INFERRED, LAYERS, numbers  # noqa: E402
from wirework.errors import AxisSizeError  # noqa: E402

CLOSE = {"rtol": 1e-5, "atol": 1e-5}
KEY = jax.random.key(0)
FLAGS = {"deterministic": True, "use_running_average": False}


def same_weights(variables, theirs):
    """The variables with the parameters of a torch module, by their names."""
    given = {tuple(name.split(".")): each.detach().numpy() for name, each in theirs.named_parameters()}
    found = nn.FrozenDict(variables.get("params", {})).unfreeze()
    flat = dict(jax.tree_util.tree_leaves_with_path(found))
    assert {tuple(key.key for key in path): each.shape for path, each in flat.items()} == {
        path: each.shape for path, each in given.items()
    }
    params = jax.tree_util.tree_map_with_path(lambda path, _: jnp.asarray(given[tuple(k.key for k in path)]), found)
    return {**variables, "params": params}


def states_equal(first, second):
    assert jax.tree.structure(first) == jax.tree.structure(second)
    assert all(jax.tree.leaves(jax.tree.map(jnp.array_equal, first, second)))


@pytest.mark.parametrize("name", LAYERS)
def test_equals_torch(name):
    make, x = LAYERS[name]
    theirs, ours = make(wt), make(wn)
    with torch.no_grad():
        for parameter in theirs.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=torch.manual_seed(0)) * 0.5)
    variables = same_weights(ours.init(KEY, x, **FLAGS), theirs)
    x_torch = torch.tensor(x, requires_grad=True)
    y = theirs(x_torch)
    y.square().mean().backward()

    @jax.jit
    def run(params, x):
        def loss(params, x):
            y, _ = ours.apply({**variables, "params": params}, x, **FLAGS, mutable=["batch_stats"])
            return (y**2).mean(), y

        return jax.grad(loss, argnums=(0, 1), has_aux=True)(params, x)

    (of_params, of_x), found = run(variables["params"], jnp.asarray(x))
    np.testing.assert_allclose(found, y.detach().numpy(), **CLOSE)
    np.testing.assert_allclose(of_x, x_torch.grad.numpy(), **CLOSE)
    for path, parameter in theirs.named_parameters():
        gradient = of_params
        for part in path.split("."):
            gradient = gradient[part]
        np.testing.assert_allclose(gradient, parameter.grad.numpy(), **CLOSE)


@pytest.mark.parametrize("name", INFERRED)
def test_inferred_sizes_give_the_same_numbers(name):
    make, c, shape = INFERRED[name]
    x = jnp.ones(shape) * jnp.arange(shape[-1])
    given, inferred = make(wn, c), make(wn)
    variables = given.init(KEY, x, **FLAGS)
    states_equal(inferred.init(KEY, x, **FLAGS), variables)
    evaluation = {**FLAGS, "use_running_average": True}
    assert jnp.array_equal(given.apply(variables, x, **evaluation), inferred.apply(variables, x, **evaluation))
    shapes = jax.eval_shape(lambda x: inferred.init(KEY, x, **FLAGS), jax.ShapeDtypeStruct(shape, jnp.float32))
    assert jax.tree.map(jnp.shape, variables) == jax.tree.map(lambda each: each.shape, shapes)


class Block(nn.Module):
    def setup(self):
        self.embedding = wn.Embedding(v=10, d=8)
        attention = wn.Attention(
            2, dropout=0.5, mask=wn.causal, position=wn.Rotary("half", 4), scores=[wn.T5Bias(2), wn.Sinks()]
        )
        self.attention = wn.Residual(attention, wn.Norm("... [c]"), drop_path=0.1, layer_scale=0.1)
        self.mlp = wn.MLP(m=16, activation=nn.relu)

    def __call__(self, ids, train=False, cache=None):
        x = self.attention(self.embedding(ids), deterministic=not train, cache=cache)
        return self.embedding.logits(self.mlp(x))


IDS = jnp.array([[1, 2, 3], [4, 5, 6]])


def test_a_module_made_of_layers():
    block = Block()
    variables = block.init(KEY, IDS)
    assert sorted(variables["params"]) == ["attention", "embedding", "mlp"]
    inside = variables["params"]["attention"]["module"]
    assert sorted(inside) == ["in_proj_bias", "in_proj_weight", "out_proj", "score_bias", "sinks"]
    y = block.apply(variables, IDS)
    assert y.shape == (2, 3, 10) and jnp.array_equal(y, block.apply(variables, IDS))
    draws = [block.apply(variables, IDS, train=True, rngs={"dropout": jax.random.key(seed)}) for seed in (1, 1, 2)]
    assert jnp.array_equal(draws[0], draws[1]) and not jnp.array_equal(draws[0], draws[2])


def test_decoding_with_a_cache():
    block = Block()
    variables, cache, parts = block.init(KEY, IDS), wn.StaticCache(3), []
    step = jax.jit(lambda cache, ids: (block.apply(variables, ids, cache=cache), cache))
    for t in range(3):
        y, cache = step(cache, IDS[:, t : t + 1])
        parts.append(y)
    np.testing.assert_allclose(jnp.concatenate(parts, 1), block.apply(variables, IDS), **CLOSE)


def test_compact_modules_and_param():
    class Scaled(nn.Module):
        @nn.compact
        def __call__(self, x):
            x = wn.Linear("... [a -> b]", b=5)(nn.Dense(4)(x))
            x = wn.Norm("... [c]", name="norm")(x)
            x = ww.dot("... [c], d [c] -> ... d", x, wn.param(self, "weight"), d=3)
            return ww.add(
                "... [c]", ww.multiply("... [c]", x, wn.param(self, "scale", init=0.5)), wn.param(self, "shift")
            )

    params = Scaled().init(KEY, jnp.ones((2, 3)))["params"]
    assert jax.tree.map(jnp.shape, params) == {
        "Dense_0": {"bias": (4,), "kernel": (3, 4)},
        "Linear_0": {"bias": (5,), "weight": (5, 4)},
        "norm": {"bias": (5,), "weight": (5,)},
        "scale": (3,),
        "shift": (3,),
        "weight": (3, 5),
    }
    assert params["scale"].tolist() == [0.5] * 3 and params["shift"].tolist() == [0.0] * 3
    assert Scaled().apply({"params": params}, jnp.ones((2, 3))).shape == (2, 3)


def test_running_statistics_are_those_of_linen():
    ours, theirs = wn.Norm("[b...] c", decay_rate=0.9), nn.BatchNorm(momentum=0.9)
    data = numbers(3, 4, 5, 6)
    first, second = (each.init(KEY, data[0], use_running_average=False) for each in (ours, theirs))
    assert first["batch_stats"]["running_mean"].tolist() == [0.0] * 6
    for x in data:
        y, moved = ours.apply(first, x, use_running_average=False, mutable=["batch_stats"])
        expected, theirs_moved = theirs.apply(second, x, use_running_average=False, mutable=["batch_stats"])
        np.testing.assert_allclose(y, expected, **CLOSE)
        first, second = first | moved, second | theirs_moved
    for name, theirs_name in {"running_mean": "mean", "running_var": "var"}.items():
        np.testing.assert_allclose(first["batch_stats"][name], second["batch_stats"][theirs_name], **CLOSE)
    expected = theirs.apply(second, x, use_running_average=True)
    np.testing.assert_allclose(ours.clone(use_running_average=True).apply(first, x), expected, **CLOSE)
    with pytest.raises(ValueError, match='"use_running_average" must be passed'):
        ours.apply(first, x)


def test_dropout():
    x = jnp.ones((40, 3, 50))
    dropout = wn.Dropout("[b] ... [c]", 0.25, deterministic=False)
    y = dropout.apply({}, x, rngs={"dropout": KEY})
    assert set(np.unique(y).tolist()) == {0.0, np.float32(1 / 0.75)} and abs(float(y.mean()) - 1) < 0.05
    assert jnp.array_equal(wn.Dropout("[...]", 0.25).apply({}, x, deterministic=True), x)
    with pytest.raises(ValueError, match='"deterministic" must be passed'):
        wn.Dropout("[...]", 0.25).apply({}, x)


def test_weights_and_other_offers():
    theirs, x = wt.Attention(2, 8, kv_heads=1), numbers(2, 5, 8)
    ours = wn.Attention(2, 8, kv_heads=1)
    variables = same_weights(ours.init(KEY, x), theirs)
    weights = ours.apply(variables, x, method="weights")
    np.testing.assert_allclose(weights, theirs.weights(torch.tensor(x)).detach(), **CLOSE)
    assert wn.RelativeBias((2, 3), 2).places == 6
    rotary = wn.Rotary("half", 4)
    assert rotary.apply({}, jnp.arange(5), method="angles")[0].shape == (5, 4)


def test_dtypes():
    layer = wn.MLP(d=6, m=4, dtype=jnp.bfloat16)
    y, variables = layer.init_with_output(KEY, jnp.ones((2, 6)))
    assert y.dtype == jnp.bfloat16 and variables["params"]["fc1"]["weight"].dtype == jnp.float32
    layer = wn.Linear("... [c -> d]", d=4, param_dtype=jnp.bfloat16)
    assert layer.init(KEY, jnp.ones((2, 6)))["params"]["weight"].dtype == jnp.bfloat16


def test_a_module_of_linen():
    layer = wn.Linear("... [c -> d]", d=4)
    other = wn.Linear("... [c -> d]", d=4)
    assert layer == other and hash(layer) == hash(other) and layer != wn.Linear("... [c -> d]", d=5)
    for each in (layer.clone(), copy.deepcopy(layer), pickle.loads(pickle.dumps(layer))):
        assert each == layer
    assert 'layer = Linear("... [c -> d]", d=4, bias=True)' in repr(layer)
    assert list(inspect.signature(wn.Linear).parameters)[:2] == ["expression", "bias"]
    assert "4,3" in layer.tabulate(KEY, jnp.ones((2, 3)), console_kwargs={"width": 200})


def test_an_axis_called_layer():
    assert wn.Linear("... [c -> layer]", layer=4).init(KEY, jnp.ones((2, 3)))["params"]["weight"].shape == (4, 3)


def test_a_size_that_an_input_cannot_show():
    with pytest.raises(AxisSizeError) as raised:
        wn.Linear("... [c_in -> c_out]").init(KEY, jnp.ones((2, 3)))
    assert str(raised.value) == (
        'axis c_out of Linear("... [c_in -> c_out]") has no size yet: pass c_out=... or call build()'
    )
