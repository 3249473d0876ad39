"""What layers need of torch besides operations, for frameworks that compute with torch."""

from __future__ import annotations

import numpy as np
import torch
import torch.nn.functional as F
from torch import Generator, Tensor

MODES = {"reflect": "reflect", "replicate": "edge", "circular": "wrap"}
ACTIVATIONS = {
    "gelu": F.gelu,
    "gelu_tanh": lambda x: F.gelu(x, approximate="tanh"),
    "relu": F.relu,
    "silu": F.silu,
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
}


class TorchOps:
    """The functions of torch that layers need: see `wirework.nn.layers.Ops`."""

    def wide(self, x: Tensor) -> Tensor:
        return x.to(torch.promote_types(x.dtype, torch.float32))

    def like(self, x: Tensor, other: Tensor) -> Tensor:
        return x.to(other.dtype) if other.is_floating_point() else self.wide(x)

    def array(self, table: np.ndarray, like: Tensor) -> Tensor:
        return torch.as_tensor(table, dtype=torch.float32 if table.dtype.kind == "f" else torch.long).to(like.device)

    def arange(self, start: int, stop: int, like: Tensor) -> Tensor:
        return torch.arange(start, stop, device=like.device)

    def band(self, rows: int, columns: int, below: int | None, above: int | None, like: Tensor) -> Tensor:
        seen = torch.ones(rows, columns, dtype=torch.bool, device=like.device)
        seen = seen if above is None else seen.tril(above)
        return seen if below is None else seen.triu(-below)

    def zeros(self, shape: tuple[int, ...], like: Tensor) -> Tensor:
        return like.new_zeros(shape)

    def sin(self, x: Tensor) -> Tensor:
        return x.sin()

    def cos(self, x: Tensor) -> Tensor:
        return x.cos()

    def detach(self, x: Tensor) -> Tensor:
        return x.detach()

    def pad(self, x: Tensor, amounts: list[tuple[int, int]], mode: str) -> Tensor:
        for dim, (before, after) in enumerate(amounts):
            if before or after:
                x = x.index_select(dim, self.array(places(x.shape[dim], before, after, mode), x))
        return x

    def activation(self, name: str, x: Tensor) -> Tensor:
        return ACTIVATIONS[name](x)

    def keep(self, key: Generator | None, shape: tuple[int, ...], keep_rate: float, like: Tensor) -> Tensor:
        mask = torch.empty(shape, dtype=like.dtype, device=like.device).bernoulli_(keep_rate, generator=key)
        return mask / keep_rate if keep_rate else mask


OPS = TorchOps()


def places(length: int, before: int, after: int, mode: str) -> np.ndarray:
    """Which element of an axis stands at each place once it is padded by its own elements."""
    return np.pad(np.arange(length), (before, after), MODES[mode])  # type: ignore[call-overload]
