"""Sinusoidal embeddings: sines and cosines of positions, at frequencies from 1 to almost 1 / base."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal

import numpy as np

import wirework as ww
from wirework.errors import AxisSizeError, SemanticError
from wirework.nn.definition import Array, no_size, settle, summarise
from wirework.nn.positions.grids import Grid, grid_positions
from wirework.nn.positions.scaling import geometric
from wirework.nn.positions.tables import Untrained

Layout = Literal["c f k", "c k f", "k c f"]
JOIN: dict[str, str] = {
    "c f k": "... c f, ... c f -> ... (c f (1 + 1))",
    "c k f": "... c f, ... c f -> ... (c (f + f))",
    "k c f": "... c f, ... c f -> ... ((c f) + (c f))",
}


@dataclass(frozen=True)
class SinusoidalDefinition(Untrained):
    """Add `sin(position * base ** (-i / f))` and the cosine to tokens `... t d`, for i from 0 to f.

    Args:
        d: the features of a token; `None`: as the first input has.
        base: the inverse of the lowest frequency, nearly.
        coordinates: the number of coordinates of a position; each has d / coordinates features.
        layout: the order of the features: c coordinates, f frequencies, k first sine and then cosine. "c f k" is
            that of Vaswani et al., "k c f" that of timm's `build_sincos2d_pos_embed`, "c k f" its interleaved one.
        grid: the sizes of a grid whose places are the positions, worked out once; `None`: given by each call.

    Source: Vaswani et al., Attention Is All You Need, 2017; arXiv:1706.03762.
    """

    d: int | None = None
    base: float = 10000.0
    coordinates: int = 1
    layout: Layout = "c f k"
    grid: Grid | None = None

    def __post_init__(self) -> None:
        if self.layout not in JOIN:
            raise SemanticError(f"the layout of Sinusoidal is one of {', '.join(JOIN)}, not {self.layout!r}")
        if self.grid is not None and len(self.grid) != self.coordinates:
            reason = f"Sinusoidal has {self.coordinates} coordinates, but its grid has {len(self.grid)}"
            raise SemanticError(f"{reason}: pass coordinates={len(self.grid)}")
        if self.d is not None and self.d % (2 * self.coordinates):
            reason = f"Sinusoidal has a sine and a cosine for each of {self.coordinates} coordinates"
            raise AxisSizeError(f"{reason}: d={self.d} is not divisible by {2 * self.coordinates}")
        settle(self)

    @property
    def missing(self) -> tuple[str, ...]:
        return () if self.d else ("d",)

    def sized(self, x: Array) -> SinusoidalDefinition:
        """The same with the number of features of an input."""
        return replace(self, d=x.shape[-1])

    @cached_property
    def tables(self) -> dict[str, np.ndarray]:
        """`frequencies`, f, and with a grid `encoding`, t d."""
        if self.d is None:
            return {}
        frequencies = geometric(self.base, self.d // (2 * self.coordinates))
        if self.grid is None:
            return {"frequencies": frequencies}
        angles = grid_positions(*self.grid)[:, :, None] * frequencies
        return {"frequencies": frequencies, "encoding": self.join(np.sin(angles), np.cos(angles))}

    def angles(self, positions: Array, tables: Mapping[str, Array]) -> Array:
        """The angles `... t c f` of positions `... t`, or `... t c` if there are several coordinates."""
        if self.d is None:
            raise AxisSizeError(no_size("d", str(self)))
        one = "... t, f -> ... t 1 f"
        return ww.multiply(
            one if self.coordinates == 1 else "... t c, f -> ... t c f", positions, tables["frequencies"]
        )

    def join(self, sin: Array, cos: Array) -> Array:
        """The embedding `... t d` from sines and cosines `... t c f`."""
        return ww.rearrange(JOIN[self.layout], sin, cos)

    def add(self, x: Array, encoding: Array) -> Array:
        """Tokens `... t d` plus an embedding `... t d` or `t d`."""
        return ww.add("... t d, t d" if encoding.ndim == 2 else "... t d, ... t d", x, encoding)

    @property
    def summary(self) -> str:
        size = {"d": self.d} if self.d else {}
        grid = {"grid": self.grid} if self.grid else {}
        several = {"coordinates": self.coordinates} if self.coordinates > 1 else {}
        return summarise(**size, base=self.base, **several, layout=repr(self.layout), **grid)

    def __str__(self) -> str:
        return "Sinusoidal()"
