"""The pre-activation ResNet against plain torch, timm's resnetv2, and Big Transfer of transformers."""

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from models.parity import close, shake
from wirework.errors import AxisSizeError, CheckpointError, SemanticError
from wirework.models.resnet import ResNet, ResNetConfig

TINY = ResNetConfig.preset("cifar", stem_dim=8, dims=(16, 32), depths=(2, 1))
GROUPED = {"groups": 2, "standardise": True, "pool": "max zeros"}


def images(*shape: int, seed: int = 1) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def unsettle(model: nn.Module) -> nn.Module:
    """Random weights and running statistics."""
    generator = torch.Generator().manual_seed(2)
    for name, buffer in model.named_buffers():
        if "running" in name:
            buffer.add_(torch.rand(buffer.shape, generator=generator))
    return shake(model, scale=0.5)


class PlainUnit(nn.Module):
    """A unit written with torch's own layers."""

    def __init__(self, before, after, stride, project, early_stride=True):
        super().__init__()
        inside = after // 4
        first, second = (stride, 1) if early_stride else (1, stride)
        self.norm1, self.conv1 = nn.BatchNorm2d(before), nn.Conv2d(before, inside, 1, first, bias=False)
        self.norm2, self.conv2 = nn.BatchNorm2d(inside), nn.Conv2d(inside, inside, 3, second, 1, bias=False)
        self.norm3, self.conv3 = nn.BatchNorm2d(inside), nn.Conv2d(inside, after, 1, bias=False)
        self.project = nn.Conv2d(before, after, 1, stride, bias=False) if project else None

    def forward(self, x):
        a = self.norm1(x).relu()
        main = self.conv1(a)
        main = self.conv2(self.norm2(main).relu())
        main = self.conv3(self.norm3(main).relu())
        return main + (x if self.project is None else self.project(a))


class Plain(nn.Module):
    """The network of LAYERS.md, with torch's own layers."""

    def __init__(self, config):
        super().__init__()
        self.stem = nn.Conv2d(
            config.channels,
            config.stem_dim,
            config.stem_kernel,
            config.stem_stride,
            config.stem_kernel // 2,
            bias=False,
        )
        stages, before = [], config.stem_dim
        for i, (dim, depth) in enumerate(zip(config.dims, config.depths, strict=True)):
            units = [PlainUnit(before, dim, min(i + 1, 2), True, config.early_stride)]
            stages.append(nn.Sequential(*units, *(PlainUnit(dim, dim, 1, False) for _ in range(depth - 1))))
            before = dim
        self.stages = nn.Sequential(*stages)
        self.norm = nn.BatchNorm2d(before)
        self.head = nn.Linear(before, config.classes)

    def forward(self, x):
        return self.head(F.adaptive_avg_pool2d(self.norm(self.stages(self.stem(x))).relu(), 1).flatten(1))


def pair(config: ResNetConfig) -> tuple[ResNet, Plain]:
    """A model of ours, and the plain one with the same weights and statistics, under the same names."""
    reference = unsettle(Plain(config))
    model = ResNet(config).eval()
    model.load_state_dict(reference.state_dict())
    return model, reference


PLAIN = {
    "cifar": (ResNetConfig.preset("cifar"), (2, 3, 32, 32)),
    "fashion": (ResNetConfig.preset("fashion"), (2, 1, 28, 28)),
    "stride in the middle": (
        ResNetConfig.preset("cifar", early_stride=False, dims=(32, 64), depths=(2, 1)),
        (2, 3, 15, 18),
    ),
    "tiny": (TINY, (3, 3, 9, 7)),
}


class TestPlainTorch:
    @pytest.fixture(params=PLAIN.values(), ids=PLAIN.keys())
    def case(self, request):
        config, shape = request.param
        return *pair(config), images(*shape)

    @pytest.mark.parametrize("training", [True, False], ids=["train", "eval"])
    def test_logits_gradients_and_statistics(self, case, training):
        model, reference, x = case
        model.train(training), reference.train(training)
        weights = images(len(x), model.config.classes, seed=3)
        ours, theirs = model(x), reference(x)
        close(ours, theirs)
        (ours * weights).sum().backward()
        (theirs * weights).sum().backward()
        expected = dict(reference.named_parameters())
        for name, parameter in model.named_parameters():
            close(parameter.grad, expected[name].grad)
        buffers = dict(reference.named_buffers())
        for name, buffer in model.named_buffers():
            close(buffer, buffers[name])
        assert len(list(model.named_buffers())) == len(buffers)

    def test_channels_last_changes_nothing(self, case):
        model, reference, x = case
        close(model.to(memory_format=torch.channels_last)(x), reference(x))


def save_timm(model, folder):
    from timm.models import save_for_hf

    save_for_hf(model, folder, safe_serialization=True)


TIMM = {
    "batch norm": ("resnetv2_50", {"layers": (1, 2, 1), "channels": (32, 64, 96), "stem_chs": 16}),
    "one channel": ("resnetv2_101", {"layers": (1, 1), "channels": (64, 32), "in_chans": 1, "drop_path_rate": 0.3}),
    "BiT": ("resnetv2_50x1_bit", {"channels": (128, 128, 256, 128), "stem_chs": 32}),
}


def gradients(model: nn.Module) -> dict[str, torch.Tensor]:
    return {name: parameter.grad for name, parameter in model.named_parameters()}


def same_gradients(model: ResNet, reference: nn.Module, x: torch.Tensor, form: int) -> None:
    """Compare gradients under the names of the reference, in float64: in float32 both are 4e-5 from the truth."""
    model.double()(x.double()).square().sum().backward()
    theirs = reference.double()(x.double())
    getattr(theirs, "logits", theirs).square().sum().backward()
    state = {name: array.detach() for name, array in model.state_dict().items()} | gradients(model)
    found, expected = ResNet.formats[form].to_theirs(state, model.config), gradients(reference)
    for name, gradient in expected.items():
        close(found[name], gradient, 1e-11)


class TestTimm:
    @pytest.fixture(params=TIMM.values(), ids=TIMM.keys())
    def reference(self, request, timm):
        name, options = request.param
        return unsettle(timm.create_model(name, num_classes=7, **options))

    @pytest.fixture
    def x(self, reference):
        return images(2, reference.in_chans, 64, 48)

    @pytest.fixture
    def model(self, reference, tmp_path):
        save_timm(reference, tmp_path / "reference")
        return ResNet.from_pretrained(tmp_path / "reference")

    def test_logits_and_features(self, model, reference, x):
        close(model(x), reference(x))
        close(model.features(x), reference.forward_features(x))

    def test_gradients(self, model, reference, x):
        same_gradients(model, reference, x, form=0)

    def test_saved_and_read_again(self, model, reference, x, timm, tmp_path):
        model.save_pretrained(tmp_path / "saved")
        again = timm.create_model(f"local-dir:{tmp_path / 'saved'}", pretrained=True).eval()
        assert torch.equal(again(x), reference(x))
        assert ResNet.from_pretrained(tmp_path / "saved").config == model.config

    def test_a_bare_file_of_weights(self, model, reference, x, tmp_path):
        torch.save(reference.state_dict(), tmp_path / "weights.pth")
        close(ResNet.from_pretrained(tmp_path / "weights.pth", model.config)(x), reference(x))


class TestTransformers:
    x = images(2, 3, 70, 52)

    @pytest.fixture
    def reference(self, transformers):
        config = transformers.BitConfig(
            embedding_size=32, hidden_sizes=[32, 32, 64], depths=[1, 2, 1], num_groups=4, num_labels=7
        )
        return shake(transformers.BitForImageClassification(config), scale=0.5)

    @pytest.fixture
    def model(self, reference, tmp_path):
        reference.save_pretrained(tmp_path / "reference")
        return ResNet.from_pretrained(tmp_path / "reference")

    def test_logits_and_features(self, model, reference):
        close(model(self.x), reference(self.x).logits)
        close(model.features(self.x), reference.bit(self.x).last_hidden_state)

    def test_gradients(self, model, reference):
        same_gradients(model, reference, self.x, form=1)

    def test_saved_and_read_again(self, model, reference, transformers, tmp_path):
        model.save_pretrained(tmp_path / "saved", "Hugging Face bit")
        again = transformers.BitForImageClassification.from_pretrained(tmp_path / "saved").eval()
        assert torch.equal(again(self.x).logits, reference(self.x).logits)
        assert ResNet.from_pretrained(tmp_path / "saved").config == model.config

    def test_a_base_model_without_head(self, model, reference, tmp_path):
        reference.bit.save_pretrained(tmp_path)
        again = ResNet.from_pretrained(tmp_path, fresh=("head.*",))
        close(again.features(self.x), model.features(self.x))


COUNTS = {
    "cifar": 312_218,
    "fashion": 126_458,
    "resnetv2_50": 25_549_352,
    "resnetv2_101": 44_541_480,
    "resnetv2_152": 60_185_128,
    "resnetv2_50x1_bit": 25_549_352,
    "resnetv2_50x3_bit": 217_319_080,
    "resnetv2_101x1_bit": 44_541_480,
    "resnetv2_101x3_bit": 387_934_888,
    "resnetv2_152x2_bit": 236_335_208,
    "resnetv2_152x4_bit": 936_533_224,
}


def test_presets_have_the_published_sizes():
    with torch.device("meta"):
        sizes = {name: sum(p.numel() for p in ResNet.preset(name).parameters()) for name in ResNetConfig.presets}
    assert sizes == COUNTS


def test_names_of_timm_mean_the_presets():
    form = ResNet.formats[0]
    for name in COUNTS:
        if name.startswith("resnetv2"):
            config = ResNetConfig(**form.read({"architecture": name}))
            assert config == ResNetConfig.preset(name)
            written = form.write(config)
            assert written["architecture"] == name
            assert set(written["model_args"]) == {"num_classes", "in_chans", "drop_path_rate"}


def test_weights_start_as_they_do_in_timm(timm):
    torch.manual_seed(0)
    model, reference = (
        ResNet.preset("resnetv2_50", depths=(1, 1, 1, 1)),
        timm.create_model("resnetv2_50", layers=(1,) * 4),
    )
    expected = reference.state_dict()
    for name, array in ResNet.formats[0].to_theirs(model.state_dict(), model.config).items():
        if array.is_floating_point():
            torch.testing.assert_close(array.std(), expected[name].std(), rtol=0.05, atol=0)
            torch.testing.assert_close(array.mean(), expected[name].mean(), rtol=0, atol=0.02)


def test_our_own_format(tmp_path):
    model = unsettle(ResNet(TINY))
    model.save_pretrained(tmp_path, "wirework")
    again = ResNet.from_pretrained(tmp_path)
    assert again.config == TINY
    assert torch.equal(again(images(1, 3, 8, 8)), model(images(1, 3, 8, 8)))


WRONG_SIZES = [
    ({"depths": (3, 3)}, "dims=(16, 32, 64) and depths=(3, 3) are not a number above 0 for each stage"),
    ({"depths": (3, 0, 3)}, "dims=(16, 32, 64) and depths=(3, 0, 3) are not a number above 0 for each stage"),
    ({"dims": (16, 30, 64)}, "dims=(16, 30, 64) are not all divisible by 4, as the channels inside a unit must be"),
    ({"groups": 5}, "16 channels are not divisible by groups=5"),
    ({"pool": "mean"}, "there is no pool 'mean': choose from none, max, max zeros"),
]


@pytest.mark.parametrize(("changes", "message"), WRONG_SIZES, ids=lambda value: str(value)[:20])
def test_impossible_sizes(changes, message):
    with pytest.raises(SemanticError) as caught:
        ResNetConfig(**{"stem_dim": 16, "dims": (16, 32, 64), "depths": (1, 1, 1), **changes})
    assert str(caught.value) == message


def read(**written):
    return lambda: ResNet.read_config(written)


def write(form, **config):
    return lambda: next(each for each in ResNet.formats if each.name == form).write(ResNetConfig(**config))


REFUSED = {
    "another block": (
        read(architecture="resnetv2_18"),
        "the configuration has architecture='resnetv2_18': only 'resnetv2_50', 'resnetv2_101', 'resnetv2_152', "
        "'resnetv2_50x1_bit', 'resnetv2_50x3_bit', 'resnetv2_101x1_bit', 'resnetv2_101x3_bit', 'resnetv2_152x2_bit' "
        "or 'resnetv2_152x4_bit' is supported",
    ),
    "another stem": (
        read(architecture="resnetv2_50", model_args={"stem_type": "deep"}),
        "the configuration has stem_type='deep': only '' is supported",
    ),
    "an unknown option": (
        read(architecture="resnetv2_50", model_args={"act_layer": "gelu"}),
        "the configuration has act_layer='gelu': it is not supported",
    ),
    "rounded widths": (
        read(architecture="resnetv2_50", model_args={"channels": [100, 200, 400, 800]}),
        "the configuration has 100, 200, 400, 800 channels: only multiples of 32 are supported",
    ),
    "a rounded stem": (
        write("timm resnetv2", stem_dim=12),
        "the configuration has 12 channels: only multiples of 8 are supported",
    ),
    "another layer": (
        read(model_type="bit", layer_type="bottleneck"),
        "the configuration has layer_type='bottleneck': only 'preactivation' is supported",
    ),
    "small images in timm": (
        write("timm resnetv2", stem_kernel=3),
        "timm only has ResNets of stem_kernel=7, stem_stride=2, early_stride=False and a pool: "
        "save this one in form='wirework'",
    ),
    "other depths in timm": (
        write("timm resnetv2", depths=(1, 1, 1, 1), groups=32, standardise=True, pool="max zeros"),
        "timm has no Big Transfer of depths=(1, 1, 1, 1): only of (3, 4, 6, 3), (3, 4, 23, 3) or (3, 8, 36, 3)",
    ),
    "batch norm in transformers": (
        write("Hugging Face bit", standardise=True, pool="max zeros"),
        "transformers has no Big Transfer with batch norm",
    ),
}


@pytest.mark.parametrize(("attempt", "message"), REFUSED.values(), ids=REFUSED.keys())
def test_what_a_format_cannot_be(attempt, message):
    with pytest.raises(CheckpointError) as caught:
        attempt()
    assert str(caught.value) == message


def test_an_image_of_other_channels():
    with pytest.raises(AxisSizeError, match=r"axis c is 1 .* but also 3"):
        ResNet(TINY)(images(1, 1, 8, 8))


def test_units_are_skipped_in_training_only():
    model = ResNet(ResNetConfig(**{**vars(TINY), "drop_path": 0.9}))
    x = images(4, 3, 8, 8)
    assert not torch.equal(model(x), model(x))
    model.eval()
    assert torch.equal(model(x), model(x))


def test_every_unit_has_its_own_weights():
    weights = list(ResNet(ResNetConfig.preset("cifar")).parameters())
    assert len({weight.data_ptr() for weight in weights}) == len(weights)


@pytest.mark.parametrize("changes", [{}, GROUPED], ids=["batch", "group"])
def test_compiles_and_exports(changes):
    model = ResNet(ResNetConfig(**{**vars(TINY), "dims": (16,), "depths": (2,), **changes}))
    x = images(2, 3, 16, 16)
    close(torch.compile(model, fullgraph=True, backend="aot_eager")(x), model(x))
    model.eval()
    exported = torch.export.export(model, (x,), dynamic_shapes=({0: torch.export.Dim("b")},)).module()
    close(exported(images(5, 3, 16, 16)), model(images(5, 3, 16, 16)))
