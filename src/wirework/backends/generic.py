"""Larger primitives for any array namespace `xp`, for backends without fused kernels of their own."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from itertools import product
from typing import Any

from wirework.errors import AxisSizeError, NotSupportedError, SemanticError, counted

Axes = int | tuple[int, ...]
PerAxis = int | Sequence[int]
Padding = int | str | Sequence[int] | Sequence[Sequence[int]]


def made(factory: Callable[..., Any], shape: tuple[int, ...]) -> Any:
    """What a function in place of an array makes, which must have the shape it is asked for."""
    array = factory(shape)
    actual = getattr(array, "shape", None)
    if actual is None or tuple(actual) != shape:
        wanted = " ".join(map(str, shape))
        what = f"a {type(array).__name__}" if actual is None else f"one of shape ({' '.join(map(str, actual))})"
        what = "None" if array is None else what
        raise AxisSizeError(f"a function was asked for an array of shape ({wanted}), but returned {what}")
    return array


# -- normalised exponentials ------------------------------------------------------------------------------


def stable_softmax(xp: Any, x: Any, axis: Axes) -> Any:
    """Exponentials over their sum. Where every value is -inf, 0."""
    if getattr(x.dtype, "kind", "") == "c":
        raise TypeError("it is not defined for complex numbers")
    highest = xp.max(x, axis=axis, keepdims=True)
    raised = xp.exp(x - xp.where(xp.isfinite(highest), highest, xp.zeros_like(highest)))
    total = xp.sum(raised, axis=axis, keepdims=True)
    return raised / xp.where(total == 0, xp.ones_like(total), total)


def stable_log_softmax(xp: Any, x: Any, axis: Axes) -> Any:
    """Logarithm of softmax."""
    return x - stable_logsumexp(xp, x, axis, keepdims=True)


def stable_logsumexp(xp: Any, x: Any, axis: Axes, keepdims: bool = False) -> Any:
    """Logarithm of the sum of exponentials."""
    if getattr(x.dtype, "kind", "") == "c":
        raise TypeError("it is not defined for complex numbers")
    if x.size == 0:
        return xp.log(xp.sum(xp.exp(x), axis=axis, keepdims=keepdims))
    highest = xp.max(x, axis=axis, keepdims=True)
    highest = xp.where(xp.isfinite(highest), highest, xp.zeros_like(highest))
    result = xp.log(xp.sum(xp.exp(x - highest), axis=axis, keepdims=True)) + highest
    return result if keepdims else xp.squeeze(result, axis=axis)


# -- attention ----------------------------------------------------------------------------------------------


def attend(
    xp: Any, q: Any, k: Any, v: Any, mask: Any = None, bias: Any = None, scale: float | None = None,
    softcap: float | None = None, dropout: float | None = None, rng: Any = None, causal: bool = False,
    grouped: bool = False, drop: Callable[..., Any] | None = None,
) -> Any:  # fmt: skip
    """Scaled dot-product attention on (batch, heads, length, features).

    The scale goes on the scores, then softcap, then bias and masks, then softmax; a query that sees no
    key gives 0.
    """
    if grouped:
        k, v = (repeated_heads(xp, x, q.shape[1]) for x in (k, v))
    scale = 1 / math.sqrt(max(q.shape[-1], 1)) if scale is None else scale
    scores = xp.matmul(q * scale, xp.matrix_transpose(k))
    shape = scores.shape
    if softcap is not None:
        scores = softcap * xp.tanh(scores / softcap)
    if bias is not None:
        scores = scores + bias
    if causal:
        seen = causal_mask(xp, q.shape[-2], k.shape[-2])
        mask = seen if mask is None else xp.logical_and(mask, seen)
    if mask is not None:
        scores = xp.where(mask, scores, xp.full_like(scores, -math.inf))
    if scores.shape != shape:
        raise AxisSizeError("a mask or bias is larger than the scores")
    if k.shape[-2] == 0:
        return xp.matmul(scores, v)
    weights = stable_softmax(xp, scores, -1)
    if dropout is not None and not 0 <= dropout <= 1:
        raise SemanticError(f"dropout= is a probability, not {dropout}")
    if dropout:
        if drop is None or rng is None:
            raise NotSupportedError("dropout= in attention needs rng= on this backend")
        weights = drop(weights, dropout, rng)
    return xp.matmul(weights, v)


def repeated_heads(xp: Any, x: Any, heads: int) -> Any:
    """Each head of keys or values once for every head of the queries that shares it."""
    batch, shared, length, features = x.shape
    apart = xp.reshape(x, (batch, shared, 1, length, features))
    spread = xp.broadcast_to(apart, (batch, shared, heads // shared if shared else 0, length, features))
    return xp.reshape(spread, (batch, heads, length, features))


def causal_mask(xp: Any, queries: int, keys: int) -> Any:
    """Which keys a query may see: those up to its own place, the last query being at the last key."""
    return xp.expand_dims(xp.arange(queries), axis=1) + (keys - queries) >= xp.expand_dims(xp.arange(keys), axis=0)


# -- sliding windows ------------------------------------------------------------------------------------------


def per_axis(value: PerAxis, count: int) -> tuple[int, ...]:
    """One number for every axis, or one for each."""
    return tuple(value) if isinstance(value, Sequence) else (value,) * count


def pads(
    padding: Padding, sizes: Sequence[int], kernel: Sequence[int], stride: Sequence[int], dilation: Sequence[int]
) -> list[tuple[int, int]]:
    """What to pad on both sides of each axis.

    "same" makes ceil(size / stride) places, with the odd one at the end; "valid" pads nothing.
    """
    if padding == "valid":
        return [(0, 0)] * len(sizes)
    if padding == "same":
        found = []
        for size, extent, step, gap in zip(sizes, kernel, stride, dilation, strict=True):
            missing = max((-(-size // step) - 1) * step + gap * (extent - 1) + 1 - size, 0)
            found.append((missing // 2, missing - missing // 2))
        return found
    if not isinstance(padding, Sequence):
        return [(padding, padding)] * len(sizes)
    return [(p[0], p[1]) if isinstance(p, Sequence) else (p, p) for p in padding]  # type: ignore[index]


def places(size: int, padding: tuple[int, int], extent: int, stride: int, dilation: int) -> int:
    """How many places a kernel has on an axis."""
    if extent < 1:
        raise SemanticError("a kernel or window has a length of at least 1")
    if stride < 1 or dilation < 1:
        raise SemanticError("stride= and dilation= are at least 1")
    span = size + sum(padding) - dilation * (extent - 1) - 1
    if span < 0:
        raise SemanticError(
            f"a kernel of {extent} (dilation {dilation}) does not fit on an axis of {size} padded by {sum(padding)}"
        )
    return span // stride + 1


def padded(xp: Any, x: Any, axes: Sequence[int], amounts: Sequence[tuple[int, int]], fill: float = 0) -> Any:
    """An array with values `fill` added on both sides of some axes."""
    for axis, (before, after) in zip(axes, amounts, strict=True):
        parts = []
        for count in (before, after):
            shape = (*x.shape[:axis], count, *x.shape[axis + 1 :])
            parts.append(xp.full(shape, fill, dtype=x.dtype))
        if before or after:
            x = xp.concat([parts[0], x, parts[1]], axis=axis)
    return x


def convolve(
    xp: Any, x: Any, w: Any, stride: PerAxis = 1, padding: Padding = 0, dilation: PerAxis = 1,
    groups: int = 1, transposed: bool = False, output_padding: PerAxis = 0,
) -> Any:  # fmt: skip
    """Convolution of (batch, channels, space) with (channels, channels, kernel): one product a kernel element."""
    count = x.ndim - 2
    stride, dilation = per_axis(stride, count), per_axis(dilation, count)
    kernel = w.shape[2:]
    if transposed:
        return convolve_transposed(xp, x, w, stride, padding, dilation, groups, per_axis(output_padding, count))
    amounts = pads(padding, x.shape[2:], kernel, stride, dilation)
    sizes = [places(*each) for each in zip(x.shape[2:], amounts, kernel, stride, dilation, strict=True)]
    x = padded(xp, x, range(2, x.ndim), amounts)
    weight = xp.reshape(w, (groups, w.shape[0] // max(groups, 1), *w.shape[1:]))
    result = xp.zeros((x.shape[0], groups, weight.shape[1], math.prod(sizes)), dtype=x.dtype)
    for element in product(*map(range, kernel)):
        spans = slices(element, sizes, stride, dilation)
        met = x[(slice(None), slice(None), *spans)]
        patch = xp.reshape(met, (x.shape[0], groups, weight.shape[2], math.prod(sizes)))
        result = result + xp.matmul(weight[(..., *element)], patch)
    return xp.reshape(result, (x.shape[0], w.shape[0], *sizes))


def convolve_transposed(
    xp: Any, x: Any, w: Any, stride: Sequence[int], padding: Padding, dilation: Sequence[int], groups: int,
    output_padding: Sequence[int],
) -> Any:  # fmt: skip
    """The transpose of a convolution with the same arguments; the weight is (inputs, outputs, kernel)."""
    kernel, sizes = w.shape[2:], x.shape[2:]
    amounts = pads(padding, sizes, kernel, stride, dilation)
    full = [(s - 1) * t + d * (k - 1) + 1 for s, t, d, k in zip(sizes, stride, dilation, kernel, strict=True)]
    room = [f + o for f, o in zip(full, output_padding, strict=True)]
    weight = xp.reshape(w, (groups, w.shape[0] // max(groups, 1), *w.shape[1:]))
    source = xp.reshape(x, (x.shape[0], groups, weight.shape[1], math.prod(sizes)))
    result = xp.zeros((x.shape[0], groups * weight.shape[2], *room), dtype=x.dtype)
    for element in product(*map(range, kernel)):
        part = xp.matmul(xp.matrix_transpose(weight[(..., *element)]), source)
        spans = slices(element, sizes, stride, dilation)
        place = (slice(None), slice(None), *spans)
        result[place] = result[place] + xp.reshape(part, (x.shape[0], result.shape[1], *sizes))
    kept = tuple(slice(a, r - b) for (a, b), r in zip(amounts, room, strict=True))
    return result[(slice(None), slice(None), *kept)]


def slices(
    element: Sequence[int], sizes: Sequence[int], stride: Sequence[int], dilation: Sequence[int]
) -> tuple[slice, ...]:
    """The elements of the input that one element of the kernel meets."""
    return tuple(
        slice(e * d, e * d + t * (s - 1) + 1 if s else e * d, t)
        for e, s, t, d in zip(element, sizes, stride, dilation, strict=True)
    )


def windows(
    xp: Any, x: Any, axes: Sequence[int], sizes: Sequence[int], stride: PerAxis = 1, padding: Padding = 0,
    dilation: PerAxis = 1, fill: float = 0,
) -> Any:  # fmt: skip
    """Windows along some axes, as new last axes."""
    stride, dilation = per_axis(stride, len(axes)), per_axis(dilation, len(axes))
    lengths = [x.shape[axis] for axis in axes]
    amounts = pads(padding, lengths, sizes, stride, dilation)
    x = padded(xp, x, axes, amounts, fill)
    for axis, size, step, gap, length, amount in zip(axes, sizes, stride, dilation, lengths, amounts, strict=True):
        count = places(length, amount, size, step, gap)
        starts = xp.expand_dims(xp.arange(count) * step, axis=1)
        index = xp.reshape(starts + xp.arange(size) * gap, (-1,))
        taken = xp.take(x, index, axis=axis)
        apart = xp.reshape(taken, (*x.shape[:axis], count, size, *x.shape[axis + 1 :]))
        x = xp.moveaxis(apart, axis + 1, -1)
    return x


# -- places in several axes ----------------------------------------------------------------------------------


def unravel(xp: Any, index: Any, sizes: Sequence[int], axis: int) -> Any:
    """A place counted row-major over several axes, as one coordinate for each, along a new axis."""
    found = []
    for size in reversed(sizes):
        found.append(index % size)
        index = index // size
    return xp.stack(found[::-1], axis=axis)


def expect_shape(value: Any, rank: int, sizes: Mapping[int, int]) -> Any:
    """A user's function must return arrays with the dimensions that the expression says."""
    shape = getattr(value, "shape", ())
    if len(shape) != rank:
        found, wanted = counted(len(shape), "dimension"), counted(rank, "axis")
        raise SemanticError(f"the function returned {found}, but the expression has {wanted} there")
    for axis, size in sizes.items():
        if shape[axis] != size:
            raise SemanticError(f"the function returned a length of {shape[axis]}, but the expression has {size} there")
    return value


# -- orders of contraction -------------------------------------------------------------------------------------


def cheapest(*costs: Any) -> int:
    """The place of the smallest cost; of the first, where symbolic sizes cannot be compared."""
    best = 0
    for place in range(1, len(costs)):
        try:
            if costs[place] < costs[best]:
                best = place
        except Exception:  # JAX has no common class for symbolic sizes that it cannot compare
            return best
    return best
