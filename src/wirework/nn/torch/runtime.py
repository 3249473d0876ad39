"""What attention needs of torch besides operations."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor


@dataclass(frozen=True)
class Runtime:
    """What attention needs of torch besides operations: see `wirework.nn.attention.scores.Runtime`."""

    drop_rate: float

    @property
    def dropout(self) -> Mapping[str, float]:
        return {"dropout": self.drop_rate} if self.drop_rate else {}

    def drop(self, weights: Tensor) -> Tensor:
        return F.dropout(weights, self.drop_rate) if self.drop_rate else weights

    def arange(self, start: int, stop: int, like: Tensor) -> Tensor:
        return torch.arange(start, stop, device=like.device)

    def band(self, rows: int, columns: int, below: int | None, above: int | None, like: Tensor) -> Tensor:
        seen = torch.ones(rows, columns, dtype=torch.bool, device=like.device)
        seen = seen if above is None else seen.tril_(above)
        return seen if below is None else seen.triu_(-below)

    def zeros(self, shape: tuple[int, ...], like: Tensor) -> Tensor:
        return like.new_zeros(shape)

    def sigmoid(self, x: Tensor) -> Tensor:
        return x.sigmoid()

    def tanh(self, x: Tensor) -> Tensor:
        return x.tanh()


EVALUATION = Runtime(0.0)
