"""What messages say of the arguments of a call."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from wirework.errors import AxisSizeError, RankError, WireworkError
from wirework.notation import distribute, parse

UNKNOWN = "?"  # the operand of an argument whose place in a shorthand is not known
DIMENSION = re.compile(r"dimension (\d+) of argument (\d+)")


def shape_notes(texts: Sequence[str], shapes: Sequence[Sequence[int] | None]) -> list[str]:
    """A line for each argument: its operand, where it is known, and its shape; none for what is still to be made."""
    notes = []
    for number, (text, shape) in enumerate(zip(texts, shapes, strict=False), 1):
        if shape is not None:
            subject = f"argument {number}" if text == UNKNOWN else f"argument {number}: '{text}'"
            notes.append(f"{subject} has shape ({' '.join(map(str, shape))})")
    return notes


def given_note(sizes: Mapping[str, Any]) -> list[str]:
    """A line for the sizes that were given."""
    return ["given: " + ", ".join(f"{name}={size}" for name, size in sizes.items())] if sizes else []


def shapes_of(arrays: Sequence[Any]) -> list[tuple[int, ...] | None]:
    """The shape of each argument, () of a number, `None` of what is still to be made."""
    return [
        tuple(array.shape) if hasattr(array, "shape") else None if callable(array) or array is None else ()
        for array in arrays
    ]


def with_shapes(error: WireworkError, arrays: Sequence[Any]) -> WireworkError:
    """The same error, with the shapes that were not known where it was found."""
    if not isinstance(error, AxisSizeError | RankError) or error.expression is None:
        return error
    shapes = shapes_of(arrays)
    operands = distribute(parse(error.expression)).inputs
    known = len(operands) == len(shapes)
    texts = [str(operand) for operand in operands] if known else [UNKNOWN] * len(shapes)

    def measured(match: re.Match[str]) -> str:
        index, number = int(match[1]), int(match[2])
        shape = shapes[number - 1] if number <= len(shapes) else None
        return f"{shape[index]} ({match[0]})" if shape and index < len(shape) else match[0]

    notes = [DIMENSION.sub(measured, note) for note in error.notes]
    about_shapes = [note for note in shape_notes(texts, shapes) if note not in notes]
    return type(error)(error.reason, error.expression, error.spans, [*about_shapes, *notes])
