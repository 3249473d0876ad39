"""What attention keeps of earlier tokens in JAX: a pytree, so that one compiled step decodes every token."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
from jax.core import Tracer

from wirework.errors import AxisSizeError
from wirework.nn.attention.places import Slots
from wirework.nn.masks import Mask

Array = Any


def zero() -> Array:
    """The number of tokens in an empty cache."""
    return jnp.zeros((), jnp.int32)


@partial(jax.tree_util.register_dataclass, data_fields=["k", "v", "length"], meta_fields=["max_length"])
@dataclass
class StaticCache:
    """Keeps up to `max_length` tokens of one attention layer in arrays made once, at the first call.

    A layer that is given a cache changes its attributes. In a transformed function these are the attributes of the
    function's own copy: return the cache beside the result.

    Attributes:
        max_length: how many tokens it has room for.
        k, v: `b g slots d`, `b g slots e`; `None` before the first call.
        length: how many tokens it has.

    >>> cache = StaticCache(8)
    >>> keys, values = cache.update(jnp.ones((1, 2, 3, 4)), jnp.ones((1, 2, 3, 4)))
    >>> keys.shape, int(cache.length)
    ((1, 2, 8, 4), 3)
    """

    max_length: int
    k: Array | None = None
    v: Array | None = None
    length: Array = field(default_factory=zero)

    def places(self, queries: int, like: Array, mask: Mask | None) -> Slots:
        """Where the next tokens and the keys that they will meet stand; to be read before `update`.

        Raises:
            AxisSizeError: if the tokens do not fit. Where `length` is being traced, that cannot be known unless they
                would not fit into an empty cache either.
        """
        if queries + self.least > self.max_length:
            has = f", which has {self.least}" if self.least else ""
            raise AxisSizeError(f"{queries} more tokens do not fit into StaticCache({self.max_length}){has}")
        of_queries, slots = self.positions(queries, like), jnp.arange(self.max_length)
        return Slots(of_queries, lambda: slots, slots <= of_queries[-1])

    def positions(self, queries: int, like: Array) -> Array:
        """The places of the next tokens, `q`."""
        return self.length + jnp.arange(queries)

    @property
    def least(self) -> int:
        """The number of tokens, or 0 where it is being traced."""
        return 0 if isinstance(self.length, Tracer) else int(self.length)

    def update(self, k: Array, v: Array) -> tuple[Array, Array]:
        """Keep the keys and values of the next tokens, and return those of all slots.

        Where `length` is being traced, tokens that do not fit become NaN.
        """
        queries = k.shape[2]
        fits = self.length + queries <= self.max_length
        self.k, self.v = (self.written(kept, x, fits) for kept, x in ((self.k, k), (self.v, v)))
        self.length = self.length + queries
        return self.k, self.v

    def written(self, kept: Array | None, x: Array, fits: Array) -> Array:
        """An array with the next slots written."""
        if kept is None:
            kept = jnp.zeros((*x.shape[:2], self.max_length, x.shape[3]), x.dtype)
        x = jnp.where(fits, x, jnp.nan).astype(kept.dtype)
        return jax.lax.dynamic_update_slice_in_dim(kept, x, self.length, 2)

    def reorder(self, rows: Array) -> None:
        """Take other rows of the batch: what beam search does."""
        if self.k is not None and self.v is not None:
            self.k, self.v = self.k[rows], self.v[rows]

    def reset(self) -> None:
        """Forget everything; the arrays stay."""
        self.length = zero()
