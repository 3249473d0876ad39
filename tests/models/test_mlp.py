"""The MLP image recogniser against torch's own layers."""

import pytest
import torch
from torch import nn

from models.parity import close, shake
from wirework.errors import AxisSizeError, SemanticError
from wirework.models.mlp import DigitMLP, DigitMLPConfig

NAMES = {"layers.0": "1", "layers.1": "3", "head": "5"}  # ours, and the places in the reference


@pytest.fixture(params=["mnist", "digits"])
def pair(request):
    side = {"mnist": 28, "digits": 8}[request.param]
    reference = shake(
        nn.Sequential(
            nn.Flatten(),
            nn.Linear(side * side, 512),
            nn.ReLU(),
            nn.Linear(512, 512),
            nn.ReLU(),
            nn.Linear(512, 10),
        )
    )
    model = DigitMLP.preset(request.param)
    state = reference.state_dict()
    model.load_state_dict({f"{a}.{x}": state[f"{b}.{x}"] for a, b in NAMES.items() for x in ("weight", "bias")})
    return model, reference, torch.randn(3, 1, side, side, generator=torch.Generator().manual_seed(1))


def test_equals_plain_torch(pair):
    model, reference, x = pair
    close(model(x), reference(x))
    close(model.features(x), reference[:-1](x))
    close(model.probabilities(x), reference(x).softmax(dim=1))
    model(x).square().sum().backward()
    reference(x).square().sum().backward()
    expected = dict(reference.named_parameters())
    for name, parameter in model.named_parameters():
        layer, _, kind = name.rpartition(".")
        close(parameter.grad, expected[f"{NAMES[layer]}.{kind}"].grad)


def test_probabilities_are_over_classes():
    """They sum to 1 for each image, not over the batch."""
    sums = DigitMLP.preset("digits").probabilities(torch.randn(4, 1, 8, 8)).sum(dim=1)
    close(sums, torch.ones(4))


def test_presets():
    with torch.device("meta"):
        sizes = {name: sum(p.numel() for p in DigitMLP.preset(name).parameters()) for name in DigitMLPConfig.presets}
    assert sizes == {"mnist": 669_706, "digits": 301_066}


def test_without_hidden_layers():
    model = DigitMLP(DigitMLPConfig(image_size=(2, 3), channels=3, classes=4, hidden=()))
    assert model(torch.zeros(5, 3, 2, 3)).shape == (5, 4)


def test_an_image_of_another_size():
    with pytest.raises(AxisSizeError) as caught:
        DigitMLP.preset("digits")(torch.zeros(5, 1, 9, 8))
    assert str(caught.value).splitlines()[0] == "axis h is 9 (dimension 2 of argument 1), but h=8 is given"


def test_saved_and_read_again(pair, tmp_path):
    model, _, x = pair
    model.save_pretrained(tmp_path)
    again = DigitMLP.from_pretrained(tmp_path)
    assert again.config == model.config
    assert torch.equal(again(x), model(x))


def test_impossible_sizes():
    with pytest.raises(SemanticError) as caught:
        DigitMLPConfig(hidden=(512, 0))
    assert str(caught.value) == (
        "a size is not above 0: DigitMLPConfig(image_size=28, channels=1, classes=10, hidden=(512, 0))"
    )


def test_compiles_and_exports():
    model = DigitMLP.preset("digits", hidden=(16,))
    x = torch.randn(2, 1, 8, 8)
    close(torch.compile(model, fullgraph=True, backend="eager")(x), model(x))
    exported = torch.export.export(model, (x,), dynamic_shapes=({0: torch.export.Dim("b")},)).module()
    more = torch.randn(5, 1, 8, 8)
    close(exported(more), model(more))
