"""Two processes train the same model as one: sharded weights, summed results, states that either can go on from."""

import json
import os
import subprocess
import sys

import pytest
import torch
from safetensors.torch import load_file

OPTIONS = [
    "--data",
    "digits",
    "--epochs",
    "2",
    "--train-limit",
    "96",
    "--batch-size",
    "32",
    "--threads",
    "1",
    "--distortion",
    "none",
]
PLAIN = ["--optimizer", "sgd", "--learning-rate", "0.1"]  # Adam turns the rounding of zero gradients into steps
SMALL = ["--set", "depth=2", "--set", "dim=16", "--set", "mlp_dim=32", "--set", "heads=2"]


def train(folder, processes, *more):
    """Run the command in so many processes."""
    start = [sys.executable, "-m"]
    if processes > 1:
        start += ["torch.distributed.run", "--standalone", "--nproc-per-node", str(processes), "-m"]
    words = [*start, "wirework.cli", "train", "vit", *OPTIONS, *PLAIN, *SMALL, "--out", str(folder), *more]
    done = subprocess.run(words, capture_output=True, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"})
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    folder = tmp_path_factory.mktemp("alone")
    train(folder, 1)
    return folder


def same(one, other):
    first, second = (load_file(folder / "model.safetensors") for folder in (one, other))
    assert first.keys() == second.keys()
    for name in first:
        torch.testing.assert_close(first[name], second[name], rtol=1e-3, atol=1e-4)


@pytest.mark.skipif(not torch.distributed.is_available(), reason="torch has no distributed here")
def test_two_processes(alone, tmp_path):
    printed = train(tmp_path, 2)
    assert printed.count("epoch   1/2") == 1, "only the first process speaks"
    assert "2 processes" in printed
    same(alone, tmp_path)
    found, expected = (json.loads((folder / "metrics.json").read_text()) for folder in (tmp_path, alone))
    assert found["processes"] == 2
    assert found["test_loss"] == pytest.approx(expected["test_loss"], rel=1e-3)
    assert found["test_accuracy"] == pytest.approx(expected["test_accuracy"], abs=0.02)


@pytest.mark.skipif(not torch.distributed.is_available(), reason="torch has no distributed here")
def test_one_process_goes_on_where_two_stopped(alone, tmp_path):
    code = (
        "import os; from wirework.training.trainer import Trainer; run = Trainer.run_epoch\n"
        "def stop(self, report):\n"
        "    if self.epoch: os._exit(0)\n"
        "    return run(self, report)\n"
        "Trainer.run_epoch = stop\n"
        "from wirework.cli import main; main()\n"
    )
    (tmp_path / "half.py").write_text(code)
    words = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    words += [str(tmp_path / "half.py"), "train", "vit", *OPTIONS, *PLAIN, *SMALL, "--out", str(tmp_path)]
    subprocess.run(words, capture_output=True, text=True, env={**os.environ, "OMP_NUM_THREADS": "1"}, check=True)
    train(tmp_path, 1, "--resume")
    same(alone, tmp_path)
