"""Plain data as Python is written."""

from __future__ import annotations

import keyword
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from wirework.circuit.graph import Reference
from wirework.errors import NotSupportedError
from wirework.polynomial import Polynomial

DTYPE = re.compile(r"bool|b?float\d+|float8_\w+|u?int\d+|complex\d+")


def quoted(text: str) -> str:
    """Text as a string, in double quotes where that is simple."""
    return f'"{text}"' if repr(text) == f"'{text}'" and '"' not in text else repr(text)


def literal(
    value: Any,
    reference: Callable[[Reference], str] = repr,
    formula: Callable[[Polynomial], str] = str,
    word: Callable[[str], str] = quoted,
) -> str:
    """Plain data as Python is written.

    Raises:
        NotSupportedError: if it is anything else.
    """

    def shown(each: Any) -> str:
        return literal(each, reference, formula, word)

    match value:
        case Reference():
            return reference(value)
        case Polynomial():
            return formula(value)
        case float() if value != value or value in (float("inf"), float("-inf")):
            return f'float("{value}")'
        case str():
            return word(value)
        case None | bool() | int() | float() | complex():
            return repr(value)
        case list():
            return f"[{', '.join(map(shown, value))}]"
        case tuple():
            return tupled(map(shown, value))
        case slice():
            return f"slice({shown(value.start)}, {shown(value.stop)}, {shown(value.step)})"
        case Mapping():
            return f"{{{', '.join(f'{shown(key)}: {shown(each)}' for key, each in value.items())}}}"
        case _ if value is ...:
            return "..."
        case _:
            raise NotSupportedError(f"a {type(value).__name__} among the options of a circuit is no plain data")


def tupled(items: Iterable[str]) -> str:
    """Items as a tuple."""
    shown = list(items)
    return f"({', '.join(shown)}{',' * (len(shown) == 1)})"


def dictionary(entries: Mapping[str, str]) -> str:
    """Names and the source of their values as a dictionary."""
    return f"{{{', '.join(f'{quoted(name)}: {value}' for name, value in entries.items())}}}"


def identifier(name: str) -> str:
    """A name that may stand in source.

    Raises:
        NotSupportedError: if it is none.
    """
    if not name.isidentifier() or keyword.iskeyword(name):
        raise NotSupportedError(f"{name!r} in a circuit is no name")
    return name


def torch_word(text: str) -> str:
    """Text among the arguments of a function of torch: a dtype, which torch does not take as text, or just text."""
    return f"torch.{text}" if DTYPE.fullmatch(text) else quoted(text)
