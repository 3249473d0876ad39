"""`from_pretrained` and `save_pretrained`: formats, errors that list everything, and the hub."""

import json
import sys
import types

import pytest
import torch

from wirework.checkpoint import find, read_weights
from wirework.errors import CheckpointError, SemanticError
from wirework.models import GPT2, GPT2Config
from wirework.models.catalogue import from_pretrained

SIZES = {"vocabulary": 11, "context": 8, "dim": 16, "depth": 2, "heads": 2, "mlp_dim": 24}
TOKENS = torch.tensor([[1, 2, 3, 4]])


@pytest.fixture
def model():
    torch.manual_seed(0)
    return GPT2(GPT2Config(**SIZES)).eval()


@pytest.mark.parametrize("form", [None, "Hugging Face gpt2", "wirework"])
def test_there_and_back(model, tmp_path, form):
    model.save_pretrained(tmp_path, form)
    again = GPT2.from_pretrained(tmp_path)
    assert again.config == model.config
    assert not again.training
    assert torch.equal(again(TOKENS), model(TOKENS))
    assert torch.equal(from_pretrained(str(tmp_path))(TOKENS), model(TOKENS))


def test_formats_differ_in_names(model, tmp_path):
    model.save_pretrained(tmp_path / "theirs")
    model.save_pretrained(tmp_path / "ours", "wirework")
    assert "transformer.h.1.attn.c_attn.weight" in read_weights(tmp_path / "theirs")
    assert read_weights(tmp_path / "ours").keys() == model.state_dict().keys()


@pytest.mark.parametrize("form", ["Hugging Face gpt2", "wirework"])
def test_a_file_alone_with_a_config(model, tmp_path, form):
    model.save_pretrained(tmp_path, form)
    (tmp_path / "config.json").unlink()
    assert torch.equal(GPT2.from_pretrained(tmp_path / "model.safetensors", model.config)(TOKENS), model(TOKENS))


def test_weights_that_can_be_trained_and_sharded(model, tmp_path):
    model.save_pretrained(tmp_path, shard_size=1000)
    again = GPT2.from_pretrained(tmp_path, dropout=0.1)
    assert again.config.dropout == 0.1
    again.train().loss(TOKENS).backward()
    assert all(p.grad is not None and p.is_contiguous() for p in again.parameters())


def test_another_dtype(model, tmp_path):
    model.save_pretrained(tmp_path)
    assert {p.dtype for p in GPT2.from_pretrained(tmp_path, dtype=torch.float64).parameters()} == {torch.float64}
    model.bfloat16().save_pretrained(tmp_path)
    assert {p.dtype for p in GPT2.from_pretrained(tmp_path).parameters()} == {torch.bfloat16}


def test_parts_that_start_anew(model, tmp_path):
    model.save_pretrained(tmp_path)
    again = GPT2.from_pretrained(tmp_path, vocabulary=20, fresh=("tokens.weight",))
    assert again.tokens.weight.shape == (20, 16)
    assert torch.equal(again.blocks[1].mlp.fc1.weight, model.blocks[1].mlp.fc1.weight)


def test_all_that_does_not_fit_is_listed(model, tmp_path):
    from safetensors.torch import save_file

    model.save_pretrained(tmp_path)
    weights = read_weights(tmp_path)
    weights = {name: tensor.clone() for name, tensor in weights.items()}
    weights["extra"] = weights.pop("transformer.ln_f.bias")
    weights["transformer.wpe.weight"] = torch.zeros(9, 16)
    save_file(weights, tmp_path / "model.safetensors")
    with pytest.raises(CheckpointError) as caught:
        GPT2.from_pretrained(tmp_path)
    assert str(caught.value) == (
        "the weights do not fit the model, read as Hugging Face gpt2\n\n"
        "  1 missing:\n    transformer.ln_f.bias\n"
        "  1 unexpected:\n    extra\n"
        "  1 of another shape:\n    transformer.wpe.weight is (9, 16), not (8, 16)"
    )


def test_a_long_list_is_cut(model, tmp_path):
    model.save_pretrained(tmp_path, "wirework")
    with pytest.raises(CheckpointError) as caught:
        GPT2.from_pretrained(tmp_path, depth=3)
    assert "12 missing:" in str(caught.value)
    assert "... and 4 more" in str(caught.value)


def test_other_architectures(tmp_path):
    def said(config):
        (tmp_path / "config.json").write_text(json.dumps(config))
        torch.save({"a": torch.ones(1)}, tmp_path / "pytorch_model.bin")
        with pytest.raises(CheckpointError) as caught:
            GPT2.from_pretrained(tmp_path)
        return str(caught.value)

    reads = "it reads Hugging Face gpt2, wirework"
    assert said({"model_type": "mamba"}) == f"GPT2 does not read a checkpoint of model_type 'mamba': {reads}"
    assert said({"wirework": "ViT"}) == f"GPT2 does not read a checkpoint of wirework 'ViT': {reads}"
    assert said({}) == f"GPT2 does not read a checkpoint of an unnamed architecture: {reads}"
    assert said({"wirework": "GPT2", "size": 3}).startswith("the config.json is not one of GPT2: ")
    with pytest.raises(CheckpointError, match="no architecture of wirework reads a checkpoint of an unnamed"):
        (tmp_path / "config.json").write_text("{}")
        from_pretrained(str(tmp_path))


def test_a_format_that_is_not_there(model, tmp_path):
    with pytest.raises(CheckpointError) as caught:
        model.save_pretrained(tmp_path, "Hugging Face gpt")
    assert str(caught.value) == (
        "GPT2 has no format 'Hugging Face gpt' (did you mean Hugging Face gpt2?): choose from Hugging Face gpt2, wirework"
    )


def test_presets():
    with pytest.raises(SemanticError) as caught:
        GPT2.preset("smal")
    assert str(caught.value) == (
        "GPT2Config has no preset 'smal' (did you mean small?): choose from characters, small, medium, large, xl"
    )
    with pytest.raises(SemanticError, match=r"GPT2Config has no deph \(did you mean depth\?\)"):
        GPT2.preset("small", deph=3)
    with pytest.raises(SemanticError, match="dim=100 is not divisible by heads=12"):
        GPT2.preset("small", dim=100)


class TestHub:
    def test_a_repository_is_downloaded(self, model, tmp_path, monkeypatch):
        model.save_pretrained(tmp_path)
        asked = []

        def snapshot_download(name, revision, allow_patterns):
            asked.append((name, revision))
            return str(tmp_path)

        hub = types.SimpleNamespace(snapshot_download=snapshot_download)
        monkeypatch.setitem(sys.modules, "huggingface_hub", hub)
        monkeypatch.chdir(tmp_path)
        assert torch.equal(GPT2.from_pretrained("someone/gpt2", revision="v1")(TOKENS), model(TOKENS))
        assert asked == [("someone/gpt2", "v1")]

    def test_the_network_is_away(self, tmp_path, monkeypatch):
        def snapshot_download(*args, **kwargs):
            raise ConnectionError("no route\nto host")

        monkeypatch.setitem(sys.modules, "huggingface_hub", types.SimpleNamespace(snapshot_download=snapshot_download))
        monkeypatch.chdir(tmp_path)
        with pytest.raises(CheckpointError) as caught:
            find("someone/gpt2")
        assert str(caught.value) == (
            "there is no file or folder someone/gpt2, and it could not be downloaded from the Hugging Face hub\n\n"
            "  ConnectionError: no route"
        )

    def test_the_library_is_not_installed(self, tmp_path, monkeypatch):
        monkeypatch.setitem(sys.modules, "huggingface_hub", None)
        monkeypatch.chdir(tmp_path)
        with pytest.raises(CheckpointError, match="pip install 'wirework\\[io\\]'"):
            find("someone/gpt2")

    @pytest.mark.parametrize("name", ["./gpt2", "a/b/c", "/tmp/none", "-x y"])
    def test_what_cannot_be_a_repository(self, name):
        with pytest.raises(CheckpointError, match="there is no file or folder"):
            find(name)
