"""The libraries whose layers ours must equal; a test that needs one is skipped without it."""

import importlib.util
import sys

import pytest
import torch


@pytest.fixture(autouse=True)
def forget_compiled_code():
    """All modules of a class share one limit of recompilations."""
    yield
    if "torch._dynamo" in sys.modules:
        torch.compiler.reset()


@pytest.fixture(scope="session")
def torchvision_operators():
    """Two operators that torchvision asks for in Python, because its binary may not load beside this torch."""
    if importlib.util.find_spec("torchvision") is None:
        return None
    library = torch.library.Library("torchvision", "FRAGMENT")
    for name in ("nms", "qnms"):
        try:
            library.define(f"{name}(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        except RuntimeError:  # it did load
            break
    return library


@pytest.fixture(scope="session")
def timm_layers(torchvision_operators):
    return pytest.importorskip("timm.layers", reason="timm is not installed")


@pytest.fixture(scope="session")
def transformers(torchvision_operators):
    return pytest.importorskip("transformers", reason="transformers is not installed")
