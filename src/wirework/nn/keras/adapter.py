"""The adapter to Keras: a native layer of any layer."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from inspect import Parameter, signature
from typing import Any

import keras
import numpy as np

from wirework.errors import AxisSizeError
from wirework.nn import layers
from wirework.nn.definition import Start
from wirework.nn.keras.arrays import BACKEND, SIZES, Ops, filled, is_symbolic, known_of
from wirework.nn.keras.parameters import initialiser_of, registered
from wirework.nn.layers import Layer, signature_of
from wirework.nn.layers.options import as_plain, from_plain
from wirework.nn.masks import Mask, as_mask, padding

Array = Any
Shape = Sequence[int | None]


class Module(keras.layers.Layer):
    """A layer as one of Keras: running statistics are non-trainable weights.

    Args:
        seed: what parameters and random masks are drawn from; `None`: what `keras.utils.set_random_seed` sets.

    Attributes:
        layer: what it computes, without a framework.
    """

    kind: type[Layer]
    sized_by = 1  # of how many inputs `build` takes the shapes

    def __init__(
        self, *args: Any, name: str | None = None, dtype: Any = None, trainable: bool = True, seed: int | None = None,
        **kwargs: Any,
    ) -> None:  # fmt: skip
        layer = self.kind(*args, **kwargs)
        super().__init__(name=name, dtype=dtype, trainable=trainable)
        for each, native in {**dict.fromkeys((*layer.absent, *layer.borrowed)), **layer.hand_over()}.items():
            setattr(self, each, native)
        self.layer: Any = layer
        self.seed, self.first_seed = seed, random.getrandbits(31) if seed is None else seed
        self.seeds: Any = keras.random.SeedGenerator(self.seed_of("masks")) if layer.is_random else None
        self.supports_masking = keeps_places(layer)

    def seed_of(self, name: str) -> int:
        """The seed of an array or of an inner layer, whenever that is made."""
        return random.Random(f"{self.first_seed} {name}").getrandbits(31)

    def build(self, input_shape: Shape | None = None) -> None:
        self.make(input_shape)

    def make(self, *shapes: Shape | None) -> None:
        """Make the weights and the inner layers, with the sizes that the shapes of inputs show.

        Raises:
            AxisSizeError: if a size is still missing.
        """
        shown = [shape for shape in shapes if shape is not None] if self.layer.missing else []
        (starts, inside), other = (self.parts(shown, size) for size in SIZES)
        if (starts, inside) != other:
            raise AxisSizeError(self.layer.refusal())
        for name, start in starts.items():
            setattr(self, name, self.variable(name, start))
        for name, layer in inside.items():
            options: dict[str, Any] = {"name": name, "dtype": self.dtype_policy, "seed": self.seed_of(name)}
            setattr(self, name, MODULES[type(layer)](**layer.arguments, **options))
        for name in (*inside, *self.layer.borrowed):
            inner = getattr(self, name)
            if isinstance(inner, Module) and not inner.built and not inner.layer.missing:
                inner.build()

    def parts(self, shapes: Sequence[Shape], size: int) -> tuple[Mapping[str, Start], Mapping[str, Layer]]:
        """How weights start, and the inner layers, were every size that is not known this one."""
        inputs = [np.broadcast_to(0.0, [size if each is None else each for each in shape]) for shape in shapes]
        return self.layer.starts(*inputs), self.layer.inside(*inputs)

    def variable(self, name: str, start: Start) -> keras.Variable:
        """A new weight. That of a norm is not rounded to the half precision of a policy."""
        return self.add_weight(
            shape=start.shape, initializer=initialiser_of(start.initialiser, self.seed_of(name)), name=name,
            trainable=name in self.layer.parameters, autocast=not isinstance(self.layer, layers.Norm),
        )  # fmt: skip

    def call(self, *inputs: Any, offer: str = "__call__", training: bool | None = None, **options: Any) -> Any:
        return getattr(self.layer, offer)(Scope(self, bool(training)), *inputs, **options)

    def compute_output_spec(self, *inputs: Any, **options: Any) -> Any:
        return keras.tree.map_structure(known_of, *[self.output_for(size, inputs, options) for size in SIZES])

    def output_for(self, size: int, inputs: Any, options: Any) -> Any:
        """What a call gives, were every size that is not known this one. Keras takes only arrays as arguments."""
        inputs, options = filled(inputs, size), filled(options, size)
        symbolic = {name: each for name, each in options.items() if is_symbolic(each)}
        operation = keras.Operation(name=self.name)
        operation.call = partial(self.call, **{name: options[name] for name in options.keys() - symbolic})
        return operation.compute_output_spec(*inputs, **symbolic)

    def compute_output_shape(self, *shapes: Shape) -> Any:
        if not self.built:
            self.build(*shapes[: self.sized_by])
        dtype: Any = "int32" if isinstance(self.layer, layers.Embedding) else self.variable_dtype
        spec: Any = self.compute_output_spec(*(keras.KerasTensor(shape, dtype) for shape in shapes))
        return keras.tree.map_structure(lambda each: each.shape, spec)

    def get_config(self) -> dict[str, Any]:
        natives = {name: getattr(self, name) for name in self.layer.borrowed if getattr(self, name) is not None}
        own = {"seed": self.seed, **self.layer.keywords(self.layer.arguments, natives)}
        save = keras.saving.serialize_keras_object
        return {**super().get_config(), **{name: as_plain(each, save) for name, each in own.items()}}

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Module:
        return cls(**{name: from_plain(each, keras.saving.deserialize_keras_object) for name, each in config.items()})


class MaskedAttention(Module):
    """Attention that also heeds the padding masks `b t` that Keras hands from layer to layer."""

    sized_by = 2

    def __call__(self, x: Array, context: Array | None = None, mask: Mask | Array | None = None, **options: Any) -> Any:
        options |= {} if mask is None else {"attention_mask": mask}  # `mask` is what Keras calls that of the padding
        return super().__call__(x, context=context, **options)

    def build(self, x_shape: Shape | None = None, context_shape: Shape | None = None) -> None:  # type: ignore[override]
        self.make(x_shape, context_shape)

    def call(
        self, x: Array, context: Array | None = None, attention_mask: Mask | Array | None = None, cache: Any = None,
        positions: Any = None, *, mask: Array | None = None, x_mask: Array | None = None,
        context_mask: Array | None = None, offer: str = "__call__", training: bool | None = None,
    ) -> Array:  # fmt: skip
        there = context_mask if context is not None else mask if x_mask is None else x_mask
        if there is not None:
            tokens = padding(there)
            attention_mask = tokens if attention_mask is None else tokens & as_mask(attention_mask)
        return super().call(x, context, attention_mask, cache, positions, offer=offer, training=training)

    def attention_weights(self, x: Array, context: Array | None = None, **options: Any) -> Array:
        """How much every query attends to every key: `b h q k`. (`weights` are the variables of a Keras layer.)"""
        return self(x, context, offer="weights", **options)


class FloatingLookup(Module):
    """An embedding that also takes ids as floating numbers, which is what Keras makes of data by default."""

    def __call__(self, ids: Array, **options: Any) -> Any:
        floating = keras.backend.is_float_dtype(keras.backend.standardize_dtype(ids.dtype))
        if floating and "offer" not in options:
            ids = keras.ops.cast(ids, "int32")
        return super().__call__(ids, **options)


class Scope:
    """A module as its layer sees it: variables are arrays. See `wirework.nn.layers.Scope`."""

    def __init__(self, module: Module, training: bool) -> None:
        self._module, self.training, self.ops = module, training, Ops(module.seeds)

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._module, name)
        if not isinstance(found, keras.Variable):
            return found
        return keras.ops.cast(found, found.dtype)  # its value has another dtype where torch only traces shapes

    def random(self) -> Array | None:
        """A key of JAX; torch draws from its own generator, which `keras.utils.set_random_seed` seeds too."""
        return self._module.seeds.next() if BACKEND == "jax" else None

    def track(self, count: int, **values: Array) -> None:
        rate = self._module.layer.decay_rate
        for name, value in values.items():
            statistic = getattr(self._module, name)
            statistic.assign(statistic.value * rate + self.ops.detach(value) * (1 - rate))


def keeps_places(layer: Layer) -> bool:
    """Whether the first axes of the output are those of the input, so that a padding mask still fits."""
    if isinstance(layer, layers.Linear):
        return layer.definition.input.terms[:-1] == layer.definition.output.terms[:-1]
    return not isinstance(layer, layers.Conv)


MODULES: dict[type[Layer], type[Module]] = {}


def native(kind: type[Layer], base: type[Module] = Module) -> Any:
    """The class of a layer in Keras."""
    described = {"kind": kind, "__doc__": kind.__doc__, "__module__": __name__}
    members = {name: offered(kind, name) for name in kind.offers if not hasattr(base, name)}
    members |= {"call": call_of(kind)} if base.call is Module.call else {}
    members |= {**described, "__signature__": signature_of(kind, base.__init__)}
    MODULES[kind] = registered(type(kind.__name__, (base,), members))
    return MODULES[kind]


def call_of(kind: type[Layer]) -> Callable[..., Any]:
    """`Module.call` with the arguments of a layer, which Keras looks at; of these an offer may need only the first."""

    def call(self: Module, *inputs: Any, **options: Any) -> Any:
        return Module.call(self, *inputs, **options)

    module, first, *rest = [each for each in signature(kind.__call__).parameters.values() if each.name != "scope"]
    rest = [each.replace(default=None) if each.kind is each.POSITIONAL_OR_KEYWORD else each for each in rest]
    added = [each for each in signature(Module.call).parameters.values() if each.kind is Parameter.KEYWORD_ONLY]
    arguments = sorted([module, first, *rest, *added], key=lambda each: each.kind)
    call.__signature__ = signature(call).replace(parameters=arguments)  # type: ignore[attr-defined]
    return call


def offered(kind: type[Layer], name: str) -> Any:
    """A property or method of a layer as one of its module."""
    if isinstance(getattr(kind, name), property):
        return property(lambda self: getattr(self.layer, name))

    def method(self: Module, *inputs: Any, **options: Any) -> Any:
        return self(*inputs, offer=name, **options)

    method.__name__, method.__doc__ = name, getattr(kind, name).__doc__
    return method


Linear, Norm, Dropout = map(native, (layers.Linear, layers.Norm, layers.Dropout))
Embedding = native(layers.Embedding, FloatingLookup)
Conv, MLP, Residual = map(native, (layers.Conv, layers.MLP, layers.Residual))
Attention = native(layers.Attention, MaskedAttention)
LearnedPositions, Sinusoidal, Rotary = map(native, (layers.LearnedPositions, layers.Sinusoidal, layers.Rotary))
RelativeBias, T5Bias, ALiBi = map(native, (layers.RelativeBias, layers.T5Bias, layers.ALiBi))
