"""The vision transformer: its pieces against plain torch, and the faults of careless versions."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from wirework.models import ViT, ViTConfig

TINY = ViTConfig(image_size=8, patch_size=4, channels=3, classes=5, dim=16, depth=2, heads=2, mlp_dim=32)


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    model = ViT(TINY).eval()
    with torch.no_grad():  # no parameter at its start, where a forgotten one would not show
        for parameter in model.parameters():
            parameter.add_(torch.randn_like(parameter) * 0.1)
    return model


def reference(model: ViT, images: torch.Tensor) -> torch.Tensor:
    """The same network in plain torch, with the weights of `model`."""
    config, state = model.config, dict(model.named_parameters())

    def norm(x, name):
        return F.layer_norm(x, (config.dim,), state[f"{name}.weight"], state[f"{name}.bias"], config.epsilon)

    def linear(x, name):
        return F.linear(x, state[f"{name}.weight"], state[f"{name}.bias"])

    x = F.conv2d(images, state["patch_embed.weight"], state["patch_embed.bias"], stride=config.patch_size).flatten(2).mT
    x = torch.cat([state["cls_token"].expand(len(x), 1, -1), x], 1) + state["pos_embed"]
    for i in range(config.depth):
        name = f"blocks.{i}"
        q, k, v = linear(norm(x, f"{name}.norm1"), f"{name}.attn.qkv").chunk(3, -1)
        heads = [part.unflatten(-1, (config.heads, -1)).transpose(1, 2) for part in (q, k, v)]
        scores = heads[0] @ heads[1].mT / heads[0].shape[-1] ** 0.5
        mixed = (scores.softmax(-1) @ heads[2]).transpose(1, 2).flatten(2)
        x = x + linear(mixed, f"{name}.attn.proj")
        hidden = F.gelu(linear(norm(x, f"{name}.norm2"), f"{name}.mlp.fc1"))
        x = x + linear(hidden, f"{name}.mlp.fc2")
    return linear(norm(x, "norm")[:, 0], "head")


def test_equals_plain_torch(model):
    images = torch.randn(3, 3, 8, 8)
    torch.testing.assert_close(model(images), reference(model, images), rtol=1e-4, atol=1e-5)


def test_gradients_equal_plain_torch(model):
    images = torch.randn(2, 3, 8, 8)
    ours = torch.autograd.grad(model(images).square().sum(), list(model.parameters()))
    theirs = torch.autograd.grad(reference(model, images).square().sum(), list(model.parameters()))
    for one, two in zip(ours, theirs, strict=True):
        torch.testing.assert_close(one, two, rtol=1e-3, atol=1e-4)


def test_a_patch_keeps_its_pixels_together(model):
    """A pixel changes the one patch token that it lies in."""
    images = torch.zeros(1, 3, 8, 8)
    changed = images.clone()
    changed[0, :, 1, 6] = 1.0
    difference = (model.embed(changed) - model.embed(images)).abs().sum(-1)[0]
    assert torch.nonzero(difference).flatten().tolist() == [2], "row 0, column 1, after the class token"


def test_attention_maps(model):
    maps = model.attention_maps(torch.randn(2, 3, 8, 8))
    assert maps.shape == (2, TINY.depth, TINY.heads, 5, 5)
    torch.testing.assert_close(maps.sum(-1), torch.ones(maps.shape[:-1]))
    flow = model.class_attention(torch.randn(2, 3, 8, 8))
    assert flow.shape == (2, 2, 2)
    assert (flow >= 0).all() and (flow.sum((1, 2)) < 1).all()


def test_every_block_has_its_own_weights(model):
    first, second = (model.blocks[i].mlp.fc1.weight for i in range(2))
    assert first is not second and not torch.equal(first, second)


@pytest.mark.parametrize(
    ("preset", "parameters"),
    [
        ("digits", 136_138),
        ("tiny", 5_717_416),
        ("small", 22_050_664),
        ("base", 86_567_656),
        ("large", 304_326_632),
    ],
)
def test_presets(preset, parameters):
    with torch.device("meta"):
        model = ViT(ViTConfig.preset(preset))
    assert sum(parameter.numel() for parameter in model.parameters()) == parameters


def test_preset_with_changes_and_mistakes():
    assert ViTConfig.preset("digits", depth=2).depth == 2
    with pytest.raises(ValueError, match="there is no ViT called 'huge': choose from digits, tiny"):
        ViTConfig.preset("huge")
    with pytest.raises(ValueError, match="image_size=8 is not divisible by patch_size=3"):
        ViTConfig(image_size=8, patch_size=3)
    with pytest.raises(ValueError, match="dim=10 is not divisible by heads=4"):
        ViTConfig(dim=10, heads=4)


def test_seeded():
    torch.manual_seed(3)
    first = ViT(TINY)
    torch.manual_seed(3)
    second = ViT(TINY)
    for one, two in zip(first.parameters(), second.parameters(), strict=True):
        assert torch.equal(one, two)


def test_compiles_and_exports(model):
    images = torch.randn(2, 3, 8, 8)
    compiled = torch.compile(model, fullgraph=True, backend="eager")
    torch.testing.assert_close(compiled(images), model(images))
    dynamic = ({0: torch.export.Dim("b")},)
    exported = torch.export.export(model, (images,), dynamic_shapes=dynamic).module()
    more = torch.randn(5, 3, 8, 8)
    torch.testing.assert_close(exported(more), model(more))


def test_dropout_only_in_training():
    model = ViT(ViTConfig.preset("digits", dropout=0.5, drop_path=0.5))
    images = torch.randn(2, 1, 8, 8)
    assert not torch.equal(model(images), model(images))
    model.eval()
    assert torch.equal(model(images), model(images))
    assert isinstance(model.blocks, nn.ModuleList)
