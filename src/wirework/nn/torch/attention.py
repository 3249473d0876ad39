"""Attention as a torch module."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from wirework.nn.attention import AttentionDefinition, Fused, HeadSizes, Latent, QKNorm, Sinks, Softcap, Split
from wirework.nn.attention.definition import Backend
from wirework.nn.attention.heads import biased, sorted_out
from wirework.nn.attention.projections import PartDefinition
from wirework.nn.definition import Start
from wirework.nn.linear import LinearDefinition
from wirework.nn.masks import Mask
from wirework.nn.torch.base import Layer, held
from wirework.nn.torch.caches import Cache
from wirework.nn.torch.layers import Linear, Norm
from wirework.nn.torch.runtime import EVALUATION, Runtime

Position = Callable[[Tensor, Tensor, Any], tuple[Tensor, Tensor]]
ScoreBias = Callable[[Tensor, Tensor], Tensor]


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
        projection: `Fused()`: one weight, named as in torch.nn.MultiheadAttention. `Split()`: a layer each,
            named as in Hugging Face's models. `Latent(...)`: keys and values from a short vector.
        qk_norm: `QKNorm(...)`, over each head or all of them.
        position: called as `position(q, k, positions)` on `b h t d`, `b g t d` and `t` or `b t`; returns q and k.
        mask: which keys a query sees, such as `causal & window(256)`.
        scores: what is done to the scores: `Softcap(limit)`, `Sinks()`, and at most one function
            `bias(q_positions, k_positions)` of `q` and `k` that gives `h q k`. They act in this order: scale,
            softcap, bias, mask, sinks.
        scale: factor of the scores (default: (features of a query) ** -0.5).
        gate: multiply what a head mixes by the sigmoid of a gate that the queries' projection makes.
        dropout: how many of the weights are dropped in training.
        backend: "fused": by torch's fused kernel or an error. "explicit": step by step. `None`: by the fused
            kernel where it can say what is asked for.

    Attributes:
        in_proj_weight, in_proj_bias, out_proj: of a fused projection: `((h d) + (g d) + (g e)) c`.
        q_proj, k_proj, v_proj, o_proj: of a split one.
        q_norm, k_norm, sinks: if there are any.

    A query that sees no key gets 0 from every head.

    Source: Vaswani et al. 2017, "Attention Is All You Need".

    >>> layer = Attention(heads=4, kv_heads=2, dim=32)
    >>> layer(torch.zeros(2, 5, 32)).shape
    torch.Size([2, 5, 32])
    """

    definition: AttentionDefinition
    in_proj_weight, in_proj_bias = (held("_parameters", name) for name in ("in_proj_weight", "in_proj_bias"))
    q_proj, k_proj, v_proj = (held("_modules", name) for name in ("q_proj", "k_proj", "v_proj"))
    out_proj, o_proj = (held("_modules", name) for name in ("out_proj", "o_proj"))

    def __init__(
        self,
        heads: int,
        dim: int | None = None,
        *,
        kv_heads: int | None = None,
        head_dim: int | None = None,
        value_dim: int | None = None,
        context_dim: int | None = None,
        out_dim: int | None = None,
        bias: bool | Collection[str] = True,
        projection: Fused | Split | Latent = Fused(),  # noqa: B008 (it holds nothing)
        qk_norm: QKNorm | None = None,
        position: Position | None = None,
        mask: Mask | None = None,
        scores: Sequence[Softcap | Sinks | ScoreBias] = (),
        scale: float | None = None,
        gate: bool = False,
        dropout: float = 0.0,
        backend: Backend | None = None,
        device: Any = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        sizes = HeadSizes(
            heads, kv_heads or heads, dim, context_dim, head_dim, value_dim, out_dim, biased(bias), gate
        ).resolve(None)
        softcap, sinks, score_bias = sorted_out(scores)
        definition = AttentionDefinition(sizes, projection, qk_norm, mask, scale, softcap, sinks, dropout, backend)
        super().__init__(definition, device, dtype)
        if "in_proj_weight" in self._parameters and "q" not in sizes.biases:
            self.register_parameter("in_proj_bias", None)
        for name, part in definition.parts.items():
            self.add_module(name, layer_of(part, device, dtype))
        self.position = position
        self.score_bias = score_bias

    def forward(
        self,
        x: Tensor,
        context: Tensor | None = None,
        mask: Mask | Tensor | None = None,
        cache: Cache | None = None,
        positions: Tensor | tuple[Tensor, ...] | None = None,
    ) -> Tensor:
        """`b t dim -> b t out_dim`.

        Args:
            context: what keys and values are made of, `b s context_dim`; `None`: of x.
            mask: which keys are seen, besides the layer's own mask; also as booleans `q k`, `b q k` or `b h q k`.
            cache: keeps keys and values between calls, one cache for each layer.
            positions: of the tokens, for the position transform: `t` or `b t`, or what it takes in their place,
                as `Rotary.angles` makes it once for many layers; `None`: counted from 0, or from the last that
                the cache has.
        """
        if self.unbuilt:
            self.build_from(x, context)
        return self.definition(self, self.runtime, x, context, mask, cache, positions)

    def weights(
        self,
        x: Tensor,
        context: Tensor | None = None,
        mask: Mask | Tensor | None = None,
        cache: Cache | None = None,
        positions: Tensor | tuple[Tensor, ...] | None = None,
    ) -> Tensor:
        """How much every query attends to every key: `b h q k`, summing to 1 over k, or less with sinks."""
        if self.unbuilt:
            self.build_from(x, context)
        return self.definition.weights(self, self.runtime, x, context, mask, cache, positions)

    @property
    def runtime(self) -> Runtime:
        """What attention needs of torch, now."""
        return Runtime(self.definition.drop_rate) if self.training and self.definition.drop_rate else EVALUATION

    # -- sizes that come later --------------------------------------------------------------------------------

    def build_from(self, x: Tensor, context: Tensor | None = None) -> None:
        """Take from inputs the sizes that are missing."""
        if not torch.compiler.is_compiling():
            self.definition = self.definition.resolve(x, context)
        super().build_from(x)

    def build(self, starts: Mapping[str, Start]) -> None:
        """Give all arrays that have none their shape and their first elements."""
        super().build(starts)
        for name, part in self.definition.parts.items():
            layer = self._modules.get(name)
            if isinstance(layer, Layer) and layer.unbuilt:
                layer.definition = part
                layer.build(part.starts())

    def reset_parameters(self) -> None:
        """Draw all parameters anew, also those of the layers inside."""
        super().reset_parameters()
        for name in self.definition.parts:
            self.get_submodule(name).reset_parameters()  # type: ignore[operator]

    def _load_from_state_dict(self, state_dict: Mapping[str, Any], prefix: str, *args: Any, **kwargs: Any) -> None:
        inputs = self.definition.projection.inputs
        saved = {name: state_dict[prefix + key] for name, key in inputs.items() if prefix + key in state_dict}
        if self.unbuilt and len(saved) == len(inputs) and all(weight.numel() for weight in saved.values()):
            dims = {name: weight.shape[1] for name, weight in saved.items()}
            self.definition = self.definition.resolve_features(dims["dim"], dims.get("context_dim"))
            self.build(self.definition.starts())
        nn.Module._load_from_state_dict(self, state_dict, prefix, *args, **kwargs)  # type: ignore[arg-type]


def layer_of(part: PartDefinition, device: Any, dtype: torch.dtype | None) -> Linear | Norm:
    """The module of a definition."""
    if isinstance(part, LinearDefinition):
        return Linear(part.expression, part.bias, device=device, dtype=dtype, **part.sizes)
    return Norm(
        part.stats,
        part.params,
        part.mean,
        part.var,
        part.scale,
        part.bias,
        part.epsilon,
        decay_rate=None,
        device=device,
        dtype=dtype,
        **part.sizes,
    )
