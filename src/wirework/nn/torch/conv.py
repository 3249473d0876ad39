"""Conv as a torch module."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from wirework.errors import AxisSizeError
from wirework.nn.conv import ConvDefinition
from wirework.nn.conv_padding import Padding, PaddingMode, Steps, misfit, spatial_places
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
        padding_mode: what to pad with: "zeros", or elements of the input, "reflect", "replicate" or "circular", as
            `torch.nn.Conv2d` has them.
        sizes: sizes of axes. Those of the input may be left out.

    Attributes:
        weight: `(g d) c kernel...`, or `(g c) d kernel...` if transposed; truncated normal with variance
            1 / fan-in.
        bias: `(g d)`; zeros.

    Raises:
        SemanticError: if the expression or the options describe no convolution; if `padding_mode` goes with
            `transposed`, or with "same" and a stride.
        AxisSizeError: when called with an input that the weight does not fit, or that is too small to be padded.

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
        padding_mode: PaddingMode = "zeros",
        device: Any = None,
        dtype: torch.dtype | None = None,
        **sizes: Size,
    ) -> None:
        definition = ConvDefinition(
            expression, kernel, stride, padding, dilation, output_padding, transposed, bias, padding_mode, sizes
        )
        super().__init__(definition, device, dtype)
        if not bias:
            self.register_parameter("bias", None)

    def forward(self, x: Tensor) -> Tensor:
        if self.unbuilt:
            self.build_from(x)
        try:  # as attributes they would cost more, because nn.Module looks for them in vain first
            weight, bias = self._parameters["weight"], self._parameters["bias"]
        except KeyError:  # a parametrisation or pruning has put something else in their place
            weight, bias = self.weight, self.bias
        definition = self.definition
        if definition.padding_mode != "zeros":
            x = pad(x, definition, self.weight.ndim - 2)
        return definition(x, weight, bias)


def pad(x: Tensor, definition: ConvDefinition, count: int) -> Tensor:
    """The input with `count` spatial axes padded by its own elements.

    Raises:
        AxisSizeError: if it is too small.
    """
    places, last = spatial_places(definition.operand, x.ndim, count), range(-count, 0)
    amounts = definition.margins(count)
    if not places:  # the rank is wrong, as the convolution will say
        return x
    moved = x.movedim(places, tuple(last))
    batch = moved.shape[: max(x.ndim - count - 1, 1)]  # torch pads with one or two dimensions before the last
    flat = moved if x.ndim <= count + 2 else moved.flatten(0, len(batch) - 1)
    try:
        y = F.pad(flat, [each for pair in reversed(amounts) for each in pair], mode=definition.padding_mode)
    except RuntimeError:
        reason = misfit(definition.padding_mode, amounts, [x.shape[place] for place in places])
        if reason is None:
            raise
    else:
        whole = y if flat is moved else y.unflatten(0, batch)
        return whole.movedim(tuple(last), places)
    raise AxisSizeError(f"{definition}: {reason}")
