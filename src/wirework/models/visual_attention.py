"""Visual attention: attention between places of images (Abbott, Neural Circuit Diagrams, 2024; arXiv:2402.05424).

Queries, keys and values are made by convolutions, so each stands for a patch of an image. What the heads mix is
brought back to the size of the image by a transposed convolution. With a kernel of 1 it is attention between pixels.

Axes: b batch, c channels of the image that asks, n channels of the one that is asked, h heads, d features of a
head, x y places of a query, u v places of a key.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from torch import Tensor

import wirework as ww
import wirework.nn.torch as wn
from wirework.errors import SemanticError
from wirework.models.model import Config, Model


@dataclass(frozen=True)
class VisualAttentionConfig(Config):
    """The sizes of visual attention.

    Attributes:
        channels: of the image that asks, and of the result.
        context_channels: of the image that is asked; 0: as many.
        heads, head_dim: the number of heads, and the features of each.
        kernel, stride: sides of a patch, and steps between patches.
        bias: whether the convolutions have one.
    """

    channels: int
    context_channels: int = 0
    heads: int = 1
    head_dim: int = 8
    kernel: int = 1
    stride: int = 1
    bias: bool = True

    def __post_init__(self) -> None:
        for name in ("channels", "heads", "head_dim", "kernel", "stride"):
            if getattr(self, name) < 1:
                raise SemanticError(f"{name}={getattr(self, name)} is not above 0")


VisualAttentionConfig.presets = {
    "pixels": VisualAttentionConfig(channels=32, heads=4),
    "patches": VisualAttentionConfig(channels=33, heads=4, kernel=3, stride=3),
}


class VisualAttention(Model[VisualAttentionConfig]):
    """An image attends to another, or to itself: `b c height width -> b c height width`.

    >>> model = VisualAttention.preset("patches")
    >>> model(torch.zeros(1, 33, 16, 16)).shape
    torch.Size([1, 33, 16, 16])
    """

    config_class = VisualAttentionConfig

    def __init__(self, config: VisualAttentionConfig) -> None:
        super().__init__(config)
        c, n = config.channels, config.context_channels or config.channels
        shared: dict[str, Any] = {"kernel": config.kernel, "stride": config.stride, "bias": config.bias}
        shared |= {"h": config.heads, "d": config.head_dim}
        self.q = wn.Conv("b [c -> (h d)] [x y]", c=c, **shared)
        self.k = wn.Conv("b [n -> (h d)] [u v]", n=n, **shared)
        self.v = wn.Conv("b [n -> (h d)] [u v]", n=n, **shared)
        # A stride may leave out the last rows and columns. As many as it can leave out are added here, and then cut.
        self.out = wn.Conv("b [(h d) -> c] [x y]", transposed=True, output_padding=config.stride - 1, c=c, **shared)

    def forward(self, images: Tensor, context: Tensor | None = None) -> Tensor:
        """`b c height width -> b c height width`.

        Args:
            images: those that ask.
            context: those that are asked, `b n height width`, also of another size; `None`: the same.

        Raises:
            AxisSizeError: if an image is smaller than a patch.
        """
        height, width = images.shape[2:]
        context = images if context is None else context
        q, k, v = self.q(images), self.k(context), self.v(context)
        text = "b (h [d]) x y, b (h [d]) [u v], b (h e) [u v] -> b (h e) x y"
        mixed = ww.attention(text, q, k, v, h=self.config.heads)
        return self.out(mixed)[:, :, :height, :width]

    def weights(self, images: Tensor, context: Tensor | None = None) -> Tensor:
        """How much each place attends to each other: `b h x y u v`, summing to 1 over u and v."""
        q, k = self.q(images), self.k(images if context is None else context)
        text = "b (h [d]) x y, b (h [d]) u v -> b h x y u v"
        return ww.softmax("b h x y [u v]", ww.dot(text, q, k, h=self.config.heads) * self.config.head_dim**-0.5)
