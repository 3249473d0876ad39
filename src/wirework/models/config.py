"""The configuration of an architecture: its sizes and options, with named presets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any, ClassVar, Self

from wirework.errors import SemanticError, did_you_mean


@dataclass(frozen=True)
class Config:
    """The sizes and options of a model."""

    presets: ClassVar[Mapping[str, Any]] = {}

    @classmethod
    def preset(cls, name: str, **changes: Any) -> Self:
        """A named configuration, with some values changed.

        Raises:
            SemanticError: if there is none of that name, or no such value.
        """
        if name not in cls.presets:
            close = did_you_mean(name, cls.presets)
            raise SemanticError(f"{cls.__name__} has no preset {name!r}{close}: choose from {', '.join(cls.presets)}")
        known = [field.name for field in fields(cls)]
        for change in changes:
            if change not in known:
                raise SemanticError(f"{cls.__name__} has no {change}{did_you_mean(change, known)}")
        return replace(cls.presets[name], **changes)

    def divides(self, divisor: str, *dividends: str) -> None:
        """Refuse sizes of which one is not a whole number of times another.

        Raises:
            SemanticError: naming both.
        """
        small = getattr(self, divisor)
        for name in dividends:
            if small < 1 or getattr(self, name) % small:
                raise SemanticError(f"{name}={getattr(self, name)} is not divisible by {divisor}={small}")


@dataclass(frozen=True)
class TextConfig(Config):
    """What the configuration of every language model has.

    Attributes:
        vocabulary: the number of different tokens.
        context: the most tokens that are seen at once.
        dim, depth: features of a token, blocks.
    """

    vocabulary: int
    context: int
    dim: int
    depth: int
