"""A table of who translates which function of a framework."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

# Takes a call and its arguments; gives what it returns as arrays, or nothing if it cannot say them.
Translator = Callable[..., Any]

Function = TypeVar("Function", bound=Translator)


class Translators(dict[str, Translator]):
    """Translators by the names of what they translate."""

    def enter(self, *names: str) -> Callable[[Function], Function]:
        """Enter the function below under some names."""

        def entered(translator: Function) -> Function:
            self.update(dict.fromkeys(names, translator))
            return translator

        return entered
