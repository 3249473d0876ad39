"""Running a circuit on arrays: what is given is checked, sizes are found, and its source is called."""

from __future__ import annotations

import linecache
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import count
from types import ModuleType
from typing import Any

from wirework.backends import backend_of
from wirework.circuit.graph import Circuit, Node, Value
from wirework.circuit.opaque import function_of, refuse_other_backend, resolved
from wirework.circuit.source import Way, finder_source, source, symbols
from wirework.circuit.steps import dropping, namespace
from wirework.errors import (
    AxisSizeError,
    BackendError,
    NotSupportedError,
    RankError,
    SemanticError,
    WireworkError,
    counted,
    did_you_mean,
    joined,
)
from wirework.polynomial import Polynomial

Shapes = Sequence[tuple[int, ...]]
Sizes = Mapping[str, int]
NUMBERS = (bool, int, float, complex)
counter = count(1)
programs = ModuleType("wirework.circuit.programs")  # by name, which is all that torch.compile keeps of them


def run(circuit: Circuit, arrays: Sequence[Any], parameters: Any, training: bool, rng: Any, sizes: Sizes) -> Any:
    """What `Circuit.run` does."""
    if len(arrays) != len(circuit.inputs):
        names = [circuit.values[number].name or circuit.values[number].axes for number in circuit.inputs]
        raise SemanticError(
            f"{circuit.name} takes {counted(len(names), 'array')}{f' ({joined(names)})' if names else ''}, "
            f"not {len(arrays)}"
        )
    weights = given_weights(circuit, parameters)
    given = [*arrays, *[weights[value.name] for value in weight_values(circuit)]]
    name = circuit.program(tuple({type(array): None for array in given}), tuple(sizes))
    if not name:
        raise refused_kinds(circuit, given)
    shapes = [tuple(getattr(array, "shape", ())) for array in given]
    found, expected = getattr(programs, f"find_{name}")(shapes, *sizes.values())
    if shapes != expected:
        raise misfit(circuit, shapes, sizes)
    drop = dropping(name.partition("_")[0], rng) if training and drops(circuit) else None
    return getattr(programs, f"run_{name}")(*arrays, weights, *found, drop=drop)


def drops(circuit: Circuit) -> bool:
    """Whether anything is dropped while training."""
    return any(node.kind == "dropout" or "dropout" in node.options for node in circuit.nodes)


# -- what is given -------------------------------------------------------------------------------------------------


def given_weights(circuit: Circuit, parameters: Any) -> Mapping[str, Any]:
    """The parameters and buffers of a circuit, by name.

    Raises:
        SemanticError: if there are too few or too many.
        BackendError: if they are no mapping and no module.
    """
    needed = [value.name for value in weight_values(circuit)]
    if isinstance(parameters, Mapping):
        parameters = dict(leaves(parameters))
        for name in parameters:
            if name not in needed:
                raise SemanticError(f"{circuit.name} has no parameter called {name}{did_you_mean(str(name), needed)}")
        found = {**circuit.held, **parameters}
    elif parameters is None:
        found = circuit.held
    elif hasattr(parameters, "named_parameters"):
        found = {**circuit.held, **dict(parameters.named_parameters(remove_duplicate=False))}
        found.update(parameters.named_buffers(remove_duplicate=False))
    else:
        raise BackendError(f"parameters= is a mapping from names to arrays, or a module, not {parameters!r:.60}")
    if missing := [name for name in needed if name not in found]:
        shown = joined([*missing[:3], *([f"{len(missing) - 3} more"] if len(missing) > 3 else [])])
        raise SemanticError(
            f"{circuit.name} needs {counted(len(missing), 'parameter')} that parameters= lacks: {shown}"
        )
    return found


def leaves(tree: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, Any]]:
    """The arrays in a tree of dictionaries and lists, by their paths: "blocks.0.weight"."""
    if isinstance(tree, Mapping):
        for key, each in tree.items():
            yield from leaves(each, (*path, str(key)))
    elif isinstance(tree, list | tuple):
        for place, each in enumerate(tree):
            yield from leaves(each, (*path, str(place)))
    elif tree is not None:
        yield ".".join(path), tree


def backend_for(kinds: Sequence[type]) -> str | None:
    """The name of the library that arrays of some types are of, NumPy's following any other; `None` if there are two.

    A number may stand for an array; anything else may not.
    """
    backends = [backend_of(kind) for kind in kinds if not issubclass(kind, NUMBERS)]
    found = {backend.name if backend else None for backend in backends} - {"numpy"}
    return None if len(found) > 1 or None in found else next(iter(found), "numpy")


def refused_kinds(circuit: Circuit, arrays: Sequence[Any]) -> BackendError:
    """That something is no array, or that there are arrays of two libraries."""
    found: dict[str, str] = {}
    for number, array in zip(given_numbers(circuit), arrays, strict=True):
        backend = backend_of(array)
        if backend is None and not isinstance(array, NUMBERS):
            return BackendError(f"{shown_value(circuit.values[number])} is a {type(array).__name__}, not an array")
        if backend is not None and backend.name != "numpy":
            found.setdefault(backend.name, shown_value(circuit.values[number]))
    return BackendError(
        f"arrays of {joined(found)} cannot be mixed", notes=[f"{value} is of {name}" for name, value in found.items()]
    )


def shown_value(value: Value) -> str:
    """A value in a sentence."""
    return f"{value.role} {value.name}" if value.name else f"{value.role} x{value.number}"


# -- sizes ---------------------------------------------------------------------------------------------------------


def ways_to_sizes(circuit: Circuit, numbers: Sequence[int], known: Sequence[str]) -> list[Way]:
    """How sizes are found one after the other from the shapes of values.

    Raises:
        AxisSizeError: if one cannot be found.
    """
    dims = [(place, dim, size) for place, each in enumerate(numbers) for dim, size in enumerate(circuit.shape(each))]
    settled, ways, before = set(known), [], -1
    while len(settled) > before:
        before = len(settled)
        for place, dim, size in dims:
            unknown = [name for name in size.names if name not in settled]
            if len(unknown) == 1 and (parts := linear(size, unknown[0])):
                ways.append(Way(unknown[0], place, dim, *parts))
                settled.add(unknown[0])
    if missing := [name for name in symbols(circuit) if name not in settled]:
        raise AxisSizeError(
            f"the {'size of axis' if len(missing) == 1 else 'sizes of axes'} {joined(missing)} cannot be found from "
            f"what {circuit.name} is given: say sizes={{{missing[0]!r}: ...}}"
        )
    return ways


def linear(size: Polynomial, name: str) -> tuple[Polynomial, Polynomial] | None:
    """A formula as factor * name + rest; `None` if it is not of this form."""
    rest = size.substitute(**{name: 0})
    factor = size.substitute(**{name: 1}) - rest
    return (factor, rest) if factor != 0 and factor * Polynomial.symbol(name) + rest == size else None


def misfit(circuit: Circuit, shapes: Shapes, known: Sizes) -> WireworkError:
    """What is wrong with some shapes: the first dimension that contradicts those before it."""
    values = [circuit.values[number] for number in given_numbers(circuit)]
    for value, shape in zip(values, shapes, strict=True):
        if len(shape) != len(value.dims):
            return RankError(
                f"{shown_value(value)} has {counted(len(value.dims), 'axis')} ({value.axes}), but the array has "
                f"{counted(len(shape), 'dimension')}: {shape}"
            )
    sizes: dict[str, int] = dict(known)
    told = {name: "sizes=" for name in known}
    for way in ways_to_sizes(circuit, given_numbers(circuit), tuple(known)):
        factor, rest = (each.evaluate(**sizes) for each in (way.factor, way.rest))
        sizes[way.name] = (shapes[way.place][way.dim] - rest) // factor if factor else 0
        told[way.name] = shown_value(values[way.place])
    for value, shape in zip(values, shapes, strict=True):
        for axes, formula, length in zip(value.dims, circuit.shape(value), shape, strict=True):
            if formula.evaluate(**sizes) != length:
                return disagreement(value, axes, formula, length, sizes, told)
    raise AssertionError("these shapes fit")


def disagreement(
    value: Value, axes: Sequence[str], formula: Polynomial, length: int, sizes: Sizes, told: Mapping[str, str]
) -> AxisSizeError:
    """That an array does not have the length it must have."""
    shown = f"axis {axes[0]}" if len(axes) == 1 else f"({' '.join(axes)})"
    wanted = formula.evaluate(**sizes)
    if isinstance(name := formula.sole_atom, str):
        reason = f"{shown} is {wanted} in {told[name]} and {length} in {shown_value(value)}"
    else:
        why = f" = {formula}" if formula.names else ""
        reason = f"{shown} must be {wanted}{why}, but is {length} in {shown_value(value)}"
    notes = [f"{name} = {sizes[name]} in {told[name]}" for name in formula.names if formula.sole_atom != name]
    return AxisSizeError(reason, notes=[f"{shown_value(value)}: {value.axes}", *notes])


# -- what is made once ---------------------------------------------------------------------------------------------


def program_for(circuit: Circuit, kinds: Sequence[type], known: Sequence[str]) -> str:
    """What `Circuit.program` does."""
    backend = backend_for(kinds)
    if backend is None:
        return ""
    names = {**namespace(backend), "equations": circuit.held}
    for node in circuit.nodes:
        if "equation" in node.options:
            refuse_other_backend(node.options["function"], backend)
            refuse_lost(circuit, node)
        elif node.kind == "opaque":
            function_of(node.options["function"], backend)
            root = node.options["function"].partition(".")[0]
            names[root] = resolved(root)
    numbers = given_numbers(circuit)
    ways = ways_to_sizes(circuit, numbers, known)
    name = f"{backend}_{next(counter)}"
    made = {
        f"run_{name}": compiled(source(circuit), name, names),
        f"find_{name}": compiled(finder_source(circuit, numbers, ways, known), name, {"max": max}),
    }
    vars(programs).update(made)
    weakref.finalize(circuit, forget, tuple(made))
    return name


def refuse_lost(circuit: Circuit, node: Node) -> None:
    """Refuse to run what a circuit has been written without.

    Raises:
        NotSupportedError: if the circuit does not hold what an operation runs.
    """
    if node.options["equation"] not in circuit.held:
        raise NotSupportedError(
            f"{node.options['function']} is run as it was traced, which is not written with a circuit: trace it again"
        )


def forget(names: Sequence[str]) -> None:
    """Let programs of a circuit go that is gone."""
    for name in names:
        linecache.cache.pop(vars(programs).pop(name).__code__.co_filename, None)


def weight_values(circuit: Circuit) -> tuple[Value, ...]:
    """The parameters and buffers."""
    return (*circuit.parameters, *circuit.buffers)


def given_numbers(circuit: Circuit) -> tuple[int, ...]:
    """The numbers of all values that are given: inputs, parameters and buffers."""
    return (*circuit.inputs, *(value.number for value in weight_values(circuit)))


def compiled(text: str, name: str, names: dict[str, Any]) -> Callable[..., Any]:
    """The function in some source, which tracebacks will show."""
    function = text.partition("(")[0].removeprefix("def ")
    file = f"<wirework circuit: {function} {name}>"
    exec(compile(text, file, "exec"), names)
    linecache.cache[file] = (len(text), None, text.splitlines(keepends=True), file)
    return names[function]
