"""The command as a user runs it, with its output piped."""

import contextlib
import io
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import patch

import pytest

from wirework.cli import main

SHORT = ["--epochs", "2", "--train-limit", "128"]


@dataclass(frozen=True)
class Result:
    """What came of a command."""

    returncode: int
    stdout: str
    stderr: str


def run(*arguments, cwd="."):
    """Run the command in this process."""
    out, err, code = io.StringIO(), io.StringIO(), 0
    with (
        patch.object(sys, "argv", ["wirework", *map(str, arguments)]),
        patch.dict(os.environ, {"COLUMNS": "80", "NO_COLOR": "1"}),
        contextlib.chdir(cwd),
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
    ):
        try:
            main()
        except SystemExit as exit_:
            code = exit_.code or 0
    return Result(code, out.getvalue(), err.getvalue())


@pytest.fixture(scope="session")
def wirework():
    """Run the command with some arguments."""
    return run


@pytest.fixture(scope="session")
def command():
    """The words that start the command as a process of its own."""
    return [sys.executable, "-m", "wirework.cli"]


@pytest.fixture(scope="session")
def trained(tmp_path_factory) -> tuple[Path, str]:
    """The results folder of a short run, and what the run printed."""
    folder = tmp_path_factory.mktemp("trained")
    result = run("train", "vit", "--data", "digits", "--out", folder, *SHORT)
    assert result.returncode == 0, result.stderr
    return folder, result.stdout
