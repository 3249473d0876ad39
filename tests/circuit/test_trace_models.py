"""Tracing whole models: those of this project, and those of libraries that know nothing of it."""

import pytest

torch = pytest.importorskip("torch")
from torch import nn  # noqa: E402

import wirework as ww  # noqa: E402
import wirework.models as models  # noqa: E402
from circuit.test_trace_torch import assert_runs_like  # noqa: E402
from reference_libraries import monai, timm, transformers  # noqa: E402, F401


def ids(*shape):
    return torch.randint(0, 20, shape)


def bert():
    return models.BERT(models.BERTConfig(vocabulary=30, context=16, dim=16, depth=2, heads=4, mlp_dim=32))


# The model, its signatures, the shapes that it is run on, and the axes whose length stays open.
OURS = {
    "gpt2": (lambda: models.GPT2.preset("characters"), ["b t: int64"], [(2, 7)], "bt"),
    "llama": (lambda: models.Llama.preset("characters"), ["b t: int64"], [(2, 7)], "bt"),
    "bert": (bert, ["b t: int64"], [(2, 7)], "bt"),
    "vit": (lambda: models.ViT.preset("digits"), ["b c h w"], [(2, 1, 8, 8)], "b"),
    "swin": (lambda: models.Swin.preset("digits"), ["b c 8 8"], [(2, 1, 8, 8)], "b"),
    "mixer": (lambda: models.Mixer.preset("digits"), ["b c 8 8"], [(2, 1, 8, 8)], "b"),
    "resnet": (lambda: models.ResNet.preset("fashion"), ["b c h w"], [(2, 1, 28, 28)], "bhw"),
    "mlp": (lambda: models.DigitMLP.preset("digits"), ["b c h w"], [(2, 1, 8, 8)], "b"),
    "unet": (lambda: models.UNet(models.UNetConfig()), ["b c h w"], [(1, 1, 32, 48)], "bhw"),
    "attention": (
        lambda: models.MultiHeadAttention(models.MultiHeadAttentionConfig()),
        ["b t c", "b s c"],
        [(2, 5, 128), (2, 6, 128)],
        "bts",
    ),
    "visual attention": (
        lambda: models.VisualAttention(models.VisualAttentionConfig(channels=16)), ["b c h w"], [(2, 16, 6, 8)], "bhw",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", OURS)
def test_each_architecture_traces_and_runs(name):
    make, signatures, shapes, free = OURS[name]
    torch.manual_seed(0)
    model = make().eval()
    circuit = ww.trace(model, *signatures)
    assert {name for size in circuit.axes.values() for name in size.names} == set(free)
    assert not [node for node in circuit.nodes if node.kind == "opaque"]
    assert sum(circuit.elements(value).constant for value in circuit.parameters) == sum(
        parameter.numel() for parameter in model.parameters()
    )
    arrays = [ids(*shape) if "int64" in signatures[0] else torch.randn(shape) for shape in shapes]
    assert_runs_like(model, circuit, *arrays, parameters=model)


def test_a_vision_transformer_in_named_axes():
    circuit = ww.trace(models.ViT.preset("digits").eval(), "b c 8 8")
    found = [f"{node.kind}: {node.expression}" for node in circuit.nodes if node.block[:2] == ("blocks", "1")]
    assert [each.partition(":")[0] for each in found] == [
        "normalise", "multiply", "add", "dot", "rearrange", "attention", "dot", "add",
        "normalise", "multiply", "add", "dot", "gelu", "dot", "add",
    ]  # fmt: skip
    blocks = [[n.expression for n in circuit.nodes if n.block[:2] == ("blocks", number)] for number in "0123"]
    assert blocks[0] == blocks[1] == blocks[2] == blocks[3]


def test_a_u_net_in_named_axes():
    circuit = ww.trace(models.UNet(models.UNetConfig(widths=(8, 16, 32))).eval(), "b c h w")
    lengths = [str(circuit.shape(node.outputs[0])[2]) for node in circuit.nodes if node.kind == "conv"]
    assert lengths == ["h"] * 2 + ["h//2"] * 2 + ["h//4"] * 2 + ["h//2"] * 3 + ["h"] * 4
    assert [node.block for node in circuit.nodes if "+" in node.expression]


def test_very_large_models_trace_without_memory():
    with torch.device("meta"):
        model = models.Llama.preset("llama3_1_405b", depth=8).eval()
    circuit = ww.trace(model, "b t: int64")
    assert {name for size in circuit.axes.values() for name in size.names} == {"b", "t"}
    assert sum(circuit.elements(value).constant for value in circuit.parameters) == sum(
        parameter.numel() for parameter in model.parameters()
    )


# -- of other libraries ------------------------------------------------------------------------------------------------


def test_transformers(transformers):  # noqa: F811
    small = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 2, "num_attention_heads": 4}
    llama = transformers.LlamaConfig(vocab_size=30, num_key_value_heads=2, max_position_embeddings=64, **small)
    found = {
        "llama": (transformers.LlamaForCausalLM(llama), "b t: int64", (2, 7), {"use_cache": False}),
        "bert": (transformers.BertModel(transformers.BertConfig(vocab_size=30, **small)), "b t: int64", (2, 7), {}),
        "vit": (
            transformers.ViTModel(transformers.ViTConfig(image_size=16, patch_size=4, **small)),
            "b c h w", (2, 3, 16, 16), {},
        ),
        "swin": (
            transformers.SwinModel(transformers.SwinConfig(
                embed_dim=16, depths=[2, 2], num_heads=[2, 4], window_size=4, image_size=32, patch_size=2,
            )),
            "b c h w", (2, 3, 32, 32), {},
        ),
    }  # fmt: skip
    for model, signature, shape, options in found.values():
        model.eval()

        def function(x, model=model, options=options):
            return model(x, **options)

        array = ids(*shape) if "int64" in signature else torch.randn(shape)
        assert_runs_like(function, ww.trace(function, signature), array, parameters=model)


def test_gpt2_of_transformers(transformers):  # noqa: F811
    config = transformers.GPT2Config(
        vocab_size=30, n_positions=32, n_embd=16, n_layer=2, n_head=4, bos_token_id=1, eos_token_id=1
    )
    model = transformers.GPT2LMHeadModel(config).eval()

    def logits(x):
        return model(x, use_cache=False).logits

    circuit = ww.trace(logits, "b t: int64")
    assert sum(node.kind == "attention" for node in circuit.nodes) == 2
    assert [str(size) for size in circuit.shape(circuit.outputs[0])] == ["b", "t", "30"]
    assert sum(circuit.elements(value).constant for value in circuit.parameters) == sum(
        parameter.numel() for parameter in model.parameters()
    )
    assert_runs_like(logits, circuit, ids(2, 7), parameters=model)


def test_timm(timm):  # noqa: F811
    for name, options, side in (
        ("vit_tiny_patch16_224", {"img_size": 32, "depth": 2}, 32),
        ("mixer_s32_224", {"img_size": 64}, 64),
        ("resnetv2_50", {}, 64),
        ("swin_tiny_patch4_window7_224", {"img_size": 56, "depths": (2, 2), "num_heads": (3, 6)}, 56),
    ):
        model = timm.create_model(name, num_classes=7, **options).eval()
        circuit = ww.trace(model, "b c h w")
        assert not [node for node in circuit.nodes if node.kind == "opaque"]
        assert_runs_like(model, circuit, torch.randn(1, 3, side, side), parameters=model)


@pytest.mark.parametrize("dims", [2, 3])
def test_monai(monai, dims):  # noqa: F811
    from monai.networks.nets import BasicUNet

    model = BasicUNet(spatial_dims=dims, in_channels=1, out_channels=2, features=(8, 8, 16, 16, 32, 8)).eval()
    circuit = ww.trace(model, "b c h w" if dims == 2 else "b c d h w")
    assert not [node for node in circuit.nodes if node.kind == "opaque"]
    sides = [str(size) for size in circuit.shape(circuit.outputs[0])][2:]
    assert sides == ["h", "w"] if dims == 2 else ["d", "h", "w"]
    assert_runs_like(model, circuit, torch.randn(1, 1, *[32] * dims), parameters=model)


def test_code_in_the_style_of_torchvision():
    class Block(nn.Module):
        def __init__(self, into, out, stride):
            super().__init__()
            self.conv1, self.bn1 = nn.Conv2d(into, out, 3, stride, 1, bias=False), nn.BatchNorm2d(out)
            self.conv2, self.bn2 = nn.Conv2d(out, out, 3, 1, 1, bias=False), nn.BatchNorm2d(out)
            self.relu = nn.ReLU(inplace=True)
            self.downsample = nn.Conv2d(into, out, 1, stride, bias=False) if stride > 1 else nn.Identity()

        def forward(self, x):
            out = self.relu(self.bn1(self.conv1(x)))
            out = self.bn2(self.conv2(out))
            out += self.downsample(x)
            return self.relu(out)

    stem = [nn.Conv2d(3, 8, 7, 2, 3, bias=False), nn.BatchNorm2d(8), nn.ReLU(inplace=True), nn.MaxPool2d(3, 2, 1)]
    head = [nn.AdaptiveAvgPool2d((1, 1)), nn.Flatten(), nn.Linear(16, 5)]
    model = nn.Sequential(*stem, Block(8, 8, 1), Block(8, 16, 2), *head).eval()
    circuit = ww.trace(model, "b c h w")
    assert str(circuit.shape(circuit.nodes[-2].inputs[0])[1]) == "16"
    assert_runs_like(model, circuit, torch.randn(2, 3, 32, 40), parameters=model)
