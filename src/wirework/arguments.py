"""The arguments of a call, one by one: what each is, and whether the operation takes it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from wirework.backends import Backend, backend_of
from wirework.errors import AxisSizeError, BackendError, SemanticError, Span, closest, counted, did_you_mean, joined
from wirework.keywords import kind_of, runtime_value
from wirework.notation import axis_names, parse, spans_of
from wirework.operations import Operation, Option

# -- arrays --------------------------------------------------------------------------------------------------


def check_arity(operation: Operation, text: str, arrays: Sequence[Any]) -> None:
    """Refuse a number of arrays that the operation does not take."""
    least, most = operation.arity
    count = len(arrays)
    if operation.family == "solving":
        return
    if not count or all(array is None for array in arrays):
        raise BackendError(f"{operation.name} got no array", text, operand_spans(text))
    if count < least or (most is not None and count > most):
        wanted = f"{least} or more arrays" if most is None else counted(least, "array")
        raise SemanticError(f"{operation.name} takes {wanted}, not {count}", text, operand_spans(text))


def operand_spans(text: str, place: int | None = None) -> list[Span]:
    """Where the operand of an argument is written, or those of all arguments."""
    spans = [operand.span for operand in parse(text).inputs]
    return spans if place is None else spans[place : place + 1] or spans[-1:]


def call_backend(text: str, arrays: Sequence[Any], options: Mapping[str, Any]) -> Backend:
    """The backend of the arrays of a call, those given as options included.

    Raises:
        BackendError: if there is no array, or there are arrays of two frameworks.
    """
    found = {f"argument {place}": backend_of(array) for place, array in enumerate(arrays, 1)}
    present = [backend for backend in found.values() if backend is not None]
    if not present:
        raise BackendError("there is no array among the arguments", text, operand_spans(text))
    chosen = next((backend for backend in present if backend.name != "numpy"), present[0])
    for name, value in options.items():
        array = runtime_value(value)
        found[f"{name}="] = backend_of(array) if getattr(array, "ndim", 0) else None
    others = {name: backend for name, backend in found.items() if backend and backend.name != "numpy"}
    if set(others.values()) <= {chosen}:
        return chosen
    frameworks = dict.fromkeys([chosen.name, *(backend.name for backend in others.values())])
    raise BackendError(
        f"arrays of {joined(frameworks)} cannot be mixed in one call",
        text,
        [span for place in range(len(arrays)) if f"argument {place + 1}" in others
         for span in operand_spans(text, place)],
        [f"{name} is of {backend.name}" for name, backend in others.items()],
    )  # fmt: skip


def argument_kind(operation: Operation, text: str, place: int, array: Any) -> str:
    """ "array", "scalar" or "factory"; anything else is refused. To solve, a shape is enough, or none."""
    if operation.family == "solving" and (array is None or hasattr(array, "shape")):
        return "factory" if array is None else "array"
    if backend_of(array) is not None:
        return "array"
    if isinstance(array, bool | int | float | complex):
        if type(array) is not int and is_coordinate(operation, text, place):
            raise BackendError(
                f"argument {place + 1} of {operation.name} is {array!r}: coordinates are whole numbers",
                text,
                operand_spans(text, place),
            )
        return "scalar"
    if callable(array):
        return "factory"
    what = "None" if array is None else f"a {type(array).__name__}"
    raise BackendError(
        f"argument {place + 1} of {operation.name} is {what}: it must be an array, a number, "
        "or a function from a shape to an array",
        text,
        operand_spans(text, place),
        ["make an array of it: numpy.asarray(...)"] if isinstance(array, list | tuple) else (),
    )


def is_coordinate(operation: Operation, text: str, place: int) -> bool:
    """Whether an argument of an indexing operation holds coordinates, rather than the array or the values."""
    last = len(parse(text).inputs) - 1
    return operation.name.endswith("_at") and place > 0 and (operation.name == "get_at" or place < last)


def rank_of(array: Any, kind: str) -> int | None:
    """The rank of an argument, `None` if it is still to be made."""
    if kind == "array":
        return len(array.shape)
    return 0 if kind == "scalar" else None


# -- sizes ---------------------------------------------------------------------------------------------------


def sort_keywords(
    operation: Operation, text: str, keywords: Mapping[str, Any]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Keywords as sizes of axes and options of the operation. `sizes={...}` always means axes."""
    expression = parse(text)
    axes = axis_names((*expression.inputs, *(expression.outputs or ())))
    mapping = keywords.get("sizes")
    sizes = dict(mapping) if isinstance(mapping, Mapping) else {}
    options: dict[str, Any] = {}
    for name, value in keywords.items():
        if name == "sizes" and isinstance(mapping, Mapping | None):
            continue
        if name in operation.options:
            if name in axes and name not in sizes:
                raise SemanticError(
                    f"{name} is an axis of the expression and also an option of {operation.name}",
                    text,
                    spans_of(expression, name),
                    [f"give the size of the axis as sizes={{'{name}': ...}}, or rename the axis"],
                )
            options[name] = value
        elif name in sizes:
            raise SemanticError(f"the size of axis {name} is given twice", text, spans_of(expression, name))
        elif name not in axes and not derived_axis(operation, name):
            names = (*axes, *operation.options)
            what = "not an axis of the expression"
            if operation.options:
                what = f"neither an axis of the expression nor an option of {operation.name}"
            meant = spans_of(expression, closest(name, names) or "")
            raise SemanticError(f"{name} is {what}{did_you_mean(name, names)}", text, meant)
        else:
            sizes[name] = value
    return sizes, options


def derived_axis(operation: Operation, name: str) -> bool:
    """Whether an axis that the user did not write can still have its size given: those of a kernel."""
    return operation.name == "conv" and name.endswith("_kernel")


def keyword_order(keywords: Mapping[str, Any], options: Mapping[str, Any]) -> list[tuple[str, str]]:
    """("size" or "option", name) in the order in which a call gives them; those in `sizes=` at its place."""
    found: list[tuple[str, str]] = []
    for name, value in keywords.items():
        if name == "sizes" and isinstance(value, Mapping):
            found += [("size", inner) for inner in value]
        else:
            found.append(("option" if name in options else "size", name))
    return found


def size_kind(name: str, value: Any, text: str) -> Any:
    """ "int", or a tuple of kinds; anything else is refused."""
    if isinstance(value, list | tuple) or (getattr(value, "ndim", 0) == 1 and hasattr(value, "__len__")):
        kinds = {size_kind(name, entry, text): None for entry in value}
        if len(kinds) > 1:
            raise AxisSizeError(
                f"the sizes of axis {name} must be nested evenly, not {shortly(value)}",
                text,
                spans_of(parse(text), name),
            )
        return tuple(kinds) * len(value)
    whole = whole_number(value)
    if whole is None:
        near = [f"did you mean {name}={int(value)}?"] if isinstance(value, float) and value.is_integer() else []
        raise AxisSizeError(
            f"the size of axis {name} must be a whole number, not {shortly(value)}",
            text,
            spans_of(parse(text), name),
            near,
        )
    if isinstance(whole, int) and whole < 0:
        raise AxisSizeError(
            f"the size of axis {name} cannot be negative: {name}={whole}", text, spans_of(parse(text), name)
        )
    return "int"


def whole_number(value: Any) -> Any:
    """A whole number, symbolic ones of torch and JAX included, or `None`."""
    if isinstance(value, bool | str | bytes | float | complex) or value is None:
        return None
    if type(value) is int:
        return value
    if hasattr(value, "dtype"):
        if getattr(value, "ndim", 0):
            return None
        try:
            return int(value) if int(value) == value and "bool" not in str(value.dtype) else None
        except (TypeError, ValueError, RuntimeError):
            return None
    return value if hasattr(type(value), "__index__") else None


def whole_sizes(value: Any) -> Any:
    """Sizes as Python integers, in tuples where there are several."""
    if isinstance(value, list | tuple) or getattr(value, "ndim", 0) == 1:
        return tuple(whole_sizes(entry) for entry in value)
    return whole_number(value)


# -- options -------------------------------------------------------------------------------------------------


OPTION_KINDS = {
    "int": "a whole number", "float": "a number", "tuple": "a tuple of them", "bool": "True or False",
    "array": "an array",
    "named": 'a pair ("axes", array)',
}  # fmt: skip


def checked_option(operation: Operation, name: str, value: Any, text: str) -> Any:
    """The kind of an option's value, if it takes that kind."""
    option: Option = operation.options[name]
    kind = kind_of(value)
    general = "bool" if isinstance(kind, bool) else kind
    if isinstance(kind, tuple):
        general = kind[0] if kind[:1] in (("array",), ("named",)) else "tuple"
    if kind == ("array", 0) and "array" not in option.accepts:
        general = option.accepts[0]
        kind = general
    if kind == "other" and "other" not in option.accepts:
        general = None
    if "other" in option.accepts:
        return "other"
    if general not in option.accepts or (general == "tuple" and not whole_numbers(kind)):
        accepted = [each for each in option.accepts if each != "int" or "float" not in option.accepts]
        takes = joined((OPTION_KINDS.get(each, repr(each)) for each in accepted), "or")
        raise SemanticError(f"{name}= of {operation.name} takes {takes}, not {shortly(value)}", text)
    least = option.least
    if least is not None and any(number < least for number in numbers_in(value)):
        raise SemanticError(f"{name}= of {operation.name} is at least {least}, not {shortly(value)}", text)
    return kind


def whole_numbers(kind: Any) -> bool:
    """Whether a tuple has whole numbers in it, or pairs of them."""
    return all(entry == "int" or entry == ("int", "int") for entry in kind)


def numbers_in(value: Any) -> Iterator[Any]:
    """The numbers in an option, one or several."""
    for entry in value if isinstance(value, tuple | list) else (value,):
        if isinstance(entry, tuple | list):
            yield from numbers_in(entry)
        elif isinstance(entry, int | float):
            yield entry


def shortly(value: Any) -> str:
    """A value in a message."""
    shown = repr(value)
    return shown if len(shown) < 40 and "\n" not in shown else f"a value of type {type(value).__name__}"


def takes_value(operation: Operation, name: str, kind: Any) -> bool:
    """Whether generated code takes an option as an argument, rather than being made for its value."""
    return not operation.options[name].static and kind not in ("same", "valid")
