"""What the tests of attention share: how near two results must be, and an independent definition."""

import torch
from torch import Tensor

TOLERANCE = {torch.float64: 1e-10, torch.float32: 2e-5, torch.bfloat16: 4e-2}


def assert_close(ours: Tensor, theirs: Tensor, tolerance: float | None = None) -> None:
    assert ours.dtype == theirs.dtype and ours.shape == theirs.shape
    bound = TOLERANCE[ours.dtype] if tolerance is None else tolerance
    scale = max(1.0, theirs.detach().abs().max().item()) if theirs.numel() else 1.0
    torch.testing.assert_close(ours, theirs, rtol=0, atol=bound * scale)


def assert_same_gradients(ours, theirs, ours_inputs, theirs_inputs, tolerance=None) -> None:
    """Compare the gradients of two results with respect to matching tensors."""
    torch.manual_seed(5)
    weight = torch.randn_like(ours)
    found = torch.autograd.grad((ours * weight).sum(), ours_inputs)
    expected = torch.autograd.grad((theirs * weight).sum(), theirs_inputs)
    for one, two in zip(found, expected, strict=True):
        assert_close(one, two, tolerance and 4 * tolerance)


def attention_by_loops(q, k, v, seen=None, scale=None, softcap=None, bias=None, sinks=None) -> Tensor:
    """Attention of `b h q d`, `b h k d`, `b h k e`, one query at a time. `seen` is `b h q k`."""
    b, h, queries, d = q.shape
    out = torch.zeros(b, h, queries, v.shape[-1], dtype=q.dtype)
    for i in range(b):
        for j in range(h):
            for t in range(queries):
                score = k[i, j] @ q[i, j, t] * (d**-0.5 if scale is None else scale)
                if softcap is not None:
                    score = softcap * torch.tanh(score / softcap)
                if bias is not None:
                    score = score + bias[j, t]
                keys = slice(None) if seen is None else seen[i, j, t].nonzero()[:, 0]
                score = score[keys]
                if sinks is not None:
                    score = torch.cat([score, sinks[j : j + 1]])
                weights = score.softmax(0)[: v[i, j][keys].shape[0]]
                out[i, j, t] = weights @ v[i, j][keys]
    return out
