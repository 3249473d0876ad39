"""What weights of Keras start from, and weights that wait for their shape."""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import Any

import keras

from wirework.nn.initialisers import Constant, Normal, TruncatedNormal, Uniform, ZeroAt, default_initialiser

Array = Any
registered = keras.saving.register_keras_serializable(package="wirework")


@registered
class Param(keras.layers.Layer):
    """A parameter in place of an array of an operation, which gives it its shape. It is an attribute of a layer.

    Args:
        init: a distribution such as `normal(0.02)`, a number or an initialiser of Keras; `None`: by the operation.
        seed: what it is drawn from.
        options: name, dtype and trainable.
    """

    def __init__(self, init: Any = None, seed: int | None = None, **options: Any) -> None:
        super().__init__(**options)
        self.built = True  # so that Keras does not want its owner to build it: the first operation does
        self.weight: Any = None
        self.init, self.seed = init, random.getrandbits(31) if seed is None else seed

    def build(self, input_shape: Sequence[int]) -> None:
        self.weight = self.add_weight(
            shape=input_shape, initializer=initialiser_of(self.init, self.seed), name="weight"
        )

    def __wirework_array__(self, request: Any) -> Array:
        """Called by the operation that this parameter is given to."""
        if self.weight is None:
            self.init = default_initialiser(request.operation, request.fan_in) if self.init is None else self.init
            self.build(request.shape)
        weight: Any = self.weight
        return keras.ops.cast(weight, weight.dtype)  # its value has another dtype where torch only traces shapes

    def load_own_variables(self, store: Any) -> None:
        if self.weight is None:
            self.build(store["0"].shape)
        super().load_own_variables(store)


def initialiser_of(init: Any, seed: int) -> Any:
    """A distribution or a number as an initialiser of Keras."""
    match init:
        case Constant(value) | (int() | float() as value):
            return keras.initializers.Constant(value)
        case Normal(stddev):
            return keras.initializers.RandomNormal(0.0, stddev, seed)
        case TruncatedNormal():
            return keras.initializers.TruncatedNormal(0.0, init.untruncated_stddev, seed)
        case Uniform(low, high):
            return keras.initializers.RandomUniform(low, high, seed)
        case ZeroAt(other, axis, place):
            return Zeroed(initialiser_of(other, seed), axis, place)
    return init


@registered
class Zeroed(keras.initializers.Initializer):
    """As another initialiser says, but zero at one place along an axis."""

    def __init__(self, initialiser: Any, axis: int, place: int) -> None:
        self.initialiser, self.axis, self.place = initialiser, axis, place

    def __call__(self, shape: Sequence[int], dtype: Any = None) -> Array:
        kept = [place != self.place for place in range(shape[self.axis])]
        others = [length if axis == self.axis else 1 for axis, length in enumerate(shape)]
        drawn = self.initialiser(shape, dtype)
        return drawn * keras.ops.reshape(keras.ops.cast(kept, drawn.dtype), others)

    def get_config(self) -> dict[str, Any]:
        """What it is made of."""
        initialiser = keras.initializers.serialize(self.initialiser)
        return {"initialiser": initialiser, "axis": self.axis, "place": self.place}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Zeroed:
        """The initialiser that `get_config` describes."""
        return cls(keras.initializers.deserialize(config["initialiser"]), config["axis"], config["place"])
