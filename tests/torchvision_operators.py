"""Declares two operators that torchvision asks for in Python, because its binary may not load beside this torch.

Import it before whatever imports torchvision: timm, and transformers where torchvision is installed.
"""

import importlib.util

import torch


def declare() -> torch.library.Library | None:
    """The operators, which last as long as what is returned."""
    if importlib.util.find_spec("torchvision") is None:
        return None
    library = torch.library.Library("torchvision", "FRAGMENT")
    for name in ("nms", "qnms"):
        try:
            library.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        except RuntimeError:  # it did load
            break
    return library


LIBRARY = declare()
