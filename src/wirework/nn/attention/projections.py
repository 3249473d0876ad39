"""From tokens to queries, keys and values: by one weight for all, or by one for each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import wirework as ww
from wirework.engine import Applied
from wirework.errors import NotSupportedError
from wirework.nn.attention.heads import HeadSizes, QKNorm
from wirework.nn.definition import Start
from wirework.nn.initialisers import Constant, lecun_normal
from wirework.nn.linear import LinearDefinition
from wirework.nn.norm import NormDefinition
from wirework.notation.parse import parse
from wirework.notation.tree import Operand

Array = Any  # an array of any framework
Parts = Any  # has the layers and parameters of attention as attributes
PartDefinition = LinearDefinition | NormDefinition

PROJECT = Applied("dot", "b t [c], r [c] -> b t r", 2, ("bias",))
QUERY_ROWS = {False: "(h d)", True: "(h (d + e))"}  # by whether there is a gate


class Projected(NamedTuple):
    """What is made of the tokens of one call.

    Attributes:
        q: queries that get a position, `b h t d`.
        k, v: what a cache keeps: keys that have got a position, `b g t d`, and values, `b g t e`.
        gate: logits of the gate, `b t (h e)`.
        q_rest: features of the queries that get no position.
    """

    q: Array
    k: Array
    v: Array
    gate: Array | None = None
    q_rest: Array | None = None


@dataclass(frozen=True)
class Fused:
    """One weight for queries, keys and values, as in torch.nn.MultiheadAttention.

    Its rows are those of the queries, head by head, then of the keys, then of the values.
    """

    output = "out_proj"
    inputs = {"dim": "in_proj_weight"}  # noqa: RUF012

    def check(self, sizes: HeadSizes, qk_norm: QKNorm | None) -> None:
        """Refuse what one weight cannot do."""
        if sizes.context_dim not in (None, sizes.dim):
            raise NotSupportedError("context_dim differs from dim: that takes projection=Split()")
        if len(sizes.biases & {"q", "k", "v"}) not in (0, 3):
            raise NotSupportedError("a bias for some of q, k and v takes projection=Split()")
        if qk_norm is not None and qk_norm.over == "heads":
            raise NotSupportedError('QKNorm(over="heads") takes projection=Split()')

    def parameters(self, sizes: HeadSizes) -> dict[str, Operand]:
        rows = f"({QUERY_ROWS[sizes.gate]} + (g d) + (g e))"
        weight = {"in_proj_weight": operand(f"{rows} c")}
        return weight | ({"in_proj_bias": operand(rows)} if "q" in sizes.biases else {})

    def starts(self, sizes: HeadSizes) -> dict[str, Start]:
        d, e = known(sizes.head_dim), known(sizes.value_dim)
        rows = sizes.heads * (d + e * sizes.gate) + sizes.kv_heads * (d + e)
        weight = {"in_proj_weight": Start((rows, known(sizes.dim)), lecun_normal(known(sizes.dim)))}
        return weight | ({"in_proj_bias": Start((rows,), Constant(0.0))} if "q" in sizes.biases else {})

    def parts(self, sizes: HeadSizes) -> dict[str, PartDefinition]:
        return {self.output: output_projection(sizes)}

    def heads(self, sizes: HeadSizes) -> Applied:
        """From rows for all heads to queries, keys and values of each, and the gate."""
        lengths = {"h": sizes.heads, "g": sizes.kv_heads}
        if sizes.gate:
            text = "b t ((h (d + e)) + (g d) + (g e)) -> b h t d, b g t d, b g t e, b t (h e)"
            return Applied("rearrange", text, constants=lengths | sizes.known(d=sizes.head_dim, e=sizes.value_dim))
        if sizes.head_dim != sizes.value_dim:
            text = "b t ((h d) + (g d) + (g e)) -> b h t d, b g t d, b g t e"
            return Applied("rearrange", text, constants=lengths | sizes.known(d=sizes.head_dim))
        if sizes.heads == sizes.kv_heads:
            text = "b t ((1 + 1 + 1) h d) -> b h t d, b h t d, b h t d"
            return Applied("rearrange", text, constants={"h": sizes.heads})
        text = "b t ((h + g + k) d) -> b h t d, b g t d, b k t d"
        return Applied("rearrange", text, constants={**lengths, "k": sizes.kv_heads})

    def project(
        self, parts: Parts, x: Array, context: Array | None, sizes: HeadSizes, heads: Applied, normed: bool = False
    ) -> Projected:  # fmt: skip
        if context is not None:
            return self.project_apart(parts, x, context, sizes)
        return Projected(*heads(linear(x, parts.in_proj_weight, parts.in_proj_bias)))

    def project_apart(self, parts: Parts, x: Array, context: Array, sizes: HeadSizes) -> Projected:
        """Queries of x, keys and values of the context."""
        weight, bias = parts.in_proj_weight, parts.in_proj_bias
        count = sizes.heads * (known(sizes.head_dim) + known(sizes.value_dim) * sizes.gate)
        of_query, of_context = ww.rearrange("(q + kv) c -> q c, kv c", weight, q=count)
        bias_query, bias_context = (None, None) if bias is None else ww.rearrange("(q + kv) -> q, kv", bias, q=count)
        q, gate = split_queries(linear(x, of_query, bias_query), sizes)
        rows = linear(context, of_context, bias_context)
        text = "b t ((g d) + (g e)) -> b g t d, b g t e"
        k, v = ww.rearrange(text, rows, g=sizes.kv_heads, d=sizes.head_dim)
        return Projected(q, k, v, gate)


@dataclass(frozen=True)
class Split:
    """A layer each for queries, keys, values and output, named as in Hugging Face's models."""

    output = "o_proj"
    inputs = {"dim": "q_proj.weight", "context_dim": "k_proj.weight"}  # noqa: RUF012

    def check(self, sizes: HeadSizes, qk_norm: QKNorm | None) -> None:
        """Refuse what makes no sense."""
        if sizes.gate and qk_norm is not None and qk_norm.over == "heads":
            raise NotSupportedError('gate=True does not go with QKNorm(over="heads")')

    def parameters(self, sizes: HeadSizes) -> dict[str, Operand]:
        return {}

    def starts(self, sizes: HeadSizes) -> dict[str, Start]:
        return {}

    def parts(self, sizes: HeadSizes) -> dict[str, PartDefinition]:
        shared = sizes.known(g=sizes.kv_heads, c=sizes.context_dim)
        d, e = sizes.known(d=sizes.head_dim), sizes.known(e=sizes.value_dim)
        of_query = {"h": sizes.heads, **sizes.known(c=sizes.dim), **d, **(e if sizes.gate else {})}
        return {
            "q_proj": LinearDefinition(f"... [c -> {QUERY_ROWS[sizes.gate]}]", "q" in sizes.biases, of_query),
            "k_proj": LinearDefinition("... [c -> (g d)]", "k" in sizes.biases, shared | d),
            "v_proj": LinearDefinition("... [c -> (g e)]", "v" in sizes.biases, shared | e),
            self.output: output_projection(sizes),
        }

    def heads(self, sizes: HeadSizes) -> Applied:
        """From rows for all heads to queries, keys and values of each, and the gate."""
        lengths = {"h": sizes.heads, "g": sizes.kv_heads}
        if sizes.gate:
            text = "b t (h (d + e)), b s (g d), b s (g e) -> b h t d, b g s d, b g s e, b t (h e)"
            return Applied("rearrange", text, 3, constants=lengths | sizes.known(d=sizes.head_dim))
        return Applied("rearrange", "b t (h d), b s (g d), b s (g e) -> b h t d, b g s d, b g s e", 3, (), lengths)

    def project(
        self, parts: Parts, x: Array, context: Array | None, sizes: HeadSizes, heads: Applied, normed: bool = False
    ) -> Projected:  # fmt: skip
        context = x if context is None else context
        q, k, v = parts.q_proj(x), parts.k_proj(context), parts.v_proj(context)
        if normed:  # over all heads together
            q, k = parts.q_norm(q), parts.k_norm(k)
        return Projected(*heads(q, k, v))


def split_queries(rows: Array, sizes: HeadSizes) -> tuple[Array, Array | None]:
    """`b t (h d) -> b h t d`, and the gate `b t (h e)` if there is one."""
    if not sizes.gate:
        return ww.rearrange("b t (h d) -> b h t d", rows, h=sizes.heads), None
    return ww.rearrange("b t (h (d + e)) -> b h t d, b t (h e)", rows, h=sizes.heads, d=sizes.head_dim)


def output_projection(sizes: HeadSizes) -> LinearDefinition:
    """From the values of all heads to the output."""
    lengths = {"h": sizes.heads, **sizes.known(e=sizes.value_dim, c=sizes.out_dim)}
    return LinearDefinition("... [(h e) -> c]", "out" in sizes.biases, lengths)


def linear(x: Array, weight: Array, bias: Array | None) -> Array:
    """`x · weight + bias`."""
    return PROJECT(x, weight) if bias is None else PROJECT(x, weight, bias)


def operand(text: str) -> Operand:
    """The axes of a parameter."""
    return parse(text).inputs[0]


def known(length: int | None) -> int:
    """A length that has been resolved."""
    assert length is not None
    return length
