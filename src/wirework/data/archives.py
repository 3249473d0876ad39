"""The files inside an archive, of any kind that packages come in, without unpacking anything to the disk."""

from __future__ import annotations

import tarfile
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

from wirework.errors import DataError

Content = tuple[str, IO[bytes]]  # a file in an archive: its name there, and its bytes


def contents(archive: Path) -> Iterator[Content]:
    """The ordinary files in an archive, one after another: no folders, links or devices.

    Raises:
        DataError: if it is damaged or of no known kind.
    """
    read = next((read for suffix, read in READERS.items() if archive.name.endswith(suffix)), None)
    if read is None:
        raise DataError(f"{archive} is not an archive: its name ends in none of {' '.join(READERS)}")
    try:
        yield from read(archive)
    except (OSError, EOFError, ValueError, tarfile.TarError, zipfile.BadZipFile) as error:
        raise DataError(f"{archive} cannot be read: {error}") from None


def zip_contents(archive: Path) -> Iterator[Content]:
    """The files in a zip archive."""
    with zipfile.ZipFile(archive) as opened:
        for entry in opened.infolist():
            if not entry.is_dir():
                with opened.open(entry) as content:
                    yield entry.filename, content


def tar_contents(archive: Path) -> Iterator[Content]:
    """The files in a tar archive."""
    with archive.open("rb") as file:
        yield from tar_members(file)


def deb_contents(archive: Path) -> Iterator[Content]:
    """The files that a Debian package would install."""
    with archive.open("rb") as file:
        seek_member(file, b"data.tar")
        yield from tar_members(file)


def tar_members(file: IO[bytes]) -> Iterator[Content]:
    """The files in the tar archive that begins where an open file is, compressed or not."""
    with tarfile.open(fileobj=file) as opened:
        for entry in opened:
            content = opened.extractfile(entry) if entry.isfile() else None
            if content is not None:
                yield entry.name.removeprefix("./"), content


def seek_member(file: IO[bytes], wanted: bytes) -> None:
    """Go to the start of a member of a Unix `ar` archive.

    After eight bytes, each member has a header of 60: its name in the first 16, its length from the 48th on in
    decimal digits. Members begin at even places.
    """
    place = 8
    while len(header := read_at(file, place, 60)) == 60:
        if header.startswith(wanted):
            return
        length = int(header[48:58])
        place += 60 + length + length % 2
    raise ValueError(f"it has no {wanted.decode()}")


def read_at(file: IO[bytes], place: int, length: int) -> bytes:
    """Some bytes of a file."""
    file.seek(place)
    return file.read(length)


READERS: dict[str, Callable[[Path], Iterator[Content]]] = {
    ".whl": zip_contents,
    ".zip": zip_contents,
    ".tar.gz": tar_contents,
    ".tgz": tar_contents,
    ".deb": deb_contents,
}
