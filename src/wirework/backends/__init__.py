"""Plans as source. One file for each array library; which one is told by the type of the arrays."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Sequence
from functools import lru_cache
from typing import Any

from wirework.backends.base import Backend, Printer
from wirework.errors import BackendError

FILES = {"numpy": "NumPy", "torch": "Torch", "jax": "Jax"}


@lru_cache
def load(name: str) -> Backend:
    """The backend of a library, which is imported now.

    Raises:
        BackendError: if there is no such backend, or its library is not installed.
    """
    if name not in FILES:
        raise BackendError(f"there is no backend called {name!r}: there are {', '.join(FILES)}")
    try:
        module = importlib.import_module(f"wirework.backends.{name}")
    except ImportError as error:
        raise BackendError(f'{name} is not installed: pip install "wirework[{name}]"') from error
    return getattr(module, FILES[name])()


@lru_cache
def array_api(namespace: Any, kind: type) -> Backend:
    """The backend of a namespace of the array API standard."""
    from wirework.backends.array_api import ArrayApi

    return ArrayApi(namespace, kind)


def backend_of(array: Any) -> Backend | None:
    """The backend that an array belongs to, `None` if it is no array."""
    kind = array if isinstance(array, type) else type(array)
    for name in FILES:
        if name in sys.modules and load(name).owns(kind):
            return load(name)
    if hasattr(array, "__array_namespace__") and not isinstance(array, type):
        return array_api(array.__array_namespace__(), kind)
    return None


def common_backend(arrays: Sequence[Any], text: str | None = None) -> Backend:
    """The backend of some arrays. NumPy arrays follow another framework.

    Raises:
        BackendError: if there is no array, or there are arrays of two frameworks.
    """
    found = {backend: array for array in arrays if (backend := backend_of(array)) is not None}
    others = [backend for backend in found if backend.name != "numpy"]
    if len(others) > 1:
        shown = " and ".join(sorted(backend.name for backend in others))
        raise BackendError(f"arrays of {shown} cannot be mixed in one call", text)
    if not found:
        raise BackendError("there is no array among the arguments", text)
    return others[0] if others else next(iter(found))


__all__ = ["Backend", "Printer", "array_api", "backend_of", "common_backend", "load"]
