"""Linear, Norm and Dropout as torch modules."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from wirework.errors import AxisSizeError
from wirework.nn.dropout import DropoutDefinition
from wirework.nn.linear import LinearDefinition
from wirework.nn.norm import NormDefinition, Scale
from wirework.nn.norm_forms import form_of
from wirework.nn.sizes import Size
from wirework.nn.torch.base import Layer
from wirework.nn.torch.norms import fused


class Linear(Layer):
    """`y = x · weight + bias` over bracketed axes: `"... [c_in -> c_out]"`, `"b [s... -> s2] c"`.

    Axes outside the bracket share the weight: `"... (g [c -> d])"` acts alike on every group.

    Args:
        expression: the axes of the input, with `[input axes -> output axes]`.
        bias: whether to add a bias with the output axes.
        sizes: sizes of axes. Those of the input may be left out.

    Attributes:
        weight: the output axes, then the input axes; truncated normal with variance 1 / fan-in.
        bias: the output axes; zeros.

    >>> layer = Linear("... [c_in -> c_out]", c_out=64)
    >>> layer(torch.zeros(2, 5, 32)).shape
    torch.Size([2, 5, 64])
    """

    definition: LinearDefinition
    weight: nn.Parameter
    bias: nn.Parameter | None

    def __init__(
        self,
        expression: str,
        bias: bool = True,
        device: Any = None,
        dtype: torch.dtype | None = None,
        **sizes: Size,
    ) -> None:
        super().__init__(LinearDefinition(expression, bias, sizes), device, dtype)
        if not bias:
            self.register_parameter("bias", None)

    def forward(self, x: Tensor) -> Tensor:
        if self.unbuilt:
            self.build_from(x)
        try:  # as attributes they would cost more than all else here, because nn.Module looks for them in vain first
            weight, bias = self._parameters["weight"], self._parameters["bias"]
        except KeyError:  # a parametrisation or pruning has put something else in their place
            weight, bias = self.weight, self.bias
        return self.definition(x, weight, bias)

    @property
    def in_features(self) -> int:
        """How many elements are summed into one element of the output."""
        return self.definition.features(self.arrays())[0]

    @property
    def out_features(self) -> int:
        """How many elements the output has for each place of the shared axes."""
        return self.definition.features(self.arrays())[1]


class Norm(Layer):
    """Normalisation over the bracketed axes of `stats`, then a scale and a bias over those of `params`.

    `"... [c]"` is layer norm, `"[b...] c"` batch norm, `"b [s...] c"` instance norm,
    `"b [s...] (g [c])"` group norm, and `"... [c]"` with `mean=False` RMS norm.

    Args:
        stats: the axes of the input; statistics are over those in brackets.
        params: the axes of the input again; `weight` and `bias` have those in brackets.
        mean, var, bias: which parts to apply.
        scale: whether to multiply by `weight`. `"1 + w"` multiplies by 1 + weight, which starts at zero, as Gemma
            does. `"w after cast"` rounds to the dtype of the input before the weight and not only after it, as Llama
            and Qwen do: the numbers differ from `True`, which is as in `torch.nn.RMSNorm`, in half precision only.
        epsilon: added to the variance.
        decay_rate: how much of the running statistics a training step keeps. They are used in
            evaluation mode. `None`: no running statistics.
        sizes: sizes of axes. Those that an input shows may be left out.

    Attributes:
        weight, bias: the axes in the brackets of `params`; ones (zeros for `scale="1 + w"`) and zeros.
        running_mean, running_var: the axes outside the brackets of `stats`. The variance is unbiased.

    Raises:
        SemanticError: if the expressions describe no normalisation.
        AxisSizeError: when called with an input that the weight does not fit, or, in training with running
            statistics, with one value per statistic.

    Source: Ba et al., Layer Normalization, 2016, arXiv:1607.06450; Ioffe and Szegedy, Batch Normalization, 2015,
    arXiv:1502.03167; Zhang and Sennrich, Root Mean Square Layer Normalization, 2019, arXiv:1910.07467.

    >>> Norm("... [c]")(torch.tensor([[1.0, 3.0]]))
    tensor([[-1.0000,  1.0000]], grad_fn=<AddBackward0>)
    """

    definition: NormDefinition
    weight: nn.Parameter | None
    bias: nn.Parameter | None
    running_mean: Tensor
    running_var: Tensor
    num_batches_tracked: Tensor

    def __init__(
        self,
        stats: str,
        params: str = "b... [c]",
        mean: bool = True,
        var: bool = True,
        scale: Scale = True,
        bias: bool = True,
        epsilon: float = 1e-5,
        decay_rate: float | None = None,
        device: Any = None,
        dtype: torch.dtype | None = None,
        **sizes: Size,
    ) -> None:
        tracked = decay_rate is not None
        definition = NormDefinition(stats, params, mean, var, scale, bias, epsilon, tracked, sizes)
        super().__init__(definition, device, dtype)
        self.decay_rate = decay_rate
        self.form = form_of(definition)
        for name in {"weight", "bias"} - set(definition.parameters):
            self.register_parameter(name, None)
        if tracked:
            self.register_buffer("num_batches_tracked", torch.tensor(0, device=device))

    def extra_repr(self) -> str:
        decay = "" if self.decay_rate is None else f", decay_rate={self.decay_rate}"
        return self.definition.summary + decay

    def reset_parameters(self) -> None:
        """Draw all parameters anew, and forget the running statistics."""
        super().reset_parameters()
        if self.decay_rate is not None:
            self.num_batches_tracked.zero_()

    def forward(self, x: Tensor) -> Tensor:
        if self.unbuilt:
            self.build_from(x)
        if self.form is not None and (y := fused(self, self.form, x)) is not None:
            return y
        wide = torch.promote_types(x.dtype, torch.float32)
        dtype = x.dtype if x.is_floating_point() else wide
        y, weight = self.normalise(x.to(wide)), self.weight
        if self.definition.scale == "w after cast":
            y = y.to(dtype)
        elif weight is not None:
            weight = weight.to(wide)
        return self.definition.affine(y, weight, self.bias).to(dtype)

    def normalise(self, x: Tensor) -> Tensor:
        """The input by its own statistics, or in evaluation mode by the running ones, if there are any."""
        definition = self.definition
        if self.decay_rate is not None and not self.training:
            mean = self.running_mean if definition.mean else None
            var = self.running_var if definition.var else None
            return definition.rescale(definition.centre(x, mean), var)
        mean = definition.mean_of(x)
        centred = definition.centre(x, mean)
        var = definition.variance_of(centred)
        if self.decay_rate is not None:
            self.track(x, mean, var, 1 - self.decay_rate)
        return definition.rescale(centred, var)

    @torch.no_grad()
    def track(self, x: Tensor, mean: Tensor | None, var: Tensor | None, rate: float) -> None:
        """Move the running statistics towards those of a batch."""
        if mean is not None:
            self.running_mean.lerp_(mean.to(self.running_mean.dtype), rate)
        if var is not None:
            count = x.numel() // max(var.numel(), 1)
            if count == 1:
                raise AxisSizeError(f"{self.definition} needs more than one value per statistic in training")
            self.running_var.lerp_((var * (count / (count - 1))).to(self.running_var.dtype), rate)
        self.num_batches_tracked.add_(1)


class Dropout(nn.Module):
    """In training, multiply by a random mask over the bracketed axes, scaled to keep the mean.

    `"[...]"` drops single elements, `"[b] ... [c]"` whole channels, `"[b] ..."` whole samples (drop
    path, as in stochastic depth).

    Args:
        expression: the axes of the input; the mask has those in brackets.
        drop_rate: the probability that an element of the mask is zero.
    """

    def __init__(self, expression: str, drop_rate: float) -> None:
        super().__init__()
        self.definition = DropoutDefinition(expression, drop_rate)
        self.single = self.definition.single

    def forward(self, x: Tensor) -> Tensor:
        if not self.training or self.definition.drop_rate == 0:
            return x
        if self.single:
            return F.dropout(x, self.definition.drop_rate)
        keep_rate = self.definition.keep_rate

        def draw_mask(shape: tuple[int, ...]) -> Tensor:
            mask = torch.empty(shape, dtype=x.dtype, device=x.device).bernoulli_(keep_rate)
            return mask.div_(keep_rate) if keep_rate else mask

        return self.definition(x, draw_mask)

    def extra_repr(self) -> str:
        return f'"{self.definition.expression}", drop_rate={self.definition.drop_rate}'
