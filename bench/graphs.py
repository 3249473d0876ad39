"""How many graphs torch.compile makes of one function over several sequence lengths."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Callable
from typing import Any

import einops
import einx
import torch
import torch._dynamo

import wirework as ww

LENGTHS = (7, 9, 11, 13, 17, 19, 23, 29)


def with_wirework(x: torch.Tensor) -> torch.Tensor:
    """Self-attention without weights, step by step: `b t (h c)`."""
    scores = ww.dot("b q (h [c]), b k (h [c]) -> b h q k", x, x, h=4)
    weights = ww.softmax("b h q [k]", scores)
    mixed = ww.dot("b h q [k], b [k] (h c) -> b q (h c)", weights, x)
    return ww.add("b t c, b c -> b t c", mixed, ww.mean("b [t] c", x))


def with_einops(x: torch.Tensor) -> torch.Tensor:
    """The same."""
    apart = einops.rearrange(x, "b t (h c) -> b h t c", h=4)
    weights = einops.einsum(apart, apart, "b h q c, b h k c -> b h q k").softmax(-1)
    mixed = einops.rearrange(einops.einsum(weights, apart, "b h q k, b h k c -> b h q c"), "b h q c -> b q (h c)")
    return mixed + einops.reduce(x, "b t c -> b 1 c", "mean")


def with_einx(x: torch.Tensor) -> torch.Tensor:
    """The same."""
    scores = einx.dot("b q (h [c]), b k (h [c]) -> b h q k", x, x, h=4)
    weights = einx.softmax("b h q [k]", scores)
    mixed = einx.dot("b h q [k], b [k] (h c) -> b q (h c)", weights, x)
    return einx.add("b t c, b c -> b t c", mixed, einx.mean("b [t] c", x))


def graph_counts() -> dict[str, dict[str, Any]]:
    """For each library, with fullgraph=True: graphs made, lengths that ran, and the error that ended it."""
    functions = {"wirework": with_wirework, "einops": with_einops, "einx": with_einx}
    logging.getLogger("torch._dynamo").setLevel(logging.CRITICAL)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return {name: count(function) for name, function in functions.items()}


def count(function: Callable[[torch.Tensor], torch.Tensor]) -> dict[str, Any]:
    """One function, in the state of a fresh process."""
    torch._dynamo.reset()
    made: list[int] = []

    def backend(graph: torch.fx.GraphModule, inputs: list[torch.Tensor]) -> Callable[..., Any]:
        made.append(1)
        return graph.forward

    compiled = torch.compile(function, fullgraph=True, backend=backend)
    ran, error = 0, None
    try:
        for length in LENGTHS:
            compiled(torch.randn(2, length, 16))
            ran += 1
    except Exception as problem:
        error = type(problem).__name__
    return {"graphs": len(made), "ran": ran, "error": error}
