"""Architectures, one readable file each, as PyTorch modules.

Names are imported when they are used, so that torch is too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from wirework.models.gpt2 import GPT2, GPT2Config
    from wirework.models.language_model import LanguageModel, Sampling
    from wirework.models.vit import ViT, ViTConfig

MODULES = {
    "gpt2": ("GPT2", "GPT2Config"),
    "language_model": ("LanguageModel", "Sampling"),
    "vit": ("ViT", "ViTConfig"),
}
HOME = {name: module for module, names in MODULES.items() for name in names}

__all__ = ["GPT2", "GPT2Config", "LanguageModel", "Sampling", "ViT", "ViTConfig"]


def __getattr__(name: str) -> object:
    if name in HOME:
        from importlib import import_module

        return getattr(import_module(f"wirework.models.{HOME[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
