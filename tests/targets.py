"""The array libraries that every operation is tested on, and how a case is run on one of them."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import array_api_strict
import ml_dtypes
import numpy as np
import torch

import wirework as ww
from strategies import Case, Data, Factory
from wirework import reference

HALF = ("float16", "bfloat16")


@dataclass(frozen=True)
class Target:
    """An array library.

    Attributes:
        array: makes its array from values and the name of a dtype, keeping the strides where it can.
        values: the values of one of its arrays, as NumPy has them.
        refuses: whether the library itself cannot do a case.
        call: calls a function, for a library that wants its functions compiled.
    """

    name: str
    array: Callable[[np.ndarray, str], Any]
    values: Callable[[Any], np.ndarray]
    refuses: Callable[[Case], bool] = lambda case: False
    call: Callable[..., Any] = lambda function, *arguments, **keywords: function(*arguments, **keywords)


def numpy_array(values: np.ndarray, dtype: str) -> np.ndarray:
    return values


def torch_array(values: np.ndarray, dtype: str) -> torch.Tensor:
    if any(stride < 0 for stride in values.strides):
        values = np.array(values, order="C")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of arrays that cannot be written to: none is
        return torch.from_numpy(values).to(getattr(torch, dtype))


def torch_values(tensor: torch.Tensor) -> np.ndarray:
    tensor = tensor.detach().cpu()
    return (tensor.double() if tensor.dtype == torch.bfloat16 else tensor).resolve_neg().resolve_conj().numpy()


def jax_array(values: np.ndarray, dtype: str) -> Any:
    import jax.numpy as jnp

    return jnp.asarray(values, dtype=dtype)


def jax_values(array: Any) -> np.ndarray:
    values = np.asarray(array)
    return values.astype("float64") if values.dtype == ml_dtypes.bfloat16 else values


def jitted(function: Callable[..., Any], *arguments: Any, **keywords: Any) -> Any:
    """A call under jit: op by op, JAX compiles each for every new shape, which takes longer."""
    import jax

    arrays = {place: argument for place, argument in enumerate(arguments) if isinstance(argument, jax.Array)}

    def run(arrays: dict[int, Any]) -> Any:
        return function(*(arrays.get(place, argument) for place, argument in enumerate(arguments)), **keywords)

    return jax.jit(run)(arrays)


def strict_array(values: np.ndarray, dtype: str) -> Any:
    return array_api_strict.asarray(np.array(values))


def strict_values(array: Any) -> np.ndarray:
    return np.asarray(array._array)


MOVES = ("rearrange", "id", "flip", "roll", "where", "equal", "not_equal", "get_at", "set_at", "any", "all")
MIXES = ("get_at", "set_at", "add_at", "subtract_at", "where", "attention")


def strict_refuses(case: Case) -> bool:
    """The standard has no half precision, does not mix dtypes, and has each function for some dtypes only."""
    dtypes = case.dtypes
    if dtypes & set(HALF) or ("complex64" in dtypes and case.operation not in MOVES):
        return True
    if case.operation == "where" and sum(not isinstance(argument, Data) for argument in case.arguments) > 1:
        return True  # the dtype of two Python numbers is left open
    if case.operation in ("logical_and", "logical_or"):
        return dtypes != {"bool"}
    if case.operation in ("divide", "true_divide") and any("int" in dtype for dtype in dtypes):
        return True
    if case.operation in MIXES:
        return "bool" in dtypes and case.operation not in MOVES
    return len(dtypes) > 1 or ("bool" in dtypes and case.operation not in MOVES)


NUMPY = Target("numpy", numpy_array, np.asarray, lambda case: "bfloat16" in case.dtypes)
TORCH = Target("torch", torch_array, torch_values)
JAX = Target("jax", jax_array, jax_values)
JAX_JIT = Target("jax", jax_array, jax_values, call=jitted)
STRICT = Target("array_api_strict", strict_array, strict_values, strict_refuses)
EAGER = (NUMPY, TORCH, STRICT)


def on(target: Target, value: Any) -> Any:
    """An argument or option of a case as the target has it."""
    match value:
        case Data(values, dtype):
            return target.array(values, dtype)
        case Factory(data):
            return factory(target, data)
        case (str(axes), Data() as data):
            return (axes, on(target, data))
    return value


def factory(target: Target, data: Data) -> Callable[[tuple[int, ...]], Any]:
    def make(shape: tuple[int, ...]) -> Any:
        assert tuple(shape) == data.values.shape, f"asked for {shape}, not {data.values.shape}"
        return target.array(data.values, data.dtype)

    return make


def precise(value: Any) -> Any:
    """An argument of a case as the reference has it: half precision as float64."""
    match value:
        case Data(values, dtype):
            return values.astype("float64") if dtype in (*HALF, "float32") else values.astype(precise_kind(dtype))
        case Factory(data):
            return lambda shape: precise(data)
        case (str(axes), Data() as data):
            return (axes, precise(data))
    return value


def precise_kind(dtype: str) -> str:
    if dtype == "complex64":
        return "complex128"
    return "int64" if "int" in dtype else dtype


def expected(case: Case) -> tuple[np.ndarray, ...]:
    """What the definition says."""
    with np.errstate(all="ignore"):
        result = reference.run(
            case.operation, case.expression, *map(precise, case.arguments),
            **{name: precise(value) for name, value in case.keywords.items()},
        )  # fmt: skip
    return result if isinstance(result, tuple) else (result,)


def actual(case: Case, target: Target, function: Any = None) -> tuple[np.ndarray, ...]:
    """What the engine gives. Arguments must come out as they went in."""
    function = function or getattr(ww, case.operation)
    arguments = [on(target, argument) for argument in case.arguments]
    keywords = {name: on(target, value) for name, value in case.keywords.items()}
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        result = target.call(function, case.expression, *arguments, **keywords)
    for argument, given in zip(case.arguments, arguments, strict=True):
        if isinstance(argument, Data):
            np.testing.assert_array_equal(target.values(given), np.asarray(argument.values), "an input was changed")
    results = result if isinstance(result, tuple) else (result,)
    return tuple(map(target.values, results))


def check(case: Case, target: Target, function: Any = None) -> None:
    """Compare the engine on one array library with the definition."""
    if not target.refuses(case):
        compare(case, actual(case, target, function), expected(case))


def check_all(case: Case, targets: tuple[Target, ...] = EAGER) -> None:
    """Compare the engine on several array libraries with the definition."""
    wanted = expected(case)
    for target in targets:
        if not target.refuses(case):
            try:
                compare(case, actual(case, target), wanted)
            except Exception as error:
                error.add_note(f"on {target.name}: {case!r}")
                raise


def compare(case: Case, found: tuple[np.ndarray, ...], wanted: tuple[np.ndarray, ...]) -> None:
    assert len(found) == len(wanted)
    exact = case.dtypes & {"float64"} and not case.dtypes & {*HALF, "float32", "complex64"}
    half = case.loose or case.dtypes & set(HALF)
    tolerance = 5e-2 if half else 1e-9 if exact else 2e-4
    for one, other in zip(found, wanted, strict=True):
        assert one.shape == other.shape, f"shape {one.shape}, not {other.shape}"
        if one.dtype.kind in "iu" and other.dtype.kind in "iu":
            other = other.astype(one.dtype)  # narrow integers wrap around, as they do in every library
        np.testing.assert_allclose(one, other, rtol=tolerance, atol=tolerance)
