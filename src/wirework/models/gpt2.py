"""GPT-2 (Radford et al., Language Models are Unsupervised Multitask Learners, 2019).

Tokens get a vector for what they are and one for where they are, go through blocks of causal self-attention
and MLP, and are compared with all tokens' vectors again to say which comes next.

Axes: b batch, t tokens, d features, m features in the MLP, v vocabulary.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor, nn

import wirework.nn.torch as wn
from wirework.models.formats.gpt2 import FORMATS
from wirework.models.language_model import LanguageModel, TextConfig
from wirework.nn.torch.caches import Cache


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


class GPT2(LanguageModel[GPT2Config]):
    """Tokens to logits for the token after each: `b t -> b t v`.

    >>> model = GPT2.preset("characters")
    >>> model(torch.tensor([[1, 2, 3]])).shape
    torch.Size([1, 3, 65])
    """

    config_class = GPT2Config
    formats = FORMATS

    def __init__(self, config: GPT2Config) -> None:
        super().__init__(config)
        self.tokens = wn.Embedding("[v] d", v=config.vocabulary, d=config.dim)
        self.positions = wn.LearnedPositions(config.context, d=config.dim)
        self.dropout = wn.Dropout("[...]", config.dropout)
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.depth))
        self.norm = wn.Norm("... [d]", epsilon=config.epsilon, d=config.dim)
        self.reset_parameters()

    def features(
        self,
        tokens: Tensor,
        mask: wn.Mask | Tensor | None = None,
        positions: Tensor | None = None,
        caches: Sequence[Cache] | None = None,
    ) -> Tensor:
        """The last state of each token: `b t -> b t d`. Arguments as for a call."""
        if caches is not None and positions is None:
            positions = caches[0].positions(tokens.shape[1], tokens)
        x = self.dropout(self.positions(self.tokens(tokens), positions))
        for i, block in enumerate(self.blocks):
            x = block(x, mask, None if caches is None else caches[i])
        return self.norm(x)

    def logits(self, x: Tensor) -> Tensor:
        """How much last states are like each token's vector: `... d -> ... v`."""
        return self.tokens.logits(x)

    def reset_parameters(self) -> None:
        """Draw all weights anew; those that end a residual branch smaller, the deeper the model is."""
        smaller = 0.02 / (2 * self.config.depth) ** 0.5
        for name, parameter in self.named_parameters():
            if name.endswith(("out_proj.weight", "fc2.weight")):
                nn.init.normal_(parameter, std=smaller)
            elif parameter.ndim > 1:
                nn.init.normal_(parameter, std=0.02)


class Block(nn.Module):
    """Causal self-attention, then an MLP, each after a layer norm and beside a residual connection."""

    def __init__(self, config: GPT2Config) -> None:
        super().__init__()
        d = config.dim
        self.norm1 = wn.Norm("... [d]", epsilon=config.epsilon, d=d)
        self.attn = wn.Attention(config.heads, d, mask=wn.causal, dropout=config.dropout)
        self.norm2 = wn.Norm("... [d]", epsilon=config.epsilon, d=d)
        self.mlp = wn.MLP("... [d -> m]", activation="gelu_tanh", d=d, m=config.mlp_dim)
        self.dropout = wn.Dropout("[...]", config.dropout)

    def forward(self, x: Tensor, mask: wn.Mask | Tensor | None = None, cache: Cache | None = None) -> Tensor:
        """`b t d -> b t d`."""
        x = x + self.dropout(self.attn(self.norm1(x), mask=mask, cache=cache))
        return x + self.dropout(self.mlp(self.norm2(x)))
