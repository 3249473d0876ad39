"""The layers for Haiku: against those for torch, and inside `hk.transform`."""

import subprocess
import sys
import warnings

import numpy as np
import pytest
import torch

jax = pytest.importorskip("jax")
with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    hk = pytest.importorskip("haiku")
jnp = jax.numpy

import wirework as ww  # noqa: E402
import wirework.nn.haiku as wn  # noqa: E402
import wirework.nn.torch as wt  # noqa: E402
from wirework.errors import AxisSizeError  # noqa: E402

KEY = jax.random.key(0)
CLOSE = {"rtol": 1e-5, "atol": 1e-5}


def numbers(*shape):
    return np.random.default_rng(0).normal(size=shape).astype("float32")


def same_weights(params, theirs, top):
    """The parameters of a torch module, in the places that Haiku has for them."""
    found = {}
    for name, parameter in theirs.named_parameters():
        *path, last = name.split(".")
        found.setdefault("/".join([top, *path]), {})[last] = jnp.asarray(parameter.detach().numpy())
    assert jax.tree.map(jnp.shape, found) == jax.tree.map(jnp.shape, params)
    return found


def gradient_of(theirs, name):
    return dict(theirs.named_parameters())[name].grad.numpy()


LAYERS = {
    "linear": (lambda w: w.Linear("... [c_in -> c_out]", c_out=5), numbers(2, 3, 6)),
    "no bias": (lambda w: w.Linear("b [s -> s2] c", bias=False, s2=4), numbers(2, 3, 6)),
    "norm": (lambda w: w.Norm("b [s...] (g [c])", g=2), numbers(2, 3, 6)),
    "conv": (lambda w: w.Conv("b [c -> d] [s...]", 3, padding=1, d=4), numbers(2, 3, 6)),
    "mlp": (lambda w: w.MLP("... [d -> m]", m=8, gated=True), numbers(2, 3, 6)),
    "attention": (lambda w: w.Attention(2, mask=w.causal, position=w.Rotary("half", 4)), numbers(2, 5, 8)),
    "shared_keys": (
        lambda w: w.Attention(4, kv_heads=2, projection=w.Split(), qk_norm=w.QKNorm(), gate=True, scores=[w.Sinks()]),
        numbers(2, 5, 8),
    ),
    "latent": (lambda w: w.Attention(2, head_dim=4, projection=w.Latent(6, 4)), numbers(2, 5, 8)),
    "learned_positions": (lambda w: w.LearnedPositions(5), numbers(2, 5, 8)),
    "sinusoidal": (lambda w: w.Sinusoidal(), numbers(2, 5, 8)),
}


@pytest.mark.parametrize("name", LAYERS)
def test_equals_torch(name):
    make, x = LAYERS[name]
    theirs = make(wt)
    x_torch = torch.tensor(x, requires_grad=True)
    y = theirs(x_torch)
    y.square().sum().backward()
    f = hk.transform(lambda x: make(wn)(x))
    params = f.init(KEY, x)
    top = next(iter(params)).split("/")[0] if params else ""
    params = same_weights(params, theirs, top)
    np.testing.assert_allclose(f.apply(params, None, x), y.detach().numpy(), **CLOSE)
    loss = jax.jit(jax.grad(lambda params, x: (f.apply(params, None, x) ** 2).sum(), argnums=(0, 1)))
    of_params, of_x = loss(params, x)
    np.testing.assert_allclose(of_x, x_torch.grad.numpy(), **CLOSE)
    for place, arrays in of_params.items():
        for last, gradient in arrays.items():
            path = ".".join([*place.split("/")[1:], last])
            np.testing.assert_allclose(gradient, gradient_of(theirs, path), **CLOSE)


def test_methods_share_the_parameters_of_the_call():
    def function(ids):
        table, attention = wn.Embedding("[v] d", v=5, d=4), wn.Attention(2)
        x = attention(table(ids))
        return table.logits(x), attention.weights(x), attention(x)

    f = hk.transform(function)
    ids = jnp.array([[1, 0, 3], [2, 4, 4]])
    params = f.init(KEY, ids)
    assert sorted(params) == ["attention", "attention/out_proj", "embedding"]
    logits, weights, _ = f.apply(params, None, ids)
    assert logits.shape == (2, 3, 5)
    np.testing.assert_allclose(weights.sum(-1), 1.0, rtol=1e-5)


def test_cross_attention_takes_sizes_from_the_context():
    x, context = numbers(2, 3, 8), numbers(2, 5, 6)
    theirs = wt.Attention(2, 8, context_dim=6, projection=wt.Split())
    f = hk.transform(lambda x, c: wn.Attention(2, projection=wn.Split())(x, context=c))
    params = same_weights(f.init(KEY, x, context), theirs, "attention")
    expected = theirs(torch.tensor(x), torch.tensor(context)).detach()
    np.testing.assert_allclose(f.apply(params, None, x, context), expected, **CLOSE)


def test_score_biases():
    x = numbers(2, 5, 8)
    f = hk.transform(lambda x: wn.Attention(2, scores=[wn.RelativeBias(5, 2)])(x))
    params = f.init(KEY, x)
    assert params["relative_bias"]["relative_position_bias_table"].shape == (9, 2)
    assert f.apply(params, None, x).shape == x.shape


def test_a_module_that_is_called_twice_shares_its_parameters():
    def function(x):
        mlp = wn.MLP(m=8)
        return mlp(mlp(x))

    params = hk.transform(function).init(KEY, numbers(2, 6))
    assert sorted(params) == ["mlp/fc1", "mlp/fc2"]


def test_given_and_inferred_sizes_give_the_same_numbers():
    x = numbers(2, 6)
    inferred = hk.transform(lambda x: wn.MLP(m=8)(x)).init(KEY, x)
    given = hk.transform(lambda x: wn.MLP(d=6, m=8)(x)).init(KEY, x)
    assert jax.tree.all(jax.tree.map(np.array_equal, inferred, given))


def test_dropout():
    f = hk.transform(lambda x, is_training: wn.Dropout("[...]", 0.25)(x, is_training=is_training))
    x = jnp.ones((100, 100))
    y = f.apply({}, KEY, x, True)
    assert float((y == 0).mean()) == pytest.approx(0.25, abs=0.02)
    np.testing.assert_allclose(y[y != 0], 4 / 3, rtol=1e-6)
    np.testing.assert_array_equal(f.apply({}, None, x, False), x)


class TestRunningStatistics:
    ours = hk.transform_with_state(lambda x, training: wn.Norm("[b...] c", decay_rate=0.9)(x, is_training=training))
    theirs = hk.transform_with_state(lambda x, training: hk.BatchNorm(True, True, 0.9)(x, training))

    def test_equal_to_haiku(self):
        first = jnp.asarray(numbers(4, 5, 3))
        params, state = self.ours.init(KEY, first, True)
        their_params, their_state = self.theirs.init(KEY, first, True)
        for i in range(3):
            x = first * (i + 1) + i
            y, state = jax.jit(self.ours.apply, static_argnums=4)(params, state, None, x, True)
            expected, their_state = self.theirs.apply(their_params, their_state, None, x, True)
            np.testing.assert_allclose(y, expected, rtol=1e-4, atol=1e-4)
        kept = state["norm"]
        mean, var = (their_state[f"batch_norm/~/{name}_ema"]["average"] for name in ("mean", "var"))
        np.testing.assert_allclose(kept["running_mean"], mean.reshape(3), **CLOSE)
        np.testing.assert_allclose(kept["running_var"], var.reshape(3), rtol=1e-4)
        assert int(kept["num_batches_tracked"]) == 3
        y, after = self.ours.apply(params, state, None, x, False)
        expected, _ = self.theirs.apply(their_params, their_state, None, x, False)
        np.testing.assert_allclose(y, expected, rtol=1e-4, atol=1e-4)
        assert jax.tree.all(jax.tree.map(np.array_equal, state, after))

    def test_mode_reaches_the_modules_inside(self):
        def function(x, is_training):
            inside = wn.Residual(wn.MLP(m=4, dropout=0.5), wn.Norm("[b...] c", decay_rate=0.9))
            return wn.Residual(inside, hk.BatchNorm(True, True, 0.9))(x, is_training=is_training)

        f = hk.transform_with_state(function)
        x = jnp.asarray(numbers(4, 5, 3))
        params, state = f.init(KEY, x, True)
        _, state = f.apply(params, state, KEY, x, True)
        y, after = f.apply(params, state, None, x, False)
        assert y.shape == x.shape
        assert jax.tree.all(jax.tree.map(np.array_equal, state, after))


def test_param():
    class Scaled(hk.Module):
        def __call__(self, x):
            y = ww.multiply("... [c]", x, wn.param("scale"))
            y = ww.add("... [c]", y, wn.param("shift", init=0.5))
            return ww.dot("... [c], [c] d -> ... d", y, wn.param("weight", init=hk.initializers.Constant(2.0)), d=4)

    f = hk.transform(lambda x: Scaled()(x))
    x = jnp.ones((2, 3))
    params = f.init(None, x)
    assert jax.tree.map(jnp.shape, params) == {"scaled": {"scale": (3,), "shift": (3,), "weight": (3, 4)}}
    np.testing.assert_allclose(f.apply(params, None, x), np.full((2, 4), 9.0))
    g = hk.transform(lambda x: ww.dot("b [c], [c] d -> b d", x, wn.param(), d=1000))
    assert float(g.init(KEY, x)["~"]["weight"].var()) == pytest.approx(1 / 3, rel=0.1)


def test_a_size_that_an_input_cannot_show():
    f = hk.transform(lambda x: wn.Linear("... [c_in -> c_out]")(x))
    with pytest.raises(AxisSizeError) as raised:
        f.init(KEY, jnp.ones((2, 3)))
    assert str(raised.value) == (
        'axis c_out of Linear("... [c_in -> c_out]") has no size yet: pass c_out=... or call build()'
    )


def test_without_haiku():
    code = "import sys; sys.modules['haiku'] = None\ntry: import wirework.nn.haiku\nexcept ImportError as e: print(e)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == 'wirework.nn.haiku needs Haiku: pip install "wirework[haiku]"\n'
