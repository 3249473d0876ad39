"""Multiply-adds of some models: counted by hand, by wirework, by torchinfo, by fvcore and by torch itself.

Prints the table of docs/costs.md. Words choose the rows whose names have one of them. torchinfo and fvcore are left
out where they are not installed.
"""

from __future__ import annotations

import argparse
import logging
import sys
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
sys.path.insert(0, str(Path(__file__).parents[1] / "src"))

import torch
import torch.nn.functional as F
from torch import Tensor, nn

import torchvision_operators  # noqa: F401 (before timm is imported)
import wirework as ww
from wirework.models import GPT2, ViT


@dataclass(frozen=True)
class Row:
    """A model.

    Attributes:
        module: makes it.
        signature, shape: of its input.
        by_hand: its multiply-adds.
        integers: below which its inputs are, if they are whole numbers.
    """

    name: str
    module: Callable[[], nn.Module]
    signature: str
    shape: tuple[int, ...]
    by_hand: int
    integers: int = 0

    def inputs(self) -> Tensor:
        return torch.randint(self.integers, self.shape) if self.integers else torch.randn(self.shape)


class Attention(nn.Module):
    """Self-attention with four linear layers, fused or written with matrix products."""

    def __init__(self, dim: int, heads: int, fused: bool) -> None:
        super().__init__()
        self.heads, self.fused = heads, fused
        self.q, self.k, self.v, self.out = (nn.Linear(dim, dim) for _ in range(4))

    def forward(self, x: Tensor) -> Tensor:
        b, t, d = x.shape
        q, k, v = (f(x).view(b, t, self.heads, d // self.heads).transpose(1, 2) for f in (self.q, self.k, self.v))
        mixed = F.scaled_dot_product_attention(q, k, v) if self.fused else by_products(q, k, v)
        return self.out(mixed.transpose(1, 2).reshape(b, t, d))


def by_products(q: Tensor, k: Tensor, v: Tensor) -> Tensor:
    return (q @ k.transpose(-2, -1) * q.shape[-1] ** -0.5).softmax(-1) @ v


class TorchAttention(nn.Module):
    """torch's attention of tokens to each other."""

    def __init__(self, dim: int, heads: int) -> None:
        super().__init__()
        self.attention = nn.MultiheadAttention(dim, heads, batch_first=True)

    def forward(self, x: Tensor) -> Tensor:
        return self.attention(x, x, x, need_weights=False)[0]


def attention_by_hand(tokens: int, dim: int) -> int:
    """Four projections, scores, and sums of values."""
    return 4 * tokens * dim**2 + 2 * tokens**2 * dim


def transformer_by_hand(tokens: int, dim: int, hidden: int, depth: int) -> int:
    """Blocks of attention and of an MLP with two layers."""
    return depth * (attention_by_hand(tokens, dim) + 2 * tokens * dim * hidden)


def timm_resnet() -> nn.Module:
    import timm

    return timm.create_model("resnet50")


def convolutions_by_hand() -> int:
    """A ResNet-50: the stem, then for each unit a 1x1, a 3x3 and a 1x1 convolution, and one beside the first unit."""
    total, side, channels = 112**2 * 64 * 3 * 7**2, 56, 64
    for width, depth in ((64, 3), (128, 4), (256, 6), (512, 3)):
        for unit in range(depth):
            stride = 2 if unit == 0 and width > 64 else 1
            after = side // stride
            total += side**2 * channels * width + after**2 * width**2 * 9 + after**2 * width * 4 * width
            total += after**2 * channels * 4 * width if unit == 0 else 0
            side, channels = after, 4 * width
    return total + channels * 1000


TOKENS = 128
ROWS = (
    Row("attention, matrix products", lambda: Attention(16, 4, False), "b t d", (1, 10, 16), attention_by_hand(10, 16)),
    Row("attention, fused", lambda: Attention(16, 4, True), "b t d", (1, 10, 16), attention_by_hand(10, 16)),
    Row("`nn.MultiheadAttention`", lambda: TorchAttention(16, 4), "b t d", (1, 10, 16), attention_by_hand(10, 16)),
    Row(
        "`nn.TransformerEncoderLayer`", lambda: nn.TransformerEncoderLayer(64, 4, 256, batch_first=True), "b t d",
        (2, 50, 64), 2 * transformer_by_hand(50, 64, 256, 1),
    ),
    Row(
        "GPT-2 (wirework)", lambda: GPT2.preset("small"), "b t: int64", (1, TOKENS),
        transformer_by_hand(TOKENS, 768, 3072, 12) + TOKENS * 768 * 50257, 50257,
    ),
    Row(
        "ViT-B/16 (wirework)", lambda: ViT.preset("base"), "b c h w", (1, 3, 224, 224),
        transformer_by_hand(197, 768, 3072, 12) + 196 * 768 * 768 + 768 * 1000,
    ),
    Row("ResNet-50 (timm)", timm_resnet, "b c h w", (1, 3, 224, 224), convolutions_by_hand()),
)  # fmt: skip


# -- who counts -----------------------------------------------------------------------------------------------


def wirework(row: Row, module: nn.Module, x: Tensor) -> int:
    names = row.signature.partition(":")[0].split()
    sizes = dict(zip(names, row.shape, strict=True))
    return int(ww.trace(module, row.signature, **sizes).cost().macs)


def torchinfo(row: Row, module: nn.Module, x: Tensor) -> int:
    from torchinfo import summary

    return summary(module, input_data=x, verbose=0).total_mult_adds


def fvcore(row: Row, module: nn.Module, x: Tensor) -> int:
    from fvcore.nn import FlopCountAnalysis

    logging.getLogger("fvcore").setLevel(logging.ERROR)
    return int(FlopCountAnalysis(module, x).unsupported_ops_warnings(False).uncalled_modules_warnings(False).total())


def torch_itself(row: Row, module: nn.Module, x: Tensor) -> int:
    from torch.utils.flop_counter import FlopCounterMode

    with FlopCounterMode(display=False) as counter:
        module(x)
    return counter.get_total_flops() // 2


COUNTERS: dict[str, Callable[[Row, nn.Module, Tensor], int]] = {
    "wirework": wirework, "torchinfo": torchinfo, "fvcore": fvcore, "FlopCounterMode / 2": torch_itself,
}  # fmt: skip


def lines(rows: list[Row]) -> Iterator[str]:
    """The table in Markdown. A number that is not the one counted by hand says which part of it is there."""
    names = [name for name in COUNTERS if name not in ("torchinfo", "fvcore") or find_spec(name)]
    yield f"| multiply-adds | by hand | {' | '.join(names)} |"
    yield "|---|" + "--:|" * (1 + len(names))
    for row in rows:
        module, x = row.module().eval(), row.inputs()
        with torch.no_grad():
            found = (COUNTERS[name](row, module, x) for name in names)
            cells = [cell(count, row.by_hand) for count in found]
        yield f"| {row.name} | {row.by_hand:,} | {' | '.join(cells)} |"


def cell(count: int, by_hand: int) -> str:
    return f"{count:,}" if count == by_hand else f"{count:,} ({count / by_hand:.1%})"


def main(arguments: list[str] | None = None) -> Any:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("words", nargs="*", help="choose rows")
    words = [word.lower() for word in parser.parse_args(arguments).words]
    warnings.filterwarnings("ignore")
    chosen = [row for row in ROWS if not words or any(word in row.name.lower() for word in words)]
    for line in lines(chosen):
        print(line, flush=True)


if __name__ == "__main__":
    main()
