"""One call of each operation family on tiny tensors, as each contestant writes it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import einops
import einx
import torch
import torch.nn.functional as F

import wirework as ww
from timing import Call, extra, figure, in_turns

HEADS = "b q (h [c]), b k (h [c]) -> b h q k"


@dataclass(frozen=True)
class Family:
    """One operation. What a library cannot express is `None`."""

    name: str
    arrays: int
    hand: Call
    wirework: Call
    einops: Call | None = None
    einx: Call | None = None

    @property
    def calls(self) -> dict[str, Call]:
        found = {"hand": self.hand, "wirework": self.wirework, "einops": self.einops, "einx": self.einx}
        return {name: call for name, call in found.items() if call is not None}


def families() -> list[Family]:
    """Every family that is timed."""
    return [*rearranging(), *reducing(), *elementwise(), *contracting(), *indexing(), *along(), *larger()]


def rearranging() -> list[Family]:
    x, token = torch.randn(2, 4, 3), torch.randn(3)

    def split(x: torch.Tensor, h: int) -> torch.Tensor:
        b, s, c = x.shape
        return x.reshape(b, h, s // h, c).permute(0, 3, 1, 2)

    def prepend(x: torch.Tensor, token: torch.Tensor) -> torch.Tensor:
        return torch.cat([token.expand(x.shape[0], 1, -1), x], 1)

    def pack(x: torch.Tensor, token: torch.Tensor) -> torch.Tensor:
        tokens = einops.repeat(token, "c -> b 1 c", b=x.shape[0])
        return einops.pack([tokens, x], "b * c")[0]

    return [
        Family(
            "rearrange, split", 1,
            lambda: split(x, 2),
            lambda: ww.rearrange("b (h w) c -> b c h w", x, h=2),
            lambda: einops.rearrange(x, "b (h w) c -> b c h w", h=2),
            lambda: einx.id("b (h w) c -> b c h w", x, h=2),
        ),
        Family(
            "rearrange, transpose", 1,
            lambda: x.transpose(1, 2),
            lambda: ww.rearrange("b s c -> b c s", x),
            lambda: einops.rearrange(x, "b s c -> b c s"),
            lambda: einx.id("b s c -> b c s", x),
        ),
        Family(
            "rearrange, class token", 2,
            lambda: prepend(x, token),
            lambda: ww.rearrange("c, b s c -> b (1 + s) c", token, x),
            lambda: pack(x, token),
            lambda: einx.id("c, b s c -> b (1 + s) c", token, x),
        ),
    ]  # fmt: skip


def reducing() -> list[Family]:
    x, image = torch.randn(2, 4, 3), torch.randn(2, 8, 8, 3)

    def pool(x: torch.Tensor, p: int, q: int) -> torch.Tensor:
        b, h, w, c = x.shape
        return x.reshape(b, h // p, p, w // q, q, c).amax((2, 4))

    return [
        Family(
            "sum", 1,
            lambda: x.sum(1),
            lambda: ww.sum("b [s] c", x),
            lambda: einops.reduce(x, "b s c -> b c", "sum"),
            lambda: einx.sum("b [s] c", x),
        ),
        Family(
            "mean", 1,
            lambda: x.mean(1),
            lambda: ww.mean("b [s] c", x),
            lambda: einops.reduce(x, "b s c -> b c", "mean"),
            lambda: einx.mean("b [s] c", x),
        ),
        Family(
            "mean, keepdims", 1,
            lambda: x.mean(-1, keepdim=True),
            lambda: ww.mean("... [c]", x, keepdims=True),
            lambda: einops.reduce(x, "... c -> ... 1", "mean"),
            lambda: einx.mean("... [c]", x, keepdims=True),
        ),
        Family(
            "max, window pooling", 1,
            lambda: pool(image, 2, 2),
            lambda: ww.max("b (h [p]) (w [q]) c", image, p=2, q=2),
            lambda: einops.reduce(image, "b (h p) (w q) c -> b h w c", "max", p=2, q=2),
            lambda: einx.max("b (h [p]) (w [q]) c", image, p=2, q=2),
        ),
        Family(
            "argmax", 1,
            lambda: x.argmax(1),
            lambda: ww.argmax("b [s] c -> b c", x),
            None,
            lambda: einx.argmax("b [s] c -> b c", x),
        ),
    ]  # fmt: skip


def elementwise() -> list[Family]:
    x, bias = torch.randn(2, 4, 3), torch.randn(3)
    return [
        Family(
            "add", 2,
            lambda: x + bias,
            lambda: ww.add("b s c, c", x, bias),
            None,
            lambda: einx.add("b s c, c", x, bias),
        ),
        Family(
            "multiply by a number", 2,
            lambda: x * 2.0,
            lambda: ww.multiply("b s c, ", x, 2.0),
            None,
            lambda: einx.multiply("b s c, ", x, 2.0),
        ),
    ]  # fmt: skip


def contracting() -> list[Family]:
    q, k, weight = torch.randn(2, 5, 16), torch.randn(2, 7, 16), torch.randn(16, 8)
    u, v, core = torch.randn(2, 4), torch.randn(2, 3), torch.randn(4, 3, 6)

    def scores(q: torch.Tensor, k: torch.Tensor, h: int) -> torch.Tensor:
        b, t, c = q.shape
        return q.view(b, t, h, c // h).transpose(1, 2) @ k.view(b, -1, h, c // h).permute(0, 2, 3, 1)

    def einops_scores(q: torch.Tensor, k: torch.Tensor, h: int) -> torch.Tensor:
        q = einops.rearrange(q, "b q (h c) -> b h q c", h=h)
        k = einops.rearrange(k, "b k (h c) -> b h k c", h=h)
        return einops.einsum(q, k, "b h q c, b h k c -> b h q k")

    def bilinear(u: torch.Tensor, v: torch.Tensor, core: torch.Tensor) -> torch.Tensor:
        return ((u @ core.flatten(1)).view(-1, *core.shape[1:]) * v.unsqueeze(2)).sum(1)

    return [
        Family(
            "dot, linear", 2,
            lambda: q @ weight,
            lambda: ww.dot("b t [c], [c] d -> b t d", q, weight),
            lambda: einops.einsum(q, weight, "b t c, c d -> b t d"),
            lambda: einx.dot("b t [c], [c] d -> b t d", q, weight),
        ),
        Family(
            "dot, attention scores", 2,
            lambda: scores(q, k, 2),
            lambda: ww.dot(HEADS, q, k, h=2),
            lambda: einops_scores(q, k, 2),
            lambda: einx.dot(HEADS, q, k, h=2),
        ),
        Family(
            "dot, three operands", 3,
            lambda: bilinear(u, v, core),
            lambda: ww.dot("b [i], b [j], [i j] o -> b o", u, v, core),
            lambda: einops.einsum(u, v, core, "b i, b j, i j o -> b o"),
            lambda: einx.dot("b [i], b [j], [i j] o -> b o", u, v, core),
        ),
    ]  # fmt: skip


def indexing() -> list[Family]:
    table, places = torch.randn(5, 4), torch.randint(0, 5, (2, 3))
    values = torch.randn(2, 3, 4)
    return [
        Family(
            "get_at, embedding", 2,
            lambda: F.embedding(places, table),
            lambda: ww.get_at("[v] c, b t -> b t c", table, places),
            None,
            lambda: einx.get_at("[v] c, b t -> b t c", table, places),
        ),
        Family(
            "add_at", 3,
            lambda: table.index_put((places,), values, accumulate=True),
            lambda: ww.add_at("[v] c, b t, b t c -> [v] c", table, places, values),
            None,
            lambda: einx.add_at("[v] c, b t, b t c -> [v] c", table, places, values),
        ),
    ]  # fmt: skip


def along() -> list[Family]:
    x = torch.randn(2, 4, 3)
    return [
        Family(
            "softmax", 1,
            lambda: x.softmax(1),
            lambda: ww.softmax("b [s] c", x),
            None,
            lambda: einx.softmax("b [s] c", x),
        ),
        Family(
            "roll", 1,
            lambda: x.roll(1, 1),
            lambda: ww.roll("b [s] c", x, shift=1),
            None,
            lambda: einx.roll("b [s] c", x, shift=1),
        ),
        Family(
            "sort", 1,
            lambda: x.sort(1).values,
            lambda: ww.sort("b [s] c", x),
            None,
            lambda: einx.sort("b [s] c", x),
        ),
    ]  # fmt: skip


def larger() -> list[Family]:
    q, k, v = torch.randn(2, 5, 16), torch.randn(2, 7, 16), torch.randn(2, 7, 16)
    image, kernel, x = torch.randn(2, 3, 8, 8), torch.randn(4, 3, 3, 3), torch.randn(2, 4, 3)

    def attention(q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, h: int) -> torch.Tensor:
        b, t, _ = q.shape
        q, k, v = (x.view(b, -1, h, x.shape[2] // h).transpose(1, 2) for x in (q, k, v))
        return F.scaled_dot_product_attention(q, k, v).transpose(1, 2).reshape(b, t, -1)

    def sizes(x: torch.Tensor, h: int) -> dict[str, int]:
        b, s, c = x.shape
        return {"b": b, "h": h, "w": s // h, "c": c}

    return [
        Family(
            "attention", 3,
            lambda: attention(q, k, v, 2),
            lambda: ww.attention("b q (h [d]), b [k] (h [d]), b [k] (h e) -> b q (h e)", q, k, v, h=2),
        ),
        Family(
            "conv, 2 dimensions", 2,
            lambda: F.conv2d(image, kernel),
            lambda: ww.conv("b [c] [h w], d [c] [p q] -> b d [h w]", image, kernel),
        ),
        Family(
            "solve", 1,
            lambda: sizes(x, 2),
            lambda: ww.solve("b (h w) c", x, h=2),
            None,
            lambda: einx.solve("b (h w) c", x, h=2),
        ),
    ]  # fmt: skip


def warm_calls(family: Family, rounds: int) -> dict[str, object]:
    """Microseconds of the hand-written call, and what each library takes on top of it."""
    refuse_disagreement(family.calls)
    samples = in_turns(family.calls, rounds, seconds=0.0002)
    extras = {name: extra(samples, name) for name in family.calls if name != "hand"}
    return {
        "name": family.name,
        "arrays": family.arrays,
        "hand": figure(samples["hand"]).median * 1e6,
        **{name: {"extra": each.median * 1e6, "spread": each.spread * 1e6} for name, each in extras.items()},
    }


def refuse_disagreement(calls: Mapping[str, Call]) -> None:
    """Contestants that compute different things cannot be compared."""
    expected = calls["hand"]()
    for name, call in calls.items():
        result = call()
        same = result == expected if isinstance(expected, dict) else close(result, expected)
        if not same:
            raise ValueError(f"{name} gives {result}, hand-written code gives {expected}")


def close(result: object, expected: object) -> bool:
    return result.shape == expected.shape and torch.allclose(result, expected, atol=1e-5)  # type: ignore[attr-defined]
