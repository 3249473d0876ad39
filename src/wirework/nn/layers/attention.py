"""Attention without a framework."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from wirework.nn.attention import AttentionDefinition, Fused, HeadSizes, Latent, QKNorm, Sinks, Softcap, Split
from wirework.nn.attention.definition import Backend
from wirework.nn.attention.heads import biased, sorted_out
from wirework.nn.attention.projections import PartDefinition
from wirework.nn.definition import Array, Start
from wirework.nn.layers.base import EMPTY, Layer, Scope, runtime_of
from wirework.nn.layers.plain import Linear, Norm
from wirework.nn.linear import LinearDefinition
from wirework.nn.masks import Mask
from wirework.nn.sizes import Size
from wirework.notation.tree import Operand


class Attention(Layer):
    """Multi-head attention: `b t dim -> b t out_dim`.

    Args:
        heads: of the queries.
        dim: features of the input; may be left out.
        kv_heads: of keys and values (default: heads). 1 is multi-query attention.
        head_dim, value_dim: features of a query and a key, and of a value, for one head
            (default: dim / heads, and head_dim).
        context_dim, out_dim: features of the context and of the output (default: dim).
        bias: whether the projections have one, or the names of those that do, among "q", "k", "v", "out".
        projection: `Fused()`: one weight, named as in torch.nn.MultiheadAttention. `Split()`: a layer each, named as
            in Hugging Face's models. `Latent(...)`: keys and values from a short vector.
        qk_norm: `QKNorm(...)`, over each head or all of them.
        position: called as `position(q, k, positions)` on `b h t d`, `b g t d` and `t` or `b t`; returns q and k.
        mask: which keys a query sees, such as `causal & window(256)`.
        scores: what is done to the scores: `Softcap(limit)`, `Sinks()`, and at most one function
            `bias(q_positions, k_positions)` of `q` and `k` that gives `h q k`. They act in this order: scale, softcap,
            bias, mask, sinks.
        scale: factor of the scores (default: (features of a query) ** -0.5).
        gate: multiply what a head mixes by the sigmoid of a gate that the queries' projection makes.
        dropout: how many of the weights are dropped in training.
        backend: "fused": by the library's fused kernel or an error. "explicit": step by step. `None`: by the fused
            kernel where it can say what is asked for.

    Attributes:
        in_proj_weight, in_proj_bias, out_proj: of a fused projection: `((h d) + (g d) + (g e)) c`.
        q_proj, k_proj, v_proj, o_proj: of a split one.
        q_norm, k_norm, sinks: if there are any.

    A call takes the input `b t dim`, and besides

    - context: what keys and values are made of, `b s context_dim`; without it the input;
    - mask: which keys are seen, besides the layer's own mask; also as booleans `q k`, `b q k` or `b h q k`;
    - cache: what keeps keys and values between calls, one for each layer;
    - positions: of the tokens, for the position transform, `t` or `b t`, or what it takes in their place; without them
      they are counted from 0, or from the last that the cache has.

    A query that sees no key gets 0 from every head.

    Raises:
        AxisSizeError: if the features cannot be shared out among the heads.
        NotSupportedError: if options do not go together.

    Source: Vaswani et al., Attention Is All You Need, 2017; arXiv:1706.03762.
    """

    borrowed = ("position", "score_bias")
    offers = ("weights",)

    def __init__(
        self, heads: int, dim: int | None = None, *, kv_heads: int | None = None, head_dim: int | None = None,
        value_dim: int | None = None, context_dim: int | None = None, out_dim: int | None = None,
        bias: bool | Collection[str] = True, projection: Fused | Split | Latent = Fused(),  # noqa: B008
        qk_norm: QKNorm | None = None, position: Callable[..., Any] | None = None, mask: Mask | None = None,
        scores: Sequence[Any] = (), scale: float | None = None, gate: bool = False, dropout: float = 0.0,
        backend: Backend | None = None,
    ) -> None:  # fmt: skip
        self.arguments = {
            "heads": heads, "dim": dim, "kv_heads": kv_heads, "head_dim": head_dim, "value_dim": value_dim,
            "context_dim": context_dim, "out_dim": out_dim, "bias": bias, "projection": projection,
            "qk_norm": qk_norm, "mask": mask,
            "scores": tuple(each for each in scores if isinstance(each, Softcap | Sinks)), "scale": scale, "gate": gate,
            "dropout": dropout, "backend": backend,
        }  # fmt: skip
        sizes = HeadSizes(
            heads, kv_heads or heads, dim, context_dim, head_dim, value_dim, out_dim, biased(bias), gate
        ).resolve(None)
        softcap, sinks, score_bias = sorted_out(scores)
        self.natives = {"position": position, "score_bias": score_bias}
        self.definition = AttentionDefinition(sizes, projection, qk_norm, mask, scale, softcap, sinks, dropout, backend)

    @classmethod
    def keywords(cls, arguments: Mapping[str, Any], natives: Mapping[str, Any]) -> dict[str, Any]:
        bias = natives.get("score_bias")
        scores = arguments["scores"] if bias is None else (*arguments["scores"], bias)
        return {**arguments, "scores": scores, "position": natives.get("position")}

    def sized(self, *inputs: Array) -> AttentionDefinition:
        """The definition with the sizes that the input, and the context if there is one, show."""
        return self.definition.resolve(*inputs[:2]) if inputs else self.definition

    @property
    def parameters(self) -> Mapping[str, Operand]:
        return self.definition.parameters

    @property
    def absent(self) -> tuple[str, ...]:
        named = ("in_proj_weight", "in_proj_bias", "sinks")
        return tuple(name for name in named if name not in self.definition.parameters)

    @property
    def missing(self) -> tuple[str, ...]:
        return self.definition.missing

    def starts(self, *inputs: Array) -> Mapping[str, Start]:
        return self.sized(*inputs).starts()

    def sizes_from(self, arrays: Mapping[str, Array]) -> Mapping[str, Size]:
        shown = self.definition.projection.inputs
        return {name: arrays[key].shape[1] for name, key in shown.items()} if self.missing else EMPTY

    def inside(self, *inputs: Array) -> Mapping[str, Layer]:
        return {name: inner(part) for name, part in self.sized(*inputs).parts.items()}

    def __call__(
        self, scope: Scope, x: Array, context: Array | None = None, mask: Mask | Array | None = None,
        cache: Any = None, positions: Any = None,
    ) -> Array:  # fmt: skip
        runtime = runtime_of(scope, self.definition.drop_rate)
        return self.known(x, context)(scope, runtime, x, context, mask, cache, positions)

    def weights(
        self, scope: Scope, x: Array, context: Array | None = None, mask: Mask | Array | None = None,
        cache: Any = None, positions: Any = None,
    ) -> Array:  # fmt: skip
        """How much every query attends to every key: `b h q k`."""
        runtime = runtime_of(scope, self.definition.drop_rate)
        return self.known(x, context).weights(scope, runtime, x, context, mask, cache, positions)

    def known(self, x: Array, context: Array | None) -> AttentionDefinition:
        """The definition with all sizes, given the inputs of a call."""
        return self.sized(x, context) if self.missing else self.definition

    @property
    def summary(self) -> str:
        return self.definition.summary

    def __str__(self) -> str:
        return str(self.definition)


def inner(part: PartDefinition) -> Layer:
    """The layer of a definition."""
    if isinstance(part, LinearDefinition):
        return Linear(part.expression, part.bias, **part.sizes)
    return Norm(part.stats, part.params, part.mean, part.var, part.scale, part.bias, part.epsilon, None, **part.sizes)
