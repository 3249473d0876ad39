"""U-Net against plain torch, monai's BasicUNet, and TensorFlow's numbers for deepbrain's weights."""

import itertools
import json

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from models.parity import close, shake
from wirework.checkpoint import read_weights
from wirework.data.packages import package_folder
from wirework.errors import AxisSizeError, CheckpointError, DataError, RankError, SemanticError
from wirework.models.resampling import resample
from wirework.models.unet import UNet, UNetConfig

CONVS = {1: nn.Conv1d, 2: nn.Conv2d, 3: nn.Conv3d}
TRANSPOSED = {1: nn.ConvTranspose1d, 2: nn.ConvTranspose2d, 3: nn.ConvTranspose3d}
POOLS = {1: nn.MaxPool1d, 2: nn.MaxPool2d, 3: nn.MaxPool3d}
SIZES = {1: (2, 3, 24), 2: (2, 3, 16, 24), 3: (1, 3, 8, 16, 8)}


class Plain(nn.Module):
    """A U-Net of two convolutions at each level, in the words of torch alone."""

    def __init__(self, n, channels, classes, widths):
        super().__init__()

        def twice(c, d):
            conv = CONVS[n]
            return nn.Sequential(conv(c, d, 3, padding=1), nn.ReLU(), conv(d, d, 3, padding=1), nn.ReLU())

        pairs = list(itertools.pairwise(widths))
        self.first = twice(channels, widths[0])
        self.down = nn.ModuleList(twice(c, d) for c, d in pairs)
        self.up = nn.ModuleList()
        for c, d in reversed(pairs):
            self.up.append(nn.ModuleList([TRANSPOSED[n](d, c, 2, stride=2), twice(2 * c, c)]))
        self.last = CONVS[n](widths[0], classes, 1)
        self.pool = POOLS[n](2)

    def forward(self, x):
        x = self.first(x)
        skips = []
        for level in self.down:
            skips.append(x)
            x = level(self.pool(x))
        for enlarge, level in self.up:
            x = level(torch.cat([skips.pop(), enlarge(x)], 1))
        return self.last(x)


def noise(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def small(**changes):
    return UNetConfig(**{"channels": 3, "classes": 4, "widths": (4, 6, 8), **changes})


@pytest.mark.parametrize("n", [1, 2, 3])
def test_equals_plain_torch(n):
    theirs = shake(Plain(n, 3, 4, (4, 6, 8)))
    ours = UNet(small(dimensions=n)).eval()
    with torch.no_grad():
        for mine, other in zip(ours.parameters(), theirs.parameters(), strict=True):
            mine.copy_(other)
    images = noise(*SIZES[n])
    found, expected = ours(images), theirs(images)
    close(found, expected)
    weights = noise(*expected.shape, seed=1)
    (found * weights).mean().backward()
    (expected * weights).mean().backward()
    for mine, other in zip(ours.parameters(), theirs.parameters(), strict=True):
        close(mine.grad, other.grad)


def test_presets_have_the_known_sizes():
    with torch.device("meta"):
        sizes = {name: sum(p.numel() for p in UNet.preset(name).parameters()) for name in UNetConfig.presets}
    assert sizes["original"] == 31_030_658
    assert sizes["volume"] == 5_749_410
    assert sizes["deepbrain"] == 171_465


def test_shapes_at_every_level():
    with torch.device("meta"):
        model, image = UNet.preset("original"), torch.empty(1, 1, 512, 512)
    shapes = {}
    for name, module in model.named_modules():
        module.register_forward_hook(
            lambda module, inputs, output, name=name: shapes.update({name: tuple(output.shape)})
        )
    model(image)
    assert [shapes[f"down.{i}"][1:] for i in range(4)] == [
        (64, 512, 512),
        (128, 256, 256),
        (256, 128, 128),
        (512, 64, 64),
    ]
    assert shapes["middle"][1:] == (1024, 32, 32)
    assert [shapes[f"up.{i}.enlarge"][1] for i in range(4)] == [512, 256, 128, 64]
    assert [shapes[f"up.{i}"][1:] for i in range(4)] == [
        (512, 64, 64),
        (256, 128, 128),
        (128, 256, 256),
        (64, 512, 512),
    ]
    assert shapes[""] == (1, 2, 512, 512)


OPTIONS = {
    "batch": {"norm": "batch", "bias": False},
    "instance": {"norm": "instance", "activation": "leaky_relu", "slope": 0.2},
    "group": {"norm": "group", "groups": 2, "activation": "silu"},
    "nearest": {"up": "nearest", "activation": "elu"},
    "linear": {"up": "linear", "activation": "gelu"},
    "kernel": {"up_kernel": 4, "up_bias": False},
    "odd kernel": {"up_kernel": 3, "convolutions": (1, 3, 2)},
    "widths": {"up_widths": (3, 5), "out_widths": (7, 9)},
    "nothing between": {"widths": (4, 8, 8), "convolutions": (2, 0, 1)},
    "deep": {"widths": (4, 4, 4, 4, 4)},
}


@pytest.mark.parametrize("n", [1, 2, 3])
@pytest.mark.parametrize("options", OPTIONS.values(), ids=OPTIONS.keys())
def test_options_train_in_all_dimensions(options, n):
    model = UNet(small(dimensions=n, dropout=0.1, **options)).train()
    sizes = (16, 16) if n < 3 else (16, 16, 16)
    images, labels = noise(2, 3, *sizes[:n]), torch.randint(0, 4, (2, *sizes[:n]))
    loss = model.loss(images, labels)
    loss.backward()
    assert loss.isfinite()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())
    assert not any(module.unbuilt for module in model.modules() if hasattr(module, "unbuilt"))


@pytest.mark.parametrize("norm", ["none", "batch", "instance", "group"])
def test_half_precision(norm):
    model, images = UNet(small(norm=norm, groups=2)).eval(), noise(*SIZES[2])
    with torch.autocast("cpu", torch.bfloat16):
        close(model(images).float(), model.float()(images).float(), 0.05)
    assert model.bfloat16().probabilities(images.bfloat16()).dtype == torch.bfloat16


def test_dropout_only_in_training():
    model = UNet(small(dropout=0.5))
    images = noise(*SIZES[2])
    assert not torch.equal(model(images), model(images))
    model.eval()
    assert torch.equal(model(images), model(images))


def test_variances_stay_at_the_start():
    """The weights of the paper's initialisation keep the signal's scale."""
    torch.manual_seed(0)
    model = UNet(UNetConfig(widths=(32, 64, 128))).eval()
    states = model.features(noise(1, 1, 64, 64))
    assert 0.2 < states.square().mean() < 5


def test_loss_is_the_mean_cross_entropy():
    model, images = UNet(small()), noise(*SIZES[2])
    labels = torch.randint(0, 4, (2, 16, 24))
    log_probabilities = model(images).log_softmax(1)
    close(model.loss(images, labels), -log_probabilities.gather(1, labels[:, None]).mean())
    model = UNet(small(classes=1))
    p, labels = model(images).sigmoid()[:, 0], labels > 1
    close(model.loss(images, labels), -torch.where(labels, p, 1 - p).log().mean())


def test_probabilities_of_any_size():
    model = UNet(small()).eval()
    images = noise(2, 3, 13, 22)
    found = model.probabilities(images)
    close(found, model(F.pad(images, (0, 2, 0, 3), "replicate")).softmax(1)[..., :13, :22])
    assert torch.equal(model.probabilities(images[..., :12, :20]), model(images[..., :12, :20]).softmax(1))
    assert model.probabilities(images[..., :1, :1]).shape == (2, 4, 1, 1)


def test_probabilities_on_a_grid():
    model = UNet(small(classes=1, grid=(8, 16))).eval()
    images = noise(2, 3, 13, 22)
    found = model.probabilities(images)
    close(found, resample(model(resample(images, (8, 16))).sigmoid(), (13, 22)))
    assert found.shape == (2, 1, 13, 22)


@pytest.mark.parametrize("sizes", [(7, 30), (26, 9), (13, 22), (1, 44)])
def test_resample_equals_torch(sizes):
    images = noise(2, 3, 13, 22)
    close(resample(images, sizes), F.interpolate(images, sizes, mode="bilinear", antialias=True))


class TestMistakes:
    @pytest.mark.parametrize(
        "shape, message",
        [
            ((1, 1, 30, 16), "axis s0 is 30, which is not divisible by 8: 24 or 32 would fit"),
            ((1, 1, 64, 4), "axis s1 is 4, which is not divisible by 8: 8 would fit"),
            ((1, 1, 0, 8), "axis s0 is 0, which is not divisible by 8: 8 would fit"),
        ],
    )
    def test_sizes(self, shape, message):
        with pytest.raises(AxisSizeError) as caught:
            UNet.preset("small")(torch.zeros(shape))
        assert str(caught.value) == message

    def test_rank(self):
        model = UNet.preset("small")
        for call in (model, model.probabilities):
            with pytest.raises(RankError) as caught:
                call(torch.zeros(1, 16, 16))
            assert str(caught.value) == "a U-Net of 2 dimensions takes 'b c s0 s1', not 3 axes"

    def test_channels(self):
        with pytest.raises(AxisSizeError, match=r"^axis c is 2"):
            UNet.preset("small")(torch.zeros(1, 2, 16, 16))

    @pytest.mark.parametrize(
        "options, message",
        [
            (
                {"norm": "bach"},
                "there is no norm='bach' (did you mean batch?): choose from none, batch, instance, group",
            ),
            ({"up": "bed"}, "there is no up='bed': choose from transposed, nearest, linear"),
            ({"dimensions": 4}, "dimensions=4: only 1, 2 and 3 are supported"),
            ({"up_widths": (1,)}, "up_widths=(1,) has 1 levels, but widths=(4, 6, 8) 2"),
            ({"widths": (4,)}, "widths=(4,) and convolutions=(2, 2, 2) leave a level empty"),
            ({"convolutions": (2, 2, 0)}, "widths=(4, 6, 8) and convolutions=(2, 2, 0) leave a level empty"),
            ({"convolutions": (2, 0, 2)}, "widths=(4, 6, 8) change in the middle, where there is no convolution"),
            ({"norm": "group"}, "widths=(4, 6, 8) or out_widths=(4, 6) are not divisible by groups=8"),
            ({"grid": (8, 6)}, "grid=(8, 6) is not 2 multiples of 4"),
        ],
    )
    def test_configurations(self, options, message):
        with pytest.raises(SemanticError) as caught:
            small(**options)
        assert str(caught.value) == message


def test_saved_and_read_again(tmp_path):
    model = shake(UNet(small(norm="batch", up_widths=(3, 5))))
    model.save_pretrained(tmp_path)
    images = noise(*SIZES[2])
    again = UNet.from_pretrained(tmp_path)
    assert again.config == model.config
    assert torch.equal(again(images), model(images))
    bare = UNet.from_pretrained(tmp_path / "model.safetensors", model.config)
    assert torch.equal(bare(images), model(images))


def test_a_new_head(tmp_path):
    shake(UNet(small())).save_pretrained(tmp_path)
    assert UNet.from_pretrained(tmp_path, fresh=("head.*",), classes=7)(noise(*SIZES[2])).shape == (2, 7, 16, 24)


class TestCompiled:
    model = UNet(small(norm="group", groups=2)).eval()
    images = noise(*SIZES[2])

    def test_compile(self):
        compiled = torch.compile(self.model, backend="aot_eager", fullgraph=True)
        close(compiled(self.images), self.model(self.images))

    def test_export(self):
        program = torch.export.export(self.model, (self.images,))
        close(program.module()(self.images), self.model(self.images))


MONAI = {
    "default": ({"spatial_dims": 2, "features": (6, 6, 4, 8, 10, 6)}, {}),
    "other widths": ({"spatial_dims": 2, "features": (4, 6, 8, 10, 12, 14), "in_channels": 3, "bias": False}, {}),
    "batch": ({"spatial_dims": 1, "norm": "batch", "act": "relu"}, {}),
    "group": ({"spatial_dims": 2, "norm": ("group", {"num_groups": 2}), "act": ("elu", {"inplace": True})}, {}),
    "interpolated": ({"spatial_dims": 2, "norm": None, "act": "gelu", "upsample": "nontrainable"}, {}),
    "volume": ({"spatial_dims": 3, "act": "swish", "upsample": "nontrainable"}, {}),
}


@pytest.fixture(params=MONAI.values(), ids=MONAI.keys())
def basic(request, monai, tmp_path):
    """A BasicUNet, and its folder as a bundle would have it."""
    written = {"features": (4, 4, 6, 8, 10, 4), **request.param[0]}
    theirs = shake(monai.networks.nets.BasicUNet(**written))
    torch.save(theirs.state_dict(), tmp_path / "pytorch_model.bin")
    (tmp_path / "config.json").write_text(json.dumps({"_target_": "BasicUNet", **written}))
    return theirs, tmp_path, (2, written.get("in_channels", 1), *(16, 32, 16)[: written["spatial_dims"]])


def test_equals_monai(basic):
    theirs, folder, shape = basic
    ours = UNet.from_pretrained(folder)
    images = noise(*shape)
    found, expected = ours(images), theirs(images)
    close(found, expected)
    weights = noise(*expected.shape, seed=1)
    (found * weights).mean().backward()
    (expected * weights).mean().backward()
    gradients = {name: parameter.grad for name, parameter in ours.named_parameters()}
    state = {name: gradients.get(name, array) for name, array in ours.state_dict().items()}
    renamed = ours.format_called("monai BasicUNet").to_theirs(state, ours.config)
    for name, parameter in theirs.named_parameters():
        close(renamed[name], parameter.grad)


def test_bare_weights_and_what_is_saved_for_monai(basic, monai, tmp_path):
    theirs, folder, shape = basic
    config = UNet.from_pretrained(folder).config
    ours = UNet.from_pretrained(folder / "pytorch_model.bin", config)
    ours.save_pretrained(tmp_path / "saved", "monai BasicUNet")
    written = json.loads((tmp_path / "saved" / "config.json").read_text())
    again = monai.networks.nets.BasicUNet(**{name: value for name, value in written.items() if name != "_target_"})
    again.load_state_dict(read_weights(tmp_path / "saved"))
    images = noise(*shape)
    assert torch.equal(again.eval()(images), theirs(images))


def test_what_a_basic_unet_cannot_be(tmp_path):
    for options, message in [
        ({"widths": (4, 8)}, "the configuration has 3 features: a BasicUNet has 6"),
        ({"widths": (2, 4, 8, 16, 32)}, "a BasicUNet of monai has up_widths=(4, 4, 8, 16), not (2, 4, 8, 16)"),
        ({"widths": (4, 4, 8, 16, 32), "up": "nearest"}, "a BasicUNet of monai has up='linear', not 'nearest'"),
    ]:
        with pytest.raises(CheckpointError) as caught:
            UNet(UNetConfig(**options)).save_pretrained(tmp_path, "monai BasicUNet")
        assert str(caught.value) == message
    for written, message in [
        (
            {"act": "prelu"},
            "the configuration has act='prelu': only 'relu', 'leakyrelu', 'elu', 'gelu' or 'swish' is supported",
        ),
        ({"norm": "instance"}, "the configuration has affine=False: only True is supported"),
        ({"features": [1, 2]}, "the configuration has 2 features: a BasicUNet has 6"),
    ]:
        with pytest.raises(CheckpointError) as caught:
            UNet.read_config({"_target_": "monai.networks.nets.BasicUNet", **written})
        assert str(caught.value) == message


@pytest.fixture(scope="module")
def deepbrain():
    try:
        return package_folder("deepbrain") / "graph.pb"
    except DataError as error:
        pytest.skip(f"deepbrain cannot be had: {error.reason}")


class TestDeepbrain:
    def test_logits_are_those_of_tensorflow(self, deepbrain):
        """Expected: what TensorFlow 2.21 makes of the same graph and image, in `conv3d_9/BiasAdd`."""
        model = UNet.from_pretrained(deepbrain, UNetConfig.preset("deepbrain"))
        x, y, z = torch.meshgrid(*map(torch.arange, (16, 24, 32)), indexing="ij")
        image = (1 + torch.sin(0.3 * x) * torch.cos(0.2 * y + 0.1 * z)) / 2
        logits = model(image[None, None])[0, 0]
        places = [(0, 0, 0), (3, 5, 7), (8, 12, 16), (15, 23, 31), (15, 0, 31)]
        expected = torch.tensor([-15.972054, -99.301811, -159.260590, -12.322042, -10.822300])
        close(torch.stack([logits[place] for place in places]), expected)

    def test_saved_in_our_format(self, deepbrain, tmp_path):
        model = UNet.from_pretrained(deepbrain, UNetConfig.preset("deepbrain"))
        model.save_pretrained(tmp_path)
        image = noise(1, 1, 8, 8, 8)
        assert torch.equal(UNet.from_pretrained(tmp_path)(image), model(image))

    def test_only_read(self, tmp_path):
        with pytest.raises(CheckpointError, match=r"^a frozen TensorFlow graph is only read"):
            UNet.preset("deepbrain").save_pretrained(tmp_path, "deepbrain")

    def test_another_architecture(self, deepbrain):
        with pytest.raises(CheckpointError) as caught:
            UNet.from_pretrained(deepbrain, UNetConfig.preset("deepbrain", convolutions=(2, 1, 1)))
        assert str(caught.value).startswith("the weights do not fit the model, read as deepbrain\n\n  2 missing:\n")
