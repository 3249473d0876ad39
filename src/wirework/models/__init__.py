"""Architectures, one readable file each, as PyTorch modules.

Names are imported when they are used, so that torch is too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from wirework.models.vit import ViT, ViTConfig

__all__ = ["ViT", "ViTConfig"]


def __getattr__(name: str) -> object:
    if name in __all__:
        from wirework.models import vit

        return getattr(vit, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
