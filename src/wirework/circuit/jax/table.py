"""Who translates which primitive of JAX's."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

# Takes a call and its operands; gives an operand for each thing it returns, or nothing if it cannot say them.
Translator = Callable[..., Any]

Function = TypeVar("Function", bound=Translator)

TRANSLATORS: dict[str, Translator] = {}


def translates(*names: str) -> Callable[[Function], Function]:
    """Enter a translator under names of primitives."""

    def enter(translator: Function) -> Function:
        TRANSLATORS.update(dict.fromkeys(names, translator))
        return translator

    return enter
