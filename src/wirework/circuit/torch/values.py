"""The elements of what depends on no input: positions, masks of shapes. They are found when code asks for them."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

MOST = 2**24  # elements: of larger arrays none are looked at
RANDOM = ("rand", "bernoulli", "multinomial", "normal", "dropout", "poisson", "uniform", "exponential", "empty")


@dataclass(frozen=True)
class Recipe:
    """How a stand-in was made: the call, and which of the tensors that it gave is meant."""

    stand_in: Tensor
    function: Any
    args: Sequence[Any]
    kwargs: Mapping[str, Any]
    place: int


class Values:
    """Finds the elements of stand-ins, where they depend on no input and no parameter.

    Args:
        parameters: identities of the parameters.
    """

    def __init__(self, parameters: Collection[int]) -> None:
        self.parameters = parameters
        self.recipes: dict[int, Recipe] = {}
        self.found: dict[int, Tensor] = {}

    def note(
        self, outs: Sequence[Tensor], function: Any, args: Sequence[Any], kwargs: Mapping[str, Any], name: str,
        in_place: bool,
    ) -> None:  # fmt: skip
        """Keep how tensors were made, if their elements could be found."""
        lost = in_place or any(word in name for word in RANDOM) or not all(map(self.knows, tensors_in((args, kwargs))))
        for place, out in enumerate(outs):
            if lost:
                self.recipes.pop(id(out), None)
                self.found.pop(id(out), None)
            else:
                self.recipes[id(out)] = Recipe(out, function, args, kwargs, place)

    def knows(self, value: Any) -> bool:
        """Whether the elements of a tensor can be found."""
        if not isinstance(value, Tensor) or value.numel() > MOST:
            return False
        return id(value) in self.recipes or not (value.is_meta or id(value) in self.parameters)

    def of(self, value: Any) -> Any:
        """Arguments with the elements of tensors."""
        if isinstance(value, Tensor):
            return self.elements(value)
        if isinstance(value, bool | str):
            return value
        if isinstance(value, int | float):
            return int(value) if isinstance(value, int) else float(value)
        if isinstance(value, torch.device):
            return torch.device("cpu")
        if isinstance(value, slice):
            return slice(self.of(value.start), self.of(value.stop), self.of(value.step))
        if isinstance(value, list | tuple) and not hasattr(value, "_fields"):
            return [self.of(each) for each in value] if isinstance(value, list) else tuple(map(self.of, value))
        if isinstance(value, Mapping):
            return {key: "cpu" if key == "device" else self.of(each) for key, each in value.items()}
        return value

    def elements(self, tensor: Tensor) -> Tensor:
        """A tensor that has them."""
        if id(tensor) in self.recipes and id(tensor) not in self.found:
            recipe = self.recipes[id(tensor)]
            made = recipe.function(*self.of(recipe.args), **self.of(recipe.kwargs))
            self.found[id(tensor)] = list(tensors_in(made))[recipe.place]
        return self.found.get(id(tensor), tensor)


def tensors_in(value: Any) -> Iterator[Tensor]:
    """The tensors in arguments, or in what a function of torch's returns, in order."""
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, Mapping):
        for each in value.values():
            yield from tensors_in(each)
    elif isinstance(value, list | tuple):
        for each in value:
            yield from tensors_in(each)
