"""Models that know nothing of wirework: their contractions are those that torch's own counter sees where it can."""

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode

import torchvision_operators  # noqa: F401 (before transformers and timm are imported)
import wirework as ww

TINY = {"num_hidden_layers": 2, "hidden_size": 64, "num_attention_heads": 4, "intermediate_size": 96}


def transformers_model(name, config, **options):
    transformers = pytest.importorskip("transformers")
    return getattr(transformers, name)(getattr(transformers, config)(**options)).eval()


def gpt2(implementation):
    sizes = {"n_layer": 2, "n_embd": 64, "n_head": 4, "vocab_size": 100, "bos_token_id": 0, "eos_token_id": 0}
    return transformers_model(
        "GPT2LMHeadModel", "GPT2Config", **sizes, use_cache=False, attn_implementation=implementation
    )


def llama(implementation):
    sizes = {**TINY, "num_key_value_heads": 2, "vocab_size": 100, "use_cache": False}
    return transformers_model("LlamaForCausalLM", "LlamaConfig", **sizes, attn_implementation=implementation)


def bert(implementation):
    return transformers_model("BertModel", "BertConfig", **TINY, vocab_size=100, attn_implementation=implementation)


def timm_model(name):
    return pytest.importorskip("timm").create_model(name).eval()


def monai_unet(dimensions):
    nets = pytest.importorskip("monai").networks.nets
    features = (8, 8, 16, 32, 64, 8)
    return nets.BasicUNet(spatial_dims=dimensions, in_channels=1, out_channels=2, features=features).eval()


def counted(model, x):
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model(x)
    return counter.get_total_flops()


@pytest.mark.parametrize("make", [gpt2, llama, bert])
def test_transformers(make):
    tokens = torch.randint(100, (2, 12))
    explicit = make("eager")
    found = ww.trace(explicit, "b t: int64").cost(b=2, t=12)
    assert found.contraction == counted(explicit, tokens)
    assert found.parameters == sum(parameter.numel() for parameter in explicit.parameters())
    fused = make("sdpa")
    assert ww.trace(fused, "b t: int64").cost(b=2, t=12).contraction == found.contraction
    assert counted(fused, tokens) < int(found.contraction)  # torch does not look into the fused call


IMAGES = [
    (lambda: timm_model("resnet18"), (3, 64, 64)),
    (lambda: timm_model("resnetv2_50"), (3, 64, 64)),
    (lambda: timm_model("mixer_s32_224"), (3, 224, 224)),
    (lambda: timm_model("efficientnet_b0"), (3, 64, 64)),
    (lambda: timm_model("convnext_atto"), (3, 64, 64)),
    (lambda: monai_unet(2), (1, 32, 32)),
    (lambda: monai_unet(3), (1, 32, 32, 32)),
]


@pytest.mark.parametrize(
    ("make", "shape"),
    IMAGES,
    ids=["resnet18", "resnetv2_50", "mixer", "efficientnet", "convnext", "unet 2d", "unet 3d"],
)
def test_images(make, shape):
    model = make()
    axes = ("c", "d", "h", "w")[: len(shape)]
    found = ww.trace(model, f"b {' '.join(axes)}", **dict(zip(axes, shape, strict=True))).cost(b=2)
    assert found.contraction == counted(model, torch.randn(2, *shape))
    assert found.parameters == sum(parameter.numel() for parameter in model.parameters())
    assert found.unknown == ()


def test_fused_attention_of_timm():
    model, depth, d, tokens = timm_model("vit_tiny_patch16_224"), 12, 192, 197
    found = ww.trace(model, "b c h w", c=3, h=224, w=224).cost(b=1)
    assert found.contraction == counted(model, torch.randn(1, 3, 224, 224)) + depth * 4 * tokens**2 * d
