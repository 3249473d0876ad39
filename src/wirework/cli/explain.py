"""`wirework explain`: what one expression does, in the terminal."""

from __future__ import annotations

import json
import sys
from typing import Annotated

import typer

import wirework as ww
from wirework.cli.errors import UserError
from wirework.notation.parse import parse
from wirework.notation.tree import (
    Bracket,
    Concat,
    Expression,
    Shorthand,
    axis_names,
    contains,
)


def explain(
    expression: Annotated[str, typer.Argument(help="What the operation does to every axis.")],
    sizes: Annotated[
        list[str] | None, typer.Argument(metavar="NAME=SIZE...", help="Sizes of axes: h=2, or s=4,4 for s...")
    ] = None,
    op: Annotated[str | None, typer.Option(help="The operation. Without it, one that fits.")] = None,
    shape: Annotated[
        list[str] | None, typer.Option(help='The shape of an array: "2 5 16". Once for each array.')
    ] = None,
    backend: Annotated[str, typer.Option(help="Whose code to show: numpy, torch or jax.")] = "torch",
    drawn: Annotated[bool, typer.Option("--draw", help="Draw it, too.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")] = False,
) -> None:
    """Explain an expression: its axes, the loop it means, the code that runs, shapes and FLOPs.

    **Examples**

    wirework explain "b (h w) c -> b c h w" --shape "2 12 3" h=3

    wirework explain "b q (h [c]), b k (h [c]) -> b h q k" --shape "2 5 16" --shape "2 7 16" h=2

    wirework explain "b [s...] c" --op mean --shape "2 4 4 8" --json

    wirework explain "x k, y k -> x y" --shape "5 8" --shape "7 8" --draw
    """
    operation = op or guess_operation(parse(expression))
    shapes = [read_shape(text) for text in shape or ()]
    explanation = ww.explain(operation, expression, *shapes, backend=backend, **read_sizes(sizes or []))
    if drawn and as_json:
        raise UserError("--draw is for people, and --json for programs: choose one")
    if as_json:
        print(json.dumps(explanation.to_json(), indent=2))
    else:
        print(explanation.text(color=sys.stdout.isatty()))
    if drawn:
        from wirework.cli.circuits import explained
        from wirework.cli.draw import show

        print()
        show(explained(explanation, expression, read_sizes(sizes or [])).draw())


def guess_operation(expression: Expression) -> str:
    """The operation that an expression is most likely meant for."""
    operands = expression.inputs
    if any(contains(operand, Shorthand) for operand in operands):
        return "dot"
    written = (*operands, *(expression.outputs or ()))
    brackets = any(contains(operand, Bracket) for operand in written)
    kept = set(axis_names(expression.outputs or operands))
    reduced = brackets or bool(set(axis_names(operands)) - kept)
    if any(contains(operand, Bracket) for operand in expression.outputs or ()):
        return "softmax"
    if len(operands) == 1:
        return "sum" if reduced else "rearrange"
    if any(contains(operand, Concat) for operand in written) or len(expression.outputs or ()) > 1:
        return "rearrange"
    return "dot" if reduced else "multiply"


def read_shape(text: str) -> tuple[int, ...]:
    """A shape from "2 5 16", "2,5,16" or "(2, 5, 16)"."""
    words = text.strip("()[] ").replace(",", " ").replace("x", " ").split()
    if not all(word.isdigit() for word in words):
        raise UserError(f'--shape is a list of lengths, such as "2 5 16", not {text!r}')
    return tuple(map(int, words))


def read_sizes(texts: list[str]) -> dict[str, int | tuple[int, ...]]:
    """Sizes from NAME=SIZE and NAME=SIZE,SIZE."""
    sizes: dict[str, int | tuple[int, ...]] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        lengths = value.strip("()").rstrip(",").split(",")
        if not equals or not name.isidentifier() or not all(length.strip().isdigit() for length in lengths):
            raise UserError(f"sizes are written NAME=SIZE, such as h=2 or s=4,4, not {text!r}")
        several = "," in value or "(" in value
        sizes[name] = tuple(map(int, lengths)) if several else int(value)
    return sizes
