"""A format: what another project's configuration and weights mean for a model of ours."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from wirework.checkpoint.names import Names, Pair
from wirework.errors import CheckpointError

Json = Mapping[str, Any]
Shape = tuple[int, ...]

SHOWN = 8  # how many names of one kind an error lists


def no_sizes(config: Any) -> Mapping[str, int]:
    """No axis of a rule needs a size."""
    return {}


@dataclass(frozen=True)
class Format:
    """How one project stores one architecture.

    Attributes:
        name: for people: "Hugging Face gpt2".
        names: of the arrays. A function of our configuration, where they depend on it.
        recognises: whether a `config.json` is of this format.
        read: the arguments of our configuration, from a `config.json`.
            Raises CheckpointError for what our model cannot be.
        write: the reverse. Raises CheckpointError for what theirs cannot be.
        sizes: of axes in the rules that do not follow from our arrays.
    """

    name: str
    names: Names | Callable[[Any], Names]
    recognises: Callable[[Json], bool]
    read: Callable[[Json], dict[str, Any]]
    write: Callable[[Any], dict[str, Any]]
    sizes: Callable[[Any], Mapping[str, int]] = no_sizes

    def names_for(self, config: Any) -> Names:
        """The names of the arrays of one model."""
        return self.names(config) if callable(self.names) else self.names

    def to_ours(
        self, weights: Mapping[str, Tensor], expected: Mapping[str, Tensor], config: Any, fresh: Iterable[str] = ()
    ) -> dict[str, Tensor]:
        """Our arrays from those in a file.

        Args:
            weights: of the file, by their names.
            expected: our arrays, of which only the shapes matter.
            config: ours.
            fresh: patterns of our names that are not to be read.

        Raises:
            CheckpointError: if weights are missing, unexpected or of another shape; it lists all.
        """
        names = self.names_for(config).without_prefix(weights)
        skipped = Names((), ignored=tuple(fresh))
        sizes = self.sizes(config)
        pairs = names.pairs(expected)
        wanted = [pair for pair in pairs if not all(skipped.ignores(name) for name in pair.ours)]
        theirs = {}
        for pair in wanted:
            hollow = [torch.empty_like(expected[name], device="meta") for name in pair.ours]
            theirs.update(zip(pair.theirs, (tuple(t.shape) for t in pair.to_theirs(hollow, sizes)), strict=True))
        known = {name for pair in pairs for name in pair.theirs}
        accepted = {name for name in weights if name in known or names.ignores(name)}
        fit(weights, theirs, accepted, f"the weights do not fit the model, read as {self.name}")
        return {name: array for pair in wanted for name, array in translated(pair, weights, sizes)}

    def to_theirs(self, ours: Mapping[str, Tensor], config: Any) -> dict[str, Tensor]:
        """Their arrays from ours."""
        found: dict[str, Tensor] = {}
        for pair in self.names_for(config).pairs(ours):
            arrays = pair.to_theirs([ours[name] for name in pair.ours], self.sizes(config))
            found.update(zip(pair.theirs, arrays, strict=True))
        return found


def translated(pair: Pair, weights: Mapping[str, Tensor], sizes: Mapping[str, int]) -> Iterable[tuple[str, Tensor]]:
    """Our arrays of one pair by name, laid out in memory as they are used."""
    arrays = pair.to_ours([weights[name] for name in pair.theirs], sizes)
    return ((name, array.contiguous()) for name, array in zip(pair.ours, arrays, strict=True))


def fit(weights: Mapping[str, Tensor], wanted: Mapping[str, Shape], accepted: Iterable[str], reason: str) -> None:
    """Check that weights are those that are wanted.

    Args:
        weights: what there is.
        wanted: the shapes of what there has to be.
        accepted: names that there may be besides.
        reason: the first line of the error.

    Raises:
        CheckpointError: if weights are missing, unexpected or of another shape; it lists all.
    """
    missing = [name for name in wanted if name not in weights]
    unexpected = sorted(set(weights) - set(wanted) - set(accepted))
    others = [
        f"{name} is {tuple(weights[name].shape)}, not {shape}"
        for name, shape in wanted.items()
        if name in weights and tuple(weights[name].shape) != shape
    ]
    faults = {"missing": missing, "unexpected": unexpected, "of another shape": others}
    lines = [line for kind, found in faults.items() if found for line in listed(kind, found)]
    if lines:
        raise CheckpointError(reason, notes=lines)


def listed(kind: str, found: list[str]) -> list[str]:
    """The number of faults of a kind, and the first of them."""
    rest = [f"  ... and {len(found) - SHOWN} more"] if len(found) > SHOWN else []
    return [f"{len(found)} {kind}:", *(f"  {name}" for name in found[:SHOWN]), *rest]
