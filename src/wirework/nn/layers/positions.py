"""Positional embeddings without a framework."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from wirework.nn.definition import Array, Start
from wirework.nn.layers.base import EMPTY, Layer, Scope
from wirework.nn.layers.plain import Defined
from wirework.nn.positions import (
    ALiBiDefinition,
    LearnedPositionsDefinition,
    Pairing,
    RelativeBiasDefinition,
    RotaryDefinition,
    Scaling,
    SinusoidalDefinition,
    T5BiasDefinition,
)
from wirework.nn.positions.learned import as_grid
from wirework.nn.positions.sinusoidal import Layout
from wirework.nn.sizes import Size

Grid = int | Sequence[int]
Angles = tuple[Array, Array]


class LearnedPositions(Defined[LearnedPositionsDefinition]):
    """Add a learned vector for its place to each token `... t d`.

    Args:
        grid: the number of places, or the sizes of a grid of them, in the order of the tokens.
        prefix: tokens in front that have no place on the grid, such as a class token.
        antialias: how the table is resampled to another grid: `True` as timm does, `False` as Hugging Face's ViT.
        sizes: the size of d, which may be left out.

    Attributes:
        weight: `(prefix + (grid)) d`; normal with standard deviation 0.02.

    A call takes tokens, and besides

    - positions: the row of the table for each token, `... t` or `t`;
    - grid: the sizes of the grid that the tokens are on, to which the table is resampled.

    Without them, if the grid is a line, t may be less than its length.

    Raises:
        AxisSizeError: when called with tokens that the table does not fit.
    """

    def __init__(self, grid: Grid, prefix: int = 0, antialias: bool = True, **sizes: Size) -> None:
        self.arguments = {"grid": grid, "prefix": prefix, "antialias": antialias, **sizes}
        self.definition = LearnedPositionsDefinition(as_grid(grid), prefix, antialias, sizes)

    def __call__(self, scope: Scope, x: Array, positions: Array | None = None, grid: Grid | None = None) -> Array:
        if positions is not None:
            return self.definition.add_at(x, scope.weight, positions)
        return self.definition.add(x, scope.weight if grid is None else self.resampled(scope, grid))

    def resampled(self, scope: Scope, grid: Grid) -> Array:
        """The table for another grid, bicubically interpolated; the prefix as it is."""
        sizes, weight = as_grid(grid), scope.weight
        if sizes == self.definition.grid:
            return weight
        wide = scope.ops.wide(weight)
        matrices = [scope.ops.like(scope.ops.array(matrix, wide), wide) for matrix in self.definition.matrices(sizes)]
        return scope.ops.like(self.definition.resample(wide, matrices), weight)


class Sinusoidal(Layer):
    """Add sines and cosines of their positions to tokens `... t d`.

    Args:
        d: the features of a token. It may be left out.
        base: the inverse of the lowest frequency, nearly.
        coordinates: the number of coordinates of a position.
        layout: the order of the features: c coordinates, f frequencies, k sine and cosine. "c f k" as Vaswani et
            al.; "k c f" as timm's `build_sincos2d_pos_embed`, "c k f" the same with `interleave_sin_cos`.
        grid: the number of places, or the sizes of a grid of them.

    A call takes tokens and their positions, `... t` or `t`, or with several coordinates `... t c` or `t c`; without
    them they are those of the grid, or 0, 1, 2 and so on.

    Raises:
        AxisSizeError: if the features cannot be shared out among coordinates, sines and cosines.

    Source: Vaswani et al., Attention Is All You Need, 2017; arXiv:1706.03762.
    """

    def __init__(
        self, d: int | None = None, *, base: float = 10000.0, coordinates: int = 1, layout: Layout = "c f k",
        grid: Grid | None = None,
    ) -> None:  # fmt: skip
        self.arguments = {"d": d, "base": base, "coordinates": coordinates, "layout": layout, "grid": grid}
        sizes = None if grid is None else as_grid(grid)
        self.definition = SinusoidalDefinition(d, base, coordinates if sizes is None else len(sizes), layout, sizes)

    def __call__(self, scope: Scope, x: Array, positions: Array | None = None) -> Array:
        definition, ops = self.definition if self.definition.d else self.definition.sized(x), scope.ops
        tables = arrays(scope, definition.tables, x)
        if positions is None and definition.grid is not None:
            return definition.add(x, ops.like(tables["encoding"][: x.shape[-2]], x))
        angles = definition.angles(ops.arange(0, x.shape[-2], x) if positions is None else positions, tables)
        return definition.add(x, ops.like(definition.join(ops.sin(angles), ops.cos(angles)), x))

    @property
    def summary(self) -> str:
        return self.definition.summary

    def __str__(self) -> str:
        return str(self.definition)


class Rotary(Layer):
    """Turn pairs of features of queries and keys by angles that grow with their positions.

    Args:
        pairing: which features are pairs. "half": one of the first and one of the second half, as in Hugging Face's
            Llama. "interleaved": neighbours, as in the paper, and in timm.
        dim: how many features are turned, from the first on: those of a head, or fewer.
        base: the inverse of the slowest frequency, nearly.
        coordinates: the number of coordinates of a position; each turns its share of the features.
        scaling: another rule for the frequencies, such as `Llama3Scaling(factor=8, length=8192)`.

    A call takes queries and keys `... t d`, with the batch axis first if positions have one, and heads anywhere
    before t; and positions `t` or `b t`, or with several coordinates `t c` or `b t c`, or what `angles` made of them,
    so that many layers can share the work. Without positions they are 0, 1, 2 and so on. It gives both, turned.

    Raises:
        AxisSizeError: if `dim` cannot be shared out among pairs and coordinates.

    Source: Su et al., RoFormer: Enhanced Transformer with Rotary Position Embedding, 2021; arXiv:2104.09864.
    """

    offers = ("angles",)

    def __init__(
        self, pairing: Pairing, dim: int, *, base: float = 10000.0, coordinates: int = 1,
        scaling: Scaling | None = None,
    ) -> None:  # fmt: skip
        self.arguments = {
            "pairing": pairing, "dim": dim, "base": base, "coordinates": coordinates, "scaling": scaling,
        }  # fmt: skip
        self.definition = RotaryDefinition(pairing, dim, base, coordinates, scaling)

    def __call__(self, scope: Scope, q: Array, k: Array, positions: Any = None) -> tuple[Array, Array]:
        if positions is None:
            positions = scope.ops.arange(0, q.shape[-2], q)
        factors = positions if isinstance(positions, tuple) else self.angles(scope, positions)
        own, partner = (scope.ops.like(each, q) for each in factors)
        return self.definition.rotate(q, own, partner), self.definition.rotate(k, own, partner)

    def angles(self, scope: Scope, positions: Array) -> Angles:
        """What features and their partners are multiplied by at some positions: `b t d` each, in float32."""
        angles = self.definition.angles(positions, arrays(scope, self.definition.tables, positions))
        return self.definition.factors(scope.ops.cos(angles), scope.ops.sin(angles))

    @property
    def summary(self) -> str:
        return self.definition.summary

    def __str__(self) -> str:
        return str(self.definition)


class RelativeBias(Defined[RelativeBiasDefinition]):
    """A learned bias of attention scores for each head and each offset between two places of a window.

    A call takes places `q` and `k`, counted row by row, and gives `h q k`; without them it takes all places.

    Args:
        window: the sizes of the window, such as (7, 7).
        heads: the number of heads.

    Attributes:
        relative_position_bias_table: the offsets, row by row, then the heads; normal with standard deviation 0.02.

    Source: Liu et al., Swin Transformer, 2021; arXiv:2103.14030.
    """

    offers = ("places",)

    def __init__(self, window: Grid, heads: int) -> None:
        self.arguments = {"window": window, "heads": heads}
        self.definition = RelativeBiasDefinition(as_grid(window), heads)

    @property
    def places(self) -> int:
        """The places of a window."""
        return self.definition.places

    def __call__(self, scope: Scope, q_positions: Array | None = None, k_positions: Array | None = None) -> Array:
        table = scope.relative_position_bias_table
        return self.definition(table, arrays(scope, self.definition.tables, table), q_positions, k_positions)


class T5Bias(Defined[T5BiasDefinition]):
    """A learned bias of attention scores for each head and each bucket of distances.

    A call takes positions `q` and `k` and gives `h q k`, or of `b q` and `b k` gives `b h q k`.

    Args:
        heads: the number of heads.
        buckets: their number, for both directions together.
        max_distance: where the last bucket begins, at the latest.
        bidirectional: whether keys after the query have buckets of their own.

    Attributes:
        weight: the buckets, then the heads; normal with standard deviation 0.02.

    Source: Raffel et al., Exploring the Limits of Transfer Learning (T5), 2019; arXiv:1910.10683.
    """

    def __init__(self, heads: int, buckets: int = 32, max_distance: int = 128, bidirectional: bool = True) -> None:
        self.arguments = {
            "heads": heads, "buckets": buckets, "max_distance": max_distance, "bidirectional": bidirectional,
        }  # fmt: skip
        self.definition = T5BiasDefinition(heads, buckets, max_distance, bidirectional)

    def __call__(self, scope: Scope, q_positions: Array, k_positions: Array) -> Array:
        tables = arrays(scope, self.definition.tables, scope.weight)
        return self.definition(scope.weight, tables, q_positions, k_positions)


class ALiBi(Layer):
    """A bias of attention scores that falls with the distance, by a slope of its own for each head.

    A call takes positions `q` and `k` and gives `h q k`, or of `b q` and `b k` gives `b h q k`.

    Args:
        heads: the number of heads.

    Source: Press et al., Train Short, Test Long, 2021; arXiv:2108.12409.
    """

    def __init__(self, heads: int) -> None:
        self.arguments = {"heads": heads}
        self.definition = ALiBiDefinition(heads)

    def starts(self, *inputs: Array) -> Mapping[str, Start]:
        return EMPTY

    def __call__(self, scope: Scope, q_positions: Array, k_positions: Array) -> Array:
        return self.definition(arrays(scope, self.definition.tables, q_positions), q_positions, k_positions)

    @property
    def summary(self) -> str:
        return self.definition.summary

    def __str__(self) -> str:
        return str(self.definition)


def arrays(scope: Scope, tables: Mapping[str, np.ndarray], like: Array) -> dict[str, Array]:
    """Constant tables as arrays of the framework: floating ones in float32."""
    return {name: scope.ops.array(table, like) for name, table in tables.items()}
