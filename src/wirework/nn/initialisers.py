"""The distributions that parameters are drawn from, as data: an adapter draws from them.

`default_initialiser` says which one an operation's parameter gets when none is named.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from wirework.errors import SemanticError

# Standard deviation of a standard normal distribution that is cut off at -2 and 2.
TRUNCATED_STDDEV = 0.8796256610342398


@dataclass(frozen=True)
class Constant:
    """Every element is `value`."""

    value: float


@dataclass(frozen=True)
class Normal:
    """A normal distribution about 0."""

    stddev: float


@dataclass(frozen=True)
class TruncatedNormal:
    """A normal distribution about 0, cut off at two of its standard deviations.

    `stddev` is the standard deviation of what is left after the cut; `untruncated_stddev` is that
    of the bell that is cut.
    """

    stddev: float

    @property
    def untruncated_stddev(self) -> float:
        return self.stddev / TRUNCATED_STDDEV


@dataclass(frozen=True)
class Uniform:
    """A uniform distribution between two bounds."""

    low: float
    high: float


@dataclass(frozen=True)
class ZeroAt:
    """As another one says, but zero at one place along an axis."""

    initialiser: Initialiser
    axis: int
    place: int


Initialiser = Constant | Normal | TruncatedNormal | Uniform | ZeroAt


def constant(value: float) -> Constant:
    """Every element is `value`."""
    return Constant(value)


def normal(stddev: float = 0.02) -> Normal:
    """A normal distribution about 0."""
    return Normal(stddev)


def truncated_normal(stddev: float = 0.02) -> TruncatedNormal:
    """A normal distribution cut off at two standard deviations, with `stddev` left after the cut."""
    return TruncatedNormal(stddev)


def uniform(low: float, high: float) -> Uniform:
    """A uniform distribution between `low` and `high`."""
    return Uniform(low, high)


def lecun_normal(fan_in: int) -> TruncatedNormal:
    """A truncated normal distribution with variance 1/fan_in (LeCun et al., Efficient BackProp, 1998)."""
    return TruncatedNormal(1 / math.sqrt(max(fan_in, 1)))


def default_initialiser(operation: str, fan_in: int | None = None) -> Initialiser:
    """What a parameter starts from when only the operation that receives it is known.

    Args:
        operation: the operation's name, such as "add".
        fan_in: for "dot", the number of elements that are summed into one output element.

    Raises:
        SemanticError: if the operation suggests no start.
    """
    match operation:
        case "add" | "subtract":
            return Constant(0.0)
        case "multiply" | "divide" | "true_divide":
            return Constant(1.0)
        case "get_at" | "rearrange" | "id":
            return Normal(0.02)
        case "dot" if fan_in is not None:
            return lecun_normal(fan_in)
    raise SemanticError(f"a parameter of {operation} has no default initialisation: pass init=...")
