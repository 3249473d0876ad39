"""Embedding as a torch module."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from wirework.nn.embedding import EmbeddingDefinition
from wirework.nn.sizes import Size
from wirework.nn.torch.base import Layer


class Embedding(Layer):
    """Learned vectors, looked up by whole numbers: `"[v] d"` turns ids `...` into vectors `... d`.

    The bracketed axis is indexed. With several, `"[h w] d"`, an id is a pair of coordinates, `... 2`.

    Args:
        expression: the axes of the table, with those that are indexed in brackets.
        sizes: the size of every axis. They may be left to a state dict that is loaded.

    Attributes:
        weight: the axes of the table; normal with standard deviation 0.02.

    Raises:
        CoordinateError: when called with an id out of range, on the CPU.

    >>> layer = Embedding(v=100, d=8)
    >>> layer(torch.tensor([[1, 2, 3]])).shape
    torch.Size([1, 3, 8])
    """

    definition: EmbeddingDefinition
    weight: nn.Parameter

    def __init__(
        self, expression: str = "[v] d", device: Any = None, dtype: torch.dtype | None = None, **sizes: Size
    ) -> None:
        super().__init__(EmbeddingDefinition(expression, sizes), device, dtype)

    def forward(self, ids: Tensor) -> Tensor:
        if self.unbuilt:
            self.build_from(ids)
        return self.definition(ids, self.weight)

    def logits(self, x: Tensor) -> Tensor:
        """How much vectors `... d` are like each vector of the table, `... v`: an output layer with tied weights.

        Source: Press and Wolf, Using the Output Embedding to Improve Language Models, 2016; arXiv:1608.05859.
        """
        self.arrays()
        return self.definition.compare(x, self.weight)
