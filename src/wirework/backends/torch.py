"""PyTorch: plans printed as torch code."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import reduce
from typing import Any

import torch
import torch.nn.functional as F

from wirework.backends import generic
from wirework.backends.base import OPERATORS, Backend, given, listed, one_or_tuple, tupled
from wirework.errors import NotSupportedError


class Torch(Backend):
    """torch's spelling."""

    name = "torch"
    xp = "torch"
    boolean = "torch.bool"
    fused = frozenset({"attention", "contiguous", "conv_bias", "linear", "rows", "split"})

    def names(self) -> Mapping[str, Any]:
        return {
            "torch": torch,
            "F": F,
            "attend": attend,
            "attend_with": attend_with,
            "convolve": convolve,
            "coordinates": coordinates,
            "cheapest": generic.cheapest,
            "expect_shape": generic.expect_shape,
            "floating": floating,
            "from_numpy": from_numpy,
            "index_put": index_put,
            "ordered": ordered,
            "promote": promote,
            "rows": rows,
            "scalar": scalar,
            "unravel": unravel,
            "vmap": vmap,
            "windows": windows,
        }

    def owns(self, kind: type) -> bool:
        return issubclass(kind, torch.Tensor)

    def floating(self, x: str) -> str:
        return f"({x} if {x}.is_floating_point() else floating({x}))" if x.isidentifier() else f"floating({x})"

    def cast_input(self, name: str, like: str) -> str:
        return f"from_numpy({name}, {like})"

    def permute(self, x: str, order: Sequence[int]) -> str:
        return f"{x}.T" if len(order) == 2 else f"{x}.permute({listed(order)})"

    def expand(self, x: str, shape: Sequence[str]) -> str:
        return f"{x}.expand({listed(shape) if shape else '()'})"

    def unsqueeze(self, x: str, axes: Sequence[int]) -> str:
        return f"{x}.unsqueeze({axes[0]})" if len(axes) == 1 else super().unsqueeze(x, axes)

    def select(self, x: str, axis: int, index: int) -> str:
        return f"{x}.select({axis}, {index})"

    def contiguous(self, x: str) -> str:
        return f"{x}.contiguous()"

    def concat(self, *parts: str, axis: int) -> str:
        return f"torch.cat([{listed(parts)}], {axis})"

    def elementwise(self, *operands: str, function: str, scalars: Sequence[int]) -> str:
        if function not in OPERATORS and function != "where":
            like = next(operand for number, operand in enumerate(operands) if number not in scalars)
            operands = tuple(
                f"scalar({operand}, {like})" if number in scalars else operand
                for number, operand in enumerate(operands)
            )
        return super().elementwise(*operands, function=function, scalars=scalars)

    def reduce(self, x: str, *options: str, function: str, axes: Sequence[int], keepdims: bool = False) -> str:
        keep = ["keepdim=True"] if keepdims else []
        dims = one_or_tuple(axes)
        match function:
            case "prod":
                for axis in sorted(axes, reverse=True):
                    x = f"{x}.prod({listed([axis, *keep])})"
                return x
            case "min" | "max":
                return f"{x}.a{function}({listed([dims, *keep])})"
            case "any" | "all":
                return f"{x}.bool().{function}({listed([dims, *keep])})"
            case "var" | "std":
                return f"{x}.{function}({listed([dims, f'correction={options[0] if options else 0}', *keep])})"
            case "count_nonzero":
                counted = f"{x}.count_nonzero({dims})"
                return f"{counted}{''.join(f'.unsqueeze({axis})' for axis in axes)}" if keepdims else counted
            case _:
                return f"{x}.{function}({listed([dims, *keep])})"

    def argreduce(self, x: str, function: str, axis: int) -> str:
        return f"torch.{function}(ordered({x}), {axis})"

    def softmax(self, x: str, axis: int) -> str:
        return f"{x}.softmax({axis})"

    def log_softmax(self, x: str, axis: int) -> str:
        return f"{x}.log_softmax({axis})"

    def sort(self, x: str, axis: int) -> str:
        return f"{x}.sort({axis}).values"

    def argsort(self, x: str, axis: int) -> str:
        return f"torch.argsort({x}, dim={axis}, stable=True)"

    def linear(self, x: str, weight: str, bias: str | None = None) -> str:
        return f"F.linear({listed([x, weight, *([bias] if bias else [])])})"

    def split(self, x: str, axis: int, sizes: Sequence[str]) -> str:
        return f"{x}.split({tupled(sizes)}, {axis})"

    def unbind(self, x: str, axis: int) -> str:
        return f"{x}.unbind({axis})"

    def arange(self, like: str, length: str) -> str:
        return f"torch.arange({length}, device={like}.device)"

    def index_array(self, index: str, like: str) -> str:
        return f"torch.as_tensor({index}, device={like}.device)"

    def attention(
        self, *arguments: str, extras: Sequence[str], causal: bool, grouped: bool, sizes: Sequence[str]
    ) -> str:
        own = super().attention(*arguments, extras=extras, causal=causal, grouped=grouped, sizes=sizes)
        masks = {"mask", "bias"} & set(extras)
        if {"softcap", "rng"} & set(extras) or len(masks) + causal > 1:
            return own
        if "bias" in extras:
            names = [{"bias": "added"}.get(name, name) for name in extras]
            flags = ["grouped=True"] * grouped
            return f"attend_with({listed([*arguments[:3], *given(names, arguments[3:]), *flags])})"
        theirs = {"mask": "attn_mask", "dropout": "dropout_p", "scale": "scale"}
        options = given([theirs[name] for name in extras], arguments[3:])
        options += ["is_causal=True"] * causal + ["enable_gqa=True"] * grouped
        fused = f"F.scaled_dot_product_attention({listed([*arguments[:3], *options])})"
        if not causal:
            return fused
        queries, keys = sizes  # torch aligns a causal mask at the start, we at the end
        return f"({fused} if {queries} == {keys} else {own})"

    def conv(
        self, *arguments: str, extras: Sequence[tuple[str, str]], dims: int, sizes: Sequence[str],
        transposed: bool, padding: str | None = None,
    ) -> str:  # fmt: skip
        if padding == "same" or any(kind == "pairs" for _, kind in extras):
            return super().conv(
                *arguments, extras=extras, dims=dims, sizes=sizes, transposed=transposed, padding=padding
            )
        options = given([name for name, _ in extras], arguments[2:])
        options += [f"groups={' * '.join(sizes)}"] if sizes else []
        function = f"F.conv_transpose{dims}d" if transposed else f"F.conv{dims}d"
        return f"{function}({listed([*arguments[:2], *options])})"


def from_numpy(array: Any, like: torch.Tensor) -> torch.Tensor:
    """A NumPy array on the device of a tensor."""
    return torch.as_tensor(array, device=like.device)


def floating(x: torch.Tensor) -> torch.Tensor:
    """Integers and bools as the default floating type."""
    return x if x.is_floating_point() or x.is_complex() else x.to(torch.get_default_dtype())


def ordered(x: torch.Tensor) -> torch.Tensor:
    """A tensor whose values torch can compare: bools as numbers."""
    return x.byte() if x.dtype == torch.bool else x


def promote(*tensors: torch.Tensor) -> list[torch.Tensor]:
    """Tensors as one dtype; bools count."""
    dtype = reduce(torch.promote_types, (tensor.dtype for tensor in tensors))
    dtype = torch.int64 if dtype == torch.bool else dtype
    return [tensor.to(dtype) for tensor in tensors]


def scalar(value: Any, like: torch.Tensor) -> torch.Tensor:
    """A Python number as a tensor that leaves the dtype of `like` as it is where it can.

    `torch.result_type` would say the same, but torch.compile cannot trace it.
    """
    dtype = like.dtype
    if isinstance(value, complex):
        dtype = torch.promote_types(dtype, torch.complex32 if like.is_floating_point() else torch.complex64)
    elif isinstance(value, float) and not (like.is_floating_point() or like.is_complex()):
        dtype = torch.get_default_dtype()
    elif not isinstance(value, bool) and dtype == torch.bool:
        dtype = torch.int64
    return torch.full((), value, dtype=dtype, device=like.device)


def coordinates(x: torch.Tensor) -> torch.Tensor:
    """A tensor of whole numbers that torch takes as indices."""
    if x.dtype == torch.int64:
        return x
    if x.dtype == torch.bool or x.is_floating_point() or x.is_complex():
        raise TypeError(f"coordinates must be whole numbers, not {x.dtype}")
    return x.long()


def rows(table: torch.Tensor, places: torch.Tensor) -> torch.Tensor:
    """Rows of a table. `F.embedding` is fast, but knows no negative places; on a GPU it cannot say so."""
    places = coordinates(places)
    if places.is_cpu and not torch.compiler.is_compiling():
        try:
            return F.embedding(places, table)
        except (IndexError, RuntimeError):
            pass
    return table[places]


def index_put(x: torch.Tensor, indices: tuple[torch.Tensor, ...], values: Any, mode: str) -> torch.Tensor:
    """A copy of `x` with values put, added or subtracted at some places."""
    if not isinstance(values, torch.Tensor) or values.dtype != x.dtype:
        values = torch.as_tensor(values, dtype=x.dtype, device=x.device)
    return x.index_put(indices, -values if mode == "subtract" else values, accumulate=mode != "set")


def unravel(index: torch.Tensor, sizes: Sequence[int], axis: int) -> torch.Tensor:
    """A place counted row-major over several axes, as one coordinate for each, along a new axis."""
    return generic.unravel(_Namespace, index, sizes, axis)


class _Namespace:
    """The little of an array namespace that generic kernels need from torch."""

    @staticmethod
    def stack(tensors: Sequence[torch.Tensor], axis: int) -> torch.Tensor:
        return torch.stack(tuple(tensors), axis)


def attend_with(
    q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, added: torch.Tensor,
    dropout: float = 0.0, scale: float | None = None, grouped: bool = False,
) -> torch.Tensor:  # fmt: skip
    """Attention with numbers added to the scores.

    On CPUs torch's kernel knows no gradients of these, and goes by slower steps than the ones here.
    """
    if added.dtype is not q.dtype:
        added = added.to(q.dtype)
    learned = added.requires_grad and torch.is_grad_enabled()
    if not learned or dropout or not q.is_cpu or not surely_finite_rows(added):
        return F.scaled_dot_product_attention(
            q, k, v, attn_mask=added, dropout_p=dropout, scale=scale, enable_gqa=grouped
        )
    if grouped:
        k, v = (x.repeat_interleave(q.shape[1] // x.shape[1], 1) for x in (k, v))
    scores = (q * (q.shape[-1] ** -0.5 if scale is None else scale)) @ k.transpose(-1, -2)
    return scores.add_(added).softmax(-1) @ v


def surely_finite_rows(x: torch.Tensor) -> bool:
    """Whether no row is -inf all along. Where values cannot be looked at, it may be."""
    if torch.compiler.is_compiling() or type(x) not in (torch.Tensor, torch.nn.Parameter):
        return False
    if torch._C._functorch.is_functorch_wrapped_tensor(x):  # pyright: ignore[reportAttributeAccessIssue]
        return False
    return bool((x.detach() > float("-inf")).any(-1).all())


def attend(
    q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, mask: Any = None, bias: Any = None,
    scale: float | None = None, softcap: float | None = None, dropout: float = 0.0, rng: Any = None,
    causal: bool = False, grouped: bool = False,
) -> torch.Tensor:  # fmt: skip
    """Scaled dot-product attention where torch's own call does not say all of it.

    `causal` is aligned at the end: the last query sees every key.
    """
    if rng is not None:
        raise NotSupportedError("rng= is for JAX and NumPy: torch draws from its own generator")
    queries, keys = q.shape[-2], k.shape[-2]
    bias = None if bias is None else bias.to(q.dtype)
    if causal:
        seen = torch.ones(queries, keys, dtype=torch.bool, device=q.device).tril(keys - queries)
        mask = seen if mask is None else torch.as_tensor(mask, device=q.device) & seen
    if softcap is None:
        if bias is not None:
            added = bias if mask is None else torch.where(mask, bias, float("-inf"))
            return attend_with(q, k, v, added, dropout, scale, grouped)
        return F.scaled_dot_product_attention(
            q, k, v, attn_mask=mask, dropout_p=dropout, scale=scale, enable_gqa=grouped
        )
    if grouped:
        k, v = (x.repeat_interleave(q.shape[1] // x.shape[1], 1) for x in (k, v))
    scores = q @ k.transpose(-1, -2) * (q.shape[-1] ** -0.5 if scale is None else scale)
    scores = softcap * torch.tanh(scores / softcap)
    if bias is not None:
        scores = scores + bias
    if mask is not None:
        scores = scores.masked_fill(~torch.as_tensor(mask, device=q.device), float("-inf"))
    weights = torch.ops.aten._safe_softmax(scores, -1)
    return F.dropout(weights, dropout) @ v


def convolve(
    x: torch.Tensor, w: torch.Tensor, stride: Any = 1, padding: Any = 0, dilation: Any = 1, groups: int = 1,
    transposed: bool = False, output_padding: Any = 0, bias: torch.Tensor | None = None,
) -> torch.Tensor:  # fmt: skip
    """Convolution with padding that differs between the two sides of an axis."""
    count = x.ndim - 2
    stride, dilation = generic.per_axis(stride, count), generic.per_axis(dilation, count)
    amounts = generic.pads(padding, x.shape[2:], w.shape[2:], stride, dilation)
    if not transposed:
        function = (F.conv1d, F.conv2d, F.conv3d)[count - 1]
        return function(pad(x, amounts), w, bias, stride, 0, dilation, groups)
    function = (F.conv_transpose1d, F.conv_transpose2d, F.conv_transpose3d)[count - 1]
    full = function(x, w, bias, stride, 0, output_padding, groups, dilation)
    kept = tuple(slice(a, s - b) for (a, b), s in zip(amounts, full.shape[2:], strict=True))
    return full[(slice(None), slice(None), *kept)]


def pad(x: torch.Tensor, amounts: Sequence[tuple[int, int]], fill: float = 0) -> torch.Tensor:
    """Pad the last dimensions on both sides."""
    return F.pad(x, [each for pair in reversed(amounts) for each in pair], value=fill)


def windows(
    x: torch.Tensor, axes: Sequence[int], sizes: Sequence[int], stride: Any = 1, padding: Any = 0,
    dilation: Any = 1, fill: float = 0,
) -> torch.Tensor:  # fmt: skip
    """Windows along some axes, as new last axes, without copying."""
    stride, dilation = generic.per_axis(stride, len(axes)), generic.per_axis(dilation, len(axes))
    lengths = [x.shape[axis] for axis in axes]
    amounts = generic.pads(padding, lengths, sizes, stride, dilation)
    every = [(0, 0)] * x.ndim
    for axis, amount in zip(axes, amounts, strict=True):
        every[axis] = amount
    if any(map(any, every)):
        x = pad(x, every, fill)
    for axis, size, step, gap, length, amount in zip(axes, sizes, stride, dilation, lengths, amounts, strict=True):
        generic.places(length, amount, size, step, gap)
        x = x.unfold(axis, gap * (size - 1) + 1, step)
        x = x[..., ::gap] if gap > 1 else x
    return x


def vmap(function: Callable[..., Any], where: Sequence[Sequence[bool]]) -> Callable[..., Any]:
    """A function mapped over leading axes; `where` says which tensors have which."""
    for loop in reversed(range(len(where[0]) if where else 0)):
        function = torch.func.vmap(function, in_dims=tuple(0 if has[loop] else None for has in where))
    return function
