"""What the layers of every framework are tried on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

import wirework.nn.attention as options
from wirework.errors import AxisSizeError, NotSupportedError, SemanticError
from wirework.nn.masks import causal, prefix, window
from wirework.nn.positions import Llama3Scaling

Build = Callable[..., Any]  # a layer by its name and its arguments, in some framework


@dataclass(frozen=True, eq=False)
class Case:
    """A layer, and what it is called with.

    Attributes:
        make: makes the layer with a function that makes any.
        inputs: the shapes of floating inputs, or arrays.
        options: of the call.
        training: whether it is called as in training.
    """

    name: str
    make: Callable[[Build], Any]
    inputs: tuple[Any, ...]
    options: tuple[tuple[str, Any], ...] = ()
    training: bool = False

    def arrays(self) -> list[np.ndarray]:
        """The inputs."""
        generator = np.random.default_rng(0)
        return [
            each if isinstance(each, np.ndarray) else generator.standard_normal(each).astype(np.float32)
            for each in self.inputs
        ]


def layer(name: str, kind: str, *args: Any, on: tuple[Any, ...], training: bool = False, **kwargs: Any) -> Case:
    """A case of one layer."""
    return Case(name, lambda build: build(kind, *args, **kwargs), on, training=training)


def attention(name: str, *, on: tuple[Any, ...] = ((2, 5, 12),), call: Any = (), **kwargs: Any) -> Case:
    """A case of attention with 4 heads, and 12 features; arguments that are functions make layers."""

    def make(build: Build) -> Any:
        made = {key: value(build) if key in ("position", "scores") else value for key, value in kwargs.items()}
        return build("Attention", **{"heads": 4, "dim": 12, **made})

    return Case(name, make, on, call)


SPLIT, LATENT = options.Split(), options.Latent(rank=6, position_dim=4, query_rank=5)
IDS = np.array([[0, 3, 1], [6, 2, 2]])
PLACES = np.array([[0, 1], [2, 2], [1, 0]])
POSITIONS = np.array([[4, 5, 6, 7, 8], [0, 1, 2, 3, 4]])
SEEN = np.array([[True] * 5, [False] * 5, [True, False] * 2 + [True], [True] * 5, [False] * 4 + [True]])
IMAGE = (2, 4, 5, 6)

CASES = (
    layer("linear", "Linear", "... [c_in -> c_out]", c_in=6, c_out=5, on=((2, 3, 6),)),
    layer("linear without bias", "Linear", "b [a -> c]", bias=False, a=6, c=5, on=((2, 6),)),
    layer("linear in groups", "Linear", "... (g [c -> d])", g=2, c=3, d=4, on=((2, 3, 6),)),
    layer("linear over space", "Linear", "b [s... -> t] c", s=(3, 2), t=4, on=((2, 3, 2, 5),)),
    layer("layer norm", "Norm", "... [c]", c=6, on=((2, 3, 6),)),
    layer("layer norm far from zero", "Norm", "... [c]", c=6, on=(100 + np.arange(12, dtype=np.float32).reshape(2, 6),)),
    layer("layer norm over two axes", "Norm", "b [s c]", "b [s c]", s=3, c=6, on=((2, 3, 6),)),
    layer("batch norm", "Norm", "[b...] c", c=6, on=((4, 3, 6),)),
    layer("batch norm, training", "Norm", "[b...] c", c=6, decay_rate=0.9, on=((4, 3, 6),), training=True),
    layer("batch norm, evaluation", "Norm", "[b...] c", c=6, decay_rate=0.9, on=((4, 3, 6),)),
    layer("instance norm", "Norm", "b [s...] c", c=6, on=((2, 3, 4, 6),)),
    layer("group norm", "Norm", "b [s...] (g [c])", g=2, c=3, on=((2, 3, 4, 6),)),
    layer("RMS norm", "Norm", "... [c]", mean=False, bias=False, c=6, on=((2, 3, 6),)),
    layer("RMS norm of Gemma", "Norm", "... [c]", mean=False, bias=False, scale="1 + w", c=6, on=((2, 3, 6),)),
    layer("norm without parameters", "Norm", "... [c]", scale=False, bias=False, on=((2, 3, 6),)),
    layer("dropout, evaluation", "Dropout", "[...]", 0.5, on=((2, 3, 6),)),
    layer("embedding", "Embedding", v=7, d=4, on=(IDS,)),
    layer("embedding with padding", "Embedding", padding_idx=2, v=7, d=4, on=(IDS,)),
    layer("embedding of coordinates", "Embedding", "[h w] d", h=3, w=3, d=4, on=(PLACES,)),
    layer("convolution", "Conv", "b [c -> d] [s...]", kernel=(3, 3), c=4, d=6, on=(IMAGE,)),
    layer("convolution, channels last", "Conv", "b [s...] [c -> d]", kernel=(3, 3), padding=1, c=6, d=3, on=(IMAGE,)),
    layer("convolution, strided", "Conv", "b [c -> d] [s]", kernel=3, stride=2, padding="same", c=4, d=6, on=((2, 4, 7),)),
    layer("convolution, depthwise", "Conv", "b (g [c -> d]) [s...]", kernel=(3, 3), g=4, c=1, d=1, on=(IMAGE,)),
    layer("convolution, transposed", "Conv", "b [c -> d] [s...]", kernel=(2, 2), stride=2, transposed=True, c=4, d=2,
          on=(IMAGE,)),
    layer("convolution, circular", "Conv", "b [c -> d] [s...]", kernel=(3, 3), padding=1, padding_mode="circular", c=4,
          d=2, on=(IMAGE,)),
    layer("MLP", "MLP", d=6, m=8, on=((2, 3, 6),)),
    layer("MLP, gated", "MLP", activation="silu", gated=True, bias=False, d=6, m=8, on=((2, 3, 6),)),
    layer("MLP to other axes", "MLP", "... [d -> m]", "... [m -> e]", activation="gelu_tanh", d=6, m=8, e=3,
          on=((2, 3, 6),)),
    Case("residual", lambda build: build("Residual", build("MLP", d=6, m=8), build("Norm", "... [c]", c=6)), ((2, 3, 6),)),
    Case("residual, norm after, scaled", lambda build: build(
        "Residual", build("MLP", d=6, m=8), build("Norm", "... [c]", c=6), norm_after=True, layer_scale=0.1, d=6,
        dropout=0.1, drop_path=0.1), ((2, 3, 6),)),
    Case("residual with statistics", lambda build: build(
        "Residual", build("Linear", "... [c -> d]", c=6, d=6), build("Norm", "[b...] c", c=6, decay_rate=0.9)),
         ((2, 3, 6),), training=True),
    attention("attention"),
    attention("attention without bias", bias=False),
    attention("attention, explicit", backend="explicit"),
    attention("attention, split", projection=SPLIT, bias=("q", "k")),
    attention("attention, grouped", projection=SPLIT, kv_heads=2, head_dim=6, value_dim=5, out_dim=7),
    attention("attention, one key head", kv_heads=1),
    attention("attention, causal window", mask=causal & window(2) | prefix(1)),
    attention("attention, gated", gate=True, scale=0.3),
    attention("attention, latent", projection=LATENT, position=lambda build: build("Rotary", "interleaved", 4)),
    attention("attention, heads normalised", projection=SPLIT, qk_norm=options.QKNorm()),
    attention("attention, all heads normalised", projection=SPLIT, qk_norm=options.QKNorm(over="heads")),
    attention("attention, rotary", head_dim=4, position=lambda build: build("Rotary", "half", 4), mask=causal),
    attention("attention, at positions", head_dim=4, call=(("positions", POSITIONS),),
              position=lambda build: build("Rotary", "half", 4, scaling=Llama3Scaling(factor=8, length=8))),
    attention("attention, softcap and sinks", scores=lambda build: (options.Softcap(5.0), options.Sinks())),
    attention("attention, T5 bias", scores=lambda build: (build("T5Bias", 4, buckets=8),)),
    attention("attention, ALiBi", scores=lambda build: (build("ALiBi", 4),), mask=causal),
    attention("attention, relative bias", scores=lambda build: (build("RelativeBias", (2, 2), 4),), on=((2, 4, 12),)),
    attention("attention to a context", on=((2, 5, 12), (2, 3, 7)), context_dim=7, projection=SPLIT),
    attention("attention, rows that see nothing", call=(("mask", SEEN),)),
    layer("learned positions", "LearnedPositions", 5, d=6, on=((2, 5, 6),)),
    layer("learned positions, fewer", "LearnedPositions", 7, d=6, on=((2, 5, 6),)),
    Case("learned positions, resampled", lambda build: build("LearnedPositions", (2, 2), prefix=1, d=6), ((2, 10, 6),),
         (("grid", (3, 3)),)),
    layer("sinusoidal", "Sinusoidal", on=((2, 5, 6),)),
    layer("sinusoidal on a grid", "Sinusoidal", 8, grid=(2, 3), layout="k c f", on=((2, 6, 8),)),
    layer("rotary", "Rotary", "half", 4, on=((2, 3, 5, 8), (2, 3, 5, 8))),
    layer("rotary in two dimensions", "Rotary", "interleaved", 8, coordinates=2,
          on=((2, 3, 3, 8), (2, 3, 3, 8), PLACES)),
    layer("relative bias", "RelativeBias", (2, 3), 4, on=()),
    layer("T5 bias", "T5Bias", 4, bidirectional=False, on=(np.arange(40), np.arange(200))),
    layer("ALiBi", "ALiBi", 6, on=(np.arange(3), np.arange(5))),
)  # fmt: skip


@dataclass(frozen=True)
class Mistake:
    """What every framework refuses, with the same error.

    Attributes:
        call: the shape of what the layer is called with, if it can be made.
    """

    error: type[Exception]
    make: Callable[[Build], Any]
    call: tuple[int, ...] = ()


MISTAKES = {
    "no arrow": Mistake(SemanticError, lambda build: build("Linear", "b c", b=2, c=3)),
    "no such axis": Mistake(SemanticError, lambda build: build("Linear", "b [c -> d]", c=2, d=3, f=3)),
    "wrong size": Mistake(AxisSizeError, lambda build: build("Linear", "... [c -> d]", c=6, d=5), (2, 7)),
    "wrong size of a norm": Mistake(AxisSizeError, lambda build: build("Norm", "... [c]", c=6), (2, 7)),
    "wrong size of an image": Mistake(
        AxisSizeError, lambda build: build("Conv", "b [c -> d] [s...]", kernel=(3, 3), c=4, d=2), (2, 3, 8, 8)
    ),
    "no norm": Mistake(SemanticError, lambda build: build("Norm", "b c")),
    "no such scale": Mistake(SemanticError, lambda build: build("Norm", "b [c]", scale="w", c=3)),
    "no probability": Mistake(SemanticError, lambda build: build("Dropout", "[...]", 1.5)),
    "no such activation": Mistake(SemanticError, lambda build: build("MLP", activation="gelo", d=2, m=3)),
    "heads that do not divide": Mistake(AxisSizeError, lambda build: build("Attention", 5, 12)),
    "key heads that do not divide": Mistake(AxisSizeError, lambda build: build("Attention", 4, 12, kv_heads=3)),
    "no such backend": Mistake(NotSupportedError, lambda build: build("Attention", 4, 12, backend="flash")),
    "no such layout": Mistake(SemanticError, lambda build: build("Sinusoidal", 8, layout="x")),
    "no size of a table": Mistake(AxisSizeError, lambda build: build("Embedding", v=3), (2, 7)),
}

# A layer with all sizes and without those that an input shows, and the shape of such an input.
INFERRED = {
    "linear": ("Linear", ("... [c -> d]",), {"d": 5}, {"c": 6}, (2, 3, 6)),
    "norm": ("Norm", ("... [c]",), {}, {"c": 6}, (2, 3, 6)),
    "tracking norm": ("Norm", ("[b...] c",), {"decay_rate": 0.9}, {"c": 6}, (2, 3, 6)),
    "convolution": ("Conv", ("b [c -> d] [s]", 3), {"d": 5}, {"c": 6}, (2, 6, 7)),
    "attention": ("Attention", (4,), {"kv_heads": 2}, {"dim": 12}, (2, 5, 12)),
    "MLP": ("MLP", (), {"m": 8}, {"d": 6}, (2, 3, 6)),
    "learned positions": ("LearnedPositions", (5,), {}, {"d": 6}, (2, 5, 6)),
}
