"""`wirework cost`: what it prints, and what becomes of mistakes."""

import json

import pytest

from wirework.models.catalogue import CATALOGUE


@pytest.mark.parametrize("name", CATALOGUE)
def test_every_architecture_has_a_cost(wirework, name):
    small = {"bert": "tiny"}.get(name, CATALOGUE[name].small)
    result = wirework("cost", name, *(["--preset", small] if small else []), "b=1", *SIZES.get(name, []))
    assert result.returncode == 0, result.stderr
    assert "multiply-adds" in result.stdout
    assert all(len(line) <= 80 for line in result.stdout.splitlines())


SIZES = {
    **{key: ["t=16"] for key in ("gpt2", "llama", "bert", "attention")},
    **{key: ["h=32", "w=32"] for key in ("resnet", "unet", "residual-unet", "visual-attention")},
}


def test_gpt2_in_numbers(wirework):
    result = wirework("cost", "gpt2", "t=1024", "b=1", "--depth", "1")
    assert result.returncode == 0, result.stderr
    macs = 12 * (4 * 1024 * 768**2 + 2 * 1024**2 * 768 + 2 * 1024 * 768 * 3072) + 1024 * 768 * 50257
    assert f"{macs:,}" in result.stdout
    assert "124,439,808 numbers" in result.stdout
    assert "73,728 bytes per token" in result.stdout


def test_formulas_where_sizes_are_missing(wirework):
    result = wirework("cost", "gpt2", "--preset", "characters", "--depth", "0")
    assert result.returncode == 0, result.stderr
    assert "b*t**2" in result.stdout


def test_json_for_programs(wirework):
    result = wirework("cost", "vit", "--preset", "digits", "b=2", "--json", "--device", "a100")
    found = json.loads(result.stdout)
    assert found["sizes"] == {"b": 2}
    assert found["flops"] == found["contraction"] + found["other"]
    assert found["roofline"]["device"] == "NVIDIA A100 SXM 80GB"


def test_training_and_devices(wirework):
    words = ("cost", "gpt2", "--preset", "characters", "b=1", "t=8", "--training", "--device", "h100")
    result = wirework(*words, "--dtype", "bfloat16")
    assert result.returncode == 0, result.stderr
    assert "backward pass" in result.stdout
    assert "NVIDIA H100 SXM" in result.stdout
    assert "bfloat16" in result.stdout.splitlines()[0]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["gpt3"], "there is no model called 'gpt3' (did you mean gpt2?)"),
        (["gpt2", "--preset", "characters", "tt=1"], "has no axis 'tt' (did you mean t?)"),
        (["gpt2", "--preset", "smal"], "has no preset 'smal' (did you mean small?)"),
        (["gpt2", "--preset", "characters", "t"], "sizes are written NAME=SIZE"),
        (["gpt2", "--preset", "characters", "t=1,2"], "t is one axis: write t=1"),
        (["gpt2", "--preset", "characters", "b=1", "t=1", "--device", "h1000"], "there is no device 'h1000'"),
        (["gpt2", "--preset", "characters", "--device", "h100"], "b and t must be known: give b="),
        (["gpt2", "--preset", "characters", "--dtype", "float"], "'float' is no floating dtype"),
    ],
)
def test_mistakes_are_explained(wirework, words, message):
    result = wirework("cost", *words)
    assert result.returncode == 2
    assert message in result.stderr
    assert "Traceback" not in result.stderr
