"""Embedding: learned vectors, looked up by whole numbers."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import wirework as ww
from wirework.errors import CoordinateError, SemanticError
from wirework.nn.definition import (
    NONE,
    Array,
    Start,
    check_names,
    required_shape,
    settle,
    single_operand,
    solve_sizes,
    summarise,
)
from wirework.nn.initialisers import ZeroAt, default_initialiser
from wirework.nn.sizes import Size, missing
from wirework.notation.tree import (
    Axis,
    Bracket,
    Ellipsis,
    Operand,
    Shorthand,
    Term,
    bracketed,
    contains,
    rebuild,
    without_brackets,
)


@dataclass(frozen=True)
class EmbeddingDefinition:
    """`y = weight[ids]`: the bracketed axes of an expression such as `"[v] d"` are indexed, the others looked up.

    The weight has the axes as they are written, as `torch.nn.Embedding` stores them. The vector of `padding_idx`
    starts at zero and is not trained.
    """

    expression: str = "[v] d"
    padding_idx: int | None = None
    sizes: Mapping[str, Size] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if contains(self.weight, Shorthand) or not contains(self.weight, Bracket):
            raise SemanticError("Embedding needs brackets around the axis that is indexed: [v] d", self.expression)
        wrong = [term for term in self.indexed if not isinstance(term, Axis)]
        if wrong:
            reason = "Embedding indexes axes by their names: write each as one axis, [v]"
            raise SemanticError(reason, self.expression, [term.span for term in wrong])
        if self.padding_idx is not None and self.axis is None:
            reason = "padding_idx goes with one indexed axis, as in [v] d"
            raise SemanticError(reason, self.expression, [term.span for term in self.indexed])
        check_names(self.sizes, (self.weight,), self.expression)
        settle(self)

    @cached_property
    def weight(self) -> Operand:
        return single_operand(self.expression, "Embedding")

    @cached_property
    def indexed(self) -> tuple[Term, ...]:
        """The axes that are looked up in."""
        return bracketed(self.weight)

    @cached_property
    def axis(self) -> int | None:
        """The dimension of the weight that is indexed, if it is one; below 0 if counted from the end."""
        terms = self.weight.terms
        places = [place for place, term in enumerate(terms) if isinstance(term, Bracket)]
        if len(places) != 1 or len(self.indexed) != 1:
            return None
        repeated = any(isinstance(term, Ellipsis) for term in terms[: places[0]])
        return places[0] - len(terms) if repeated else places[0]

    @cached_property
    def vector(self) -> Operand:
        """The axes of what is looked up."""
        return rebuild(self.weight, lambda term: () if isinstance(term, Bracket) else (term,))

    @cached_property
    def look_up(self) -> str:
        """The look-up: `"[v] d, ... -> ... d"`. Several indexed axes take coordinates, `"... [2]"`."""
        ids = Operand((Ellipsis(None),))
        count = len(self.indexed)
        coordinates = ids if count == 1 else f"{ids} [{count}]"
        return f"{self.weight}, {coordinates} -> {Operand((*ids.terms, *self.vector.terms))}"

    @cached_property
    def table(self) -> bool:
        """Whether the weight is an indexed axis, then one of vectors, as frameworks like it."""
        first, *rest = self.weight.terms
        return isinstance(first, Bracket) and len(first.terms) == len(rest) == 1 and not isinstance(rest[0], Ellipsis)

    @cached_property
    def choice(self) -> str:
        """Choosing by id, for each vector: `"..., ... d, ... d -> ... d"`."""
        vectors = Operand((Ellipsis(None), *self.vector.terms))
        return f"..., {vectors}, {vectors} -> {vectors}"

    @cached_property
    def scores(self) -> str:
        """The comparison with every vector: `"... [d], v [d] -> ... v"`."""
        vector, table = Bracket(self.vector.terms), without_brackets(Operand(self.indexed))
        return f"... {vector}, {Operand((*table.terms, vector))} -> ... {table}"

    @property
    def parameters(self) -> dict[str, Operand]:
        return {"weight": without_brackets(self.weight)}

    @property
    def buffers(self) -> dict[str, Operand]:
        return {}

    @property
    def missing(self) -> tuple[str, ...]:
        return missing(self.parameters["weight"].terms, self.sizes)

    def starts(self, x: Array | None = None, arrays: Mapping[str, Array] = NONE) -> dict[str, Start]:
        sizes = {**self.sizes, **solve_sizes(self.parameters, arrays, self.sizes)}
        shape = required_shape(self.parameters["weight"].terms, sizes, str(self))
        initialiser, place = default_initialiser("get_at"), self.padding_place(shape)
        if self.axis is not None and place is not None:
            initialiser = ZeroAt(initialiser, self.axis % len(shape), place)
        return {"weight": Start(shape, initialiser)}

    def padding_place(self, shape: Sequence[int]) -> int | None:
        """The place of `padding_idx` in a weight of a shape, counted from the front.

        Raises:
            CoordinateError: if there is no such place.
        """
        if self.padding_idx is None or self.axis is None:
            return None
        length = shape[self.axis]
        if not -length <= self.padding_idx < length:
            raise CoordinateError(f"padding_idx of {self} is {self.padding_idx}, but there are {length} vectors")
        return self.padding_idx % length

    def __call__(self, ids: Array, weight: Array, detach: Callable[[Array], Array] | None = None) -> Array:
        """The vectors of `ids`; that of `padding_idx` goes through `detach`, which keeps its gradient back."""
        vectors = ww.get_at(self.look_up, weight, ids)
        padding = self.padding_place(weight.shape)
        if padding is None or detach is None:
            return vectors
        return ww.where(self.choice, ids == padding, detach(vectors), vectors)

    def compare(self, x: Array, weight: Array) -> Array:
        """The product of each input with every vector: the logits of a tied output layer."""
        return ww.dot(self.scores, x, weight)

    @property
    def summary(self) -> str:
        padding = {} if self.padding_idx is None else {"padding_idx": self.padding_idx}
        return summarise(self.expression, **self.sizes, **padding)

    def __str__(self) -> str:
        return f'Embedding("{self.expression}")'
