"""Multi-head attention, step by step (Vaswani et al., Attention Is All You Need, 2017; arXiv:1706.03762).

Each token asks, by a query, what is of interest to it, and each token of the context answers by a key. The better
they fit, the more of the other's value it gets. Heads do so independently of each other; a matrix for each head
makes its queries, keys and values. `wirework.nn.torch.Attention` has the many options that models use.

Axes: b batch, q tokens that ask, k tokens of the context, m features of a token, h heads, d features of a head.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

import wirework as ww
import wirework.nn.torch as wn
from wirework.errors import SemanticError
from wirework.models.model import Config, Model


@dataclass(frozen=True)
class MultiHeadAttentionConfig(Config):
    """The sizes of multi-head attention.

    Attributes:
        dim, context_dim: features of a token, and of one of the context; 0: as many.
        heads, head_dim: the number of heads, and the features of each.
        causal: whether a token sees only the context up to its own place.
        bias: whether the projections have one.
    """

    dim: int = 128
    context_dim: int = 0
    heads: int = 8
    head_dim: int = 16
    causal: bool = False
    bias: bool = False

    def __post_init__(self) -> None:
        for name in ("dim", "heads", "head_dim"):
            if getattr(self, name) < 1:
                raise SemanticError(f"{name}={getattr(self, name)} is not above 0")


MultiHeadAttentionConfig.presets = {
    "attention": MultiHeadAttentionConfig(),
    "causal": MultiHeadAttentionConfig(causal=True),
    "head": MultiHeadAttentionConfig(dim=32, heads=1, causal=True),
}


class MultiHeadAttention(Model[MultiHeadAttentionConfig]):
    """Self-attention, or attention to a context: `b q m -> b q m`.

    >>> model = MultiHeadAttention.preset("attention")
    >>> model(torch.zeros(1, 20, 128)).shape
    torch.Size([1, 20, 128])
    >>> model(torch.zeros(1, 20, 128), torch.zeros(1, 22, 128)).shape
    torch.Size([1, 20, 128])
    """

    config_class = MultiHeadAttentionConfig

    def __init__(self, config: MultiHeadAttentionConfig) -> None:
        super().__init__(config)
        m, n = config.dim, config.context_dim or config.dim
        sizes: dict[str, Any] = {"h": config.heads, "d": config.head_dim}
        self.q = wn.Linear("b q [m -> h d]", bias=config.bias, m=m, **sizes)
        self.k = wn.Linear("b k [m -> h d]", bias=config.bias, m=n, **sizes)
        self.v = wn.Linear("b k [m -> h d]", bias=config.bias, m=n, **sizes)
        self.out = wn.Linear("b q [h d -> m]", bias=config.bias, m=m, **sizes)

    def forward(self, x: Tensor, context: Tensor | None = None) -> Tensor:
        """`b q m -> b q m`, where the context is `b k m`; without one, the tokens attend to each other."""
        values = self.v(x if context is None else context)
        return self.out(ww.dot("b h q [k], b [k] h d -> b q h d", self.weights(x, context), values))

    def weights(self, x: Tensor, context: Tensor | None = None) -> Tensor:
        """How much each token attends to each of the context: `b h q k`, summing to 1 over k."""
        queries, keys = self.q(x), self.k(x if context is None else context)
        scores = ww.dot("b q h [d], b k h [d] -> b h q k", queries, keys) * self.config.head_dim**-0.5
        if self.config.causal:
            past = torch.ones(scores.shape[2:], dtype=torch.bool, device=scores.device).tril()
            scores = ww.where("q k, b h q k, -> b h q k", past, scores, -torch.inf)
        return ww.softmax("b h q [k]", scores)
