"""The layers for Flax NNX: against those for torch, and as modules of NNX."""

import copy
import doctest
import importlib
import inspect
import pickle
import subprocess
import sys
from functools import reduce

import numpy as np
import pytest
import torch

jax = pytest.importorskip("jax")
nnx = pytest.importorskip("flax.nnx")
jnp = jax.numpy

import wirework as ww  # noqa: E402
import wirework.nn.flax as wn  # noqa: E402
import wirework.nn.torch as wt  # noqa: E402
from nn.flax_cases import INFERRED, LAYERS, numbers  # noqa: E402
from wirework.errors import AxisSizeError, SemanticError  # noqa: E402
from wirework.nn import jax_caches  # noqa: E402

CLOSE = {"rtol": 1e-5, "atol": 1e-5}


def rngs(seed=0):
    return nnx.Rngs(seed)


def same_weights(ours, theirs):
    """Copy the parameters of a torch module by their names."""
    for name, parameter in theirs.named_parameters():
        variable = reduce(getattr, name.split("."), ours)
        assert isinstance(variable, nnx.Param) and variable.shape == tuple(parameter.shape), name
        variable.set_value(jnp.asarray(parameter.detach().numpy()))
    return ours


def states_equal(first, second):
    first, second = (dict(nnx.to_flat_state(nnx.state(each))) for each in (first, second))
    assert first.keys() == second.keys()
    for path, variable in first.items():
        assert type(variable) is type(second[path])
        one, other = (jax.random.key_data(each) if jnp.issubdtype(each.dtype, jax.dtypes.prng_key) else each
                      for each in (variable.get_value(), second[path].get_value()))  # fmt: skip
        assert jnp.array_equal(one, other), path


# -- the same numbers as torch ------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", LAYERS)
def test_equals_torch(name):
    make, x = LAYERS[name]
    theirs = make(wt)
    with torch.no_grad():
        for parameter in theirs.parameters():
            parameter.copy_(torch.randn(parameter.shape, generator=torch.manual_seed(0)) * 0.5)
    ours = same_weights(make(wn, rngs=rngs()), theirs)
    x_torch = torch.tensor(x, requires_grad=True)
    y = theirs(x_torch)
    y.square().mean().backward()

    @nnx.jit
    def gradients(module, x):
        return nnx.grad(lambda module, x: (module(x) ** 2).mean(), argnums=(0, 1))(module, x)

    np.testing.assert_allclose(ours(x), y.detach().numpy(), **CLOSE)
    of_module, of_x = gradients(ours, jnp.asarray(x))
    np.testing.assert_allclose(of_x, x_torch.grad.numpy(), **CLOSE)
    found = {".".join(map(str, path)): gradient.get_value() for path, gradient in nnx.to_flat_state(of_module)}
    assert found.keys() == dict(theirs.named_parameters()).keys()
    for path, parameter in theirs.named_parameters():
        np.testing.assert_allclose(found[path], parameter.grad.numpy(), **CLOSE)


def test_embedding_and_tied_logits():
    theirs = wt.Embedding("[v] d", v=5, d=4, padding_idx=0)
    ours = same_weights(wn.Embedding("[v] d", v=5, d=4, padding_idx=0, rngs=rngs()), theirs)
    ids, x = np.array([[1, 0, 3], [2, 4, 4]]), numbers(2, 3, 4)
    np.testing.assert_allclose(ours(ids), theirs(torch.tensor(ids)).detach(), **CLOSE)
    np.testing.assert_allclose(ours.logits(x), theirs.logits(torch.tensor(x)).detach(), **CLOSE)


def test_weights_of_attention():
    theirs = wt.Attention(2, 8, kv_heads=1)
    ours = same_weights(wn.Attention(2, 8, kv_heads=1, rngs=rngs()), theirs)
    x = numbers(2, 5, 8)
    np.testing.assert_allclose(ours.weights(x), theirs.weights(torch.tensor(x)).detach(), **CLOSE)


def test_angles_made_once_for_many_layers():
    rotary = wn.Rotary("half", 4)
    layer, x = wn.Attention(2, 8, position=rotary, rngs=rngs()), jnp.asarray(numbers(2, 5, 8))
    np.testing.assert_allclose(layer(x, positions=rotary.angles(jnp.arange(5))), layer(x), **CLOSE)


def test_cross_attention_with_sizes_from_inputs():
    x, context = numbers(2, 3, 8), numbers(2, 5, 6)
    theirs = wt.Attention(2, projection=wt.Split())
    expected = theirs(torch.tensor(x), torch.tensor(context)).detach()
    ours = wn.build(wn.Attention(2, projection=wn.Split(), rngs=rngs()), {"x": x, "context": context})
    np.testing.assert_allclose(same_weights(ours, theirs)(x, context=context), expected, **CLOSE)


# -- training and evaluation --------------------------------------------------------------------------------------


def test_running_statistics_are_those_of_nnx():
    ours = wn.Norm("[b...] c", c=6, decay_rate=0.9, rngs=rngs())
    theirs = nnx.BatchNorm(6, momentum=0.9, rngs=rngs())
    for x in numbers(3, 4, 5, 6):
        np.testing.assert_allclose(ours(x), theirs(x), **CLOSE)
    assert type(ours.running_mean) is nnx.BatchStat
    np.testing.assert_allclose(ours.running_mean[...], theirs.mean[...], **CLOSE)
    np.testing.assert_allclose(ours.running_var[...], theirs.var[...], **CLOSE)
    np.testing.assert_allclose(ours(x, use_running_average=True), theirs(x, use_running_average=True), **CLOSE)
    before = ours.running_mean[...]
    for module in (ours, theirs):
        module.eval()
    np.testing.assert_allclose(ours(x), theirs(x), **CLOSE)
    assert jnp.array_equal(ours.running_mean[...], before)
    made = wn.Norm("[b...] c", c=6, decay_rate=0.9, use_running_average=True, rngs=rngs())
    np.testing.assert_allclose(made(x), x / np.sqrt(1 + 1e-5), **CLOSE)


def test_running_statistics_move_under_jit():
    norm, x = wn.Norm("[b...] c", decay_rate=0.5, rngs=rngs()), jnp.asarray(numbers(4, 6))
    nnx.jit(lambda norm, x: norm(x))(norm, x)
    np.testing.assert_allclose(norm.running_mean[...], x.mean(0) / 2, **CLOSE)


def test_dropout():
    dropout, x = wn.Dropout("[b] ... [c]", 0.25, rngs=rngs()), jnp.ones((40, 3, 50))
    y = dropout(x)
    assert set(np.unique(y).tolist()) == {0.0, np.float32(1 / 0.75)}
    assert abs(float(y.mean()) - 1) < 0.05 and jnp.array_equal(y[:, :1].repeat(3, 1), y)
    assert not jnp.array_equal(dropout(x), y)
    assert jnp.array_equal(dropout(x, deterministic=True), x)
    assert jnp.array_equal(nnx.view(dropout, deterministic=True)(x), x)
    assert jnp.array_equal(wn.Dropout("[...]", 0.5, deterministic=True)(x), x)
    dropout.eval()
    assert jnp.array_equal(dropout(x), x)
    dropout.train()
    for given in (lambda: jax.random.key(3), lambda: nnx.Rngs(3), lambda: nnx.Rngs(3).dropout):
        assert jnp.array_equal(dropout(x, rngs=given()), dropout(x, rngs=given()))


def test_dropout_needs_random_numbers():
    with pytest.raises(SemanticError, match=r"draws random numbers: pass rngs=nnx.Rngs\(seed\)"):
        wn.Dropout("[...]", 0.5)(jnp.ones(3))


def test_only_layers_that_drop_something_keep_a_stream():
    kinds = [type(each) for _, each in nnx.iter_graph(wn.Attention(2, 8, rngs=rngs()))]
    assert nnx.RngKey not in kinds
    kinds = [type(each) for _, each in nnx.iter_graph(wn.Attention(2, 8, dropout=0.1, rngs=rngs()))]
    assert kinds.count(nnx.RngKey) == 1


def test_dropout_inside_layers():
    x = jnp.asarray(numbers(2, 5, 8))
    for layer in (
        wn.Attention(2, 8, dropout=0.5, rngs=rngs()),
        wn.MLP(d=8, m=16, dropout=0.5, rngs=rngs()),
        wn.Residual(wn.MLP(d=8, m=16, rngs=rngs()), dropout=0.5, drop_path=0.5, rngs=rngs()),
    ):
        assert not jnp.array_equal(layer(x), layer(x))
        layer.eval()
        assert jnp.array_equal(layer(x), layer(x))


# -- sizes that come later ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", INFERRED)
def test_inferred_sizes_give_the_same_numbers(name):
    make, c, shape = INFERRED[name]
    x = jnp.ones(shape) * jnp.arange(shape[-1])
    given, called, built = make(wn, c, rngs=rngs()), make(wn, rngs=rngs()), make(wn, rngs=rngs())
    assert wn.build(built, {"x": shape}) is built
    states_equal(built, given)
    for module in (given, called, built):
        module.eval()
    y = called(x)
    states_equal(called, given)
    assert jnp.array_equal(given(x), y) and jnp.array_equal(built(x), y)


class Model(nnx.Module):
    def __init__(self, rngs, **sizes):
        self.embedding = wn.Embedding(v=10, d=8, rngs=rngs)
        self.block = wn.Residual(
            wn.Attention(2, sizes.get("d"), dropout=0.2, rngs=rngs), wn.Norm("... [d]", "... [d]", rngs=rngs, **sizes)
        )
        self.mlp = wn.MLP(m=16, rngs=rngs, **sizes)
        self.gain = wn.param(rngs=rngs, init=wn.normal(1.0))
        self.shift = wn.param(rngs=rngs)
        self.norm = wn.Norm("[b...] d", "b... [d]", decay_rate=0.9, rngs=rngs, **sizes)

    def __call__(self, ids):
        x = self.norm(self.mlp(self.block(self.embedding(ids))))
        return ww.add("... [d]", ww.multiply("... [d]", x, self.gain), self.shift)


IDS = jnp.array([[1, 2, 3], [4, 5, 6]])


def test_build_a_model_without_data():
    built, given, called = Model(rngs()), Model(rngs(), d=8), Model(rngs())
    wn.build(built, {"ids": ((2, 3), jnp.int32)})
    assert jnp.array_equal(built.norm.running_mean[...], jnp.zeros(8))
    given.eval(), called.eval()
    called(IDS), given(IDS)
    given.train(), called.train()
    states_equal(built, called)
    states_equal(built, given)
    assert jnp.array_equal(built(IDS), given(IDS))


def test_build_names_what_the_model_did_not_use():
    class Idle(nnx.Module):
        def __init__(self):
            self.used, self.idle = (wn.Linear("... [c -> d]", d=2, rngs=rngs()) for _ in range(2))

        def __call__(self, x):
            return self.used(x)

    with pytest.raises(AxisSizeError) as raised:
        wn.build(Idle(), {"x": (1, 2)})
    assert str(raised.value) == (
        "idle still has no size: the model did not use it. "
        'axis c of Linear("... [c -> d]") has no size yet: pass c=... or call build()'
    )


def test_an_unbuilt_layer_says_what_is_missing():
    layer = wn.Linear("... [c_in -> c_out]", c_out=4, rngs=rngs())
    message = r'axis c_in of Linear\("... \[c_in -> c_out\]"\) has no size yet: pass c_in=... or call build\(\)'
    with pytest.raises(AxisSizeError, match=message):
        _ = layer.weight
    with pytest.raises(AxisSizeError, match=message):
        jax.jit(lambda x: layer(x))(jnp.ones((2, 3)))
    assert not hasattr(layer, "weight")
    with pytest.raises(AttributeError, match="'Linear' object has no attribute 'wieght'"):
        _ = layer.wieght
    with pytest.raises(AxisSizeError, match="axis c_out of Linear"):
        wn.Linear("... [c_in -> c_out]", rngs=rngs())(jnp.ones((2, 3)))


def test_parameters_need_random_numbers():
    with pytest.raises(SemanticError) as raised:
        wn.Linear("... [c_in -> c_out]", c_in=3, c_out=4)
    assert str(raised.value) == 'Linear("... [c_in -> c_out]") draws random numbers: pass rngs=nnx.Rngs(seed)'
    assert wn.Norm("... [c]", c=3)(jnp.ones((2, 3))).shape == (2, 3)


def test_a_state_builds_an_unbuilt_layer():
    trained = wn.Attention(2, 8, kv_heads=1, rngs=rngs(1))
    layer = wn.Attention(2, kv_heads=1, rngs=rngs(2))
    nnx.update(layer, nnx.state(trained))
    x = jnp.asarray(numbers(2, 5, 8))
    assert jnp.array_equal(layer(x), trained(x))


def test_dtypes():
    x = jnp.ones((2, 6), jnp.bfloat16)
    layer = wn.Linear("... [c -> d]", c=6, d=4, param_dtype=jnp.bfloat16, rngs=rngs())
    assert layer.weight.dtype == jnp.bfloat16 and layer(x).dtype == jnp.bfloat16
    layer = wn.MLP(d=6, m=4, dtype=jnp.bfloat16, rngs=rngs())
    assert layer.fc1.weight.dtype == jnp.float32 and layer(x.astype(jnp.float32)).dtype == jnp.bfloat16
    layer = wn.Attention(2, 6, dtype=jnp.bfloat16, rngs=rngs())
    cache = wn.StaticCache(4)
    assert layer(x[None].astype(jnp.float32), cache=cache).dtype == jnp.bfloat16
    assert int(cache.kept.get_value().length) == 2


# -- parameters of operations -----------------------------------------------------------------------------------------


def test_param_takes_its_shape_from_the_operation():
    x = jnp.ones((2, 6))
    weight = wn.param(rngs=rngs())
    y = ww.dot("b [c], d [c] -> b d", x, weight, d=400)
    assert y.shape == (2, 400) and isinstance(weight, nnx.Param) and weight.shape == (400, 6)
    assert abs(float(weight.get_value().var()) - 1 / 6) < 0.02
    assert jnp.array_equal(ww.dot("b [c], d [c] -> b d", x, weight, d=400), y)
    half = wn.param(rngs=rngs(), init=0.5, dtype=jnp.bfloat16)
    assert float(ww.multiply("b [c]", x, half)[0, 0]) == 0.5 and half.dtype == jnp.bfloat16
    orthogonal = wn.param(rngs=rngs(), init=nnx.initializers.orthogonal())
    ww.dot("b [c], d [c] -> b d", x, orthogonal, d=6)
    np.testing.assert_allclose(orthogonal.get_value() @ orthogonal.get_value().T, np.eye(6), atol=1e-5)
    shift = wn.param(rngs=rngs())
    with pytest.raises(AxisSizeError, match="a parameter has no shape yet: use it in an operation, or call build"):
        jax.jit(lambda x: ww.add("b [c]", x, shift))(x)


# -- modules of NNX -------------------------------------------------------------------------------------------------


def test_equal_models_are_compiled_once():
    traces = []

    @nnx.jit
    def call(module, x):
        traces.append(module)
        return module(x)

    x = jnp.asarray(numbers(2, 5, 8))
    for seed in range(3):
        layer = wn.Attention(2, 8, mask=wn.causal & wn.window(3), position=wn.Rotary("half", 4), rngs=rngs(seed))
        call(layer, x)
        call(layer, x)
    assert len(traces) == 1
    layer.eval()
    call(layer, x)
    assert len(traces) == 1
    call(wn.Attention(2, 8, rngs=rngs()), x)
    assert len(traces) == 2


def test_a_first_call_under_jit_builds():
    layer, x = wn.Attention(2, rngs=rngs()), jnp.asarray(numbers(2, 5, 8))
    y = nnx.jit(lambda layer, x: layer(x))(layer, x)
    np.testing.assert_allclose(layer(x), y, **CLOSE)
    assert layer.out_proj.weight.shape == (8, 8)


def test_copies():
    layer, x = wn.build(Model(rngs()), {"ids": IDS}), IDS
    layer.eval()
    y = layer(x)
    graphdef, state = nnx.split(layer)
    for other in (
        nnx.merge(graphdef, state),
        nnx.clone(layer),
        copy.deepcopy(layer),
        pickle.loads(pickle.dumps(layer)),
    ):
        assert other is not layer and jnp.array_equal(other(x), y)
    unbuilt = pickle.loads(pickle.dumps(wn.Linear("... [c -> d]", d=2, rngs=rngs())))
    assert unbuilt(jnp.ones((1, 3))).shape == (1, 2)


def test_abstract_models():
    model = nnx.eval_shape(lambda: Model(rngs(), d=8))
    assert isinstance(model.mlp.fc1.weight.get_value(), jax.ShapeDtypeStruct)
    assert model.mlp.fc1.weight.shape == (16, 8)


def test_metadata_of_variables_stay():
    layer = wn.Linear("... [c -> d]", c=3, d=2, rngs=rngs())
    layer.weight.set_metadata(out_sharding=("model", None))
    nnx.jit(lambda layer, x: layer(x))(layer, jnp.ones((1, 3)))
    assert layer.weight.out_sharding == ("model", None)
    assert nnx.get_partition_spec(nnx.state(layer))["weight"].get_value() == jax.sharding.PartitionSpec("model", None)


def test_training_steps():
    optax = pytest.importorskip("optax")
    model = wn.build(Model(rngs()), {"ids": IDS})
    optimizer = nnx.Optimizer(model, optax.adam(0.01), wrt=nnx.Param)

    @nnx.jit
    def step(model, optimizer):
        loss, gradients = nnx.value_and_grad(lambda model: ((model(IDS) - 1) ** 2).mean())(model)
        optimizer.update(model, gradients)
        return loss

    losses = [float(step(model, optimizer)) for _ in range(60)]
    assert losses[-1] < losses[0] / 2
    assert not jnp.array_equal(model.norm.running_mean[...], jnp.zeros(8))


# -- decoding ---------------------------------------------------------------------------------------------------------

DECODING = {
    "plain": {},
    "grouped": {"kv_heads": 2, "position": wn.Rotary("half", 4)},
    "latent": {"projection": wn.Latent(6, 2), "head_dim": 4},
    "scores": {"scores": [wn.Sinks(), wn.Softcap(1.0), wn.ALiBi(4)], "gate": True},
}


@pytest.mark.parametrize("name", DECODING)
def test_decoding_in_pieces_equals_the_full_forward(name):
    layer = wn.Attention(4, 16, mask=wn.causal, rngs=rngs(), **DECODING[name])
    x = jnp.asarray(numbers(2, 8, 16))
    whole, cache, traces = layer(x), wn.StaticCache(9), []

    @nnx.jit
    def call(layer, x, cache):
        traces.append(x)
        return layer(x, cache=cache)

    for _ in range(2):
        parts = [call(layer, piece, cache) for piece in jnp.split(x, (3, 4, 5, 6, 7), 1)]
        np.testing.assert_allclose(jnp.concatenate(parts, 1), whole, **CLOSE)
        cache.reset()
    assert len(traces) <= 3  # the first call with and without arrays, and one for all single tokens
    parts = [layer(piece, cache=cache) for piece in jnp.split(x, (5,), 1)]
    np.testing.assert_allclose(jnp.concatenate(parts, 1), whole, **CLOSE)


def test_a_cache_as_a_plain_pytree():
    layer, x = wn.Attention(4, 16, mask=wn.causal, rngs=rngs()), jnp.asarray(numbers(2, 6, 16))

    @jax.jit
    def step(cache, x):
        y = layer(x, cache=cache)
        return cache, y

    cache, first = step(jax_caches.StaticCache(6), x[:, :2])
    _, rest = jax.lax.scan(step, cache, jnp.swapaxes(x[:, 2:, None], 0, 1))
    found = jnp.concatenate([first, jnp.swapaxes(rest[:, :, 0], 0, 1)], 1)
    np.testing.assert_allclose(found, layer(x), **CLOSE)


def test_tokens_that_do_not_fit():
    layer, x, cache = (
        wn.Attention(4, 16, mask=wn.causal, rngs=rngs()),
        jnp.asarray(numbers(2, 3, 16)),
        wn.StaticCache(4),
    )
    with pytest.raises(AxisSizeError) as raised:
        layer(jnp.concatenate([x, x], 1), cache=cache)
    assert str(raised.value) == "6 more tokens do not fit into StaticCache(4)"
    layer(x, cache=cache)
    with pytest.raises(AxisSizeError) as raised:
        layer(x, cache=cache)
    assert str(raised.value) == "3 more tokens do not fit into StaticCache(4), which has 3"
    assert jnp.isnan(nnx.jit(lambda layer, x, cache: layer(x, cache=cache))(layer, x, cache)).all()


def test_reorder():
    layer, x, cache = (
        wn.Attention(4, 16, mask=wn.causal, rngs=rngs()),
        jnp.asarray(numbers(3, 4, 16)),
        wn.StaticCache(4),
    )
    rows = jnp.array([2, 0, 0])
    layer(x[:, :3], cache=cache)
    cache.reorder(rows)
    np.testing.assert_allclose(layer(x[rows][:, 3:], cache=cache), layer(x[rows])[:, 3:], **CLOSE)


# -- how it looks -----------------------------------------------------------------------------------------------------


def test_signature_and_repr():
    parameters = inspect.signature(wn.Linear).parameters
    assert list(parameters)[:3] == ["expression", "bias", "rngs"] and "sizes" in parameters
    assert 'Linear("... [c -> d]", c=3, d=2, bias=True)' in repr(wn.Linear("... [c -> d]", c=3, d=2, rngs=rngs()))
    assert wn.Linear.__module__.startswith("wirework.nn.flax") and wn.Linear.__doc__


@pytest.mark.parametrize("name", ["flax", "flax.parameters", "linen", "jax_caches", "jax_parameters"])
def test_examples_in_docstrings(name):
    module = importlib.import_module(f"wirework.nn.{name}")
    names = {**vars(module), "nnx": nnx, "jnp": jnp, "ww": ww}
    tests = [each for each in doctest.DocTestFinder().find(module, extraglobs=names) if each.examples]
    assert tests
    for test in tests:
        assert doctest.DocTestRunner().run(test).failed == 0


CODE = """
import sys
sys.modules["flax"] = None
for name in ("flax", "linen"):
    try:
        __import__(f"wirework.nn.{name}")
    except ImportError as error:
        print(error)
"""


def test_the_message_says_what_to_install():
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, check=True)
    assert done.stdout == (
        'wirework.nn.flax needs Flax: pip install "wirework[flax]"\n'
        'wirework.nn.linen needs Flax: pip install "wirework[flax]"\n'
    )


def test_torch_is_not_imported():
    code = "import wirework.nn.flax, wirework.nn.linen, sys; print('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "False\n"
