"""Where the queries and keys of one call stand in their sequence, and which keys are there at all."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

from wirework.nn.masks import EVERYTHING, Mask, Span, causal

Array = Any  # an array of any framework


class Maker(Protocol):
    """What makes arrays of places and of booleans on the device of `like`, as `Runtime` does."""

    def arange(self, start: int, stop: int, like: Array) -> Array: ...

    def band(self, rows: int, columns: int, below: int | None, above: int | None, like: Array) -> Array: ...


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

    def __init__(self, queries: int, keys: int, runtime: Maker, like: Array) -> None:
        self.queries, self.keys = queries, keys
        self.runtime, self.like = runtime, like
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
        return self.runtime.arange(first, self.keys, self.like)

    def seen(self, span: Span) -> Array:
        """Which keys are in a span about the query: `q k`."""
        first = self.keys - self.queries
        below = None if span.before is None else span.before - first
        above = None if span.after is None else span.after + first
        return self.runtime.band(self.queries, self.keys, below, above, self.like)


class Slots:
    """Keys in the slots of a cache, some of which may be empty. Their places are worked out when asked for."""

    aligned = False

    def __init__(self, of_queries: Array, of_keys: Callable[[], Array], valid: Array) -> None:
        self.of_queries, self.k, self.valid = of_queries, of_keys, valid
        self.queries, self.keys = of_queries.shape[0], valid.shape[0]

    def q(self) -> Array:
        return self.of_queries


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
    if mask is None:
        return False, places.valid
    whole = places.queries == places.keys
    if mask is causal and places.aligned and whole and not dense:  # what is asked for most, without more ado
        return True, None
    mask = mask.simplified(places.queries, places.keys)
    if mask is EVERYTHING or mask == EVERYTHING:
        return False, places.valid
    if isinstance(places, Aligned) and isinstance(mask, Span):
        return (True, None) if mask == causal and not dense else (False, places.seen(mask))
    array = mask.visible(places.q(), places.k())
    return False, array if places.valid is None else array & places.valid
