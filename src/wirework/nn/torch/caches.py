"""What attention keeps of earlier tokens, so that the next one costs no more than itself.

A cache belongs to one attention layer and is passed in at every call. It keeps two tensors, keys `b g t d` and
values `b g t e`, or what latent attention makes them of.
"""

from __future__ import annotations

import torch
from torch import Tensor

from wirework.errors import AxisSizeError, NotSupportedError
from wirework.nn.attention.places import Aligned, Places, Slots, ring_places
from wirework.nn.masks import Mask
from wirework.nn.torch.runtime import EVALUATION


class Cache:
    """What all caches have: two tensors with one slot for each token they keep.

    Attributes:
        k, v: `b g slots d`, `b g slots e`; `None` before the first call.
    """

    k: Tensor | None = None
    v: Tensor | None = None

    def places(self, queries: int, like: Tensor, mask: Mask | None) -> Places:
        """Where the next tokens and the keys that they will meet stand; to be read before `update`.

        Raises:
            NotSupportedError: if `mask` needs keys that this cache does not keep.
        """
        raise NotImplementedError

    def positions(self, queries: int, like: Tensor) -> Tensor:
        """The places of the next tokens, `q`."""
        raise NotImplementedError

    def update(self, k: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
        """Keep the keys and values of the next tokens; return those that these tokens meet."""
        raise NotImplementedError

    def reorder(self, rows: Tensor) -> None:
        """Take other rows of the batch: what beam search does."""
        if self.k is not None and self.v is not None:
            self.k, self.v = self.k.index_select(0, rows), self.v.index_select(0, rows)


class GrowingCache(Cache):
    """Keeps everything. Its tensors have room to spare, so that most tokens are written without a copy.

    While gradients are recorded it makes new tensors instead.
    """

    def __init__(self) -> None:
        self.length = 0

    def places(self, queries: int, like: Tensor, mask: Mask | None) -> Places:
        return Aligned(queries, self.length + queries, EVALUATION, like)

    def positions(self, queries: int, like: Tensor) -> Tensor:
        return EVALUATION.arange(self.length, self.length + queries, like)

    def update(self, k: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
        before, self.length = self.length, self.length + k.shape[2]
        if torch.is_grad_enabled() and (k.requires_grad or v.requires_grad):
            self.k, self.v = (x if kept is None else torch.cat([kept[:, :, :before], x], 2)
                              for kept, x in ((self.k, k), (self.v, v)))  # fmt: skip
            return self.k, self.v
        self.k, self.v = (self.written(kept, x, before) for kept, x in ((self.k, k), (self.v, v)))
        return self.k[:, :, : self.length], self.v[:, :, : self.length]

    def written(self, kept: Tensor | None, x: Tensor, before: int) -> Tensor:
        """A tensor with the new slots written, which is another one if they did not fit."""
        if kept is None or kept.shape[2] < self.length:
            roomy = x.new_empty((*x.shape[:2], room(self.length), x.shape[3]))
            if kept is not None:
                roomy[:, :, :before] = kept[:, :, :before]
            kept = roomy
        kept[:, :, before : self.length] = x
        return kept

    def reset(self) -> None:
        """Forget everything."""
        self.length, self.k, self.v = 0, None, None


def room(length: int) -> int:
    """Slots for `length` tokens and some to come."""
    return -(-length * 5 // 4 // 64) * 64 + 64


class StaticCache(Cache):
    """Keeps up to `max_length` tokens in tensors made once, so that no step of decoding differs in shape.

    The number of tokens is a tensor: `torch.compile` compiles one step for all.
    """

    def __init__(self, max_length: int, device: torch.device | str | None = None) -> None:
        self.max_length = max_length
        self.length = torch.zeros((), dtype=torch.long, device=device)
        self.slots = torch.arange(self.max_length, device=device)

    def follow(self, like: Tensor) -> None:
        """Move the counters to where the keys are."""
        if self.length.device != like.device:
            self.length, self.slots = self.length.to(like.device), self.slots.to(like.device)

    def positions(self, queries: int, like: Tensor) -> Tensor:
        self.follow(like)
        return self.free(queries).clone() if queries == 1 else self.free(queries)

    def free(self, queries: int) -> Tensor:
        """The places of the next tokens. That of one is a view of `length`, and moves with it."""
        return self.length.view(1) if queries == 1 else self.count(queries) + self.length

    def count(self, stop: int) -> Tensor:
        """0, 1, 2 ..., without making them anew where the slots have them."""
        return self.slots[:stop] if stop <= self.max_length else torch.arange(stop, device=self.slots.device)

    def places(self, queries: int, like: Tensor, mask: Mask | None) -> Places:
        if queries > self.max_length:
            raise AxisSizeError(f"{queries} tokens do not fit into {self}")
        self.follow(like)
        of_queries = self.free(queries)
        last = of_queries if queries == 1 else of_queries[-1:]
        return Slots(of_queries, lambda: self.slots, self.slots <= last)

    def allocate(self, k: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
        """Make the tensors for keys and values like these."""
        if self.k is None or self.v is None:
            self.k, self.v = (x.new_zeros((*x.shape[:2], self.max_length, x.shape[3])) for x in (k, v))
        return self.k, self.v

    def update(self, k: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
        kept_k, kept_v = self.allocate(k, v)
        queries = k.shape[2]
        slots = self.free(queries)
        try:
            kept_k.index_copy_(2, slots, k)
            kept_v.index_copy_(2, slots, v)
        except (IndexError, RuntimeError) as error:
            raise self.overflow(queries) or error from None
        self.length += queries
        return kept_k, kept_v

    def overflow(self, more: int) -> AxisSizeError | None:
        """The error for more tokens than fit, if that is what they are."""
        length = int(self.length)
        if length + more <= self.max_length:
            return None
        return AxisSizeError(f"{more} more tokens do not fit into {self}, which has {length}")

    def reset(self) -> None:
        """Forget everything; the tensors stay."""
        self.length.zero_()

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.max_length})"


class SlidingCache(StaticCache):
    """Keeps the last `window` tokens, in a ring: token p is in slot p % window.

    It goes with a mask that reaches no further back, such as `causal & window(...)`.
    """

    def __init__(self, window: int, device: torch.device | str | None = None) -> None:
        super().__init__(window, device)
        self.fitting: Mask | None = None  # the last mask that was seen to reach no further back

    def places(self, queries: int, like: Tensor, mask: Mask | None) -> Places:
        if mask is None or mask is not self.fitting:
            self.check(mask)
        self.follow(like)
        of_queries = self.free(queries)
        if queries == 1:
            return Slots(of_queries, lambda: ring_places(self.slots, of_queries + 1), self.slots <= of_queries)
        of_keys = torch.cat([ring_places(self.slots, self.length), of_queries])
        return Slots(of_queries, lambda: of_keys, of_keys >= 0)

    def check(self, mask: Mask | None) -> None:
        """Refuse a mask that reaches further back."""
        reach = None if mask is None else mask.reach
        if reach is None or reach > self.max_length:
            raise NotSupportedError(f"{self} keeps fewer keys than the mask {mask} shows")
        self.fitting = mask

    def update(self, k: Tensor, v: Tensor) -> tuple[Tensor, Tensor]:
        kept_k, kept_v = self.allocate(k, v)
        queries, capacity = k.shape[2], self.max_length
        met = (kept_k, kept_v) if queries == 1 else (torch.cat([kept_k, k], 2), torch.cat([kept_v, v], 2))
        slots = self.free(queries) % capacity
        if queries > capacity:
            slots, k, v = slots[-capacity:], k[:, :, -capacity:], v[:, :, -capacity:]
        kept_k.index_copy_(2, slots, k)
        kept_v.index_copy_(2, slots, v)
        self.length += queries
        return met
