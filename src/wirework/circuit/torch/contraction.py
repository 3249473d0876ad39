"""Products of matrices, and whatever else sums over products."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch import Tensor

from wirework.circuit.axes import columns, found, solid
from wirework.circuit.broadcasting import broadcast
from wirework.circuit.readings import marked
from wirework.circuit.recorder import Array
from wirework.circuit.shaping import wish
from wirework.circuit.torch.call import Call
from wirework.circuit.torch.table import translates


def contract(call: Call, inputs: Sequence[Array], letters: Sequence[str], output: str) -> tuple[Array, ...]:
    """A contraction, written with a letter for each dimension."""
    entries = {letter: [] for letter in dict.fromkeys("".join(letters))}
    for array, operand in zip(inputs, letters, strict=True):
        for dim, letter in zip(array.dims, operand, strict=True):
            entries[letter].append(found(dim))
    dims = dict(zip(entries, columns(list(entries.values())), strict=True))
    summed = [each for letter, dim in dims.items() if letter not in output for each in dim]
    readings = [
        marked([broadcast(found(dim), dims[letter]) for dim, letter in zip(array.dims, operand, strict=True)], summed)
        for array, operand in zip(inputs, letters, strict=True)
    ]
    return call.step("dot", inputs, readings, [call.result([dims[letter] for letter in output])])


@translates("linear")
def linear(call: Call, input: Tensor, weight: Tensor, bias: Tensor | None = None) -> tuple[Array, ...]:
    """`b t [c], d [c] -> b t d`, and a bias."""
    x, w = call.array(input), call.array(weight)
    wish(w.dims[-1:], "c")
    if len(w.dims) == 1:
        batch = letters_for(len(x.dims) - 1, "z")
        result = contract(call, (x, w), (f"{batch}z", "z"), batch)
        return result if bias is None else call.elementwise("add", result[0], bias)
    return with_bias(call, x, w, (1, 0), bias)


@translates("addmm")
def addmm(call: Call, input: Tensor, mat1: Tensor, mat2: Tensor, *, beta: Any = 1, alpha: Any = 1) -> Any:
    """`t [c], [c] d -> t d`, and a bias."""
    if beta != 1 or alpha != 1:
        return None
    x, w = call.array(mat1), call.array(mat2)
    if input.dim() == 1:
        return with_bias(call, x, w, (0, 1), input)
    return call.elementwise("add", matmul(call, mat1, mat2)[0], input)


@translates("baddbmm")
def baddbmm(call: Call, input: Tensor, batch1: Tensor, batch2: Tensor, *, beta: Any = 1, alpha: Any = 1) -> Any:
    """A product of matrices, and something added."""
    if beta == 0:
        result = matmul(call, batch1, batch2)
        return result if alpha == 1 else call.elementwise("multiply", result[0], alpha)
    if beta != 1 or alpha != 1:
        return None
    return call.elementwise("add", matmul(call, batch1, batch2)[0], input)


def with_bias(call: Call, x: Array, w: Array, order: tuple[int, int], bias: Tensor | None) -> tuple[Array, ...]:
    """A matrix product with a weight whose dimensions in and out stand in some order, and a bias."""
    into, out = (w.dims[place] for place in order)
    wish([out], "c")
    batch = list(x.dims[:-1])
    dims = columns([*([dim] for dim in batch), [x.dims[-1], into], [out]])
    *free, inside, outside = dims
    reading_of_weight = [inside, outside] if order == (0, 1) else [outside, inside]
    readings = (marked([*free, inside], inside), marked(reading_of_weight, inside))
    results = [call.result([*free, outside])]
    if bias is None or len(outside) != 1:
        product = call.step("dot", (x, w), readings, results)
        return product if bias is None else call.elementwise("add", product[0], bias)
    b = call.array(bias)
    columns([[b.dims[0], outside]])
    solid(outside)
    return call.step("dot", (x, w), readings, results, {"bias": b})


@translates("matmul", "__matmul__", "mm", "bmm", "mv", "dot", "vdot")
def matmul(call: Call, input: Tensor, other: Tensor) -> tuple[Array, ...]:
    """A product of matrices, or of stacks of them."""
    x, y = call.array(input), call.array(other)
    rows, columns_ = ("r" if len(x.dims) > 1 else ""), ("c" if len(y.dims) > 1 else "")
    batch = letters_for(max(len(x.dims), len(y.dims)) - 2, "rzc")
    left = batch[len(batch) - max(len(x.dims) - 2, 0) :] if len(x.dims) > 2 else ""
    right = batch[len(batch) - max(len(y.dims) - 2, 0) :] if len(y.dims) > 2 else ""
    return contract(call, (x, y), (f"{left}{rows}z", f"{right}z{columns_}"), f"{batch}{rows}{columns_}")


@translates("outer", "ger")
def outer(call: Call, input: Tensor, vec2: Tensor) -> tuple[Array, ...]:
    """Every element times every other."""
    return contract(call, (call.array(input), call.array(vec2)), ("x", "y"), "xy")


@translates("torch.functional.einsum", "einsum")
def einsum(call: Call, equation: str, *operands: Any) -> tuple[Array, ...] | None:
    """As the equation says."""
    operands = tuple(operands[0]) if len(operands) == 1 and isinstance(operands[0], list | tuple) else operands
    if not isinstance(equation, str) or not all(isinstance(each, Tensor) for each in operands):
        return None
    arrays = [call.array(each) for each in operands]
    left, arrow, right = equation.replace(" ", "").partition("->")
    parts = left.split(",")
    free = letters_for(max(len(array.dims) for array in arrays), left + right)
    dots = [len(array.dims) - len(part.replace("...", "")) for array, part in zip(arrays, parts, strict=True)]
    most = max((count for count, part in zip(dots, parts, strict=True) if "..." in part), default=0)
    letters = [
        part.replace("...", free[:most][most - count :] if count else "")
        for part, count in zip(parts, dots, strict=True)
    ]
    if not arrow:
        everything = left.replace("...", "").replace(",", "")
        right = "..." * ("..." in left) + "".join(
            sorted(letter for letter in set(everything) if everything.count(letter) == 1)
        )
    return contract(call, arrays, letters, right.replace("...", free[:most]))


def letters_for(count: int, taken: str) -> str:
    """Some letters that are not taken."""
    alphabet = "abdefghijklmnopqstuvwxyABCDEFGHIJKLMNOPQRSTUVWXYZ"
    return "".join([letter for letter in alphabet if letter not in taken][: max(count, 0)])
