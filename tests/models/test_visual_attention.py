"""Visual attention against plain torch: convolutions, attention head by head, a transposed convolution."""

import pytest
import torch
from torch import nn

import wirework as ww
from models.parity import close, shake
from wirework.errors import AxisSizeError, SemanticError
from wirework.models.visual_attention import VisualAttention, VisualAttentionConfig

CASES = {
    "pixels": ({"channels": 6, "heads": 2, "head_dim": 3}, (5, 4), None),
    "patches": ({"channels": 6, "heads": 2, "head_dim": 3, "kernel": 3, "stride": 3}, (9, 12), None),
    "left out": ({"channels": 5, "heads": 1, "head_dim": 4, "kernel": 3, "stride": 3}, (16, 11), None),
    "overlapping": ({"channels": 4, "heads": 4, "head_dim": 2, "kernel": 5, "stride": 2, "bias": False}, (10, 9), None),
    "apart": ({"channels": 4, "heads": 2, "head_dim": 2, "kernel": 2, "stride": 3}, (9, 10), None),
    "context": ({"channels": 6, "context_channels": 3, "heads": 3, "kernel": 2, "stride": 2}, (8, 7), (5, 12)),
}


class Plain(nn.Module):
    """Visual attention with torch's own layers, one head after the other."""

    def __init__(self, config):
        super().__init__()
        self.heads, inside = config.heads, config.heads * config.head_dim
        patch = {"kernel_size": config.kernel, "stride": config.stride, "bias": config.bias}
        context_channels = config.context_channels or config.channels
        self.q = nn.Conv2d(config.channels, inside, **patch)
        self.k = nn.Conv2d(context_channels, inside, **patch)
        self.v = nn.Conv2d(context_channels, inside, **patch)
        self.out = nn.ConvTranspose2d(inside, config.channels, **patch)

    def forward(self, x, context):
        made = (self.q(x), self.k(context), self.v(context))
        heads = zip(*(array.chunk(self.heads, dim=1) for array in made), strict=True)
        mixed = torch.cat([self.head(*head) for head in heads], dim=1)
        return self.out(mixed, output_size=x.shape[-2:])

    def head(self, q, k, v):
        queries, keys, values = (array.flatten(2).transpose(1, 2) for array in (q, k, v))
        weights = (queries @ keys.transpose(1, 2) / queries.shape[-1] ** 0.5).softmax(dim=-1)
        return (weights @ values).transpose(1, 2).unflatten(2, q.shape[-2:])


@pytest.fixture(params=CASES.values(), ids=CASES.keys())
def case(request):
    options, size, context_size = request.param
    config = VisualAttentionConfig(**options)
    reference = shake(Plain(config), scale=1.0)
    model = VisualAttention(config).eval()
    model.load_state_dict(reference.state_dict())
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(2, config.channels, *size, generator=generator)
    if context_size is None:
        return model, reference, x, None
    return model, reference, x, torch.randn(2, config.context_channels, *context_size, generator=generator)


def test_equals_plain_torch(case):
    model, reference, x, context = case
    ours, theirs = model(x, context), reference(x, x if context is None else context)
    assert ours.shape == x.shape
    close(ours, theirs)


def test_gradients(case):
    """In float64, because the gradient of the keys' bias is zero but for rounding."""
    model, reference, x, context = case
    x, context = x.double(), None if context is None else context.double()
    model.double()(x, context).square().sum().backward()
    reference.double()(x, x if context is None else context).square().sum().backward()
    expected = dict(reference.named_parameters())
    for name, parameter in model.named_parameters():
        close(parameter.grad, expected[name].grad, 1e-11)


def test_weights_are_those_that_mix(case):
    model, _, x, context = case
    weights = model.weights(x, context)
    close(weights.sum((-1, -2)), torch.ones(weights.shape[:-2]))
    values = model.v(x if context is None else context)
    text = "b h x y [u v], b (h d) [u v] -> b (h d) x y"
    mixed = model.out(ww.dot(text, weights, values))
    close(mixed[:, :, : x.shape[2], : x.shape[3]], model(x, context))


def test_kernel_of_one_is_multi_head_attention():
    reference = shake(nn.MultiheadAttention(8, 2, batch_first=True), scale=1.0)
    model = VisualAttention(VisualAttentionConfig(channels=8, heads=2, head_dim=4))
    weights = ww.rearrange("(n d) c -> n d c 1 1", reference.in_proj_weight, n=3)
    biases = ww.rearrange("(n d) -> n d", reference.in_proj_bias, n=3)
    state = {f"{name}.weight": weights[i] for i, name in enumerate("qkv")}
    state |= {f"{name}.bias": biases[i] for i, name in enumerate("qkv")}
    state["out.weight"] = ww.rearrange("c d -> d c 1 1", reference.out_proj.weight)
    state["out.bias"] = reference.out_proj.bias
    model.load_state_dict(state)
    x = torch.randn(2, 8, 3, 5, generator=torch.Generator().manual_seed(1))
    pixels = ww.rearrange("b c h w -> b (h w) c", x)
    close(ww.rearrange("b c h w -> b (h w) c", model(x)), reference(pixels, pixels, pixels)[0])


def test_presets():
    sizes = {}
    with torch.device("meta"):
        for name in VisualAttentionConfig.presets:
            sizes[name] = sum(parameter.numel() for parameter in VisualAttention.preset(name).parameters())
    assert sizes == {"pixels": 4 * (32 * 32 + 32), "patches": 4 * 33 * 32 * 9 + 3 * 32 + 33}


def test_saved_and_read_again(tmp_path):
    model = VisualAttention.preset("patches").eval()
    model.save_pretrained(tmp_path)
    x = torch.randn(1, 33, 7, 6)
    assert torch.equal(VisualAttention.from_pretrained(tmp_path)(x), model(x))


def test_an_image_smaller_than_a_patch():
    with pytest.raises(AxisSizeError) as caught:
        VisualAttention.preset("patches")(torch.zeros(1, 33, 2, 8))
    assert str(caught.value) == (
        "a kernel of length 3 does not fit on axis x of length 2\n"
        "\n"
        "    b [c] [x y], (h d) [c] [x_kernel y_kernel] -> b (h d) [x y]\n"
        "           ^                ^^^^^^^^"
    )


def test_impossible_sizes():
    with pytest.raises(SemanticError) as caught:
        VisualAttentionConfig(channels=4, stride=0)
    assert str(caught.value) == "stride=0 is not above 0"


def test_compiles_and_exports():
    model = VisualAttention(VisualAttentionConfig(channels=4, heads=2, kernel=3, stride=2)).eval()
    x = torch.randn(2, 4, 10, 9)
    close(torch.compile(model, fullgraph=True, backend="eager")(x), model(x))
    exported = torch.export.export(model, (x,), dynamic_shapes=({0: torch.export.Dim("b")},))
    more = torch.randn(5, 4, 10, 9)
    close(exported.module()(more), model(more))
