"""Positional embeddings as torch modules."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Generic, TypeVar, cast

import numpy as np
import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import unset_fake_temporarily

from wirework.nn.definition import Start
from wirework.nn.positions import (
    ALiBiDefinition,
    LearnedPositionsDefinition,
    Pairing,
    RelativeBiasDefinition,
    RotaryDefinition,
    Scaling,
    SinusoidalDefinition,
    T5BiasDefinition,
    Tabled,
)
from wirework.nn.positions.learned import as_grid
from wirework.nn.positions.sinusoidal import Layout
from wirework.nn.sizes import Size
from wirework.nn.torch.base import Layer

Grid = int | Sequence[int]
Angles = tuple[Tensor, Tensor]
Definition = TypeVar("Definition", bound=Tabled)


class TableLayer(Layer, Generic[Definition]):
    """A layer with constant tables, as buffers that are not saved.

    They keep their values whatever happens to the module: `to_empty` fills them again, and converting the
    module to a lower precision leaves them in float32, because positions are multiplied by them.
    """

    definition: Definition

    def __init__(self, definition: Definition, device: Any, dtype: torch.dtype | None = None) -> None:
        super().__init__(definition, device, dtype)
        self.fill_tables(device)

    def fill_tables(self, device: Any) -> None:
        for name, table in self.definition.tables.items():
            self.register_buffer(name, as_tensor(table, device), persistent=False)

    def tables(self, device: torch.device) -> dict[str, Tensor]:
        """The tables on a device, made anew if they are elsewhere, as after loading into a model on meta."""
        found = {name: cast(Tensor, self._buffers[name]) for name in self.definition.tables}
        return {
            name: table if table.device == device else as_tensor(self.definition.tables[name], device)
            for name, table in found.items()
        }

    def _apply(self, fn: Any, recurse: bool = True) -> TableLayer[Definition]:
        super()._apply(fn, recurse)
        for name in self.definition.tables:
            self.fill_tables(cast(Tensor, self._buffers[name]).device)
        return self

    def _load_from_state_dict(self, state_dict: Mapping[str, Any], prefix: str, *args: Any, **kwargs: Any) -> None:
        super()._load_from_state_dict(state_dict, prefix, *args, **kwargs)
        on_meta = any(cast(Tensor, self._buffers[name]).is_meta for name in self.definition.tables)
        arrays = {getattr(self, name).device for name in self.definition.parameters}
        if on_meta and torch.device("meta") not in arrays:
            self.fill_tables(next(iter(arrays), "cpu"))


def as_tensor(table: np.ndarray, device: Any) -> Tensor:
    """A table in float32 or int64."""
    dtype = torch.float32 if table.dtype.kind == "f" else torch.int64
    with unset_fake_temporarily(), torch.inference_mode(False):
        return torch.tensor(table, dtype=dtype, device=device)


class LearnedPositions(Layer):
    """Add a learned vector for its place to each token `... t d`.

    Args:
        grid: the number of places, or the sizes of a grid of them, in the order of the tokens.
        prefix: tokens in front that have no place on the grid, such as a class token.
        antialias: how the table is resampled to another grid: `True` as timm does, `False` as Hugging Face's ViT.
        sizes: the size of d, which may be left out.

    Attributes:
        weight: `(prefix + (grid)) d`; normal with standard deviation 0.02. A saved table may have an axis of
            length 1 in front, as those of timm and Hugging Face's ViT have.

    >>> positions = LearnedPositions((4, 4), prefix=1)
    >>> positions(torch.zeros(2, 17, 8)).shape, positions(torch.zeros(2, 37, 8), grid=(6, 6)).shape
    (torch.Size([2, 17, 8]), torch.Size([2, 37, 8]))
    """

    definition: LearnedPositionsDefinition
    weight: nn.Parameter

    def __init__(
        self,
        grid: Grid,
        prefix: int = 0,
        antialias: bool = True,
        device: Any = None,
        dtype: torch.dtype | None = None,
        **sizes: Size,
    ) -> None:
        super().__init__(LearnedPositionsDefinition(as_grid(grid), prefix, antialias, sizes), device, dtype)

    def forward(self, x: Tensor, positions: Tensor | None = None, grid: Grid | None = None) -> Tensor:
        """Add the table to tokens.

        Args:
            x: `... t d`. If the grid is a line, t may be less than its length.
            positions: the row of the table for each token, `... t` or `t`.
            grid: the sizes of the grid that the tokens are on, to which the table is resampled.
        """
        if self.unbuilt:
            self.build_from(x)
        if positions is not None:
            return self.definition.add_at(x, self.weight, positions)
        return self.definition.add(x, self.weight if grid is None else self.resampled(grid))

    def resampled(self, grid: Grid) -> Tensor:
        """The table for another grid, bicubically interpolated in float32 or wider; the prefix as it is."""
        sizes = as_grid(grid)
        if sizes == self.definition.grid:
            return self.weight
        wide = self.weight.to(torch.promote_types(self.weight.dtype, torch.float32))
        matrices = [torch.as_tensor(matrix).to(wide) for matrix in self.definition.matrices(sizes)]
        with torch.autocast(wide.device.type, enabled=False):
            return self.definition.resample(wide, matrices).to(self.weight.dtype)

    def _load_from_state_dict(self, state_dict: Any, prefix: str, *args: Any, **kwargs: Any) -> None:
        saved = state_dict.get(prefix + "weight")
        if saved is not None and saved.dim() == 3 and saved.shape[0] == 1:
            state_dict = {**state_dict, prefix + "weight": saved[0]}
        super()._load_from_state_dict(state_dict, prefix, *args, **kwargs)


class Sinusoidal(TableLayer[SinusoidalDefinition]):
    """Add sines and cosines of their positions to tokens `... t d`.

    Args:
        d: the features of a token. It may be left out.
        base: the inverse of the lowest frequency, nearly.
        coordinates: the number of coordinates of a position.
        layout: the order of the features: c coordinates, f frequencies, k sine and cosine. "c f k" as Vaswani et
            al.; "k c f" as timm's `build_sincos2d_pos_embed`, "c k f" the same with `interleave_sin_cos`.
        grid: the number of places, or the sizes of a grid, for which the embedding is worked out once.

    Source: Vaswani et al., Attention Is All You Need, 2017; arXiv:1706.03762.

    >>> Sinusoidal()(torch.zeros(1, 2, 4))
    tensor([[[0.0000, 1.0000, 0.0000, 1.0000],
             [0.8415, 0.5403, 0.0100, 0.9999]]])
    """

    def __init__(
        self,
        d: int | None = None,
        *,
        base: float = 10000.0,
        coordinates: int = 1,
        layout: Layout = "c f k",
        grid: Grid | None = None,
        device: Any = None,
    ) -> None:
        sizes = None if grid is None else as_grid(grid)
        count = coordinates if sizes is None else len(sizes)
        super().__init__(SinusoidalDefinition(d, base, count, layout, sizes), device)
        self.device = device

    def build(self, starts: Mapping[str, Start]) -> None:
        """There are no parameters; a state dict does not tell the size."""
        self.unbuilt = bool(self.definition.missing)

    def infer(self, x: Tensor) -> None:
        """Make the tables with the size of an input."""
        self.definition = self.definition.sized(x)
        self.fill_tables(self.device or x.device)
        self.unbuilt = False

    def forward(self, x: Tensor, positions: Tensor | None = None) -> Tensor:
        """Add the embedding to tokens.

        Args:
            x: `... t d`.
            positions: `... t` or `t`, or with several coordinates `... t c` or `t c`; without them those of
                the grid, or 0, 1, 2 and so on.
        """
        if self.unbuilt:
            self.build_from(x)
        if positions is not None or self.definition.grid is None:
            encoding = self.encode(torch.arange(x.shape[-2], device=x.device) if positions is None else positions)
        else:
            encoding = self.tables(x.device)["encoding"][: x.shape[-2]]
        return self.definition.add(x, encoding.to(x.dtype))

    def encode(self, positions: Tensor) -> Tensor:
        """The embedding of positions, `... t d`."""
        angles = self.definition.angles(positions, self.tables(positions.device))
        return self.definition.join(angles.sin(), angles.cos())


class Rotary(TableLayer[RotaryDefinition]):
    """Turn pairs of features of queries and keys by angles that grow with their positions.

    Args:
        pairing: which features are pairs. "half": one of the first and one of the second half, as in Hugging
            Face's Llama. "interleaved": neighbours, as in the paper, and in timm.
        dim: how many features are turned, from the first on: those of a head, or fewer.
        base: the inverse of the slowest frequency, nearly.
        coordinates: the number of coordinates of a position; each turns its share of the features.
        scaling: another rule for the frequencies, such as `Llama3Scaling(factor=8, length=8192)`.

    Source: Su et al., RoFormer: Enhanced Transformer with Rotary Position Embedding, 2021; arXiv:2104.09864.

    >>> rotary = Rotary("half", dim=8)
    >>> q, k = rotary(torch.ones(1, 2, 3, 8), torch.ones(1, 2, 3, 8), torch.arange(3))
    >>> q.shape
    torch.Size([1, 2, 3, 8])
    """

    def __init__(
        self,
        pairing: Pairing,
        dim: int,
        *,
        base: float = 10000.0,
        coordinates: int = 1,
        scaling: Scaling | None = None,
        device: Any = None,
    ) -> None:
        super().__init__(RotaryDefinition(pairing, dim, base, coordinates, scaling), device)

    def forward(self, q: Tensor, k: Tensor, positions: Tensor | Angles | None = None) -> tuple[Tensor, Tensor]:
        """Queries and keys, both turned.

        Args:
            q, k: `... t d`, with the batch axis first if positions have one, and heads anywhere before t.
            positions: `t` or `b t`, or with several coordinates `t c` or `b t c`; without them 0, 1, 2 and so
                on. Or what `angles` made of them, so that many layers can share the work.
        """
        if positions is None:
            positions = torch.arange(q.shape[-2], device=q.device)
        factors = positions if isinstance(positions, tuple) else self.angles(positions)
        own, partner = factors
        if own.dtype != q.dtype:
            own, partner = own.to(q.dtype), partner.to(q.dtype)
        rotate = self.definition.rotate
        return rotate(q, own, partner, torch.addcmul), rotate(k, own, partner, torch.addcmul)

    def angles(self, positions: Tensor) -> Angles:
        """What features and their partners are multiplied by at some positions: `b t d` each, in float32."""
        angles = self.definition.angles(positions, self.tables(positions.device))
        return self.definition.factors(angles.cos(), angles.sin())


class RelativeBias(TableLayer[RelativeBiasDefinition]):
    """A learned bias of attention scores for each head and each offset between two places of a window.

    Args:
        window: the sizes of the window, such as (7, 7).
        heads: the number of heads.

    Attributes:
        relative_position_bias_table: the offsets, row by row, then the heads; normal with standard deviation 0.02.

    Source: Liu et al., Swin Transformer, 2021; arXiv:2103.14030.

    >>> RelativeBias((2, 3), heads=4)().shape
    torch.Size([4, 6, 6])
    """

    relative_position_bias_table: nn.Parameter

    def __init__(self, window: Grid, heads: int, device: Any = None, dtype: torch.dtype | None = None) -> None:
        super().__init__(RelativeBiasDefinition(as_grid(window), heads), device, dtype)
        self.places = self.definition.places

    def forward(self, q_positions: Tensor | None = None, k_positions: Tensor | None = None) -> Tensor:
        """The biases `h q k` of places counted row by row, `q` and `k`; without them of all places."""
        table = self.relative_position_bias_table
        return self.definition(table, self.tables(table.device), q_positions, k_positions)


class T5Bias(TableLayer[T5BiasDefinition]):
    """A learned bias of attention scores for each head and each bucket of distances.

    Args:
        heads: the number of heads.
        buckets: their number, for both directions together.
        max_distance: where the last bucket begins, at the latest.
        bidirectional: whether keys after the query have buckets of their own.

    Attributes:
        weight: the buckets, then the heads; normal with standard deviation 0.02.

    Source: Raffel et al., Exploring the Limits of Transfer Learning (T5), 2019; arXiv:1910.10683.

    >>> T5Bias(heads=4)(torch.arange(3), torch.arange(5)).shape
    torch.Size([4, 3, 5])
    """

    weight: nn.Parameter

    def __init__(
        self,
        heads: int,
        buckets: int = 32,
        max_distance: int = 128,
        bidirectional: bool = True,
        device: Any = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__(T5BiasDefinition(heads, buckets, max_distance, bidirectional), device, dtype)

    def forward(self, q_positions: Tensor, k_positions: Tensor) -> Tensor:
        """The biases `h q k` of positions `q` and `k`, or `b h q k` of `b q` and `b k`."""
        return self.definition(self.weight, self.tables(self.weight.device), q_positions, k_positions)


class ALiBi(TableLayer[ALiBiDefinition]):
    """A bias of attention scores that falls with the distance, by a slope of its own for each head.

    Args:
        heads: the number of heads.

    Source: Press et al., Train Short, Test Long, 2021; arXiv:2108.12409.

    >>> ALiBi(heads=2)(torch.tensor([2]), torch.arange(3))[0]
    tensor([[-0.1250, -0.0625,  0.0000]])
    """

    def __init__(self, heads: int, device: Any = None) -> None:
        super().__init__(ALiBiDefinition(heads), device)

    def forward(self, q_positions: Tensor, k_positions: Tensor) -> Tensor:
        """The biases `h q k` of positions `q` and `k`, or `b h q k` of `b q` and `b k`."""
        return self.definition(self.tables(q_positions.device), q_positions, k_positions)
