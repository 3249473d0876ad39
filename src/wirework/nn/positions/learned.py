"""Learned positions: a table with a vector for each place, which can be resampled to another grid."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

import wirework as ww
from wirework.errors import AxisSizeError, RankError, SemanticError
from wirework.nn.definition import NONE, Array, Start, check_names, required_shape, settle, solve_sizes, summarise
from wirework.nn.initialisers import default_initialiser
from wirework.nn.positions.grids import Grid, resampling
from wirework.nn.sizes import Size, missing
from wirework.notation.parse import parse
from wirework.notation.tree import Operand

TABLE = parse("(prefix + (s...)) d").inputs[0]


@dataclass(frozen=True)
class LearnedPositionsDefinition:
    """Add a row of a table to each token `... t d`.

    Args:
        grid: the sizes of the grid of places, row by row in the table.
        prefix: rows before these, for tokens without a place such as a class token.
        antialias: how the table is resampled for another grid: see `resampling`.
        sizes: the size of d, which may be left out.
    """

    grid: Grid
    prefix: int = 0
    antialias: bool = True
    sizes: Mapping[str, Size] = field(default_factory=dict)

    def __post_init__(self) -> None:
        check_names(self.sizes, (Operand(TABLE.terms[1:]),), "... t d")
        settle(self)

    @cached_property
    def known(self) -> dict[str, Size]:
        return {"prefix": self.prefix, "s": self.grid, **self.sizes}

    @property
    def rows(self) -> int:
        """The number of rows of the table."""
        return self.prefix + int(np.prod(self.grid))

    @property
    def parameters(self) -> dict[str, Operand]:
        return {"weight": TABLE}

    @property
    def buffers(self) -> dict[str, Operand]:
        return {}

    @property
    def missing(self) -> tuple[str, ...]:
        return missing(TABLE.terms, self.known)

    def starts(self, x: Array | None = None, arrays: Mapping[str, Array] = NONE) -> dict[str, Start]:
        sizes = {**self.known, **solve_sizes(self.parameters, arrays, self.known)}
        if x is not None:
            sizes |= {"d": x.shape[-1], **self.sizes}
        return {"weight": Start(required_shape(TABLE.terms, sizes, str(self)), default_initialiser("get_at"))}

    def matrices(self, grid: Grid) -> list[np.ndarray]:
        """What resamples the table along each axis of the grid: `new old`."""
        if len(grid) != len(self.grid):
            raise RankError(f"{self} cannot be resampled to {grid}, which has {len(grid)} axes")
        return [resampling(old, new, self.antialias) for old, new in zip(self.grid, grid, strict=True)]

    def resample(self, weight: Array, matrices: Sequence[Array]) -> Array:
        """The table for another grid: `(prefix + (s...)) d`. The rows of the prefix stay as they are."""
        prefix, places = ww.rearrange(
            "(prefix + (s...)) d -> prefix d, s... d", weight, prefix=self.prefix, s=self.grid
        )
        for axis, matrix in enumerate(matrices):
            before = " ".join(f"a{i}" for i in range(axis))
            places = ww.dot(f"{before} [old] ... d, new [old] -> {before} new ... d", places, matrix)
        return ww.rearrange("prefix d, s... d -> (prefix + (s...)) d", prefix, places)

    def add(self, x: Array, table: Array) -> Array:
        """Tokens `... t d` plus the first t rows of a table, which has more of them only if the grid is a line."""
        tokens, rows = x.shape[-2], table.shape[0]
        if tokens == rows:
            return ww.add("... t d, t d", x, table)
        if len(self.grid) > 1 or tokens > rows:
            raise AxisSizeError(f"{self} has {rows} rows, but there are {tokens} tokens: pass grid=... to resample it")
        return ww.add("... t d, t d", x, table[:tokens])

    def add_at(self, x: Array, weight: Array, positions: Array) -> Array:
        """Tokens `... t d` plus the rows at some positions `... t` or `t`."""
        rows = ww.get_at("[rows] d, ... -> ... d", weight, positions)
        return ww.add("... t d, t d" if rows.ndim == 2 else "... t d, ... t d", x, rows)

    @property
    def summary(self) -> str:
        prefix = {"prefix": self.prefix} if self.prefix else {}
        return summarise(grid=self.grid, **self.sizes, **prefix, antialias=self.antialias)

    def __str__(self) -> str:
        return f"LearnedPositions({self.grid})"


def as_grid(grid: int | Sequence[int]) -> Grid:
    """The sizes of a grid, of which one alone may be written as a number."""
    sizes = (grid,) if isinstance(grid, int) else tuple(grid)
    if not sizes or any(size < 1 for size in sizes):
        raise SemanticError(f"a grid has one or more sizes of 1 or more, not {grid}")
    return sizes
