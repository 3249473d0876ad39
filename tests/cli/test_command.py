"""The command as a whole: help, models, the demo's options, and missing packages."""

import json
import subprocess
import sys

import pytest


def test_no_arguments_shows_the_commands(wirework):
    result = wirework()
    for name in ("explain", "train", "predict", "models", "demo"):
        assert name in result.stdout + result.stderr


@pytest.mark.parametrize("name", ["explain", "train", "predict", "models", "demo"])
def test_help_has_examples_and_fits_80_columns(wirework, name):
    result = wirework(name, "--help")
    assert result.returncode == 0
    assert "Examples" in result.stdout
    assert f"wirework {name}" in result.stdout
    assert max(map(len, result.stdout.splitlines())) <= 80


def test_models(wirework):
    table = wirework("models").stdout
    assert "86,567,656" in table
    assert max(map(len, table.splitlines())) <= 80
    rows = json.loads(wirework("models", "--json").stdout)
    (vit,) = (row for row in rows if row["model"] == "vit")
    assert {row["preset"]: row["parameters"] for row in vit["presets"]}["digits"] == 136_138
    (gpt2,) = json.loads(wirework("models", "gpt2", "--json").stdout)
    assert gpt2["loads"] == ["Hugging Face gpt2", "wirework"]
    assert "mlp_dim=6400" in wirework("models", "gpt2").stdout
    mistake = wirework("models", "gtp2")
    assert mistake.returncode == 2 and "did you mean gpt2?" in mistake.stderr


def test_unknown_command_and_option(wirework):
    for arguments in (["trian"], ["train", "vit", "--epohcs", "3"]):
        result = wirework(*arguments)
        assert result.returncode == 2
        assert "Traceback" not in result.stderr


@pytest.mark.parametrize("module", ["typer", "rich"])
def test_missing_packages_are_named_in_one_line(module):
    code = f"import sys; sys.modules[{module!r}] = None; from wirework.cli import main; main()"
    result = subprocess.run([sys.executable, "-c", code, "models"], capture_output=True, text=True, check=False)
    assert result.returncode != 0
    assert result.stderr == 'The wirework command needs typer and rich: pip install "wirework[cli]"\n'


def test_help_does_not_load_torch(command):
    code = "import sys; from wirework.cli import app; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
