"""BERT (Devlin et al., Pre-training of Deep Bidirectional Transformers, 2018; arXiv:1810.04805), also for sentences.

Tokens get a vector for what they are, one for where they are, and one for the segment of text they are in. In each
block every token sees all others, and a layer norm follows attention and MLP. It learns by saying what the tokens are
that were hidden from it. The mean of the last states stands for a sentence (Reimers and Gurevych, Sentence-BERT, 2019;
arXiv:1908.10084).

Axes: b batch, t tokens, d features, m features in the MLP, s segments, v vocabulary.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Self, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

import wirework as ww
import wirework.nn.torch as wn
from wirework import checkpoint
from wirework.errors import SemanticError
from wirework.models.formats import sentences
from wirework.models.formats.bert import FORMATS
from wirework.models.language_model import UNSCORED
from wirework.models.model import Config, Model


@dataclass(frozen=True)
class BERTConfig(Config):
    """The sizes and options of a BERT.

    Attributes:
        vocabulary: the number of different tokens.
        context: the most tokens that are seen at once.
        segments: how many kinds of text tokens can be of: a question and its answer are two.
        dim, depth, heads, mlp_dim: features of a token, blocks, attention heads, features in the MLP.
        padding: the token that fills up short texts, whose vector is not trained; `None`: there is none.
        head: "mlm": from states to logits of the hidden tokens. "none": it has none.
        pooler: whether there is a layer after the first token's last state.
        pooling: what stands for a sentence: the "mean" of the last states, or the "first" of them.
        normalise: whether a sentence's vector is made as long as 1.
        sentence_length: the most tokens of a sentence; `None`: as many as the context.
        dropout: the rate after the embedding, and after attention and MLP.
        attention_dropout: the rate of the weights of attention.
        epsilon: of the layer norms.
    """

    vocabulary: int = 30522
    context: int = 512
    segments: int = 2
    dim: int = 768
    depth: int = 12
    heads: int = 12
    mlp_dim: int = 3072
    padding: int | None = 0
    head: Literal["mlm", "none"] = "mlm"
    pooler: bool = False
    pooling: Literal["mean", "first"] = "mean"
    normalise: bool = True
    sentence_length: int | None = None
    dropout: float = 0.0
    attention_dropout: float = 0.0
    epsilon: float = 1e-12

    def __post_init__(self) -> None:
        self.divides("heads", "dim")
        for name, choices in (("head", ("mlm", "none")), ("pooling", ("mean", "first"))):
            if getattr(self, name) not in choices:
                raise SemanticError(f"{name} is {' or '.join(map(repr, choices))}, not {getattr(self, name)!r}")


BERTConfig.presets = {
    "tiny": BERTConfig(dim=128, depth=2, heads=2, mlp_dim=512),
    "minilm_l6": BERTConfig(dim=384, depth=6, mlp_dim=1536, head="none", pooler=True, sentence_length=256),
    "base": BERTConfig(),
    "large": BERTConfig(dim=1024, depth=24, heads=16, mlp_dim=4096),
}


class BERT(Model[BERTConfig]):
    """Tokens to logits for the token at each place: `b t -> b t v`.

    >>> model = BERT.preset("tiny")
    >>> model(torch.tensor([[101, 7592, 103, 102]])).shape
    torch.Size([1, 4, 30522])
    >>> model.embed(torch.tensor([[101, 7592, 2088, 102]])).shape
    torch.Size([1, 128])
    """

    config_class = BERTConfig
    formats = FORMATS

    def __init__(self, config: BERTConfig) -> None:
        super().__init__(config)
        d = config.dim
        self.tokens = wn.Embedding("[v] d", padding_idx=config.padding, v=config.vocabulary, d=d)
        self.positions = wn.LearnedPositions(config.context, d=d)
        self.segments = wn.Embedding("[s] d", s=config.segments, d=d)
        self.norm = wn.Norm("... [d]", epsilon=config.epsilon, d=d)
        self.dropout = wn.Dropout("[...]", config.dropout)
        self.blocks = nn.ModuleList(Block(config) for _ in range(config.depth))
        self.head = Head(config) if config.head == "mlm" else None
        self.pooler = wn.Linear("... [d -> e]", d=d, e=d) if config.pooler else None
        self.reset_parameters()

    def forward(self, tokens: Tensor, mask: Tensor | None = None, segments: Tensor | None = None) -> Tensor:
        """Logits.

        Args:
            tokens: `b t`.
            mask: booleans `b t`: which of them are tokens and not padding; `None`: all.
            segments: the segment of each, `b t`; `None`: all are of the first.

        Raises:
            SemanticError: if the model has no head.
        """
        if self.head is None:
            raise SemanticError('this BERT has no head: head="none". Its states are those of features(...)')
        return self.head(self.features(tokens, mask, segments), self.tokens.weight)

    def features(self, tokens: Tensor, mask: Tensor | None = None, segments: Tensor | None = None) -> Tensor:
        """The last state of each token: `b t -> b t d`. Arguments as for a call."""
        segment = self.segments.weight[0] if segments is None else self.segments(segments)
        x = self.dropout(self.norm(self.positions(self.tokens(tokens) + segment)))
        seen = None if mask is None else ww.rearrange("b k -> b 1 1 k", mask.bool())
        for block in self.blocks:
            x = block(x, seen)
        return x

    def loss(
        self, tokens: Tensor, targets: Tensor, mask: Tensor | None = None, segments: Tensor | None = None
    ) -> Tensor:
        """The mean of -log p of the targets, in nats.

        Args:
            tokens: `b t`, some of them hidden.
            targets: what they are, `b t`, or -100 where none is asked for.
        """
        logits = self(tokens, mask, segments)
        return F.cross_entropy(logits.flatten(0, 1).float(), targets.flatten(), ignore_index=UNSCORED)

    def pool(self, tokens: Tensor, mask: Tensor | None = None, segments: Tensor | None = None) -> Tensor:
        """What the pooler makes of the first token's last state: `b t -> b d`.

        Raises:
            SemanticError: if the model has no pooler.
        """
        if self.pooler is None:
            raise SemanticError("this BERT has no pooler: pooler=False")
        return self.pooler(self.features(tokens, mask, segments)[:, 0]).tanh()

    def embed(self, tokens: Tensor, mask: Tensor | None = None, normalise: bool | None = None) -> Tensor:
        """A vector for each sentence: `b t -> b d`.

        Args:
            tokens, mask: as for a call.
            normalise: whether it is made as long as 1; `None`: as the configuration says.
        """
        x = self.features(tokens, mask)
        x = x[:, 0] if self.config.pooling == "first" else mean(x, mask)
        normalise = self.config.normalise if normalise is None else normalise
        return F.normalize(x) if normalise else x

    def reset_parameters(self) -> None:
        """Draw all weights anew."""
        for parameter in self.parameters():
            if parameter.ndim > 1:
                nn.init.normal_(parameter, std=0.02)
        self.tokens.clear_padding()

    # -- checkpoints that sentence-transformers wrote, and reads ------------------------------------------------------

    @classmethod
    def from_pretrained(
        cls, path: str | Path, config: Config | None = None, *, revision: str | None = None, **options: Any
    ) -> Self:
        """As `Model.from_pretrained`. How sentences are embedded is also read, if the folder tells it."""
        found = checkpoint.find(path, revision)
        if config is None and found.is_dir():
            _, said = cls.read_config(checkpoint.read_config(found))
            options = sentences.read(found) | options
            if cast(BERTConfig, said).pooler and not any("pooler." in name for name in checkpoint.read_weights(found)):
                options = {"pooler": False} | options
        return super().from_pretrained(found, config, **options)

    def save_pretrained(self, folder: str | Path, form: str | None = None, shard_size: int = 5 * 10**9) -> None:
        """As `Model.save_pretrained`. Without a head it is also written how sentences are embedded."""
        super().save_pretrained(folder, form, shard_size)
        if self.config.head == "none":
            sentences.write(Path(folder), self.config)


class Block(nn.Module):
    """Attention, then an MLP; each is added to what it saw, and the sum is normalised."""

    def __init__(self, config: BERTConfig) -> None:
        super().__init__()
        d = config.dim
        self.attn = wn.Attention(config.heads, d, dropout=config.attention_dropout)
        self.norm1 = wn.Norm("... [d]", epsilon=config.epsilon, d=d)
        self.mlp = wn.MLP("... [d -> m]", d=d, m=config.mlp_dim)
        self.norm2 = wn.Norm("... [d]", epsilon=config.epsilon, d=d)
        self.dropout = wn.Dropout("[...]", config.dropout)

    def forward(self, x: Tensor, seen: Tensor | None = None) -> Tensor:
        """`b t d -> b t d`. `seen` are booleans `b 1 1 k`."""
        x = self.norm1(x + self.dropout(self.attn(x, mask=seen)))
        return self.norm2(x + self.dropout(self.mlp(x)))


class Head(nn.Module):
    """From states to logits: a layer, then the comparison with the vectors of all tokens, and a bias."""

    def __init__(self, config: BERTConfig) -> None:
        super().__init__()
        d = config.dim
        self.linear = wn.Linear("... [d -> e]", d=d, e=d)
        self.norm = wn.Norm("... [d]", epsilon=config.epsilon, d=d)
        self.bias = nn.Parameter(torch.zeros(config.vocabulary))

    def forward(self, x: Tensor, table: Tensor) -> Tensor:
        """`b t d, v d -> b t v`."""
        x = self.norm(F.gelu(self.linear(x)))
        return ww.dot("b t [d], v [d] -> b t v", x, table, bias=self.bias)


def mean(x: Tensor, mask: Tensor | None) -> Tensor:
    """The mean of the states of tokens that are not padding: `b t d -> b d`."""
    if mask is None:
        return ww.mean("b [t] d", x)
    there = mask.to(x.dtype)
    return ww.divide("b d, b", ww.dot("b [t], b [t] d -> b d", there, x), ww.sum("b [t]", there).clamp(min=1))
