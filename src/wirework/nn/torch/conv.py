"""Conv as a torch module."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from wirework.nn.conv import ConvDefinition, Padding, Steps
from wirework.nn.sizes import Size
from wirework.nn.torch.base import Layer


class Conv(Layer):
    """A convolution over one to three axes, with the channels wherever the expression has them.

    `"b [s...] [c -> d]"` has the channels last, `"b [c -> d] [s...]"` first, as `torch.nn.Conv2d` does.
    `"b (g [c -> d]) [s...]"` has groups of its own weights; with g as many as channels it is depthwise.

    Args:
        expression: the axes of the input: spatial ones in brackets, and `[channels -> channels]`.
        kernel: its length along each spatial axis, or one for all.
        stride, dilation: a number, or one for each spatial axis.
        padding: a number, one for each spatial axis, pairs (before, after), "valid", or "same" for
            ceil(size / stride) places.
        output_padding: with `transposed`, more places at the end.
        transposed: the transpose of this convolution, as `torch.nn.ConvTranspose2d`.
        bias: whether to add a bias for each output channel.
        sizes: sizes of axes. Those of the input may be left out.

    Attributes:
        weight: `(g d) c kernel...`, or `(g c) d kernel...` if transposed; truncated normal with variance
            1 / fan-in.
        bias: `(g d)`; zeros.

    >>> layer = Conv("b [c -> d] [s...]", kernel=3, padding="same", d=16)
    >>> layer(torch.zeros(2, 3, 32, 32)).shape
    torch.Size([2, 16, 32, 32])
    """

    definition: ConvDefinition
    weight: nn.Parameter
    bias: nn.Parameter | None

    def __init__(
        self,
        expression: str,
        kernel: Steps,
        stride: Steps = 1,
        padding: Padding = 0,
        dilation: Steps = 1,
        output_padding: Steps = 0,
        transposed: bool = False,
        bias: bool = True,
        device: Any = None,
        dtype: torch.dtype | None = None,
        **sizes: Size,
    ) -> None:
        definition = ConvDefinition(
            expression, kernel, stride, padding, dilation, output_padding, transposed, bias, sizes
        )
        super().__init__(definition, device, dtype)
        if not bias:
            self.register_parameter("bias", None)

    def forward(self, x: Tensor) -> Tensor:
        if self.unbuilt:
            self.build_from(x)
        return self.definition(x, self.weight, self.bias)
