"""Layers for Flax linen: modules that take their sizes from their inputs.

>>> import jax, jax.numpy as jnp
>>> import wirework.nn.linen as wn
>>> layer = wn.Linear("... [c_in -> c_out]", c_out=64)
>>> layer.init(jax.random.key(0), jnp.zeros((2, 32)))["params"]["weight"].shape
(64, 32)
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial, wraps
from types import new_class
from typing import Any, ClassVar

try:
    import flax.linen as nn
except ImportError as error:
    raise ImportError('wirework.nn.linen needs Flax: pip install "wirework[flax]"') from error

import jax
import jax.numpy as jnp

from wirework.nn import layers
from wirework.nn.attention import Fused, Latent, QKNorm, Sinks, Softcap, Split
from wirework.nn.convert import convert
from wirework.nn.definition import Start
from wirework.nn.initialisers import constant, normal, truncated_normal, uniform
from wirework.nn.jax_arrays import OPS, cast, cast_inputs, draw, moved
from wirework.nn.jax_caches import StaticCache
from wirework.nn.jax_parameters import Init, floating, initialiser_for
from wirework.nn.layers import Layer
from wirework.nn.layers.base import signature_of
from wirework.nn.masks import Mask, causal, chunk, document, padding, prefix, span, where, window
from wirework.nn.positions import DynamicScaling, LinearScaling, Llama3Scaling, PixelBands, YarnScaling, grid_positions

Flags = Mapping[str, bool | None]


class Module(nn.Module, kw_only=True):
    """A layer as a module of linen: collections "params" and "batch_stats", random numbers "params" and "dropout".

    Attributes:
        layer: what it computes, without a framework.
        dtype: what inputs and parameters are converted to for a call; `None`: nothing is.
        param_dtype: of the parameters.
        deterministic: whether nothing is dropped; to be given here or in the call to a layer that drops something.
        use_running_average: whether running statistics are used and not changed; to be given here or in the call to a
            layer that has some.
    """

    kind: ClassVar[type[Layer]]

    layer: Layer
    dtype: Any = None
    param_dtype: Any = jnp.float32
    deterministic: bool | None = None
    use_running_average: bool | None = None

    def __call__(
        self, *inputs: Any, deterministic: bool | None = None, use_running_average: bool | None = None, **options: Any
    ) -> Any:
        """What the layer computes. The modules inside that ask for one of the two flags are given it too."""
        flags = {"deterministic": deterministic, "use_running_average": use_running_average}
        return self.run("__call__", inputs, options, flags)

    @nn.compact
    def run(self, method: str, inputs: tuple[Any, ...], options: Mapping[str, Any], flags: Flags) -> Any:
        """What a method of the layer computes."""
        if self.dtype is not None:
            inputs, options = cast_inputs(inputs, options, self.dtype)
        shapes, found = self.layer.positional(inputs, options), dict.fromkeys(self.layer.absent)
        found |= {name: self.array(name, start) for name, start in self.layer.starts(*shapes).items()}
        for name, inner in self.layer.inside(*shapes).items():
            found[name] = MODULES[type(inner)](layer=inner, dtype=self.dtype, param_dtype=self.param_dtype, name=name)
        found |= {name: told(getattr(self, name), flags) for name in self.layer.borrowed}
        return getattr(self.layer, method)(Scope(self, found, flags), *inputs, **options)

    def array(self, name: str, start: Start) -> Any:
        """A parameter, or the variable of a running statistic."""
        if name not in self.layer.parameters:
            return self.variable("batch_stats", name, draw, start.initialiser, None, start.shape)
        found = self.param(name, lambda key: draw(start.initialiser, key, start.shape, self.param_dtype))
        return found if self.dtype is None else cast(found, self.dtype)


class Scope:
    """A module while it is called, as its layer sees it: see `wirework.nn.layers.Scope`."""

    ops = OPS

    def __init__(self, module: Module, found: Mapping[str, Any], flags: Flags) -> None:
        self._module, self._found, self._flags = module, found, flags

    def __getattr__(self, name: str) -> Any:
        found = self._found[name]
        return found.value if isinstance(found, nn.Variable) else found

    @property
    def training(self) -> bool:
        layer = self._module.layer
        if not layer.is_random and not layer.buffers:
            return False
        name = "deterministic" if layer.is_random else "use_running_average"
        return not nn.merge_param(name, getattr(self._module, name), self._flags[name])

    def random(self) -> jax.Array:
        return self._module.make_rng("dropout")

    def track(self, count: int, **values: Any) -> None:
        if self._module.is_initializing():
            return
        for name, value in values.items():
            statistic = self._found[name]
            statistic.value = moved(statistic.value, value, self._module.layer.arguments["decay_rate"])


def told(module: Any, flags: Flags) -> Any:
    """A module that is called with the flags that it takes and does not have; anything else as it is."""
    if not isinstance(module, nn.Module):
        return module
    takes = inspect.signature(type(module).__call__).parameters
    given = {name: flag for name, flag in flags.items() if flag is not None and name in takes}
    given = {name: flag for name, flag in given.items() if getattr(module, name, None) is None}
    return partial(module, **given) if given else module


# -- parameters of operations ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class Place:
    """What stands for a parameter in an operation."""

    module: nn.Module
    name: str
    init: Init | None
    dtype: Any

    def __wirework_array__(self, request: Any) -> jax.Array:
        """Called by the operation."""
        dtype = self.dtype or floating(getattr(request.like, "dtype", None))
        init: Any = initialiser_for(request, self.init)
        return self.module.param(self.name, lambda key: draw(init, key, request.shape, dtype))


def param(module: nn.Module, name: str, init: Init | None = None, dtype: Any = None) -> Place:
    """A parameter of a module in place of an array, shaped by the expression that it is used in.

    Args:
        module: `self`, in `setup` or in a method under `nn.compact`.
        name: of the parameter.
        init: a distribution, a number, or a function of key, shape and dtype, such as those of `nn.initializers`.
            Without it the operation decides: `add` zeros, `multiply` ones, `get_at` and `rearrange` normal(0.02),
            `dot` truncated normal with variance 1/fan_in.
        dtype: `None`: that of the arrays that it meets.

    >>> class Scaled(nn.Module):
    ...     @nn.compact
    ...     def __call__(self, x):
    ...         return ww.multiply("... [c]", x, param(self, "scale"))
    """
    return Place(module, name, init, dtype)


# -- one class for each layer ----------------------------------------------------------------------------------

MODULES: dict[type[Layer], type[Module]] = {}


def native(kind: type[Layer], *borrowed: str) -> type[Module]:
    """The class of a layer in linen, whose fields are its layer and what it borrows: functions and other modules."""
    borrowed = (*kind.borrowed, *borrowed)
    namespace = {
        "__annotations__": dict.fromkeys(borrowed, Any), "__doc__": kind.__doc__, "__module__": __name__,
        "kind": kind, **dict.fromkeys(borrowed), **{name: offer(kind, name) for name in kind.offers},
    }  # fmt: skip
    made = new_class(kind.__name__, (Module,), {"kw_only": True}, lambda body: body.update(namespace))
    made.__init__ = taking_arguments(made.__init__, kind, borrowed)  # type: ignore[method-assign]
    signature = signature_of(kind, Module.__init__)
    shown = [each for each in signature.parameters.values() if each.name not in ("layer", "parent")]
    made.__signature__ = signature.replace(parameters=shown)  # type: ignore[attr-defined]
    MODULES[kind] = made
    return made


def taking_arguments(init: Callable[..., None], kind: type[Layer], borrowed: Sequence[str]) -> Callable[..., None]:
    """The `__init__` of a class, which takes the arguments of a layer, or as linen's `clone` does the layer itself."""
    others = inspect.signature(init).parameters.keys() - {"self", "layer", *borrowed}

    @wraps(init)
    def made(self: Module, *args: Any, **kwargs: Any) -> None:
        if isinstance(kwargs.get("layer"), Layer):
            return init(self, **kwargs)
        options = {name: kwargs.pop(name) for name in others if name in kwargs}
        layer = kind(*args, **kwargs)
        init(self, layer=layer, **layer.hand_over(), **options)

    return made


def offer(kind: type[Layer], name: str) -> Any:
    """What a layer can do besides being called, for its module."""
    member = getattr(kind, name)
    if isinstance(member, property):
        return property(lambda self: getattr(self.layer, name), doc=member.__doc__)

    def method(
        self: Module, *inputs: Any, deterministic: bool | None = None, use_running_average: bool | None = None,
        **options: Any,
    ) -> Any:  # fmt: skip
        flags = {"deterministic": deterministic, "use_running_average": use_running_average}
        return self.run(name, inputs, options, flags)

    method.__name__, method.__doc__ = name, member.__doc__
    return method


Linear = native(layers.Linear)
Norm = native(layers.Norm)
Dropout = native(layers.Dropout)
Embedding = native(layers.Embedding)
Conv = native(layers.Conv)
Attention = native(layers.Attention)
MLP = native(layers.MLP, "activation")
Residual = native(layers.Residual)
LearnedPositions = native(layers.LearnedPositions)
Sinusoidal = native(layers.Sinusoidal)
Rotary = native(layers.Rotary)
RelativeBias = native(layers.RelativeBias)
T5Bias = native(layers.T5Bias)
ALiBi = native(layers.ALiBi)

__all__ = [
    "MLP", "MODULES", "ALiBi", "Attention", "Conv", "Dropout", "DynamicScaling", "Embedding", "Fused", "Latent",
    "LearnedPositions", "Linear", "LinearScaling", "Llama3Scaling", "Mask", "Module", "Norm", "PixelBands", "QKNorm",
    "RelativeBias", "Residual", "Rotary", "Sinks", "Sinusoidal", "Softcap", "Split", "StaticCache", "T5Bias",
    "YarnScaling", "causal", "chunk", "constant", "convert", "document", "grid_positions", "normal", "padding", "param",
    "prefix", "span", "truncated_normal", "uniform", "where", "window",
]  # fmt: skip
