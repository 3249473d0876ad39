"""The figures of the gallery, each from running code. `make.py` draws them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

import wirework as ww
import wirework.nn.torch as wn
from wirework.diagram import Diagram
from wirework.models import GPT2, Llama, Mixer, ResNet, Swin, UNet, ViT
from wirework.models.model import Model


@dataclass(frozen=True)
class Figure:
    """A picture of the gallery.

    Attributes:
        title: above it.
        make: draws it; its source is shown beside the picture.
        note: what there is to see.
    """

    title: str
    make: Callable[[], Diagram]
    note: str


FIGURES: list[Figure] = []


def figure(title: str, note: str) -> Callable[[Callable[[], Diagram]], Callable[[], Diagram]]:
    """Put a function that draws into the gallery."""

    def add(make: Callable[[], Diagram]) -> Callable[[], Diagram]:
        FIGURES.append(Figure(title, make, note))
        return make

    return add


def preset(kind: type[Model], name: str) -> nn.Module:
    """An architecture that is used and not trained, none of whose weights is made."""
    with torch.device("meta"):
        return kind.preset(name).eval()


# -- the language -------------------------------------------------------------------------------------------------


@figure("Broadcasting", "`mean` acts on 3; what it does for one row it does for all 4. Their wire passes, unbroken.")
def broadcasting() -> Diagram:
    def row_means(x):
        return ww.mean("rows [columns]", x)

    return ww.trace(row_means, "rows columns", rows=4, columns=3).draw(labels="size", legend=False)


@figure("Inner broadcasting", "The extra axis of one member passes the product into the result.")
def inner_broadcasting() -> Diagram:
    def products(x, y):
        return ww.dot("rows [columns], [columns] -> rows", x, y)

    return ww.trace(products, "rows columns", "columns", rows=4, columns=3).draw(labels="size", legend=False)


@figure("Elementwise", "A function of single elements touches no wire: it stands in a lane of its own above them.")
def elementwise() -> Diagram:
    return ww.trace(torch.relu, "rows columns", rows=4, columns=3).draw(labels="size", legend=False)


@figure("Taking a row", "An index ends the wire of the axis that it is taken from.")
def subtensor() -> Diagram:
    def third_row(x):
        return x[2]

    return ww.trace(third_row, "rows columns", rows=4, columns=3).draw(labels="size", legend=False)


@figure("The transpose of a linear map", "The wire of an output is bent back by a cup, so that it is an input.")
def linear_transpose() -> Diagram:
    class Transposed(nn.Module):
        def __init__(self):
            super().__init__()
            self.F = nn.Parameter(torch.randn(3, 4, 5))

        def forward(self, y, x):
            image = ww.dot("[a], [a] b c -> b c", x, self.F)
            return ww.dot("[b], [b] c -> c", y, image)

    return ww.trace(Transposed(), "b", "a").draw(legend=False)


@figure(
    "The snake", "A map `H` behind `G` is an array that `G` meets in a cup: pulled straight, the wire is `b` again."
)
def snake() -> Diagram:
    class Straightened(nn.Module):
        def __init__(self):
            super().__init__()
            self.G = nn.Parameter(torch.randn(3, 4))

        def forward(self, x, H):
            image = ww.dot("[a], [a] b -> b", x, self.G)
            return ww.dot("[b], [b] c -> c", image, H)

    return ww.trace(Straightened(), "a", "b c").draw(legend=False)


# -- the paper's networks -------------------------------------------------------------------------------------------


@figure("A recogniser of digits", "Two axes are flattened by a bar; a bold **L** is learned and linear, + adds a bias.")
def digit_recogniser() -> Diagram:
    class Recogniser(nn.Module):
        def __init__(self):
            super().__init__()
            self.flatten = nn.Flatten()
            self.linear_relu_stack = nn.Sequential(
                nn.Linear(28 * 28, 512), nn.ReLU(), nn.Linear(512, 512), nn.ReLU(), nn.Linear(512, 10)
            )

        def forward(self, images):
            return torch.softmax(self.linear_relu_stack(self.flatten(images)), 1)

    circuit = ww.trace(Recogniser(), "b y x", y=28, x=28)
    return circuit.draw(hide="b", labels="size", legend=False, title="A Recogniser of Digits")


@figure(
    "Scaled dot-product attention",
    "Queries and keys meet in a cup; the triangle is a softmax over the keys; a second cup takes the values.",
)
def scaled_attention() -> Diagram:
    def attention(Q, K, V):
        scores = ww.dot("y [k], x [k] -> y x", Q, K) * K.shape[-1] ** -0.5
        return ww.dot("y [x], [x] k -> y k", ww.softmax("y [x]", scores), V)

    return ww.trace(attention, "y k", "x k", "x k").draw(title="Scaled Dot-Product Attention", legend=False)


class MultiHeadAttention(nn.Module):
    """Multi-head attention, `y m, x m -> y m`, written with named axes."""

    def __init__(self, m: int, h: int, k: int) -> None:
        super().__init__()
        self.q, self.k, self.v = (nn.Parameter(torch.randn(m, k, h)) for _ in range(3))
        self.o = nn.Parameter(torch.randn(k, h, m))

    def forward(self, y: Tensor, x: Tensor) -> Tensor:
        q = ww.dot("y [m], [m] k h -> y k h", y, self.q)
        k = ww.dot("x [m], [m] k h -> x k h", x, self.k)
        v = ww.dot("x [m], [m] k h -> x k h", x, self.v)
        with ww.block("Scaled Dot-Product Attention"):
            scores = ww.dot("y [k] h, x [k] h -> y x h", q, k) * k.shape[1] ** -0.5
            mixed = ww.dot("y [x] h, [x] k h -> y k h", ww.softmax("y [x] h", scores), v)
        return ww.dot("y [k h], [k h] m -> y m", mixed, self.o)


@figure("Multi-head attention", "The heads' wires `h` are joined by dots: they are in both arrays and in the result.")
def multi_head_attention() -> Diagram:
    circuit = ww.trace(MultiHeadAttention(512, 8, 64), "y m", "x m")
    return circuit.draw(depth=2, title="Multi-Head Attention", legend=False)


@figure("Identity ResNet", "The whole: a stem, three stages of blocks, a norm, the mean over the image, a linear map.")
def identity_resnet() -> Diagram:
    circuit = ww.trace(preset(ResNet, "cifar"), "b c h w", h=32, w=32, c=3)
    return circuit.draw(depth=1, title="Identity ResNet")


@figure("A block of the identity ResNet", "The skip runs below the separator from its copy to the +.")
def identity_resnet_block() -> Diagram:
    block = preset(ResNet, "cifar").stages[1][0]
    return ww.trace(block, "b c h w", h=32, w=32).draw(title="Block")


@figure("U-Net", "Each level is copied, scaled down, and joined again on the way up by a concatenation of channels.")
def unet() -> Diagram:
    circuit = ww.trace(preset(UNet, "original"), "b c h w", h=256, w=256, c=1)
    return circuit.draw(depth=2, width=1400, title="U-Net")


class VisualAttention(nn.Module):
    """An image `y` attends to another, `x`, with convolutions in the place of linear maps."""

    def __init__(self, c: int, k: int, kernel: int) -> None:
        super().__init__()
        make = {"kernel": kernel, "bias": False}
        self.q, self.k, self.v = (wn.Conv("b [h w] [c -> k]", c=c, k=k, **make) for _ in range(3))
        self.o = wn.Conv("b [h w] [k -> c]", transposed=True, k=k, c=c, **make)

    def forward(self, y: Tensor, x: Tensor) -> Tensor:
        q, k, v = self.q(y), self.k(x), self.v(x)
        scores = ww.dot("b h w [k], b u v [k] -> b h w u v", q, k) * k.shape[-1] ** -0.5
        weights = ww.softmax("b h w [u v]", scores)
        return self.o(ww.dot("b h w [u v], b [u v] k -> b h w k", weights, v))


@figure("Visual attention", "Convolutions make queries, keys and values; axes of an image are a double wire.")
def visual_attention() -> Diagram:
    circuit = ww.trace(VisualAttention(32, 16, 1), "b h w c", "b u v c")
    return circuit.draw(hide="b", title="Visual Attention", legend=False)


# -- models of today --------------------------------------------------------------------------------------------------


@figure(
    "GPT-2", "Its block, twelve times: causal attention and an MLP, each with a norm before it and a skip around it."
)
def gpt2() -> Diagram:
    return ww.trace(preset(GPT2, "small"), "b t: int64").draw(depth=4, width=1500, hide="b", title="GPT-2")


@figure("Llama", "Rotary positions, RMS norms, and a gate in the MLP.")
def llama() -> Diagram:
    return ww.trace(preset(Llama, "llama2_7b"), "b t: int64").draw(depth=4, width=1500, hide="b", title="Llama 2")


@figure("Vision transformer", "Patches become tokens; a class token is put before them, and read at the end.")
def vit() -> Diagram:
    return ww.trace(preset(ViT, "base"), "b c h w", c=3, h=224, w=224).draw(depth=3, title="Vision Transformer")


@figure("A block of Swin", "Windows are split off and merged again, and shifted in every other block.")
def swin_block() -> Diagram:
    block = preset(Swin, "tiny").stages[0].blocks[1]
    return ww.trace(block, "b h w c", h=56, w=56).draw(width=1500, title="Swin Block")


@figure("A block of MLP-Mixer", "One MLP mixes the tokens, one the channels.")
def mixer_block() -> Diagram:
    block = preset(Mixer, "b16").blocks[0]
    return ww.trace(block, "b t c", t=196, c=768).draw(depth=3, title="Mixer Block")


@figure("Plain PyTorch", "A model that knows nothing of wirework is drawn like any other.")
def plain_torch() -> Diagram:
    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv1 = nn.Conv2d(3, 32, 3, padding=1)
            self.conv2 = nn.Conv2d(32, 64, 3, padding=1)
            self.fc1 = nn.Linear(64 * 8 * 8, 128)
            self.fc2 = nn.Linear(128, 10)

        def forward(self, x):
            x = F.max_pool2d(F.relu(self.conv1(x)), 2)
            x = F.max_pool2d(F.relu(self.conv2(x)), 2)
            x = F.relu(self.fc1(x.flatten(1)))
            return F.log_softmax(self.fc2(x), dim=1)

    return ww.trace(Net(), "b c h w", h=32, w=32).draw(title="A Convolutional Network")
