"""Embedding: learned vectors, looked up by whole numbers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import wirework as ww
from wirework.errors import SemanticError
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
from wirework.nn.initialisers import default_initialiser
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

    The weight has the axes as they are written, as `torch.nn.Embedding` stores them.
    """

    expression: str = "[v] d"
    sizes: Mapping[str, Size] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if contains(self.weight, Shorthand) or not contains(self.weight, Bracket):
            raise SemanticError("Embedding needs brackets around the axis that is indexed: [v] d", self.expression)
        wrong = [term for term in self.indexed if not isinstance(term, Axis)]
        if wrong:
            reason = "Embedding indexes axes by their names: write each as one axis, [v]"
            raise SemanticError(reason, self.expression, [term.span for term in wrong])
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
        return {"weight": Start(shape, default_initialiser("get_at"))}

    def __call__(self, ids: Array, weight: Array) -> Array:
        return ww.get_at(self.look_up, weight, ids)

    def compare(self, x: Array, weight: Array) -> Array:
        """The product of each input with every vector: the logits of a tied output layer."""
        return ww.dot(self.scores, x, weight)

    @property
    def summary(self) -> str:
        return summarise(self.expression, **self.sizes)

    def __str__(self) -> str:
        return f'Embedding("{self.expression}")'
