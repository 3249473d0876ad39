"""Rotary embeddings: each pair of features of a query or key is turned by an angle that grows with its position."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np

import wirework as ww
from wirework.engine import Applied
from wirework.errors import AxisSizeError, SemanticError
from wirework.nn.definition import Array, settle, summarise
from wirework.nn.positions.scaling import DynamicScaling, Scaling, geometric
from wirework.nn.positions.tables import Untrained

Pairing = Literal["half", "interleaved"]
AddProduct = Callable[[Array, Array, Array], Array]


def plus_product(total: Array, x: Array, y: Array) -> Array:
    """`total + x * y`, for which a framework may have a kernel."""
    return total + x * y


@dataclass(frozen=True)
class RotaryDefinition(Untrained):
    """Turn pairs of the first `dim` features of queries and keys by `position * frequency`.

    Args:
        pairing: which features are pairs. "half": one of the first and one of the second half, features
            `(p f)`, as in Hugging Face's Llama. "interleaved": neighbours, `(f p)`, as in the paper.
        dim: how many features are turned. With c coordinates each has dim / c of them, `(p c f)` or `(c f p)`.
        base: the inverse of the slowest frequency, nearly.
        coordinates: the number of coordinates of a position.
        scaling: another rule for the frequencies.

    Source: Su et al., RoFormer: Enhanced Transformer with Rotary Position Embedding, 2021; arXiv:2104.09864.
    """

    pairing: Pairing
    dim: int
    base: float = 10000.0
    coordinates: int = 1
    scaling: Scaling | None = None

    def __post_init__(self) -> None:
        if self.pairing not in ("half", "interleaved"):
            raise SemanticError(f'the pairing of Rotary is "half" or "interleaved", not {self.pairing!r}')
        if self.dim % (2 * self.coordinates):
            reason = f"Rotary turns pairs of features for each of {self.coordinates} coordinates"
            raise AxisSizeError(f"{reason}: dim={self.dim} is not divisible by {2 * self.coordinates}")
        settle(self)

    @property
    def count(self) -> int:
        """The number of frequencies of a coordinate."""
        return self.dim // (2 * self.coordinates)

    @cached_property
    def tables(self) -> dict[str, np.ndarray]:
        """`frequencies`, f; with dynamic scaling also `exponents`, f, and the number `length`."""
        if self.scaling is None:
            return {"frequencies": geometric(self.base, self.count)}
        tables = {"frequencies": self.scaling.frequencies(self.base, self.count)}
        if isinstance(self.scaling, DynamicScaling):
            tables["exponents"] = self.scaling.exponents(self.count)
            tables["length"] = np.array(float(self.scaling.length))
        return tables

    @property
    def attention_scaling(self) -> float:
        """What cosines and sines are multiplied by."""
        return 1.0 if self.scaling is None else float(self.scaling.attention_scaling)

    def angles(self, positions: Array, tables: Mapping[str, Array]) -> Array:
        """The angle of every pair: `b t f` for positions `b t`, or `b t (c f)` for coordinates `b t c`.

        The batch axis may be absent.
        """
        frequencies = tables["frequencies"]
        if isinstance(self.scaling, DynamicScaling):
            growth = self.growth(positions, tables["length"], self.scaling.factor)
            frequencies = frequencies * growth ** tables["exponents"]
        if self.coordinates == 1:
            return ww.multiply("... t, f -> ... t f", positions, frequencies)
        return ww.multiply("... t c, f -> ... t (c f)", positions, frequencies, c=self.coordinates)

    def growth(self, positions: Array, length: Array, factor: float) -> Array:
        """What the base grows by, but for an exponent: 1 up to the length that was trained on."""
        seen = ww.maximum(", ", ww.max("[...]", positions) + 1.0, length)
        return factor * seen / length - (factor - 1)

    def factors(self, cos: Array, sin: Array) -> tuple[Array, Array]:
        """What features and their partners are multiplied by, from cosines and sines of the angles, `b t f`."""
        join = JOIN[self.pairing]
        if self.attention_scaling != 1:
            cos, sin = cos * self.attention_scaling, sin * self.attention_scaling
        return ww.rearrange(join, cos, cos), ww.rearrange(join, -sin, sin)

    def rotate(self, x: Array, own: Array, partner: Array, add_product: AddProduct = plus_product) -> Array:
        """Queries or keys `b ... t d`, turned by the factors of `factors`, `b t d` or `t d`."""
        if x.shape[-1] == self.dim:
            return self.rotate_all(x, own, partner, add_product)
        turned, rest = ww.rearrange("... (r + rest) -> ... r, ... rest", x, r=self.dim)
        turned = self.rotate_all(turned, own, partner, add_product)
        return ww.rearrange("... r, ... rest -> ... (r + rest)", turned, rest)

    def rotate_all(self, x: Array, own: Array, partner: Array, add_product: AddProduct) -> Array:
        by = FACTOR[own.ndim, own.ndim == 3 and own.shape[0] == 1]
        if own.ndim == 3 and own.shape[0] != 1:
            return by(x, own) + by(self.partners(x), partner)
        return add_product(by(x, own), self.partners(x), partner)

    def partners(self, x: Array) -> Array:
        """Each feature's partner in its place: `... t d`."""
        if self.pairing == "half":
            return self.exchange(x)
        first, second = ww.rearrange("... (f (1 + 1)) -> ... f, ... f", x)
        return ww.rearrange(JOIN["interleaved"], second, first)

    @cached_property
    def exchange(self) -> Applied:
        """The first and the second half of features in each other's place."""
        return Applied("roll", "... [d]", constants={"shift": self.dim // 2})

    @property
    def summary(self) -> str:
        options = {"coordinates": self.coordinates} if self.coordinates > 1 else {}
        scaling = {"scaling": self.scaling} if self.scaling else {}
        return summarise(self.pairing, dim=self.dim, base=self.base, **options, **scaling)

    def __str__(self) -> str:
        return f'Rotary("{self.pairing}")'


JOIN = {"half": "... f, ... f -> ... (f + f)", "interleaved": "... f, ... f -> ... (f (1 + 1))"}
# Products, by the rank of the factors, and whether their batch axis has length 1.
FACTOR = {
    (2, False): Applied("multiply", "... t d, t d -> ... t d", 2),
    (3, False): Applied("multiply", "b ... t d, b t d -> b ... t d", 2),
    (3, True): Applied("multiply", "... t d, 1 t d -> ... t d", 2),
}
