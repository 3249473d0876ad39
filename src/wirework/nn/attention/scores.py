"""From queries, keys and values to their mixture: by the library's fused kernel, or step by step."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple, Protocol

import wirework as ww
from wirework.engine import Applied

Array = Any  # an array of any framework

HEADS = "b h q [d], b h [k] [d], b h [k] e -> b q (h e)"
SHARED = "b (g r) q [d], b g [k] [d], b g [k] e -> b q (g r e)"


class Runtime(Protocol):
    """What attention needs of a framework besides operations."""

    @property
    def drop_rate(self) -> float:
        """How many of the weights are dropped in training; 0 outside it."""
        ...

    @property
    def dropout(self) -> Mapping[str, Any]:
        """The options of `ww.attention` that drop weights; none outside training."""
        ...

    def drop(self, weights: Array) -> Array:
        """The weights of attention, some of them dropped in training."""
        ...

    def sigmoid(self, x: Array) -> Array: ...

    def tanh(self, x: Array) -> Array: ...

    def arange(self, start: int, stop: int, like: Array) -> Array:
        """Whole numbers on the device of `like`."""
        ...

    def band(self, rows: int, columns: int, below: int | None, above: int | None, like: Array) -> Array:
        """Booleans, true from `below` places below the diagonal to `above` places above it. `None`: no bound."""
        ...

    def zeros(self, shape: tuple[int, ...], like: Array) -> Array:
        """Zeros of the dtype of `like`."""
        ...


class Scores(NamedTuple):
    """What is done to the scores q · k between the contraction and the softmax.

    Attributes:
        runtime: the framework.
        causal: whether a query sees only the keys up to its own, the last query being at the last key.
        mask: booleans `k`, `q k` or `b h q k`, where b, h and q may be 1.
        bias: numbers `h q k` or `b h q k`.
        sinks: a logit for each head, `h`.
        scale: `None`: head_dim ** -0.5.
        softcap: the limit of the scores.
        repeats: how many heads of the queries share a head of keys and values.
        mix: the mixture of values if at most one of causal, mask and bias takes part, and neither sinks nor dropout.
    """

    runtime: Runtime
    causal: bool
    mask: Array | None
    bias: Array | None
    sinks: Array | None
    scale: float | None
    softcap: float | None
    repeats: int
    mix: Applied

    def options(self) -> dict[str, Any]:
        """The options of `ww.attention`."""
        found: dict[str, Any] = {}
        if self.causal:
            found["causal"] = True
        if self.mask is not None:
            found["mask"] = broadcast(self.mask, self.repeats)
        if self.bias is not None:
            found["bias"] = broadcast(self.bias, self.repeats)
        if self.scale is not None:
            found["scale"] = self.scale
        if self.runtime.dropout:
            found |= self.runtime.dropout
        return found


def broadcast(array: Array, repeats: int) -> Array | tuple[str, Array]:
    """A mask or bias as `ww.attention` takes it: as it is, if its axes are the last ones of the scores."""
    if array.ndim == 1 or (array.ndim == 3 and repeats == 1):
        array = array[None]
    return array if array.ndim == 2 or (array.ndim == 4 and repeats == 1) else named(array, repeats)


def named(array: Array, repeats: int, alone: str = "h") -> tuple[str, Array]:
    """A mask or bias with the names of its axes, without those of length 1.

    The axis of heads is `g r` where heads share keys, and else what `alone` says.
    """
    axes = ["b", "h", "q", "k"][4 - array.ndim :]
    kept = [axis for axis, length in zip(axes, array.shape, strict=True) if length != 1 or axis == "k"]
    before, after = " ".join(axis if axis in kept else "1" for axis in axes), " ".join(kept)
    if "h" not in kept or repeats == 1:
        array = array if kept == axes else ww.rearrange(f"{before} -> {after}", array)
        return after.replace("h", alone), array
    after = after.replace("h", "g r")
    return after, ww.rearrange(f"{before.replace('h', '(g r)')} -> {after}", array, r=repeats)


def with_sinks(k: Array, v: Array, scores: Scores) -> tuple[Array, Array, Scores]:
    """Each head's sink as a key before all others, of zeros, whose logit is a bias and whose value is zeros."""
    runtime, keys = scores.runtime, k.shape[2]
    k, v = (ww.rearrange("b g s d, b g k d -> b g (s + k) d", x[:, :, :1] * 0, x) for x in (k, v))
    if scores.bias is None:
        bias = ww.rearrange("h, k -> h 1 (1 + k)", scores.sinks, runtime.zeros((keys,), scores.sinks))
    else:
        bias = ww.rearrange("h, ... h q k -> ... h q (1 + k)", scores.sinks, scores.bias)
    mask = scores.mask
    if mask is not None:
        first = mask[..., :1]
        mask = ww.rearrange("... s, ... k -> ... (s + k)", first | ~first, mask)
    return k, v, scores._replace(bias=bias, mask=mask, sinks=None)


def attend(q: Array, k: Array, v: Array, scores: Scores) -> Array:
    """`b h q d, b g k d, b g k e -> b q (h e)` by `ww.attention`, which knows the library's fused kernel."""
    _, causal, mask, bias, sinks, _, _, repeats, mix = scores
    things = causal + (mask is not None) + (bias is not None)
    if things < 2 and sinks is None and not scores.runtime.drop_rate:
        if mask is None and bias is None:
            return mix(q, k, v)
        extra = broadcast(bias if mask is None else mask, repeats)
        if not isinstance(extra, tuple):
            return mix(q, k, v, extra)
    if sinks is not None:
        k, v, scores = with_sinks(k, v, scores)
    return ww.attention(HEADS if repeats == 1 else SHARED, q, k, v, **scores.options())


def mixture(repeats: int, scale: float | None, causal: bool, names: tuple[str, ...]) -> Applied:
    """`attend` for scores to which nothing happens but what `causal` and one array, a "mask" or "bias", say."""
    options = ({"causal": True} if causal else {}) | ({} if scale is None else {"scale": scale})
    return Applied("attention", HEADS if repeats == 1 else SHARED, 3, names, options)


def attend_in_steps(q: Array, k: Array, v: Array, scores: Scores) -> Array:
    """The same as `attend`, with the scores and the weights as arrays."""
    if scores.sinks is not None:
        k, v, scores = with_sinks(k, v, scores)
    weights = scores.runtime.drop(weigh(q, k, scores))
    if q.shape[2] == 1:
        return ww.dot("b g r q [k], b g [k] e -> b q (g r e)", weights, v)
    # torch.export can show of lengths that differ from call to call that they fit if values stand beside each head
    v = ww.rearrange("b g k e -> b g r k e", v, r=scores.repeats)
    return ww.rearrange("b g r q e -> b q (g r e)", ww.dot("b g r q [k], b g r [k] e -> b g r q e", weights, v))


def weights_of(q: Array, k: Array, v: Array, scores: Scores) -> Array:
    """How much each query attends to each key: `b h q k`, summing to 1 over k, or less with sinks."""
    sinks = scores.sinks is not None
    if sinks:
        k, _, scores = with_sinks(k, v, scores)
    weights = ww.rearrange("b g r q k -> b (g r) q k", weigh(q, k, scores))
    return weights[..., 1:] if sinks else weights


def weigh(q: Array, k: Array, scores: Scores) -> Array:
    """Softmax of the scores: scale, softcap, bias, mask, in this order. `b g r q k`, where h is `g r`."""
    scale = q.shape[-1] ** -0.5 if scores.scale is None else scores.scale
    logits = ww.dot("b (g r) q [d], b g k [d] -> b g r q k", q, k, r=scores.repeats) * scale
    if scores.softcap is not None:
        logits = scores.softcap * scores.runtime.tanh(logits / scores.softcap)
    if scores.bias is not None:
        axes, bias = named(scores.bias, scores.repeats, alone="g")
        logits = ww.add(f"b g r q k, {axes} -> b g r q k", logits, bias)
    if scores.mask is None:
        return ww.softmax("b g r q [k]", logits)
    axes, mask = named(scores.mask, scores.repeats, alone="g")
    logits = ww.where(f"{axes}, b g r q k,  -> b g r q k", mask, logits, lowest(logits))
    return ww.where(f"{axes}, b g r q k,  -> b g r q k", mask, ww.softmax("b g r q [k]", logits), 0.0)


def lowest(logits: Array) -> float:
    """A finite number below all scores: a row of these alone has weights and gradients that are numbers."""
    return -6e4 if "float16" in str(logits.dtype).replace("bfloat16", "") else -1e30
