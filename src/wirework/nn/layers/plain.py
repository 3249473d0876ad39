"""Linear, Norm, Dropout, Embedding, Conv, MLP and Residual without a framework."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Generic, TypeVar

from wirework.errors import AxisSizeError, SemanticError, did_you_mean
from wirework.nn.conv import ConvDefinition
from wirework.nn.conv_padding import Padding, PaddingMode, Steps, misfit, spatial_places
from wirework.nn.definition import Array, Definition, Start, solve_sizes
from wirework.nn.dropout import DropoutDefinition
from wirework.nn.embedding import EmbeddingDefinition
from wirework.nn.layers.base import Layer, Scope
from wirework.nn.linear import LinearDefinition
from wirework.nn.mlp import Activation, MLPDefinition
from wirework.nn.norm import NormDefinition, Scale
from wirework.nn.residual import ResidualDefinition
from wirework.nn.sizes import Size
from wirework.notation.tree import Operand, axis_names

DefinitionType = TypeVar("DefinitionType", bound=Definition)
ACTIVATIONS = ("gelu", "gelu_tanh", "relu", "silu", "tanh")


class Defined(Layer, Generic[DefinitionType]):
    """A layer whose arrays are those of a definition."""

    definition: DefinitionType

    @property
    def parameters(self) -> Mapping[str, Operand]:
        return self.definition.parameters

    @property
    def buffers(self) -> Mapping[str, Operand]:
        return self.definition.buffers

    @property
    def missing(self) -> tuple[str, ...]:
        return self.definition.missing

    def starts(self, *inputs: Array) -> Mapping[str, Start]:
        return self.definition.starts(*(inputs[:1] if self.missing else ()))

    def sizes_from(self, arrays: Mapping[str, Array]) -> Mapping[str, Size]:
        solved = solve_sizes({**self.parameters, **self.buffers}, arrays, self.arguments)
        return {name: solved[name] for name in self.missing if name in solved}

    @property
    def summary(self) -> str:
        return self.definition.summary

    def __str__(self) -> str:
        return str(self.definition)


class Linear(Defined[LinearDefinition]):
    """`y = x · weight + bias` over bracketed axes: `"... [c_in -> c_out]"`, `"b [s... -> s2] c"`.

    Axes outside the bracket share the weight: `"... (g [c -> d])"` acts alike on every group.

    Args:
        expression: the axes of the input, with `[input axes -> output axes]`.
        bias: whether to add a bias with the output axes.
        sizes: sizes of axes. Those of the input may be left out.

    Attributes:
        weight: the output axes, then the input axes; truncated normal with variance 1 / fan-in.
        bias: the output axes; zeros.

    Raises:
        SemanticError: if the expression describes no linear layer.
        AxisSizeError: when called with an input that the weight does not fit.
    """

    def __init__(self, expression: str, bias: bool = True, **sizes: Size) -> None:
        self.arguments = {"expression": expression, "bias": bias, **sizes}
        self.definition = LinearDefinition(expression, bias, sizes)

    @property
    def absent(self) -> tuple[str, ...]:
        return () if self.definition.bias else ("bias",)

    def __call__(self, scope: Scope, x: Array) -> Array:
        return self.definition(x, scope.weight, scope.bias)


class Norm(Defined[NormDefinition]):
    """Normalisation over the bracketed axes of `stats`, then a scale and a bias over those of `params`.

    `"... [c]"` is layer norm, `"[b...] c"` batch norm, `"b [s...] c"` instance norm, `"b [s...] (g [c])"` group norm,
    and `"... [c]"` with `mean=False` RMS norm.

    Args:
        stats: the axes of the input; statistics are over those in brackets.
        params: the axes of the input again; `weight` and `bias` have those in brackets.
        mean, var, bias: which parts to apply.
        scale: whether to multiply by `weight`. `"1 + w"` multiplies by 1 + weight, which starts at zero, as Gemma
            does. `"w after cast"` rounds to the dtype of the input before the weight and not only after it, as Llama
            and Qwen do: the numbers differ from `True` in half precision only.
        epsilon: added to the variance.
        decay_rate: how much of the running statistics a training step keeps. They are used outside training. `None`:
            no running statistics.
        sizes: sizes of axes. Those that an input shows may be left out.

    Attributes:
        weight, bias: the axes in the brackets of `params`; ones (zeros for `scale="1 + w"`) and zeros.
        running_mean, running_var: the axes outside the brackets of `stats`; zeros and ones. Whether the variance is
            unbiased is as in the batch norm of the framework.

    Raises:
        SemanticError: if the expressions describe no normalisation.
        AxisSizeError: when called with an input that the weight does not fit, or, in training with running statistics,
            with one value per statistic.

    Source: Ba et al., Layer Normalization, 2016, arXiv:1607.06450; Ioffe and Szegedy, Batch Normalization, 2015,
    arXiv:1502.03167; Zhang and Sennrich, Root Mean Square Layer Normalization, 2019, arXiv:1910.07467.
    """

    def __init__(
        self, stats: str, params: str = "b... [c]", mean: bool = True, var: bool = True, scale: Scale = True,
        bias: bool = True, epsilon: float = 1e-5, decay_rate: float | None = None, **sizes: Size,
    ) -> None:  # fmt: skip
        self.arguments = {
            "stats": stats, "params": params, "mean": mean, "var": var, "scale": scale, "bias": bias,
            "epsilon": epsilon, "decay_rate": decay_rate, **sizes,
        }  # fmt: skip
        self.decay_rate = decay_rate
        self.definition = NormDefinition(stats, params, mean, var, scale, bias, epsilon, decay_rate is not None, sizes)

    @property
    def absent(self) -> tuple[str, ...]:
        present = {**self.definition.parameters, **self.definition.buffers}
        return tuple(name for name in ("weight", "bias", "running_mean", "running_var") if name not in present)

    def sizes_from(self, arrays: Mapping[str, Array]) -> Mapping[str, Size]:
        solved = self.definition.solved(arrays)
        return {name: solved[name] for name in self.missing if name in solved}

    def __call__(self, scope: Scope, x: Array) -> Array:
        definition, ops, weight = self.definition, scope.ops, scope.weight
        y = self.normalise(scope, ops.wide(x))
        if definition.scale == "w after cast":
            y = ops.like(y, x)
        elif weight is not None:
            weight = ops.wide(weight)
        return ops.like(definition.affine(y, weight, scope.bias), x)

    def normalise(self, scope: Scope, x: Array) -> Array:
        """The input by its own statistics, or outside training by the running ones, if there are any."""
        definition = self.definition
        if self.decay_rate is not None and not scope.training:
            return definition.rescale(definition.centre(x, scope.running_mean), scope.running_var)
        mean = definition.mean_of(x)
        centred = definition.centre(x, mean)
        var = definition.variance_of(centred)
        if self.decay_rate is not None:
            found = {"running_mean": mean, "running_var": var}
            kept = {name: value for name, value in found.items() if value is not None}
            size = math.prod(next(iter(kept.values())).shape)
            count = math.prod(x.shape) // max(size, 1)
            if count == 1 and var is not None:
                raise AxisSizeError(f"{definition} needs more than one value per statistic in training")
            scope.track(count, **kept)
        return definition.rescale(centred, var)


class Dropout(Layer):
    """In training, multiply by a random mask over the bracketed axes, scaled to keep the mean.

    `"[...]"` drops single elements, `"[b] ... [c]"` whole channels, `"[b] ..."` whole samples (drop path, as in
    stochastic depth).

    Args:
        expression: the axes of the input; the mask has those in brackets.
        drop_rate: the probability that an element of the mask is zero.

    Raises:
        SemanticError: if the expression has no brackets, or the rate is no probability.
    """

    def __init__(self, expression: str, drop_rate: float) -> None:
        self.arguments = {"expression": expression, "drop_rate": drop_rate}
        self.definition = DropoutDefinition(expression, drop_rate)

    def __call__(self, scope: Scope, x: Array) -> Array:
        if not scope.training or self.definition.drop_rate == 0:
            return x
        return drop(self.definition, scope, x)

    @property
    def summary(self) -> str:
        return f'"{self.definition.expression}", drop_rate={self.definition.drop_rate}'

    def __str__(self) -> str:
        return str(self.definition)


def drop(definition: DropoutDefinition, scope: Scope, x: Array) -> Array:
    """An array times a new random mask."""
    return definition(x, lambda shape: scope.ops.keep(scope.random(), shape, definition.keep_rate, x))


class Embedding(Defined[EmbeddingDefinition]):
    """Learned vectors, looked up by whole numbers: `"[v] d"` turns ids `...` into vectors `... d`.

    The bracketed axis is indexed. With several, `"[h w] d"`, an id is a pair of coordinates, `... 2`.

    Args:
        expression: the axes of the table, with those that are indexed in brackets.
        padding_idx: an id whose vector starts at zero and is not trained; below 0 it counts from the end. It takes
            one indexed axis.
        sizes: the size of every axis.

    Attributes:
        weight: the axes of the table; normal with standard deviation 0.02.

    Raises:
        SemanticError: if the expression describes no table.
        AxisSizeError: when called before every axis has a size.
        CoordinateError: if `padding_idx` is out of range.
    """

    offers = ("logits",)

    def __init__(self, expression: str = "[v] d", padding_idx: int | None = None, **sizes: Size) -> None:
        self.arguments = {"expression": expression, "padding_idx": padding_idx, **sizes}
        self.definition = EmbeddingDefinition(expression, padding_idx, sizes)

    def __call__(self, scope: Scope, ids: Array) -> Array:
        return self.definition(ids, scope.weight, scope.ops.detach)

    def logits(self, scope: Scope, x: Array) -> Array:
        """How much vectors `... d` are like each vector of the table, `... v`: an output layer with tied weights.

        Source: Press and Wolf, Using the Output Embedding to Improve Language Models, 2016; arXiv:1608.05859.
        """
        return self.definition.compare(x, scope.weight)


class Conv(Defined[ConvDefinition]):
    """A convolution over one to three axes, with the channels wherever the expression has them.

    `"b [s...] [c -> d]"` has the channels last, `"b [c -> d] [s...]"` first. `"b (g [c -> d]) [s...]"` has groups, each
    with weights of its own; with g as many as channels it is depthwise.

    Args:
        expression: the axes of the input: spatial ones in brackets, and `[channels -> channels]`.
        kernel: its length along each spatial axis, or one for all.
        stride, dilation: a number, or one for each spatial axis.
        padding: a number, one for each spatial axis, pairs (before, after), "valid", or "same" for
            ceil(size / stride) places.
        output_padding: with `transposed`, more places at the end.
        transposed: the transpose of this convolution.
        bias: whether to add a bias for each output channel.
        padding_mode: what to pad with: "zeros", or elements of the input: "reflect", "replicate" or "circular".
        sizes: sizes of axes. Those of the input may be left out.

    Attributes:
        weight: `(g d) c kernel...`, or `(g c) d kernel...` if transposed; truncated normal with variance 1 / fan-in.
        bias: `(g d)`; zeros.

    Raises:
        SemanticError: if the expression or the options describe no convolution; if `padding_mode` goes with
            `transposed`, or with "same" and a stride.
        AxisSizeError: when called with an input that the weight does not fit, or that is too small to be padded.
    """

    def __init__(
        self, expression: str, kernel: Steps, stride: Steps = 1, padding: Padding = 0, dilation: Steps = 1,
        output_padding: Steps = 0, transposed: bool = False, bias: bool = True, padding_mode: PaddingMode = "zeros",
        **sizes: Size,
    ) -> None:  # fmt: skip
        options = {
            "kernel": kernel, "stride": stride, "padding": padding, "dilation": dilation,
            "output_padding": output_padding, "transposed": transposed, "bias": bias, "padding_mode": padding_mode,
        }  # fmt: skip
        self.arguments = {"expression": expression, **options, **sizes}
        self.definition = ConvDefinition(expression, **options, sizes=sizes)  # type: ignore[arg-type]

    @property
    def absent(self) -> tuple[str, ...]:
        return () if self.definition.bias else ("bias",)

    def __call__(self, scope: Scope, x: Array) -> Array:
        if self.definition.padding_mode != "zeros":
            x = self.padded(scope, x, scope.weight.ndim - 2)
        return self.definition(x, scope.weight, scope.bias)

    def padded(self, scope: Scope, x: Array, count: int) -> Array:
        """The input with `count` spatial axes padded by its own elements."""
        places, amounts = spatial_places(self.definition.operand, x.ndim, count), self.definition.margins(count)
        reason = misfit(self.definition.padding_mode, amounts, [x.shape[place] for place in places]) if places else None
        if reason is not None:
            raise AxisSizeError(f"{self.definition}: {reason}")
        whole = dict(zip(places, amounts, strict=True)) if places else {}  # else the convolution says what is wrong
        return scope.ops.pad(x, [whole.get(place, (0, 0)) for place in range(x.ndim)], self.definition.padding_mode)


class MLP(Layer):
    """Two linear layers with a nonlinearity between them: `"... [d -> m]"` and back.

    With `gated` a third decides how much of each hidden element passes: with "silu" it is SwiGLU, with "gelu" GEGLU
    (Shazeer, GLU Variants Improve Transformer, 2020; arXiv:2002.05202).

    Args:
        expand: a linear layer from the input to the hidden axes, whose sizes must be given.
        contract: a linear layer from the hidden axes; without it back to those of the input.
        activation: a name, or a function or module of one array. "gelu" is exact, "gelu_tanh" GPT-2's.
        gated: whether the hidden layer is gated.
        bias: whether the linear layers have one.
        dropout: the rate at which elements of the hidden layer are dropped.
        sizes: sizes of axes. Those of the input may be left out.

    Attributes:
        fc1, fc2: the linear layers, called as in timm; or if gated
        gate_proj, up_proj, down_proj: called as in Hugging Face's Llama.

    Raises:
        SemanticError: if there is no activation of that name, or the hidden axes have no size.
    """

    def __init__(
        self, expand: str = "... [d -> m]", contract: str | None = None, *,
        activation: Activation | Callable[[Array], Array] = "gelu", gated: bool = False, bias: bool = True,
        dropout: float = 0.0, **sizes: Size,
    ) -> None:  # fmt: skip
        named = {"activation": activation} if isinstance(activation, str) else {}
        self.arguments = {
            "expand": expand, "contract": contract, **named, "gated": gated, "bias": bias, "dropout": dropout, **sizes,
        }  # fmt: skip
        if isinstance(activation, str):
            check_activation(activation)
        else:
            self.natives, self.borrowed = {"activation": activation}, ("activation",)
        self.definition = MLPDefinition(expand, contract, gated, bias, sizes)
        self.dropout = DropoutDefinition("[...]", dropout)

    @property
    def missing(self) -> tuple[str, ...]:
        return (*self.definition.first.missing, *self.definition.last.missing)

    def sizes_from(self, arrays: Mapping[str, Array]) -> Mapping[str, Size]:
        found = {}
        for name, each in self.definition.layers.items():
            found |= solve_sizes(each.parameters, {"weight": arrays[f"{name}.weight"]}, self.arguments)
        return {name: found[name] for name in self.missing if name in found}

    def inside(self, *inputs: Array) -> Mapping[str, Layer]:
        definition, sizes = self.definition, dict(self.definition.sizes)
        if inputs:
            sizes |= solve_sizes({"x": definition.first.input}, {"x": inputs[0]}, definition.sizes)
        sizes = {name: size for name, size in sizes.items() if name != "..."}
        known = MLPDefinition(definition.expand, definition.contract, definition.gated, definition.bias, {
            name: size for name, size in sizes.items() if name in names_of(definition)
        })  # fmt: skip
        return {name: Linear(each.expression, each.bias, **each.sizes) for name, each in known.layers.items()}

    def __call__(self, scope: Scope, x: Array) -> Array:
        layers = {name: getattr(scope, name) for name in self.definition.layers}
        drops = self.dropout.drop_rate and scope.training
        named = self.arguments.get("activation")
        activation = scope.activation if named is None else partial(scope.ops.activation, named)
        return self.definition(x, layers, activation, (lambda y: drop(self.dropout, scope, y)) if drops else None)

    @property
    def summary(self) -> str:
        return self.definition.summary

    def __str__(self) -> str:
        return str(self.definition)


def check_activation(name: str) -> None:
    """Refuse the name of a function that there is not."""
    if name not in ACTIVATIONS:
        close = did_you_mean(name, ACTIVATIONS)
        raise SemanticError(f"there is no activation {name!r}{close}: choose from {', '.join(ACTIVATIONS)}")


def names_of(definition: MLPDefinition) -> set[str]:
    """The axes of the linear layers that are not hidden behind an ellipsis."""
    return set(axis_names((definition.first.operand, definition.last.operand)))


class Residual(Defined[ResidualDefinition]):
    """A module beside a connection that skips it: `x + module(norm(x))`.

    Args:
        module: what is skipped. Other arguments of a call are passed on to it.
        norm: a normalisation of the module's input; `None`: none.
        norm_after: apply it to the sum instead: `norm(x + module(x))`, as the first transformer did.
        layer_scale: what a learned factor of the module's output starts from; `None`: no such factor
            (Touvron et al., Going deeper with Image Transformers, 2021; arXiv:2103.17239).
        dropout: the rate at which elements of the module's output are dropped.
        drop_path: the rate at which it is dropped for a whole sample (Huang et al., Deep Networks with Stochastic
            Depth, 2016; arXiv:1603.09382).
        expression: the axes of the input; the learned factor has those in brackets.
        sizes: sizes of axes. They may be left out.

    Attributes:
        scale: the learned factor, with the axes in the brackets of `expression`.
    """

    borrowed = ("module", "norm")

    def __init__(
        self, module: Any, norm: Any = None, *, norm_after: bool = False, layer_scale: float | None = None,
        dropout: float = 0.0, drop_path: float = 0.0, expression: str = "... [d]", **sizes: Size,
    ) -> None:  # fmt: skip
        self.arguments = {
            "norm_after": norm_after, "layer_scale": layer_scale, "dropout": dropout, "drop_path": drop_path,
            "expression": expression, **sizes,
        }  # fmt: skip
        self.natives = {"module": module, "norm": norm}
        self.definition = ResidualDefinition(expression, layer_scale, norm_after, sizes)
        rates = (("[...]", dropout), ("[b] ...", drop_path))
        self.drops = [DropoutDefinition(text, rate) for text, rate in rates]

    @property
    def absent(self) -> tuple[str, ...]:
        return () if self.definition.parameters else ("scale",)

    def __call__(self, scope: Scope, x: Array, *args: Any, **kwargs: Any) -> Array:
        drops = [each for each in self.drops if each.drop_rate] if scope.training else []

        def fall(y: Array) -> Array:
            for each in drops:
                y = drop(each, scope, y)
            return y

        return self.definition(x, scope.scale, scope.module, scope.norm, fall if drops else None, *args, **kwargs)
