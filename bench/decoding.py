"""One token after the other through an attention layer with a cache, beside the same loop by hand."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

import peers
import wirework.nn.torch as wn
from contests import share_parameters
from layer_timing import CLOSE, compare
from timing import Call

PROMPT, TOKENS, ROOM = 256, 16, 512


class ByHand(peers.Attention):
    """Attention of one token to those before it, which the kind of cache below keeps."""

    k: Tensor
    v: Tensor
    length: Tensor

    def start(self, prompt: Tensor) -> None:
        """Keep the keys and values of a prompt."""
        raise NotImplementedError

    def back(self) -> None:
        """Forget all tokens since the prompt."""

    def meet(self, k: Tensor, v: Tensor) -> tuple[Tensor, Tensor, Tensor | None]:
        """Keep the key and value of a token; the keys and values that it meets, and which of them are there."""
        raise NotImplementedError

    def forward(self, x: Tensor) -> Tensor:
        q, k, v = self.split(x)
        k, v, seen = self.meet(k, v)
        y = F.scaled_dot_product_attention(q, k, v, attn_mask=seen)
        return self.out_proj(y.transpose(1, 2).reshape(x.shape))


class Growing(ByHand):
    """Concatenates, as Hugging Face's DynamicCache does."""

    def start(self, prompt: Tensor) -> None:
        _, self.first_k, self.first_v = self.split(prompt)
        self.back()

    def back(self) -> None:
        self.k, self.v = self.first_k, self.first_v

    def meet(self, k: Tensor, v: Tensor) -> tuple[Tensor, Tensor, None]:
        self.k, self.v = torch.cat([self.k, k], 2), torch.cat([self.v, v], 2)
        return self.k, self.v, None


class Static(ByHand):
    """Writes into tensors that were made once, at a place that is a tensor."""

    room = ROOM

    def start(self, prompt: Tensor) -> None:
        _, k, v = self.split(prompt)
        self.k, self.v = (F.pad(each, (0, 0, 0, self.room - PROMPT)).contiguous() for each in (k, v))
        self.length, self.slots = torch.tensor(PROMPT), torch.arange(self.room)

    def back(self) -> None:
        self.length.fill_(PROMPT)

    def meet(self, k: Tensor, v: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        place = self.length.view(1) % self.room if self.room <= PROMPT else self.length.view(1)
        self.k.index_copy_(2, place, k)
        self.v.index_copy_(2, place, v)
        seen = (self.slots <= self.length)[None]
        self.length += 1
        return self.k, self.v, seen


class Sliding(Static):
    """The same in a ring of as many slots as the prompt has tokens."""

    room = PROMPT


@dataclass
class Decoding:
    """A layer with a kind of cache, and the same by hand."""

    layer: nn.Module
    cache: wn.GrowingCache | wn.StaticCache
    hand: ByHand
    x: Tensor
    tokens: list[Tensor]

    def back(self) -> None:
        """Forget all tokens since the prompt."""
        if isinstance(self.cache, wn.StaticCache):
            self.cache.length.fill_(PROMPT)
        else:
            self.cache.length = PROMPT


def contests() -> Iterator[tuple[str, Callable[[], Decoding]]]:
    """Every decoding by name."""
    kinds = {
        "growing": (wn.GrowingCache, Growing),
        "static": (lambda: wn.StaticCache(ROOM), Static),
        "sliding": (lambda: wn.SlidingCache(PROMPT), Sliding),
    }
    for size, (c, h) in {"small": (64, 4), "large": (768, 12)}.items():
        for kind, (cache, hand) in kinds.items():
            yield f"Decoding, {kind}, {size}", lambda args=(c, h, cache, hand): prepared(*args)


@torch.no_grad()
def prepared(c: int, h: int, cache: Callable[[], Any], hand: Callable[..., ByHand]) -> Decoding:
    """Both with the same weights, and both with a prompt."""
    kept = cache()
    mask = wn.causal & wn.window(PROMPT) if isinstance(kept, wn.SlidingCache) else wn.causal
    layer, other = wn.Attention(h, c, mask=mask), hand(c, h)
    share_parameters(layer, other)
    prompt = torch.randn(1, PROMPT, c)
    layer(prompt, cache=kept)
    other.start(prompt)
    return Decoding(layer, kept, other, prompt, [torch.randn(1, 1, c) for _ in range(TOKENS)])


def measure(found: Decoding, rounds: int, eager: bool, compiled: bool) -> dict[str, Any]:
    """The time of a token beside that by hand, eager and compiled, and the graphs that were made."""
    result: dict[str, Any] = {}
    with torch.no_grad():
        if eager:
            result["eager"] = timed(loops(found, found.layer, found.hand), rounds)
        if compiled:
            torch._dynamo.reset()
            layer, of_layer = counted(found.layer)
            hand, of_hand = counted(found.hand)
            result["compiled"] = timed(loops(found, layer, hand), rounds)
            result["graphs"] = {"wirework": len(of_layer), "hand": len(of_hand)}
    return result


def loops(found: Decoding, layer: Callable[..., Tensor], hand: Callable[..., Tensor]) -> dict[str, Call]:
    """All tokens through both, which must give the same."""

    def ours() -> list[Tensor]:
        found.back()
        return [layer(token, cache=found.cache) for token in found.tokens]

    def theirs() -> list[Tensor]:
        found.hand.back()
        return [hand(token) for token in found.tokens]

    for mine, other in zip(ours(), theirs(), strict=True):
        torch.testing.assert_close(mine, other, rtol=CLOSE, atol=CLOSE)
    return {"wirework": ours, "hand": theirs}


def timed(calls: dict[str, Call], rounds: int) -> dict[str, Any]:
    figures = compare(calls, rounds)
    return {**figures, "us": figures["us"] / TOKENS}


def counted(module: nn.Module) -> tuple[Callable[..., Tensor], list[int]]:
    """A module compiled, and a list with an entry for each graph that is made of it."""
    made: list[int] = []

    def backend(graph: torch.fx.GraphModule, inputs: list[Tensor]) -> Any:
        from torch._inductor.compile_fx import compile_fx

        made.append(1)
        return compile_fx(graph, inputs)

    return torch.compile(module, fullgraph=True, backend=backend), made
