"""The processes that train a model together: this one alone, or those that torchrun has started.

With several, every process holds a part of each weight (fully sharded data parallelism, Zhao et al. 2023,
arXiv:2304.11277) and takes its share of every batch.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn

State = Mapping[str, Any]


class Processes:
    """This process alone.

    Attributes:
        rank: the number of this process.
        count: how many there are.
    """

    rank = 0
    count = 1

    def share(self, numbers: Tensor) -> Tensor:
        """The examples of a batch that this process takes."""
        return numbers[self.rank :: self.count]

    def shard(self, model: nn.Module) -> None:
        """Give every process its part of each weight."""

    def total(self, numbers: Tensor) -> Tensor:
        """The sum over all processes."""
        return numbers

    def any(self, flag: bool) -> bool:
        """Whether any process says so."""
        return flag


class Group(Processes):
    """All processes of a group."""

    def __init__(self, rank: int, count: int) -> None:
        self.rank, self.count = rank, count

    def shard(self, model: nn.Module) -> None:
        from torch.distributed.fsdp import fully_shard

        for module in model.modules():
            if isinstance(module, nn.ModuleList):
                for block in module:
                    fully_shard(block)
        fully_shard(model)

    def total(self, numbers: Tensor) -> Tensor:
        summed = numbers.clone()
        torch.distributed.all_reduce(summed)
        return summed

    def any(self, flag: bool) -> bool:
        return bool(self.total(torch.tensor([float(flag)])))


# -- states ---------------------------------------------------------------------------------------------------


def states(model: nn.Module, optimizer: torch.optim.Optimizer) -> tuple[State, State]:
    """The whole state of a model and of its optimiser, both by the names of parameters, on the CPU.

    All processes have to call it.
    """
    weights = {name: whole(tensor) for name, tensor in model.state_dict().items()}
    found = {
        name: {key: whole(value) for key, value in optimizer.state[parameter].items()}
        for name, parameter in model.named_parameters()
        if parameter in optimizer.state
    }
    return weights, found


def restore(model: nn.Module, optimizer: torch.optim.Optimizer, weights: State, state: State) -> None:
    """Go back to what `states` gave, with as many processes as there are now."""
    model.load_state_dict({name: part(weights[name], tensor) for name, tensor in model.state_dict().items()})
    for name, parameter in model.named_parameters():
        if name in state:
            optimizer.state[parameter] = {key: part(value, parameter) for key, value in state[name].items()}


def whole(value: Any) -> Any:
    """A tensor of which processes may hold a part each, put together."""
    gathered = value.full_tensor() if hasattr(value, "full_tensor") else value
    return gathered.detach().cpu() if isinstance(gathered, Tensor) else gathered


def part(value: Any, like: Tensor) -> Any:
    """A whole tensor as one like another that it belongs to, of which this process may hold a part."""
    if not isinstance(value, Tensor) or value.shape != like.shape:
        return value
    if not hasattr(like, "full_tensor"):
        return value.to(like.device, copy=True)
    from torch.distributed.tensor import DTensor, distribute_tensor

    assert isinstance(like, DTensor)
    return distribute_tensor(value.to(like.device), like.device_mesh, like.placements)


@contextmanager
def joined(device: torch.device) -> Iterator[Processes]:
    """The group that torchrun has started this process in, or this process alone.

    All leave together: a process that ends while gloo's threads still hold tensors of its last exchange is aborted.
    """
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        yield Processes()
        return
    torch.distributed.init_process_group("nccl" if device.type == "cuda" else "gloo")
    try:
        yield Group(torch.distributed.get_rank(), torch.distributed.get_world_size())
        torch.distributed.barrier()
    finally:
        torch.distributed.destroy_process_group()
