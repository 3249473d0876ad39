"""`wirework generate`: the same text for the same seed, stop strings, pipes, and mistakes."""

import io
import json
import sys
from unittest.mock import patch

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from wirework.cli.generate import Written
from wirework.data.tokenizer import Characters
from wirework.models import GPT2, ViT

LETTERS = "\nabcdefgh .é"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A GPT that writes nonsense."""
    torch.manual_seed(0)
    folder = tmp_path_factory.mktemp("gpt")
    model = GPT2.preset("characters", vocabulary=len(set(LETTERS)), context=16, dim=32, depth=1, heads=2, mlp_dim=32)
    model.save_pretrained(folder)
    Characters.of(LETTERS).save(folder)
    return folder


def test_a_seed_repeats(wirework, folder):
    runs = [wirework("generate", "--checkpoint", folder, "--prompt", "abc", "--seed", seed) for seed in (1, 1, 2)]
    assert [run.returncode for run in runs] == [0, 0, 0], runs[0].stderr
    first, again, other = (run.stdout for run in runs)
    assert first == again != other
    assert first.startswith("abc") and first.endswith("\n") and len(first) == 3 + 200 + 1
    assert set(first) <= set(LETTERS)


def test_json(wirework, folder):
    options = ["--checkpoint", folder, "--prompt", "abc", "--seed", 1, "--tokens", 30]
    record = json.loads(wirework("generate", *options, "--json").stdout)
    assert record["prompt"] == "abc" and record["tokens"] == 30 and len(record["text"]) == 30
    assert record["stopped"] is None
    assert wirework("generate", *options).stdout == f"abc{record['text']}\n"
    stop = record["text"][10:12]
    ended = json.loads(wirework("generate", *options, "--stop", stop, "--json").stdout)
    assert ended["text"] == record["text"][: record["text"].index(stop)] and ended["stopped"] == stop


def test_greedy_needs_no_seed(wirework, folder):
    options = ["--checkpoint", folder, "--prompt", "a", "--temperature", 0, "--top-k", 3, "--top-p", 0.5]
    assert wirework("generate", *options).stdout == wirework("generate", *options).stdout


def test_a_prompt_from_a_pipe(wirework, folder):
    with patch.object(sys, "stdin", io.StringIO("abc d\n")):
        assert wirework("generate", "--checkpoint", folder, "--tokens", 5).stdout.startswith("abc d")


def test_mistakes(wirework, folder, tmp_path):
    ViT.preset("digits").save_pretrained(tmp_path / "vit")
    for arguments, message in [
        (["--checkpoint", folder, "--prompt", ""], "the prompt is empty"),
        (["--checkpoint", folder, "--prompt", "xyz"], "there is no token for 'x', 'y' and 'z'"),
        (["--checkpoint", tmp_path / "none", "--prompt", "a"], "there is no file or folder"),
        (["--checkpoint", tmp_path / "vit", "--prompt", "a"], "holds a ViT, which writes no text"),
        (["--checkpoint", folder, "--prompt", "a", "--top-p", 2], "top_p=2.0 is not a probability above 0"),
        (["--checkpoint", folder, "--prompt", "a", "--device", "tpu9"], "there is no device 'tpu9' here"),
    ]:
        result = wirework("generate", *arguments)
        assert result.returncode == 2, arguments
        assert message in result.stderr
        assert "Traceback" not in result.stderr


@given(st.text("abc", max_size=30), st.lists(st.text("abc", min_size=1, max_size=4), max_size=3))
def test_a_stop_string_is_never_shown(text, stops):
    written = Written(stops)
    shown = "".join(written.pieces(iter(text)))
    found = [text.find(stop) for stop in stops if stop in text]
    ends = [text.find(stop) + len(stop) for stop in stops if stop in text]
    if not found:
        assert shown == text and written.stopped is None
    else:  # the first to be complete ends the text
        assert shown == written.text and text.startswith(shown)
        assert len(shown) + len(written.stopped) == min(ends)
        assert not any(stop in shown for stop in stops)
