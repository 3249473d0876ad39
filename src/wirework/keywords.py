"""What the code of an operation may know of a keyword's value, and what it is given of it."""

from __future__ import annotations

from typing import Any

Kind = Any  # a value that chooses code (None, True, False, "same", "valid"), a word, or a tuple of kinds


def kind_of(value: Any) -> Kind:
    """The kind of a value, or the value itself where it chooses the code.

    Kinds are "int", "float", ("array", rank), ("named", axes, kind) and tuples of kinds.
    """
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int):
        return "int"
    if isinstance(value, float):
        return "float"
    if isinstance(value, str):
        return value if value in ("same", "valid") else "text"
    if isinstance(value, tuple | list):
        if is_named(value):
            return ("named", value[0], kind_of(value[1]))
        return tuple([kind_of(entry) for entry in value])
    if hasattr(value, "ndim"):
        return ("array", value.ndim)
    return "int" if hasattr(type(value), "__index__") else "other"


def runtime_value(value: Any) -> Any:
    """What generated code is given: the array of a named one, otherwise the value."""
    return value[1] if isinstance(value, tuple | list) and is_named(value) else value


def is_plain(kind: Kind) -> bool:
    """Whether one program serves all values of a kind: it finds out by itself when it meets another kind."""
    return kind in ("int", "float") or (isinstance(kind, tuple) and kind[:1] == ("array",))


def is_named(value: tuple[Any, ...] | list[Any]) -> bool:
    """Whether a value is an array with its axes: ("b k", array)."""
    return len(value) == 2 and isinstance(value[0], str)
