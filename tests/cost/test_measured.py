"""Predictions against what torch does: memory as its allocator counts it, and FLOPs as its own counter does."""

import warnings

import pytest
import torch
from torch import nn
from torch.profiler import ProfilerActivity, profile
from torch.utils.flop_counter import FlopCounterMode

import wirework as ww
from wirework.models import GPT2, Llama, Mixer, ResNet, Swin, ViT


def peak(call):
    """The highest sum of all that torch's CPU allocator gave and took back during a call, but for workspaces."""
    call()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as profiler:
            call()
    events = sorted(profiler.profiler.kineto_results.events(), key=lambda event: event.start_ns())
    spans = [(each.start_ns(), each.start_ns() + each.duration_ns()) for each in events if each.name() in KERNELS]
    held = highest = 0
    for nbytes in kept([each for each in events if each.name() == "[memory]"], spans):
        held += nbytes
        highest = max(highest, held)
    return highest


KERNELS = ("aten::convolution", "aten::convolution_backward")


def kept(events, spans):
    """What was taken and given back, but for the workspace of a convolution: what it gives back before it ends."""
    result, inside = [], {}
    for event in events:
        span = next((span for span in spans if span[0] <= event.start_ns() < span[1]), None)
        taken = inside.setdefault(span, {}) if span else {}
        size = abs(event.nbytes())
        if event.nbytes() < 0 and taken.get(size):
            result[taken[size].pop()] = 0
            continue
        if event.nbytes() > 0:
            taken.setdefault(size, []).append(len(result))
        result.append(event.nbytes())
    return result


def layers():
    return nn.Sequential(nn.Linear(256, 1024), nn.ReLU(), nn.Linear(1024, 1024), nn.GELU(), nn.Linear(1024, 64))


def gpt2():
    return GPT2.preset("small", depth=2, dim=128, heads=4, mlp_dim=512, vocabulary=500)


MODELS = [  # the module, its signature, and the shape of its input; of whole numbers below the last
    (layers, "b c", (512, 256), None),
    (gpt2, "b t: int64", (2, 256), 500),
    (lambda: Llama.preset("characters", context=512, depth=2), "b t: int64", (2, 512), 65),
    (lambda: ViT.preset("digits", image_size=32, depth=3, dim=128, mlp_dim=512), "b c h w", (2, 1, 32, 32), None),
    (lambda: Mixer.preset("digits", image_size=32, dim=128, depth=2), "b c h w", (2, 1, 32, 32), None),
    (lambda: Swin.preset("digits", image_size=32), "b c h w", (2, 1, 32, 32), None),
    (lambda: ResNet.preset("cifar"), "b c h w", (2, 3, 32, 32), None),
]
NAMES = ["layers", "gpt2", "llama", "vit", "mixer", "swin", "resnet"]


def prepared(make, signature, shape, below):
    torch.manual_seed(0)
    model = make().eval()
    x = torch.randint(below, shape) if below else torch.randn(shape)
    names = signature.partition(":")[0].split()
    circuit = ww.trace(model, signature, **dict(zip(names, shape, strict=True)))
    given = x.numel() * x.element_size()
    return model, x, circuit, circuit.cost(), given


@pytest.mark.parametrize(("make", "signature", "shape", "below"), MODELS, ids=NAMES)
def test_inference_takes_as_much_memory_as_predicted(make, signature, shape, below):
    model, x, _, cost, given = prepared(make, signature, shape, below)
    with torch.no_grad():
        measured = peak(lambda: model(x))
    assert int(cost.memory.eager) - given == pytest.approx(measured, rel=0.1)


@pytest.mark.parametrize(("make", "signature", "shape", "below"), MODELS, ids=NAMES)
def test_training_takes_as_much_memory_as_predicted(make, signature, shape, below):
    model, x, _, cost, given = prepared(make, signature, shape, below)

    def step():
        model.zero_grad()
        y = model(x)
        y.backward(torch.ones_like(y))

    assert int(cost.memory.step) - given == pytest.approx(peak(step), rel=0.1)


@pytest.mark.parametrize(("make", "signature", "shape", "below"), MODELS[:2], ids=NAMES[:2])
def test_running_a_circuit_takes_as_much_memory_as_predicted(make, signature, shape, below):
    model, x, circuit, cost, given = prepared(make, signature, shape, below)
    with torch.no_grad():
        measured = peak(lambda: circuit.run(x, parameters=model))
    assert int(cost.memory.inference) - given == pytest.approx(measured, rel=0.02)


class Attention(nn.Module):
    """Self-attention with four linear layers, fused or written with matrix products."""

    def __init__(self, dim, heads, fused):
        super().__init__()
        self.heads, self.fused = heads, fused
        self.q, self.k, self.v, self.out = (nn.Linear(dim, dim) for _ in range(4))

    def forward(self, x):
        b, t, d = x.shape
        q, k, v = (f(x).view(b, t, self.heads, d // self.heads).transpose(1, 2) for f in (self.q, self.k, self.v))
        if self.fused:
            mixed = nn.functional.scaled_dot_product_attention(q, k, v)
        else:
            mixed = (q @ k.transpose(-2, -1) * q.shape[-1] ** -0.5).softmax(-1) @ v
        return self.out(mixed.transpose(1, 2).reshape(b, t, d))


class Convolutions(nn.Module):
    """Strided, grouped, dilated and transposed convolutions."""

    def __init__(self):
        super().__init__()
        self.first = nn.Conv2d(3, 8, 5, stride=2, padding=2)
        self.second = nn.Conv2d(8, 16, 3, padding=2, dilation=2, groups=4, bias=False)
        self.third = nn.ConvTranspose2d(16, 4, 4, stride=2, padding=1)

    def forward(self, x):
        return self.third(torch.relu(self.second(torch.relu(self.first(x)))))


def flop_counter(model, x):
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model(x)
    return counter.get_total_flops()


@pytest.mark.parametrize(
    ("model", "signature", "shape"),
    [
        (layers(), "b c", (3, 256)),
        (Attention(16, 4, fused=False), "b t d", (2, 10, 16)),
        (Convolutions(), "b c h w", (2, 3, 32, 24)),
    ],
    ids=["layers", "attention", "convolutions"],
)
def test_explicit_contractions_are_those_that_torch_counts(model, signature, shape):
    names = signature.split()
    circuit = ww.trace(model, signature, **dict(zip(names[1:], shape[1:], strict=True)))
    assert circuit.cost(b=shape[0]).contraction == flop_counter(model, torch.randn(shape))


def test_backward_is_twice_the_forward_pass_as_torch_counts_it():
    model, x = Attention(16, 4, fused=False), torch.randn(2, 10, 16, requires_grad=True)
    with FlopCounterMode(display=False) as counter:
        model(x).sum().backward()
    found = ww.trace(model, "b t d", d=16).cost(b=2, t=10)
    assert found.contraction + found.backward == counter.get_total_flops()


def test_the_attention_block_of_13440_multiply_adds():
    x = torch.randn(1, 10, 16)
    for fused in (False, True):
        found = ww.trace(Attention(16, 4, fused), "b t d", d=16).cost(b=1, t=10)
        assert found.macs == 13_440
        assert found.contraction == 26_880
    assert flop_counter(Attention(16, 4, fused=True), x) == 20_480  # torch does not look into the fused call
