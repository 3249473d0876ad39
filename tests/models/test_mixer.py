"""MLP-Mixer against timm's: weights, logits, states, gradients, names."""

from dataclasses import replace

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from models.parity import close, same_gradients_as_timm, shake
from wirework.errors import AxisSizeError, CheckpointError, SemanticError
from wirework.models.mixer import Mixer, MixerConfig

TINY = MixerConfig(16, 4, classes=5, dim=12, depth=2, token_mlp_dim=6, feature_mlp_dim=48)
SIZES = {
    "small": ({}, TINY),
    "wide images": ({"img_size": (8, 20), "in_chans": 1}, replace(TINY, image_size=(8, 20), channels=1)),
    "other MLPs": (
        {"mlp_ratio": (3, 1.5), "num_blocks": 3},
        replace(TINY, depth=3, token_mlp_dim=36, feature_mlp_dim=18),
    ),
    "no head": ({"num_classes": 0}, replace(TINY, classes=0)),
}


def random_images(config: MixerConfig) -> torch.Tensor:
    return torch.randn(2, config.channels, *config.sides, generator=torch.Generator().manual_seed(1))


def count(model: nn.Module) -> int:
    return sum(parameter.numel() for parameter in model.parameters())


class TestTimm:
    @pytest.fixture(params=SIZES.values(), ids=SIZES.keys())
    def pair(self, request, timm, tmp_path):
        """Ours with the weights of timm's, read from a file, and timm's."""
        options, config = request.param
        sizes = {"img_size": 16, "patch_size": 4, "embed_dim": 12, "num_blocks": 2, "num_classes": 5}
        reference = shake(timm.models.mlp_mixer.MlpMixer(**sizes | options))
        save_file(reference.state_dict(), tmp_path / "reference.safetensors")
        return Mixer.from_pretrained(tmp_path / "reference.safetensors", config), reference

    def test_logits_and_states(self, pair):
        model, reference = pair
        images = random_images(model.config)
        close(model(images), reference(images))
        close(model.features(images), reference.forward_features(images))

    def test_gradients(self, pair):
        model, reference = pair
        images = random_images(model.config)
        same_gradients_as_timm(model, reference, images, "timm mixer")


class TestTimmFolders:
    @pytest.fixture(params=[{}, {"num_classes": 0, "proj_drop_rate": 0.1}], ids=["with a head", "without"])
    def reference(self, request, timm):
        small = {"img_size": (64, 32), "mlp_ratio": (0.1, 0.2), "num_classes": 7}
        return shake(timm.create_model("mixer_s32_224", **small | request.param))

    def test_both_ways(self, reference, timm, tmp_path):
        timm.models.save_for_hf(reference, tmp_path / "reference", safe_serialization=True)
        model = Mixer.from_pretrained(tmp_path / "reference")
        images = random_images(model.config)
        close(model(images), reference(images))
        model.save_pretrained(tmp_path / "saved")
        again = timm.create_model(f"local-dir:{tmp_path / 'saved'}", pretrained=True).eval()
        close(again(images), reference(images))
        assert Mixer.from_pretrained(tmp_path / "saved").config == model.config


@pytest.mark.parametrize(
    ("preset", "parameters"),
    [
        ("s32", 19_104_624),
        ("s16", 18_528_264),
        ("b32", 60_293_428),
        ("b16", 59_880_472),
        ("l32", 206_939_264),
        ("l16", 208_196_168),
    ],
)
def test_presets_have_the_published_sizes(timm, preset, parameters):
    with torch.device("meta"):
        model = Mixer.preset(preset)
        assert count(model) == parameters == count(timm.create_model(f"mixer_{preset}_224"))
    _, config = Mixer.read_config({"architecture": f"mixer_{preset}_224", "num_classes": 1000})
    assert replace(config, image_size=224) == model.config


def test_it_starts_as_in_the_paper():
    torch.manual_seed(0)
    model = Mixer(replace(TINY, dim=96, feature_mlp_dim=64, token_mlp_dim=64))
    for name, parameter in model.named_parameters():
        if name.startswith("head") or name.endswith("bias"):
            assert not parameter.any(), name
        elif "norm" in name:
            assert (parameter == 1).all(), name
        else:
            inputs = parameter[0].numel()
            assert parameter.std().item() * inputs**0.5 == pytest.approx(1, abs=0.1), name


class TestMixing:
    """Which places `t d` change when one of them does."""

    def changed(self, part: str) -> list[list[int]]:
        block = shake(Mixer(TINY)).blocks[0]
        x = torch.randn(1, TINY.tokens, TINY.dim)
        other = x.clone()
        other[0, 2, 7] += 1
        mix = getattr(block, part)
        return torch.nonzero((mix(other) - mix(x))[0].abs() > 0).tolist()

    def test_tokens(self):
        assert self.changed("mix_tokens") == [[t, 7] for t in range(TINY.tokens)]

    def test_features(self):
        assert self.changed("mix_features") == [[2, d] for d in range(TINY.dim)]


class TestTraining:
    def test_dropout_only_there(self):
        model = shake(Mixer(replace(TINY, dropout=0.5, drop_path=0.5))).train()
        images = random_images(TINY)
        assert not torch.equal(model(images), model(images))
        model.eval()
        assert torch.equal(model(images), model(images))

    def test_every_weight_learns(self):
        model = shake(Mixer(replace(TINY, dropout=0.1))).train()
        model(random_images(TINY)).square().sum().backward()
        assert all(parameter.grad.any() for parameter in model.parameters())


class TestCompiled:
    def test_in_one_graph(self):
        model = shake(Mixer(TINY))
        images = random_images(TINY)
        close(torch.compile(model, fullgraph=True, backend="eager")(images), model(images))

    def test_exported_for_any_number_of_images(self):
        model = shake(Mixer(TINY))
        exported = torch.export.export(model, (random_images(TINY),), dynamic_shapes=({0: torch.export.Dim("b")},))
        more = torch.randn(5, 3, 16, 16)
        close(exported.module()(more), model(more))


def test_impossible_sizes():
    with pytest.raises(SemanticError) as caught:
        replace(TINY, image_size=(16, 18))
    assert str(caught.value) == "image_size=(16, 18) is not divisible by patch_size=4"


def test_images_of_another_size():
    with pytest.raises(AxisSizeError) as caught:
        Mixer(TINY)(torch.zeros(1, 3, 16, 20))
    assert str(caught.value) == (
        "axis t is 20 (dimension 1 of argument 1), but also 16 (dimension 1 of argument 2)\n"
        "\n"
        "    b [t] d, m [t] -> b m d\n"
        "       ^        ^\n"
        "\n"
        "  argument 1: 'b [t] d' has shape (1 20 12)\n"
        "  argument 2: 'm [t]' has shape (6 16)\n"
        "  found: b = 1, t = 20, d = 12, m = 6"
    )


class TestWhatItCannotBe:
    @pytest.mark.parametrize(
        ("written", "message"),
        [
            (
                {"architecture": "mixer_b16_224", "model_args": {"stem_norm": True}},
                "the configuration has stem_norm=True: only False is supported",
            ),
            (
                {"architecture": "gmixer_12_224"},
                "Mixer does not read a checkpoint of architecture 'gmixer_12_224': it reads timm mixer, wirework",
            ),
        ],
    )
    def test_of_timm(self, written, message):
        with pytest.raises(CheckpointError) as caught:
            Mixer.read_config(written)
        assert str(caught.value) == message

    def test_for_timm(self, tmp_path):
        with pytest.raises(CheckpointError) as caught:
            Mixer(TINY).save_pretrained(tmp_path, form="timm mixer")
        assert str(caught.value) == (
            "timm has no MLP-Mixer of dim=12, depth=2, patch_size=4: "
            "only of (dim, depth)=(512, 8), (768, 12) or (1024, 24) and patch_size=16 or 32"
        )

    def test_it_can_still_be_saved(self, tmp_path):
        model = shake(Mixer(TINY))
        model.save_pretrained(tmp_path, form="wirework")
        images = random_images(TINY)
        assert torch.equal(Mixer.from_pretrained(tmp_path)(images), model(images))
