"""`wirework draw`: what it prints and writes, and what becomes of mistakes."""

import os
import subprocess

import pytest

from wirework.models.catalogue import CATALOGUE

OWN = """
import torch
from torch import nn


class Net(nn.Module):
    def __init__(self, width=4):
        super().__init__()
        self.conv = nn.Conv2d(3, width, 3, padding=1)

    def forward(self, x):
        return torch.relu(self.conv(x))


class Needs(nn.Module):
    def __init__(self, dim):
        super().__init__()


def make():
    return Net()


def attend(q, k):
    return torch.softmax(q @ k.T, -1)


net = Net()
number = 3
"""


@pytest.fixture
def own(tmp_path):
    (tmp_path / "own_models.py").write_text(OWN)
    (tmp_path / "broken_models.py").write_text("1 / 0")
    return tmp_path


@pytest.mark.parametrize("name", CATALOGUE)
def test_every_architecture_is_drawn(wirework, name):
    small = {"bert": "tiny"}.get(name, CATALOGUE[name].small)
    result = wirework("draw", name, "--depth", "1", *(["--preset", small] if small else []))
    assert result.returncode == 0, result.stderr
    assert "──" in result.stdout
    assert all(len(line) <= 80 for line in result.stdout.splitlines())


@pytest.mark.parametrize("target", ["own_models:Net", "own_models.py:Net", "own_models.py:net", "own_models:make"])
def test_models_of_ones_own(wirework, own, target):
    result = wirework("draw", target, "--input", "b c h w", "c=3", "h=8", "w=8", cwd=own)
    assert result.returncode == 0, result.stderr
    assert "★3" in result.stdout


def test_functions_of_several_arrays(wirework, own):
    result = wirework("draw", "own_models:attend", "--input", "y d", "--input", "k=x d", cwd=own)
    assert result.returncode == 0, result.stderr
    assert "◁" in result.stdout


def test_files(wirework, own):
    words = ("draw", "own_models:Net", "--set", "width=5", "--input", "b c h w", "c=3", "--title", "A net")
    result = wirework(*words, "-o", "a.svg", "-o", "b.txt", "--note", "conv: 3 by 3", cwd=own)
    assert result.returncode == 0, result.stderr
    assert result.stdout == ""
    assert result.stderr.split() == ["a.svg", "b.txt"]
    assert "A net" in (own / "a.svg").read_text(encoding="utf-8")
    assert (own / "b.txt").read_text(encoding="utf-8").startswith("A net\n")


def test_ascii_where_the_terminal_has_nothing_else(command, own):
    words = [*command, "draw", f"{own / 'own_models.py'}:attend", "--input", "y d", "--input", "x d"]
    environment = {**os.environ, "PYTHONIOENCODING": "ascii"}
    result = subprocess.run(words, capture_output=True, env=environment, check=False)
    assert result.returncode == 0, result.stderr
    assert result.stdout.isascii()
    assert b"--" in result.stdout


def test_explain_draws_its_expression(wirework):
    result = wirework("explain", "y k, x k -> y x", "--shape", "2 3", "--shape", "4 3", "--draw")
    assert result.returncode == 0, result.stderr
    assert "├▸" in result.stdout


NET = ("own_models:Net", "--input", "b c h w")


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["gtp2"], "there is no model called 'gtp2' (did you mean gpt2?)"),
        (["gpt2", "--input", "b t"], "--input is for your own models"),
        (["own_models:Net"], 'say what own_models:Net is given: --input "b c h w"'),
        (["own_models:Nett", "--input", "b"], "own_models has no 'Nett' (did you mean Net?)"),
        (["no_models:Net", "--input", "b"], "there is no Python module 'no_models'"),
        (["no_models.py:Net", "--input", "b"], "there is no file no_models.py"),
        (["broken_models:Net", "--input", "b"], "broken_models cannot be imported: ZeroDivisionError"),
        (["own_models:Needs", "--input", "b"], "own_models:Needs cannot be made: missing a required argument: 'dim'"),
        (["own_models:number", "--input", "b"], "own_models:number is neither a function nor a module"),
        (["own_models:attend", "--input", "b"], "own_models:attend cannot be run on 'b': TypeError"),
        (["own_models:net", "--set", "width=3", "--input", "b"], "--set is for what makes a module"),
        ([*NET, "c=4"], "own_models:Net cannot be run on 'b c h w'"),
        ([*NET, "q=4"], "no signature has an axis q"),
        ([*NET, "c=3", "--preset", "small"], "--preset is for the architectures"),
        ([*NET, "c=3", "--theme", "drak"], "(did you mean dark?)"),
        ([*NET, "c=3", "--hide", "z"], "Net has no axis 'z' to hide"),
        ([*NET, "c=3", "--highlight", "covn"], "(did you mean conv?)"),
        ([*NET, "c=3", "--note", "conv"], '--note takes "TARGET: TEXT"'),
        ([*NET, "c=3", "-o", "a.svg", "-o", "a.jpg"], "so not as 'a.jpg'"),
        ([*NET, "c=3", "--color-by", "flops"], "must be known in Net"),
        (["explain", "a -> a", "--shape", "3", "--draw", "--json"], "--draw is for people, and --json for programs"),
    ],
)
def test_mistakes_are_explained(wirework, own, words, message):
    result = wirework(*(words if words[0] == "explain" else ["draw", *words]), cwd=own)
    assert result.returncode == 2, result.stdout
    assert message in result.stderr
    assert "Traceback" not in result.stderr
    assert result.stdout == ""
    assert not (own / "a.svg").exists()


def test_help_has_examples_and_fits_80_columns(wirework):
    result = wirework("draw", "--help")
    assert result.returncode == 0
    assert "Examples" in result.stdout
    assert max(map(len, result.stdout.splitlines())) <= 80
