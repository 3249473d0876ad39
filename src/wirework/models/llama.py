"""Llama (Touvron et al., LLaMA: Open and Efficient Foundation Language Models, 2023; arXiv:2302.13971) and its kin.

A token's vector says only what it is. Attention learns where tokens are by turning queries and keys by angles that
grow with their positions; several heads of queries share the keys and values of one; the MLP is gated; every norm
divides by the root mean square. Options make of it Llama 2 and 3, Mistral (Jiang et al. 2023; arXiv:2310.06825),
Qwen2 (Yang et al. 2024; arXiv:2407.10671) and Qwen3 (Yang et al. 2025; arXiv:2505.09388).

Axes: b batch, t tokens, d features, m features in the MLP, v vocabulary.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

import wirework.nn.torch as wn
from wirework.errors import SemanticError, did_you_mean
from wirework.models.formats.llama import FORMATS
from wirework.models.language_model import LanguageModel, TextConfig
from wirework.nn.positions import Scaling
from wirework.nn.torch.caches import Cache
from wirework.nn.torch.positions import Angles

SCALINGS = {
    "linear": wn.LinearScaling,
    "dynamic": wn.DynamicScaling,
    "yarn": wn.YarnScaling,
    "llama3": wn.Llama3Scaling,
}


@dataclass(frozen=True)
class LlamaConfig(TextConfig):
    """The sizes and options of a Llama.

    Attributes:
        vocabulary: the number of different tokens.
        context: the most tokens that are seen at once.
        dim, depth, heads, mlp_dim: features of a token, blocks, attention heads, features in the MLP.
        kv_heads: heads of keys and values; `None`: as many as of queries.
        head_dim: features of a head; `None`: dim / heads.
        tied: whether the output layer is the table of the tokens' vectors again.
        attention_bias: which projections of attention have a bias, among "q", "k", "v" and "out".
        mlp_bias: whether the layers of the MLP have one.
        qk_norm: whether queries and keys are normalised, head by head.
        window: how many tokens a token sees, itself the last of them; `None`: all before it.
        full_blocks: the blocks, counted from 0, that have no window.
        rope_base: the inverse of the slowest frequency of the turns, nearly.
        rope_scaling: how the turns are changed to serve longer contexts than were trained on: "linear", "dynamic",
            "yarn" or "llama3", then the arguments of `wn.LinearScaling`, `wn.DynamicScaling`, `wn.YarnScaling` or
            `wn.Llama3Scaling` in order. Empty: not at all.
        dropout: the rate of the weights of attention.
        epsilon: of the norms.
    """

    vocabulary: int = 32000
    context: int = 4096
    dim: int = 4096
    depth: int = 32
    heads: int = 32
    mlp_dim: int = 11008
    kv_heads: int | None = None
    head_dim: int | None = None
    tied: bool = False
    attention_bias: tuple[str, ...] = ()
    mlp_bias: bool = False
    qk_norm: bool = False
    window: int | None = None
    full_blocks: tuple[int, ...] = ()
    rope_base: float = 10000.0
    rope_scaling: tuple[str | float | None, ...] = ()
    dropout: float = 0.0
    epsilon: float = 1e-5

    def __post_init__(self) -> None:
        if self.head_dim is None:
            self.divides("heads", "dim")
        if self.kv_heads is not None:
            self.divides("kv_heads", "heads")
        if self.window is not None and self.window < 1:
            raise SemanticError(f"window={self.window} leaves no token to see")
        if not set(self.full_blocks) <= set(range(self.depth)):
            raise SemanticError(f"full_blocks={self.full_blocks} are not all among the {self.depth} blocks")
        self.scaling  # noqa: B018 (refuses what is none)

    @property
    def head_size(self) -> int:
        """Features of a head."""
        return self.head_dim or self.dim // self.heads

    @property
    def kv_count(self) -> int:
        """Heads of keys and values."""
        return self.kv_heads or self.heads

    @property
    def scaling(self) -> Scaling | None:
        """How the turns of the rotary embedding are changed."""
        if not self.rope_scaling:
            return None
        kind, *options = self.rope_scaling
        if kind not in SCALINGS:
            close = did_you_mean(str(kind), SCALINGS)
            raise SemanticError(f"there is no rope_scaling {kind!r}{close}: choose from {', '.join(SCALINGS)}")
        try:
            return SCALINGS[kind](*options)
        except TypeError as error:
            raise SemanticError(f"rope_scaling={self.rope_scaling}: {error}") from None

    def window_of(self, block: int) -> int | None:
        """How many tokens one block sees; `None`: all."""
        return None if block in self.full_blocks else self.window


LLAMA3 = LlamaConfig(vocabulary=128256, context=8192, mlp_dim=14336, kv_heads=8, rope_base=500000.0)
QWEN = LlamaConfig(vocabulary=151936, tied=True, rope_base=1000000.0, epsilon=1e-6)

LlamaConfig.presets = {
    "characters": LlamaConfig(vocabulary=65, context=128, dim=128, depth=4, heads=4, mlp_dim=384, kv_heads=2),
    "llama2_7b": LlamaConfig(),
    "llama3_8b": LLAMA3,
    "llama3_2_1b": replace(
        LLAMA3, context=131072, dim=2048, depth=16, mlp_dim=8192, tied=True,
        rope_scaling=("llama3", 32.0, 8192, 1.0, 4.0),
    ),
    "llama3_1_405b": replace(
        LLAMA3, context=131072, dim=16384, depth=126, heads=128, mlp_dim=53248,
        rope_scaling=("llama3", 8.0, 8192, 1.0, 4.0),
    ),
    "mistral_7b": LlamaConfig(context=32768, mlp_dim=14336, kv_heads=8, window=4096),
    "qwen2_0_5b": replace(
        QWEN, context=131072, dim=896, depth=24, heads=14, mlp_dim=4864, kv_heads=2, attention_bias=("q", "k", "v"),
    ),
    "qwen3_0_6b": replace(
        QWEN, context=40960, dim=1024, depth=28, heads=16, mlp_dim=3072, kv_heads=8, head_dim=128, qk_norm=True,
    ),
}  # fmt: skip


class Llama(LanguageModel[LlamaConfig]):
    """Tokens to logits for the token after each: `b t -> b t v`.

    >>> model = Llama.preset("characters")
    >>> model(torch.tensor([[1, 2, 3]])).shape
    torch.Size([1, 3, 65])
    """

    config_class = LlamaConfig
    formats = FORMATS

    def __init__(self, config: LlamaConfig) -> None:
        super().__init__(config)
        d, v = config.dim, config.vocabulary
        self.tokens = wn.Embedding("[v] d", v=v, d=d)
        self.rotary = wn.Rotary("half", config.head_size, base=config.rope_base, scaling=config.scaling)
        self.blocks = nn.ModuleList(Block(config, i, self.rotary) for i in range(config.depth))
        self.norm = root_mean_square(config)
        self.head = None if config.tied else wn.Linear("... [d -> v]", bias=False, d=d, v=v)
        self.reset_parameters()

    def features(
        self,
        tokens: Tensor,
        mask: wn.Mask | Tensor | None = None,
        positions: Tensor | None = None,
        caches: Sequence[Cache] | None = None,
    ) -> Tensor:
        """The last state of each token: `b t -> b t d`. Arguments as for a call."""
        x = self.tokens(tokens)
        if positions is None:
            length = tokens.shape[1]
            positions = torch.arange(length, device=x.device) if caches is None else caches[0].positions(length, x)
        angles = self.rotary.angles(positions)  # once for all blocks
        for i, block in enumerate(self.blocks):
            x = block(x, angles, mask, None if caches is None else caches[i])
        return self.norm(x)

    def logits(self, x: Tensor) -> Tensor:
        """How likely each token is to follow, from last states: `... d -> ... v`."""
        return self.tokens.logits(x) if self.head is None else self.head(x)

    def caches(self, max_length: int | None = None) -> list[Cache]:
        """An empty cache for each block.

        Args:
            max_length: of tokens, for caches whose shape never changes, as `torch.compile` likes it, and which keep
                no more than the window of their block; `None`: they grow.
        """
        caches = super().caches(max_length)
        for block, cache in enumerate(caches):
            window = self.config.window_of(block)
            if window is not None and isinstance(cache, wn.StaticCache) and window < cache.max_length:
                caches[block] = wn.SlidingCache(window, cache.length.device)
        return caches

    def reset_parameters(self) -> None:
        """Draw all weights anew, as Hugging Face's Llama draws them."""
        for name, parameter in self.named_parameters():
            if parameter.ndim > 1:
                nn.init.normal_(parameter, std=0.02)
            else:
                nn.init.constant_(parameter, 0.0 if name.endswith("bias") else 1.0)


class Block(nn.Module):
    """Causal self-attention, then a gated MLP, each after a norm and beside a residual connection."""

    def __init__(self, config: LlamaConfig, index: int, rotary: wn.Rotary) -> None:
        super().__init__()
        window = config.window_of(index)
        self.norm1 = root_mean_square(config)
        self.attn = wn.Attention(
            config.heads,
            config.dim,
            kv_heads=config.kv_heads,
            head_dim=config.head_dim,
            bias=config.attention_bias,
            qk_norm=wn.QKNorm(epsilon=config.epsilon) if config.qk_norm else None,
            position=rotary,
            mask=wn.causal if window is None else wn.causal & wn.window(window),
            dropout=config.dropout,
        )
        self.norm2 = root_mean_square(config)
        self.mlp = wn.MLP(
            "... [d -> m]", activation="silu", gated=True, bias=config.mlp_bias, d=config.dim, m=config.mlp_dim
        )

    def forward(
        self, x: Tensor, angles: Angles, mask: wn.Mask | Tensor | None = None, cache: Cache | None = None
    ) -> Tensor:
        """`b t d -> b t d`; `angles` are those of the tokens' positions, from `Rotary.angles`."""
        x = x + self.attn(self.norm1(x), mask=mask, cache=cache, positions=angles)
        return x + self.mlp(self.norm2(x))


def root_mean_square(config: LlamaConfig) -> wn.Norm:
    """`x / sqrt(mean of x² + epsilon) * weight`, where the weight multiplies after rounding to the dtype of x."""
    return wn.Norm("... [d]", mean=False, scale="w after cast", bias=False, epsilon=config.epsilon, d=config.dim)
