"""torch's fused kernels for the normalisations that it knows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from wirework.nn.norm_forms import NormForm

if TYPE_CHECKING:
    from wirework.nn.torch.layers import Norm


def fused(norm: Norm, form: NormForm, x: Tensor) -> Tensor | None:
    """The result of a layer by one kernel, `None` where no kernel does exactly that, or where it refuses the input."""
    try:  # as attributes they would cost more, because nn.Module looks for them in vain first
        weight, bias = norm._parameters["weight"], norm._parameters["bias"]
    except KeyError:  # a parametrisation or pruning has put something else in their place
        weight, bias = norm.weight, norm.bias
    like = bias if weight is None else weight
    if form.rank is not None and form.rank != x.ndim:
        return None
    if like is not None and like.dtype is not x.dtype and not torch.is_autocast_enabled(x.device.type):
        return None
    try:
        y = KERNELS[form.kind](norm, form, x, weight, bias)
    except RuntimeError:  # sizes that do not fit, or a dtype: the definition names the axis, or can do it
        return None
    return y if y is None or y.dtype is x.dtype else y.to(x.dtype)


def layer_norm(norm: Norm, form: NormForm, x: Tensor, weight: Tensor | None, bias: Tensor | None) -> Tensor | None:
    """Layer norm over the last axes."""
    shape = last_axes(form, x, bias if weight is None else weight)
    return None if shape is None else torch.layer_norm(x, shape, weight, bias, norm.definition.epsilon)


def rms_norm(norm: Norm, form: NormForm, x: Tensor, weight: Tensor | None, _: Tensor | None) -> Tensor | None:
    """RMS norm over the last axes, with its weight in any of the forms that `scale` has."""
    shape = last_axes(form, x, weight)
    if shape is None:
        return None
    epsilon, scale = norm.definition.epsilon, norm.definition.scale
    if weight is None or scale is True:
        return torch.rms_norm(x, shape, weight, epsilon)
    if scale == "1 + w":  # which is not rounded to a shorter dtype
        wide = torch.promote_types(x.dtype, torch.float32)
        return torch.rms_norm(x.to(wide), shape, weight.to(wide) + 1, epsilon)
    return weight * torch.rms_norm(x, shape, None, epsilon)


def last_axes(form: NormForm, x: Tensor, like: Tensor | None) -> torch.Size | None:
    """The shape of the axes that statistics are over."""
    if like is not None:
        return like.shape
    return None if form.depth is None else x.shape[x.ndim - form.depth :]


def by_channel(norm: Norm, form: NormForm, x: Tensor, weight: Tensor | None, bias: Tensor | None) -> Tensor | None:
    """Batch, instance or group norm of `b c s...`, or with the channels elsewhere."""
    if x.ndim < 2 or not x.numel():
        return None
    place = form.channel % x.ndim
    if place == 1:
        return CHANNEL_KERNELS[form.kind](norm, form, x, weight, bias)
    moved = x.movedim(place, 1)
    if form.kind == "group":  # whose backward crashes on others in torch 2.13, where only the weight has a gradient
        moved = moved.contiguous()
    y = CHANNEL_KERNELS[form.kind](norm, form, moved, weight, bias)
    return None if y is None else y.movedim(1, place)


def group_norm(norm: Norm, form: NormForm, x: Tensor, weight: Tensor | None, bias: Tensor | None) -> Tensor:
    """Group norm of `b (g c) s...`."""
    return torch.group_norm(x, form.groups, weight, bias, norm.definition.epsilon)


def instance_norm(norm: Norm, form: NormForm, x: Tensor, weight: Tensor | None, bias: Tensor | None) -> Tensor | None:
    """Instance norm of `b c s...`."""
    return torch.instance_norm(x, weight, bias, None, None, True, 0.0, norm.definition.epsilon, True)


def batch_norm(norm: Norm, form: NormForm, x: Tensor, weight: Tensor | None, bias: Tensor | None) -> Tensor | None:
    """Batch norm of `b c s...`, which moves the running statistics in training."""
    epsilon, decay_rate = norm.definition.epsilon, norm.decay_rate
    if decay_rate is None:
        return torch.batch_norm(x, weight, bias, None, None, True, 0.0, epsilon, True)
    training = norm.training
    if training and x.numel() == x.shape[1]:
        return None  # the definition says that one value has no variance
    y = torch.batch_norm(x, weight, bias, norm.running_mean, norm.running_var, training, 1 - decay_rate, epsilon, True)
    if training:
        norm.num_batches_tracked.add_(1)
    return y


CHANNEL_KERNELS = {"batch": batch_norm, "instance": instance_norm, "group": group_norm}
KERNELS = {"layer": layer_norm, "rms": rms_norm} | dict.fromkeys(CHANNEL_KERNELS, by_channel)
