"""Architectures, one readable file each, as PyTorch modules.

Names are imported when they are used, so that torch is too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from wirework.models.attention import MultiHeadAttention, MultiHeadAttentionConfig
    from wirework.models.bert import BERT, BERTConfig
    from wirework.models.catalogue import from_pretrained
    from wirework.models.gpt2 import GPT2, GPT2Config
    from wirework.models.language_model import LanguageModel, Sampling
    from wirework.models.llama import Llama, LlamaConfig
    from wirework.models.mixer import Mixer, MixerConfig
    from wirework.models.mlp import DigitMLP, DigitMLPConfig
    from wirework.models.model import Config, Model
    from wirework.models.residual_unet import ResidualUNet, ResidualUNetConfig
    from wirework.models.resnet import ResNet, ResNetConfig
    from wirework.models.segmentation import Segmenter
    from wirework.models.swin import Swin, SwinConfig
    from wirework.models.unet import UNet, UNetConfig
    from wirework.models.visual_attention import VisualAttention, VisualAttentionConfig
    from wirework.models.vit import ViT, ViTConfig

MODULES = {
    "attention": ("MultiHeadAttention", "MultiHeadAttentionConfig"),
    "bert": ("BERT", "BERTConfig"),
    "catalogue": ("from_pretrained",),
    "gpt2": ("GPT2", "GPT2Config"),
    "language_model": ("LanguageModel", "Sampling"),
    "llama": ("Llama", "LlamaConfig"),
    "mixer": ("Mixer", "MixerConfig"),
    "mlp": ("DigitMLP", "DigitMLPConfig"),
    "model": ("Config", "Model"),
    "residual_unet": ("ResidualUNet", "ResidualUNetConfig"),
    "resnet": ("ResNet", "ResNetConfig"),
    "segmentation": ("Segmenter",),
    "swin": ("Swin", "SwinConfig"),
    "unet": ("UNet", "UNetConfig"),
    "visual_attention": ("VisualAttention", "VisualAttentionConfig"),
    "vit": ("ViT", "ViTConfig"),
}
HOME = {name: module for module, names in MODULES.items() for name in names}

__all__ = [
    "BERT", "GPT2", "BERTConfig", "Config", "DigitMLP", "DigitMLPConfig", "GPT2Config", "LanguageModel", "Llama",
    "LlamaConfig", "Mixer", "MixerConfig", "Model", "MultiHeadAttention", "MultiHeadAttentionConfig", "ResNet",
    "ResNetConfig", "ResidualUNet", "ResidualUNetConfig", "Sampling", "Segmenter", "Swin", "SwinConfig", "UNet",
    "UNetConfig", "ViT", "ViTConfig", "VisualAttention", "VisualAttentionConfig", "from_pretrained",
]  # fmt: skip


def __getattr__(name: str) -> object:
    if name in HOME:
        from importlib import import_module

        return getattr(import_module(f"wirework.models.{HOME[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
