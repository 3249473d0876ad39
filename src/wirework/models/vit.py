"""The vision transformer as a PyTorch module: what it computes is in `wirework.models.networks.vit`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, Self, cast

import torch
from torch import Tensor, nn

import wirework as ww
import wirework.nn.torch as wn
from wirework.models.formats.vit import FORMATS
from wirework.models.model import Config, Model
from wirework.models.networks import vit as network
from wirework.models.networks.vit import ViTConfig
from wirework.nn.torch.composite import Composite


class ViT(Model[ViTConfig], Composite):
    """Images to logits: `b c (h p) (w q) -> b classes`.

    >>> model = ViT.preset("digits")
    >>> model(torch.zeros(2, 1, 8, 8)).shape
    torch.Size([2, 10])
    """

    layer: network.ViT
    prefix: nn.Parameter
    positions: wn.LearnedPositions
    blocks: nn.ModuleList
    config_class = ViTConfig
    formats = FORMATS

    def __init__(self, config: ViTConfig) -> None:
        super().__init__(config)
        self.compose(network.ViT(config))

    def forward(self, images: Tensor) -> Tensor | tuple[Tensor, Tensor]:
        """Logits, or without a head what it would see. In training, a distilled model gives those of both heads."""
        return self.layer(self, images)

    def features(self, images: Tensor) -> Tensor:
        """The last state of each token: `b t d`. With `pooling="mean"` it is the mean that is normalised, later."""
        return self.layer.features(self, images)

    def embed(self, images: Tensor) -> Tensor:
        """Images to tokens: those in front, then the patches row by row, and their positions."""
        return self.layer.embed(self, images)

    def pool(self, x: Tensor) -> Tensor:
        """One vector for each image: `b t d -> b d`."""
        return self.layer.pool(self, x)

    # -- where it looks -----------------------------------------------------------------------------------------------

    @torch.no_grad()
    def attention_maps(self, images: Tensor) -> Tensor:
        """How much every token attends to every other: `b depth heads q k`, summing to 1 over k."""
        x, maps = self.embed(images), []
        for block in cast("list[Block]", self.blocks):
            maps.append(block.attention_weights(x))
            x = block(x)
        return torch.stack(maps, dim=1)

    @torch.no_grad()
    def class_attention(self, images: Tensor) -> Tensor:
        """How much of each patch reaches the class token's last state: `b h w`, summing to 1 or less.

        Attention rollout (Abnar and Zuidema, Quantifying Attention Flow in Transformers, 2020): the product over the
        blocks of the heads' mean attention, half of it the residual connection.
        """
        maps = ww.mean("b l [h] q k -> l b q k", self.attention_maps(images))
        identity = torch.eye(maps.shape[-1], device=maps.device)
        flow = identity.expand(maps.shape[1:])
        for attention in maps:
            flow = ww.dot("b q [t], b [t] k -> b q k", (attention + identity) / 2, flow)
        return ww.rearrange("b (h w) -> b h w", flow[:, 0, len(self.prefix) :], h=self.layer.grid(images)[0])

    # -- weights ------------------------------------------------------------------------------------------------------

    @classmethod
    def from_pretrained(
        cls,
        path: str | Path,
        config: Config | None = None,
        *,
        image_size: int | tuple[int, int] | None = None,
        **options: Any,
    ) -> Self:
        """As `Model.from_pretrained`; for images of another size, positions are resampled.

        Args:
            image_size: of the images to come; `None`: of those that the model was trained on.
        """
        model = super().from_pretrained(path, config, **options)
        if image_size is not None:
            model.resize(image_size)
        return model

    def resize(self, image_size: int | tuple[int, int]) -> None:
        """Resample the positions once for images of another size, which need not be resampled in each call then."""
        self.config = replace(self.config, image_size=image_size)
        self.layer = network.ViT(self.config)
        weight = self.positions.resampled(self.config.grid)
        self.positions.definition = replace(self.positions.definition, grid=self.config.grid)
        self.positions.weight = nn.Parameter(weight.detach())


class Block(Composite):
    """Self-attention, then an MLP, each after a layer norm and beside a residual connection."""

    attn: wn.Residual
    mlp: wn.Residual

    def __init__(self, config: ViTConfig, drop_path: float) -> None:
        super().__init__()
        self.compose(network.Block(config, drop_path))
        self.reset_parameters()

    def attention_weights(self, x: Tensor) -> Tensor:
        """How much each query attends to each key: `b h q k`."""
        attention, norm = self.attn.module, self.attn.norm
        assert isinstance(attention, wn.Attention) and norm is not None
        return attention.weights(norm(x))
