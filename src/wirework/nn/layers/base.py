"""What a layer is without a framework, and what a framework must bring to make native modules of it.

A `Layer` says which arrays and which inner layers it has, and what it computes of them. It holds no array. A module of
some framework holds the arrays, and calls its layer with a `Scope`: itself, as the layer sees it.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence, Set
from functools import cached_property, reduce
from types import MappingProxyType
from typing import Any, Protocol, TypeVar

import numpy as np

from wirework.nn.attention.scores import Runtime
from wirework.nn.definition import Array, Start, no_size
from wirework.nn.sizes import Size
from wirework.notation.tree import Operand

Value = TypeVar("Value")
EMPTY: Mapping[str, Any] = MappingProxyType({})


class Ops(Protocol):
    """The functions of an array library that layers need besides operations."""

    def wide(self, x: Array) -> Array:
        """An array in float32, or as it is if that is wider."""
        ...

    def like(self, x: Array, other: Array) -> Array:
        """An array in the dtype of another, if that is a floating one; else in float32 or wider."""
        ...

    def array(self, table: np.ndarray, like: Array) -> Array:
        """A constant table, float32 or int, on the device of another array."""
        ...

    def arange(self, start: int, stop: int, like: Array) -> Array: ...

    def band(self, rows: int, columns: int, below: int | None, above: int | None, like: Array) -> Array: ...

    def zeros(self, shape: tuple[int, ...], like: Array) -> Array: ...

    def sin(self, x: Array) -> Array: ...

    def cos(self, x: Array) -> Array: ...

    def detach(self, x: Array) -> Array:
        """An array that no gradient goes through."""
        ...

    def pad(self, x: Array, amounts: list[tuple[int, int]], mode: str) -> Array:
        """An array with every dimension padded by its own elements: "reflect", "replicate" or "circular"."""
        ...

    def activation(self, name: str, x: Array) -> Array:
        """gelu, gelu_tanh, relu, silu, sigmoid or tanh of each element."""
        ...

    def keep(self, key: Any, shape: tuple[int, ...], keep_rate: float, like: Array) -> Array:
        """A random mask: 1 / keep_rate with that probability, else 0, in the dtype of another array."""
        ...


class Scope(Protocol):
    """A layer in its framework, while it is called.

    The layer's arrays and inner layers are attributes, by their names: `scope.weight`, `scope.q_proj(x)`. One that is
    switched off is None.
    """

    @property
    def ops(self) -> Ops: ...

    @property
    def training(self) -> bool: ...

    def random(self) -> Any:
        """What `Ops.keep` draws from: a key, or whatever the framework has. New at each call."""
        ...

    def track(self, count: int, **values: Array) -> None:
        """Move running statistics towards those of a batch, in the framework's own way.

        Args:
            count: how many values each statistic was taken of.
            values: by the names of the buffers.
        """
        ...

    def __getattr__(self, name: str, /) -> Any: ...


class Layer:
    """A layer without a framework.

    A subclass has the arguments of the public class. Layers of one type and with equal arguments are equal.

    Attributes:
        arguments: what it was made of, apart from what belongs to a framework.
        natives: the modules and functions among its arguments, which belong to the framework: see `hand_over`. Inside
            a composite they are layers.
        borrowed: the names of `natives`.
        offers: the names of what a module can do besides being called: methods that take the scope first, and
            properties.
    """

    arguments: Mapping[str, Any]
    natives: Mapping[str, Any] = EMPTY
    borrowed: tuple[str, ...] = ()
    offers: tuple[str, ...] = ()

    def hand_over(self) -> Mapping[str, Any]:
        """The modules and functions that it was made with, as attributes of its scope; it does not keep them."""
        natives, self.natives = self.natives, {}
        return natives

    @classmethod
    def keywords(cls, arguments: Mapping[str, Any], natives: Mapping[str, Any]) -> dict[str, Any]:
        """What to call the class with for a layer of such `arguments` and such `natives`."""
        return {**arguments, **natives}

    @cached_property
    def key(self) -> Hashable:
        """What layers are compared by."""
        return type(self), hashable(self.arguments)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Layer) and self.key == other.key

    def __hash__(self) -> int:
        return hash(self.key)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.summary})"

    @property
    def parameters(self) -> Mapping[str, Operand]:
        """The arrays that are trained, each with an expression for its axes."""
        return EMPTY

    @property
    def buffers(self) -> Mapping[str, Operand]:
        """The arrays that are kept but not trained."""
        return EMPTY

    @property
    def absent(self) -> tuple[str, ...]:
        """Names of arrays and inner layers that are switched off, which `__call__` asks for all the same."""
        return ()

    @property
    def missing(self) -> tuple[str, ...]:
        """The axes whose size has to come from an input."""
        return ()

    def starts(self, *inputs: Array) -> Mapping[str, Start]:
        """How every parameter and buffer starts, given inputs or only their shapes.

        Raises:
            AxisSizeError: if the size of an axis is missing.
        """
        return EMPTY

    def sizes_from(self, arrays: Mapping[str, Array]) -> Mapping[str, Size]:
        """The sizes of missing axes that arrays show, also those of inner layers: `{"fc1.weight": ...}`."""
        return EMPTY

    def inside(self, *inputs: Array) -> Mapping[str, Any]:
        """The inner layers, by name, with all sizes that inputs show. A composite may have lists of them."""
        return EMPTY

    def restarts(self) -> Mapping[str, Start]:
        """How arrays of inner layers start, where it is not as those say: `{"blocks.0.mlp.fc2.weight": ...}`."""
        return EMPTY

    def __call__(self, scope: Any, *inputs: Any, **options: Any) -> Any:
        """What the layer computes."""
        raise NotImplementedError

    @classmethod
    def positional(cls, inputs: Sequence[Any], options: Mapping[str, Any]) -> tuple[Any, ...]:
        """The arguments of a call in the order of `__call__`, however they were given, up to the first that was not."""
        return inspect.signature(cls.__call__).bind_partial(None, None, *inputs, **options).args[2:]

    @property
    def is_random(self) -> bool:
        """Whether it drops something in training."""
        return any(self.arguments.get(rate) for rate in ("drop_rate", "dropout", "drop_path"))

    def refusal(self) -> str:
        """What is said where a size is missing."""
        return no_size(self.missing[0], str(self))

    @property
    def summary(self) -> str:
        """The arguments of the layer, for its repr."""
        return ""


def hashable(argument: Any) -> Hashable:
    """An argument as something that can be hashed: lists become tuples, sets and mappings frozen sets."""
    match argument:
        case Mapping():
            return frozenset((name, hashable(value)) for name, value in argument.items())
        case list() | tuple():
            return tuple(map(hashable, argument))
        case Set():
            return frozenset(map(hashable, argument))
        case _:
            return argument


def signature_of(kind: type[Layer], *makers: Callable[..., Any]) -> inspect.Signature:
    """What a framework's class of a layer is made with.

    Args:
        kind: the layer.
        makers: functions of the framework, such as the `__init__` of its modules. Their arguments that are given by
            name alone are those that the framework adds.
    """
    own = [each for each in inspect.signature(kind.__init__).parameters.values() if each.name != "self"]
    found = [each for maker in makers for each in inspect.signature(maker).parameters.values()]
    added = {each.name: each for each in found if each.kind is inspect.Parameter.KEYWORD_ONLY}
    return inspect.Signature(sorted([*own, *added.values()], key=lambda each: each.kind))


def array_paths(module: Any) -> Iterator[tuple[str, ...]]:
    """Where a module that has its layer as an attribute has its arrays, and those inside it: `("fc1", "weight")`."""
    yield from paths_in(module.layer)
    for name in module.layer.borrowed:
        inner = getattr(module, name)
        if isinstance(getattr(inner, "layer", None), Layer):
            yield from ((name, *path) for path in array_paths(inner))


def reach(module: Any, path: Iterable[str]) -> Any:
    """What is found at the end of a path of attributes, and of places in lists."""
    return reduce(lambda found, name: found[int(name)] if name.isdigit() else getattr(found, name), path, module)


def paths_in(layer: Layer) -> Iterator[tuple[str, ...]]:
    """Where a layer and its inner layers have their arrays."""
    yield from ((name,) for name in (*layer.parameters, *layer.buffers))
    for path, inner in inner_layers(layer):
        yield from ((*path, *rest) for rest in paths_in(inner))


def inner_layers(layer: Layer, *inputs: Array) -> Iterator[tuple[tuple[str, ...], Layer]]:
    """The inner layers with their paths: `("fc1",)`, and those of a list `("blocks", "0")`."""
    given = {name: native for name, native in layer.natives.items() if isinstance(native, Layer)}
    for name, inner in {**given, **layer.inside(*inputs)}.items():
        if isinstance(inner, Layer):
            yield (name,), inner
        else:
            yield from (((name, str(place)), each) for place, each in enumerate(inner))


def below(name: str, found: Mapping[str, Value]) -> dict[str, Value]:
    """What is found for the arrays of an inner layer, by the names that it has for them."""
    prefix = f"{name}."
    return {key.removeprefix(prefix): value for key, value in found.items() if key.startswith(prefix)}


class ScopeRuntime:
    """What attention needs of a framework, from the scope of its layer: a `wirework.nn.attention.scores.Runtime`."""

    def __init__(self, scope: Scope, drop_rate: float) -> None:
        self.scope, self.drop_rate = scope, drop_rate if scope.training else 0.0
        ops = scope.ops
        self.arange, self.band, self.zeros = ops.arange, ops.band, ops.zeros

    @property
    def dropout(self) -> Mapping[str, Any]:
        return {"dropout": self.drop_rate, "rng": self.scope.random()} if self.drop_rate else {}

    def drop(self, weights: Array) -> Array:
        if not self.drop_rate:
            return weights
        return weights * self.scope.ops.keep(self.scope.random(), weights.shape, 1 - self.drop_rate, weights)

    def sigmoid(self, x: Array) -> Array:
        return self.scope.ops.activation("sigmoid", x)

    def tanh(self, x: Array) -> Array:
        return self.scope.ops.activation("tanh", x)


def runtime_of(scope: Scope, drop_rate: float) -> Runtime:
    """The runtime of an attention layer."""
    return ScopeRuntime(scope, drop_rate)  # type: ignore[return-value]
