"""Reading the configurations of other projects."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from wirework.errors import CheckpointError, joined


def refuse(written: Mapping[str, Any], **supported: Any) -> None:
    """Refuse a configuration whose values are not those supported; a value that is not written is.

    Args:
        written: the configuration.
        supported: for each key the value that it has to have, or a tuple of those that it may have.

    Raises:
        CheckpointError: naming the key, its value and those supported.
    """
    for key, wanted in supported.items():
        values = wanted if isinstance(wanted, tuple) else (wanted,)
        if key in written and written[key] not in values:
            allowed = joined((repr(value) for value in values), "or")
            raise CheckpointError(f"the configuration has {key}={written[key]!r}: only {allowed} is supported")
