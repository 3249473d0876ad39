"""What a layer costs: time forward and backward, eager and compiled, and the most memory it holds."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from statistics import median
from typing import Any

import torch
from torch import Tensor, nn
from torch.profiler import ProfilerActivity, profile

from contests import Contest
from timing import Call, figure, in_turns

CLOSE = 1e-4


def measure(contest: Contest, rounds: int, eager: bool, compiled: bool) -> dict[str, Any]:
    """Every figure of one contest: ratios to the best peer, and its time in microseconds."""
    check_equal(contest)
    found: dict[str, Any] = {}
    if eager:
        found["forward"] = compare(calls_of(contest, contest.modules, forward), rounds)
        found["both"] = compare(calls_of(contest, contest.modules, forward_and_backward), rounds)
        found["memory"] = memory(contest)
    if compiled:
        torch._dynamo.reset()
        modules = {name: compile_module(module) for name, module in contest.modules.items()}
        found["compiled both"] = compare(calls_of(contest, modules, forward_and_backward), rounds)
        found["compiled forward"] = compare(calls_of(contest, modules, recorded), rounds)
    return found


class Model(nn.Module):
    """A model of one layer: torch.compile enters torch's own layers another way if they are compiled by themselves."""

    def __init__(self, layer: nn.Module) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, *inputs: Any) -> Any:
        return self.layer(*inputs)


def compile_module(module: nn.Module) -> nn.Module:
    return torch.compile(Model(module), fullgraph=True, dynamic=False)  # type: ignore[return-value]


def calls_of(contest: Contest, modules: Mapping[str, nn.Module], how: Callable[..., Call]) -> dict[str, Call]:
    """A call of each contestant."""
    return {name: how(module, contest.inputs_of(name)) for name, module in modules.items()}


def forward(module: nn.Module, inputs: tuple[Any, ...]) -> Call:
    """Without gradients."""

    def call() -> Tensor:
        with torch.no_grad():
            return module(*inputs)

    return call


def recorded(module: nn.Module, inputs: tuple[Any, ...]) -> Call:
    """What is needed for gradients is kept: this is the first half of `forward_and_backward`, not compiled anew."""
    x, _ = differentiable(module, inputs)
    return lambda: module(*x)


def forward_and_backward(module: nn.Module, inputs: tuple[Any, ...]) -> Call:
    """And the gradients of parameters and input."""
    x, wanted = differentiable(module, inputs)
    seed = torch.ones_like(module(*x))
    return lambda: torch.autograd.grad(module(*x), wanted, seed)


def as_it_is(module: nn.Module) -> nn.Module:
    return module


def differentiable(module: nn.Module, inputs: tuple[Any, ...]) -> tuple[tuple[Any, ...], Sequence[Tensor]]:
    """Inputs of which the first asks for a gradient, and all that a gradient is asked for."""
    first = inputs[0].detach()
    parameters = [parameter for parameter in module.parameters() if parameter.requires_grad]
    if not first.is_floating_point():
        return (first, *inputs[1:]), parameters
    first.requires_grad_()
    return (first, *inputs[1:]), [first, *parameters]


def compare(calls: Mapping[str, Call], rounds: int, seconds: float = 0.004) -> dict[str, Any]:
    """Our time over that of the best peer, round by round."""
    samples = in_turns(calls, rounds, seconds)
    best = min((name for name in calls if name != "wirework"), key=lambda name: median(samples[name]))
    ratio = figure([ours / theirs for ours, theirs in zip(samples["wirework"], samples[best], strict=True)])
    return {"ratio": ratio.median, "spread": ratio.spread, "peer": best, "us": median(samples[best]) * 1e6}


# -- the same numbers -------------------------------------------------------------------------------------------


def check_equal(contest: Contest) -> None:
    """Refuse to time what does not compute the same: outputs, gradients of inputs, norms of those of parameters."""
    expected: list[Tensor] = []
    for name, module in contest.modules.items():
        torch.manual_seed(0)
        x, wanted = differentiable(module, contest.inputs_of(name))
        y = module(*x)
        gradients = torch.autograd.grad(y, wanted, torch.linspace(-1, 1, y.numel()).view(y.shape))
        of_input = len(wanted) - len(list(module.parameters()))
        norms = sorted(float(gradient.norm()) for gradient in gradients[of_input:])
        found = [y.detach(), *gradients[:of_input], torch.tensor(norms)]
        for mine, other in zip(expected or found, found, strict=True):
            torch.testing.assert_close(
                mine, other, rtol=CLOSE, atol=CLOSE, msg=lambda text, name=name: f"{name}: {text}"
            )
        expected = expected or found


# -- memory -----------------------------------------------------------------------------------------------------


def memory(contest: Contest) -> dict[str, float]:
    """The most that forward and backward hold beyond what was there, over the least of the peers, and in MB."""
    held = {name: peak(call) for name, call in calls_of(contest, contest.modules, forward_and_backward).items()}
    least = min(size for name, size in held.items() if name != "wirework")
    return {"ratio": held["wirework"] / least, "mb": least / 1e6}


def peak(call: Callable[[], object]) -> int:
    """The highest sum of all that torch's CPU allocator gave and took back during a call."""
    call()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as profiler:
            call()
    held = highest = 0
    assert profiler.profiler is not None and profiler.profiler.kineto_results is not None
    events = [event for event in profiler.profiler.kineto_results.events() if event.name() == "[memory]"]
    for event in sorted(events, key=lambda event: event.start_ns()):
        held += event.nbytes()  # type: ignore[attr-defined]
        highest = max(highest, held)
    return highest
