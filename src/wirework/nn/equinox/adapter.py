"""The adapter to Equinox: a native module of any layer."""

from __future__ import annotations

import inspect
import types
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar, Self

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

from wirework.errors import AxisSizeError, SemanticError
from wirework.nn import layers
from wirework.nn.definition import Start
from wirework.nn.jax_arrays import OPS, debiased
from wirework.nn.jax_parameters import drawn
from wirework.nn.layers import Layer
from wirework.nn.layers.base import EMPTY, below, inner_layers, signature_of

State = eqx.nn.State
StateIndex = eqx.nn.StateIndex
SHAPED = (jax.Array, jax.ShapeDtypeStruct, np.ndarray)
BATCHES = "num_batches_tracked"  # how many batches the running statistics are of


class Module(eqx.nn.StatefulLayer):
    """A layer as a module of Equinox: arrays and inner layers are its fields, None where it has none.

    Running statistics are kept in an `eqx.nn.State`, as those of `eqx.nn.BatchNorm` are: what has any inside is made
    by `eqx.nn.make_with_state`, called with the state, and returns the new one beside its result. They are means over
    all batches, where each weighs `decay_rate` as much as the next.

    Attributes:
        layer: what it computes, without a framework.
        inference: whether nothing is dropped and running statistics are used: see `eqx.nn.inference_mode`.
    """

    kind: ClassVar[type[Layer]]
    names: ClassVar[tuple[str, ...]]

    inference: bool
    layer: Layer = eqx.field(static=True)

    def __init__(
        self, *args: Any, key: jax.Array | None = None, dtype: Any = jnp.float32, inference: bool = False,
        inputs: Sequence[Any] = (), starts: Mapping[str, Start] = EMPTY, **kwargs: Any,
    ) -> None:  # fmt: skip
        """A layer with all its arrays.

        Args:
            key: what parameters are drawn from; not needed where none is random.
            dtype: of the arrays.
            inputs: arrays, or their shapes, that the layer is to be called with: they have the sizes left out.
            starts: how arrays start, by names such as "fc1.weight", where it is not as their layers say.
        """
        layer = self.kind(*args, **kwargs)
        if layer.missing and not inputs:
            raise AxisSizeError(layer.refusal())
        starts, own, inside = {**layer.restarts(), **starts}, layer.starts(*inputs), dict(inner_layers(layer, *inputs))
        rows = {name: () for name, each in layer.inside(*inputs).items() if isinstance(each, list)}
        found = {**dict.fromkeys(self.names), **layer.hand_over(), **rows}
        count = len(own) + len(inside)
        keys = iter([None] * count if key is None else jax.random.split(key, count))
        for name, start in own.items():
            initialiser = starts.get(name, start).initialiser
            array = drawn(f"{name} of {layer}", initialiser, next(keys), start.shape, dtype)
            found[name] = array if name in layer.parameters else StateIndex(array)
        for path, inner in inside.items():
            options = {"dtype": dtype, "inference": inference, "starts": below(".".join(path), starts)}
            module = class_of(inner)(**inner.keywords(inner.arguments, inner.natives), key=next(keys), **options)
            found[path[0]] = module if len(path) == 1 else (*found[path[0]], module)
        if layer.buffers:
            found[BATCHES] = StateIndex(jnp.zeros((), jnp.int32))
        for name, value in found.items():
            setattr(self, name, value)
        self.inference, self.layer = inference, layer

    @classmethod
    def build(cls, *args: Any, **kwargs: Any) -> Self:
        """A layer with the sizes of inputs: these, or their shapes, follow the other positional arguments.

        >>> x = jax.ShapeDtypeStruct((2, 32), "float32")
        >>> Linear.build("... [c_in -> c_out]", x, c_out=64, key=jax.random.key(0)).weight.shape
        (64, 32)
        """
        inputs = tuple(each for each in args if isinstance(each, SHAPED))
        return cls(*(each for each in args if not isinstance(each, SHAPED)), inputs=inputs, **kwargs)

    def is_stateful(self) -> bool:
        """Whether it is called with a state and returns the new one."""
        return has_state(self)

    def __call__(
        self, *inputs: Any, state: State | None = None, key: jax.Array | None = None, inference: bool | None = None,
        **options: Any,
    ) -> Any:  # fmt: skip
        """What the layer computes; if a `state` is given, also as the last input, with the new state.

        Args:
            key: what dropped elements are chosen by; not needed where none are.
            inference: what to use in place of the attribute, here and in all layers inside.
        """
        if inputs and isinstance(inputs[-1], State):
            inputs, state = inputs[:-1], inputs[-1]
        scope = Scope(self, state, key, inference)
        y = self.layer(scope, *inputs, **options)
        return y if scope._state is None else (y, scope._state)


class Scope:
    """A module while it is called, as its layer sees it: see `wirework.nn.layers.Scope`."""

    ops = OPS

    def __init__(self, module: Module, state: State | None, key: jax.Array | None, inference: bool | None) -> None:
        self._module, self._state, self._key, self._inference = module, state, key, inference
        self.training = not (module.inference if inference is None else inference)

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._module, name)
        if isinstance(found, StateIndex):
            return self._kept().get(found)
        if isinstance(found, tuple):
            return tuple(Inner(each, self) for each in found)
        return Inner(found, self) if isinstance(found, eqx.Module) else found

    def random(self) -> jax.Array:
        if self._key is None:
            raise SemanticError(f"{self._module.layer} drops elements at random: call it with key=...")
        self._key, key = jax.random.split(self._key)
        return key

    def track(self, count: int, **values: Any) -> None:
        batches, decay_rate = getattr(self, BATCHES) + 1, self._module.layer.arguments["decay_rate"]
        new = {name: debiased(getattr(self, name), value, decay_rate, batches) for name, value in values.items()}
        for name, value in {**new, BATCHES: batches}.items():
            self._state = self._kept().set(getattr(self._module, name), value)

    def _kept(self) -> State:
        """The state, which must have been given."""
        if self._state is None:
            raise SemanticError(f"{self._module.layer} keeps running statistics: call it with state=...")
        return self._state


class Inner:
    """A module inside another, given by it the key, the state and the mode that it takes."""

    def __init__(self, module: Any, scope: Scope) -> None:
        self._module, self._scope = module, scope

    def __getattr__(self, name: str) -> Any:
        return getattr(self._module, name)

    def __call__(self, *inputs: Any, **options: Any) -> Any:
        module, scope = self._module, self._scope
        if scope._key is not None and takes(module, "key"):
            options["key"] = scope.random()
        if scope._inference is not None and takes(module, "inference"):
            options["inference"] = scope._inference
        if not has_state(module):
            return module(*inputs, **options)
        y, scope._state = module(*inputs, state=scope._kept(), **options)
        return y


def has_state(module: Any) -> bool:
    """Whether a module or one inside it keeps running statistics."""
    leaves = jax.tree.leaves(module, is_leaf=lambda each: isinstance(each, StateIndex))
    return any(isinstance(leaf, StateIndex) for leaf in leaves)


def takes(function: Callable[..., Any], name: str) -> bool:
    """Whether a function has an argument of that name."""
    return name in inspect.signature(function).parameters


MODULES: dict[type[Layer], type[Module]] = {}


def class_of(layer: Layer) -> type[Module]:
    """The class of a layer in Equinox, made when it is first asked for."""
    names = (*layer.parameters, *layer.buffers, *layer.absent, *layer.inside())
    return MODULES.get(type(layer)) or native(type(layer), *names)


def native(kind: type[Layer], *names: str) -> type[Module]:
    """The class of a layer in Equinox, with fields for the arrays and inner layers that there may be."""

    def made(self: Module, *args: Any, **kwargs: Any) -> None:
        Module.__init__(self, *args, **kwargs)

    signature = signature_of(kind, Module.__init__)
    own = inspect.Parameter("self", inspect.Parameter.POSITIONAL_ONLY)
    made.__signature__ = signature.replace(parameters=[own, *signature.parameters.values()])  # type: ignore[attr-defined]
    fields = (*names, *kind.borrowed)
    namespace = {
        "__annotations__": dict.fromkeys(fields, Any), "__doc__": kind.__doc__, "__init__": made,
        "__module__": __name__, "kind": kind, "names": fields, **{name: offer(kind, name) for name in kind.offers},
    }  # fmt: skip
    MODULES[kind] = types.new_class(kind.__name__, (Module,), exec_body=lambda body: body.update(namespace))
    return MODULES[kind]


def offer(kind: type[Layer], name: str) -> Any:
    """What a layer can do besides being called, for its module."""
    member = getattr(kind, name)
    if isinstance(member, property):
        return property(lambda self: getattr(self.layer, name), doc=member.__doc__)

    def method(self: Module, *inputs: Any, key: Any = None, inference: bool | None = None, **options: Any) -> Any:
        return member(self.layer, Scope(self, None, key, inference), *inputs, **options)

    method.__name__, method.__doc__ = name, member.__doc__
    return method


Linear = native(layers.Linear, "weight", "bias")
Norm = native(layers.Norm, "weight", "bias", "running_mean", "running_var", BATCHES)
Dropout = native(layers.Dropout)
Embedding = native(layers.Embedding, "weight")
Conv = native(layers.Conv, "weight", "bias")
Attention = native(
    layers.Attention, "in_proj_weight", "in_proj_bias", "out_proj", "q_proj", "k_proj", "v_proj", "o_proj",
    "q_a_proj", "q_a_layernorm", "q_b_proj", "kv_a_proj_with_mqa", "kv_a_layernorm", "kv_b_proj", "q_norm", "k_norm",
    "sinks",
)  # fmt: skip
MLP = native(layers.MLP, "fc1", "fc2", "gate_proj", "up_proj", "down_proj", "activation")
Residual = native(layers.Residual, "scale")
LearnedPositions = native(layers.LearnedPositions, "weight")
Sinusoidal, Rotary, ALiBi = native(layers.Sinusoidal), native(layers.Rotary), native(layers.ALiBi)
RelativeBias = native(layers.RelativeBias, "relative_position_bias_table")
T5Bias = native(layers.T5Bias, "weight")
