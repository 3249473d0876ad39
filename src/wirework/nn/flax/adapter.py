"""The adapter to NNX: a native module of any layer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, TypeVar

import jax
import jax.numpy as jnp
from flax import nnx
from flax.errors import TraceContextError

from wirework.errors import AxisSizeError, SemanticError
from wirework.nn import layers
from wirework.nn.definition import Start
from wirework.nn.initialisers import Constant
from wirework.nn.jax_arrays import OPS, cast, cast_inputs, draw, moved
from wirework.nn.layers.base import Layer, inner_layers, reach, signature_of

Array = Any
Inputs = tuple[Any, ...]
Rngs = TypeVar("Rngs")


class Module(nnx.Module):
    """A layer as a module of NNX: parameters are `nnx.Param`, running statistics `nnx.BatchStat`.

    Attributes:
        layer: what it computes, without a framework.
        dtype: what inputs and parameters are converted to for a call; `None`: nothing is.
        param_dtype: of the parameters.
        deterministic: whether nothing is dropped, if it is a layer that drops something.
        use_running_average: whether running statistics are used and not changed, if it is a layer that has some.
        rngs: what random masks are drawn from, if it is a layer that drops something.
        seen: the shapes of inputs that sizes were taken from; `None` while sizes are missing.
    """

    kind: type[Layer]

    def __init__(
        self, *args: Any, rngs: nnx.Rngs | None = None, dtype: Any = None, param_dtype: Any = jnp.float32,
        deterministic: bool = False, use_running_average: bool = False, **kwargs: Any,
    ) -> None:  # fmt: skip
        layer = self.kind(*args, **kwargs)
        options = {"rngs": rngs, "dtype": dtype, "param_dtype": param_dtype}
        for name, native in {**layer.hand_over(), **dict.fromkeys(layer.absent)}.items():
            native = made(native, options) if isinstance(native, Layer) else native
            setattr(self, name, nnx.data(None) if native is None else native)
        self.layer, self.seen = nnx.static(layer), nnx.static(None)
        self.dtype, self.param_dtype = dtype, param_dtype
        if layer.buffers:
            self.use_running_average = use_running_average
        if layer.is_random:
            self.deterministic = deterministic
            self.rngs = nnx.data(None if rngs is None else rngs.dropout.fork())
        if layer.parameters:
            self.stream = nnx.data(None if rngs is None else rngs.params.fork())
        for name, inner in layer.inside().items():
            row = [made(each, options) for each in ([inner] if isinstance(inner, Layer) else inner)]
            setattr(self, name, row[0] if isinstance(inner, Layer) else nnx.List(row))
        if not layer.missing:
            self.build()
        for name, start in layer.restarts().items():
            array = draw(start.initialiser, needed(rngs, layer).params(), start.shape, param_dtype)
            reach(self, name.split(".")).set_value(array)

    def build(self, *inputs: Any) -> None:
        """Make the arrays that there are not yet, with the sizes that inputs show."""
        for name, start in self.layer.starts(*inputs).items():
            if not hasattr(self, name):
                setattr(self, name, self.variable(name, start))
        for path, inner in inner_layers(self.layer, *inputs):
            module = reach(self, path)
            if module.seen is None:
                module.layer = nnx.static(inner)
                module.build()
        if self.layer.parameters:
            del self.stream
        self.seen = nnx.static(tuple(shapes_of(inputs)))

    def variable(self, name: str, start: Start) -> nnx.Variable[Array]:
        """A parameter or a running statistic with its first elements."""
        if name not in self.layer.parameters:
            return nnx.BatchStat(draw(start.initialiser, None, start.shape))
        key = None if isinstance(start.initialiser, Constant) else needed(self.stream, self.layer)()
        return nnx.Param(draw(start.initialiser, key, start.shape, self.param_dtype))

    def __call__(self, *inputs: Any, **options: Any) -> Any:
        return self.run("__call__", inputs, **options)

    def run(
        self, method: str, inputs: Inputs, *, deterministic: bool | None = None,
        use_running_average: bool | None = None, rngs: nnx.Rngs | nnx.RngStream | Array | None = None, **options: Any,
    ) -> Any:  # fmt: skip
        """What a method of the layer computes.

        Args:
            deterministic, use_running_average, rngs: stand for the attributes of that name in this call. They are for
                this layer, not for modules inside it: `nnx.view`, `train` and `eval` reach these too.
        """
        if self.seen is None:
            self.infer(self.layer.positional(inputs, options))
        if self.dtype is not None:
            inputs, options = cast_inputs(inputs, options, self.dtype)
        given = {"deterministic": deterministic, "use_running_average": use_running_average, "rngs": rngs}
        return getattr(self.layer, method)(Scope(self, given), *inputs, **options)

    def __getattr__(self, name: str) -> Any:
        layer = vars(self).get("layer")
        if layer is not None and layer.missing and name in {**layer.parameters, **layer.buffers}:
            raise NoSizeError(layer.refusal())
        raise AttributeError(f"{type(self).__name__!r} object has no attribute {name!r}", name=name, obj=self)

    def infer(self, inputs: Inputs) -> None:
        """Take from inputs the sizes that are missing."""
        try:
            self.build(*inputs)
        except TraceContextError:  # a transformation that does not know of this module sees its first call
            raise AxisSizeError(self.refusal()) from None

    def refusal(self) -> str:
        """What is said where a size is missing."""
        return self.layer.refusal()

    def set_view(self, deterministic: bool | None = None, use_running_average: bool | None = None) -> None:
        """Called by `nnx.view`."""
        for name, value in {"deterministic": deterministic, "use_running_average": use_running_average}.items():
            if value is not None and hasattr(self, name):
                setattr(self, name, value)


class NoSizeError(AxisSizeError, AttributeError):
    """An array is asked for that has no shape yet. For `hasattr` it is not there."""


def needed(rngs: Rngs | None, layer: Layer) -> Rngs:
    """What random numbers are drawn from."""
    if rngs is None:
        raise SemanticError(f"{layer} draws random numbers: pass rngs=nnx.Rngs(seed)")
    return rngs


def shapes_of(inputs: Inputs) -> Iterator[jax.ShapeDtypeStruct]:
    """The arrays among the inputs, as far as sizes can be taken from them."""
    for each in inputs:
        if not hasattr(each, "shape"):
            return
        yield jax.ShapeDtypeStruct(each.shape, each.dtype)


class Scope:
    """A module as its layer sees it: variables are arrays. See `wirework.nn.layers.Scope`."""

    ops = OPS

    def __init__(self, module: Module, given: dict[str, Any]) -> None:
        self._module, self._given = module, given

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._module, name)
        if not isinstance(found, nnx.Variable):
            return found
        dtype = self._module.dtype if name in self._module.layer.parameters else None
        return found[...] if dtype is None else cast(found[...], dtype)

    def chosen(self, name: str) -> Any:
        """An option of the call, or else the module's."""
        given = self._given[name]
        return getattr(self._module, name, None) if given is None else given

    @property
    def training(self) -> bool:
        return not self.chosen("deterministic" if self._module.layer.is_random else "use_running_average")

    def random(self) -> Array:
        rngs = self.chosen("rngs")
        if isinstance(rngs, jax.Array):
            rngs = self._given["rngs"] = nnx.RngStream(rngs, tag="dropout")
        rngs = needed(rngs, self._module.layer)
        return rngs.dropout() if isinstance(rngs, nnx.Rngs) else rngs()

    def track(self, count: int, **values: Array) -> None:
        for name, value in values.items():
            statistic = getattr(self._module, name)
            statistic[...] = moved(statistic[...], value, self._module.layer.arguments["decay_rate"])


MODULES: dict[type[Layer], type[Module]] = {}


def made(layer: Layer, options: Mapping[str, Any]) -> Module:
    """A new module of a layer."""
    return class_of(type(layer))(**layer.keywords(layer.arguments, layer.natives), **options)


def class_of(kind: type[Layer]) -> type[Module]:
    """The class of a layer in this framework, made when it is first asked for."""
    return MODULES.get(kind) or native(kind)


def native(kind: type[Layer]) -> type[Module]:
    """Make the class of a layer in this framework."""
    offers = {name: offered(name, kind) for name in kind.offers}
    described = {"kind": kind, "__doc__": kind.__doc__, "__module__": __name__}
    MODULES[kind] = type(kind.__name__, (Module,), described | offers)
    MODULES[kind].__signature__ = signature_of(kind, Module.__init__)  # type: ignore[attr-defined]
    return MODULES[kind]


def offered(name: str, kind: type[Layer]) -> Any:
    """A property or method of a layer as one of its module."""
    if isinstance(getattr(kind, name), property):
        return property(lambda self: getattr(self.layer, name))

    def method(self: Module, *inputs: Any, **options: Any) -> Any:
        return self.run(name, inputs, **options)

    method.__name__, method.__doc__ = name, getattr(kind, name).__doc__
    return method


Linear, Norm, Dropout = native(layers.Linear), native(layers.Norm), native(layers.Dropout)
Embedding, Conv, Attention = native(layers.Embedding), native(layers.Conv), native(layers.Attention)
MLP, Residual = native(layers.MLP), native(layers.Residual)
LearnedPositions, Sinusoidal = native(layers.LearnedPositions), native(layers.Sinusoidal)
Rotary, RelativeBias = native(layers.Rotary), native(layers.RelativeBias)
T5Bias, ALiBi = native(layers.T5Bias), native(layers.ALiBi)
