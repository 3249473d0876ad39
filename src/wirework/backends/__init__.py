"""Plans as source. One file for each array library; which one is told by the type of the arrays."""

from __future__ import annotations

import importlib
import sys
from functools import lru_cache
from typing import Any

from wirework.backends.base import Backend
from wirework.backends.printer import Printer
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
def namespace_backend(namespace: Any, kind: type) -> Backend:
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
        return namespace_backend(array.__array_namespace__(), kind)
    return None


__all__ = ["Backend", "Printer", "backend_of", "load", "namespace_backend"]
