"""Frequencies of rotary embeddings, and how they are changed to serve longer contexts than were trained on.

A scaling turns a base into `count` frequencies, from the fastest to the slowest. The names of the options
are short for those of Hugging Face's `rope_parameters`: length is original_max_position_embeddings.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

import numpy as np


class Scaling(Protocol):
    """A rule for the frequencies of a rotary embedding."""

    def frequencies(self, base: float, count: int) -> np.ndarray:
        """Radians per position of each of `count` pairs of features."""
        ...

    @property
    def attention_scaling(self) -> float:
        """What the rotated queries and keys are multiplied by."""
        ...


def geometric(base: float, count: int) -> np.ndarray:
    """`base ** (-i / count)`: from 1 to almost 1 / base."""
    return float(base) ** (-np.arange(count) / count)


@dataclass(frozen=True)
class LinearScaling:
    """All frequencies divided by `factor`: the positions are squeezed.

    Source: Chen et al., Extending Context Window of Large Language Models via Positional Interpolation, 2023;
    arXiv:2306.15595.
    """

    factor: float
    attention_scaling = 1.0

    def frequencies(self, base: float, count: int) -> np.ndarray:
        return geometric(base, count) / self.factor


@dataclass(frozen=True)
class DynamicScaling:
    """The base grows with the positions that are seen beyond `length`, so that the slowest turn fits.

    Without more than `length` positions nothing is changed. The length of a call is its largest position
    plus 1: nothing is remembered from call to call.

    Source: "dynamic NTK" scaling, described in Peng et al., YaRN, 2023; arXiv:2309.00071.
    """

    factor: float
    length: int
    attention_scaling = 1.0

    def frequencies(self, base: float, count: int) -> np.ndarray:
        return geometric(base, count)

    def exponents(self, count: int) -> np.ndarray:
        """The power of the growth ratio that each frequency is multiplied by."""
        return -np.arange(count) / max(count - 1, 1)


@dataclass(frozen=True)
class YarnScaling:
    """Slow frequencies are divided by `factor`, fast ones kept, those between blended.

    A frequency is fast if it turns `beta_fast` times or more in `length` positions, slow if `beta_slow` times
    or less.

    Args:
        attention_factor: what queries and keys are multiplied by; without it 0.1 ln(factor) + 1.
        mscale, mscale_all_dim: with both, and without attention_factor, it is the ratio of 0.1 mscale
            ln(factor) + 1 to the same with mscale_all_dim.
        truncate: round the bounds of the blend outwards to whole features.

    Source: Peng et al., YaRN: Efficient Context Window Extension of Large Language Models, 2023; arXiv:2309.00071.
    """

    factor: float
    length: int
    beta_fast: float = 32.0
    beta_slow: float = 1.0
    attention_factor: float | None = None
    mscale: float | None = None
    mscale_all_dim: float | None = None
    truncate: bool = True

    def frequencies(self, base: float, count: int) -> np.ndarray:
        fast = geometric(base, count)
        low, high = self.bounds(base, count)
        ramp = np.clip((np.arange(count) - low) / (high - low), 0.0, 1.0)
        return fast / self.factor * ramp + fast * (1 - ramp)

    def bounds(self, base: float, count: int) -> tuple[float, float]:
        """Between which pairs of features the frequencies are blended."""

        def pair_with(turns: float) -> float:
            return count * math.log(self.length / (turns * 2 * math.pi)) / math.log(base)

        low, high = pair_with(self.beta_fast), pair_with(self.beta_slow)
        if self.truncate:
            low, high = math.floor(low), math.ceil(high)
        low, high = max(low, 0), min(high, 2 * count - 1)
        return low, high if low != high else high + 0.001

    @property
    def attention_scaling(self) -> float:
        if self.attention_factor is not None:
            return self.attention_factor
        if self.mscale and self.mscale_all_dim:
            return self.magnitude(self.mscale) / self.magnitude(self.mscale_all_dim)
        return self.magnitude(1.0)

    def magnitude(self, mscale: float) -> float:
        return 0.1 * mscale * math.log(self.factor) + 1.0 if self.factor > 1 else 1.0


@dataclass(frozen=True)
class Llama3Scaling:
    """Slow frequencies are divided by `factor`, fast ones kept, those between blended by their wavelength.

    A wavelength is long beyond `length / low`, short up to `length / high`.

    Source: Grattafiori et al., The Llama 3 Herd of Models, 2024; arXiv:2407.21783.
    """

    factor: float
    length: int
    low: float = 1.0
    high: float = 4.0
    attention_scaling = 1.0

    def frequencies(self, base: float, count: int) -> np.ndarray:
        fast = geometric(base, count)
        turns = self.length * fast / (2 * math.pi)
        kept = np.clip((turns - self.low) / (self.high - self.low), 0.0, 1.0)
        return fast / self.factor * (1 - kept) + fast * kept


@dataclass(frozen=True)
class PixelBands:
    """Evenly spaced frequencies for positions between -1 and 1, up to what `resolution` pixels can show.

    The base has no part in these.

    Source: timm's `pixel_freq_bands`.
    """

    resolution: float = 224.0
    attention_scaling = 1.0

    def frequencies(self, base: float, count: int) -> np.ndarray:
        return np.linspace(1.0, self.resolution / 2, count) * math.pi
