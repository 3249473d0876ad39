"""Time wirework's architectures beside those of Hugging Face, timm and plain torch: one process, one table.

Words choose the rows whose names have one of them: `models.py gpt u-net`. `--only eager` compiles nothing;
`--json FILE` also writes every figure to a file. Weights go from the peer to ours through files that the peer saves.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

os.environ["KINETO_LOG_LEVEL"] = "99"  # the profiler, which counts memory, would print two lines for each run
sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
sys.path.insert(0, str(Path(__file__).parents[1] / "src"))

import torch
from torch import Tensor, nn

import layer_report
import torchvision_operators  # noqa: F401 (before contests import transformers and timm)
from layer_timing import calls_of, compare, compile_module, forward, forward_and_backward, memory, recorded
from timing import figure, in_turns
from wirework.models import BERT, GPT2, Llama, Mixer, ResidualUNet, ResNet, Swin, UNet, ViT
from wirework.models.model import Model

SECONDS = 0.3  # that a contestant runs for in one round
CLOSE = 1e-4


@dataclass
class Contest:
    """One architecture at one size: modules of the same inputs and weights, the first of them wirework's."""

    modules: dict[str, nn.Module]
    inputs: tuple[Tensor, ...]

    def inputs_of(self, name: str) -> tuple[Tensor, ...]:
        return self.inputs


class Logits(nn.Module):
    """A model of Hugging Face as one that returns a tensor."""

    def __init__(self, model: nn.Module, field: str = "logits") -> None:
        super().__init__()
        self.model, self.field = model, field

    def forward(self, x: Tensor) -> Tensor:
        return self.model(x)[self.field]


def hugging_face(kind: str, config: Any, ours: type[Model], field: str = "logits") -> dict[str, nn.Module]:
    """A model of transformers with its fused attention, and ours with its weights."""
    import transformers

    transformers.utils.logging.disable_progress_bar()
    peer = getattr(transformers, kind)._from_config(config, attn_implementation="sdpa").eval()
    with tempfile.TemporaryDirectory() as folder:
        peer.save_pretrained(folder)
        return {"wirework": ours.from_pretrained(folder), "Hugging Face": Logits(peer, field)}


def of_timm(name: str, ours: Model) -> dict[str, nn.Module]:
    """A model of timm, and ours with its weights."""
    import timm
    from safetensors.torch import save_file

    peer = timm.create_model(name, pretrained=False).eval()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "model.safetensors"
        save_file(peer.state_dict(), path)
        return {"wirework": type(ours).from_pretrained(path, ours.config), "timm": peer}


def of_monai() -> dict[str, nn.Module]:
    """The UNet of monai's tutorials in two dimensions, and ours with its weights."""
    import monai

    sizes = {"spatial_dims": 2, "in_channels": 1, "out_channels": 2, "num_res_units": 2}
    levels = {"channels": [16, 32, 64, 128, 256], "strides": [2, 2, 2, 2], "norm": "BATCH"}
    peer = monai.networks.nets.UNet(**sizes, **levels).eval()
    with tempfile.TemporaryDirectory() as folder:
        torch.save(peer.state_dict(), Path(folder) / "pytorch_model.bin")
        (Path(folder) / "config.json").write_text(json.dumps({"_target_": "UNet", **sizes, **levels}))
        return {"wirework": ResidualUNet.from_pretrained(folder), "monai": peer}


def by_hand(ours: Model, peer: nn.Module) -> dict[str, nn.Module]:
    """Plain torch with the weights of ours, in the order in which both have them."""
    with torch.no_grad():
        for mine, other in zip(ours.parameters(), peer.parameters(), strict=True):
            other.copy_(mine.reshape(other.shape))
    return {"wirework": ours.eval(), "plain torch": peer.eval()}


def contests() -> Iterator[tuple[str, Callable[[], Contest]]]:
    """Every contest by name; making one draws its weights."""
    import transformers as hf

    def tokens(b: int, t: int, v: int = 30000) -> Tensor:
        return torch.randint(0, v, (b, t))

    def images(b: int, c: int, side: int) -> Tensor:
        return torch.randn(b, c, side, side)

    small_llama = {
        "hidden_size": 768, "num_hidden_layers": 12, "num_attention_heads": 12, "num_key_value_heads": 4,
        "intermediate_size": 2048, "vocab_size": 32000,
    }  # fmt: skip
    vit = {"image_size": 224, "patch_size": 16, "num_labels": 1000}
    makers = {
        "GPT-2 124M, 1x256": lambda: Contest(hugging_face("GPT2LMHeadModel", hf.GPT2Config(), GPT2), (tokens(1, 256),)),
        "Llama 124M, 1x256": lambda: Contest(
            hugging_face("LlamaForCausalLM", hf.LlamaConfig(**small_llama), Llama), (tokens(1, 256),)
        ),
        "BERT-base, 1x128": lambda: Contest(hugging_face("BertForMaskedLM", hf.BertConfig(), BERT), (tokens(1, 128),)),
        "ViT-B/16, 1x3x224x224": lambda: Contest(
            hugging_face("ViTForImageClassification", hf.ViTConfig(**vit), ViT), (images(1, 3, 224),)
        ),
        "Swin-T, 1x3x224x224": lambda: Contest(
            of_timm("swin_tiny_patch4_window7_224", Swin.preset("tiny", padding="last")), (images(1, 3, 224),)
        ),
        "Mixer-B/16, 1x3x224x224": lambda: Contest(of_timm("mixer_b16_224", Mixer.preset("b16")), (images(1, 3, 224),)),
        "ResNet-v2 50, 1x3x224x224": lambda: Contest(
            of_timm("resnetv2_50", ResNet.preset("resnetv2_50")), (images(1, 3, 224),)
        ),
        "ResNet, 32x3x32x32": lambda: Contest(plain_resnet(), (images(32, 3, 32),)),
        "U-Net, 1x1x256x256": lambda: Contest(plain_unet(), (images(1, 1, 256),)),
        "residual U-Net, 1x1x256x256": lambda: Contest(of_monai(), (images(1, 1, 256),)),
    }
    yield from makers.items()


def plain_resnet() -> dict[str, nn.Module]:
    """The identity ResNet of the tests."""
    from models.test_resnet import Plain

    ours = ResNet.preset("cifar")
    return by_hand(ours, Plain(ours.config))


def plain_unet() -> dict[str, nn.Module]:
    """The U-Net of the tests."""
    from models.test_unet import Plain

    ours = UNet.preset("original")
    return by_hand(ours, Plain(2, 1, 2, ours.config.widths))


# -- measuring --------------------------------------------------------------------------------------------------


def measure(contest: Contest, rounds: int, eager: bool, compiled: bool) -> dict[str, Any]:
    """Every figure of one contest."""
    check_equal(contest)
    found: dict[str, Any] = {}
    if eager:
        found["forward"] = compare(calls_of(contest, contest.modules, forward), rounds, SECONDS)
        found["both"] = compare(calls_of(contest, contest.modules, forward_and_backward), rounds, SECONDS)
        found["memory"] = memory(contest)
    if compiled:
        torch._dynamo.reset()
        modules = {name: compile_module(module) for name, module in contest.modules.items()}
        found["compiled both"] = compare(calls_of(contest, modules, forward_and_backward), rounds, SECONDS)
        found["compiled forward"] = compare(calls_of(contest, modules, recorded), rounds, SECONDS)
    return found


@torch.no_grad()
def check_equal(contest: Contest) -> None:
    """Refuse to time what does not compute the same."""
    ours, *peers = [module(*contest.inputs) for module in contest.modules.values()]
    for other in peers:
        torch.testing.assert_close(ours, other, rtol=CLOSE, atol=CLOSE * float(other.abs().max()))


def decoding(rounds: int, count: int = 64) -> dict[str, Any]:
    """Seconds for GPT-2 to write so many tokens after 16, greedily and with a cache."""
    import transformers as hf

    models = hugging_face("GPT2LMHeadModel", hf.GPT2Config(), GPT2)
    prompt = torch.randint(0, 30000, (1, 16))
    peer = models["Hugging Face"].model
    options = {"max_new_tokens": count, "do_sample": False, "eos_token_id": None, "pad_token_id": 0}
    calls = {
        "wirework": lambda: torch.stack(list(models["wirework"].generate(prompt, count)), 1),
        "Hugging Face": lambda: peer.generate(prompt, attention_mask=torch.ones_like(prompt), **options)[:, 16:],
    }
    assert torch.equal(*(call() for call in calls.values()))
    samples = in_turns(calls, rounds, SECONDS)
    ratio = figure([a / b for a, b in zip(samples["wirework"], samples["Hugging Face"], strict=True)])
    peer_ms = 1000 * median(samples["Hugging Face"]) / count
    return {"ratio": ratio.median, "spread": ratio.spread, "ms": peer_ms}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("words", nargs="*", help="rows to time: those whose names have one of these words")
    parser.add_argument("--only", choices=("eager", "compiled"), help="one of the two")
    parser.add_argument("--rounds", type=int, default=11, help="how often contestants take turns")
    parser.add_argument("--json", metavar="FILE", type=Path, help="also write every figure there")
    options = parser.parse_args()
    torch.set_num_threads(2)
    warnings.simplefilter("ignore")
    torch.manual_seed(0)
    found: dict[str, Any] = {}
    print(layer_report.head("MODELS"))
    for name, make in contests():
        if any(word.lower() in name.lower() for word in options.words) or not options.words:
            found[name] = measure(make(), options.rounds, options.only != "compiled", options.only != "eager")
            print(layer_report.row(name, found[name]), flush=True)
    if not options.words or "decoding" in options.words:
        figures = decoding(options.rounds)
        found["GPT-2 124M, decoding"] = {"forward": figures}
        print(
            f"\n  GPT-2 124M writes 64 tokens with a cache: {figures['ratio']:.2f} ±{figures['spread']:.2f} times the"
        )
        print(f"  {figures['ms']:.1f} ms for each that Hugging Face takes")
    print(layer_report.summary(found))
    if options.json:
        options.json.write_text(json.dumps(found, indent=2) + "\n")


if __name__ == "__main__":
    main()
