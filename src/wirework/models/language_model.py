"""What models that predict the next token share: the loss, and writing text one token at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor

import wirework as ww
import wirework.nn.torch as wn
from wirework.errors import SemanticError
from wirework.models.config import TextConfig
from wirework.models.model import Model
from wirework.nn.torch.caches import Cache

UNSCORED = -100  # the target of a token that the loss leaves out, as in torch's cross_entropy


C = TypeVar("C", bound=TextConfig)


@dataclass(frozen=True)
class Sampling:
    """How the next token is chosen from its logits.

    The restrictions act in this order: temperature, top_k, top_p.

    Attributes:
        temperature: what logits are divided by; 0 takes the likeliest token.
        top_k: keep only so many of the likeliest tokens.
        top_p: keep only the likeliest tokens that together reach this probability
            (Holtzman et al., The Curious Case of Neural Text Degeneration, 2019; arXiv:1904.09751).
    """

    temperature: float = 1.0
    top_k: int | None = None
    top_p: float | None = None

    def __post_init__(self) -> None:
        if self.temperature < 0:
            raise SemanticError(f"temperature={self.temperature} is negative")
        if self.top_k is not None and self.top_k < 1:
            raise SemanticError(f"top_k={self.top_k} leaves no token")
        if self.top_p is not None and not 0 < self.top_p <= 1:
            raise SemanticError(f"top_p={self.top_p} is not a probability above 0")

    def choose(self, logits: Tensor, generator: torch.Generator | None = None) -> Tensor:
        """One token for each row: `b v -> b`."""
        if self.temperature == 0:
            return ww.argmax("b [v]", logits)
        probabilities = ww.softmax("b [v]", self.restrict(logits.float() / self.temperature))
        return torch.multinomial(probabilities, 1, generator=generator)[:, 0]

    def restrict(self, logits: Tensor) -> Tensor:
        """Logits with -inf for the tokens that cannot be chosen: `b v -> b v`."""
        if self.top_k is not None and self.top_k < logits.shape[-1]:
            least = logits.topk(self.top_k).values[:, -1:]
            logits = logits.masked_fill(logits < least, -torch.inf)
        if self.top_p is not None and self.top_p < 1:
            ranked, order = logits.sort(dim=-1, descending=True)
            probabilities = ww.softmax("b [v]", ranked)
            before = probabilities.cumsum(-1) - probabilities
            ranked = ranked.masked_fill(before >= self.top_p, -torch.inf)
            logits = torch.empty_like(logits).scatter(-1, order, ranked)
        return logits


GREEDY = Sampling(temperature=0.0)


class LanguageModel(Model[C]):
    """Tokens to logits for the token after each: `b t -> b t v`."""

    def forward(
        self,
        tokens: Tensor,
        mask: wn.Mask | Tensor | None = None,
        positions: Tensor | None = None,
        caches: Sequence[Cache] | None = None,
    ) -> Tensor:
        """Logits.

        Args:
            tokens: `b t`.
            mask: which tokens are seen, besides the causal mask: `padding(booleans b t)`, or booleans `b q k`.
            positions: of the tokens, `t` or `b t`; `None`: they follow those in the caches.
            caches: of `model.caches()`: what earlier tokens left, and these will leave.
        """
        return self.logits(self.features(tokens, mask, positions, caches))

    def features(
        self,
        tokens: Tensor,
        mask: wn.Mask | Tensor | None = None,
        positions: Tensor | None = None,
        caches: Sequence[Cache] | None = None,
    ) -> Tensor:
        """The last state of each token: `b t -> b t d`. Arguments as for a call."""
        raise NotImplementedError

    def logits(self, x: Tensor) -> Tensor:
        """How likely each token is to follow, from last states: `... d -> ... v`."""
        raise NotImplementedError

    def loss(self, tokens: Tensor, targets: Tensor | None = None) -> Tensor:
        """The mean of -log p of the targets, in nats.

        Args:
            tokens: `b t`.
            targets: the token after each, `b t`, or -100 where none is asked for; `None`: those in `tokens`,
                the last of which is then only a target.
        """
        if targets is None:
            tokens, targets = tokens[:, :-1], tokens[:, 1:]
        logits = self(tokens)
        return F.cross_entropy(logits.flatten(0, 1).float(), targets.flatten(), ignore_index=UNSCORED)

    def caches(self, max_length: int | None = None) -> list[Cache]:
        """An empty cache for each block.

        Args:
            max_length: of tokens, for caches whose shape never changes, as `torch.compile` likes it; `None`: they grow.
        """
        if max_length is None:
            return [wn.GrowingCache() for _ in range(self.config.depth)]
        device = next(self.parameters()).device
        return [wn.StaticCache(max_length, device) for _ in range(self.config.depth)]

    def generate(
        self,
        tokens: Tensor,
        count: int,
        sampling: Sampling = GREEDY,
        generator: torch.Generator | None = None,
        rolling: bool = False,
    ) -> Iterator[Tensor]:
        """Tokens that follow others, one `b` at a time, each as soon as it is chosen.

        Args:
            tokens: what they follow, `b t`, at least one.
            count: how many are written at most.
            sampling: how each is chosen.
            generator: of random numbers.
            rolling: when the context is full, read its last half again as if the text began there, and go on.

        Raises:
            SemanticError: if there is no token to follow, or the context is too short without `rolling`.
        """
        context = self.config.context
        length = tokens.shape[1]
        if length == 0:
            raise SemanticError("there is no token to go on from: give at least one")
        if not rolling and length + count - 1 > context:
            raise SemanticError(f"{length} tokens and {count} more do not fit into a context of {context}")
        return self.write(tokens[:, -context:] if rolling else tokens, count, sampling, generator)

    def write(
        self, tokens: Tensor, count: int, sampling: Sampling, generator: torch.Generator | None
    ) -> Iterator[Tensor]:
        """The loop of `generate`: reads all tokens, then one at a time."""
        caches, unread = self.caches(), tokens
        for _ in range(count):
            if tokens.shape[1] > self.config.context:
                tokens = tokens[:, -max(self.config.context // 2, 1) :]
                caches, unread = self.caches(), tokens
            with torch.inference_mode():
                chosen = sampling.choose(self.next_logits(unread, caches), generator)
            unread = chosen[:, None]
            tokens = torch.cat([tokens, unread], dim=1)
            yield chosen

    def next_logits(self, tokens: Tensor, caches: Sequence[Cache]) -> Tensor:
        """The logits of the token after the last: `b t -> b v`."""
        return self.logits(self.features(tokens, caches=caches)[:, -1])
