"""Scaled dot-product attention."""

from __future__ import annotations

import torch
from torch import Tensor

from wirework.circuit.axes import Dim, columns, found, hint_of, one_axis
from wirework.circuit.broadcasting import broadcast
from wirework.circuit.readings import Reading, marked
from wirework.circuit.recorder import Array, Axes, named_mask
from wirework.circuit.shaping import wish
from wirework.circuit.torch.call import Call
from wirework.circuit.torch.table import translates


@translates("scaled_dot_product_attention")
def attention(
    call: Call, query: Tensor, key: Tensor, value: Tensor, attn_mask: Tensor | None = None, dropout_p: float = 0.0,
    is_causal: bool = False, scale: float | None = None, enable_gqa: bool = False,
) -> tuple[Array, ...] | None:  # fmt: skip
    """`b h q [d], b h [k d], b h [k] e -> b h q e`; heads of queries may share keys and values."""
    q, k, v = map(call.array, (query, key, value))
    rank = len(q.dims)
    if is_causal and hint_of(found(q.dims[-2])) != hint_of(found(k.dims[-2])):
        return None  # torch counts from the first key, wirework from the last
    heads = grouped(call, q, k) if enable_gqa and rank > 2 else None
    wish([q.dims[-1], v.dims[-1]], "de")
    batch = [
        [k.dims[place], v.dims[place]] if place == rank - 3 and heads else [each.dims[place] for each in (q, k, v)]
        for place in range(rank - 2)
    ]
    entries = [*batch, [q.dims[-2]], [k.dims[-2], v.dims[-2]], [q.dims[-1], k.dims[-1]], [v.dims[-1]]]
    *outer, queries, keys, compared, features = columns([*entries, [heads]] if heads else entries)[: len(entries)]
    queries, keys = one_axis(queries), one_axis(keys)
    if attn_mask is not None:
        outer = [one_axis(dim) if len(dim) > 1 else dim for dim in outer]
    of_q = [*outer[:-1], (*outer[-1], *heads)] if heads else outer
    inside = (*keys, *compared)
    readings = [
        marked([*map(broadcast, map(found, each.dims), [*batch_dims, places, last])], inside)
        for each, batch_dims, places, last in (
            (q, of_q, queries, compared), (k, outer, keys, compared), (v, outer, keys, features)
        )
    ]  # fmt: skip
    result: Reading = (*of_q, queries, features)
    dims = [*(found(dim) for dim in q.dims[:-1]), features]
    keywords, options = {}, {}
    if attn_mask is not None:
        name = "mask" if attn_mask.dtype == torch.bool else "bias"
        mask = named_mask(call.tracer.recorder, call.array(attn_mask), [*of_q, queries, keys])
        keywords[name], options[f"{name}_axes"] = mask, Axes(tuple(map(found, mask.dims)))
    options |= {name: value for name, value in (("scale", scale), ("causal", is_causal or None)) if value is not None}
    options |= {"dropout": dropout_p} if dropout_p else {}
    return call.step("attention", (q, k, v), readings, [call.result(dims, result)], keywords, **options)


def grouped(call: Call, q: Array, k: Array) -> Dim | None:
    """The heads of queries that share keys and values, if there are any."""
    many, few = hint_of(found(q.dims[-3])), hint_of(found(k.dims[-3]))
    return None if many == few else call.new(many // few, "r")
