"""Brackets with '->' or ',' inside: one operand written for several."""

from __future__ import annotations

from dataclasses import replace

from wirework.errors import SyntaxError
from wirework.notation.tree import Bracket, Expression, Operand, Shorthand, Term, rebuild, walk


def distribute(expression: Expression) -> Expression:
    """Write out every shorthand: `a [b, c -> d]` is `a [b], a [c] -> a [d]`.

    Raises:
        SyntaxError: if shorthands of one operand disagree, or there is another arrow besides theirs.
    """
    inputs: list[Operand] = []
    outputs: list[Operand] = []
    arrow = False
    for operand in expression.inputs:
        marks = shorthands(operand)
        if not marks:
            inputs.append(operand)
            continue
        inputs += versions(expression, operand, [mark.inputs for mark in marks])
        if any(mark.outputs is not None for mark in marks):
            arrow = True
            outputs += versions(expression, operand, [mark.outputs or mark.inputs for mark in marks])
    in_outputs = [mark for operand in expression.outputs or () for mark in shorthands(operand)]
    if in_outputs or (arrow and expression.outputs is not None):
        marks = in_outputs or [mark for operand in expression.inputs for mark in shorthands(operand)]
        raise SyntaxError(
            "a bracket with '->' or ',' stands for the whole expression: there cannot be another '->'",
            expression.text,
            [mark.span for mark in marks],
        )
    return replace(expression, inputs=tuple(inputs), outputs=tuple(outputs) if arrow else expression.outputs)


def shorthands(operand: Operand) -> list[Shorthand]:
    """The shorthands of an operand, from left to right."""
    return [node for node in walk(operand) if isinstance(node, Shorthand)]


def versions(expression: Expression, operand: Operand, sides: list[tuple[Operand, ...]]) -> list[Operand]:
    """The operands that one operand with shorthands stands for, on one side of the arrow."""
    counts = {len(side) for side in sides}
    if len(counts) > 1:
        raise SyntaxError(
            f"the brackets of '{operand}' stand for different numbers of operands",
            expression.text,
            [mark.span for mark in shorthands(operand)],
        )
    return [version(operand, index, sides) for index in range(counts.pop())]


def version(operand: Operand, index: int, sides: list[tuple[Operand, ...]]) -> Operand:
    """An operand with the version of each shorthand at `index`."""
    remaining = iter(sides)

    def choose(term: Term) -> tuple[Term, ...]:
        if isinstance(term, Shorthand):
            return (Bracket(next(remaining)[index].terms, term.span),)
        return (term,)

    return rebuild(operand, choose)
