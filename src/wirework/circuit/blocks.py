"""`ww.block`: a title for a part of a function, that its circuit shows."""

from __future__ import annotations

import threading
from typing import Any, Protocol


class Listener(Protocol):
    """Who traces, and is told where blocks begin and end."""

    def enter(self, title: str) -> None: ...

    def leave(self) -> None: ...


class Tracing(threading.local):
    """Who traces this thread."""

    by: Listener | None = None


tracing = Tracing()


class block:
    """Put what is done inside into a block of that title. Without a trace it does nothing.

    >>> import wirework as ww
    >>> with ww.block("Scaled Dot-Product Attention"):
    ...     pass
    """

    __slots__ = ("title",)

    def __init__(self, title: str) -> None:
        self.title = title

    def __enter__(self) -> None:
        if (listener := tracing.by) is not None:
            listener.enter(self.title)

    def __exit__(self, *_: Any) -> None:
        if (listener := tracing.by) is not None:
            listener.leave()
