"""Layers for Haiku: modules to call inside `hk.transform`, which take their sizes from their inputs.

>>> import haiku as hk, jax, jax.numpy as jnp
>>> import wirework.nn.haiku as wn
>>> f = hk.transform(lambda x: wn.Linear("... [c_in -> c_out]", c_out=64)(x))
>>> f.init(jax.random.key(0), jnp.zeros((2, 32)))["linear"]["weight"].shape
(64, 32)
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

try:
    import haiku as hk
except ImportError as error:
    raise ImportError('wirework.nn.haiku needs Haiku: pip install "wirework[haiku]"') from error

import jax
import jax.numpy as jnp

from wirework.nn import layers
from wirework.nn.attention import Fused, Latent, QKNorm, Sinks, Softcap, Split
from wirework.nn.convert import convert
from wirework.nn.definition import Start
from wirework.nn.initialisers import (
    Constant,
    Initialiser,
    Normal,
    TruncatedNormal,
    Uniform,
    ZeroAt,
    constant,
    normal,
    truncated_normal,
    uniform,
)
from wirework.nn.jax_arrays import OPS, debiased, draw
from wirework.nn.jax_caches import StaticCache
from wirework.nn.jax_parameters import Init, initialiser_for
from wirework.nn.layers import Layer
from wirework.nn.layers.base import signature_of
from wirework.nn.masks import Mask, causal, chunk, document, padding, prefix, span, where, window
from wirework.nn.positions import DynamicScaling, LinearScaling, Llama3Scaling, PixelBands, YarnScaling, grid_positions

BATCHES = "num_batches_tracked"  # how many batches the running statistics are of


class Module(hk.Module):
    """A layer as a module of Haiku: parameters by `hk.get_parameter`, running statistics by `hk.get_state`.

    Running statistics are zero-debiased means, as `hk.ExponentialMovingAverage` makes them for `hk.BatchNorm`.

    Attributes:
        layer: what it computes, without a framework.
        dtype: of the parameters and running statistics.
    """

    kind: ClassVar[type[Layer]]

    def __init__(self, *args: Any, dtype: Any = jnp.float32, name: str | None = None, **kwargs: Any) -> None:
        super().__init__(name=name)
        self.layer = self.kind(*args, **kwargs)
        self.natives, self.dtype = self.layer.hand_over(), dtype

    def __call__(self, *inputs: Any, is_training: bool = True, **options: Any) -> Any:
        """What the layer computes.

        Args:
            is_training: whether elements are dropped, and running statistics moved and not used. The modules inside
                that take such an argument are given it too.
        """
        return self.layer(self.scope(inputs, is_training, options), *inputs, **options)

    @hk.transparent
    def scope(self, inputs: tuple[Any, ...], is_training: bool, options: Mapping[str, Any]) -> Scope:
        """The module as its layer sees it, with arrays of the sizes that were given, or else that inputs show."""
        shapes = self.layer.positional(inputs, options) if self.layer.missing else ()
        found = dict.fromkeys(self.layer.absent)
        found |= {name: self.array(name, start) for name, start in self.layer.starts(*shapes).items()}
        for name, inner in self.layer.inside(*shapes).items():
            found[name] = told(MODULES[type(inner)](**inner.arguments, dtype=self.dtype, name=name), is_training)
        found |= {name: told(native, is_training) for name, native in self.natives.items()}
        if self.layer.buffers:
            found[BATCHES] = hk.get_state(BATCHES, (), jnp.int32, init=jnp.zeros)
        return Scope(self, found, is_training)

    @hk.transparent
    def array(self, name: str, start: Start) -> jax.Array:
        """A parameter or a running statistic."""
        get = hk.get_parameter if name in self.layer.parameters else hk.get_state
        return get(name, start.shape, self.dtype, init=drawn(start.initialiser))  # type: ignore[arg-type]


class Scope:
    """A module while it is called, as its layer sees it: see `wirework.nn.layers.Scope`."""

    ops = OPS

    def __init__(self, module: Module, found: Mapping[str, Any], training: bool) -> None:
        self._module, self._found, self.training = module, found, training

    def __getattr__(self, name: str) -> Any:
        return self._found[name]

    def random(self) -> jax.Array:
        return hk.next_rng_key()

    def track(self, count: int, **values: Any) -> None:
        batches = self._found[BATCHES] + 1
        hk.set_state(BATCHES, batches)
        for name, value in values.items():
            hk.set_state(name, debiased(self._found[name], value, self._module.layer.arguments["decay_rate"], batches))


def told(module: Any, is_training: bool) -> Any:
    """A module that is called with `is_training`, if it takes that; anything else as it is."""
    takes = isinstance(module, hk.Module) and "is_training" in inspect.signature(type(module).__call__).parameters
    return Told(module, is_training) if takes else module


class Told:
    """A module with its mode."""

    def __init__(self, module: Any, is_training: bool) -> None:
        self._module, self._is_training = module, is_training

    def __getattr__(self, name: str) -> Any:
        return getattr(self._module, name)

    def __call__(self, *inputs: Any, **options: Any) -> Any:
        return self._module(*inputs, **{"is_training": self._is_training, **options})


def drawn(init: Initialiser | Callable[..., jax.Array]) -> Callable[..., jax.Array]:
    """An initialiser of Haiku."""
    match init:
        case Constant(value):
            return hk.initializers.Constant(value)
        case Normal() | TruncatedNormal() | Uniform() | ZeroAt():
            return lambda shape, dtype: draw(init, hk.next_rng_key(), tuple(shape), dtype)
    return init


@dataclass(frozen=True)
class Parameter:
    """What stands for a parameter in an operation: see `param`."""

    name: str
    init: Init | None
    dtype: Any

    def __wirework_array__(self, request: Any) -> jax.Array:
        """Called by the operation."""
        init = drawn(initialiser_for(request, self.init))
        return hk.get_parameter(self.name, request.shape, self.dtype, init=init)


def param(name: str = "weight", init: Init | None = None, dtype: Any = jnp.float32) -> Parameter:
    """A parameter of the current module in place of an array of an operation, which says its shape.

    Args:
        name: of the parameter: within a module, the same name is the same parameter.
        init: a distribution, a number, or one of `hk.initializers`. Without it the operation decides: `add` zeros,
            `multiply` ones, `get_at` and `rearrange` normal(0.02), `dot` truncated normal with variance 1/fan_in.

    >>> import wirework as ww
    >>> f = hk.transform(lambda x: ww.multiply("... [c]", x, param("scale")))
    >>> f.init(None, jnp.zeros((2, 3)))["~"]["scale"]
    Array([1., 1., 1.], dtype=float32)
    """
    return Parameter(name, init, dtype)


MODULES: dict[type[Layer], type[Module]] = {}


def native(kind: type[Layer]) -> type[Module]:
    """The class of a layer in Haiku."""
    namespace = {
        "__doc__": kind.__doc__, "__module__": __name__, "__signature__": signature_of(kind, Module.__init__),
        "kind": kind, **{name: offer(kind, name) for name in kind.offers},
    }  # fmt: skip
    MODULES[kind] = type(Module)(kind.__name__, (Module,), namespace)
    return MODULES[kind]


def offer(kind: type[Layer], name: str) -> Any:
    """What a layer can do besides being called, for its module."""
    member = getattr(kind, name)
    if isinstance(member, property):
        return property(lambda self: getattr(self.layer, name), doc=member.__doc__)

    def method(self: Module, *inputs: Any, is_training: bool = True, **options: Any) -> Any:
        return member(self.layer, self.scope(inputs, is_training, options), *inputs, **options)

    method.__name__, method.__doc__ = name, member.__doc__
    return hk.name_like("__call__")(method)


Linear = native(layers.Linear)
Norm = native(layers.Norm)
Dropout = native(layers.Dropout)
Embedding = native(layers.Embedding)
Conv = native(layers.Conv)
Attention = native(layers.Attention)
MLP = native(layers.MLP)
Residual = native(layers.Residual)
LearnedPositions = native(layers.LearnedPositions)
Sinusoidal = native(layers.Sinusoidal)
Rotary = native(layers.Rotary)
RelativeBias = native(layers.RelativeBias)
T5Bias = native(layers.T5Bias)
ALiBi = native(layers.ALiBi)

__all__ = [
    "MLP", "ALiBi", "Attention", "Conv", "Dropout", "DynamicScaling", "Embedding", "Fused", "Latent",
    "LearnedPositions", "Linear", "LinearScaling", "Llama3Scaling", "Mask", "Norm", "PixelBands", "QKNorm",
    "RelativeBias", "Residual", "Rotary", "Sinks", "Sinusoidal", "Softcap", "Split", "StaticCache", "T5Bias",
    "YarnScaling", "causal", "chunk", "constant", "convert", "document", "grid_positions", "normal", "padding", "param",
    "prefix", "span", "truncated_normal", "uniform", "where", "window",
]  # fmt: skip
