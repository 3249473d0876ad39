"""The layers as a careful person writes them in plain torch: what wirework's layers are timed against."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

Angles = tuple[Tensor, Tensor]


class MLP(nn.Module):
    """Two linear layers with a GELU between them."""

    def __init__(self, dim: int, hidden: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(dim, hidden)
        self.fc2 = nn.Linear(hidden, dim)

    def forward(self, x: Tensor) -> Tensor:
        return self.fc2(F.gelu(self.fc1(x)))


class SwiGLU(nn.Module):
    """Three linear layers: the MLP of Llama."""

    def __init__(self, dim: int, hidden: int) -> None:
        super().__init__()
        self.gate_proj = nn.Linear(dim, hidden, bias=False)
        self.up_proj = nn.Linear(dim, hidden, bias=False)
        self.down_proj = nn.Linear(hidden, dim, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        return self.down_proj(F.silu(self.gate_proj(x)) * self.up_proj(x))


class Block(nn.Module):
    """`x + mlp(norm(x))`."""

    def __init__(self, dim: int, hidden: int) -> None:
        super().__init__()
        self.module = MLP(dim, hidden)
        self.norm = nn.LayerNorm(dim)

    def forward(self, x: Tensor) -> Tensor:
        return x + self.module(self.norm(x))


class Positions(nn.Module):
    """Add a learned table to tokens."""

    def __init__(self, length: int, dim: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(length, dim))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.weight[: x.shape[1]]


# -- attention ----------------------------------------------------------------------------------------------------


class Attention(nn.Module):
    """One projection, torch's fused attention, one projection back."""

    def __init__(self, dim: int, heads: int, causal: bool = False) -> None:
        super().__init__()
        self.heads, self.causal = heads, causal
        self.in_proj_weight = nn.Parameter(torch.empty(3 * dim, dim))
        self.in_proj_bias = nn.Parameter(torch.empty(3 * dim))
        self.out_proj = nn.Linear(dim, dim)

    def forward(self, x: Tensor) -> Tensor:
        b, t, c = x.shape
        q, k, v = self.split(x)
        y = F.scaled_dot_product_attention(q, k, v, attn_mask=self.mask(x), is_causal=self.causal)
        return self.out_proj(y.transpose(1, 2).reshape(b, t, c))

    def split(self, x: Tensor) -> list[Tensor]:
        """Queries, keys and values, `b h t d`."""
        b, t, c = x.shape
        rows = F.linear(x, self.in_proj_weight, self.in_proj_bias)
        return [y.view(b, t, self.heads, c // self.heads).transpose(1, 2) for y in rows.split(c, 2)]

    def mask(self, x: Tensor) -> Tensor | None:
        """What torch's kernel adds to the scores, or where it looks."""
        return None


class TorchAttention(nn.Module):
    """torch.nn.MultiheadAttention of a sequence with itself."""

    def __init__(self, dim: int, heads: int, causal: bool = False) -> None:
        super().__init__()
        self.attention = nn.MultiheadAttention(dim, heads, batch_first=True)
        self.causal = causal

    def forward(self, x: Tensor) -> Tensor:
        mask = nn.Transformer.generate_square_subsequent_mask(x.shape[1]) if self.causal else None
        return self.attention(x, x, x, need_weights=False, attn_mask=mask, is_causal=self.causal)[0]


class Windowed(Attention):
    """Each query sees itself and some keys before it."""

    def __init__(self, dim: int, heads: int, width: int) -> None:
        super().__init__(dim, heads)
        self.width = width

    def mask(self, x: Tensor) -> Tensor:
        places = torch.arange(x.shape[1], device=x.device)
        back = places[:, None] - places
        return (back >= 0) & (back < self.width)


class T5Biased(Attention):
    """With T5's bias, worked out for each call as in Hugging Face's T5."""

    def __init__(self, dim: int, heads: int, buckets: int = 32, max_distance: int = 128) -> None:
        super().__init__(dim, heads)
        self.one_way, self.max_distance = buckets // 2, max_distance
        self.score_bias = nn.Embedding(buckets, heads)

    def mask(self, x: Tensor) -> Tensor:
        places = torch.arange(x.shape[1], device=x.device)
        after = places - places[:, None]
        distance, exact = after.abs(), self.one_way // 2
        far = torch.log(distance.float() / exact) / math.log(self.max_distance / exact) * (self.one_way - exact)
        far = (exact + far.to(torch.long)).clamp(max=self.one_way - 1)
        bucket = (after > 0).to(torch.long) * self.one_way + torch.where(distance < exact, distance, far)
        return self.score_bias(bucket).permute(2, 0, 1)[None]


class Swin(Attention):
    """With Swin's relative bias over a window, as in timm."""

    def __init__(self, dim: int, heads: int, window: int) -> None:
        super().__init__(dim, heads)
        self.relative_position_bias_table = nn.Parameter(torch.empty((2 * window - 1) ** 2, heads))
        rows, columns = (place.flatten() for place in torch.meshgrid([torch.arange(window)] * 2, indexing="ij"))
        down = rows[:, None] - rows + window - 1
        across = columns[:, None] - columns + window - 1
        self.register_buffer("index", down * (2 * window - 1) + across, persistent=False)

    def mask(self, x: Tensor) -> Tensor:
        index = self.get_buffer("index")
        bias = self.relative_position_bias_table[index.view(-1)].view(*index.shape, -1)
        return bias.permute(2, 0, 1).contiguous()[None]


class Grouped(nn.Module):
    """Attention of Llama: fewer heads of keys and values, turned by their positions."""

    def __init__(self, dim: int, heads: int, kv_heads: int) -> None:
        super().__init__()
        self.width = dim // heads
        self.q_proj = nn.Linear(dim, dim, bias=False)
        self.k_proj = nn.Linear(dim, kv_heads * self.width, bias=False)
        self.v_proj = nn.Linear(dim, kv_heads * self.width, bias=False)
        self.o_proj = nn.Linear(dim, dim, bias=False)

    def forward(self, x: Tensor, angles: Angles) -> Tensor:
        b, t, _ = x.shape
        q, k, v = (y.view(b, t, -1, self.width).transpose(1, 2) for y in self.project(x))
        q, k = turn(q, k, *angles)
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True, enable_gqa=True)
        return self.o_proj(y.transpose(1, 2).reshape(b, t, -1))

    def project(self, x: Tensor) -> list[Tensor]:
        return [self.q_proj(x), self.k_proj(x), self.v_proj(x)]


def turn(q: Tensor, k: Tensor, cos: Tensor, sin: Tensor) -> tuple[Tensor, Tensor]:
    """Queries and keys turned by their positions, as in Hugging Face's Llama."""
    return q * cos + swapped(q) * sin, k * cos + swapped(k) * sin


def swapped(x: Tensor) -> Tensor:
    """The second half, negated, and the first."""
    first, second = x.chunk(2, -1)
    return torch.cat([-second, first], -1)


def angles(length: int, width: int, base: float = 10000.0) -> Angles:
    """Cosines and sines for `turn`, `t d`."""
    frequencies = base ** -(torch.arange(0, width, 2).float() / width)
    found = torch.arange(length)[:, None] * frequencies
    return torch.cat([found, found], -1).cos(), torch.cat([found, found], -1).sin()
