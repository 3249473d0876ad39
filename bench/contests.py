"""Every layer beside the best that does the same: wirework's module, its peers, an input, equal weights."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

import peers
import torchvision_operators  # noqa: F401 (before transformers imports torchvision, where that is installed)
import wirework.nn.torch as wn

Maker = Callable[[], "Contest"]


@dataclass
class Contest:
    """One layer at one size.

    Attributes:
        ours, peers: modules of the same inputs, in the order of `inputs`; peers by name.
        inputs: the first is a tensor, and gradients are taken for it where it has floating point numbers.
        ours_inputs: what wirework's module takes instead after the first, where that differs.
    """

    name: str
    ours: nn.Module
    peers: Mapping[str, nn.Module]
    inputs: tuple[object, ...]
    ours_inputs: tuple[object, ...] | None = None

    def __post_init__(self) -> None:
        with torch.no_grad():
            self.ours.eval()(*self.inputs_of("wirework"))  # sizes that were left out are known from here on
        self.ours.train()
        for peer in self.peers.values():
            share_parameters(self.ours, peer)

    def inputs_of(self, name: str) -> tuple[object, ...]:
        """What a contestant is called with."""
        return self.inputs if name != "wirework" or self.ours_inputs is None else self.ours_inputs

    @property
    def modules(self) -> dict[str, nn.Module]:
        return {"wirework": self.ours, **self.peers}


@torch.no_grad()
def share_parameters(ours: nn.Module, peer: nn.Module) -> None:
    """Give both the same random numbers. Parameters of one shape are in the same order."""
    left = list(peer.parameters())
    for number, mine in enumerate(ours.parameters()):
        torch.manual_seed(number)
        mine.normal_(0.0, 0.1 if mine.dim() > 1 else 0.5)
        other = left.pop(next(place for place, each in enumerate(left) if each.shape == mine.shape))
        other.copy_(mine)


def contests() -> Iterator[tuple[str, Maker]]:
    """Every contest by name; making one draws its weights."""
    for size, (b, t, c, m) in {"small": (2, 8, 32, 64), "large": (8, 128, 512, 1024)}.items():
        for name, make in (
            *features(b, t, c, m),
            *attentions(*((2, 8, 32, 4) if size == "small" else (4, 256, 512, 8))),
        ):
            yield f"{name}, {size}", make
        images = (2, 8, 8) if size == "small" else (16, 64, 32)
        for name, make in images_of(*images):
            yield f"{name}, {size}", make


def features(b: int, t: int, c: int, m: int) -> Iterator[tuple[str, Maker]]:
    """Layers of tokens `b t c`."""
    x, ids = torch.randn(b, t, c), torch.randint(0, 100, (b, t))

    def one(
        name: str, ours: Callable[[], nn.Module], peer: Callable[[], nn.Module], x: Tensor = x
    ) -> tuple[str, Maker]:
        return name, lambda: Contest(name, ours(), {"torch": peer()}, (x,))

    yield one("Linear", lambda: wn.Linear("... [c -> d]", c=c, d=m), lambda: nn.Linear(c, m))
    yield one("Linear, no bias", lambda: wn.Linear("... [c -> d]", False, c=c, d=m), lambda: nn.Linear(c, m, False))
    yield one("Norm, layer", lambda: wn.Norm("... [c]", c=c), lambda: nn.LayerNorm(c))
    rms = {"mean": False, "bias": False}
    yield one("Norm, RMS", lambda: wn.Norm("... [c]", **rms, c=c), lambda: nn.RMSNorm(c, 1e-5))
    yield one("Embedding", lambda: wn.Embedding(v=100 * m, d=c), lambda: nn.Embedding(100 * m, c), ids)
    yield one("Dropout", lambda: wn.Dropout("[...]", 0.1), lambda: nn.Dropout(0.1))
    yield one("MLP", lambda: wn.MLP("... [c -> m]", c=c, m=m), lambda: peers.MLP(c, m))
    gated = {"activation": "silu", "gated": True, "bias": False}
    yield one("MLP, SwiGLU", lambda: wn.MLP("... [c -> m]", c=c, m=m, **gated), lambda: peers.SwiGLU(c, m))
    yield one(
        "Residual MLP",
        lambda: wn.Residual(wn.MLP("... [c -> m]", c=c, m=m), wn.Norm("... [c]", c=c)),
        lambda: peers.Block(c, m),
    )
    yield one("LearnedPositions", lambda: wn.LearnedPositions(t, d=c), lambda: peers.Positions(t, c))


def images_of(b: int, c: int, s: int) -> Iterator[tuple[str, Maker]]:
    """Layers of images `b c s s`."""
    x = torch.randn(b, c, s, s)

    def one(name: str, ours: Callable[[], nn.Module], peer: Callable[[], nn.Module]) -> tuple[str, Maker]:
        return name, lambda: Contest(name, ours(), {"torch": peer()}, (x,))

    yield one(
        "Norm, batch", lambda: wn.Norm("[b] c [s...]", "b [c] ...", decay_rate=0.9, c=c), lambda: nn.BatchNorm2d(c)
    )
    yield one(
        "Norm, group", lambda: wn.Norm("b (g [c]) [s...]", "b [c] ...", g=4, c=c // 4), lambda: nn.GroupNorm(4, c)
    )
    yield one(
        "Norm, instance", lambda: wn.Norm("b c [s...]", "b [c] ...", c=c), lambda: nn.InstanceNorm2d(c, affine=True)
    )
    conv = {"kernel": 3, "padding": 1}
    yield one("Conv", lambda: wn.Conv("b [c -> d] [s...]", **conv, c=c, d=c), lambda: nn.Conv2d(c, c, 3, padding=1))


def attentions(b: int, t: int, c: int, h: int) -> Iterator[tuple[str, Maker]]:
    """Attention of tokens `b t c` with `h` heads."""
    x = torch.randn(b, t, c)

    def attention(**options: object) -> nn.Module:
        return wn.Attention(h, c, **options)  # type: ignore[arg-type]

    def one(name: str, ours: Callable[[], nn.Module], **found: Callable[[], nn.Module]) -> tuple[str, Maker]:
        return name, lambda: Contest(name, ours(), {key: peer() for key, peer in found.items()}, (x,))

    both = {"hand": lambda: peers.Attention(c, h), "MHA": lambda: peers.TorchAttention(c, h)}
    yield one("Attention", attention, **both)
    both = {"hand": lambda: peers.Attention(c, h, True), "MHA": lambda: peers.TorchAttention(c, h, True)}
    yield one("Attention, causal", lambda: attention(mask=wn.causal), **both)
    window = wn.causal & wn.window(t // 4)
    yield one("Attention, window", lambda: attention(mask=window), hand=lambda: peers.Windowed(c, h, t // 4))
    yield one("Attention, T5", lambda: attention(scores=[wn.T5Bias(h)]), hand=lambda: peers.T5Biased(c, h))
    yield "Attention, Swin", lambda: swin(b, c, h, 4 if t < 49 else 7)
    yield "Attention, Llama", lambda: llama(x, h)
    yield "Rotary", lambda: rotary(x, h)


def swin(b: int, c: int, h: int, window: int) -> Contest:
    """One window of Swin; a large one has 16 times as many."""
    x = torch.randn(b if window < 7 else 16 * b, window**2, c)
    bias = wn.RelativeBias((window, window), h)
    return Contest("Swin", wn.Attention(h, c, scores=[bias]), {"hand": peers.Swin(c, h, window)}, (x,))


def llama(x: Tensor, h: int) -> Contest:
    """Attention of Llama with half as many heads of keys. All are given the angles, as models share them by layers."""
    _, t, c = x.shape
    rotary, factors = wn.Rotary("half", c // h), peers.angles(t, c // h)
    options = {"kv_heads": h // 2, "bias": False, "projection": wn.Split(), "mask": wn.causal}
    ours = wn.Attention(h, c, position=rotary, **options)
    found = {"hand": peers.Grouped(c, h, h // 2), **hugging_face(c, h)}
    own = rotary.angles(torch.arange(t))
    return Contest("Llama", ours, found, (x, factors), (x, None, None, None, own))


def hugging_face(c: int, h: int) -> dict[str, nn.Module]:
    """Hugging Face's attention of Llama, if it is installed."""
    try:
        from transformers.models.llama.modeling_llama import LlamaAttention, LlamaConfig

    except ImportError:
        return {}

    class Llama(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            config = LlamaConfig(hidden_size=c, num_attention_heads=h, num_key_value_heads=h // 2)
            config._attn_implementation = "sdpa"
            self.attention = LlamaAttention(config, 0)

        def forward(self, x: Tensor, angles: peers.Angles) -> Tensor:
            return self.attention(x, tuple(each[None] for each in angles))[0]

    return {"HF": Llama()}


class Turned(nn.Module):
    """Queries and keys `b h t d` turned by a function, and added, so that there is one output."""

    def __init__(self, rotate: Callable[..., tuple[Tensor, Tensor]]) -> None:
        super().__init__()
        self.rotate = rotate

    def forward(self, x: Tensor, *angles: object) -> Tensor:
        q, k = self.rotate(x, x, *angles)
        return F.relu(q + k)


def rotary(x: Tensor, h: int) -> Contest:
    """Rotary embeddings alone."""
    b, t, c = x.shape
    layer, heads = wn.Rotary("half", c // h), x.view(b, t, h, c // h).transpose(1, 2)
    own = layer.angles(torch.arange(t))
    found = {"hand": Turned(peers.turn)}
    return Contest("Rotary", Turned(layer), found, (heads, *peers.angles(t, c // h)), (heads, own))
