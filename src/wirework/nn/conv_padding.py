"""Padding of a convolution's input by elements of its own: how much, along which dimensions, and what cannot be."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from wirework.errors import SemanticError
from wirework.notation.tree import Bracket, Ellipsis, Operand, Term

Steps = int | tuple[int, ...]
Padding = Steps | tuple[tuple[int, int], ...] | Literal["same", "valid"]
PaddingMode = Literal["zeros", "reflect", "replicate", "circular"]
PADDING_MODES = ("zeros", "reflect", "replicate", "circular")


def check_padding_mode(
    mode: str, padding: Padding, stride: Steps, transposed: bool, text: str, operand: Operand
) -> None:
    """Refuse a mode that is unknown, or that says nothing beside the other options."""
    if mode not in PADDING_MODES:
        known = ", ".join(f'"{known}"' for known in PADDING_MODES)
        raise SemanticError(f"padding_mode of Conv is one of {known}, not {mode!r}", text)
    if mode == "zeros":
        return
    if transposed:
        raise SemanticError('a transposed Conv pads with zeros only: padding_mode="zeros"', text)
    if padding == "same" and set(per_axis(stride, 1)) != {1}:
        raise SemanticError(
            f'padding="same" with padding_mode="{mode}" takes stride=1: give the padding as numbers', text
        )
    if not all(has_its_own_dimensions(term) for term in operand.terms):
        raise SemanticError(f'padding_mode="{mode}" takes spatial axes that are not flattened with others', text)


def has_its_own_dimensions(term: Term) -> bool:
    """Whether a term holds no spatial axes, or nothing else."""
    return isinstance(term, Bracket) or not any(isinstance(each, Bracket) for each in getattr(term, "terms", ()))


def per_axis(value: Steps, count: int) -> tuple[int, ...]:
    """One number for every axis, or one for each."""
    return value if isinstance(value, tuple) else (value,) * count


def margins(padding: Padding, kernel: Steps, dilation: Steps, count: int) -> list[tuple[int, int]]:
    """How many places are added before and after each of `count` spatial axes, for a stride of 1 if "same"."""
    if padding == "valid":
        return [(0, 0)] * count
    if padding == "same":
        reaches = zip(per_axis(kernel, count), per_axis(dilation, count), strict=True)
        totals = [gap * (extent - 1) for extent, gap in reaches]
        return [(total // 2, total - total // 2) for total in totals]
    amounts = padding if isinstance(padding, tuple) else (padding,) * count
    return [amount if isinstance(amount, tuple) else (amount, amount) for amount in amounts]


def same_as_numbers(kernel: Steps, dilation: Steps, stride: Steps) -> Steps | None:
    """`padding="same"` as numbers, if it is alike on both sides whatever the length of an axis."""
    counts = {len(value) for value in (kernel, dilation) if isinstance(value, tuple)}
    if len(counts) > 1 or set(per_axis(stride, 1)) != {1}:
        return None
    pairs = margins("same", kernel, dilation, max(counts, default=1))
    if any(before != after for before, after in pairs):
        return None
    numbers = tuple(before for before, _ in pairs)
    return numbers if counts else numbers[0]


def spatial_places(operand: Operand, rank: int, count: int) -> list[int]:
    """Which dimensions of an input are the spatial ones; none if its rank does not fit."""
    terms = [(each, isinstance(term, Bracket)) for term in operand.terms for each in inside(term)]
    single = [
        sum(not isinstance(term, Ellipsis) for term, spatial in terms if spatial is kind) for kind in (False, True)
    ]
    repeated = rank - count - single[False], count - single[True]
    found: list[int] = []
    position = 0
    for term, spatial in terms:
        length = repeated[spatial] if isinstance(term, Ellipsis) else 1
        found += range(position, position + length) if spatial else ()
        position += length
    return found if position == rank else []


def inside(term: Term) -> tuple[Term, ...]:
    """The terms of a bracket, or the term itself: one dimension each, or an ellipsis."""
    return term.terms if isinstance(term, Bracket) else (term,)


def misfit(mode: str, amounts: Sequence[tuple[int, int]], lengths: Sequence[int]) -> str | None:
    """Why an input is too small to be padded by its own elements, if it is."""
    for amount, length in zip(amounts, lengths, strict=True):
        most = {"reflect": length - 1, "circular": length}.get(mode, max(amount) if length else -1)
        if max(amount) > most:
            return f'padding_mode="{mode}" adds at most {max(most, 0)} places to an axis of {length}, not {max(amount)}'
    return None
