"""RMS norm as language models have it, against Hugging Face: to the last bit, in half precision too."""

import copy
import importlib
import pickle

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import wirework.nn.torch as wn
from wirework.errors import SemanticError

FAMILIES = {"gemma": "1 + w", "llama": "w after cast", "qwen3": "w after cast"}
CLOSE = {
    torch.float32: {"rtol": 1e-5, "atol": 1e-6},
    torch.float64: {"rtol": 1e-5, "atol": 1e-6},  # Hugging Face computes in float32
    torch.bfloat16: {"rtol": 0.0, "atol": 0.0},
}


def hugging_face(family, size):
    """The norm of a family of models, with random weights."""
    module = importlib.import_module(f"transformers.models.{family}.modeling_{family}")
    norm = getattr(module, f"{family.capitalize()}RMSNorm")(size)
    torch.nn.init.uniform_(norm.weight, -0.5, 1.5)
    return norm


@pytest.mark.parametrize("family", FAMILIES)
@given(data=st.data())
@settings(max_examples=40)
def test_equals_hugging_face(transformers, family, data):
    torch.manual_seed(data.draw(st.integers(0, 999)))
    shape, dtype = data.draw(st.lists(st.integers(1, 40), min_size=1, max_size=3)), data.draw(st.sampled_from([*CLOSE]))
    theirs = hugging_face(family, shape[-1]).to(dtype)
    ours = wn.Norm("... [c]", mean=False, bias=False, epsilon=1e-6, scale=FAMILIES[family])
    ours.load_state_dict(theirs.state_dict())
    ours.to(dtype)
    if data.draw(st.booleans(), label="by the definition"):
        ours.form = None
    inputs = [(torch.randn(shape) * 3).to(dtype)] * 2
    mine, other = (x.clone().requires_grad_() for x in inputs)
    y, expected = ours(mine), theirs(other)
    assert y.dtype == expected.dtype
    torch.testing.assert_close(y, expected, **CLOSE[dtype])
    weights = torch.randn_like(y)
    y.backward(weights)
    expected.backward(weights)
    close = {"rtol": 0.02, "atol": 0.02} if dtype == torch.bfloat16 else {"rtol": 1e-3, "atol": 1e-4}
    torch.testing.assert_close(mine.grad, other.grad, **close)
    torch.testing.assert_close(ours.weight.grad, theirs.weight.grad, **close)


def test_the_weight_of_gemma_starts_at_zero():
    norm = wn.Norm("... [c]", mean=False, bias=False, scale="1 + w")
    x = torch.randn(3, 8)
    torch.testing.assert_close(norm(x), torch.nn.functional.rms_norm(x, (8,), eps=1e-5))
    assert torch.equal(norm.weight, torch.zeros(8))
    torch.nn.init.ones_(norm.weight)
    norm.reset_parameters()
    assert torch.equal(norm.weight, torch.zeros(8))
    assert repr(norm) == 'Norm("... [c]", "b... [c]", mean=False, scale=\'1 + w\', bias=False, epsilon=1e-05)'


@pytest.mark.parametrize("scale", ["1 + w", "w after cast"])
def test_forms_of_the_scale_in_other_norms(scale):
    x = torch.randn(3, 4, 8)
    plus = 1 if scale == "1 + w" else 0
    layer = wn.Norm("... [c]", scale=scale, c=8)
    torch.nn.init.normal_(layer.weight)
    torch.testing.assert_close(layer(x), torch.nn.functional.layer_norm(x, (8,), layer.weight + plus, layer.bias))
    batch = wn.Norm("[b...] c", scale=scale, bias=False, c=8)
    torch.nn.init.normal_(batch.weight)
    flat = torch.nn.functional.batch_norm(x.flatten(0, 1), None, None, batch.weight + plus, training=True)
    torch.testing.assert_close(batch(x), flat.unflatten(0, (3, 4)))


@pytest.mark.parametrize("scale", ["1 + w", "w after cast"])
def test_compiled_copied_and_in_autocast(scale):
    norm = wn.Norm("... [c]", mean=False, bias=False, scale=scale, c=8)
    torch.nn.init.normal_(norm.weight)
    x = torch.randn(3, 8)
    for twin in (torch.compile(norm, fullgraph=True, backend="eager"), copy.deepcopy(norm)):
        assert torch.equal(twin(x), norm(x))
    assert torch.equal(pickle.loads(pickle.dumps(norm))(x), norm(x))
    with torch.autocast("cpu", torch.bfloat16):
        assert norm(x.bfloat16()).dtype == torch.bfloat16
    assert norm(x.bfloat16()).dtype == torch.bfloat16, "a module in float32 keeps the dtype of its input"


def test_other_scales():
    with pytest.raises(SemanticError) as raised:
        wn.Norm("... [c]", scale="w + 1")
    assert str(raised.value) == 'scale of Norm is True, False, "1 + w" or "w after cast", not \'w + 1\''
