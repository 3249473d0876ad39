"""Pictures of whole models: every wire is accounted for at every depth, and what is drawn is what one would draw."""

import pytest

from diagram.checking import check
from wirework.diagram.picture import plain
from wirework.diagram.reading import picture

torch = pytest.importorskip("torch")

import wirework as ww  # noqa: E402
from wirework.cli.circuits import architecture  # noqa: E402
from wirework.models.catalogue import CATALOGUE  # noqa: E402


def traced(name):
    model, signature, known = architecture(name, None, {}, {})
    return ww.trace(model, signature, **known)


def items(panel):
    return [each for item in panel.items for each in (item, *(items(item.panel) if item.panel else ()))]


@pytest.mark.parametrize("name", CATALOGUE)
def test_every_architecture_at_every_depth(name):
    circuit = traced(name)
    for depth in (None, 0, 1, 2, 3, 9):
        for open_attention in (False, True):
            check(picture(circuit, depth=depth, open_attention=open_attention), circuit)


def test_gpt2_is_a_block_twelve_times():
    drawn = picture(traced("gpt2"), depth=9)
    block = next(item for item in drawn.panel.items if item.kind == "block")
    assert (block.count, plain(block.text)) == (12, "Block")
    assert [item.kind for item in block.panel.items] == ["copy", "norm", "block", "sum", "copy", "norm", "block", "sum"]
    attention = next(item for item in block.panel.items if item.kind == "block")
    assert [plain(item.text) for item in attention.panel.items if item.kind == "linear"] == ["Q", "K", "V", "O"]
    core = next(item for item in attention.panel.items if item.kind == "block")
    assert [item.kind for item in core.panel.items] == ["dot", "mask", "softmax", "dot"]


def test_rotary_positions_and_rms_norms_are_one_item_each():
    drawn = items(picture(traced("llama"), depth=9).panel)
    assert [plain(item.text) for item in drawn if item.kind == "function"] == ["R_θ", "R_θ"]
    assert {plain(item.note) for item in drawn if item.kind == "norm"} == {"rms"}


def test_a_transformer_layer_of_torch():
    with torch.device("meta"):
        layer = torch.nn.TransformerEncoderLayer(64, 4, batch_first=True).eval()
    circuit = ww.trace(layer, "b t d", d=64)
    drawn = picture(circuit, depth=9)
    check(drawn, circuit)
    assert [plain(item.text) for item in items(drawn.panel) if item.kind == "linear"] == ["Q", "K", "V", "O", "", ""]


def test_attention_written_out_with_a_mask():
    def attend(q, k, v):
        scores = (q @ k.transpose(-1, -2)) / k.shape[-1] ** 0.5
        seen = torch.ones(scores.shape[-2:], dtype=torch.bool).tril()
        return torch.softmax(scores.masked_fill(~seen, float("-inf")), -1) @ v

    circuit = ww.trace(attend, "b t k", "b t k", "b t k", k=64)
    drawn = picture(circuit)
    check(drawn, circuit)
    assert [item.kind for item in drawn.panel.items] == ["dot", "mask", "softmax", "dot"]
    assert plain(drawn.panel.items[0].note) == "∗ k^−1/2"
