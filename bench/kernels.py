"""Contractions and attention on large tensors, against the best hand-written forms."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch.utils._python_dispatch import TorchDispatchMode

import wirework as ww
from timing import Call, figure, in_turns


@dataclass(frozen=True)
class Contraction:
    """One computation: hand-written in all the good ways, by wirework, and by torch.einsum."""

    name: str
    hand: dict[str, Call]
    wirework: Call
    einsum: Call | None = None


def contractions() -> list[Contraction]:
    """Every computation that is timed."""
    return [linear(), linear_stored(), scores(), weighted_sum(), mixing(), bilinear(), attention(), embedding()]


def linear() -> Contraction:
    x, w = torch.randn(8, 128, 512), torch.randn(512, 1024)
    return Contraction(
        "linear  b t [c], [c] d",
        {"matmul": lambda: x @ w},
        lambda: ww.dot("b t [c], [c] d -> b t d", x, w),
        lambda: torch.einsum("btc,cd->btd", x, w),
    )


def linear_stored() -> Contraction:
    x, w = torch.randn(8, 128, 512), torch.randn(1024, 512)
    return Contraction(
        "linear  b t [c], d [c]",
        {"linear": lambda: F.linear(x, w), "matmul": lambda: x @ w.T},
        lambda: ww.dot("b t [c], d [c] -> b t d", x, w),
        lambda: torch.einsum("btc,dc->btd", x, w),
    )


def heads(x: torch.Tensor, h: int) -> torch.Tensor:
    b, t, c = x.shape
    return x.view(b, t, h, c // h).transpose(1, 2)


def scores() -> Contraction:
    q, k, h = torch.randn(4, 256, 512), torch.randn(4, 256, 512), 8
    return Contraction(
        "attention scores",
        {"matmul": lambda: heads(q, h) @ heads(k, h).mT},
        lambda: ww.dot("b q (h [c]), b k (h [c]) -> b h q k", q, k, h=h),
        lambda: torch.einsum("bqhc,bkhc->bhqk", q.view(4, 256, h, 64), k.view(4, 256, h, 64)),
    )


def weighted_sum() -> Contraction:
    a, v, h = torch.randn(4, 8, 256, 256).softmax(-1), torch.randn(4, 256, 512), 8
    return Contraction(
        "weighted sum of values",
        {"matmul": lambda: (a @ heads(v, h)).transpose(1, 2).reshape(4, 256, 512)},
        lambda: ww.dot("b h q [k], b [k] (h c) -> b q (h c)", a, v),
        lambda: torch.einsum("bhqk,bkhc->bqhc", a, v.view(4, 256, h, 64)).reshape(4, 256, 512),
    )


def mixing() -> Contraction:
    x, w = torch.randn(16, 14, 14, 512), torch.randn(14, 14, 256)
    flat = w.view(196, 256)
    return Contraction(
        "token mixing  b [s... -> s2] c",
        {
            "matmul": lambda: flat.T @ x.view(16, 196, 512),
            "linear": lambda: F.linear(x.view(16, 196, 512).mT, flat.T).mT,
        },
        lambda: ww.dot("b [s... -> s2] c", x, w),
        lambda: torch.einsum("bstc,stz->bzc", x, w),
    )


def bilinear() -> Contraction:
    x, y, w = torch.randn(512, 64), torch.randn(512, 64), torch.randn(64, 64, 64)
    stored = w.permute(2, 0, 1).contiguous()
    return Contraction(
        "bilinear  b [i], b [j], [i j] o",
        {
            "outer product first": lambda: (x[:, :, None] * y[:, None, :]).view(512, -1) @ w.view(-1, 64),
            "matrix first": lambda: ((x @ w.view(64, -1)).view(512, 64, 64) * y[:, :, None]).sum(1),
            "F.bilinear": lambda: F.bilinear(x, y, stored),
        },
        lambda: ww.dot("b [i], b [j], [i j] o -> b o", x, y, w),
        lambda: torch.einsum("bi,bj,ijo->bo", x, y, w),
    )


def attention() -> Contraction:
    q, k, v = (torch.randn(4, 512, 512) for _ in range(3))
    expression = "b q (h [d]), b [k] (h [d]), b [k] (h e) -> b q (h e)"

    def by_hand() -> torch.Tensor:
        out = F.scaled_dot_product_attention(heads(q, 8), heads(k, 8), heads(v, 8))
        return out.transpose(1, 2).reshape(q.shape)

    return Contraction("attention", {"fused": by_hand}, lambda: ww.attention(expression, q, k, v, h=8))


def embedding() -> Contraction:
    table, places = torch.randn(50257, 256), torch.randint(0, 50257, (16, 512))
    return Contraction(
        "embedding  [v] c, b t",
        {"embedding": lambda: F.embedding(places, table)},
        lambda: ww.get_at("[v] c, b t -> b t c", table, places),
    )


def kernel_ratio(contraction: Contraction, rounds: int) -> dict[str, Any]:
    """Milliseconds of the best hand-written form, and those of wirework and einsum divided by them."""
    forms = {f"hand {name}": call for name, call in contraction.hand.items()}
    others = {"wirework": contraction.wirework, "einsum": contraction.einsum}
    calls = {**forms, **{name: call for name, call in others.items() if call is not None}}
    samples = in_turns(calls, rounds, seconds=0.02)
    best = min(forms, key=lambda name: figure(samples[name]).median)
    ratios = {
        name: figure([a / b for a, b in zip(samples[name], samples[best], strict=True)])
        for name in others
        if name in samples
    }
    return {
        "name": contraction.name,
        "best": best.removeprefix("hand "),
        "hand": figure(samples[best]).median * 1e3,
        **{name: {"ratio": ratio.median, "spread": ratio.spread} for name, ratio in ratios.items()},
        "kernels": kernels_of(contraction.wirework),
        "hand_kernels": kernels_of(contraction.hand[best.removeprefix("hand ")]),
    }


class Recorder(TorchDispatchMode):
    """Counts the kernels that run, views left out."""

    def __init__(self) -> None:
        super().__init__()
        self.names: Counter[str] = Counter()

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        name = func.overloadpacket.__name__
        if not func.is_view and name not in ("_unsafe_view", "_reshape_alias"):
            self.names[name.strip("_")] += 1
        return func(*args, **(kwargs or {}))


def kernels_of(call: Callable[[], object]) -> str:
    """The kernels that a call runs, e.g. "bmm + 2 clone"."""
    with Recorder() as recorder:
        call()
    return " + ".join(name if count == 1 else f"{count} {name}" for name, count in sorted(recorder.names.items()))
