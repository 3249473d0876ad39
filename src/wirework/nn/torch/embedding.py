"""Embedding as a torch module."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from wirework.nn.definition import Start
from wirework.nn.embedding import EmbeddingDefinition
from wirework.nn.sizes import Size
from wirework.nn.torch.base import Layer


class Embedding(Layer):
    """Learned vectors, looked up by whole numbers: `"[v] d"` turns ids `...` into vectors `... d`.

    The bracketed axis is indexed. With several, `"[h w] d"`, an id is a pair of coordinates, `... 2`.

    Args:
        expression: the axes of the table, with those that are indexed in brackets.
        padding_idx: an id whose vector starts at zero and is not trained, as that of `torch.nn.Embedding`; below 0
            it counts from the end. It takes one indexed axis.
        sizes: the size of every axis. They may be left to a state dict that is loaded.

    Attributes:
        weight: the axes of the table; normal with standard deviation 0.02.

    Raises:
        SemanticError: if the expression describes no table.
        AxisSizeError: when called before every axis has a size.
        CoordinateError: when called with an id out of range, on the CPU; if `padding_idx` is out of range.

    >>> layer = Embedding(v=100, d=8)
    >>> layer(torch.tensor([[1, 2, 3]])).shape
    torch.Size([1, 3, 8])
    """

    definition: EmbeddingDefinition
    weight: nn.Parameter
    padding_idx: int | None = None

    def __init__(
        self,
        expression: str = "[v] d",
        padding_idx: int | None = None,
        device: Any = None,
        dtype: torch.dtype | None = None,
        **sizes: Size,
    ) -> None:
        super().__init__(EmbeddingDefinition(expression, padding_idx, sizes), device, dtype)

    def build(self, starts: Mapping[str, Start]) -> None:
        """Give the weight its shape and its first elements."""
        super().build(starts)
        self.padding_idx = self.definition.padding_place(self.weight.shape)

    @torch.no_grad()
    def clear_padding(self) -> None:
        """Set the vector of `padding_idx` to zero again, as it is after the weight has been drawn."""
        if self.definition.axis is not None and self.padding_idx is not None:
            self.weight.select(self.definition.axis, self.padding_idx).zero_()

    def forward(self, ids: Tensor) -> Tensor:
        if self.unbuilt:
            self.build_from(ids)
        weight, padding = self.weight, self.padding_idx
        if self.definition.table and ids.is_cpu and not torch.compiler.is_compiling():
            try:
                return torch.embedding(weight, ids, -1 if padding is None else padding)
            except (IndexError, RuntimeError):  # the definition says what is wrong, or can do it
                pass
        return self.definition(ids, weight, torch.detach)

    def logits(self, x: Tensor) -> Tensor:
        """How much vectors `... d` are like each vector of the table, `... v`: an output layer with tied weights.

        Source: Press and Wolf, Using the Output Embedding to Improve Language Models, 2016; arXiv:1608.05859.
        """
        self.arrays()
        return self.definition.compare(x, self.weight)
