"""Swin against Hugging Face's and timm's: weights, logits, maps, gradients, windows that do not fit, names."""

import json
from dataclasses import replace

import pytest
import torch
from torch import nn

from models.parity import close, same_gradients, same_gradients_as_timm, shake
from wirework.errors import CheckpointError, SemanticError
from wirework.models.swin import Swin, SwinConfig

TINY = SwinConfig(16, 2, classes=5, dim=8, depths=(2, 2), heads=(2, 2), window=4)
SIZES = {"embed_dim": 16, "depths": [2, 2], "num_heads": [2, 4], "patch_size": 2, "image_size": 24, "window_size": 4}
HUGGING_FACE = {
    "whole windows": {"image_size": 16},
    "parts of windows": {"image_size": 22},
    "parts of patches, on wide images": {"image_size": [21, 34], "window_size": 3},
    "one window high": {"image_size": [16, 32]},
    "absolute positions": {"use_absolute_embeddings": True},
    "other options": {"qkv_bias": False, "mlp_ratio": 2.5, "num_channels": 1},
    "three stages, of odd depths": {"depths": [1, 2, 3], "num_heads": [1, 2, 4], "image_size": 44, "window_size": 5},
}


def random_images(config: SwinConfig, *sides: int) -> torch.Tensor:
    return torch.randn(2, config.channels, *(sides or config.sides), generator=torch.Generator().manual_seed(1))


def count(model: nn.Module) -> int:
    return sum(parameter.numel() for parameter in model.parameters())


def hugging_face(transformers, name: str = "SwinForImageClassification", **sizes) -> nn.Module:
    """A model of transformers with random weights. Its shifts change when it sees a small image: take a new one."""
    return shake(getattr(transformers, name)(transformers.SwinConfig(**SIZES | {"num_labels": 7} | sizes)))


class TestHuggingFace:
    @pytest.fixture(params=HUGGING_FACE.values(), ids=HUGGING_FACE.keys())
    def reference(self, request, transformers):
        return hugging_face(transformers, **request.param)

    @pytest.fixture
    def model(self, reference, tmp_path):
        reference.save_pretrained(tmp_path / "reference")
        return Swin.from_pretrained(tmp_path / "reference")

    def test_logits_and_maps(self, model, reference):
        images = random_images(model.config)
        close(model(images), reference(images).logits)
        close(model.features(images).flatten(1, 2), reference.swin(images).last_hidden_state)

    def test_gradients(self, model, reference, tmp_path):
        images = random_images(model.config)
        model(images).square().sum().backward()
        reference(images).logits.square().sum().backward()
        same_gradients(model, reference, tmp_path / "gradients")

    def test_what_is_saved_is_read_by_transformers(self, model, reference, tmp_path):
        model.save_pretrained(tmp_path / "saved")
        again = type(reference).from_pretrained(tmp_path / "saved").eval()
        images = random_images(model.config)
        close(again(images).logits, reference(images).logits)
        written, expected = (
            json.loads((tmp_path / folder / "config.json").read_text()) for folder in ("saved", "reference")
        )
        assert {key: expected.get(key) for key in written} == written


@pytest.mark.parametrize(
    ("sides", "absolute"),
    [((16, 16), False), ((30, 30), False), ((37, 21), False), ((16, 48), False), ((20, 28), True)],
)
def test_images_of_another_size(transformers, tmp_path, sides, absolute):
    reference = hugging_face(transformers, use_absolute_embeddings=absolute)
    reference.save_pretrained(tmp_path)
    model = Swin.from_pretrained(tmp_path)
    images = random_images(model.config, *sides)
    close(model(images), reference(images, interpolate_pos_encoding=absolute).logits)


class TestWithoutHead:
    @pytest.fixture(params=["SwinModel", "SwinForMaskedImageModeling"])
    def reference(self, request, transformers):
        return hugging_face(transformers, request.param, encoder_stride=4)

    def test_maps_and_their_mean(self, reference, tmp_path):
        reference.save_pretrained(tmp_path)
        model = Swin.from_pretrained(tmp_path)
        images = random_images(model.config)
        states = reference.base_model(images).last_hidden_state
        close(model.features(images).flatten(1, 2), states)
        close(model(images), states.mean(1))

    def test_a_new_head(self, reference, tmp_path):
        reference.save_pretrained(tmp_path)
        model = Swin.from_pretrained(tmp_path, classes=3, fresh=("head.*",))
        assert model(random_images(model.config)).shape == (2, 3)

    def test_what_is_saved_is_read_by_transformers(self, transformers, tmp_path):
        model = shake(Swin(replace(TINY, classes=0)))
        model.save_pretrained(tmp_path)
        again = transformers.AutoModel.from_pretrained(tmp_path).eval()
        images = random_images(TINY)
        close(again(images).pooler_output, model(images))


TIMM_SIZES = {"embed_dim": 16, "depths": (2, 2), "num_heads": (2, 4), "patch_size": 2, "img_size": 24, "num_classes": 7}
TIMM = {
    "whole windows": {"img_size": 16, "window_size": 4},
    "parts of windows": {"img_size": 22, "window_size": 4},
    "parts of windows, on wide images": {"img_size": (22, 34), "window_size": 3},
    "a window larger than the map": {"img_size": (24, 36), "window_size": 7},
    "one window high": {"img_size": (16, 32), "window_size": 4},
    "windows of two sizes": {"window_size": ((3, 3), (4, 4))},
    "windows that follow from the name": {"img_size": 32, "depths": (1, 2, 3, 1), "num_heads": (2, 2, 2, 4)},
    "other options": {"qkv_bias": False, "mlp_ratio": 2.5, "in_chans": 1, "window_size": 4},
    "no head": {"num_classes": 0, "window_size": 4},
}


def timm_model(timm, **options) -> nn.Module:
    return shake(timm.create_model("swin_s3_small_224", **TIMM_SIZES | options))


def save_timm(timm, model: nn.Module, folder) -> None:
    timm.models.save_for_hf(model, folder, safe_serialization=True)


@pytest.mark.filterwarnings("ignore:Pretrained (mean|std)")
class TestTimm:
    @pytest.fixture(params=TIMM.values(), ids=TIMM.keys())
    def reference(self, request, timm):
        return timm_model(timm, **request.param)

    @pytest.fixture
    def model(self, reference, timm, tmp_path):
        save_timm(timm, reference, tmp_path / "reference")
        return Swin.from_pretrained(tmp_path / "reference")

    def test_logits_and_maps(self, model, reference):
        images = random_images(model.config)
        close(model(images), reference(images))
        close(model.features(images), reference.forward_features(images))

    def test_gradients(self, model, reference):
        images = random_images(model.config)
        same_gradients_as_timm(model, reference, images, "timm swin")

    def test_what_is_saved_is_read_by_timm(self, model, reference, timm, tmp_path):
        model.save_pretrained(tmp_path / "saved", form="timm swin")
        again = timm.create_model(f"local-dir:{tmp_path / 'saved'}", pretrained=True).eval()
        images = random_images(model.config)
        close(again(images), reference(images))
        assert Swin.from_pretrained(tmp_path / "saved").config.windows == model.config.windows

    def test_a_file_of_weights_with_a_configuration(self, model, tmp_path):
        again = Swin.from_pretrained(tmp_path / "reference" / "model.safetensors", model.config)
        images = random_images(model.config)
        close(again(images), model(images))


class TestTimmWithImagesOfAnotherSize:
    def test_at_once(self, timm, tmp_path):
        reference = timm_model(timm, img_size=16, window_size=4, dynamic_img_size=True)
        save_timm(timm, reference, tmp_path)
        model = Swin.from_pretrained(tmp_path)
        for sides in [(16, 16), (24, 20), (36, 6)]:
            images = random_images(model.config, *sides)
            close(model(images), reference(images))

    def test_for_good(self, timm, tmp_path):
        reference = timm_model(timm, img_size=16, window_size=4)
        save_timm(timm, reference, tmp_path)
        model = Swin.from_pretrained(tmp_path, image_size=(24, 20))
        reference.set_input_size((24, 20), window_size=4)
        images = random_images(model.config)
        close(model(images), reference(images))


NAMES = (
    "tiny_patch4_window7_224",
    "base_patch4_window12_384",
    "large_patch4_window7_224",
    "s3_tiny_224",
    "s3_base_224",
)


@pytest.mark.parametrize("name", [f"swin_{name}" for name in NAMES])
def test_a_name_means_the_same_sizes_to_timm(timm, name):
    with torch.device("meta"):
        theirs = timm.create_model(name, num_classes=12)
        form, config = Swin.read_config({"architecture": name, "num_classes": 12})
        ours = Swin(config)
    found = form.to_theirs(ours.state_dict(), config)
    assert {name: array.shape for name, array in found.items()} == {
        name: array.shape for name, array in theirs.state_dict().items()
    }
    assert config.image_size == theirs.patch_embed.img_size
    assert config.heads == tuple(stage.blocks[0].attn.num_heads for stage in theirs.layers)


class TestWindows:
    """Which places of a map of one stage change when one of them does."""

    def seen(self, j: int, place: tuple[int, int], **options) -> set[tuple[int, int]]:
        config = replace(TINY, image_size=8, patch_size=1, depths=(2,), heads=(2,), **options)
        stage = shake(Swin(config)).stages[0]
        stage.blocks[1 - j] = Nothing()
        x = torch.randn(1, 8, 8, 8)
        changed = x.clone()
        changed[0, place[0], place[1]] = torch.randn(8)
        differs = (stage(changed) - stage(x)).abs().sum(-1)[0] > 0
        return {(row, column) for row, column in torch.nonzero(differs).tolist()}

    def places(self, rows: range, columns: range) -> set[tuple[int, int]]:
        return {(row, column) for row in rows for column in columns}

    def test_a_place_sees_its_window(self):
        assert self.seen(0, (1, 5)) == self.places(range(4), range(4, 8))

    def test_a_shifted_window_crosses_borders(self):
        assert self.seen(1, (3, 4)) == self.places(range(2, 6), range(2, 6))

    def test_opposite_sides_do_not_see_each_other(self):
        assert self.seen(1, (0, 3)) == self.places(range(2), range(2, 6))
        assert self.seen(1, (7, 0)) == self.places(range(6, 8), range(2))

    @pytest.mark.parametrize("padding", ["first", "last"])
    def test_one_window_is_not_shifted(self, padding):
        assert self.seen(1, (0, 0), window=8, padding=padding) == self.places(range(8), range(8))

    def test_padding_has_an_order(self):
        images = torch.randn(1, 3, 22, 22)
        first, last = (
            shake(Swin(replace(TINY, image_size=22, padding=order))).features(images) for order in ("first", "last")
        )
        assert (first - last).abs().max() > 1e-3


class Nothing(nn.Module):
    def forward(self, x, *_):
        return x


@pytest.mark.parametrize(
    ("preset", "parameters"),
    [
        ("digits", 135_318),
        ("tiny", 28_288_354),
        ("small", 49_606_258),
        ("base", 87_768_224),
        ("large", 196_532_476),
    ],
)
def test_presets_have_the_published_sizes(preset, parameters):
    with torch.device("meta"):
        assert count(Swin.preset(preset)) == parameters


def test_it_starts_as_in_the_paper():
    torch.manual_seed(0)
    model = Swin(replace(TINY, dim=64, absolute_positions=True))
    for name, parameter in model.named_parameters():
        if parameter.ndim > 1:
            assert abs(parameter.std().item() - 0.02) < 3e-3, name
        else:
            assert parameter.unique().tolist() == [float("norm" in name and name.endswith("weight"))], name


class TestTraining:
    def test_dropout_only_there(self):
        model = shake(Swin(replace(TINY, dropout=0.5, drop_path=0.5))).train()
        images = random_images(TINY)
        assert not torch.equal(model(images), model(images))
        model.eval()
        assert torch.equal(model(images), model(images))

    def test_later_blocks_are_skipped_more(self):
        model = Swin(replace(TINY, depths=(2, 3), drop_path=0.4))
        rates = [block.drop_path.definition.drop_rate for stage in model.stages for block in stage.blocks]
        assert rates == pytest.approx([0, 0.1, 0.2, 0.3, 0.4])

    def test_every_weight_learns(self):
        model = shake(Swin(replace(TINY, absolute_positions=True, dropout=0.1))).train()
        model(random_images(TINY)).square().sum().backward()
        assert all(parameter.grad.any() for parameter in model.parameters())


def test_our_own_format_keeps_everything(tmp_path):
    model = shake(Swin(replace(TINY, image_size=(22, 16), window=(4, 3), padding="last", absolute_positions=True)))
    model.save_pretrained(tmp_path, form="wirework")
    again = Swin.from_pretrained(tmp_path)
    assert again.config == model.config
    images = random_images(model.config)
    assert torch.equal(again(images), model(images))


class TestCompiled:
    def test_in_one_graph(self):
        model = shake(Swin(replace(TINY, image_size=22)))
        images = random_images(model.config)
        close(torch.compile(model, fullgraph=True, backend="eager")(images), model(images))

    def test_exported_for_any_number_of_images(self):
        model = shake(Swin(TINY))
        exported = torch.export.export(model, (random_images(TINY),), dynamic_shapes=({0: torch.export.Dim("b")},))
        more = torch.randn(5, 3, 16, 16)
        close(exported.module()(more), model(more))


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"heads": (2, 2, 2)}, "heads=(2, 2, 2) is for 3 stages, depths=(2, 2) is for 2"),
        ({"window": (4,)}, "window=(4,) is for 1 stages, depths=(2, 2) is for 2"),
        ({"heads": (2, 3)}, "stage 1 has 16 features, which are not divisible by heads=3"),
        ({"window": 0}, "image_size=16, patch_size=2 and window=0 must be 1 or more"),
        ({"image_size": (16, 0)}, "image_size=(16, 0), patch_size=2 and window=4 must be 1 or more"),
        ({"padding": "before"}, "padding is 'first' or 'last', not 'before'"),
    ],
)
def test_impossible_sizes(values, message):
    with pytest.raises(SemanticError) as caught:
        replace(TINY, **values)
    assert str(caught.value) == message


class TestWhatItCannotBe:
    @pytest.mark.parametrize(
        ("written", "message"),
        [
            (
                {"model_type": "swin", "hidden_act": "relu"},
                "the configuration has hidden_act='relu': only 'gelu' is supported",
            ),
            (
                {"model_type": "swin", "patch_size": [4, 2]},
                "the configuration has patch_size=[4, 2]: only equal numbers are supported",
            ),
            (
                {"architecture": "swin_tiny_patch4_window7_224", "model_args": {"window_size": [7, 14]}},
                "the configuration has window_size=[7, 14]: only equal numbers are supported",
            ),
            (
                {"architecture": "swin_tiny_patch4_window7_224", "model_args": {"always_partition": True}},
                "the configuration has always_partition=True: only False is supported",
            ),
            (
                {"architecture": "swinv2_tiny_window8_256"},
                "Swin does not read a checkpoint of architecture 'swinv2_tiny_window8_256': "
                "it reads Hugging Face swin, timm swin, wirework",
            ),
        ],
    )
    def test_of_others(self, written, message):
        with pytest.raises(CheckpointError) as caught:
            Swin.read_config(written)
        assert str(caught.value) == message

    @pytest.mark.parametrize(
        ("form", "changes", "message"),
        [
            (
                "Hugging Face swin",
                {"window": (4, 2)},
                "transformers has one window_size for all stages: not (4, 4), (2, 2)",
            ),
            (
                "Hugging Face swin",
                {"image_size": 22, "padding": "last"},
                "transformers has padding='first', which is not the same as 'last' for image_size=22 and window=4",
            ),
            (
                "timm swin",
                {"image_size": (16, 32)},
                "timm has padding='last', which is not the same as 'first' for image_size=(16, 32) and window=4",
            ),
            (
                "timm swin",
                {"absolute_positions": True},
                "the configuration has absolute_positions=True: only False is supported",
            ),
        ],
    )
    def test_for_others(self, tmp_path, form, changes, message):
        with pytest.raises(CheckpointError) as caught:
            Swin(replace(TINY, **changes)).save_pretrained(tmp_path, form=form)
        assert str(caught.value) == message

    def test_padding_does_not_matter_for_whole_windows(self, tmp_path):
        model = shake(Swin(TINY))
        model.save_pretrained(tmp_path, form="timm swin")
        again = Swin.from_pretrained(tmp_path)
        assert again.config.padding == "last"
        images = random_images(TINY)
        close(again(images), model(images))
