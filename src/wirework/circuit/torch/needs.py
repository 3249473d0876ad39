"""What lengths functions of torch's need: asked when one refuses its arguments, to find out what an axis is."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from torch import Tensor

from wirework.circuit.sizes import formula_of, refuse_length

Lengths = Callable[[Tensor], Sequence[int]]
Pairs = Iterator[tuple[int, int]]


def refuse_lengths(name: str, lengths: Lengths, args: Sequence[Any], kwargs: dict[str, Any]) -> None:
    """Say which axis of unknown length a function refuses because of its length.

    Args:
        name: of the function.
        lengths: those of a tensor, with formulas.
        args, kwargs: its arguments.

    Raises:
        Sized: if there is one.
    """
    values = [*args, *kwargs.values()]
    tensors = [lengths(each) for each in values if isinstance(each, Tensor)]
    for one, other in NEEDS.get(name, broadcast)(tensors, values):
        refuse_length(formula_of(one), formula_of(other))


def broadcast(tensors: Sequence[Sequence[int]], _: Any) -> Pairs:
    """Equal lengths in the last places, or 1."""
    for left, right in itertools.pairwise(tensors):
        for one, other in zip(reversed(left), reversed(right), strict=False):
            if 1 not in (int(one), int(other)):
                yield one, other


def linear(tensors: Sequence[Sequence[int]], _: Any) -> Pairs:
    """As many features as the weight has columns."""
    yield tensors[0][-1], tensors[1][-1]


def matmul(tensors: Sequence[Sequence[int]], _: Any) -> Pairs:
    """As many columns as rows."""
    left, right = tensors[-2:]
    yield left[-1], right[-2 if len(right) > 1 else -1]


def convolution(tensors: Sequence[Sequence[int]], values: Sequence[Any]) -> Pairs:
    """As many channels as the weight has, times the groups."""
    x, weight = tensors[:2]
    groups = values[6] if len(values) > 6 and isinstance(values[6], int) else 1
    yield x[1 - len(weight)], weight[1] * groups


def transposed(tensors: Sequence[Sequence[int]], _: Any) -> Pairs:
    """As many channels as the weight has rows."""
    x, weight = tensors[:2]
    yield x[1 - len(weight)], weight[0]


def last(tensors: Sequence[Sequence[int]], values: Sequence[Any]) -> Pairs:
    """Last lengths that are given."""
    shape = next((each for each in values[1:] if isinstance(each, list | tuple)), ())
    yield from zip(tensors[0][len(tensors[0]) - len(shape) :], shape, strict=True)


def channels(tensors: Sequence[Sequence[int]], _: Any) -> Pairs:
    """As many channels as there are learned factors or statistics."""
    for other in tensors[1:]:
        yield tensors[0][1], other[0]


NEEDS: dict[str, Callable[..., Pairs]] = {
    "linear": linear,
    **dict.fromkeys(("matmul", "__matmul__", "mm", "bmm", "mv", "dot", "addmm", "baddbmm"), matmul),
    **dict.fromkeys(("conv1d", "conv2d", "conv3d"), convolution),
    **dict.fromkeys(("conv_transpose1d", "conv_transpose2d", "conv_transpose3d"), transposed),
    **dict.fromkeys(("layer_norm", "rms_norm"), last),
    **dict.fromkeys(("batch_norm", "instance_norm", "group_norm"), channels),
}
