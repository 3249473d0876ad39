"""Files of weights: every layout that is read, and what is said of those that cannot be."""

import json

import pytest
import torch
from safetensors.torch import save_file

from wirework.checkpoint import read_config, read_weights, write_weights
from wirework.errors import CheckpointError

WEIGHTS = {"a.weight": torch.arange(6.0).reshape(2, 3), "b": torch.ones(4, dtype=torch.bfloat16), "c": torch.tensor(3)}


def same(found):
    assert found.keys() == WEIGHTS.keys()
    for name, tensor in WEIGHTS.items():
        assert found[name].dtype == tensor.dtype and torch.equal(found[name], tensor)


def said(path):
    with pytest.raises(CheckpointError) as caught:
        read_weights(path)
    return str(caught.value).replace(str(path), "PATH").replace(str(path.parent), "FOLDER")


def test_one_safetensors_file(tmp_path):
    write_weights(tmp_path, WEIGHTS)
    assert [path.name for path in tmp_path.iterdir()] == ["model.safetensors"]
    same(read_weights(tmp_path))
    same(read_weights(tmp_path / "model.safetensors"))


def test_several_with_an_index(tmp_path):
    write_weights(tmp_path, WEIGHTS, shard_size=24)
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == [
        "model-00001-of-00002.safetensors",
        "model-00002-of-00002.safetensors",
        "model.safetensors.index.json",
    ]
    same(read_weights(tmp_path))


def test_an_earlier_save_leaves_nothing_behind(tmp_path):
    write_weights(tmp_path, {name: tensor + 1 for name, tensor in WEIGHTS.items()}, shard_size=24)
    write_weights(tmp_path, WEIGHTS)
    assert [path.name for path in tmp_path.iterdir()] == ["model.safetensors"]
    write_weights(tmp_path, WEIGHTS, shard_size=24)
    assert not (tmp_path / "model.safetensors").exists()
    same(read_weights(tmp_path))


@pytest.mark.parametrize("wrapped", [None, "state_dict", "model"])
@pytest.mark.parametrize("zipped", [True, False])
def test_pickled(tmp_path, wrapped, zipped):
    content = WEIGHTS if wrapped is None else {wrapped: WEIGHTS, "epoch": 3}
    torch.save(content, tmp_path / "pytorch_model.bin", _use_new_zipfile_serialization=zipped)
    same(read_weights(tmp_path))


def test_nothing_is_run_that_a_pickle_asks_for(tmp_path):
    class Harm:
        def __reduce__(self):
            return exec, (f"open({str(tmp_path / 'harm')!r}, 'w')",)

    torch.save({"a": Harm()}, tmp_path / "pytorch_model.bin")
    with pytest.raises(CheckpointError, match="cannot be read"):
        read_weights(tmp_path)
    assert not (tmp_path / "harm").exists()


def test_mistakes(tmp_path):
    assert said(tmp_path / "nowhere") == "there is no file or folder PATH"
    assert said(tmp_path).startswith("there are no weights in PATH: neither model.safetensors nor pytorch_model.bin")
    (tmp_path / "x.txt").write_text("?")
    assert said(tmp_path / "x.txt").startswith("PATH is not a file of weights")
    (tmp_path / "x.safetensors").write_bytes(b"damaged")
    assert said(tmp_path / "x.safetensors").startswith("PATH cannot be read")
    torch.save([1, 2], tmp_path / "x.pt")
    assert said(tmp_path / "x.pt") == "PATH holds no table of tensors"


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ({"a": "../secret.safetensors"}, "names a file that is not beside it: ../secret.safetensors"),
        ({"a": "model-00001-of-00001.safetensors"}, "names files that are not there"),
        ({"a": 3}, "has no weight_map from names to files"),
    ],
)
def test_a_wrong_index(tmp_path, table, message):
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps({"weight_map": table}))
    assert message in said(tmp_path)


def test_a_config(tmp_path):
    with pytest.raises(CheckpointError, match=r"there is no config.json in"):
        read_config(tmp_path)
    (tmp_path / "config.json").write_text("{")
    with pytest.raises(CheckpointError, match="cannot be read as JSON"):
        read_config(tmp_path)
    (tmp_path / "config.json").write_text("[1]")
    with pytest.raises(CheckpointError, match="holds no JSON object"):
        read_config(tmp_path)


def test_a_file_cut_off_at_any_place_is_one_error(tmp_path):
    save_file(WEIGHTS, tmp_path / "whole.safetensors")
    whole = (tmp_path / "whole.safetensors").read_bytes()
    for length in range(0, len(whole), 7):
        (tmp_path / "cut.safetensors").write_bytes(whole[:length])
        with pytest.raises(CheckpointError):
            read_weights(tmp_path / "cut.safetensors")
