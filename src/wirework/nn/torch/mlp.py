"""MLP and Residual as torch modules."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from typing import Any, cast

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from wirework.errors import SemanticError, did_you_mean
from wirework.nn.mlp import Activation, MLPDefinition
from wirework.nn.residual import ResidualDefinition
from wirework.nn.sizes import Size
from wirework.nn.torch.base import Layer
from wirework.nn.torch.layers import Dropout, Linear

ACTIVATIONS: dict[str, Callable[[Tensor], Tensor]] = {
    "gelu": F.gelu,
    "gelu_tanh": partial(F.gelu, approximate="tanh"),
    "relu": F.relu,
    "silu": F.silu,
    "tanh": torch.tanh,
}


class MLP(nn.Module):
    """Two linear layers with a nonlinearity between them: `"... [d -> m]"` and back.

    With `gated` a third decides how much of each hidden element passes: with "silu" it is SwiGLU, with
    "gelu" GEGLU (Shazeer, GLU Variants Improve Transformer, 2020; arXiv:2002.05202).

    Args:
        expand: a linear layer from the input to the hidden axes, whose sizes must be given.
        contract: a linear layer from the hidden axes; without it back to those of the input.
        activation: a name, or a function or module of one tensor. "gelu" is exact, "gelu_tanh" GPT-2's.
        gated: whether the hidden layer is gated.
        bias: whether the linear layers have one.
        dropout: the rate at which elements of the hidden layer are dropped.
        sizes: sizes of axes. Those of the input may be left out.

    Attributes:
        fc1, fc2: the linear layers, called as in timm; or if gated
        gate_proj, up_proj, down_proj: called as in Hugging Face's Llama.

    >>> MLP("... [d -> m]", m=256)(torch.zeros(2, 5, 64)).shape
    torch.Size([2, 5, 64])
    """

    def __init__(
        self,
        expand: str = "... [d -> m]",
        contract: str | None = None,
        *,
        activation: Activation | Callable[[Tensor], Tensor] = "gelu",
        gated: bool = False,
        bias: bool = True,
        dropout: float = 0.0,
        device: Any = None,
        dtype: torch.dtype | None = None,
        **sizes: Size,
    ) -> None:
        super().__init__()
        self.definition = MLPDefinition(expand, contract, gated, bias, sizes)
        self.activation_name = activation if isinstance(activation, str) else ""
        self.activation = named_activation(activation) if isinstance(activation, str) else activation
        for name, layer in self.definition.layers.items():
            options: dict[str, Any] = {"device": device, "dtype": dtype, **layer.sizes}
            self.add_module(name, Linear(layer.expression, bias, **options))
        self.dropout = Dropout("[...]", dropout)
        self.drops = dropout > 0

    def forward(self, x: Tensor) -> Tensor:
        layers = cast("dict[str, Linear]", self._modules)
        last = layers[self.definition.last_name]
        if last.unbuilt:
            traced = "torch._dynamo" in sys.modules  # to ask for `disable` would import it, for 1.5 seconds
            infer = torch.compiler.disable(self.infer_last) if traced else self.infer_last
            infer(last, x)  # type: ignore[call-arg]
        dropout = self.dropout if self.drops and self.training else None
        return self.definition(x, layers, self.activation, dropout)

    def infer_last(self, last: Linear, x: Tensor) -> None:
        """Give the last layer the sizes that it takes from the input of the first."""
        weight = self.definition.last_weight(x)
        last.build(last.definition.starts(arrays={"weight": weight}))

    def extra_repr(self) -> str:
        named = f', activation="{self.activation_name}"' if self.activation_name else ""
        return self.definition.summary + named


def named_activation(name: str) -> Callable[[Tensor], Tensor]:
    """The function of that name."""
    if name not in ACTIVATIONS:
        close = did_you_mean(name, tuple(ACTIVATIONS))
        raise SemanticError(f"there is no activation {name!r}{close}: choose from {', '.join(ACTIVATIONS)}")
    return ACTIVATIONS[name]


class Residual(Layer):
    """A module beside a connection that skips it: `x + module(norm(x))`.

    Args:
        module: what is skipped. Other arguments of a call are passed on to it.
        norm: a normalisation of the module's input; `None`: none.
        norm_after: apply it to the sum instead: `norm(x + module(x))`, as the first transformer did.
        layer_scale: what a learned factor of the module's output starts from; `None`: no such factor
            (Touvron et al., Going deeper with Image Transformers, 2021; arXiv:2103.17239).
        dropout: the rate at which elements of the module's output are dropped.
        drop_path: the rate at which it is dropped for a whole sample (Huang et al., Deep Networks with
            Stochastic Depth, 2016; arXiv:1603.09382).
        expression: the axes of the input; the learned factor has those in brackets.
        sizes: sizes of axes. They may be left out.

    >>> block = Residual(MLP("... [d -> m]", m=256), layer_scale=1e-5)
    >>> block(torch.zeros(2, 5, 64)).shape
    torch.Size([2, 5, 64])
    """

    definition: ResidualDefinition
    scale: nn.Parameter | None

    def __init__(
        self,
        module: nn.Module,
        norm: nn.Module | None = None,
        *,
        norm_after: bool = False,
        layer_scale: float | None = None,
        dropout: float = 0.0,
        drop_path: float = 0.0,
        expression: str = "... [d]",
        device: Any = None,
        dtype: torch.dtype | None = None,
        **sizes: Size,
    ) -> None:
        super().__init__(ResidualDefinition(expression, layer_scale, norm_after, sizes), device, dtype)
        if layer_scale is None:
            self.register_parameter("scale", None)
        self.module = module
        self.norm = norm
        self.dropout = Dropout("[...]", dropout)
        self.drop_path = Dropout("[b] ...", drop_path)
        self.drops = dropout > 0 or drop_path > 0

    def forward(self, x: Tensor, *args: Any, **kwargs: Any) -> Tensor:
        if self.unbuilt:
            self.build_from(x)
        drop = self.drop if self.drops and self.training else None
        try:  # as attributes they would cost more, because nn.Module looks for them in vain first
            scale, modules = self._parameters["scale"], cast("dict[str, nn.Module]", self._modules)
            module, norm = modules["module"], modules["norm"]
        except KeyError:  # there is no norm, or one of them is a function, or a parametrisation's
            scale, module, norm = self.scale, self.module, self.norm
        return self.definition(x, scale, module, norm, drop, *args, **kwargs)

    def drop(self, y: Tensor) -> Tensor:
        return self.drop_path(self.dropout(y))
