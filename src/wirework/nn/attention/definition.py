"""Attention as a whole: what it is made of, and what it computes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Literal

from wirework.engine import Applied
from wirework.errors import AxisSizeError, NotSupportedError
from wirework.nn.attention.heads import HeadSizes, QKNorm
from wirework.nn.attention.latent import Latent
from wirework.nn.attention.places import Aligned, Places, visible
from wirework.nn.attention.projections import (
    Array,
    Fused,
    PartDefinition,
    Parts,
    Projected,
    Split,
    operand,
)
from wirework.nn.attention.scores import Runtime, Scores, attend, attend_in_steps, mixture, weights_of
from wirework.nn.definition import NONE, Start, settle
from wirework.nn.initialisers import Constant
from wirework.nn.masks import Mask, as_mask
from wirework.notation.tree import Operand

Backend = Literal["fused", "explicit"]


@dataclass(frozen=True)
class AttentionDefinition:
    """`y = concat over heads of softmax(q · k * scale) · v, projected`, with the options that are chosen.

    It is also the definition of a layer (`wirework.nn.definition.Definition`): its own parameters are
    those that no layer inside it has.

    Attributes:
        sizes: of heads and features.
        projection: how queries, keys and values are made: Fused(), Split() or Latent(...).
        qk_norm: how queries and keys are normalised.
        mask: which keys a query sees.
        scale: `None`: (features of a query) ** -0.5.
        softcap: the limit of the scores.
        sinks: whether every head has a learned logit beside those of its keys.
        drop_rate: how many of the weights are dropped in training.
        backend: "fused": by the library's kernel or an error; "explicit": step by step; `None`: by the
            library's kernel where it can say what is asked for.
    """

    sizes: HeadSizes
    projection: Fused | Split | Latent = Fused()  # noqa: RUF009 (it holds nothing)
    qk_norm: QKNorm | None = None
    mask: Mask | None = None
    scale: float | None = None
    softcap: float | None = None
    sinks: bool = False
    drop_rate: float = 0.0
    backend: Backend | None = None

    def __post_init__(self) -> None:
        self.projection.check(self.sizes, self.qk_norm)
        if self.backend not in (None, "fused", "explicit"):
            raise NotSupportedError(f'backend is "fused", "explicit" or None, not {self.backend!r}')
        if self.backend == "fused" and self.softcap is not None:
            raise NotSupportedError('Softcap does not go with backend="fused": no fused kernel has it')
        if not 0 <= self.drop_rate <= 1:
            raise NotSupportedError(f"dropout is a probability between 0 and 1, not {self.drop_rate}")
        settle(self)

    # -- what it is made of -----------------------------------------------------------------------------------

    @property
    def parameters(self) -> dict[str, Operand]:
        sinks = {"sinks": operand("h")} if self.sinks else {}
        return self.projection.parameters(self.sizes) | sinks

    @property
    def buffers(self) -> dict[str, Operand]:
        return {}

    @property
    def missing(self) -> tuple[str, ...]:
        return ("dim",) if self.sizes.dim is None else ()

    def starts(self, x: Array | None = None, arrays: Mapping[str, Array] = NONE) -> dict[str, Start]:
        sizes = self.resolve(x).sizes
        if sizes.dim is None:
            raise AxisSizeError(f"axis dim of {self} has no size yet: pass dim=... or call build()")
        sinks = {"sinks": Start((sizes.heads,), Constant(0.0))} if self.sinks else {}
        return self.projection.starts(sizes) | sinks

    @property
    def parts(self) -> dict[str, PartDefinition]:
        """The layers inside."""
        norms: dict[str, PartDefinition] = {}
        if self.qk_norm is not None:
            d = self.sizes.head_dim
            together = self.qk_norm.over == "heads"
            for name, heads in (("q_norm", self.sizes.heads), ("k_norm", self.sizes.kv_heads)):
                norms[name] = self.qk_norm.definition(d * heads if together and d is not None else d)
        return self.projection.parts(self.sizes) | norms

    def resolve(self, x: Array | None = None, context: Array | None = None) -> AttentionDefinition:
        """The same with all sizes, as far as inputs show them: `b t dim`, `b s context_dim`."""
        if x is None:
            return replace(self, sizes=self.sizes.resolve(None))
        return self.resolve_features(x.shape[-1], None if context is None else context.shape[-1])

    def resolve_features(self, dim: int, context_dim: int | None) -> AttentionDefinition:
        """The same with all sizes, given the features of the inputs."""
        return replace(self, sizes=self.sizes.resolve(dim, context_dim))

    @property
    def in_steps(self) -> bool:
        """Whether scores and weights become arrays: no library's fused kernel has a softcap."""
        return self.backend == "explicit" or self.softcap is not None

    @cached_property
    def norm_over_heads(self) -> bool:
        """Whether queries and keys are normalised over all heads together."""
        return self.qk_norm is not None and self.qk_norm.over == "heads"

    @cached_property
    def heads(self) -> Applied:
        """What tells the heads apart."""
        return self.projection.heads(self.sizes)

    @cached_property
    def repeats(self) -> int:
        """How many heads of the queries share a head of keys and values by the time of the scores."""
        return 1 if isinstance(self.projection, Latent) else self.sizes.repeats

    @cached_property
    def mixtures(self) -> dict[str | None, Applied]:
        """From queries, keys and values to what the heads make of them, by what else there is."""
        made = {name: mixture(self.repeats, self.scale, False, (name,)) for name in ("mask", "bias")}
        return {
            None: mixture(self.repeats, self.scale, False, ()),
            "causal": mixture(self.repeats, self.scale, True, ()),
            **made,
        }

    # -- what it computes -------------------------------------------------------------------------------------

    def __call__(
        self,
        parts: Parts,
        runtime: Runtime,
        x: Array,
        context: Array | None = None,
        mask: Mask | Array | None = None,
        cache: Any = None,
        positions: Array | None = None,
    ) -> Array:
        """`b t dim -> b t out_dim`.

        Args:
            parts: has the layers and parameters as attributes, and `position` and `score_bias` (or None).
            runtime: the framework.
            context: what keys and values are made of, `b s context_dim`; `None`: of x.
            mask: which keys are seen, besides `self.mask`.
            cache: keeps keys and values between calls.
            positions: for the position transform, `t` or `b t`; `None`: the places of the tokens.
        """
        made, scores = self.prepare(parts, runtime, x, context, mask, cache, positions)
        q, k, v, gate, _ = made
        mixed = attend_in_steps(q, k, v, scores) if self.in_steps else attend(q, k, v, scores)
        if gate is not None:
            mixed = mixed * runtime.sigmoid(gate)
        return getattr(parts, self.projection.output)(mixed)

    def weights(self, parts: Parts, runtime: Runtime, x: Array, *inputs: Any) -> Array:
        """How much every query attends to every key, `b h q k`; arguments as for a call."""
        made, scores = replace(self, backend="explicit").prepare(parts, runtime, x, *inputs)
        return weights_of(made.q, made.k, made.v, scores)

    def prepare(
        self, parts: Parts, runtime: Runtime, x: Array, context: Array | None, mask: Any, cache: Any, positions: Any
    ) -> tuple[Projected, Scores]:
        """Queries, keys and values for the kernel, and what happens to their scores."""
        if context is not None:
            self.check_context(parts, cache)
        whole = self.mask if mask is None else as_mask(mask) if self.mask is None else self.mask & as_mask(mask)
        q, k, v, gate, rest = self.projection.project(parts, x, context, self.sizes, self.heads, self.norm_over_heads)
        if self.qk_norm is not None and not self.norm_over_heads:
            q, k = parts.q_norm(q), parts.k_norm(k)
        queries, keys = q.shape[2], k.shape[2]
        places = Aligned(queries, keys, runtime, x) if cache is None else cache.places(queries, x, whole)
        if parts.position is not None:
            q, k = parts.position(q, k, places.q() if positions is None else positions)
        scores = self.scores(parts, runtime, places, whole)
        if cache is not None:  # which moves the places
            k, v = cache.update(k, v)
        made = Projected(q, k, v, gate, rest)
        if isinstance(self.projection, Latent):
            made = self.projection.expand(parts, made, self.sizes)
        return made, scores

    def scores(self, parts: Parts, runtime: Runtime, places: Places, mask: Mask | None) -> Scores:
        """What happens to the scores."""
        causal, array = visible(mask, places, dense=self.in_steps)
        bias = None if parts.score_bias is None else bias_of(parts.score_bias, places)
        sinks = parts.sinks if self.sinks else None
        mix = self.mixtures["causal" if causal else "mask" if array is not None else None if bias is None else "bias"]
        return Scores(runtime, causal, array, bias, sinks, self.scale, self.softcap, self.repeats, mix)

    def check_context(self, parts: Parts, cache: Any) -> None:
        """Refuse what has no meaning for a separate context."""
        if cache is not None:
            raise NotSupportedError("a cache does not go with a separate context")
        if parts.position is not None:
            raise NotSupportedError("a position transform does not go with a separate context")

    @property
    def summary(self) -> str:
        """The arguments that differ from their defaults, for a repr."""
        sizes = {name: value for name, value in vars(self.sizes).items() if name not in ("biases", "gate")}
        if self.sizes.kv_heads == self.sizes.heads:
            del sizes["kv_heads"]
        options = {"projection": self.projection, "qk_norm": self.qk_norm, "mask": self.mask, "scale": self.scale}
        options |= {"softcap": self.softcap, "backend": self.backend, "dropout": self.drop_rate or None}
        flags = {"sinks": self.sinks or None, "gate": self.sizes.gate or None}
        shown = {**sizes, **options, **flags}
        if self.projection == Fused():
            del shown["projection"]
        return ", ".join(f"{name}={value}" for name, value in shown.items() if value is not None)

    def __str__(self) -> str:
        return f"Attention(heads={self.sizes.heads})"


def bias_of(score_bias: Any, places: Places) -> Array:
    """The biases of all queries and keys: those that the table of a window is for, if that is what they are."""
    whole = getattr(score_bias, "places", None)
    if whole is not None and places.aligned and places.queries == places.keys == whole:
        return score_bias()
    return score_bias(places.q(), places.k())
