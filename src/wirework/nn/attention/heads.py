"""How many heads of what size, and the small options of attention."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

from wirework.errors import AxisSizeError, NotSupportedError, SemanticError
from wirework.nn.norm import NormDefinition

Array = Any  # an array of any framework

BIASES = ("q", "k", "v", "out")


@dataclass(frozen=True)
class HeadSizes:
    """The sizes of attention. Those that are `None` follow from the others once `dim` is known.

    Attributes:
        heads: of the queries.
        kv_heads: of keys and values; each is shared by heads / kv_heads heads of the queries.
        dim: features of the input.
        context_dim: features of what keys and values are made of (default: dim).
        head_dim: features of a query and a key (default: dim / heads).
        value_dim: features of a value (default: head_dim).
        out_dim: features of the output (default: dim).
        biases: which projections have one, among "q", "k", "v" and "out".
        gate: whether the queries' projection also makes a gate.
    """

    heads: int
    kv_heads: int
    dim: int | None = None
    context_dim: int | None = None
    head_dim: int | None = None
    value_dim: int | None = None
    out_dim: int | None = None
    biases: frozenset[str] = frozenset(BIASES)
    gate: bool = False

    def __post_init__(self) -> None:
        if self.kv_heads < 1 or self.heads % self.kv_heads:
            raise AxisSizeError(f"heads={self.heads} is not divisible by kv_heads={self.kv_heads}")

    def resolve(self, dim: int | None, context_dim: int | None = None) -> HeadSizes:
        """All sizes, given the features of the input and, where they differ, of the context.

        Raises:
            AxisSizeError: if dim is not divisible by heads and head_dim is not given.
        """
        dim = dim if self.dim is None else self.dim
        if dim is None:
            return self
        head_dim = self.head_dim
        if head_dim is None:
            if dim % self.heads:
                raise AxisSizeError(f"dim={dim} is not divisible by heads={self.heads}: pass head_dim=...")
            head_dim = dim // self.heads
        return replace(
            self,
            dim=dim,
            context_dim=self.context_dim or context_dim or dim,
            head_dim=head_dim,
            value_dim=self.value_dim or head_dim,
            out_dim=self.out_dim or dim,
        )

    @property
    def repeats(self) -> int:
        """Heads of the queries that share one head of keys and values."""
        return self.heads // self.kv_heads

    def known(self, **lengths: int | None) -> dict[str, int]:
        """The lengths that are known."""
        return {name: length for name, length in lengths.items() if length is not None}


def biased(bias: bool | Collection[str]) -> frozenset[str]:
    """Which projections have a bias."""
    if isinstance(bias, bool):
        return frozenset(BIASES if bias else ())
    if unknown := set(bias) - set(BIASES):
        raise SemanticError(f"bias names projections among q, k, v and out, not {', '.join(sorted(unknown))}")
    return frozenset(bias)


@dataclass(frozen=True)
class QKNorm:
    """Normalise queries and keys before their positions.

    Attributes:
        kind: "rms" or "layer".
        over: "head": over the features of each head, with one weight for all heads (HF qwen3); "heads":
            over all heads together (HF olmo2).
        bias: whether there is one beside the weight.
    """

    kind: Literal["rms", "layer"] = "rms"
    over: Literal["head", "heads"] = "head"
    epsilon: float = 1e-6
    scale: bool = True
    bias: bool = False

    def __post_init__(self) -> None:
        if self.kind not in ("rms", "layer") or self.over not in ("head", "heads"):
            raise NotSupportedError(f"QKNorm is of kind rms or layer, over head or heads, not {self}")

    def definition(self, length: int | None) -> NormDefinition:
        """The norm over `length` features."""
        sizes = {} if length is None else {"c": length}
        mean = self.kind == "layer"
        return NormDefinition(
            "... [c]", "... [c]", mean=mean, scale=self.scale, bias=self.bias, epsilon=self.epsilon, sizes=sizes
        )


@dataclass(frozen=True)
class Softcap:
    """`limit * tanh(scores / limit)` after the scale and before bias and mask (HF gemma2)."""

    limit: float


@dataclass(frozen=True)
class Sinks:
    """A learned logit for each head that takes part in the softmax and adds nothing (HF gpt_oss)."""


def sorted_out(scores: Sequence[Any]) -> tuple[float | None, bool, Callable[..., Any] | None]:
    """The limit, whether there are sinks, and the function, among what is done to the scores."""
    caps = [score.limit for score in scores if isinstance(score, Softcap)]
    sinks = [score for score in scores if isinstance(score, Sinks)]
    others = [score for score in scores if not isinstance(score, Softcap | Sinks)]
    if max(len(caps), len(sinks), len(others)) > 1 or not all(map(callable, others)):
        raise NotSupportedError("scores are at most one Softcap(...), one Sinks() and one function of positions")
    return caps[0] if caps else None, bool(sinks), others[0] if others else None
