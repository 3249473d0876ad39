"""torch's fused kernels for the normalisations that it knows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor

from wirework.nn.norm_forms import NormForm

if TYPE_CHECKING:
    from wirework.nn.torch.layers import Norm


def fused(norm: Norm, form: NormForm, x: Tensor) -> Tensor | None:
    """The result of a layer by one kernel, `None` where no kernel does exactly that."""
    like = norm.weight if norm.weight is not None else norm.bias
    if like is None or not form.fits(x.ndim) or (x.dtype != like.dtype and not torch.is_autocast_enabled()):
        return None
    if form.kind == "layer":
        return layer_norm(norm, like, x)
    place = form.channel % x.ndim
    if x.shape[place] != like.shape[0] or 0 in x.shape:
        return None
    y = by_channel(norm, form, x if place == 1 else x.movedim(place, 1))
    return None if y is None else y if place == 1 else y.movedim(1, place)


def layer_norm(norm: Norm, like: Tensor, x: Tensor) -> Tensor | None:
    """Layer norm, or RMS norm without a mean."""
    definition, shape = norm.definition, like.shape
    if x.shape[x.ndim - len(shape) :] != shape or norm.decay_rate is not None:
        return None
    if definition.mean:
        return F.layer_norm(x, shape, norm.weight, norm.bias, definition.epsilon)
    if norm.bias is None:
        return F.rms_norm(x, shape, norm.weight, definition.epsilon)
    return None


def by_channel(norm: Norm, form: NormForm, x: Tensor) -> Tensor | None:
    """Batch, instance or group norm of `b c s...`."""
    epsilon = norm.definition.epsilon
    per_statistic = x.numel() // x.shape[1] // (1 if form.kind == "batch" else x.shape[0])
    if form.kind == "group":
        if norm.decay_rate is not None or x.shape[1] % form.groups:
            return None
        return F.group_norm(x, form.groups, norm.weight, norm.bias, epsilon)
    if form.kind == "instance":
        if norm.decay_rate is not None or per_statistic == 1:
            return None
        return F.instance_norm(x, None, None, norm.weight, norm.bias, True, 0.0, epsilon)
    tracked = norm.decay_rate is not None
    batch = norm.training or not tracked
    if batch and per_statistic == 1:
        return None
    if batch and tracked:
        norm.num_batches_tracked.add_(1)
    mean, var = (norm.running_mean, norm.running_var) if tracked else (None, None)
    momentum = 1 - norm.decay_rate if norm.decay_rate is not None else 0.0
    return F.batch_norm(x, mean, var, norm.weight, norm.bias, batch, momentum, epsilon)
