"""Where the queries and keys of one call stand in their sequence, and which keys are there at all."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from wirework.nn.masks import EVERYTHING, Mask, causal

Array = Any  # an array of any framework


class Places(Protocol):
    """The places of queries and keys: the queries are the last ones, the keys lie in `keys` places up to the last.

    Attributes:
        queries, keys: how many there are.
        valid: booleans `k`, which keys are there; `None`: all.
        aligned: whether the keys are all places from 0 to the last query, in order.
    """

    @property
    def queries(self) -> int: ...

    @property
    def keys(self) -> int: ...

    @property
    def valid(self) -> Array | None: ...

    @property
    def aligned(self) -> bool: ...

    def q(self) -> Array:
        """The place of each query, `q`."""
        ...

    def k(self) -> Array:
        """The place of each key, `k`."""
        ...


class Aligned:
    """Keys at 0, 1, 2 ..., of which the last ones are also the queries'. They are made once, when first asked for."""

    valid = None
    aligned = True

    def __init__(self, queries: int, keys: int, arange: Callable[[int, int, Array], Array], like: Array) -> None:
        self.queries, self.keys = queries, keys
        self.arange, self.like = arange, like
        self.of_queries = self.of_keys = None

    def q(self) -> Array:
        if self.of_queries is None:
            self.of_queries = self.k() if self.queries == self.keys else self.make(self.keys - self.queries)
        return self.of_queries

    def k(self) -> Array:
        if self.of_keys is None:
            self.of_keys = self.make(0)
        return self.of_keys

    def make(self, first: int) -> Array:
        return self.arange(first, self.keys, self.like)


@dataclass(frozen=True, eq=False)
class Slots:
    """Keys in the slots of a cache, some of which may be empty. Their places are worked out when asked for."""

    of_queries: Array
    of_keys: Callable[[], Array]
    valid: Array

    aligned = False

    @property
    def queries(self) -> int:
        return self.of_queries.shape[0]

    @property
    def keys(self) -> int:
        return self.valid.shape[0]

    def q(self) -> Array:
        return self.of_queries

    def k(self) -> Array:
        return self.of_keys()


def ring_places(slots: Array, length: Array) -> Array:
    """The place in each slot `p % len(slots)` of a ring that has seen `length` tokens; negative: none yet.

    Args:
        slots: 0, 1, 2 ...
        length: a number.
    """
    last = length - 1
    return last - (last - slots) % slots.shape[0]


def visible(mask: Mask | None, places: Places, dense: bool = False) -> tuple[bool, Array | None]:
    """The least that says which keys are seen: whether causal says it all, and else booleans.

    Args:
        dense: always as booleans.

    Returns:
        Whether to pass causal=True, and booleans `k`, `q k` or `b h q k`, or `None` if all are seen.
    """
    if mask is not None:
        mask = mask.simplified(places.queries, places.keys)
    if mask is None or mask == EVERYTHING:
        return False, places.valid
    if mask == causal and places.aligned and not dense:
        return True, None
    array = mask.visible(places.q(), places.k())
    return False, array if places.valid is None else array & places.valid
