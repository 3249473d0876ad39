"""The vision transformer against those of Hugging Face and timm: ViT, DeiT, DINOv2; and careless faults."""

import json
from dataclasses import replace

import pytest
import torch
from torch import nn

from models.parity import close, same_gradients, same_gradients_as_timm, shake
from wirework.errors import AxisSizeError, CheckpointError, SemanticError
from wirework.models.vit import ViT, ViTConfig

TINY = ViTConfig(image_size=8, patch_size=4, channels=3, classes=5, dim=16, depth=2, heads=2, mlp_dim=32)
SIZES = {"hidden_size": 48, "num_hidden_layers": 2, "num_attention_heads": 3, "num_labels": 7}
PLAIN = SIZES | {"intermediate_size": 96, "image_size": 32, "patch_size": 8}
DINOV2 = SIZES | {"image_size": 42, "patch_size": 14, "layerscale_value": 0.5}
HUGGING_FACE = {
    "ViT": ("ViTForImageClassification", PLAIN),
    "ViT without biases": ("ViTForImageClassification", PLAIN | {"qkv_bias": False, "layer_norm_eps": 1e-3}),
    "ViT for wide images": ("ViTForImageClassification", PLAIN | {"image_size": [24, 40], "num_channels": 1}),
    "DeiT": ("DeiTForImageClassification", PLAIN),
    "DeiT with teacher": ("DeiTForImageClassificationWithTeacher", PLAIN),
    "DINOv2": ("Dinov2ForImageClassification", DINOV2),
    "DINOv2 with SwiGLU": ("Dinov2ForImageClassification", DINOV2 | {"use_swiglu_ffn": True}),
    "DINOv2 with registers": ("Dinov2WithRegistersForImageClassification", DINOV2 | {"num_register_tokens": 3}),
}


def random_images(config: ViTConfig, count: int = 2) -> torch.Tensor:
    return torch.randn(count, config.channels, *config.sides, generator=torch.Generator().manual_seed(1))


def count(model: nn.Module) -> int:
    return sum(parameter.numel() for parameter in model.parameters())


def hugging_face(transformers, name: str, **sizes) -> nn.Module:
    """A model of transformers with random weights."""
    kind = getattr(transformers, name)
    return shake(kind(kind.config_class(**sizes)))


class TestHuggingFace:
    @pytest.fixture(params=HUGGING_FACE.values(), ids=HUGGING_FACE.keys())
    def reference(self, request, transformers):
        name, sizes = request.param
        return hugging_face(transformers, name, **sizes)

    @pytest.fixture
    def model(self, reference, tmp_path):
        reference.save_pretrained(tmp_path / "reference")
        return ViT.from_pretrained(tmp_path / "reference")

    def test_logits_and_states(self, model, reference):
        images = random_images(model.config)
        close(model(images), reference(images).logits)
        close(model.features(images), reference.base_model(images).last_hidden_state)

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

    def test_images_of_another_size(self, model, reference):
        p = model.config.patch_size
        images = torch.randn(1, model.config.channels, 5 * p, 2 * p)
        if isinstance(reference.config.image_size, list):
            pytest.skip("transformers takes the trained image for a square")
        needed = {} if "Dinov2" in type(reference).__name__ else {"interpolate_pos_encoding": True}
        close(model(images), reference(images, **needed).logits)

    def test_the_size_can_be_changed_for_good(self, model, reference, tmp_path):
        p = model.config.patch_size
        images = torch.randn(1, model.config.channels, 5 * p, 2 * p)
        resized = ViT.from_pretrained(tmp_path / "reference", image_size=(5 * p, 2 * p))
        assert resized.config.grid == (5, 2)
        assert resized.positions.weight.shape == (model.config.placed + 10, 48)
        close(resized(images), model(images))


BASE = {"ViTModel": PLAIN, "DeiTModel": PLAIN, "Dinov2Model": DINOV2, "Dinov2WithRegistersModel": DINOV2}


class TestWithoutHead:
    @pytest.fixture(params=BASE.items(), ids=BASE.keys())
    def reference(self, request, transformers):
        name, sizes = request.param
        return hugging_face(transformers, name, **sizes)

    def test_features(self, reference, tmp_path):
        reference.save_pretrained(tmp_path)
        model = ViT.from_pretrained(tmp_path)
        images = random_images(model.config)
        states = reference(images).last_hidden_state
        close(model.features(images), states)
        close(model(images), states[:, 0])

    def test_a_new_head(self, reference, tmp_path):
        reference.save_pretrained(tmp_path)
        model = ViT.from_pretrained(tmp_path, classes=4, fresh=("head.*",))
        images = random_images(model.config)
        assert model(images).shape == (2, 4)
        close(model.features(images), reference(images).last_hidden_state)

    def test_what_is_saved_is_read_by_transformers(self, reference, tmp_path):
        reference.save_pretrained(tmp_path / "reference")
        model = ViT.from_pretrained(tmp_path / "reference")
        model.save_pretrained(tmp_path / "saved")
        again = type(reference).from_pretrained(tmp_path / "saved").eval()
        images = random_images(model.config)
        close(again(images).last_hidden_state, model.features(images))

    def test_a_head_can_be_left_out(self, transformers, tmp_path):
        reference = hugging_face(transformers, "ViTForImageClassification", **PLAIN)
        reference.save_pretrained(tmp_path)
        images = torch.randn(2, 3, 32, 32)
        close(ViT.from_pretrained(tmp_path, classes=0)(images), reference.vit(images).last_hidden_state[:, 0])

    def test_masked_image_modelling(self, transformers, tmp_path):
        reference = hugging_face(transformers, "ViTForMaskedImageModeling", **PLAIN, encoder_stride=8)
        reference.save_pretrained(tmp_path)
        images = torch.randn(2, 3, 32, 32)
        close(ViT.from_pretrained(tmp_path).features(images), reference.vit(images).last_hidden_state)


SMALL = {"depth": 2, "embed_dim": 48, "num_heads": 3, "num_classes": 7}
TIMM = {
    "ViT": ("vit_tiny_patch16_224", {"img_size": 32, **SMALL}),
    "ViT for wide images": ("vit_tiny_patch16_224", {"img_size": (24, 40), "patch_size": 8, "in_chans": 1, **SMALL}),
    "ViT without biases": ("vit_base_patch32_384", {"qkv_bias": False, "mlp_ratio": 2.5, **SMALL}),
    "ViT with the mean of patches": ("vit_tiny_patch16_224", {"img_size": 32, "global_pool": "avg", **SMALL}),
    "ViT with registers that have positions": ("vit_tiny_patch16_224", {"img_size": 32, "reg_tokens": 3, **SMALL}),
    "DeiT": ("deit_tiny_patch16_224", {"img_size": 32, **SMALL}),
    "DeiT with a teacher": ("deit_tiny_distilled_patch16_224", {"img_size": 32, **SMALL}),
    "DeiT III": ("deit3_small_patch16_224", {"img_size": 32, **SMALL}),
    "DINOv2": ("vit_small_patch14_dinov2", {"img_size": 28, **SMALL}),
    "DINOv2 with registers": ("vit_small_patch14_reg4_dinov2", {"img_size": 28, **SMALL}),
    "DINOv2 with SwiGLU": ("vit_giant_patch14_dinov2", {"img_size": 28, **SMALL}),
}


class TestTimm:
    @pytest.fixture(params=TIMM.values(), ids=TIMM.keys())
    def reference(self, request, timm):
        name, options = request.param
        return shake(timm.create_model(name, **options))

    @pytest.fixture
    def model(self, reference, timm, tmp_path):
        (tmp_path / "reference").mkdir()
        timm.models.save_for_hf(reference, tmp_path / "reference", safe_serialization=True)
        return ViT.from_pretrained(tmp_path / "reference")

    def test_logits_and_states(self, model, reference):
        images = random_images(model.config)
        close(model(images), reference(images))
        close(model.features(images), reference.forward_features(images))

    def test_gradients(self, model, reference):
        images = random_images(model.config)
        same_gradients_as_timm(model, reference, images, "timm vit")

    def test_what_is_saved_is_read_by_timm(self, model, reference, timm, tmp_path):
        model.save_pretrained(tmp_path / "saved", form="timm vit")
        again = timm.create_model(f"local-dir:{tmp_path / 'saved'}", pretrained=True).eval()
        images = random_images(model.config)
        close(again(images), reference(images))
        assert ViT.from_pretrained(tmp_path / "saved").config == model.config

    def test_images_of_another_size(self, model, reference, tmp_path):
        p = model.config.patch_size
        images = torch.randn(1, model.config.channels, 3 * p, 5 * p)
        ours = model(images)
        reference.set_input_size((3 * p, 5 * p))
        close(ours, reference(images))
        close(ViT.from_pretrained(tmp_path / "reference", image_size=(3 * p, 5 * p))(images), reference(images))

    def test_a_file_of_weights_with_a_configuration(self, model, tmp_path):
        again = ViT.from_pretrained(tmp_path / "reference" / "model.safetensors", model.config)
        images = random_images(model.config)
        close(again(images), model(images))


NAMES = (
    "vit_tiny_patch16_384 vit_small_patch32_224 vit_base_patch8_224 vit_large_patch14_224 vit_huge_patch14_224 "
    "vit_giant_patch14_224 vit_gigantic_patch14_224 vit_large_patch14_dinov2 vit_giant_patch14_reg4_dinov2 "
    "deit_base_distilled_patch16_384 deit3_medium_patch16_224"
)


@pytest.mark.parametrize("name", NAMES.split())
def test_a_name_means_the_same_sizes_to_timm(timm, tmp_path, name):
    with torch.device("meta"):
        theirs = timm.create_model(name)
        timm.models._hub.save_config_for_hf(theirs, tmp_path / "config.json")
        _, config = ViT.read_config(json.loads((tmp_path / "config.json").read_text()))
        one = count(ViT(replace(config, depth=1))) - count(ViT(replace(config, depth=0)))
        assert count(ViT(replace(config, depth=0))) + config.depth * one == count(theirs)
        assert config.heads == theirs.blocks[0].attn.num_heads


class TestTraining:
    def test_both_logits_of_a_distilled_model(self):
        model = shake(ViT(replace(TINY, registers=1, placed=2, distilled=True)))
        images = random_images(TINY)
        expected = model(images)
        by_class, by_teacher = model.train()(images)
        assert not torch.equal(by_class, by_teacher)
        close((by_class + by_teacher) / 2, expected)

    def test_dropout_only_there(self):
        model = shake(ViT(replace(TINY, dropout=0.5, drop_path=0.5, layer_scale=1.0))).train()
        images = random_images(TINY)
        assert not torch.equal(model(images), model(images))
        model.eval()
        assert torch.equal(model(images), model(images))

    def test_every_weight_learns(self):
        model = shake(ViT(replace(TINY, registers=2, placed=0, gated=True, layer_scale=0.1, drop_path=0.1))).train()
        model(random_images(TINY)).square().sum().backward()
        assert all(parameter.grad.any() for parameter in model.parameters())


class TestWhereItLooks:
    def test_attention_maps(self):
        model = shake(ViT(replace(TINY, registers=2)))
        images = torch.randn(2, 3, 8, 12)
        maps = model.attention_maps(images)
        assert maps.shape == (2, TINY.depth, TINY.heads, 9, 9)
        close(maps.sum(-1), torch.ones(maps.shape[:-1]))
        flow = model.class_attention(images)
        assert flow.shape == (2, 2, 3)
        assert (flow >= 0).all() and (flow.sum((1, 2)) < 1).all()

    def test_equals_transformers(self, transformers, tmp_path):
        reference = hugging_face(transformers, "ViTForImageClassification", **PLAIN)
        reference.set_attn_implementation("eager")
        reference.save_pretrained(tmp_path)
        images = torch.randn(2, 3, 32, 32)
        theirs = torch.stack(reference(images, output_attentions=True).attentions, dim=1)
        close(ViT.from_pretrained(tmp_path).attention_maps(images), theirs)


def test_a_patch_keeps_its_pixels_together():
    """A pixel changes the one patch token that it lies in."""
    model, images = shake(ViT(TINY)), torch.zeros(1, 3, 8, 8)
    changed = images.clone()
    changed[0, :, 1, 6] = 1.0
    difference = (model.embed(changed) - model.embed(images)).abs().sum(-1)[0]
    assert torch.nonzero(difference).flatten().tolist() == [2], "row 0, column 1, after the class token"


def test_every_block_has_its_own_weights():
    first, second = (block.mlp.module.fc1.weight for block in ViT(TINY).blocks)
    assert first is not second and not torch.equal(first, second)


@pytest.mark.parametrize(
    ("preset", "parameters"),
    [
        ("digits", 136_138),
        ("tiny", 5_717_416),
        ("small", 22_050_664),
        ("base", 86_567_656),
        ("large", 304_326_632),
        ("huge", 632_045_800),
        ("deit_tiny", 5_910_800),
        ("deit_small", 22_436_432),
        ("deit_base", 87_338_192),
        ("dinov2_small", 22_056_192),
        ("dinov2_base", 86_579_712),
        ("dinov2_large", 304_367_616),
        ("dinov2_giant", 1_136_479_232),
    ],
)
def test_presets_have_the_published_sizes(preset, parameters):
    with torch.device("meta"):
        assert count(ViT.preset(preset)) == parameters


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"patch_size": 3}, "image_size=8 is not divisible by patch_size=3"),
        ({"image_size": (8, 6)}, "image_size=(8, 6) is not divisible by patch_size=4"),
        ({"heads": 3}, "dim=16 is not divisible by heads=3"),
        ({"placed": 2}, "placed=2 is not between 0 and 1, the number of tokens in front"),
        ({"pooling": "max"}, "pooling is 'class', 'mean' or 'class and mean', not 'max'"),
        ({"distilled": True}, "distilled=True takes registers=1 or more, classes and pooling='class'"),
    ],
)
def test_impossible_sizes(values, message):
    with pytest.raises(SemanticError) as caught:
        replace(TINY, **values)
    assert str(caught.value) == message


def test_an_image_that_is_not_whole_patches():
    with pytest.raises(AxisSizeError) as caught:
        ViT(TINY)(torch.zeros(1, 3, 8, 6))
    assert str(caught.value).splitlines()[0] == "(w q) is 6, which is not divisible by q=4"


def test_a_preset_that_there_is_not():
    assert ViTConfig.preset("digits", depth=2).depth == 2
    with pytest.raises(SemanticError) as caught:
        ViT.preset("bass")
    assert str(caught.value).startswith("ViTConfig has no preset 'bass' (did you mean base?): choose from digits, tiny")


def test_what_it_cannot_be(transformers, timm, tmp_path):
    hugging_face(transformers, "ViTForImageClassification", **PLAIN, hidden_act="relu").save_pretrained(tmp_path)
    with pytest.raises(CheckpointError) as caught:
        ViT.from_pretrained(tmp_path)
    assert str(caught.value) == "the configuration has hidden_act='relu': only 'gelu' is supported"
    theirs = timm.create_model("vit_tiny_patch16_224", img_size=32, class_token=False, global_pool="avg", **SMALL)
    timm.models.save_for_hf(theirs, tmp_path, safe_serialization=True)
    with pytest.raises(CheckpointError) as caught:
        ViT.from_pretrained(tmp_path)
    assert str(caught.value) == "the configuration has class_token=False: only True is supported"
    (tmp_path / "config.json").write_text('{"architecture": "vit_base_patch16_clip_224"}')
    with pytest.raises(CheckpointError) as caught:
        ViT.from_pretrained(tmp_path)
    assert str(caught.value) == (
        "ViT does not read a checkpoint of architecture 'vit_base_patch16_clip_224': "
        "it reads Hugging Face vit, timm vit, wirework"
    )


def test_what_others_cannot_be(tmp_path):
    with pytest.raises(CheckpointError) as caught:
        ViT(replace(TINY, pooling="mean")).save_pretrained(tmp_path, form="Hugging Face vit")
    assert str(caught.value) == "the configuration has pooling='mean': only 'class' is supported"
    with pytest.raises(CheckpointError) as caught:
        ViT(replace(TINY, epsilon=1e-5)).save_pretrained(tmp_path, form="timm vit")
    assert str(caught.value) == "the configuration has epsilon=1e-05: only 1e-06 is supported"
    with pytest.raises(CheckpointError) as caught:
        model = ViT(replace(TINY, mlp_dim=33, layer_scale=0.1, pooling="class and mean"))
        model.save_pretrained(tmp_path, form="Hugging Face vit")
    assert str(caught.value) == "Hugging Face's Dinov2 has no mlp_dim=33 for dim=16"


def test_our_own_format(tmp_path):
    model = shake(ViT(replace(TINY, image_size=(8, 12), pooling="mean", registers=1)))
    model.save_pretrained(tmp_path, form="wirework")
    again = ViT.from_pretrained(tmp_path)
    assert again.config == model.config
    close(again(torch.ones(1, 3, 8, 12)), model(torch.ones(1, 3, 8, 12)))


def test_seeded():
    torch.manual_seed(3)
    first = ViT(TINY)
    torch.manual_seed(3)
    second = ViT(TINY)
    for one, two in zip(first.parameters(), second.parameters(), strict=True):
        assert torch.equal(one, two)


@pytest.mark.parametrize(
    "config",
    [TINY, replace(TINY, registers=2, placed=0, gated=True, layer_scale=0.1, pooling="class and mean")],
    ids=["plain", "with options"],
)
def test_compiles_and_exports(config):
    model, images = shake(ViT(config)), random_images(config)
    compiled = torch.compile(model, fullgraph=True, backend="eager")
    close(compiled(images), model(images))
    exported = torch.export.export(model, (images,), dynamic_shapes=({0: torch.export.Dim("b")},)).module()
    more = random_images(config, 5)
    close(exported(more), model(more))
