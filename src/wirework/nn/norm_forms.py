"""Which well-known normalisation an expression describes, so that a framework's fused kernel can do it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from wirework.nn.norm import NormDefinition
from wirework.notation.tree import Axis, Bracket, Ellipsis, Group, Operand, Term, bracketed


@dataclass(frozen=True)
class NormForm:
    """A normalisation as frameworks know it.

    Attributes:
        kind: "layer" or "rms" (over the last axes), "batch", "instance" or "group" (over space, by channel).
        rank: of the input, if it is fixed.
        depth: of "layer" and "rms", how many axes the statistics are over, if that is fixed.
        channel: of the others, the place of the channels, counted from the front or, below 0, from the end.
        groups: the number of groups.
    """

    kind: Literal["layer", "rms", "batch", "instance", "group"]
    rank: int | None
    depth: int | None = None
    channel: int = 0
    groups: int = 1


def form_of(definition: NormDefinition) -> NormForm | None:
    """The form of a normalisation, if it has one."""
    stats, params = definition.stats_operand, definition.params_operand
    if not definition.var:
        return None
    if not definition.mean:
        return None if definition.bias or definition.tracked else last_form("rms", stats, params)
    if not isinstance(definition.scale, bool):
        return None
    layer = None if definition.tracked else last_form("layer", stats, params)
    return layer or channel_form(definition, stats, params)


def last_form(kind: Literal["layer", "rms"], stats: Operand, params: Operand) -> NormForm | None:
    """Statistics and parameters over the same last axes."""
    if not (ends_in_brackets(stats) and ends_in_brackets(params) and alike(bracketed(stats), bracketed(params))):
        return None
    return NormForm(kind, rank_of(stats.terms), rank_of(bracketed(stats)))


def alike(stats: tuple[Term, ...], params: tuple[Term, ...]) -> bool:
    """Whether these are the same last axes, which may be called differently: `"... [d]"` and `"b... [c]"`."""
    return stats == params or (len(stats) == len(params) and all(isinstance(term, Axis) for term in stats + params))


def ends_in_brackets(operand: Operand) -> bool:
    """Whether plain axes come first, then brackets with plain axes."""
    kinds = [isinstance(term, Bracket) for term in operand.terms]
    return kinds == sorted(kinds) and all(map(is_plain, operand.terms))


def is_plain(term: Term) -> bool:
    """Whether a term is an axis, an ellipsis of one, or a bracket of these."""
    match term:
        case Axis() | Ellipsis(None) | Ellipsis(Axis()):
            return True
        case Bracket(terms):
            return all(map(is_plain, terms))
        case _:
            return False


def channel_form(definition: NormDefinition, stats: Operand, params: Operand) -> NormForm | None:
    """Statistics over space for each channel, and parameters for each channel."""
    outside = [place for place, term in enumerate(stats.terms) if not isinstance(term, Bracket)]
    inside = [place for place, term in enumerate(params.terms) if isinstance(term, Bracket)]
    if len(inside) != 1 or len(bracketed(params)) != 1 or not isinstance(bracketed(params)[0], Axis):
        return None
    if not all(map(is_plain, params.terms)) or not outside:
        return None
    place, last = position(stats.terms, outside[-1]), stats.terms[outside[-1]]
    if place is None or place != position(params.terms, inside[0]):
        return None
    others = [term for index, term in enumerate(stats.terms) if index != outside[-1]]
    if not all(map(is_plain, others)):
        return None
    rank = rank_of(stats.terms)
    if outside == [outside[-1]] and isinstance(last, Axis):
        return NormForm("batch", rank, channel=place)
    if definition.tracked or len(outside) != 2 or outside[0] != 0 or not isinstance(stats.terms[0], Axis):
        return None
    if isinstance(last, Axis):
        return NormForm("instance", rank, channel=place)
    groups = group_count(definition, last)
    return NormForm("group", rank, channel=place, groups=groups) if groups else None


def group_count(definition: NormDefinition, term: Term) -> int | None:
    """The number of groups in `(g [c])`, if it is given."""
    match term:
        case Group((Axis(name), Bracket((Axis(),)))):
            size = definition.sizes.get(name)
            return size if isinstance(size, int) else None
        case _:
            return None


def position(terms: tuple[Term, ...], place: int) -> int | None:
    """A place counted from the front or, with an ellipsis before it, from the end; `None` between two."""
    if not any(has_ellipsis(term) for term in terms[:place]):
        return place
    if not any(has_ellipsis(term) for term in terms[place + 1 :]):
        return place - len(terms)
    return None


def has_ellipsis(term: Term) -> bool:
    """Whether a term may stand for any number of dimensions."""
    match term:
        case Ellipsis():
            return True
        case Bracket(terms):
            return any(map(has_ellipsis, terms))
        case _:
            return False


def rank_of(terms: tuple[Term, ...]) -> int | None:
    """The number of dimensions of some terms, if it is fixed."""
    if any(map(has_ellipsis, terms)):
        return None
    return sum(len(term.terms) if isinstance(term, Bracket) else 1 for term in terms)
