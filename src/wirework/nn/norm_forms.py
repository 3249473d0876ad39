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
        kind: "layer" (over the last axes), "batch", "instance" or "group" (over space, by channel).
        rank: of the input, if it is fixed.
        channel: the place of the channels, counted from the front or, below 0, from the end; 0 for "layer".
        groups: the number of groups.
    """

    kind: Literal["layer", "batch", "instance", "group"]
    rank: int | None
    channel: int = 0
    groups: int = 1

    def fits(self, rank: int) -> bool:
        """Whether an input of a rank can be normalised in this form: the rest is for error messages."""
        return self.rank == rank if self.rank is not None else rank >= 2


def form_of(definition: NormDefinition) -> NormForm | None:
    """The form of a normalisation, if it has one."""
    stats, params = definition.stats_operand, definition.params_operand
    if not definition.var:
        return None
    return layer_form(stats, params) or (channel_form(definition, stats, params) if definition.mean else None)


def layer_form(stats: Operand, params: Operand) -> NormForm | None:
    """Statistics and parameters over the same last axes."""
    if not (ends_in_brackets(stats) and ends_in_brackets(params) and bracketed(stats) == bracketed(params)):
        return None
    return NormForm("layer", rank_of(stats.terms))


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
        return NormForm("batch", rank, place)
    if len(outside) != 2 or outside[0] != 0 or not isinstance(stats.terms[0], Axis):
        return None
    if isinstance(last, Axis):
        return NormForm("instance", rank, place)
    groups = group_count(definition, last)
    return NormForm("group", rank, place, groups) if groups else None


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
