"""GPT-2 (Radford et al., Language Models are Unsupervised Multitask Learners, 2019).

Tokens get a vector for what they are and one for where they are, go through blocks of causal self-attention
and MLP, and are compared with all tokens' vectors again to say which comes next.

Axes: b batch, t tokens, d features, m features in the MLP, v vocabulary.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from wirework.models.config import TextConfig
from wirework.nn import layers
from wirework.nn.definition import Array, Start
from wirework.nn.initialisers import normal
from wirework.nn.layers.composite import Composite, starts_inside
from wirework.nn.masks import Mask, causal


@dataclass(frozen=True)
class GPT2Config(TextConfig):
    """The sizes of a GPT-2.

    Attributes:
        vocabulary: the number of different tokens.
        context: the most tokens that are seen at once.
        dim, depth, heads, mlp_dim: features of a token, blocks, attention heads, features in the MLP.
        dropout: the rate after the embedding, in attention, and after attention and MLP.
        epsilon: of the layer norms.
    """

    vocabulary: int = 50257
    context: int = 1024
    dim: int = 768
    depth: int = 12
    heads: int = 12
    mlp_dim: int = 3072
    dropout: float = 0.0
    epsilon: float = 1e-5

    def __post_init__(self) -> None:
        self.divides("heads", "dim")


GPT2Config.presets = {
    "characters": GPT2Config(vocabulary=65, context=128, dim=128, depth=4, heads=4, mlp_dim=512),
    "small": GPT2Config(),
    "medium": GPT2Config(dim=1024, depth=24, heads=16, mlp_dim=4096),
    "large": GPT2Config(dim=1280, depth=36, heads=20, mlp_dim=5120),
    "xl": GPT2Config(dim=1600, depth=48, heads=25, mlp_dim=6400),
}


class GPT2(Composite):
    """Tokens to logits for the token after each: `b t -> b t v`.

    A call takes tokens, and besides

    - mask: which tokens are seen, besides the causal mask: `padding(booleans b t)`, or booleans `b q k`;
    - positions: of the tokens, `t` or `b t`; without them they follow those in the caches;
    - caches: one for each block: what earlier tokens left, and these will leave.
    """

    home = "wirework.models.gpt2"
    offers = ("features", "logits")

    def __init__(self, config: GPT2Config) -> None:
        super().__init__(config)
        self.config = config

    def parts(self) -> Mapping[str, Any]:
        config = self.config
        return {
            "tokens": layers.Embedding("[v] d", v=config.vocabulary, d=config.dim),
            "positions": layers.LearnedPositions(config.context, d=config.dim),
            "dropout": layers.Dropout("[...]", config.dropout),
            "blocks": [Block(config) for _ in range(config.depth)],
            "norm": layers.Norm("... [d]", epsilon=config.epsilon, d=config.dim),
        }

    def __call__(
        self, scope: Any, tokens: Array, mask: Mask | Array | None = None, positions: Array | None = None,
        caches: Sequence[Any] | None = None,
    ) -> Array:  # fmt: skip
        return self.logits(scope, self.features(scope, tokens, mask, positions, caches))

    def features(
        self, scope: Any, tokens: Array, mask: Mask | Array | None = None, positions: Array | None = None,
        caches: Sequence[Any] | None = None,
    ) -> Array:  # fmt: skip
        """The last state of each token: `b t -> b t d`. Arguments as for a call."""
        if caches is not None and positions is None:
            positions = caches[0].positions(tokens.shape[1], tokens)
        x = scope.dropout(scope.positions(scope.tokens(tokens), positions))
        for i, block in enumerate(scope.blocks):
            x = block(x, mask, None if caches is None else caches[i])
        return scope.norm(x)

    def logits(self, scope: Any, x: Array) -> Array:
        """How much last states are like each token's vector: `... d -> ... v`."""
        return scope.tokens.logits(x)

    def restarts(self) -> Mapping[str, Start]:
        """All matrices are drawn alike, but smaller where they end a residual branch, the deeper the model is."""
        smaller = 0.02 / (2 * self.config.depth) ** 0.5
        return {
            name: Start(start.shape, normal(smaller if name.endswith(("out_proj.weight", "fc2.weight")) else 0.02))
            for name, start in starts_inside(self).items() if len(start.shape) > 1
        }  # fmt: skip


class Block(Composite):
    """Causal self-attention, then an MLP, each after a layer norm and beside a residual connection."""

    home = "wirework.models.gpt2"

    def __init__(self, config: GPT2Config) -> None:
        super().__init__(config)
        self.config = config

    def parts(self) -> Mapping[str, Any]:
        config, d = self.config, self.config.dim
        return {
            "norm1": layers.Norm("... [d]", epsilon=config.epsilon, d=d),
            "attn": layers.Attention(config.heads, d, mask=causal, dropout=config.dropout),
            "norm2": layers.Norm("... [d]", epsilon=config.epsilon, d=d),
            "mlp": layers.MLP("... [d -> m]", activation="gelu_tanh", d=d, m=config.mlp_dim),
            "dropout": layers.Dropout("[...]", config.dropout),
        }

    def __call__(self, scope: Any, x: Array, mask: Mask | Array | None = None, cache: Any = None) -> Array:
        """`b t d -> b t d`."""
        x = x + scope.dropout(scope.attn(scope.norm1(x), mask=mask, cache=cache))
        return x + scope.dropout(scope.mlp(scope.norm2(x)))
