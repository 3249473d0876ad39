"""The residual U-Net against monai's UNet."""

import json

import pytest
import torch
import torch.nn.functional as F

from models.parity import close, shake
from wirework.checkpoint import read_weights
from wirework.errors import AxisSizeError, CheckpointError, RankError, SemanticError
from wirework.models import from_pretrained
from wirework.models.residual_unet import ResidualUNet, ResidualUNetConfig

pytestmark = pytest.mark.filterwarnings("ignore:.*the last 1 values of strides will not be used")

SIZES = {1: (48,), 2: (16, 24), 3: (8, 16, 16)}
OPTIONS = {
    "paper": {"num_res_units": 2},
    "without units": {},
    "one convolution in a unit": {"num_res_units": 1, "norm": "batch", "spatial_dims": 1},
    "three convolutions in a unit": {"num_res_units": 3, "norm": "BATCH", "bias": False},
    "without units, in a line": {"spatial_dims": 1, "act": "relu", "norm": ["instance", {"affine": True}]},
    "volume": {"spatial_dims": 3, "num_res_units": 2, "norm": "batch"},
    "volume without units": {"spatial_dims": 3, "act": ["leakyrelu", {"negative_slope": 0.2}], "norm": "batch"},
    "anisotropic": {
        **{"spatial_dims": 3, "num_res_units": 2, "strides": [[1, 2, 2], [2, 2, 1]]},
        **{"kernel_size": [1, 3, 5], "up_kernel_size": [3, 5, 1]},
    },
    "groups": {"num_res_units": 2, "norm": ["group", {"num_groups": 2}], "act": "elu", "out_channels": 4},
    "group norm without scale": {"norm": ["group", {"num_groups": 2, "affine": False}], "act": "gelu"},
    "batch norm without scale": {"norm": ["batch", {"affine": False}], "act": "swish"},
    "another order": {"num_res_units": 2, "adn_ordering": "AND", "norm": "batch", "act": ["relu", {"inplace": True}]},
    "without norm": {"num_res_units": 2, "norm": None, "adn_ordering": "DA", "dropout": None},
    "without activation": {"num_res_units": 1, "act": None, "dropout": ["dropout", {"p": 0.2}]},
    "only convolutions": {"num_res_units": 1, "act": "", "norm": ""},
    "one level": {"num_res_units": 2, "channels": [4, 8], "strides": [2]},
    "deep": {"num_res_units": 1, "channels": [2, 3, 4, 5], "strides": [2, 2, 2, 2]},
    "same widths": {"num_res_units": 2, "channels": [6, 6, 6], "in_channels": 6},
    "strides of 1": {"num_res_units": 2, "strides": [1, 2]},
    "large strides and kernels": {"num_res_units": 2, "strides": [4, 2], "kernel_size": 5, "up_kernel_size": 7},
    "dropout": {"num_res_units": 2, "dropout": 0.3, "act": ["prelu", {"init": 0.1}]},
}


def noise(*shape, seed=0):
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def small(**changes):
    return ResidualUNetConfig(**{"channels": 3, "classes": 5, "widths": (4, 6, 8), "strides": (2, 2), **changes})


def arguments(**options):
    """Those of monai's class."""
    sizes = {"spatial_dims": 2, "in_channels": 3, "out_channels": 5, "channels": [4, 6, 8], "strides": [2, 2]}
    return {**sizes, **options}


@pytest.fixture(params=OPTIONS.values(), ids=OPTIONS.keys())
def pair(request, monai, tmp_path):
    """A UNet of monai, its folder as a bundle would have it, and images."""
    written = arguments(**request.param)
    theirs = shake(monai.networks.nets.UNet(**written))
    for buffer in theirs.buffers():
        if buffer.is_floating_point():
            buffer.copy_(0.5 + noise(*buffer.shape).square())
    torch.save(theirs.state_dict(), tmp_path / "pytorch_model.bin")
    (tmp_path / "config.json").write_text(json.dumps({"_target_": "UNet", **written}))
    return theirs, tmp_path, noise(2, written["in_channels"], *SIZES[written["spatial_dims"]], seed=1)


def renamed(ours, state):
    """What monai calls the arrays of a model."""
    return ours.format_called("monai UNet").to_theirs(state, ours.config)


@pytest.mark.parametrize("training", [False, True], ids=["evaluation", "training"])
def test_equals_monai(pair, training):
    theirs, folder, images = pair
    ours = ResidualUNet.from_pretrained(folder).train(training)
    theirs.train(training)
    torch.manual_seed(0)
    found = ours(images)
    torch.manual_seed(0)  # the same elements are dropped
    expected = theirs(images)
    close(found, expected)
    weights = noise(*expected.shape, seed=2) / expected.numel() ** 0.5
    (found * weights).sum().backward()
    (expected * weights).sum().backward()
    gradients = renamed(ours, {name: parameter.grad for name, parameter in ours.named_parameters()})
    assert gradients.keys() == dict(theirs.named_parameters()).keys()
    for name, parameter in theirs.named_parameters():
        close(gradients[name], parameter.grad)
    state = renamed(ours, ours.state_dict())
    assert state.keys() == theirs.state_dict().keys()
    for name, array in theirs.state_dict().items():
        close(state[name], array)


def test_monai_reads_what_is_saved(pair, monai, tmp_path):
    theirs, folder, images = pair
    ours = from_pretrained(str(folder))
    assert isinstance(ours, ResidualUNet)
    ours.save_pretrained(tmp_path / "saved")
    parser = monai.bundle.ConfigParser({"network": json.loads((tmp_path / "saved" / "config.json").read_text())})
    again = parser.get_parsed_content("network")
    assert type(again) is monai.networks.nets.UNet
    again.load_state_dict(read_weights(tmp_path / "saved"))
    assert torch.equal(again.eval()(images), theirs(images))
    assert ResidualUNet.from_pretrained(tmp_path / "saved").config == ours.config


def test_bare_weights(pair):
    theirs, folder, images = pair
    config = ResidualUNet.from_pretrained(folder).config
    ours = ResidualUNet.from_pretrained(folder / "pytorch_model.bin", config)
    close(ours(images), theirs(images))


def test_saved_in_our_format(tmp_path):
    model = shake(ResidualUNet(small(strides=((2, 1), 2), norm="batch", kernel=(3, 5))))
    model.save_pretrained(tmp_path, "wirework")
    again = ResidualUNet.from_pretrained(tmp_path)
    assert again.config == model.config
    assert torch.equal(again(noise(1, 3, 8, 8)), model(noise(1, 3, 8, 8)))


def test_a_new_last_step(tmp_path):
    shake(ResidualUNet(small())).save_pretrained(tmp_path)
    fresh = ("up.1.*.*.*", "up.1.*.*.*.*.*")
    model = ResidualUNet.from_pretrained(tmp_path, fresh=fresh, classes=7)
    assert model(noise(1, 3, 8, 8)).shape == (1, 7, 8, 8)


def test_presets_have_the_known_sizes():
    """Expected: the numbers of monai's UNet with the configurations of its model zoo."""
    with torch.device("meta"):
        sizes = {name: sum(p.numel() for p in ResidualUNet.preset(name).parameters())
                 for name in ResidualUNetConfig.presets}  # fmt: skip
    assert sizes == {"ventricle": 1_625_849, "spleen": 4_808_917}


def test_features_are_what_the_last_step_sees():
    model = ResidualUNet(small()).eval()
    states = model.features(noise(2, 3, 16, 24))
    assert states.shape == (2, 8, 8, 12)
    assert torch.equal(model.up[-1](states), model(noise(2, 3, 16, 24)))


def test_loss_is_the_mean_cross_entropy():
    model, images = ResidualUNet(small()), noise(2, 3, 8, 8)
    labels = torch.randint(0, 5, (2, 8, 8))
    close(model.loss(images, labels), -model(images).log_softmax(1).gather(1, labels[:, None]).mean())
    model = ResidualUNet(small(classes=1))
    p, labels = model(images).sigmoid()[:, 0], labels > 1
    close(model.loss(images, labels), -torch.where(labels, p, 1 - p).log().mean())


def test_probabilities_of_any_size():
    model = ResidualUNet(small(strides=((2, 1), (2, 3)))).eval()
    images = noise(2, 3, 13, 22)
    found = model.probabilities(images)
    close(found, model(F.pad(images, (0, 2, 0, 3), "replicate")).softmax(1)[..., :13, :22])


@pytest.mark.parametrize("norm", ["none", "batch", "instance", "group"])
def test_half_precision(norm):
    model, images = ResidualUNet(small(norm=norm, groups=2, classes=2)).eval(), noise(2, 3, 16, 24)
    with torch.autocast("cpu", torch.bfloat16):
        close(model(images).float(), model.float()(images).float(), 0.05)
    assert model.bfloat16().probabilities(images.bfloat16()).dtype == torch.bfloat16


class TestCompiled:
    model = ResidualUNet(small(norm="batch")).eval()
    images = noise(2, 3, 16, 24)

    def test_compile(self):
        compiled = torch.compile(self.model, backend="aot_eager", fullgraph=True)
        close(compiled(self.images), self.model(self.images))

    def test_export(self):
        program = torch.export.export(self.model, (self.images,))
        close(program.module()(self.images), self.model(self.images))


class TestMistakes:
    @pytest.mark.parametrize(
        "shape, error, message",
        [
            ((1, 3, 14, 18), AxisSizeError, "axis s0 is 14, which is not divisible by 4: 12 or 16 would fit"),
            ((1, 3, 16, 3), AxisSizeError, "axis s1 is 3, which is not divisible by 6: 6 would fit"),
            ((1, 3, 16), RankError, "a U-Net of 2 dimensions takes 'b c s0 s1', not 3 axes"),
        ],
    )
    def test_images(self, shape, error, message):
        with pytest.raises(error) as caught:
            ResidualUNet(small(strides=(2, (2, 3))))(torch.zeros(shape))
        assert str(caught.value) == message

    def test_channels(self):
        with pytest.raises(AxisSizeError, match=r"^axis c is 2"):
            ResidualUNet(small())(torch.zeros(1, 2, 16, 16))

    @pytest.mark.parametrize(
        "options, message",
        [
            (
                {"norm": "bach"},
                "there is no norm='bach' (did you mean batch?): choose from none, batch, instance, group",
            ),
            (
                {"activation": "tanh"},
                "there is no activation='tanh': choose from none, prelu, relu, leaky_relu, elu, gelu, silu",
            ),
            ({"dimensions": 4}, "dimensions=4: only 1, 2 and 3 are supported"),
            ({"widths": (4,)}, "widths=(4,) and strides=(2, 2) are not one stride between two widths"),
            ({"strides": (2,)}, "widths=(4, 6, 8) and strides=(2,) are not one stride between two widths"),
            ({"strides": (2, 0)}, "strides=(2, 0) are not all above 0"),
            ({"strides": (2, (1, 2, 3))}, "(1, 2, 3) is not a number for each of dimensions=2"),
            ({"kernel": 4}, "kernel=4 is not odd"),
            ({"up_kernel": (3, 2)}, "up_kernel=(3, 2) is not odd"),
            ({"units": -1}, "units=-1 is negative"),
            ({"order": "NAN"}, "order='NAN' is not made of N, D and A, each at most once"),
            ({"norm": "group"}, "(4, 6, 8, 5) channels are not all divisible by groups=8"),
        ],
    )
    def test_configurations(self, options, message):
        with pytest.raises(SemanticError) as caught:
            small(**options)
        assert str(caught.value) == message

    @pytest.mark.parametrize(
        "options, message",
        [
            (
                {"act": "tanh"},
                "the configuration has act='tanh': only 'none', '', 'prelu', 'relu', 'leakyrelu', 'elu', 'gelu' or "
                "'swish' is supported",
            ),
            ({"act": ["prelu", {"num_parameters": 4}]}, "the configuration has num_parameters=4: only 1 is supported"),
            ({"act": ["relu", {"threshold": 1}]}, "the configuration has threshold=1: it is not supported"),
            (
                {"norm": "syncbatch"},
                "the configuration has norm='syncbatch': only 'none', 'batch', 'instance' or 'group' is supported",
            ),
            ({"norm": ["batch", {"eps": 1e-3}]}, "the configuration has eps=0.001: only 1e-05 is supported"),
            (
                {"norm": ["instance", {"track_running_stats": True}]},
                "the configuration has track_running_stats=True: only False is supported",
            ),
            ({"norm": "group"}, "norm 'group' of the configuration has no num_groups"),
            (
                {"dropout": ["alphadropout", {"p": 0.1}]},
                "the configuration has dropout='alphadropout': only 'dropout' is supported",
            ),
            ({"dimensions": 2}, "the configuration has dimensions=2: it is not supported"),
        ],
    )
    def test_what_it_cannot_be(self, options, message):
        with pytest.raises(CheckpointError) as caught:
            ResidualUNet.read_config({"_target_": "monai.networks.nets.UNet", **arguments(**options)})
        assert str(caught.value) == message

    def test_a_configuration_that_is_not_whole(self):
        with pytest.raises(CheckpointError) as caught:
            ResidualUNet.read_config({"_target_": "UNet", "spatial_dims": 2})
        assert str(caught.value) == "the configuration has no in_channels"

    def test_another_architecture(self, tmp_path):
        ResidualUNet(small(units=1)).save_pretrained(tmp_path)
        with pytest.raises(CheckpointError) as caught:
            ResidualUNet.from_pretrained(tmp_path, units=2)
        assert str(caught.value).startswith("the weights do not fit the model, read as monai UNet\n\n")
