"""Biases of attention scores that depend on where query and key stand: Swin's, T5's and ALiBi.

Each is an array `h q k`, or `b h q k` if positions differ within a batch, that is added to the scores.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

import wirework as ww
from wirework.errors import SemanticError
from wirework.nn.definition import NONE, Array, Start, settle, summarise
from wirework.nn.initialisers import default_initialiser
from wirework.nn.positions.grids import Grid, grid_positions
from wirework.nn.positions.tables import Untrained
from wirework.notation.parse import parse
from wirework.notation.tree import Operand

LOOK_UP = "[n] h, ... q k -> ... h q k"
PAIRS = {(1, 1): "k, q -> q k", (2, 2): "b k, b q -> b q k", (2, 1): "k, b q -> b q k", (1, 2): "b k, q -> b q k"}


def offsets(q: Array, k: Array) -> Array:
    """How far each key stands after each query: `q k` from positions `q` and `k`, or `b q k` from `b q`, `b k`."""
    return ww.subtract(PAIRS[q.ndim, k.ndim], k, q)


class OneTable(Untrained):
    """The part of a definition that has a table of learned biases `n h` as its only parameter."""

    name: str

    @property
    def shape(self) -> tuple[int, int]:
        raise NotImplementedError

    @property
    def parameters(self) -> dict[str, Operand]:
        return {self.name: parse("n h").inputs[0]}

    def starts(self, x: Array | None = None, arrays: Mapping[str, Array] = NONE) -> dict[str, Start]:
        return {self.name: Start(self.shape, default_initialiser("get_at"))}


@dataclass(frozen=True)
class RelativeBiasDefinition(OneTable):
    """A learned bias for each head and each offset between two places of a window.

    Args:
        window: the sizes of the window, such as (7, 7).
        heads: the number of heads.

    Source: Liu et al., Swin Transformer, 2021; arXiv:2103.14030. The parameter is called as in Hugging Face's Swin.
    """

    window: Grid
    heads: int
    name = "relative_position_bias_table"

    def __post_init__(self) -> None:
        settle(self)

    @property
    def shape(self) -> tuple[int, int]:
        return math.prod(2 * size - 1 for size in self.window), self.heads

    @cached_property
    def tables(self) -> dict[str, np.ndarray]:
        """`index`, q k: the row of the table for each pair of places; an offset of zero is in the middle."""
        places = grid_positions(*self.window)
        index = np.zeros((len(places), len(places)), np.int64)
        for axis, size in enumerate(self.window):
            offset = places[:, None, axis] - places[None, :, axis]
            index = index * (2 * size - 1) + offset + size - 1
        return {"index": index}

    @property
    def places(self) -> int:
        """The places of a window."""
        return math.prod(self.window)

    def __call__(self, weight: Array, tables: Mapping[str, Array], q: Array | None, k: Array | None) -> Array:
        """The biases `h q k` for places counted row by row; without them for all."""
        index = tables["index"]
        if q is not None and k is not None:
            queries = {(1, 1): "q, k -> q k", (2, 2): "b q, b k -> b q k"}[q.ndim, k.ndim]
            index = ww.get_at(f"[a c], {queries}", index, q, k)
        return ww.get_at(LOOK_UP, weight, index)

    @property
    def summary(self) -> str:
        return summarise(window=self.window, heads=self.heads)

    def __str__(self) -> str:
        return f"RelativeBias({self.window})"


@dataclass(frozen=True)
class T5BiasDefinition(OneTable):
    """A learned bias for each head and each bucket of distances, which widen with the logarithm.

    Args:
        heads: the number of heads.
        buckets: their number; half of them for keys after the query if `bidirectional`. Half of those for one
            direction are for single distances, the others for ranges up to `max_distance` and beyond.
        max_distance: where the last bucket begins, at the latest.
        bidirectional: whether keys after the query have buckets of their own; else they share that of distance 0.

    Source: Raffel et al., Exploring the Limits of Transfer Learning (T5), 2019; arXiv:1910.10683. The parameter is
    called as in Hugging Face's `relative_attention_bias`.
    """

    heads: int
    buckets: int = 32
    max_distance: int = 128
    bidirectional: bool = True
    name = "weight"

    def __post_init__(self) -> None:
        least = 4 if self.bidirectional else 2
        if self.buckets < least or self.max_distance <= self.buckets // least:
            reason = f"T5Bias needs {least} buckets or more, and max_distance beyond those of single distances"
            raise SemanticError(f"{reason}: not buckets={self.buckets}, max_distance={self.max_distance}")
        settle(self)

    @property
    def shape(self) -> tuple[int, int]:
        return self.buckets, self.heads

    @cached_property
    def tables(self) -> dict[str, np.ndarray]:
        """`bucket`: that of each offset from -max_distance to max_distance, and these two as numbers."""
        limit = self.max_distance
        after = np.arange(-limit, limit + 1)
        if self.bidirectional:
            half = self.buckets // 2
            bucket = self.one_sided(np.abs(after), half) + half * (after > 0)
        else:
            bucket = self.one_sided(np.maximum(-after, 0), self.buckets)
        return {"bucket": bucket, "least": np.array(-limit), "most": np.array(limit)}

    def one_sided(self, distance: np.ndarray, buckets: int) -> np.ndarray:
        """The buckets of distances in one direction."""
        exact = buckets // 2
        # In float32, step by step as the reference does, so that borders fall on the same side.
        ratio = np.log(np.maximum(distance, 1).astype(np.float32) / np.float32(exact))
        scaled = ratio / np.float32(math.log(self.max_distance / exact)) * np.float32(buckets - exact)
        far = np.minimum(exact + scaled.astype(np.int64), buckets - 1)
        return np.where(distance < exact, distance, far).astype(np.int64)

    def __call__(self, weight: Array, tables: Mapping[str, Array], q: Array, k: Array) -> Array:
        """The biases `h q k` or `b h q k`."""
        near = ww.minimum("..., ", ww.maximum("..., ", offsets(q, k), tables["least"]), tables["most"])
        bucket = ww.get_at("[n], ... -> ...", tables["bucket"], near + self.max_distance)
        return ww.get_at(LOOK_UP, weight, bucket)

    @property
    def summary(self) -> str:
        one_way = {} if self.bidirectional else {"bidirectional": False}
        return summarise(heads=self.heads, buckets=self.buckets, max_distance=self.max_distance, **one_way)

    def __str__(self) -> str:
        return f"T5Bias(heads={self.heads})"


@dataclass(frozen=True)
class ALiBiDefinition(Untrained):
    """`-slope * distance`, with a slope for each head: 2 ** (-8 / n) for the first of n, its powers for the others.

    If n is not a power of two, the next smaller one has its slopes, and the rest is every second slope of
    the next larger one.

    Source: Press et al., Train Short, Test Long, 2021; arXiv:2108.12409.
    """

    heads: int

    def __post_init__(self) -> None:
        settle(self)

    @cached_property
    def tables(self) -> dict[str, np.ndarray]:
        """`slopes`, h."""
        whole = 2 ** (self.heads.bit_length() - 1)
        more = np.arange(1, 2 * (self.heads - whole), 2)
        powers = np.concatenate([8 / whole * np.arange(1, whole + 1), 4 / whole * more])
        return {"slopes": 2.0**-powers}

    def __call__(self, tables: Mapping[str, Array], q: Array, k: Array) -> Array:
        """The biases `h q k` or `b h q k`."""
        return ww.multiply("... q k, h -> ... h q k", -abs(offsets(q, k)), tables["slopes"])

    @property
    def summary(self) -> str:
        return summarise(heads=self.heads)

    def __str__(self) -> str:
        return f"ALiBi(heads={self.heads})"
