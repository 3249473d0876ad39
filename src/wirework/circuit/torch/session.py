"""A trace of torch: the modules in it, whose names parameters and blocks have, and what is put back afterwards."""

from __future__ import annotations

import functools
import inspect
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.module import register_module_forward_hook, register_module_forward_pre_hook
from torch.nn.parameter import is_lazy

from wirework.circuit.axes import Dim
from wirework.circuit.graph import Role
from wirework.circuit.recorder import Array, Recorder
from wirework.circuit.sizes import Comparisons
from wirework.circuit.torch.call import dtype_name
from wirework.circuit.torch.tracer import Tracer, role_of, spelled_out
from wirework.errors import AxisSizeError
from wirework.program import Prepared, Program


class Torch:
    """How functions are traced that use torch."""

    @contextmanager
    def session(self, function: Any, recorder: Recorder, unequal: Comparisons) -> Iterator[TorchSession]:
        """Begin to trace a function. Afterwards everything is as it was before."""
        variables = variables_of(function)
        modules = modules_of(variables)
        session = TorchSession(modules, names_of(modules, variables), recorder, unequal)
        if isinstance(function, nn.Module):
            for tensor in (*function.parameters(), *function.buffers()):
                if id(tensor) in session.tracer.names and session.tracer.names[id(tensor)][0] == "parameter":
                    session.tracer.array(tensor)
        with unchanged(modules), in_blocks(recorder, modules), torch.no_grad(), session.tracer:
            yield session


class TorchSession:
    """A trace of torch."""

    def __init__(
        self, modules: dict[str, nn.Module], names: dict[int, tuple[Role, str]], recorder: Recorder,
        unequal: Comparisons,
    ) -> None:  # fmt: skip
        self.recorder = recorder
        tensors = [tensor for module in modules.values() for tensor in module.parameters()]
        refuse_unbuilt(modules)
        floating = [tensor for tensor in tensors if tensor.is_floating_point()]
        self.usual = dtype_name(floating[0].dtype if floating else torch.get_default_dtype())
        device = tensors[0].device if tensors else torch.device("cpu")
        self.tracer = Tracer(recorder, names, unequal, device)

    def input(self, dims: Sequence[Dim], dtype: str | None, name: str) -> Tensor:
        """A stand-in for an input."""
        with self.tracer.pause():
            return self.tracer.input(dims, dtype or self.usual, name)

    def array(self, stand_in: Any) -> Array:
        """What a tensor stands for."""
        with self.tracer.pause():
            return self.tracer.array(stand_in)

    def known(self, value: Any) -> Array | None:
        """What a value stands for, if it is a tensor."""
        return self.array(value) if isinstance(value, Tensor) else None

    def call(self, function: Any, stand_ins: Sequence[Any], named: Mapping[str, Any]) -> Any:
        """What a function returns for stand-ins."""
        return function(*stand_ins, **named)

    def stand_in(self, array: Any) -> Tensor:
        """What stands in for a tensor, or for an array of NumPy."""
        with self.tracer.pause():
            tensor = array if isinstance(array, Tensor) else self.tracer.converted(array)
            self.tracer.array(tensor)
            return self.tracer.stand_in(tensor)

    def bind(self, stand_in: Tensor, array: Array) -> None:
        """From here on a tensor stands for an array."""
        with self.tracer.pause():
            self.tracer.bind(stand_in, array)

    def dtype(self, stand_in: Tensor) -> str:
        """The type of its elements."""
        with self.tracer.pause():
            return dtype_name(stand_in.dtype)

    def run(self, program: Program, prepared: Prepared, arrays: Sequence[Any]) -> Any:
        """Call the code of an operation on stand-ins."""
        with self.tracer.pause():
            values = [self.tracer.plain(value) for value in prepared.values]
            result = program.function(*arrays, *values)
            return fresh(result, {id(each) for each in arrays})


def fresh(result: Any, taken: set[int]) -> Any:
    """What an operation returns, with a new tensor for each that it was given."""
    if isinstance(result, tuple):
        return tuple(fresh(each, taken) for each in result)
    return result.view(result.shape) if id(result) in taken else result


# -- modules ----------------------------------------------------------------------------------------------------------


def variables_of(function: Any) -> dict[str, Any]:
    """What a function uses besides its arguments, by the names that it has for it."""
    while isinstance(function, functools.partial):
        function = function.func
    if isinstance(function, nn.Module):
        return {"": function}
    held = {"self": function.__self__} if inspect.ismethod(function) else {}
    function = inspect.unwrap(getattr(function, "__func__", function))
    if not inspect.isfunction(function):
        return {**held, **getattr(function, "__dict__", {})}
    variables = inspect.getclosurevars(function)
    parameters = inspect.signature(function).parameters.values()
    defaults = {parameter.name: parameter.default for parameter in parameters}
    return {**held, **variables.globals, **variables.nonlocals, **defaults}


def modules_of(variables: dict[str, Any]) -> dict[str, nn.Module]:
    """The modules among the variables of a function; one alone has no name."""
    found: dict[str, nn.Module] = {}
    for name, value in variables.items():
        if isinstance(value, nn.Module) and all(value is not other for other in found.values()):
            found[name] = value
    return {"": next(iter(found.values()))} if len(found) == 1 else found


def names_of(modules: dict[str, nn.Module], variables: dict[str, Any]) -> dict[int, tuple[Role, str]]:
    """The names of all parameters and buffers, by identity; a shared one has its first."""
    names: dict[int, tuple[Role, str]] = {}
    for prefix, module in modules.items():
        dot = f"{prefix}." if prefix else ""
        for name, tensor in module.named_parameters():
            names.setdefault(id(tensor), ("parameter", dot + name))
        for name, tensor in module.named_buffers():
            names.setdefault(id(tensor), ("buffer", dot + name))
    for name, value in variables.items():
        if isinstance(value, Tensor) and not spelled_out(value):
            names.setdefault(id(value), (role_of(value), name))
    return names


def refuse_unbuilt(modules: dict[str, nn.Module]) -> None:
    """Refuse parameters that wait for an input to have a shape.

    Raises:
        AxisSizeError: if there is one.
    """
    for module in modules.values():
        for name, parameter in module.named_parameters():
            if is_lazy(parameter):
                raise AxisSizeError(f"{name} has no shape yet: call the model once, or build it, before it is traced")


@contextmanager
def in_blocks(recorder: Recorder, modules: dict[str, nn.Module]) -> Iterator[None]:
    """Make each call of a module a block of the circuit."""
    paths = {}
    for prefix, root in modules.items():
        for name, module in root.named_modules():
            paths.setdefault(id(module), tuple(part for part in (*prefix.split("."), *name.split(".")) if part))
            recorder.blocks.setdefault(paths[id(module)], type(module).__name__)
    recorder.blocks.pop((), None)
    inside: list[tuple[str, ...]] = [()]  # the modules that are being called, by their own paths
    thread = threading.get_ident()

    def enter(module: nn.Module, _: Any) -> None:
        if threading.get_ident() != thread:
            return
        own = paths.get(id(module), (*inside[-1], type(module).__name__))
        around = inside[-1]
        relative = own[len(around) :] if own[: len(around)] == around else own
        recorder.begin((*recorder.path[-1], *relative), type(module).__name__)
        inside.append(own)

    def leave(*_: Any) -> None:
        if threading.get_ident() == thread and len(inside) > 1:
            recorder.leave()
            inside.pop()

    handles = register_module_forward_pre_hook(enter), register_module_forward_hook(leave, always_call=True)
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()


@contextmanager
def unchanged(modules: dict[str, nn.Module]) -> Iterator[None]:
    """Put back afterwards what modules keep, and the state of the random numbers."""
    everything = {id(module): module for root in modules.values() for module in root.modules()}.values()
    kept = [
        (module, dict(vars(module)), [(own, dict(own)) for own in vars(module).values() if isinstance(own, dict)])
        for module in everything
    ]
    random = torch.get_rng_state()
    try:
        yield
    finally:
        torch.set_rng_state(random)
        for module, attributes, dictionaries in kept:
            if any(vars(module).get(name) is not value for name, value in attributes.items()) or len(attributes) != len(
                vars(module)
            ):
                vars(module).clear()
                vars(module).update(attributes)
            for own, before in dictionaries:
                if len(own) != len(before) or any(own[name] is not value for name, value in before.items()):
                    own.clear()
                    own.update(before)
