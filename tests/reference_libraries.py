"""Fixtures of the tests against libraries that ours must equal; a test that needs one is skipped without it."""

import sys

import pytest
import torch

import torchvision_operators  # noqa: F401 (before transformers and timm)


@pytest.fixture(autouse=True)
def forget_compiled_code():
    """All modules of a class share one limit of recompilations."""
    yield
    if "torch._dynamo" in sys.modules:
        torch.compiler.reset()


@pytest.fixture(scope="session")
def transformers():
    return pytest.importorskip("transformers", reason="transformers is not installed")


@pytest.fixture(scope="session")
def timm():
    return pytest.importorskip("timm", reason="timm is not installed")


@pytest.fixture(scope="session")
def timm_layers():
    return pytest.importorskip("timm.layers", reason="timm is not installed")


@pytest.fixture(scope="session")
def monai():
    return pytest.importorskip("monai", reason="monai is not installed")
