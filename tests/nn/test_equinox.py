"""The layers for Equinox: against those for torch, and as modules of Equinox."""

import copy
import inspect
import io
import pickle
import subprocess
import sys

import numpy as np
import pytest
import torch

jax = pytest.importorskip("jax")
eqx = pytest.importorskip("equinox")
jnp = jax.numpy

import wirework as ww  # noqa: E402
import wirework.nn.equinox as wn  # noqa: E402
import wirework.nn.torch as wt  # noqa: E402
from wirework.errors import AxisSizeError, SemanticError  # noqa: E402

KEY = jax.random.key(0)
CLOSE = {"rtol": 1e-5, "atol": 1e-5}


def same_weights(module, theirs):
    """The module with the parameters of a torch module, by their names."""
    for name, parameter in theirs.named_parameters():
        path = name.split(".")

        def where(each, path=path):
            for part in path:
                each = getattr(each, part)
            return each

        assert where(module).shape == tuple(parameter.shape), name
        module = eqx.tree_at(where, module, jnp.asarray(parameter.detach().numpy()))
    return module


def numbers(*shape):
    return np.random.default_rng(0).normal(size=shape).astype("float32")


def ids():
    return np.array([[1, 0, 3], [2, 4, 4]])


LAYERS = {
    "linear": (lambda w, **k: w.Linear("... [c_in -> c_out]", c_in=6, c_out=5, **k), numbers(2, 3, 6)),
    "no bias": (lambda w, **k: w.Linear("b [s -> s2] c", bias=False, s=3, s2=4, **k), numbers(2, 3, 6)),
    "layer norm": (lambda w, **k: w.Norm("... [c]", c=6, **k), numbers(2, 3, 6)),
    "rms norm": (lambda w, **k: w.Norm("... [c]", mean=False, bias=False, scale="1 + w", c=6, **k), numbers(2, 3, 6)),
    "batch norm": (lambda w, **k: w.Norm("[b...] c", c=6, **k), numbers(4, 3, 6)),
    "group norm": (lambda w, **k: w.Norm("b [s...] (g [c])", g=2, c=3, **k), numbers(2, 3, 6)),
    "conv": (lambda w, **k: w.Conv("b [c -> d] [s...]", (3,), padding=1, c=3, d=4, **k), numbers(2, 3, 6)),
    "mlp": (lambda w, **k: w.MLP("... [d -> m]", d=6, m=8, activation="gelu_tanh", **k), numbers(2, 3, 6)),
    "gated mlp": (lambda w, **k: w.MLP(gated=True, activation="silu", d=6, m=8, **k), numbers(2, 3, 6)),
    "attention": (
        lambda w, **k: w.Attention(2, 8, mask=w.causal, position=w.Rotary("half", 4), **k),
        numbers(2, 5, 8),
    ),
    "shared keys": (
        lambda w, **k: w.Attention(
            4,
            8,
            kv_heads=2,
            projection=w.Split(),
            qk_norm=w.QKNorm(),
            gate=True,
            scores=[w.Sinks(), w.Softcap(5.0)],
            **k,
        ),
        numbers(2, 5, 8),
    ),
    "latent": (lambda w, **k: w.Attention(2, 8, head_dim=4, projection=w.Latent(6, 4), **k), numbers(2, 5, 8)),
    "positions": (lambda w, **k: w.LearnedPositions(5, d=8, **k), numbers(2, 5, 8)),
    "sinusoidal": (lambda w, **k: w.Sinusoidal(8), numbers(2, 5, 8)),
}


@pytest.mark.parametrize("name", LAYERS)
def test_equals_torch(name):
    make, x = LAYERS[name]
    theirs = make(wt)
    ours = same_weights(make(wn, key=KEY), theirs)
    x_torch = torch.tensor(x, requires_grad=True)
    y = theirs(x_torch)
    y.square().sum().backward()

    @eqx.filter_jit
    @eqx.filter_value_and_grad
    def loss(both):
        module, x = both
        return (module(x) ** 2).sum()

    np.testing.assert_allclose(ours(jnp.asarray(x)), y.detach().numpy(), **CLOSE)
    gradients, of_x = loss((ours, jnp.asarray(x)))[1]
    np.testing.assert_allclose(of_x, x_torch.grad.numpy(), **CLOSE)
    for path, parameter in theirs.named_parameters():
        found = gradients
        for part in path.split("."):
            found = getattr(found, part)
        np.testing.assert_allclose(found, parameter.grad.numpy(), **CLOSE)


def test_embedding_and_tied_logits():
    theirs = wt.Embedding("[v] d", v=5, d=4, padding_idx=0)
    ours = same_weights(wn.Embedding("[v] d", v=5, d=4, padding_idx=0, key=KEY), theirs)
    np.testing.assert_allclose(ours(jnp.asarray(ids())), theirs(torch.tensor(ids())).detach(), **CLOSE)
    x = numbers(2, 3, 4)
    np.testing.assert_allclose(ours.logits(jnp.asarray(x)), theirs.logits(torch.tensor(x)).detach(), **CLOSE)


@pytest.mark.parametrize("bias", [lambda w, **k: w.RelativeBias(5, 2, **k), lambda w, **k: w.T5Bias(2, **k)])
def test_learned_score_biases(bias):
    theirs = wt.Attention(2, 8, scores=[bias(wt)])
    ours = same_weights(wn.Attention(2, 8, scores=[bias(wn, key=KEY)], key=KEY), theirs)
    x = numbers(2, 5, 8)
    np.testing.assert_allclose(ours(jnp.asarray(x)), theirs(torch.tensor(x)).detach(), **CLOSE)
    np.testing.assert_allclose(ours.weights(jnp.asarray(x)), theirs.weights(torch.tensor(x)).detach(), **CLOSE)


def test_cross_attention_with_sizes_from_inputs():
    x, context = numbers(2, 3, 8), numbers(2, 5, 6)
    theirs = wt.Attention(2, 8, context_dim=6, projection=wt.Split())
    ours = wn.Attention.build(2, x, context, projection=wn.Split(), key=KEY)
    expected = theirs(torch.tensor(x), torch.tensor(context)).detach()
    np.testing.assert_allclose(
        same_weights(ours, theirs)(jnp.asarray(x), context=jnp.asarray(context)), expected, **CLOSE
    )


def test_a_cache_gives_the_same_as_the_whole_text():
    layer = wn.Attention(2, 8, mask=wn.causal, position=wn.Rotary("half", 4), key=KEY)
    x, cache = jnp.asarray(numbers(2, 5, 8)), wn.StaticCache(6)

    @eqx.filter_jit
    def step(layer, x, cache):
        return layer(x, cache=cache), cache

    parts = []
    for t in range(5):
        y, cache = step(layer, x[:, t : t + 1], cache)
        parts.append(y)
    np.testing.assert_allclose(jnp.concatenate(parts, 1), layer(x), **CLOSE)


@pytest.mark.parametrize(
    ("inferred", "given"),
    [
        (
            lambda x: wn.Linear.build("... [c_in -> c_out]", x, c_out=4, key=KEY),
            lambda: wn.Linear("... [c_in -> c_out]", c_in=8, c_out=4, key=KEY),
        ),
        (lambda x: wn.MLP.build(x, m=4, key=KEY), lambda: wn.MLP(d=8, m=4, key=KEY)),
        (
            lambda x: wn.Attention.build(2, x, gate=True, key=KEY),
            lambda: wn.Attention(2, 8, gate=True, key=KEY),
        ),
        (
            lambda x: wn.Residual.build(wn.MLP.build(x, m=4, key=KEY), x, layer_scale=0.1),
            lambda: wn.Residual(wn.MLP(d=8, m=4, key=KEY), layer_scale=0.1, d=8),
        ),
    ],
)
def test_sizes_from_a_shape_give_the_same_numbers(inferred, given):
    x = jax.ShapeDtypeStruct((2, 5, 8), jnp.float32)
    one, other = inferred(x), given()
    assert len(jax.tree.leaves(one)) == len(jax.tree.leaves(other))
    assert all(np.array_equal(*pair) for pair in zip(jax.tree.leaves(one), jax.tree.leaves(other), strict=True))
    np.testing.assert_array_equal(one(numbers(2, 5, 8)), other(numbers(2, 5, 8)))
    assert eqx.filter_eval_shape(one, x).shape == (2, 5, 8) if not isinstance(one, wn.Linear) else True


def test_shapes_without_numbers():
    layer = eqx.filter_eval_shape(wn.Linear, "... [c_in -> c_out]", c_in=6, c_out=5, key=KEY)
    assert layer.weight == jax.ShapeDtypeStruct((5, 6), jnp.float32)


def test_jit_compiles_once_for_equal_layers():
    traces = []

    @eqx.filter_jit
    def call(layer, x):
        traces.append(layer)
        return layer(x)

    for seed in range(3):
        layer = wn.Attention(2, 8, mask=wn.causal & wn.window(3), key=jax.random.key(seed))
        call(layer, jnp.ones((1, 4, 8)))
    assert len(traces) == 1


def test_no_key_is_needed_where_nothing_is_random():
    x = jnp.asarray(numbers(2, 6))
    for layer in (wn.Norm("... [c]", c=6), wn.Dropout("[...]", 0.0, key=KEY), wn.Sinusoidal(6)):
        assert layer(x).shape == x.shape


def test_vmap_over_samples_and_over_layers():
    make = eqx.filter_vmap(lambda key: wn.Linear("... [c_in -> c_out]", c_in=6, c_out=5, key=key))
    stacked, x = make(jax.random.split(KEY, 3)), jnp.asarray(numbers(2, 6))
    assert stacked.weight.shape == (3, 5, 6)
    assert eqx.filter_vmap(lambda layer: layer(x))(stacked).shape == (3, 2, 5)
    layer = wn.Linear("... [c_in -> c_out]", c_in=6, c_out=5, key=KEY)
    np.testing.assert_allclose(jax.vmap(layer)(x), layer(x), **CLOSE)


def test_dropout():
    layer, x = wn.Dropout("[...]", 0.25), jnp.ones((100, 100))
    y = layer(x, key=KEY)
    assert float((y == 0).mean()) == pytest.approx(0.25, abs=0.02)
    np.testing.assert_allclose(y[y != 0], 4 / 3, rtol=1e-6)
    np.testing.assert_array_equal(layer(x, key=KEY), y)
    np.testing.assert_array_equal(eqx.nn.inference_mode(layer)(x), x)
    np.testing.assert_array_equal(layer(x, inference=True), x)
    with pytest.raises(SemanticError) as raised:
        layer(x)
    assert raised.value.reason == 'Dropout("[...]") drops elements at random: call it with key=...'


def test_a_key_reaches_the_layers_inside():
    mlp = wn.MLP(d=6, m=8, dropout=0.5, key=KEY)
    block, x = wn.Residual(mlp, wn.Norm("... [c]", c=6), drop_path=0.1), jnp.asarray(numbers(2, 6))
    one, other = (block(x, key=jax.random.key(seed)) for seed in (1, 2))
    assert not np.allclose(one, other)
    np.testing.assert_array_equal(block(x, key=jax.random.key(1)), one)
    still = eqx.nn.inference_mode(block)
    np.testing.assert_allclose(still(x), x + still.module(still.norm(x)), **CLOSE)
    np.testing.assert_array_equal(block(x, inference=True), still(x))


def test_modules_of_equinox_inside_ours_and_ours_inside_theirs():
    block = wn.Residual(eqx.nn.Lambda(jnp.sin), eqx.nn.Dropout(0.5))
    x = jnp.ones((2, 6))
    assert block(x, key=KEY).shape == (2, 6)
    layer = wn.Norm("[b...] c", decay_rate=0.9, c=6)
    model, state = eqx.nn.make_with_state(lambda: eqx.nn.Sequential([layer, eqx.nn.Lambda(jax.nn.relu), block]))()
    y, state = model(x, state, key=KEY)
    assert y.shape == (2, 6)


class TestRunningStatistics:
    def made(self, decay_rate=0.9):
        return eqx.nn.make_with_state(wn.Norm)("[b...] c", decay_rate=decay_rate, c=3)

    def batches(self):
        return [jnp.asarray(numbers(4, 5, 3) * (i + 1) + i) for i in range(3)]

    def test_the_first_batch_leaves_nothing_of_the_start(self):
        layer, state = self.made(0.999)
        x = self.batches()[1]
        _, state = layer(x, state)
        np.testing.assert_allclose(state.get(layer.running_mean), x.mean((0, 1)), **CLOSE)
        np.testing.assert_allclose(state.get(layer.running_var), x.var((0, 1)), rtol=1e-4)

    @pytest.mark.filterwarnings("ignore")
    def test_equal_to_equinox(self):
        layer, state = self.made()
        theirs, theirs_state = eqx.nn.make_with_state(eqx.nn.BatchNorm)(3, "b", momentum=0.9, mode="batch")
        call = jax.vmap(theirs, axis_name="b", in_axes=(0, None), out_axes=(0, None))
        for x in self.batches():
            y, state = layer(x, state)
            expected, theirs_state = call(jnp.moveaxis(x, -1, 1), theirs_state)
            np.testing.assert_allclose(y, jnp.moveaxis(expected, 1, -1), rtol=1e-4, atol=1e-4)
        mean, var = theirs_state.get(theirs.batch_state_index)
        kept = 0.9**3  # of the initial variance of 1, which theirs leaves in the mean
        np.testing.assert_allclose(state.get(layer.running_mean), mean / (1 - kept), **CLOSE)
        np.testing.assert_allclose(state.get(layer.running_var), (var - kept) / (1 - kept), rtol=1e-4)

    def test_in_inference(self):
        layer, state = self.made()
        x = self.batches()[0]
        np.testing.assert_allclose(layer(x, state, inference=True)[0], x / np.sqrt(1 + 1e-5), **CLOSE)
        _, state = eqx.filter_jit(layer)(x, state)
        mean, var = state.get(layer.running_mean), state.get(layer.running_var)
        y, _ = eqx.nn.inference_mode(layer)(x + 1, state)
        np.testing.assert_allclose(y, (x + 1 - mean) / jnp.sqrt(var + 1e-5), **CLOSE)

    def test_without_a_state(self):
        layer, _ = self.made()
        with pytest.raises(SemanticError) as raised:
            layer(self.batches()[0])
        assert str(raised.value) == ('Norm("[b...] c") keeps running statistics: call it with state=...')

    def test_through_a_residual(self):
        class Model(eqx.Module):
            block: eqx.Module

            def __init__(self):
                self.block = wn.Residual(wn.MLP(d=3, m=4, key=KEY), wn.Norm("[b...] c", decay_rate=0.9, c=3))

            def __call__(self, x, state):
                return self.block(x, state)

        model, state = eqx.nn.make_with_state(Model)()
        x = self.batches()[0]

        @eqx.filter_jit
        @eqx.filter_grad(has_aux=True)
        def gradients(model, state):
            y, state = model(x, state)
            return (y**2).sum(), state

        _, state = gradients(model, state)
        np.testing.assert_allclose(state.get(model.block.norm.running_mean), x.mean((0, 1)), **CLOSE)


def test_serialisation_round_trip():
    def make(key):
        return eqx.nn.make_with_state(wn.Residual)(
            wn.Attention(2, 6, key=key), wn.Norm("[b...] c", decay_rate=0.9, c=6)
        )

    model, state = make(KEY)
    _, state = model(jnp.asarray(numbers(2, 3, 6)), state)
    file = io.BytesIO()
    eqx.tree_serialise_leaves(file, (model, state))
    file.seek(0)
    model2, state2 = eqx.tree_deserialise_leaves(file, make(jax.random.key(1)))
    x = jnp.asarray(numbers(2, 3, 6))
    np.testing.assert_array_equal(
        model(x, state, inference=True)[0],
        model2(x, state2, inference=True)[0],
    )


def test_param():
    x = jax.ShapeDtypeStruct((2, 3), jnp.float32)
    np.testing.assert_array_equal(wn.param(ww.add, "... [c]", x, None), jnp.zeros(3))
    np.testing.assert_array_equal(wn.param(ww.multiply, "... [c]", x, None, init=0.5), jnp.full(3, 0.5))
    weight = wn.param(ww.dot, "b [c], [c] d -> b d", x, None, key=KEY, d=1000)
    assert weight.shape == (3, 1000)
    assert float(weight.var()) == pytest.approx(1 / 3, rel=0.1)
    table = wn.param(ww.get_at, "[v] d, b -> b d", None, jnp.arange(4), key=KEY, v=7, d=5, dtype=jnp.bfloat16)
    assert (table.shape, table.dtype) == ((7, 5), jnp.bfloat16)
    own = wn.param(ww.add, "... [c]", x, None, key=KEY, init=jax.nn.initializers.normal(1.0))
    assert own.shape == (3,)


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (
            lambda: wn.Linear("... [c_in -> c_out]", c_out=4, key=KEY),
            AxisSizeError,
            'axis c_in of Linear("... [c_in -> c_out]") has no size yet: pass c_in=... or call build()',
        ),
        (
            lambda: wn.Linear("... [c_in -> c_out]", c_in=3, c_out=4),
            SemanticError,
            'weight of Linear("... [c_in -> c_out]") is drawn at random: pass key=...',
        ),
        (
            lambda: wn.param(ww.add, "... [c]", jnp.ones((2, 3))),
            SemanticError,
            "one of the arrays is None: that is where the parameter stands\n\n    ... [c]",
        ),
        (
            lambda: wn.param(ww.dot, "b [c], [c] d -> b d", jnp.ones((2, 3)), None, d=4),
            SemanticError,
            'the parameter of "b [c], [c] d -> b d" is drawn at random: pass key=...',
        ),
    ],
)
def test_errors(make, error, message):
    with pytest.raises(error) as raised:
        make()
    assert str(raised.value) == message


def test_pickle_and_copy():
    layer = wn.Attention(2, 8, position=wn.Rotary("half", 4), key=KEY)
    x = jnp.asarray(numbers(2, 5, 8))
    for again in (pickle.loads(pickle.dumps(layer)), copy.deepcopy(layer)):
        assert jax.tree.structure(again) == jax.tree.structure(layer)
        np.testing.assert_array_equal(again(x), layer(x))


def test_repr_and_signature():
    assert repr(wn.Norm("... [c]", bias=False, c=3)) == (
        """Norm(
  inference=False,
  layer=Norm("... [c]", "b... [c]", c=3, bias=False, epsilon=1e-05),
  weight=f32[3],
  bias=None,
  running_mean=None,
  running_var=None,
  num_batches_tracked=None
)"""
    )
    assert list(inspect.signature(wn.Dropout).parameters)[:2] == ["expression", "drop_rate"]
    assert "key" in inspect.signature(wn.Linear).parameters


def test_half_precision():
    layer = wn.Linear("... [c_in -> c_out]", c_in=6, c_out=5, key=KEY, dtype=jnp.bfloat16)
    assert layer(jnp.ones((2, 6), jnp.bfloat16)).dtype == jnp.bfloat16


def test_without_equinox():
    code = (
        "import sys; sys.modules['equinox'] = None\ntry: import wirework.nn.equinox\nexcept ImportError as e: print(e)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == 'wirework.nn.equinox needs Equinox: pip install "wirework[equinox]"\n'
