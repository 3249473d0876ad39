"""Conversion to and from torch: the layer of a module, and the other way."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from wirework.errors import NotSupportedError
from wirework.nn.attention import Sinks, Softcap
from wirework.nn.attention.definition import AttentionDefinition
from wirework.nn.layers import Layer
from wirework.nn.torch.composite import CLASSES, Composite, class_of
from wirework.nn.torch.layers import Norm
from wirework.nn.torch.mlp import MLP, Residual
from wirework.nn.torch.parameter import UnbuiltParameter, refuse

COUNTER = "num_batches_tracked"  # a buffer that other frameworks do not have


def layer_of(module: nn.Module) -> Layer:
    """The layer of a module, without a framework."""
    if isinstance(module, Composite):
        return module.layer
    for kind, made in CLASSES.items():
        if isinstance(module, made):
            return kind(**kind.keywords(arguments_of(module), {name: getattr(module, name) for name in kind.borrowed}))
    raise NotSupportedError(f"{type(module).__name__} is no layer that can be converted")


def arguments_of(module: nn.Module) -> dict[str, Any]:
    """What a module was made with: what its definition says, and what that leaves to the module."""
    definition: Any = module.definition
    if isinstance(definition, AttentionDefinition):
        return attention_arguments(definition)
    said = {each.name: getattr(definition, each.name) for each in fields(definition)}
    sizes = said.pop("sizes", {})
    match module:
        case Norm():
            del said["tracked"]
            said["decay_rate"] = module.decay_rate
        case MLP():
            said["activation"] = module.activation_name or module.activation
            said["dropout"] = module.dropout.definition.drop_rate
        case Residual():
            rates = {"dropout": module.dropout, "drop_path": module.drop_path}
            said |= {name: each.definition.drop_rate for name, each in rates.items()}
    return {**said, **sizes}


def attention_arguments(definition: AttentionDefinition) -> dict[str, Any]:
    """What an attention layer was made with."""
    sizes = definition.sizes
    names = ("heads", "kv_heads", "dim", "context_dim", "head_dim", "value_dim", "out_dim", "gate")
    options = ("projection", "qk_norm", "mask", "scale", "backend")
    softcap = () if definition.softcap is None else (Softcap(definition.softcap),)
    return {
        **{name: getattr(sizes, name) for name in names},
        **{name: getattr(definition, name) for name in options},
        "bias": sizes.biases, "scores": (*softcap, *((Sinks(),) if definition.sinks else ())),
        "dropout": definition.drop_rate,
    }  # fmt: skip


def new(kind: type[Layer], keywords: Mapping[str, Any]) -> nn.Module:
    """A module of a kind of layer."""
    return class_of(kind)(**keywords)


def arrays_of(module: nn.Module) -> dict[str, np.ndarray]:
    """The parameters and buffers of a module that other frameworks have too."""
    arrays = module.state_dict(keep_vars=True)
    return {name: as_numpy(array) for name, array in arrays.items() if not name.endswith(COUNTER)}


def as_numpy(array: Tensor) -> np.ndarray:
    """An array of numpy, of the same dtype."""
    if isinstance(array, UnbuiltParameter):
        refuse([array])
    array = array.detach().cpu()
    if array.dtype is not torch.bfloat16:
        return array.numpy()
    from ml_dtypes import bfloat16  # which the other frameworks bring

    return array.view(torch.int16).numpy().view(bfloat16)


def as_tensor(array: np.ndarray) -> Tensor:
    """A tensor with a copy of an array, of the same dtype."""
    if array.dtype.name == "bfloat16":
        return torch.tensor(array.view(np.int16)).view(torch.bfloat16)
    return torch.tensor(array)


def with_arrays(module: nn.Module, arrays: Mapping[str, np.ndarray]) -> nn.Module:
    """The module with these parameters and buffers."""
    counters = {name: array for name, array in module.state_dict().items() if name.endswith(COUNTER)}
    tensors = {name: as_tensor(array) for name, array in arrays.items()}
    module.load_state_dict({**counters, **tensors}, assign=True)
    return module
