"""Sees every call of torch's while a function is traced, and has it written down.

Stand-ins are tensors on the meta device, which have no elements: torch itself finds shapes and types, without
arithmetic. A parameter is replaced by a stand-in when it is first used, so that neither it nor its module changes.
"""

from __future__ import annotations

import contextlib
import types
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode, resolve_name

from wirework.circuit.axes import Dim, axis
from wirework.circuit.graph import Role
from wirework.circuit.recorder import Array, Recorder, Result
from wirework.circuit.sizes import Comparisons, Ratio, Size, sized
from wirework.circuit.torch import (  # noqa: F401
    attention,
    contraction,
    convolution,
    creation,
    elementwise,
    indexing,
    joining,
    normalisation,
    reduction,
    views,
)
from wirework.circuit.torch.call import Call, dtype_name
from wirework.circuit.torch.needs import refuse_lengths
from wirework.circuit.torch.table import TRANSLATORS, opaque
from wirework.circuit.torch.values import Values, tensors_in
from wirework.circuit.translators import Translator
from wirework.errors import NotSupportedError
from wirework.polynomial import Polynomial

# What asks for elements, which stand-ins have not.
READS_ELEMENTS = frozenset(
    ("item", "tolist", "numpy", "__bool__", "__int__", "__float__", "__index__", "__complex__", "__array__", "nonzero",
     "argwhere", "equal", "allclose", "is_nonzero", "_unique2", "unique_consecutive", "masked_select", "bincount")
)  # fmt: skip
SMALL = 4096  # elements of an array that a circuit has in it, if no module holds it
QUESTIONS = frozenset(("device", "is_meta", "is_cuda", "is_cpu", "is_mps", "is_xpu"))


class Misfit(Exception):
    """What was written down for an operation has not the shape that it gives."""


class Tracer(TorchFunctionMode):
    """The mode under which a function is traced.

    Args:
        recorder: what is written down.
        names: of the parameters and buffers, by identity.
        unequal: where lengths note what they were compared with.
        device: where stand-ins say they are.
    """

    def __init__(
        self, recorder: Recorder, names: Mapping[int, tuple[Role, str]], unequal: Comparisons, device: torch.device
    ) -> None:
        super().__init__()
        self.recorder, self.names, self.unequal, self.device = recorder, names, unequal, device
        self.arrays: dict[int, tuple[Tensor, Array]] = {}  # of stand-ins, by identity
        self.stand_ins: dict[int, tuple[Tensor, Tensor]] = {}  # of other tensors, by identity
        self.others: dict[int, tuple[Any, Tensor]] = {}  # tensors of arrays of NumPy, by identity
        self.values = Values({identity for identity, (role, _) in names.items() if role == "parameter"})
        self.inside: set[types.FunctionType] = set()  # functions of torch's whose bodies are being run
        self.sharing: dict[int, dict[int, Tensor]] = {}  # stand-ins by the memory that they would share
        self.stale: set[int] = set()  # stand-ins of which another one that shares their memory was changed
        self.held = 0
        self.paused = False

    @contextlib.contextmanager
    def pause(self) -> Iterator[None]:
        """Let torch be itself."""
        before, self.paused = self.paused, True
        try:
            yield
        finally:
            self.paused = before

    # -- tensors and their arrays ------------------------------------------------------------------------------

    def bind(self, tensor: Tensor, array: Array) -> None:
        """From here on a tensor stands for an array.

        Raises:
            Misfit: if it has not the array's shape.
        """
        if tuple(tensor.shape) != array.hints:
            raise Misfit(f"{tuple(tensor.shape)} is not {array.hints}")
        self.arrays[id(tensor)] = tensor, array
        self.sharing.setdefault(tensor.untyped_storage()._cdata, {})[id(tensor)] = tensor

    def changed(self, tensor: Tensor, old: Array) -> None:
        """What shares its elements with a tensor that was changed in place has changed too."""
        new = self.arrays[id(tensor)][1]
        for identity, other in self.sharing[tensor.untyped_storage()._cdata].items():
            if other is not tensor and self.arrays[identity][1] is old:
                self.arrays[identity] = other, new
            elif other is not tensor and new is not old:
                self.stale.add(identity)

    def stand_in(self, tensor: Tensor) -> Tensor:
        """What stands in for a tensor: itself, if it is one that tracing made."""
        if id(tensor) in self.arrays:
            return tensor
        if id(tensor) not in self.stand_ins:
            plain = tensor.data if isinstance(tensor, torch.nn.Parameter) else tensor
            self.stand_ins[id(tensor)] = (
                tensor,
                torch.empty_strided(
                    plain.shape,
                    plain.stride() if plain.layout is torch.strided else (),
                    dtype=plain.dtype,
                    device="meta",
                ),
            )
        return self.stand_ins[id(tensor)][1]

    def converted(self, array: Any) -> Tensor:
        """An array of NumPy's as a tensor, the same one each time."""
        if id(array) not in self.others:
            self.others[id(array)] = array, torch.as_tensor(array)
        return self.others[id(array)][1]

    def array(self, tensor: Tensor) -> Array:
        """What a tensor stands for; a parameter is noted when it is first used."""
        stand_in = self.stand_in(tensor)
        if id(stand_in) not in self.arrays:
            self.bind(stand_in, self.met(tensor))
        if id(stand_in) in self.stale:
            raise NotSupportedError(
                f"an array is used after a part or a view of it was changed in place ({self.recorder.where})",
                notes=["make a new array in its place, or a copy before: x = x.clone()"],
            )
        return self.arrays[id(stand_in)][1]

    def met(self, tensor: Tensor) -> Array:
        """An array that the function holds, and no operation gave."""
        dtype = dtype_name(tensor.dtype)
        dims = [axis(Polynomial.of(length), length) for length in tensor.shape]
        if id(tensor) in self.names:
            return self.recorder.array(dims, dtype, *self.names[id(tensor)])
        if not spelled_out(tensor):
            self.held += 1
            return self.recorder.array(dims, dtype, role_of(tensor), f"held{self.held}")
        value = tensor.detach().tolist()
        return self.recorder.step("constant", (), (), [Result(tuple(dims), dtype)], value=value)[0]

    # -- calls ---------------------------------------------------------------------------------------------------

    def __torch_function__(
        self, func: Any, _: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        kwargs = kwargs or {}
        if self.paused:
            return func(*args, **kwargs)
        full, name = names_of(func)
        if full.endswith("__get__") and name in QUESTIONS:
            return getattr(torch.empty(0, device=self.device) if name != "device" else self, name)
        if name in ("shape", "size", "numel", "nelement", "__len__"):
            return self.question(func, name, args, kwargs)
        translator = TRANSLATORS.get(full)
        if translator is None and isinstance(func, types.FunctionType) and func not in self.inside:
            return self.body(func, args, kwargs)
        translator = translator or TRANSLATORS.get(name) or TRANSLATORS.get(name.rstrip("_"))
        if name in READS_ELEMENTS and args and self.values.knows(args[0]):
            return func(*self.values.of(args), **self.values.of(kwargs))
        try:
            plain_args, plain_kwargs = self.plain(args), self.plain(kwargs)
            out = call_plain(func, name, plain_args, plain_kwargs)
        except (RuntimeError, TypeError, ValueError) as error:
            if name in READS_ELEMENTS or isinstance(error, NotImplementedError) or "meta tensor" in str(error):
                raise self.no_elements(full) from error
            refuse_lengths(name, self.lengths_of_any, args, kwargs)
            raise
        if name in READS_ELEMENTS and not has_tensors(out):
            raise self.no_elements(full)
        return self.noted(func, full, name, translator, args, kwargs, plain_args, out)

    def body(self, func: types.FunctionType, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Run a function of torch's that is written in Python, and see what it calls."""
        self.inside.add(func)
        try:
            with self:
                return unasked(func)(*args, **kwargs)
        finally:
            self.inside.discard(func)

    def no_elements(self, full: str) -> NotSupportedError:
        """What says that there are no elements."""
        return NotSupportedError(
            f"{full} needs the elements of an array, and while a function is traced there are none "
            f"({self.recorder.where})",
            notes=["what is computed must depend on shapes only; compute this outside, and pass it as an argument"],
        )

    def question(self, func: Any, name: str, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Answer what lengths a tensor has."""
        tensor = args[0]
        if id(tensor) not in self.arrays or name == "__len__":
            return func(*args, **kwargs)
        lengths = self.lengths(tensor)
        if name == "shape" or (name == "size" and len(args) + len(kwargs) == 1):
            return torch.Size(lengths)
        if name == "size":
            return lengths[args[1] if len(args) > 1 else kwargs["dim"]]
        total = 1
        for length in lengths:
            total = total * length
        return total

    def lengths_of_any(self, tensor: Tensor) -> Sequence[int]:
        """The lengths of a tensor's dimensions, with formulas if it is a stand-in."""
        return self.lengths(tensor) if id(tensor) in self.arrays else tuple(tensor.shape)

    def lengths(self, tensor: Tensor) -> list[int]:
        """The lengths of a stand-in's dimensions, with formulas."""
        array = self.arrays[id(tensor)][1]
        return [sized(hint, formula, self.unequal) for hint, formula in zip(array.hints, array.shape, strict=True)]

    def plain(self, value: Any) -> Any:
        """Arguments as torch is given them: stand-ins, and numbers without formulas."""
        if isinstance(value, Tensor):
            return self.stand_in(value)
        if isinstance(value, Size):
            return int(value)
        if isinstance(value, Ratio):
            return float(value)
        if isinstance(value, torch.device):
            return torch.device("meta")
        if isinstance(value, slice):
            return slice(self.plain(value.start), self.plain(value.stop), self.plain(value.step))
        if isinstance(value, list | tuple) and not hasattr(value, "_fields"):
            return tuple(map(self.plain, value)) if isinstance(value, tuple) else list(map(self.plain, value))
        if isinstance(value, dict):
            return {key: "meta" if key == "device" else self.plain(each) for key, each in value.items()}
        return value

    def noted(
        self, func: Any, full: str, name: str, translator: Translator | None, args: tuple[Any, ...],
        kwargs: dict[str, Any], plain_args: Any, out: Any,
    ) -> Any:  # fmt: skip
        """Write a call down, and return what it returns."""
        outs = list(tensors_in(out))
        if name == "__setitem__":
            outs = [plain_args[0]]
        elif not outs:
            return out
        target = args[0] if args and isinstance(args[0], Tensor) else None
        in_place = target is not None and bool(outs) and outs[0] is plain_args[0]
        if in_place and translator is None and not name.endswith("_"):
            return target  # nothing happened
        for tensor in tensors_in((args, kwargs)):
            self.array(tensor)
        recorder = self.recorder
        before = len(recorder.steps), len(recorder.arrays)
        old = self.array(target) if in_place and target is not None else None
        call = Call(self, full, args, kwargs, outs)
        arrays = None
        if translator is not None:
            try:
                arrays = translator(call, *args, **kwargs)
                if arrays is not None:
                    self.bind_all(outs, arrays)
            except (Misfit, TypeError, ValueError):
                arrays = None
        if arrays is None:
            del recorder.steps[before[0] :], recorder.arrays[before[1] :]
            self.bind_all(outs, opaque(call))
        if old is not None:
            self.changed(outs[0], old)
        self.values.note(outs, func, args, kwargs, name, in_place)
        return target if in_place else out

    def bind_all(self, tensors: Sequence[Tensor], arrays: Sequence[Array]) -> None:
        """Bind each tensor to its array."""
        for tensor, array in zip(tensors, arrays, strict=True):
            self.bind(tensor, array)

    # -- modules ---------------------------------------------------------------------------------------------------

    def input(self, dims: Iterable[Dim], dtype: str, name: str) -> Tensor:
        """A stand-in for an input."""
        array = self.recorder.array(dims, dtype, "input", name)
        tensor = torch.empty(array.hints, dtype=getattr(torch, dtype), device="meta")
        self.bind(tensor, array)
        return tensor


# -- steps ------------------------------------------------------------------------------------------------------------


def spelled_out(tensor: Tensor) -> bool:
    """Whether an array is written down with its elements: one that is neither learned nor large."""
    return not (tensor.requires_grad or tensor.is_meta or tensor.numel() > SMALL)


def role_of(tensor: Tensor) -> Role:
    """What a tensor is that a function holds."""
    return "parameter" if tensor.requires_grad else "buffer"


def call_plain(func: Any, name: str, args: Any, kwargs: dict[str, Any]) -> Any:
    """Call torch on stand-ins: what would move them to another device leaves them where they are."""
    if name in ("cpu", "cuda", "pin_memory"):
        return args[0]
    if name == "to":
        args = tuple(each for each in args if not isinstance(each, torch.device | str))
        kwargs = {key: each for key, each in kwargs.items() if key != "device"}
        return func(*args, **kwargs) if len(args) + len(kwargs) > 1 else args[0]
    if "device" not in kwargs and name in FACTORIES:
        kwargs = {**kwargs, "device": "meta"}
    return func(*args, **kwargs)


FACTORIES = frozenset(
    ("zeros", "ones", "full", "empty", "arange", "linspace", "eye", "tensor", "scalar_tensor", "rand", "randn",
     "randint", "randperm", "logspace", "tril_indices", "triu_indices", "as_tensor", "asarray", "range")
)  # fmt: skip


@cache
def names_of(func: Any) -> tuple[str, str]:
    """The full name of a function of torch's, and the last part of it: of an attribute its own name."""
    full = resolve_name(func) or f"{getattr(func, '__module__', None) or 'torch'}.{getattr(func, '__name__', func)}"
    if full.startswith("aten."):
        full = f"torch.ops.{full}"
    parts = full.split(".")
    return full, parts[-2] if parts[-1] in ("__get__", "__set__", "default") else parts[-1]


ASKING = frozenset(("has_torch_function", "has_torch_function_unary", "has_torch_function_variadic"))


@cache
def unasked(func: types.FunctionType) -> Callable[..., Any]:
    """A function of torch's that is written in Python, as it is when nobody overrides it."""
    names = {**func.__globals__, **dict.fromkeys(ASKING, never)}
    cells = func.__closure__
    if cells and func.__module__ == "torch._jit_internal":  # a choice of two such functions
        cells = tuple(map(unasked_cell, cells))
    found = types.FunctionType(func.__code__, names, func.__name__, func.__defaults__, cells)
    found.__kwdefaults__ = func.__kwdefaults__
    return found


def unasked_cell(cell: types.CellType) -> types.CellType:
    """A variable of a function around it, which may be such a function too."""
    inner = cell.cell_contents
    return types.CellType(unasked(inner)) if isinstance(inner, types.FunctionType) else cell


def never(*_: Any) -> bool:
    """No."""
    return False


def has_tensors(value: Any) -> bool:
    """Whether a function of torch's returned a tensor."""
    return next(iter(tensors_in(value)), None) is not None
