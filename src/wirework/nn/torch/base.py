"""What every torch layer does while its sizes are missing, and how a whole model gets them."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any, TypeVar

import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode

from wirework.errors import AxisSizeError
from wirework.nn.definition import Definition, Start, no_size, rank_of
from wirework.nn.torch.parameter import Recipe, UnbuiltParameter, draw, draw_seed, is_placeholder, unbuilt_parameter

Module = TypeVar("Module", bound=nn.Module)
Shape = tuple[int, ...]
Spec = Shape | tuple[Shape, torch.dtype] | Tensor


def held(where: str, name: str) -> Any:
    """A parameter or layer of a module as an attribute that is found at once: nn.Module looks elsewhere first.

    Args:
        where: "_parameters" or "_modules".
        name: of what is held there; if it is not, nn.Module goes on looking.
    """

    def get(self: nn.Module) -> Any:
        try:
            return self.__dict__[where][name]
        except KeyError:
            raise AttributeError(name) from None

    return property(get)


class Layer(nn.Module):
    """A module whose arrays are described by a definition, and may wait for their sizes.

    Attributes:
        definition: what the layer computes, without a framework.
        unbuilt: whether sizes are still missing.
    """

    def __init__(self, definition: Definition, device: Any, dtype: torch.dtype | None) -> None:
        super().__init__()
        self.definition = definition
        self.unbuilt = True
        for name, operand in definition.parameters.items():
            recipe = Recipe(draw_seed(), message=self.no_size() if definition.missing else "")
            self.register_parameter(name, unbuilt_parameter(recipe, rank_of(operand), True, device, dtype))
        for name in definition.buffers:
            self.register_buffer(name, torch.empty(0, device=device, dtype=dtype))
        if not definition.missing:
            self.build(definition.starts())

    def no_size(self) -> str:
        return no_size(self.definition.missing[0], str(self.definition))

    def build_from(self, x: Tensor) -> None:
        """Take from an input the sizes that are missing."""
        if "torch._dynamo" in sys.modules:  # to ask for `disable` would import it, for 1.5 seconds
            torch.compiler.disable(self.infer)(x)  # type: ignore[arg-type]
        else:
            self.infer(x)

    def infer(self, x: Tensor) -> None:
        """Make the parameters with the sizes of an input."""
        self.build(self.definition.starts(x))

    def build(self, starts: Mapping[str, Start]) -> None:
        """Give the arrays that have none their shape and their first elements."""
        for name, start in starts.items():
            array = getattr(self, name)
            if isinstance(array, UnbuiltParameter):
                array.build(start.shape, start.initialiser)
            elif name in self._buffers:
                setattr(self, name, draw(start.initialiser, start.shape, 0, array.device, array.dtype))
        self.unbuilt = False

    def reset_parameters(self) -> None:
        """Draw all parameters anew."""
        arrays = self.arrays()
        with torch.no_grad():
            for name, start in self.definition.starts(arrays=arrays).items():
                array = arrays[name]
                drawn = draw(start.initialiser, start.shape, draw_seed(), array.device, array.dtype)
                array.copy_(placed_like(array, drawn))

    def _load_from_state_dict(self, state_dict: Mapping[str, Any], prefix: str, *args: Any, **kwargs: Any) -> None:
        names = [*self.definition.parameters, *self.definition.buffers]
        saved = {name: state_dict[prefix + name] for name in names if prefix + name in state_dict}
        waiting = any(is_placeholder(array, max(array.dim(), 1)) for array in saved.values())
        if self.unbuilt and len(saved) == len(names) and not waiting:
            self.build(self.definition.starts(arrays=saved))
        super()._load_from_state_dict(state_dict, prefix, *args, **kwargs)

    def arrays(self) -> dict[str, Tensor]:
        """The parameters and buffers that the definition describes.

        Raises:
            AxisSizeError: if they have no shape yet.
        """
        if self.unbuilt:
            raise AxisSizeError(self.no_size())
        names = [*self.definition.parameters, *self.definition.buffers]
        return {name: getattr(self, name) for name in names}

    def extra_repr(self) -> str:
        return self.definition.summary


def placed_like(array: Tensor, whole: Tensor) -> Tensor:
    """A tensor as one that processes hold a part of each, if `array` is one."""
    if not hasattr(array, "placements"):
        return whole
    from torch.distributed.tensor import DTensor, distribute_tensor

    assert isinstance(array, DTensor)
    return distribute_tensor(whole, array.device_mesh, array.placements)


def build(model: Module, inputs: Mapping[str, Spec]) -> Module:
    """Infer every missing size from the shapes of inputs, without data or arithmetic.

    Args:
        model: called with `inputs` by name.
        inputs: for each argument a shape, a pair of shape and dtype, or a tensor (of any device).

    Returns:
        The same model.

    Raises:
        AxisSizeError: if sizes are still missing, because the model did not use a layer.

    >>> import wirework.nn.torch as wn
    >>> model = wn.build(wn.Linear("... [c_in -> c_out]", c_out=64), {"x": (2, 32)})
    >>> model.weight.shape
    torch.Size([64, 32])
    """
    training = [module for module in model.modules() if module.training]
    model.eval()  # no statistics are tracked
    try:
        with FakeTensorMode(allow_non_fake_inputs=True), torch.no_grad():
            model(**{name: fake_tensor(spec) for name, spec in inputs.items()})
    finally:
        for module in training:
            module.training = True
    for name, parameter in model.named_parameters():
        if isinstance(parameter, UnbuiltParameter):
            reason = f"{name} still has no shape: the model did not use it. {parameter.recipe.message}"
            raise AxisSizeError(reason)
    return model


def fake_tensor(spec: Spec) -> Tensor:
    """A tensor like `spec`; in fake mode it has no elements."""
    match spec:
        case Tensor():
            return torch.empty_like(spec, device="cpu" if spec.is_meta else spec.device)
        case [[*shape], torch.dtype() as dtype]:
            return torch.empty(shape, dtype=dtype)
        case _:
            return torch.empty(spec)
