"""GPT-2 as a PyTorch module: what it computes is in `wirework.models.networks.gpt2`."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

import wirework.nn.torch as wn
from wirework.models.formats.gpt2 import FORMATS
from wirework.models.language_model import LanguageModel
from wirework.models.networks import gpt2 as network
from wirework.models.networks.gpt2 import GPT2Config
from wirework.nn.torch.caches import Cache
from wirework.nn.torch.composite import Composite


class GPT2(LanguageModel[GPT2Config], Composite):
    """Tokens to logits for the token after each: `b t -> b t v`.

    >>> model = GPT2.preset("characters")
    >>> model(torch.tensor([[1, 2, 3]])).shape
    torch.Size([1, 3, 65])
    """

    layer: network.GPT2
    config_class = GPT2Config
    formats = FORMATS

    def __init__(self, config: GPT2Config) -> None:
        super().__init__(config)
        self.compose(network.GPT2(config))
        self.reset_parameters()

    def features(
        self,
        tokens: Tensor,
        mask: wn.Mask | Tensor | None = None,
        positions: Tensor | None = None,
        caches: Sequence[Cache] | None = None,
    ) -> Tensor:
        """The last state of each token: `b t -> b t d`. Arguments as for a call."""
        return self.layer.features(self, tokens, mask, positions, caches)

    def logits(self, x: Tensor) -> Tensor:
        """How much last states are like each token's vector: `... d -> ... v`."""
        return self.layer.logits(self, x)


class Block(Composite):
    """Causal self-attention, then an MLP, each after a layer norm and beside a residual connection."""

    def __init__(self, config: GPT2Config) -> None:
        super().__init__()
        self.compose(network.Block(config))
