"""`wirework train`: the results folder, the same numbers again, interruption and going on."""

import json
import os
import re
import signal
import subprocess

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from wirework.checkpoint.files import write_atomically
from wirework.models import ViT

from .conftest import SHORT


def outcome(folder):
    """Everything that is measured except time."""
    metrics = json.loads((folder / "metrics.json").read_text())
    for record in (metrics, *metrics["history"]):
        del record["seconds"]
    return metrics


def test_results_folder(trained):
    folder, printed = trained
    metrics = json.loads((folder / "metrics.json").read_text())
    assert metrics["parameters"] == 136_138
    assert (metrics["train_examples"], metrics["test_examples"]) == (128, 360)
    assert len(metrics["history"]) == 2
    assert metrics["test_accuracy"] == metrics["history"][-1]["test_accuracy"]
    for picture in ("curves.png", "predictions.png"):
        with Image.open(folder / picture) as image:
            assert image.width > 1000 and np.asarray(image.convert("L")).std() > 10
    assert sorted(path.name for path in (folder / "samples").iterdir()) == [f"{i}.png" for i in range(10)]
    assert not list(folder.glob(".*")), "no half-written files"
    for name in ("predictions.png", "curves.png", "metrics.json", "source.txt", "model.safetensors"):
        assert name in printed


def test_plain_lines_when_piped(trained):
    _, printed = trained
    assert re.search(r"^epoch +1/2  train \d\.\d+ +[\d.]+%  test \d\.\d+ +[\d.]+%  [\d.]+ s$", printed, re.M)
    assert "\x1b" not in printed
    assert all(len(line) <= 80 for line in printed.splitlines() if "/tmp" not in line)


def test_generated_code(trained):
    folder, _ = trained
    source = (folder / "source.txt").read_text()
    assert '# rearrange "b c (h p) (w q) -> b (h w) c p q"' in source
    assert "scaled_dot_product_attention" in source
    assert source.count("def ") >= 8


def test_same_seed_same_numbers(wirework, trained, tmp_path):
    folder, _ = trained
    assert wirework("train", "vit", "--out", tmp_path, *SHORT).returncode == 0
    assert outcome(tmp_path) == outcome(folder)
    first, second = (load_file(path / "model.safetensors") for path in (folder, tmp_path))
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_another_seed_other_numbers(wirework, trained, tmp_path):
    folder, _ = trained
    assert wirework("train", "vit", "--out", tmp_path, *SHORT, "--seed", 1).returncode == 0
    assert outcome(tmp_path)["history"] != outcome(folder)["history"]


def test_interrupt_then_resume_equals_an_uninterrupted_run(command, wirework, trained, tmp_path):
    folder, _ = trained
    process = subprocess.Popen(
        [*command, "train", "vit", "--out", tmp_path, *SHORT],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env={**os.environ, "PYTHONUNBUFFERED": "1"},
    )  # fmt: skip
    for line in process.stdout:
        if line.startswith("epoch   1/2"):
            process.send_signal(signal.SIGINT)
            break
    printed, errors = process.communicate(timeout=60)
    assert process.returncode == 130, errors
    assert f"  wirework train vit --data digits --out {tmp_path} --resume" in printed
    assert "Traceback" not in errors
    assert not (tmp_path / "metrics.json").exists()
    assert wirework("predict", "--checkpoint", tmp_path, folder / "samples" / "3.png").returncode == 0

    resumed = wirework("train", "vit", "--out", tmp_path, "--resume")
    assert resumed.returncode == 0, resumed.stderr
    assert "from epoch 2" in resumed.stdout
    assert outcome(tmp_path) == outcome(folder)
    first, second = (load_file(path / "model.safetensors") for path in (folder, tmp_path))
    assert all(torch.equal(first[name], second[name]) for name in first)


def test_resuming_a_finished_run_writes_its_results_again(wirework, trained):
    folder, _ = trained
    before = outcome(folder)
    assert wirework("train", "vit", "--out", folder, "--resume").returncode == 0
    assert outcome(folder) == before


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["vti"], "there is no model called 'vti' (did you mean vit?)"),
        (["vit", "--data", "minst"], "there is no data set called 'minst' (did you mean mnist?)"),
        (["vit", "--data", "shakespeare"], "vit learns from images, and shakespeare is not that"),
        (["vit", "--preset", "digit"], "ViTConfig has no preset 'digit' (did you mean digits?)"),
        (["vit", "--set", "deep=3"], "ViT has no deep (did you mean depth?)"),
        (["vit", "--set", "depth"], "--set takes NAME=VALUE, such as depth=6, not 'depth'"),
        (["vit", "--precision", "float8"], "there is no precision called 'float8' (did you mean float"),
        (["vit", "--accumulate", "5"], "a batch of 48 cannot be shared equally among 5 parts"),
        (["vit", "--device", "tpu9"], "there is no device 'tpu9' here"),
        (["vit", "--epochs", "0"], "--epochs"),
        (["vit", "--out", "nowhere", "--resume"], "there is no run in nowhere to resume"),
    ],
)
def test_mistakes(wirework, tmp_path, arguments, message):
    result = wirework("train", *arguments, cwd=tmp_path)
    assert result.returncode == 2
    assert message in result.stderr
    assert "Traceback" not in result.stderr


def test_resume_refuses_options_that_would_change_the_run(wirework, trained):
    folder, _ = trained
    result = wirework("train", "vit", "--out", folder, "--resume", "--epochs", 3)
    assert result.returncode == 2
    assert "the run was started with --epochs 2, not 3" in result.stderr


def test_damaged_training_state(wirework, tmp_path):
    (tmp_path / "training.pt").write_bytes(b"not a checkpoint")
    result = wirework("train", "vit", "--out", tmp_path, "--resume")
    assert result.returncode == 2
    assert "is not a training state of wirework" in result.stderr


def test_atomic_write_keeps_the_old_file(tmp_path):
    path = tmp_path / "file"
    path.write_text("old")

    def fail(beside):
        beside.write_text("half")
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        write_atomically(path, fail)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_checkpoint_is_a_model_ready_for_use(trained):
    model = ViT.from_pretrained(trained[0])
    assert not model.training
    assert model(torch.zeros(1, 1, 8, 8)).shape == (1, 10)
