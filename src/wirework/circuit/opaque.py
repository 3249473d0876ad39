"""The functions that opaque operations are, by name: only those of array libraries that act on arrays alone."""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable
from functools import lru_cache
from types import ModuleType
from typing import Any

import numpy as np

from wirework.errors import NotSupportedError

OPERATIONS_OF_TORCH = (
    "torch.ops.", "torchvision.ops.", "torch._C._nn.", "torch._C._fft.", "torch._C._linalg.", "torch._C._special.",
    "torch._VF.",
)  # fmt: skip
TOUCH_FILES = ("fromfile", "load", "save", "savetxt", "savez", "savez_compressed", "genfromtxt", "loadtxt", "memmap")


def function_of(name: str, backend: str) -> Callable[..., Any]:
    """The function of a full name such as "torch.Tensor.topk".

    A circuit may have been read from a file, so that its word is not enough to call anything at all.

    Raises:
        NotSupportedError: if it is of another library than the backend, or not known to act on arrays alone.
    """
    refuse_other_backend(name, backend)
    found = resolved(name)
    if found is None or not ALLOWED[backend](found, name):
        raise NotSupportedError(f"{name} is no function on arrays that {backend} is known to have")
    return found


def refuse_other_backend(name: str, backend: str) -> None:
    """Refuse a function of another library.

    Raises:
        NotSupportedError: if it is of another library than the backend.
    """
    root = name.partition(".")[0]
    if root not in (backend, "torchvision" if backend == "torch" else backend):
        raise NotSupportedError(f"{name} is run as it was written, so it does not run on {backend}")


def resolved(name: str) -> Any:
    """What a dotted name stands for; `None` if nothing."""
    parts = name.split(".")
    if not all(part.isidentifier() for part in parts):
        return None
    found: Any = None
    for place, part in enumerate(parts):
        if (following := getattr(found, part, None)) is None and (found is None or isinstance(found, ModuleType)):
            try:
                following = importlib.import_module(".".join(parts[: place + 1]))
            except ImportError:
                return None
        found = following
    return found


def allowed_in_torch(function: Any, name: str) -> bool:
    """Whether torch calls it with tensors: what can be overridden for them, and registered operations."""
    return function in torch_functions() or (name.startswith(OPERATIONS_OF_TORCH) and callable(function))


@lru_cache
def torch_functions() -> frozenset[Any]:
    """All functions of torch on tensors."""
    from torch.overrides import get_overridable_functions

    return frozenset(hashable(each for functions in get_overridable_functions().values() for each in functions))


def hashable(functions: Iterable[Any]) -> Iterable[Any]:
    """Those that can stand in a set."""
    return (each for each in functions if getattr(type(each), "__hash__", None))


def allowed_in_jax(function: Any, name: str) -> bool:
    """Whether it is of a module of functions on arrays."""
    module, _, last = name.rpartition(".")
    known = module in ("jax.numpy", "jax.lax", "jax.nn", "jax.image") or module.startswith(("jax.scipy.", "jax.numpy."))
    return known and last not in TOUCH_FILES and callable(function)


def allowed_in_numpy(function: Any, name: str) -> bool:
    """Whether it is a ufunc, or a function that other arrays may override."""
    overridable = hasattr(function, "_implementation")
    return (isinstance(function, np.ufunc) or overridable) and name.rpartition(".")[2] not in TOUCH_FILES


ALLOWED = {"torch": allowed_in_torch, "jax": allowed_in_jax, "numpy": allowed_in_numpy}
