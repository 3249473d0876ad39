"""What attention keeps of earlier tokens, as a variable of NNX."""

from __future__ import annotations

from typing import Any

from flax import nnx

from wirework.nn import jax_caches
from wirework.nn.attention.places import Slots
from wirework.nn.masks import Mask

Array = Any


class StaticCache(nnx.Module):
    """Keeps up to `max_length` tokens of one attention layer, so that one compiled step decodes every token.

    Attributes:
        kept: the arrays, a `wirework.nn.jax_caches.StaticCache`.
    """

    def __init__(self, max_length: int) -> None:
        self.kept = nnx.Cache(jax_caches.StaticCache(max_length))

    def places(self, queries: int, like: Array, mask: Mask | None) -> Slots:
        """Where the next tokens and the keys that they will meet stand; to be read before `update`."""
        return self.kept.get_value().places(queries, like, mask)

    def positions(self, queries: int, like: Array) -> Array:
        """The places of the next tokens, `q`."""
        return self.kept.get_value().positions(queries, like)

    def update(self, k: Array, v: Array) -> tuple[Array, Array]:
        """Keep the keys and values of the next tokens, and return those of all slots."""
        return self.changed("update", k, v)

    def reorder(self, rows: Array) -> None:
        """Take other rows of the batch: what beam search does."""
        self.changed("reorder", rows)

    def reset(self) -> None:
        """Forget everything."""
        self.changed("reset")

    def changed(self, method: str, *arguments: Array) -> Any:
        """Call a method that changes what is kept."""
        kept = self.kept.get_value()
        result = getattr(kept, method)(*arguments)
        self.kept.set_value(kept)
        return result
