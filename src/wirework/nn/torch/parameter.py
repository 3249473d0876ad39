"""Parameters of torch modules that may wait for their shape."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NoReturn

import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import unset_fake_temporarily
from torch.nn.parameter import UninitializedTensorMixin, is_lazy  # type: ignore[attr-defined]

from wirework.errors import AxisSizeError
from wirework.nn.initialisers import (
    Constant,
    Initialiser,
    Normal,
    TruncatedNormal,
    Uniform,
    ZeroAt,
    default_initialiser,
)

# A distribution, a number, or a function that fills a tensor in place, such as those of torch.nn.init.
Init = Initialiser | float | Callable[[Tensor], Any]


def draw_seed() -> int:
    """A seed for one parameter, from torch's global generator.

    Every parameter draws its seed when it is made, and its numbers from that seed when its shape is
    known. So the numbers do not depend on when, or in which order, shapes become known.
    """
    return int(torch.randint(2**63 - 1, (), device="cpu"))


def draw(initialiser: Init, shape: tuple[int, ...], seed: int, device: Any, dtype: torch.dtype) -> Tensor:
    """A tensor drawn on the CPU, in float32 or wider, then converted: the same numbers everywhere."""
    if torch.device(device).type == "meta":
        return torch.empty(shape, device="meta", dtype=dtype)
    wide = torch.promote_types(dtype, torch.float32)
    with unset_fake_temporarily(), torch.inference_mode(False), torch.no_grad():
        tensor = torch.empty(shape, device="cpu", dtype=wide)
        fill(tensor, initialiser, seed)
        return tensor.to(device=device, dtype=dtype)


def fill(tensor: Tensor, initialiser: Init, seed: int) -> None:
    """Draw the elements of a tensor in place."""
    generator = torch.Generator("cpu").manual_seed(seed)
    match initialiser:
        case Constant(value):
            tensor.fill_(value)
        case Normal(stddev):
            tensor.normal_(0.0, stddev, generator=generator)
        case TruncatedNormal():
            stddev = initialiser.untruncated_stddev
            nn.init.trunc_normal_(tensor, 0.0, stddev, -2 * stddev, 2 * stddev, generator=generator)
        case Uniform(low, high):
            tensor.uniform_(low, high, generator=generator)
        case ZeroAt(other, axis, place):
            fill(tensor, other, seed)
            tensor.select(axis, place).zero_()
        case int() | float():
            tensor.fill_(initialiser)
        case _:
            with torch.random.fork_rng(devices=[]):
                torch.default_generator.manual_seed(seed)
                initialiser(tensor)


@dataclass(frozen=True)
class Recipe:
    """How a parameter will be made once its shape is known.

    Attributes:
        seed: what its elements are drawn from.
        initialiser: `None`: by the operation that receives it.
        device, dtype: `None`: as the parameter is by then, or as the arrays that it meets.
        message: what to say when it is used before.
    """

    seed: int
    initialiser: Init | None = None
    device: torch.device | None = None
    dtype: torch.dtype | None = None
    message: str = ""

    def initialiser_for(self, request: Any) -> Init:
        if self.initialiser is None:
            return default_initialiser(request.operation, request.fan_in)
        return self.initialiser


class UnbuiltParameter(UninitializedTensorMixin, nn.Parameter):
    """A parameter without a shape. It becomes a plain `nn.Parameter`, the same object, with `build`.

    Until then it counts no elements, and can be moved, converted, frozen, copied, pickled, given to an
    optimiser, and loaded from a state dict, which builds it.
    """

    cls_to_become = nn.Parameter
    recipe: Recipe
    shape = torch.Tensor.shape

    def build(self, shape: tuple[int, ...], initialiser: Init, device: Any = None, dtype: Any = None) -> None:
        """Take a shape, draw the elements, and become an ordinary parameter."""
        self.data = draw(initialiser, shape, self.recipe.seed, device or self.device, dtype or self.dtype)
        del self.recipe
        self.__class__ = nn.Parameter  # type: ignore[assignment]

    def __wirework_array__(self, request: Any) -> UnbuiltParameter:
        """Called by the operation that this parameter is given to."""
        self.build(request.shape, self.recipe.initialiser_for(request), *self.place(request.like))
        return self

    def place(self, like: Any) -> tuple[torch.device | None, torch.dtype | None]:
        """The device and dtype to follow, where neither was chosen for this parameter."""
        if not isinstance(like, Tensor):
            return None, None
        chosen = self.recipe.dtype is not None or self.dtype != torch.get_default_dtype()
        follow = like.is_floating_point() and not torch.is_autocast_enabled(like.device.type)
        return (
            like.device if self.recipe.device is None else None,
            like.dtype if follow and not chosen else None,
        )

    def copy_(self, other: Tensor, non_blocking: bool = False) -> Tensor:
        """Take shape and elements from another tensor: what loading a state dict does."""
        if is_placeholder(other, self.dim()):
            return self
        self.build(tuple(other.shape), Constant(0.0))
        return self.copy_(other, non_blocking)

    def __deepcopy__(self, memo: dict[int, Any]) -> UnbuiltParameter:
        if id(self) not in memo:
            memo[id(self)] = unbuilt_parameter(*self.state())
        return memo[id(self)]

    def __reduce_ex__(self, protocol: Any) -> tuple[Any, ...]:
        return unbuilt_parameter, self.state()

    def state(self) -> tuple[Any, ...]:
        return self.recipe, self.dim(), self.requires_grad, self.device, self.dtype

    def __repr__(self, **_: Any) -> str:
        return "UnbuiltParameter()"

    @classmethod
    def __torch_function__(cls, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func in HARMLESS or type(func).__name__ == "method-wrapper":
            return torch._C._disabled_torch_function_impl(func, types, args, kwargs or {})
        refuse(args)


HARMLESS_NAMES = (
    "bfloat16", "clone", "data_ptr", "detach", "dim", "element_size", "is_contiguous", "is_shared",
    "ndimension", "nelement", "numel", "requires_grad_", "share_memory_", "type", "untyped_storage",
)  # fmt: skip
HARMLESS = {
    *UninitializedTensorMixin._allowed_methods,
    *(getattr(Tensor, name) for name in HARMLESS_NAMES),
}


def is_placeholder(saved: Tensor, rank: int) -> bool:
    """Whether a saved tensor is that of a parameter that had no shape."""
    return saved.shape == (0,) * rank


def unbuilt_parameter(
    recipe: Recipe,
    rank: int = 1,
    requires_grad: bool = True,
    device: torch.device | str | None = None,
    dtype: torch.dtype | None = None,
) -> UnbuiltParameter:
    """A parameter without a shape, which is to have `rank` dimensions as far as that is known."""
    data = torch.empty((0,) * max(rank, 1), device=device, dtype=dtype)
    parameter = torch.Tensor._make_subclass(UnbuiltParameter, data, requires_grad)
    parameter.recipe = recipe
    return parameter


def refuse(args: Any) -> NoReturn:
    """Say which parameter was used before it had a shape."""
    unbuilt = next((arg for arg in args if isinstance(arg, UnbuiltParameter)), None)
    message = unbuilt.recipe.message if unbuilt is not None else "a parameter has no shape yet: call build()"
    raise AxisSizeError(message)


@dataclass(frozen=True)
class Materialised:
    """Torch's own uninitialised parameter in place of an array."""

    parameter: nn.UninitializedParameter
    recipe: Recipe

    def __wirework_array__(self, request: Any) -> Tensor:
        """Called by the operation that this parameter is given to."""
        parameter = self.parameter
        if is_lazy(parameter):
            initialiser, seed = self.recipe.initialiser_for(request), self.recipe.seed
            start = draw(initialiser, request.shape, seed, parameter.device, parameter.dtype)
            parameter.materialize(request.shape)
            parameter.data.copy_(start)
        return parameter


def param(
    value: nn.Parameter | None = None,
    *,
    name: str | None = None,
    init: Init | None = None,
    device: torch.device | str | None = None,
    dtype: torch.dtype | None = None,
) -> nn.Parameter | Materialised:
    """A parameter in place of an array, shaped by the expression that it is first used in.

    As an attribute of a module it is registered at once, and trained like any other. Used directly in
    a call it is new at every call.

    Args:
        value: an existing parameter, which is used as it is; if it is uninitialised, it is given its
            shape and its elements.
        name: what to call it in messages.
        init: a distribution, a number, or a function that fills a tensor in place, such as
            `torch.nn.init.xavier_uniform_`. Without it the operation decides: `add` zeros, `multiply`
            ones, `get_at` and `rearrange` normal(0.02), `dot` truncated normal with variance 1/fan_in.

    >>> x = torch.ones(2, 3)
    >>> ww.multiply("... [c]", x, param(init=0.5))
    tensor([[0.5000, 0.5000, 0.5000],
            [0.5000, 0.5000, 0.5000]], grad_fn=<MulBackward0>)
    """
    if value is not None:
        waits = is_lazy(value) and not isinstance(value, UnbuiltParameter)
        return Materialised(value, Recipe(draw_seed(), init)) if waits else value
    title = "a parameter" if name is None else f"parameter {name}"
    message = f"{title} has no shape yet: use it in an operation, or call build()"
    where = None if device is None else torch.device(device)
    return unbuilt_parameter(Recipe(draw_seed(), init, where, dtype, message), device=device, dtype=dtype)
