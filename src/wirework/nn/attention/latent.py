"""Latent attention: keys and values are made of a short vector per token, which is all that a cache keeps."""

from __future__ import annotations

from dataclasses import dataclass

import wirework as ww
from wirework.engine import Applied
from wirework.errors import NotSupportedError
from wirework.nn.attention.heads import HeadSizes, QKNorm
from wirework.nn.attention.projections import (
    Array,
    PartDefinition,
    Parts,
    Projected,
    output_projection,
)
from wirework.nn.definition import Start
from wirework.nn.linear import LinearDefinition
from wirework.nn.norm import NormDefinition
from wirework.notation.tree import Operand


@dataclass(frozen=True)
class Latent:
    """Multi-head latent attention (DeepSeek-V2, arXiv:2405.04434), named as in HF deepseek_v3.

    The first head_dim features of queries and keys have no position; `position_dim` more have one, and
    those of the keys are shared by all heads.

    Attributes:
        rank: features of the latent vector of keys and values.
        position_dim: features of queries and keys that get a position.
        query_rank: features of the latent vector of the queries; `None`: they are made at once.
        epsilon: of the RMS norms of the latent vectors.
    """

    rank: int
    position_dim: int
    query_rank: int | None = None
    epsilon: float = 1e-6

    output = "o_proj"
    inputs = {"dim": "kv_a_proj_with_mqa.weight"}  # noqa: RUF012

    def check(self, sizes: HeadSizes, qk_norm: QKNorm | None) -> None:
        """Refuse what latent attention has no place for."""
        reasons = {
            "kv_heads": sizes.kv_heads != sizes.heads,
            "context_dim": sizes.context_dim not in (None, sizes.dim),
            "gate": sizes.gate,
            "qk_norm": qk_norm is not None,
        }
        for name, wrong in reasons.items():
            if wrong:
                raise NotSupportedError(f"{name} does not go with projection=Latent(...)")

    def parameters(self, sizes: HeadSizes) -> dict[str, Operand]:
        return {}

    def starts(self, sizes: HeadSizes) -> dict[str, Start]:
        return {}

    def parts(self, sizes: HeadSizes) -> dict[str, PartDefinition]:
        c, d, e = sizes.known(c=sizes.dim), sizes.known(d=sizes.head_dim), sizes.known(e=sizes.value_dim)
        heads, rank, p = {"h": sizes.heads}, {"l": self.rank}, {"p": self.position_dim}
        norm = {"mean": False, "bias": False, "epsilon": self.epsilon}
        parts: dict[str, PartDefinition] = {}
        if self.query_rank is None:
            parts["q_proj"] = LinearDefinition("... [c -> (h (d + p))]", False, c | heads | d | p)
        else:
            m = {"m": self.query_rank}
            parts["q_a_proj"] = LinearDefinition("... [c -> m]", "q" in sizes.biases, c | m)
            parts["q_a_layernorm"] = NormDefinition("... [m]", "... [m]", **norm, sizes=m)
            parts["q_b_proj"] = LinearDefinition("... [m -> (h (d + p))]", False, m | heads | d | p)
        parts["kv_a_proj_with_mqa"] = LinearDefinition("... [c -> (l + p)]", "k" in sizes.biases, c | rank | p)
        parts["kv_a_layernorm"] = NormDefinition("... [l]", "... [l]", **norm, sizes=rank)
        parts["kv_b_proj"] = LinearDefinition("... [l -> (h (d + e))]", False, rank | heads | d | e)
        return parts | {self.output: output_projection(sizes)}

    def heads(self, sizes: HeadSizes) -> Applied:
        """From rows of the queries to the features of each head that have no position, and those that have one."""
        lengths = {"h": sizes.heads, "p": self.position_dim}
        return Applied("rearrange", "b t (h (d + p)) -> b h t d, b h t p", constants=lengths)

    def project(
        self, parts: Parts, x: Array, context: Array | None, sizes: HeadSizes, heads: Applied, normed: bool = False
    ) -> Projected:  # fmt: skip
        if context is not None:
            raise NotSupportedError("a context does not go with projection=Latent(...)")
        rows = parts.q_proj(x) if self.query_rank is None else parts.q_b_proj(parts.q_a_layernorm(parts.q_a_proj(x)))
        rest, q = heads(rows)
        latent, k = ww.rearrange("b t (l + p) -> b t l, b 1 t p", parts.kv_a_proj_with_mqa(x), p=self.position_dim)
        return Projected(q, k, ww.rearrange("b t l -> b 1 t l", parts.kv_a_layernorm(latent)), q_rest=rest)

    def expand(self, parts: Parts, made: Projected, sizes: HeadSizes) -> Projected:
        """Queries, keys and values for every head, from what a cache keeps."""
        rows = parts.kv_b_proj(made.v)
        k, v = ww.rearrange("b 1 s (h (d + e)) -> b h s d, b h s e", rows, h=sizes.heads, d=sizes.head_dim)
        q = ww.rearrange("b h t d, b h t p -> b h t (d + p)", made.q_rest, made.q)
        return Projected(q, ww.rearrange("b h s d, b 1 s p -> b h s (d + p)", k, made.k), v)
