"""What is traced from a model is run, fused, folded, written and read as a whole."""

import numpy as np
import pytest

import wirework as ww
from wirework.circuit import Circuit
from wirework.circuit.folding import Block, Repeat

torch = pytest.importorskip("torch")
from torch import nn  # noqa: E402

from wirework.models import (  # noqa: E402
    BERT,
    GPT2,
    BERTConfig,
    GPT2Config,
    Llama,
    LlamaConfig,
    Mixer,
    MixerConfig,
    ResidualUNet,
    ResidualUNetConfig,
    ResNet,
    ResNetConfig,
    Swin,
    SwinConfig,
    UNet,
    UNetConfig,
    ViT,
    ViTConfig,
)


class WrittenOut(nn.Module):
    """Attention as a person writes it: causal, with heads."""

    def __init__(self, dim=16, heads=4):
        super().__init__()
        self.heads = heads
        self.qkv, self.out = nn.Linear(dim, 3 * dim), nn.Linear(dim, dim)

    def forward(self, x):
        b, t, c = x.shape
        q, k, v = self.qkv(x).view(b, t, 3, self.heads, c // self.heads).permute(2, 0, 3, 1, 4)
        scores = q @ k.transpose(-2, -1) * (c // self.heads) ** -0.5
        seen = torch.ones(t, t, dtype=torch.bool).tril()
        weights = scores.masked_fill(~seen, float("-inf")).softmax(-1)
        return self.out((weights @ v).transpose(1, 2).reshape(b, t, c))


def tokens():
    return torch.randint(0, 50, (2, 7), generator=torch.Generator().manual_seed(0))


def image(channels=3):
    return torch.randn(2, channels, 32, 32, generator=torch.Generator().manual_seed(0))


def sequence():
    return torch.randn(2, 7, 16, generator=torch.Generator().manual_seed(0))


TEXT, PICTURE = "b t: int64", "b c h w"
MODELS = {
    "attention": (WrittenOut, "b t c", sequence),
    "transformer block": (lambda: nn.TransformerEncoderLayer(16, 4, 32, batch_first=True), "b t c", sequence),
    "GPT-2": (lambda: GPT2(GPT2Config(50, 16, 16, 3, 2, 32)), TEXT, tokens),
    "BERT": (lambda: BERT(BERTConfig(50, 16, dim=16, depth=3, heads=2, mlp_dim=32)), TEXT, tokens),
    "Llama": (lambda: Llama(LlamaConfig(50, 16, 16, 3, 4, 32, kv_heads=2)), TEXT, tokens),
    "ViT": (lambda: ViT(ViTConfig(32, 8, 3, 5, 16, 3, 2, 32)), PICTURE, image),
}


@pytest.fixture(scope="module", params=MODELS)
def traced(request):
    """A model, what is traced from it, and arrays of other lengths than it was traced with."""
    make, signature, given = MODELS[request.param]
    torch.manual_seed(0)
    model = make().eval()
    return request.param, model, ww.trace(model, signature), given()


def close(found, wanted):
    torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-5)


def outline(part):
    """The blocks of a tree in few words."""
    inside = " ".join(filter(None, (outline(each) for each in getattr(part, "parts", ()))))
    if isinstance(part, Repeat):
        return f"{part.count}*({inside})"
    return f"{part.path[-1] if part.path else ''}[{inside}]" if isinstance(part, Block) else ""


def test_runs_like_the_model(traced):
    _, model, circuit, x = traced
    with torch.no_grad():
        close(circuit.run(x, parameters=model), model(x))


def test_gradients_are_those_of_the_model(traced):
    _, model, circuit, x = traced
    grads = []
    for run in (model, lambda x: circuit.run(x, parameters=model)):
        model.zero_grad()
        run(x).square().mean().backward()
        grads.append({name: weight.grad for name, weight in model.named_parameters() if weight.grad is not None})
    assert grads[0].keys() == grads[1].keys()
    for name, wanted in grads[0].items():
        torch.testing.assert_close(grads[1][name], wanted, rtol=1e-3, atol=1e-5, msg=name)


def test_runs_on_numpy_and_jax(traced):
    _, model, circuit, x = traced
    jnp = pytest.importorskip("jax.numpy")
    weights = {name: tensor.detach().numpy() for name, tensor in (*model.named_parameters(), *model.named_buffers())}
    weights = {value.name: weights[value.name] for value in (*circuit.parameters, *circuit.buffers)}
    with torch.no_grad():
        wanted = model(x).numpy()
    np.testing.assert_allclose(circuit.run(x.numpy(), parameters=weights), wanted, rtol=1e-5, atol=1e-5)
    on_jax = {name: jnp.asarray(array) for name, array in weights.items()}
    found = circuit.run(jnp.asarray(x.numpy()), parameters=on_jax)
    np.testing.assert_allclose(np.asarray(found), wanted, rtol=1e-5, atol=1e-5)


def test_fused_it_is_the_same(traced):
    _, model, circuit, x = traced
    fused = circuit.fuse()
    assert not any(node.kind == "softmax" for node in fused.nodes)
    assert any(node.kind == "attention" for node in fused.nodes)
    with torch.no_grad():
        close(fused.run(x, parameters=model), model(x))
    assert fused.fuse() is fused


def test_comes_back_from_json(traced):
    _, model, circuit, x = traced
    found = Circuit.from_json(circuit.to_json())
    assert found == circuit and found.same_as(circuit, names=False)
    with torch.no_grad():
        close(found.run(x, parameters=model), model(x))


def test_is_the_same_whenever_it_is_traced(traced):
    name, model, circuit, _ = traced
    again = ww.trace(model, MODELS[name][1])
    assert circuit.differences(again) == []
    assert str(circuit) == str(again) and circuit.table() == again.table()


def test_causal_attention_is_recognised():
    circuit = ww.trace(WrittenOut(), "b t c")
    (node,) = [node for node in circuit.fuse().nodes if node.kind == "attention"]
    assert dict(node.options) == {"scale": 0.5, "causal": True}


@pytest.mark.parametrize(
    ("name", "start"), [("GPT-2", "3*(0[norm1["), ("BERT", "3*(0["), ("Llama", "3*(0["), ("ViT", "3*(0[")]
)
def test_layers_are_folded(name, start):
    make, signature, _ = MODELS[name]
    assert start in outline(ww.trace(make(), signature).tree())


def test_runs_under_torch_compile():
    make, signature, given = MODELS["GPT-2"]
    model = make().eval()
    circuit = ww.trace(model, signature).fuse()
    weights = dict(model.named_parameters())
    compiled = torch.compile(lambda x: circuit.run(x, parameters=weights), fullgraph=True, backend="eager")
    with torch.no_grad():
        close(compiled(given()), model(given()))


# -- pictures ------------------------------------------------------------------------------------------------------

PICTURES = {
    "ResNet": lambda: ResNet(ResNetConfig(classes=5)),
    "U-Net": lambda: UNet(UNetConfig(channels=3)),
    "residual U-Net": lambda: ResidualUNet(ResidualUNetConfig(channels=3)),
    "Mixer": lambda: Mixer(MixerConfig(image_size=32, patch_size=8, classes=5, dim=16, depth=3, token_mlp_dim=8, feature_mlp_dim=32)),
    "Swin": lambda: Swin(SwinConfig(image_size=32, classes=5)),
}  # fmt: skip


@pytest.mark.parametrize("name", PICTURES)
def test_models_of_pictures_run(name):
    torch.manual_seed(0)
    model = PICTURES[name]().eval()
    circuit = ww.trace(model, "b c h w", c=3, h=32, w=32)
    with torch.no_grad():
        wanted, found = model(image()), circuit.run(image(), parameters=model)
        torch.testing.assert_close(found, wanted, rtol=1e-5, atol=1e-5)
        torch.testing.assert_close(circuit.fuse().run(image(), parameters=model), wanted, rtol=1e-5, atol=1e-5)
    assert Circuit.from_json(circuit.to_json()) == circuit
