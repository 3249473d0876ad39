"""Norm: normalisation by statistics over chosen axes, and a learned scale and bias."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

import numpy as np

import wirework as ww
from wirework.errors import SemanticError
from wirework.nn.definition import (
    NONE,
    Array,
    Start,
    check_names,
    required_shape,
    settle,
    single_operand,
    solve_sizes,
    summarise,
)
from wirework.nn.initialisers import Constant
from wirework.nn.sizes import Size, missing, paired, shape_of, transfer
from wirework.notation.tree import (
    Bracket,
    Operand,
    Shorthand,
    Term,
    axis_names,
    bracketed,
    contains,
    rebuild,
    without_brackets,
)

Scale = bool | Literal["1 + w", "w after cast"]
SCALES = (True, False, "1 + w", "w after cast")
STARTS = {"weight": 1.0, "bias": 0.0, "running_mean": 0.0, "running_var": 1.0}


@dataclass(frozen=True)
class NormDefinition:
    """`y = (x - mean) / sqrt(var + epsilon) * weight + bias`, with the parts that are switched on.

    The statistics are over the bracketed axes of `stats`, one for each of the others; weight and bias
    have the bracketed axes of `params`. Both describe the same array, but their names are their own:
    in `stats="b [s...] (g [c])"`, `params="b... [c]"` the two `c` differ by the factor g.

    The variance is taken about the mean in two passes. With `mean=False` it is the mean square.

    With `scale="1 + w"` the factor is 1 + weight. With `scale="w after cast"` what is scaled has already been
    rounded to the dtype of x.
    """

    stats: str
    params: str = "b... [c]"
    mean: bool = True
    var: bool = True
    scale: Scale = True
    bias: bool = True
    epsilon: float = 1e-5
    tracked: bool = False
    sizes: Mapping[str, Size] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for text, operand in ((self.stats, self.stats_operand), (self.params, self.params_operand)):
            if contains(operand, Shorthand):
                raise SemanticError("the brackets of Norm hold axes only, without ',' or '->'", text)
            if not contains(operand, Bracket):
                raise SemanticError("Norm needs brackets around the axes that it acts on", text)
        if self.scale not in SCALES:
            known = 'True, False, "1 + w" or "w after cast"'
            raise SemanticError(f"scale of Norm is {known}, not {self.scale!r}")
        check_names(self.sizes, (self.stats_operand, self.params_operand), self.stats)
        settle(self)

    @cached_property
    def stats_operand(self) -> Operand:
        return single_operand(self.stats, "Norm")

    @cached_property
    def params_operand(self) -> Operand:
        return single_operand(self.params, "Norm")

    @cached_property
    def reduced(self) -> Operand:
        """The axes that each have a statistic of their own."""
        return rebuild(self.stats_operand, lambda term: () if isinstance(term, Bracket) else (term,))

    @cached_property
    def affine_axes(self) -> tuple[Term, ...]:
        """The axes of weight and bias."""
        return bracketed(self.params_operand)

    @cached_property
    def average(self) -> str:
        """From the input to a statistic: `"b [s...] c -> b c"`."""
        return f"{self.stats_operand} -> {self.reduced}"

    @cached_property
    def broadcast(self) -> str:
        """From the input and a statistic back to the input: `"b s... c, b c -> b s... c"`."""
        whole = without_brackets(self.stats_operand)
        return f"{whole}, {self.reduced} -> {whole}"

    @cached_property
    def stats_sizes(self) -> dict[str, Size]:
        """The given sizes that name axes of `stats`."""
        names = axis_names((self.stats_operand,))
        return {name: size for name, size in self.sizes.items() if name in names}

    @cached_property
    def params_sizes(self) -> dict[str, Size]:
        """The given sizes that name axes of `params` alone."""
        return {name: size for name, size in self.sizes.items() if name not in self.stats_sizes}

    @property
    def parameters(self) -> dict[str, Operand]:
        axes = Operand(self.affine_axes)
        return ({"weight": axes} if self.scale else {}) | ({"bias": axes} if self.bias else {})

    @property
    def buffers(self) -> dict[str, Operand]:
        mean = {"running_mean": self.reduced} if self.tracked and self.mean else {}
        return mean | ({"running_var": self.reduced} if self.tracked and self.var else {})

    @property
    def missing(self) -> tuple[str, ...]:
        of_stats, of_params = self.given_sizes()
        affine = self.affine_axes if self.parameters else ()
        running = self.reduced.terms if self.buffers else ()
        return missing(affine, of_params) + missing(running, of_stats)

    def starts(self, x: Array | None = None, arrays: Mapping[str, Array] = NONE) -> dict[str, Start]:
        of_stats, of_params = self.given_sizes()
        of_stats |= solve_sizes(self.buffers, arrays, of_stats)
        of_params |= solve_sizes(self.parameters, arrays, of_params)
        if x is not None:
            of_stats |= solve_sizes({"x": self.stats_operand}, {"x": x}, of_stats)
            of_params |= solve_sizes({"x": self.params_operand}, {"x": x}, of_params)
        shapes: dict[str, tuple[int, ...]] = {}
        if self.parameters:
            shapes |= dict.fromkeys(self.parameters, required_shape(self.affine_axes, of_params, str(self)))
        if self.buffers:
            shapes |= dict.fromkeys(self.buffers, required_shape(self.reduced.terms, of_stats, str(self)))
        values = {**STARTS, "weight": 0.0} if self.scale == "1 + w" else STARTS
        return {name: Start(shape, Constant(values[name])) for name, shape in shapes.items()}

    def given_sizes(self) -> tuple[dict[str, Size], dict[str, Size]]:
        """The sizes of the axes of `stats` and of `params`, as far as the given ones determine them."""
        shared = transfer(self.stats_operand, self.stats_sizes, self.params_operand)
        of_params = {**shared, **self.params_sizes}
        back = transfer(self.params_operand, of_params, self.stats_operand)
        return {**back, **self.stats_sizes}, of_params

    def solved(self, arrays: Mapping[str, Array]) -> dict[str, Size]:
        """The sizes that parameters and buffers show: of axes of `stats`, and of those that `params` alone has."""
        of_params = solve_sizes(self.parameters, arrays, self.params_sizes)
        of_stats = solve_sizes(self.buffers, arrays, self.stats_sizes)
        for stats, params in paired(self.stats_operand, self.params_operand):
            if (shape := shape_of((params,), of_params)) is not None:
                of_stats |= solve_sizes({"x": Operand((stats,))}, {"x": np.broadcast_to(0, shape)}, self.stats_sizes)
        return {**of_params, **of_stats}

    def mean_of(self, x: Array) -> Array | None:
        return ww.mean(self.average, x, **self.stats_sizes) if self.mean else None

    def centre(self, x: Array, mean: Array | None) -> Array:
        return x if mean is None else ww.subtract(self.broadcast, x, mean, **self.stats_sizes)

    def variance_of(self, centred: Array) -> Array | None:
        return ww.mean(self.average, centred * centred, **self.stats_sizes) if self.var else None

    def rescale(self, centred: Array, var: Array | None) -> Array:
        """`centred / sqrt(var + epsilon)`."""
        if var is None:
            return centred
        return ww.multiply(self.broadcast, centred, (var + self.epsilon) ** -0.5, **self.stats_sizes)

    def affine(self, x: Array, weight: Array | None, bias: Array | None) -> Array:
        """`x * weight + bias`, or `x * (1 + weight) + bias`."""
        if weight is not None:
            weight = weight + 1 if self.scale == "1 + w" else weight
            x = ww.multiply(self.params, x, weight, **self.params_sizes)
        return x if bias is None else ww.add(self.params, x, bias, **self.params_sizes)

    @property
    def summary(self) -> str:
        switches = {"mean": self.mean, "var": self.var, "scale": self.scale, "bias": self.bias}
        changed = {name: repr(value) for name, value in switches.items() if value is not True}
        return summarise(self.stats, self.params, **self.sizes, **changed, epsilon=self.epsilon)

    def __str__(self) -> str:
        return f'Norm("{self.stats}")'
