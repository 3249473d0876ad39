"""Whether a model of ours computes what a reference model does: same weights, same outputs, same gradients.

Weights go from one to the other as those of a user do: through the files that the reference saves.
"""

import copy
from pathlib import Path

import torch
from torch import Tensor, nn

from wirework.checkpoint import read_weights
from wirework.models.model import Model

TOLERANCE = 1e-5


def shake(module: nn.Module, scale: float = 0.2, seed: int = 0) -> nn.Module:
    """Random weights, also where a model starts with zeros and ones, so that nothing can be forgotten unseen."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in module.parameters():
            noise = torch.randn(parameter.shape, generator=generator, dtype=parameter.dtype)
            parameter.mul_(0.5).add_(noise * scale / max(parameter[0].numel() if parameter.ndim > 1 else 1, 1) ** 0.5)
    return module.eval()


def close(ours: Tensor, theirs: Tensor, tolerance: float = TOLERANCE) -> None:
    """Equal to within a tolerance, relative to the largest element."""
    torch.testing.assert_close(ours, theirs, rtol=0, atol=tolerance * max(1.0, theirs.detach().abs().max().item()))


def same_gradients(ours: Model, theirs: nn.Module, folder: Path, tolerance: float = TOLERANCE) -> None:
    """Compare the gradients of all weights under the names that the reference saves.

    Call it after `backward` on both. The reference is made to save its gradients in place of its weights.
    """
    hollow = copy.deepcopy(theirs)
    gradients = {name: parameter.grad for name, parameter in theirs.named_parameters()}
    with torch.no_grad():
        for name, parameter in hollow.named_parameters():
            gradient = gradients[name]
            parameter.copy_(torch.zeros_like(parameter) if gradient is None else gradient)
    hollow.save_pretrained(folder)
    expected = read_weights(folder)
    form = type(ours).formats[0]
    state = {name: array.detach() for name, array in ours.state_dict().items()}
    state |= {name: torch.zeros_like(p) if p.grad is None else p.grad for name, p in ours.named_parameters()}
    found = form.to_theirs(state, ours.config)
    assert found.keys() <= expected.keys()
    for name, gradient in found.items():
        close(gradient, expected[name], tolerance)


def same_gradients_as_timm(ours: Model, theirs: nn.Module, images: Tensor, form: str) -> None:
    """Compare the gradients of all weights with those of a model whose names in memory are those on disk."""
    ours(images).square().sum().backward()
    theirs(images).square().sum().backward()
    gradients = {name: parameter.grad for name, parameter in ours.named_parameters()}
    found = ours.format_called(form).to_theirs(gradients, ours.config)
    for name, parameter in theirs.named_parameters():
        close(found.pop(name), parameter.grad)
    assert not found
