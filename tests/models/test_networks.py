"""Architectures in JAX, of the same definition as in torch: numbers, compilation, caches, conversion, gradients."""

import subprocess
import sys
from functools import reduce
from types import SimpleNamespace

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch
from flax import nnx

import wirework.models.equinox
import wirework.models.flax
import wirework.nn.equinox
import wirework.nn.flax
import wirework.nn.torch as wn
from wirework.errors import NotSupportedError
from wirework.models import GPT2, GPT2Config, ViT, ViTConfig

TOKENS = np.random.default_rng(0).integers(0, 65, (2, 20))


def compiled_in_equinox(model):
    """A step of a compiled model: the caches of a transformed function are its own copy."""

    @eqx.filter_jit
    def step(tokens, caches):
        return model(tokens, caches=caches), caches

    return step


def compiled_in_flax(model):
    """A step of a compiled model, which changes the caches that it is given."""

    @nnx.jit
    def step(model, tokens, caches):
        return model(tokens, caches=caches)

    return lambda tokens, caches: (step(model, tokens, caches), caches)


JAX = {
    "flax": SimpleNamespace(
        made=lambda kind, config: getattr(wirework.models.flax, kind)(config, rngs=nnx.Rngs(0)), step=compiled_in_flax, cache=wirework.nn.flax.StaticCache,
        jit=nnx.jit, grad=nnx.grad,
    ),
    "equinox": SimpleNamespace(
        made=lambda kind, config: getattr(wirework.models.equinox, kind)(config, key=jax.random.key(0)), step=compiled_in_equinox,
        cache=wirework.nn.equinox.StaticCache, jit=eqx.filter_jit, grad=eqx.filter_grad,
    ),
}  # fmt: skip


@pytest.fixture(params=JAX)
def framework(request):
    return request.param


@pytest.fixture
def model():
    torch.manual_seed(0)
    return GPT2.preset("characters").eval()


def close(found, expected):
    np.testing.assert_allclose(np.asarray(found), expected.detach().numpy(), atol=1e-5, rtol=1e-5)


def reached(module, name):
    """An array inside a module, by its name."""
    return np.asarray(reduce(getattr, name.split("."), module)[...])


def still(model, framework):
    """The model as it is outside training."""
    return eqx.nn.inference_mode(model) if framework == "equinox" else nnx.view(model, deterministic=True)


def test_logits_are_those_of_torch(model, framework):
    there = wn.convert(model, to=framework)
    expected = model(torch.tensor(TOKENS))
    close(there(TOKENS), expected)
    close(JAX[framework].jit(lambda model, tokens: model(tokens))(there, TOKENS), expected)


def test_masks_and_positions(model, framework):
    there = wn.convert(model, to=framework)
    seen = np.ones(TOKENS.shape, bool)
    seen[1, :5] = False
    positions = (seen.cumsum(1) - 1).clip(0)
    expected = model(torch.tensor(TOKENS), wn.padding(torch.tensor(seen)), torch.tensor(positions))
    found = there(jnp.asarray(TOKENS), wn.padding(jnp.asarray(seen)), jnp.asarray(positions))
    close(found[seen], expected[torch.tensor(seen)])


def test_greedy_text_with_a_cache_is_that_of_torch(model, framework):
    expected = torch.stack(list(model.generate(torch.tensor(TOKENS), 30)), 1).numpy()
    step = JAX[framework].step(wn.convert(model, to=framework))
    caches = [JAX[framework].cache(64) for _ in range(model.config.depth)]
    logits, caches = step(TOKENS, caches)
    found = []
    for _ in range(30):
        found.append(jnp.argmax(logits[:, -1], axis=-1))
        logits, caches = step(found[-1][:, None], caches)
    np.testing.assert_array_equal(np.stack(found, 1), expected)


def test_there_and_back(model, framework):
    back = wn.convert(wn.convert(model, to=framework), to="torch")
    assert type(back) is GPT2 and back.config == model.config
    expected = model.state_dict()
    assert list(back.state_dict()) == list(expected)
    assert all(torch.equal(array, expected[name]) for name, array in back.state_dict().items())


def test_from_one_framework_of_jax_to_the_other(model):
    there = wn.convert(wn.convert(model, to="flax"), to="equinox")
    assert isinstance(there, wirework.models.equinox.GPT2)
    close(there(TOKENS), model(torch.tensor(TOKENS)))


def test_gradients_are_those_of_torch(model, framework):
    def loss(model):
        return (model(TOKENS) ** 2).mean()

    found = JAX[framework].grad(loss)(wn.convert(model, to=framework))
    (model(torch.tensor(TOKENS)) ** 2).mean().backward()
    for i, block in enumerate(model.blocks):
        there = found["blocks"][i] if framework == "flax" else found.blocks[i]
        there = there["mlp"]["fc2"]["weight"] if framework == "flax" else there.mlp.fc2.weight
        close(there[...], block.mlp.fc2.weight.grad)


def test_weights_start_as_in_torch(framework):
    model = JAX[framework].made("GPT2", GPT2Config.preset("characters"))
    for name, stddev in [("attn.in_proj_weight", 0.02), ("mlp.fc1.weight", 0.02), ("mlp.fc2.weight", 0.02 / 8**0.5)]:
        assert np.std(reached(model.blocks[2], name)) == pytest.approx(stddev, rel=0.03)
    assert not np.any(model.blocks[0].mlp.fc1.bias[...])
    assert np.std(model.tokens.weight[...]) == pytest.approx(0.02, rel=0.03)


def test_dropout_in_training(framework):
    model = JAX[framework].made("GPT2", GPT2Config.preset("characters", dropout=0.5))
    options = [{"key": jax.random.key(i)} if framework == "equinox" else {} for i in range(2)]
    assert not np.allclose(*(model(TOKENS, **each) for each in options))
    np.testing.assert_array_equal(*(still(model, framework)(TOKENS) for _ in range(2)))


def test_last_states_and_their_logits(model, framework):
    there = wn.convert(model, to=framework)
    states = there.features(TOKENS)
    close(states, model.features(torch.tensor(TOKENS)))
    close(there.logits(states), model(torch.tensor(TOKENS)))


VITS = {
    "plain": {},
    "distilled": {"registers": 1, "placed": 2, "distilled": True},
    "without a head": {"registers": 3, "layer_scale": 0.1, "gated": True, "classes": 0, "antialias": False},
    "mean": {"pooling": "mean"},
    "class and mean": {"pooling": "class and mean", "qkv_bias": False},
}
IMAGES = np.random.default_rng(1).normal(size=(2, 1, 8, 8)).astype("float32")


@pytest.fixture(params=VITS.values(), ids=list(VITS))
def vit(request):
    torch.manual_seed(0)
    return ViT.preset("digits", **request.param).eval()


class TestViT:
    def test_logits_are_those_of_torch(self, vit, framework):
        there = still(wn.convert(vit, to=framework), framework)
        expected = vit(torch.tensor(IMAGES))
        close(there(IMAGES), expected)
        close(JAX[framework].jit(lambda model, images: model(images))(there, IMAGES), expected)

    def test_there_and_back(self, vit, framework):
        back = wn.convert(wn.convert(vit, to=framework), to="torch")
        assert type(back) is ViT and back.config == vit.config
        expected = vit.state_dict()
        assert list(back.state_dict()) == list(expected)
        assert all(torch.equal(array, expected[name]) for name, array in back.state_dict().items())

    def test_other_image_sizes(self, framework):
        vit = ViT.preset("digits")
        images = np.random.default_rng(1).normal(size=(2, 1, 12, 16)).astype("float32")
        close(wn.convert(vit, to=framework)(images), vit(torch.tensor(images)))
        vit.resize((12, 16))
        there = wn.convert(vit, to=framework)
        assert there.positions.weight.shape == (1 + 6 * 8, 64)
        close(there(images), vit(torch.tensor(images)))

    def test_without_blocks(self, framework):
        vit = ViT.preset("digits", depth=0)
        close(wn.convert(vit, to=framework)(IMAGES), vit(torch.tensor(IMAGES)))

    def test_two_heads_in_training(self, framework):
        vit = ViT.preset("digits", **VITS["distilled"])
        for found, expected in zip(wn.convert(vit, to=framework)(IMAGES), vit(torch.tensor(IMAGES)), strict=True):
            close(found, expected)

    def test_branches_are_dropped_in_training(self, framework):
        config = ViTConfig.preset("digits", dropout=0.2, drop_path=0.5)
        model = JAX[framework].made("ViT", config)
        options = [{"key": jax.random.key(i)} if framework == "equinox" else {} for i in range(2)]
        assert not np.allclose(*(model(IMAGES, **each) for each in options))
        np.testing.assert_array_equal(*(still(model, framework)(IMAGES) for _ in range(2)))

    def test_weights_start_as_in_torch(self, framework):
        config = ViTConfig.preset("digits")
        model = JAX[framework].made("ViT", config)
        for layer, shape in [("attn.module.in_proj_weight", (64, 64)), ("mlp.module.fc1.weight", (128, 64))]:
            weight = reached(model.blocks[1], layer)
            limit = (6 / sum(shape)) ** 0.5
            assert limit * 0.99 < np.abs(weight).max() <= limit
            assert np.std(weight) == pytest.approx(limit / 3**0.5, rel=0.03)
        assert np.std(model.prefix[...]) == pytest.approx(0.02, rel=0.4)


@pytest.mark.parametrize("to", ["linen", "haiku"])
def test_other_frameworks_have_no_architectures(model, to):
    with pytest.raises(NotSupportedError, match=f"GPT2 cannot be converted to {to}: choose from torch, flax, equinox"):
        wn.convert(model, to=to)


def test_no_torch_is_needed(framework):
    code = f"import sys; sys.modules['torch'] = None; from wirework.models.{framework} import GPT2, ViT; print(GPT2.__name__)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "GPT2\n"
