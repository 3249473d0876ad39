"""The layers for Keras: against those for torch, and as layers of Keras, on both of its backends."""

import json
import os
import subprocess
import sys

import numpy as np
import pytest
import torch

os.environ.setdefault("KERAS_BACKEND", "torch")
keras = pytest.importorskip("keras")

import wirework as ww  # noqa: E402
import wirework.nn.keras as wn  # noqa: E402
import wirework.nn.torch as wt  # noqa: E402
from wirework.errors import AxisSizeError, NotSupportedError, SemanticError, SyntaxError  # noqa: E402

BACKEND = keras.backend.backend()
CLOSE = {"rtol": 1e-5, "atol": 1e-5}


def numbers(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


def array(x):
    return keras.ops.convert_to_numpy(x)


def found(layer, path):
    for part in path.split("."):
        layer = getattr(layer, part)
    return layer


def same_weights(layer, theirs):
    """Give a layer the arrays of a torch module, by their names."""
    for name, value in theirs.state_dict().items():
        if not name.endswith("num_batches_tracked"):
            variable = found(layer, name)
            assert tuple(variable.shape) == tuple(value.shape), name
            variable.assign(value.numpy())


def redrawn(module):
    """A torch module with no parameter left at its simple start."""
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.copy_(torch.as_tensor(numbers(*parameter.shape, seed=parameter.numel())))
    return module


def outputs_and_gradients(layer, x):
    """What a layer makes of an input, and for each trainable variable the gradient of the sum of its squares."""
    variables = layer.trainable_variables
    if BACKEND == "torch":
        y = layer(x)
        if variables:
            keras.ops.sum(y**2).backward()
        return array(y), {id(variable): array(variable.value.grad) for variable in variables}
    import jax

    def loss(values):
        y, _ = layer.stateless_call(values, [variable.value for variable in layer.non_trainable_variables], x)
        return keras.ops.sum(y**2), y

    (_, y), made = jax.jit(jax.value_and_grad(loss, has_aux=True))([variable.value for variable in variables])
    return np.asarray(y), {id(variable): np.asarray(each) for variable, each in zip(variables, made, strict=True)}


def rotary(home):
    return home.Rotary("half", 4)


CASES = {
    "linear": (lambda w: w.Linear("... [c -> d]", c=8, d=3), (2, 5, 8)),
    "linear groups": (lambda w: w.Linear("... (g [c -> d])", bias=False, g=2, c=4, d=3), (2, 5, 8)),
    "layer norm": (lambda w: w.Norm("... [c]", c=8), (2, 5, 8)),
    "group norm": (lambda w: w.Norm("b [s...] (g [c])", g=2, c=4), (2, 3, 3, 8)),
    "instance norm": (lambda w: w.Norm("b [s...] c", c=8), (2, 3, 3, 8)),
    "rms norm": (lambda w: w.Norm("... [c]", mean=False, bias=False, scale="1 + w", c=8), (2, 5, 8)),
    "batch norm": (lambda w: w.Norm("[b...] c", decay_rate=0.9, c=8), (2, 3, 3, 8)),
    "conv": (lambda w: w.Conv("b [s...] [c -> d]", kernel=(3, 3), padding="same", c=4, d=6), (2, 5, 5, 4)),
    "conv circular": (
        lambda w: w.Conv("b [c -> d] [s]", kernel=3, padding=1, padding_mode="circular", c=4, d=6),
        (2, 4, 7),
    ),
    "conv reflect": (
        lambda w: w.Conv("b [c -> d] [s]", kernel=3, padding=2, padding_mode="reflect", c=4, d=6),
        (2, 4, 7),
    ),
    "mlp": (lambda w: w.MLP("... [d -> m]", d=8, m=12), (2, 5, 8)),
    "swiglu": (lambda w: w.MLP("... [d -> m]", activation="silu", gated=True, bias=False, d=8, m=12), (2, 5, 8)),
    "residual": (
        lambda w: w.Residual(w.MLP("... [d -> m]", d=8, m=12), w.Norm("... [c]", c=8), layer_scale=0.1, d=8),
        (2, 5, 8),
    ),
    "attention": (lambda w: w.Attention(2, 8, mask=w.causal), (2, 5, 8)),
    "attention options": (
        lambda w: w.Attention(
            4, 16, kv_heads=2, projection=w.Split(), qk_norm=w.QKNorm(), position=rotary(w), bias=["q", "out"],
            mask=w.causal & w.window(3), scores=[w.Softcap(5.0), w.ALiBi(4)], scale=0.3,
        ),
        (2, 5, 16),
    ),
    "attention sinks": (lambda w: w.Attention(2, 8, scores=[w.Sinks(), w.T5Bias(2)], gate=True), (2, 5, 8)),
    "attention latent": (
        lambda w: w.Attention(
            2, 8, head_dim=4, value_dim=4, projection=w.Latent(6, 4, query_rank=5), position=rotary(w), mask=w.causal
        ),
        (2, 5, 8),
    ),
    "attention window": (lambda w: w.Attention(2, 8, scores=[w.RelativeBias((2, 3), 2)]), (2, 6, 8)),
    "learned positions": (lambda w: w.LearnedPositions((2, 3), d=8), (2, 6, 8)),
    "sinusoidal": (lambda w: w.Sinusoidal(8), (2, 6, 8)),
}  # fmt: skip
both = pytest.mark.parametrize("make, shape", CASES.values(), ids=CASES.keys())


# -- as in torch ----------------------------------------------------------------------------------------------


@both
def test_names_outputs_and_gradients_are_those_of_torch(make, shape):
    ours, theirs, x = make(wn), redrawn(make(wt)).eval(), numbers(*shape)
    ours.build(shape)
    same_weights(ours, theirs)
    expected = theirs(torch.as_tensor(x).requires_grad_())
    (expected**2).sum().backward()
    y, got = outputs_and_gradients(ours, x)
    np.testing.assert_allclose(y, expected.detach(), **CLOSE)
    wanted = {name: parameter.grad for name, parameter in theirs.named_parameters()}
    assert len(got) == len(wanted)
    for name, each in wanted.items():
        scale = max(each.abs().max().item(), 1.0)
        np.testing.assert_allclose(got[id(found(ours, name))] / scale, each / scale, err_msg=name, **CLOSE)


def test_embedding():
    ours, theirs, ids = wn.Embedding(v=11, d=4), wt.Embedding(v=11, d=4), np.array([[1, 2, 10]])
    ours(ids)
    same_weights(ours, theirs)
    np.testing.assert_allclose(array(ours(ids)), theirs(torch.as_tensor(ids)).detach(), **CLOSE)
    np.testing.assert_array_equal(array(ours(ids.astype("float32"))), array(ours(ids)))
    assert tuple(keras.Sequential([wn.Embedding(v=11, d=4), wn.Dropout("[...]", 0.1)])(keras.Input((3,))).shape) == (
        None,
        3,
        4,
    )
    x = numbers(2, 3, 4)
    np.testing.assert_allclose(array(ours.logits(x)), theirs.logits(torch.as_tensor(x)).detach(), **CLOSE)


def test_attention_with_a_context():
    ours = wn.Attention(2, projection=wn.Split())
    theirs = wt.Attention(2, 8, context_dim=6, projection=wt.Split())
    x, context, seen = numbers(2, 5, 8), numbers(2, 3, 6), np.array([[True, False, True]] * 5)
    ours(x, context)
    same_weights(ours, theirs)
    expected = theirs(torch.as_tensor(x), torch.as_tensor(context), mask=torch.as_tensor(seen))
    np.testing.assert_allclose(array(ours(x, context, mask=seen)), expected.detach(), **CLOSE)
    weights = theirs.weights(torch.as_tensor(x), torch.as_tensor(context))
    np.testing.assert_allclose(array(ours.attention_weights(x, context)), weights.detach(), **CLOSE)


def test_angles_of_rotary_made_once():
    rotary, q = wn.Rotary("half", 4), numbers(2, 3, 5, 4)
    places = np.arange(5)
    made = rotary.angles(places)
    for ours, again in zip(rotary(q, q), rotary(q, q, made), strict=True):
        np.testing.assert_allclose(array(ours), array(again), **CLOSE)


def test_a_cache_gives_the_same_as_all_at_once():
    layer, x = wn.Attention(2, 8, mask=wn.causal, position=rotary(wn)), numbers(1, 6, 8)
    cache = wn.StaticCache(8)
    parts = [array(layer(x[:, i:j], cache=cache)) for i, j in ((0, 5), (5, 6))]
    np.testing.assert_allclose(np.concatenate(parts, 1), array(layer(x)), **CLOSE)


def test_running_statistics_move_as_in_keras():
    ours, theirs = wn.Norm("[b...] c", decay_rate=0.9), keras.layers.BatchNormalization(momentum=0.9, epsilon=1e-5)
    x = numbers(4, 3, 8)
    for _ in range(2):
        np.testing.assert_allclose(array(ours(x, training=True)), array(theirs(x, training=True)), **CLOSE)
    np.testing.assert_allclose(array(ours.running_mean), array(theirs.moving_mean), **CLOSE)
    np.testing.assert_allclose(array(ours.running_var), array(theirs.moving_variance), **CLOSE)
    np.testing.assert_allclose(array(ours(x)), array(theirs(x)), **CLOSE)
    assert [each.name for each in ours.non_trainable_weights] == ["running_mean", "running_var"]


@pytest.mark.parametrize("other", ["torch", "keras"])
def test_conversion_from_torch_and_back(other):
    theirs = wt.Residual(
        wt.Attention(2, 8, position=rotary(wt), mask=wt.causal), wt.Norm("... [c]", c=8), layer_scale=0.3, d=8
    )
    ours, x = wn.convert(theirs, to="keras"), numbers(2, 5, 8)
    same = ours if other == "keras" else wn.convert(wn.convert(ours, to="torch"), to="keras")
    np.testing.assert_allclose(array(same(x)), theirs(torch.as_tensor(x)).detach(), **CLOSE)


# -- sizes and seeds ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "given, inferred, shape",
    [
        (
            lambda: wn.Linear("... [c -> d]", c=8, d=3, seed=1),
            lambda: wn.Linear("... [c -> d]", d=3, seed=1),
            (None, 8),
        ),
        (lambda: wn.MLP(d=8, m=3, seed=1), lambda: wn.MLP(m=3, seed=1), (None, None, 8)),
        (lambda: wn.Attention(2, 8, seed=1), lambda: wn.Attention(2, seed=1), (None, None, 8)),
    ],
)
def test_sizes_given_and_inferred_start_alike(given, inferred, shape):
    given, inferred = given(), inferred()
    given.build()
    inferred.build(shape)
    assert len(given.weights) == len(inferred.weights) > 0
    for one, other in zip(given.weights, inferred.weights, strict=True):
        assert one.path.split("/")[1:] == other.path.split("/")[1:]
        np.testing.assert_array_equal(array(one), array(other))


def test_seeds_of_keras():
    def weight(seed=None):
        keras.utils.set_random_seed(3)
        layer = wn.Linear("... [c -> d]", c=8, d=3, seed=seed)
        layer.build()
        return array(layer.weight)

    np.testing.assert_array_equal(weight(), weight())
    assert (weight(1) != weight(2)).all()
    assert (weight(1) == weight(1)).all()


def test_parameters_start_as_they_should():
    layer = wn.Linear("... [c -> d]", c=400, d=300, seed=0)
    layer.build()
    assert array(layer.weight).std() == pytest.approx(400**-0.5, rel=0.01)
    beyond = np.abs(array(layer.weight)) > 2 * 400**-0.5 / 0.8796 + 1e-6
    assert beyond.mean() < 1e-4  # Keras lets a few through on torch
    assert not array(layer.bias).any()


def test_a_size_that_follows_from_nothing():
    layer = wn.Linear("b [s -> t] c", t=4)
    with pytest.raises(AxisSizeError) as caught:
        layer.build((None, None, 8))
    assert str(caught.value) == 'axis s of Linear("b [s -> t] c") has no size yet: pass s=... or call build()'
    with pytest.raises(AxisSizeError):
        wn.Embedding(d=4).build()


def test_bad_arguments():
    with pytest.raises(SyntaxError):
        wn.Linear("... [c -> d", d=3)
    with pytest.raises(SemanticError):
        wn.MLP(m=3, activation="rulu")
    with pytest.raises(AxisSizeError):
        wn.Attention(3, 8)
    with pytest.raises(AxisSizeError, match="axis c is 7"):
        wn.Linear("... [c -> d]", c=8, d=3)(numbers(2, 7))


# -- as layers of Keras ---------------------------------------------------------------------------------------


@both
def test_symbolic_shapes(make, shape):
    layer, x = make(wn), keras.Input(shape[1:])
    y = layer(x)
    expected = tuple(make(wt)(torch.as_tensor(numbers(*shape))).shape)
    assert tuple(y.shape) == (None, *expected[1:])
    assert tuple(make(wn).compute_output_shape(shape)) == expected


def test_sequences_of_any_length():
    x = keras.Input((None, 8))
    y = wn.Residual(wn.Attention(2, mask=wn.causal & wn.window(3), position=rotary(wn)), wn.Norm("... [c]"))(x)
    assert tuple(wn.MLP(m=16)(y).shape) == (None, None, 8)


def test_several_outputs():
    q, k = wn.Rotary("half", 4)(keras.Input((3, 5, 4)), keras.Input((1, 5, 4)))
    assert tuple(q.shape) == (None, 3, 5, 4) and tuple(k.shape) == (None, 1, 5, 4)
    assert wn.Rotary("half", 4).compute_output_shape((2, 3, 5, 4), (2, 1, 5, 4)) == ((2, 3, 5, 4), (2, 1, 5, 4))


def model_of_all(**options):
    """A functional model with layers of most kinds."""
    ids = keras.Input((6,), dtype="int32")
    table = wn.Embedding(v=7, d=8)
    y = wn.LearnedPositions(6)(table(ids))
    attention = wn.Attention(
        2, position=wn.Rotary("half", 4, scaling=wn.LinearScaling(2.0)), mask=wn.causal & ~wn.span(2, -2) | wn.prefix(1),
        projection=wn.Split(), qk_norm=wn.QKNorm("layer"), bias={"q", "v"}, dropout=0.1,
        scores=[wn.Softcap(8.0), wn.T5Bias(2)],
    )  # fmt: skip
    y = wn.Residual(attention, wn.Norm("... [c]"), drop_path=0.2, layer_scale=0.5)(y)
    y = wn.Residual(wn.MLP(m=16, activation=keras.activations.silu), wn.Norm("... [c]", mean=False))(y)
    y = wn.Norm("[b...] c", decay_rate=0.9)(y)
    y = wn.Conv("b [s] [c -> d]", kernel=3, padding=((1, 1),), d=8)(wn.Dropout("[...]", 0.1)(y))
    return keras.Model(ids, table.logits(y), **options)


def batches():
    ids = np.random.default_rng(0).integers(0, 7, (32, 6))
    return ids, (ids + 1) % 7


def test_fit_and_files(tmp_path):
    keras.utils.set_random_seed(0)
    model = model_of_all()
    model.compile(keras.optimizers.Adam(0.01), keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    ids, targets = batches()
    history = model.fit(ids, targets, epochs=15, batch_size=16, verbose=0).history["loss"]
    assert history[-1] < 0.5 * history[0]
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(model.predict(ids, verbose=0), again.predict(ids, verbose=0))
    model.save_weights(tmp_path / "model.weights.h5")
    again.load_weights(tmp_path / "model.weights.h5")
    np.testing.assert_array_equal(model.predict(ids, verbose=0), again.predict(ids, verbose=0))


def test_mixed_precision():
    keras.utils.set_random_seed(0)
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        model = model_of_all()
    finally:
        keras.config.set_dtype_policy("float32")
    ids, targets = batches()
    assert {each.dtype for each in model.weights} == {"float32"}
    assert model.output.dtype == "bfloat16"
    assert model.layers[-2].compute_output_shape((2, 6, 8)) == (2, 6, 8)
    model.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    assert np.isfinite(model.fit(ids, targets, verbose=0).history["loss"]).all()


@keras.saving.register_keras_serializable(package="tests")
class Subclassed(keras.Model):
    """A model with layers as attributes, and a parameter of an operation."""

    def __init__(self, **options):
        super().__init__(**options)
        self.mlp = wn.Residual(wn.MLP(m=16, dropout=0.1), wn.Norm("... [c]"))
        self.scale = wn.param(init=0.5)
        self.head = wn.param(init=wn.normal(0.3))

    def call(self, x):
        y = ww.multiply("... c, c -> ... c", self.mlp(x), self.scale)
        return ww.dot("b t [c], [c] k -> b t k", y, self.head, k=3)


@pytest.mark.filterwarnings("error:.*build.*:UserWarning")
def test_subclassed_models(tmp_path):
    keras.utils.set_random_seed(0)
    model, x, y = Subclassed(), numbers(16, 5, 8), numbers(16, 5, 3, seed=1)
    model.compile("adam", "mse")
    first = model.evaluate(x, y, verbose=0)
    model.fit(x, y, epochs=10, verbose=0)
    assert model.evaluate(x, y, verbose=0) < first
    assert tuple(model.head.weight.shape) == (8, 3) and len(model.trainable_variables) == 8
    model.save(tmp_path / "model.keras")
    again = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(model.predict(x, verbose=0), again.predict(x, verbose=0))


@both
def test_configs(make, shape):
    layer = make(wn)
    layer.build(shape)
    config = json.loads(json.dumps(layer.get_config()))
    again = type(layer).from_config(config)
    again.build(shape)
    assert again.layer == layer.layer
    assert json.loads(json.dumps(again.get_config())) == config
    assert [each.shape for each in again.weights] == [each.shape for each in layer.weights]


def test_the_mask_of_a_layer_is_that_of_keras():
    ids = np.array([[1, 2, 3, 0, 0], [4, 5, 1, 2, 3]])
    embedded = keras.layers.Embedding(7, 8, mask_zero=True)(ids)
    assert array(embedded._keras_mask).sum() == 8
    attention = wn.Attention(2, position=rotary(wn), mask=wn.causal | wn.prefix(5))
    y = attention(wn.Norm("... [c]")(wn.Linear("... [c -> d]", d=8)(embedded)))
    assert array(y._keras_mask).tolist() == (ids > 0).tolist()
    plain = wn.Norm("... [c]")(keras.ops.convert_to_tensor(array(embedded)))
    given = attention(plain, mask=(ids > 0)[:, None, None, :])
    masked = attention(plain, mask=wn.padding(keras.ops.convert_to_tensor(ids > 0)))
    np.testing.assert_allclose(array(given), array(masked), **CLOSE)


def test_the_mask_of_an_input_hides_padding():
    ids = keras.Input((None,), dtype="int32")
    attention = wn.Attention(2, seed=0)
    model = keras.Model(ids, attention(keras.layers.Embedding(7, 8, mask_zero=True)(ids)))
    short, long = np.array([[1, 2, 3]]), np.array([[1, 2, 3, 0, 0]])
    np.testing.assert_allclose(array(model(long))[:, :3], array(model(short)), **CLOSE)


def test_the_mask_of_a_context_hides_padding():
    x, ids = keras.Input((4, 8)), keras.Input((None,), dtype="int32")
    model = keras.Model(
        [x, ids], wn.Attention(2, projection=wn.Split())(x, keras.layers.Embedding(7, 6, mask_zero=True)(ids))
    )
    queries, short, long = numbers(1, 4, 8), np.array([[1, 2, 3]]), np.array([[1, 2, 3, 0, 0]])
    np.testing.assert_allclose(array(model([queries, long])), array(model([queries, short])), **CLOSE)


def test_masks_given_to_a_call():
    x, layer = numbers(2, 5, 8), wn.Attention(2, seed=0)
    triangle = np.tril(np.ones((5, 5), bool))
    expected = array(layer(x, mask=wn.causal))
    np.testing.assert_allclose(array(layer(x, mask=triangle)), expected, **CLOSE)
    inputs = keras.Input((5, 8)), keras.Input((5, 5), dtype="bool")
    model = keras.Model(inputs, layer(inputs[0], mask=inputs[1]))
    np.testing.assert_allclose(array(model([x, np.stack([triangle] * 2)])), expected, **CLOSE)


# -- dropout --------------------------------------------------------------------------------------------------


def test_dropout():
    layer, x = wn.Dropout("[b] ... [c]", 0.25, seed=0), np.ones((200, 5, 40), "float32")
    np.testing.assert_array_equal(array(layer(x)), x)
    one, other = array(layer(x, training=True)), array(layer(x, training=True))
    assert (one != other).any()
    assert (one == one[:, :1]).all()
    assert sorted(set(one.ravel().tolist())) == pytest.approx([0, 1 / 0.75])
    assert one.mean() == pytest.approx(1, abs=0.03)
    again = wn.Dropout("[b] ... [c]", 0.25, seed=0)
    np.testing.assert_array_equal(array(again(x, training=True)), one)


@pytest.mark.parametrize("backend", [None, "explicit"])
def test_dropout_of_attention(backend):
    layer, x = wn.Attention(2, 8, dropout=0.5, backend=backend), numbers(2, 5, 8)
    one, other = array(layer(x, training=True)), array(layer(x, training=True))
    assert (one != other).any()
    np.testing.assert_array_equal(array(layer(x)), array(layer(x)))


def test_layers_without_dropout_have_no_seeds_to_keep():
    layer = wn.Residual(wn.MLP(m=4), d=8)
    layer.build((None, 8))
    layer(numbers(2, 8))
    assert layer.variables == layer.weights


# -- backends -------------------------------------------------------------------------------------------------


def in_a_new_process(code, **environment):
    return subprocess.run([sys.executable, *code], capture_output=True, text=True, env={**os.environ, **environment})


def test_without_keras():
    code = "import sys; sys.modules['keras'] = None\ntry: import wirework.nn.keras\nexcept ImportError as e: print(e)"
    done = in_a_new_process(["-c", code])
    assert done.stdout == (
        'wirework.nn.keras needs Keras and the backend that KERAS_BACKEND names, "torch" or "jax": '
        'pip install "wirework[keras,torch]" or "wirework[keras,jax]"\n'
    )


def test_on_another_backend():
    code = "import wirework.nn.keras"
    done = in_a_new_process(["-c", code], KERAS_BACKEND="numpy")
    assert done.stderr.strip().splitlines()[-1] == (
        f"wirework.errors.{NotSupportedError.__name__}: the layers run on the torch and JAX backends of Keras, "
        'not on numpy: set KERAS_BACKEND to "torch" or "jax"'
    )


def test_all_this_with_the_other_backend():
    if os.environ.get("WIREWORK_ONE_BACKEND"):
        pytest.skip("this is that other backend")
    other = {"torch": "jax", "jax": "torch"}[BACKEND]
    command = ["-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", __file__]
    done = in_a_new_process(command, KERAS_BACKEND=other, WIREWORK_ONE_BACKEND="1", JAX_DISABLE_MOST_OPTIMIZATIONS="1")
    assert done.returncode == 0, done.stdout[-5000:]
