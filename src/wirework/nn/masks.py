"""Masks: which keys a query sees, as functions of their places, combined by `&`, `|` and `~`.

>>> import numpy as np
>>> mask = causal & window(2) | prefix(1)
>>> mask
causal & window(2) | prefix(1)
>>> mask.visible(np.arange(4), np.arange(4)).astype(int)
array([[1, 0, 0, 0],
       [1, 1, 0, 0],
       [1, 1, 1, 0],
       [1, 0, 1, 1]])

A place is a number that counts the tokens of a sequence from 0. A mask takes the places of queries `q` and of
keys `k`, and gives booleans `q k`, or `b 1 q k` where they differ within a batch. The same definitions
are those of `transformers.masking_utils`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import reduce
from operator import and_, or_
from typing import Any

import wirework as ww
from wirework.errors import NotSupportedError, RankError, SemanticError

Array = Any  # an array of any framework
Rule = Callable[[Array, Array], Array]


class Mask:
    """Which keys a query sees.

    `a & b` is what both let through, `a | b` what either does, `~a` the rest. A function of places may
    stand for a mask beside another one: `causal & (lambda q, k: k % 2 == 0)`.
    """

    def visible(self, q: Array, k: Array) -> Array:
        """Booleans `q k` or `b h q k` (b and h may be 1) for queries at places `q` and keys at places `k`."""
        raise NotImplementedError

    def simplified(self, queries: int, keys: int) -> Mask:
        """An equal mask for the keys at places 0 to `keys`, and as queries the last `queries` of these."""
        return self

    @property
    def reach(self) -> int | None:
        """How many keys, back from its own, are all that a query can see. `None`: no bound is known."""
        return None

    def __and__(self, other: Mask | Rule) -> Mask:
        return Both((*conjuncts(self), *conjuncts(as_mask(other))))

    def __rand__(self, other: Rule) -> Mask:
        return as_mask(other) & self

    def __or__(self, other: Mask | Rule) -> Mask:
        return Either((*disjuncts(self), *disjuncts(as_mask(other))))

    def __ror__(self, other: Rule) -> Mask:
        return as_mask(other) | self

    def __invert__(self) -> Mask:
        return Not(self)


# -- masks of places alone ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Span(Mask):
    """`-before <= k - q <= after`: keys about the query. `None` is no bound."""

    before: int | None = None
    after: int | None = None

    def visible(self, q: Array, k: Array) -> Array:
        offset = k - q[:, None]
        if self.before is None:
            return offset <= self.after if self.after is not None else offset == offset
        past = offset >= -self.before
        return past if self.after is None else past & (offset <= self.after)

    def simplified(self, queries: int, keys: int) -> Mask:
        before = None if self.before is None or self.before >= keys - 1 else self.before
        after = None if self.after is None or self.after >= queries - 1 else self.after
        if before is None and after is None:
            return EVERYTHING
        return self if (before, after) == (self.before, self.after) else Span(before, after)

    @property
    def reach(self) -> int | None:
        return None if self.before is None else self.before + 1

    def __str__(self) -> str:
        return "causal" if self == Span(None, 0) else f"span({self.before}, {self.after})"

    __repr__ = __str__


@dataclass(frozen=True, repr=False)
class Window(Span):
    """A window of `width`: `|q - k| <= width` alone, and `q - width < k <= q` beside `causal`."""

    def __str__(self) -> str:
        return f"window({self.before})"

    __repr__ = __str__


@dataclass(frozen=True)
class Prefix(Mask):
    """`k < length`: every query sees the first keys."""

    length: Array

    def visible(self, q: Array, k: Array) -> Array:
        if getattr(self.length, "ndim", 0):
            return k < self.length[:, None, None, None]
        return (k < self.length)[None, :]

    def __repr__(self) -> str:
        return f"prefix({self.length if isinstance(self.length, int) else '...'})"


@dataclass(frozen=True)
class Chunk(Mask):
    """`q // size == k // size`: queries and keys of the same chunk."""

    size: int

    def visible(self, q: Array, k: Array) -> Array:
        return (q // self.size)[:, None] == (k // self.size)[None, :]

    @property
    def reach(self) -> int | None:
        return self.size

    def __repr__(self) -> str:
        return f"chunk({self.size})"


@dataclass(frozen=True)
class Where(Mask):
    """A function of the places `q 1` of queries and `1 k` of keys."""

    rule: Rule

    def visible(self, q: Array, k: Array) -> Array:
        return self.rule(q[:, None], k[None, :])

    def __repr__(self) -> str:
        return f"where({getattr(self.rule, '__name__', self.rule)})"


# -- masks that come with the data ----------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Padding(Mask):
    """Keys that are there: booleans `b t`, of which those beyond the end are not."""

    keep: Array

    def visible(self, q: Array, k: Array) -> Array:
        return at_places(self.keep, k, False)[:, None, None, :]

    def __repr__(self) -> str:
        return "padding(...)"


@dataclass(frozen=True, eq=False)
class Between(Mask):
    """`first <= k < last` for every sequence of a batch: whole numbers `b`, or `None` for no bound."""

    first: Array | None
    last: Array | None

    def visible(self, q: Array, k: Array) -> Array:
        sides = [k >= column(self.first)] if self.first is not None else []
        sides += [k < column(self.last)] if self.last is not None else []
        return reduce(and_, sides)

    def __repr__(self) -> str:
        return "padding(...)"


@dataclass(frozen=True, eq=False)
class Document(Mask):
    """Queries and keys of the same document: its number for every token, `b t`. Below 0 it is none."""

    numbers: Array

    def visible(self, q: Array, k: Array) -> Array:
        of_queries, of_keys = at_places(self.numbers, q, -1), at_places(self.numbers, k, -1)
        of_keys = of_keys[:, None, None, :]
        return (of_queries[:, None, :, None] == of_keys) & (of_keys >= 0)

    def __repr__(self) -> str:
        return "document(...)"


@dataclass(frozen=True, eq=False)
class Given(Mask):
    """Booleans `q k`, `b q k` or `b h q k` (any of length 1 is repeated), for exactly these queries and keys."""

    array: Array

    def __post_init__(self) -> None:
        if not str(self.array.dtype).endswith("bool"):
            raise SemanticError(f"a mask holds booleans, not {self.array.dtype}: numbers are added by a score bias")
        if self.array.ndim not in (2, 3, 4):
            raise RankError(f"a mask has the axes q k, b q k or b h q k, not {self.array.ndim} dimensions")

    def visible(self, q: Array, k: Array) -> Array:
        return self.array[:, None] if self.array.ndim == 3 else self.array

    def __repr__(self) -> str:
        return "given(...)"


def column(numbers: Array) -> Array:
    """`b -> b 1 1 1`."""
    return numbers[:, None, None, None]


def at_places(values: Array, places: Array, beyond: bool | int) -> Array:
    """`b t, p -> b p`: values at some places, and `beyond` where there are none."""
    length = values.shape[1]
    inside = (places >= 0) & (places < length)
    found = ww.get_at("b [t], p -> b p", values, ww.where("p, p,", inside, places, 0))
    return found & inside if beyond is False else ww.where("p, b p,", inside, found, beyond)


# -- the algebra ----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Both(Mask):
    """What all parts let through. Spans are merged; a window beside `causal` looks back only."""

    parts: tuple[Mask, ...]
    merged: tuple[Mask, ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "merged", merged(self.parts))

    def visible(self, q: Array, k: Array) -> Array:
        return reduce(and_, [part.visible(q, k) for part in self.merged])

    def simplified(self, queries: int, keys: int) -> Mask:
        if len(self.merged) == 1:
            return self.merged[0].simplified(queries, keys)
        parts = [part.simplified(queries, keys) for part in self.merged]
        parts = [part for part in parts if part != EVERYTHING]
        return reduce(and_, parts) if parts else EVERYTHING

    @property
    def reach(self) -> int | None:
        return least([part.reach for part in self.merged])

    def __repr__(self) -> str:
        return " & ".join(f"({part})" if isinstance(part, Either) else str(part) for part in self.parts)


@dataclass(frozen=True)
class Either(Mask):
    """What any part lets through."""

    parts: tuple[Mask, ...]

    def visible(self, q: Array, k: Array) -> Array:
        return reduce(or_, (part.visible(q, k) for part in self.parts))

    def simplified(self, queries: int, keys: int) -> Mask:
        parts = [part.simplified(queries, keys) for part in self.parts]
        return EVERYTHING if EVERYTHING in parts else reduce(or_, parts)

    @property
    def reach(self) -> int | None:
        found = [part.reach for part in self.parts]
        known = [reach for reach in found if reach is not None]
        return max(known) if len(known) == len(found) else None

    def __repr__(self) -> str:
        return " | ".join(str(part) for part in self.parts)


@dataclass(frozen=True)
class Not(Mask):
    """What the mask does not let through."""

    mask: Mask

    def visible(self, q: Array, k: Array) -> Array:
        return ~self.mask.visible(q, k)

    def __repr__(self) -> str:
        return f"~({self.mask})" if isinstance(self.mask, Both | Either) else f"~{self.mask}"


def conjuncts(mask: Mask) -> tuple[Mask, ...]:
    """The masks that together make this one by `&`."""
    return mask.parts if isinstance(mask, Both) else (mask,)


def disjuncts(mask: Mask) -> tuple[Mask, ...]:
    """The masks that together make this one by `|`."""
    return mask.parts if isinstance(mask, Either) else (mask,)


def merged(parts: tuple[Mask, ...]) -> tuple[Mask, ...]:
    """The spans among some masks as one, where what sees no future makes each window a causal one."""
    spans = [part for part in parts if isinstance(part, Span)]
    if len(spans) < 2:
        return parts
    after = least([span.after for span in spans])
    shorter = int(after is not None and after <= 0)
    before = least([bound and bound - shorter * isinstance(span, Window) for span in spans for bound in [span.before]])
    return (Span(before, after), *(part for part in parts if not isinstance(part, Span)))


def least(bounds: list[int | None]) -> int | None:
    """The smallest of some bounds, of which `None` is none."""
    known = [bound for bound in bounds if bound is not None]
    return min(known) if known else None


def as_mask(mask: Mask | Rule | Array) -> Mask:
    """A mask, or a function of places or an array of booleans as one."""
    if isinstance(mask, Mask):
        return mask
    if hasattr(mask, "dtype"):
        return Given(mask)
    if callable(mask):
        return Where(mask)
    raise SemanticError(f"a mask is combined of masks, functions of places and booleans, not of {mask!r}")


# -- the names to write ---------------------------------------------------------------------------------------

EVERYTHING = Span(None, None)
causal = Span(None, 0)


def span(before: int | None, after: int | None) -> Span:
    """`q - before <= k <= q + after`. `None` is no bound."""
    return Span(before, after)


def window(width: int) -> Window:
    """`|q - k| <= width`; beside causal, as in `causal & window(width)`, `q - width < k <= q`.

    Source: `sliding_window_bidirectional_overlay` and `sliding_window_overlay` of transformers.
    """
    if width < 1:
        raise SemanticError(f"a window is at least 1 wide, not {width}")
    return Window(width, width)


def prefix(length: int | Array) -> Prefix:
    """`k < length`: every query sees the first keys. `length` is a number, or one for each sequence, `b`."""
    return Prefix(length)


def chunk(size: int) -> Chunk:
    """`q // size == k // size`: chunked attention, as in Llama 4."""
    if size < 1:
        raise SemanticError(f"a chunk is at least 1 long, not {size}")
    return Chunk(size)


def where(rule: Rule) -> Where:
    """A function of places `q 1` and `1 k` that gives booleans `q k`."""
    return Where(rule)


def padding(keep: Array | None = None, *, first: Array | None = None, last: Array | None = None) -> Mask:
    """Keys that are tokens, not padding.

    Args:
        keep: booleans `b t`, true for tokens. Keys beyond its end are not seen.
        first, last: or instead the places `b` of the first token and of the one after the last.
    """
    if (keep is None) == (first is None and last is None):
        raise NotSupportedError("padding() takes either keep, or first and last")
    return Between(first, last) if keep is None else Padding(keep)


def document(numbers: Array) -> Document:
    """Queries and keys of the same document, for sequences packed into one.

    Args:
        numbers: the document of each token, `b t`; tokens below 0 are of none and are not seen.
    """
    return Document(numbers)
