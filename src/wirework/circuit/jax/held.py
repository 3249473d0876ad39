"""The arrays that a function of JAX's holds, what they are called, and whether it is one at all."""

from __future__ import annotations

import functools
import inspect
import types
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import jax
import numpy as np

OURS = ("jax", "jaxlib", "flax", "equinox", "haiku")
THEIRS = ("torch", "torchvision", "transformers", "timm")
LIBRARIES = (*OURS, *THEIRS, "numpy", "wirework")


@dataclass(frozen=True)
class Bound:
    """A function, apart from the arrays that are bound to it.

    Attributes:
        names: of the arrays, by their paths.
        arrays: these, or no more than their shapes and types.
        function: takes such arrays, and gives the function that they are bound to.
    """

    names: Sequence[str]
    arrays: Sequence[Any]
    function: Callable[[Sequence[Any]], Callable[..., Any]]


def bound(function: Any) -> Bound:
    """Take apart what functools.partial has put together, or a module that is a tree of arrays."""
    if isinstance(function, functools.partial):
        tree: Any = {**dict(zip(argument_names(function), function.args, strict=False)), **function.keywords}
    else:
        tree = function
    leaves, structure = jax.tree_util.tree_flatten_with_path(tree)
    places = [place for place, (_, leaf) in enumerate(leaves) if is_array(leaf)]
    plain = [leaf for _, leaf in leaves]
    paths = [leaves[place][0] for place in places]
    if isinstance(function, functools.partial) and len({path[:1] for path in paths}) == 1 and len(paths[0]) > 1:
        paths = [path[1:] for path in paths]

    def rebuilt(arrays: Sequence[Any]) -> Callable[..., Any]:
        values = list(plain)
        for place, array in zip(places, arrays, strict=True):
            values[place] = array
        made = jax.tree_util.tree_unflatten(structure, values)
        if not isinstance(function, functools.partial):
            return made
        arguments = [made.pop(name) for name in argument_names(function)]
        return functools.partial(function.func, *arguments, **made)

    names = list(map(path_text, paths))
    return Bound(names, [plain[place] for place in places], rebuilt)


def argument_names(function: functools.partial[Any]) -> list[str]:
    """What the arguments are called that are bound by place."""
    try:
        names = list(inspect.signature(function.func).parameters)
    except (TypeError, ValueError):
        names = []
    count = len(function.args)
    return [*names[:count], *(f"argument{place}" for place in range(len(names), count))]


def path_text(path: Sequence[Any]) -> str:
    """A path in a tree: "blocks.0.weight"."""
    parts = [next((getattr(key, kind) for kind in ("key", "idx", "name") if hasattr(key, kind)), key) for key in path]
    return ".".join(map(str, parts))


def is_array(value: Any) -> bool:
    """Whether it is an array of JAX's or NumPy's, or the shape and type of one."""
    return isinstance(value, jax.Array | np.ndarray | jax.ShapeDtypeStruct)


# -- variables --------------------------------------------------------------------------------------------------------


def variables(function: Any, seen: set[int] | None = None) -> Iterator[tuple[str, Any]]:
    """The variables that a function uses, and those that functions use which it calls by name."""
    seen = set() if seen is None else seen
    while isinstance(function, functools.partial):
        yield from [("", each) for each in (*function.args, *function.keywords.values())]
        function = function.func
    function = inspect.unwrap(function) if callable(function) else function
    if inspect.ismethod(function):
        yield from attributes(function.__self__)
        function = function.__func__
    if not isinstance(function, types.FunctionType) and callable(function):
        yield from attributes(function)
        function = inspect.unwrap(type(function).__call__)
    if not isinstance(function, types.FunctionType) or id(function) in seen or root(function) in LIBRARIES:
        return
    seen.add(id(function))
    defaults = {name: each.default for name, each in inspect.signature(function).parameters.items()}
    around = inspect.getclosurevars(function).nonlocals
    names = {name: function.__globals__[name] for name in names_in(function.__code__) if name in function.__globals__}
    for name, value in {**names, **around, **defaults}.items():
        yield name, value
        if callable(value) and not inspect.isclass(value):
            yield from variables(value, seen)


def attributes(value: Any) -> Iterator[tuple[str, Any]]:
    """What an object has, by name."""
    yield from vars(value).items() if hasattr(value, "__dict__") else ()


def names_in(code: types.CodeType) -> Iterator[str]:
    """The names in some code, and in that of functions inside."""
    yield from code.co_names
    for inner in code.co_consts:
        if isinstance(inner, types.CodeType):
            yield from names_in(inner)


def names_of(function: Any) -> dict[int, str]:
    """The names of the arrays in the variables of a function, by identity."""
    found: dict[str, list[tuple[Any, Any]]] = {}
    for name, value in variables(function):
        leaves = [each for each in tree_of(value) if isinstance(each[1], jax.Array)]
        if leaves and name:
            found.setdefault(name, leaves)
    names: dict[int, str] = {}
    for variable, leaves in found.items():
        for path, leaf in leaves:
            inside = path_text(path)
            prefix = [variable] if len(found) > 1 or not inside else []
            names.setdefault(id(leaf), ".".join([*prefix, *([inside] if inside else [])]))
    return names


def tree_of(value: Any) -> list[tuple[Any, Any]]:
    """The leaves of a value with their paths; none of what is no tree."""
    try:
        return jax.tree_util.tree_leaves_with_path(value)
    except (TypeError, ValueError):
        return []


def uses_jax(function: Any) -> bool:
    """Whether a function is one of JAX's, as far as the variables that it uses show, and none of torch's."""
    roots = {each for _, value in (("", function), *variables(function)) for each in roots_of(value)}
    return not roots.isdisjoint(OURS) and roots.isdisjoint(THEIRS)


def roots_of(value: Any) -> Iterator[str]:
    """The libraries that a value comes from, and the arrays in it."""
    yield root(value)
    yield type(value).__module__.partition(".")[0]
    if isinstance(value, Mapping | list | tuple):
        yield from {type(leaf).__module__.partition(".")[0] for _, leaf in tree_of(value)}
    code = getattr(value, "__code__", None)
    if code is not None:
        yield from {name.partition(".")[0] for name in names_in(code) if name.partition(".")[0] == "jax"}


def root(value: Any) -> str:
    """The library that a module, a function or a class belongs to."""
    name = value.__name__ if inspect.ismodule(value) else getattr(value, "__module__", None)
    return name.partition(".")[0] if isinstance(name, str) else ""
