"""Gradients agree with finite differences, on random calls of every operation that has any."""

from random import Random

import jax
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import wirework as ww
from strategies import FAMILIES, Case, Data, Unsolvable, cases
from targets import TORCH, Target, on

WITHOUT = {
    "argmin", "argmax", "any", "all", "count_nonzero", "floor_divide", "less", "less_equal", "greater",
    "greater_equal", "equal", "not_equal", "logical_and", "logical_or", "argsort",
}  # fmt: skip
STEP = 1e-5
EXAMPLES = max(settings().max_examples // 2, 1)


def smooth(case: Case | None) -> Case | None:
    """The case in float64, its values moved off ties; `None` if it has no gradient."""
    if case is None or case.operation in WITHOUT or any(dtype in case.dtypes for dtype in ("bool", "complex64")):
        return None
    if not all(isinstance(argument, Data) for argument in case.arguments):
        return None
    rng = np.random.default_rng(len(case.expression))
    arguments: list[Data] = []
    for argument in case.arguments:
        if "int" in argument.dtype:
            arguments.append(argument)
        else:
            values = argument.values.astype("float64")
            arguments.append(Data(np.abs(values) + 1 + rng.random(values.shape) / 8, "float64"))
    return Case(case.operation, case.expression, arguments, case.keywords, case.loose)


def smooth_cases(family: str) -> st.SearchStrategy[Case]:
    def make(rng: Random) -> Case | None:
        try:
            return smooth(FAMILIES[family](rng))
        except Unsolvable:
            return None

    return cases(make)


def flat_outputs(case: Case, target: Target, arrays: list) -> list:
    keywords = {name: on(target, value) for name, value in case.keywords.items()}
    result = getattr(ww, case.operation)(case.expression, *arrays, **keywords)
    return list(result) if isinstance(result, tuple) else [result]


def directional(case: Case, floats: list[int], directions: list[np.ndarray]) -> tuple[float, float]:
    """The change along a direction, by torch's gradient and by a finite difference."""
    base = [torch.from_numpy(np.array(a.values, order="C")) for a in case.arguments]
    weights: list[torch.Tensor] = []

    def value(shift: float, gradient: bool = False) -> tuple[torch.Tensor, list[torch.Tensor]]:
        arrays = list(base)
        for place, direction in zip(floats, directions, strict=True):
            arrays[place] = (base[place] + shift * torch.from_numpy(direction)).requires_grad_(gradient)
        results = flat_outputs(case, TORCH, arrays)
        if not weights:
            source = torch.Generator().manual_seed(0)
            weights.extend(torch.rand(result.shape, generator=source, dtype=torch.float64) for result in results)
        total = sum((result * weight).sum() for result, weight in zip(results, weights, strict=True))
        return total, [arrays[place] for place in floats]

    total, leaves = value(0.0, gradient=True)
    if not total.requires_grad:
        return 0.0, 0.0
    gradients = torch.autograd.grad(total, leaves, allow_unused=True)
    found = sum(
        (gradient * torch.from_numpy(direction)).sum().item()
        for gradient, direction in zip(gradients, directions, strict=True)
        if gradient is not None
    )
    with torch.no_grad():
        wanted = ((value(STEP)[0] - value(-STEP)[0]) / (2 * STEP)).item()
    return found, wanted


@pytest.mark.filterwarnings("ignore:.*degrees of freedom")
@pytest.mark.parametrize("family", FAMILIES)
@settings(max_examples=EXAMPLES)
@given(data=st.data(), seed=st.integers(0, 1000))
def test_torch_gradients(family, data, seed):
    case = data.draw(smooth_cases(family))
    floats = [place for place, argument in enumerate(case.arguments) if argument.dtype == "float64"]
    rng = np.random.default_rng(seed)
    directions = [np.asarray(rng.standard_normal(case.arguments[place].values.shape)) for place in floats]
    if case.operation == "set_at" and directions:  # which of several values at one place stays is not said
        directions[-1] = np.zeros_like(directions[-1])
    found, wanted = directional(case, floats, directions)
    if np.isfinite(wanted):
        np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=1e-5, err_msg=repr(case))


@pytest.mark.parametrize(
    "name, expression, shapes, keywords",
    [
        ("rearrange", "a (b c), c -> (b + 1) c a", [(2, 6), (3,)], {}),
        ("logsumexp", "a [b]", [(2, 3)], {}),
        ("std", "a [b]", [(2, 3)], {}),
        ("max", "a [b]", [(2, 3)], {}),
        ("divide", "a b, b", [(2, 3), (3,)], {}),
        ("dot", "a [b], [b] c, c -> c a", [(2, 3), (3, 4), (4,)], {}),
        ("softmax", "[a b] c", [(2, 3, 2)], {}),
        ("sort", "a [b]", [(2, 3)], {}),
        ("cumprod", "a [b]", [(2, 3)], {}),
        (
            "attention",
            "q (h [d]), [k] (h [d]), [k] (h e) -> q (h e)",
            [(2, 4), (3, 4), (3, 6)],
            {"h": 2, "causal": True},
        ),
        ("conv", "b [s...] [c -> d]", [(1, 4, 4, 2), (3, 3, 2, 2)], {"stride": 2, "padding": 1}),
        ("window", "[s] -> s [w]", [(6,)], {"w": 3, "stride": 2}),
    ],
)
def test_jax_gradients(name, expression, shapes, keywords):
    with jax.enable_x64(True):
        rng = np.random.default_rng(0)
        arrays = [rng.random(shape) + 0.5 for shape in shapes]

        def value(*arrays):
            return (getattr(ww, name)(expression, *arrays, **keywords) ** 2).sum()

        gradients = jax.jit(jax.grad(value, argnums=tuple(range(len(arrays)))))(*arrays)
        for place, gradient in enumerate(gradients):
            direction = rng.standard_normal(arrays[place].shape)
            moved = [list(arrays), list(arrays)]
            for sign, each in zip((1, -1), moved, strict=True):
                each[place] = arrays[place] + sign * STEP * direction
            wanted = (value(*moved[0]) - value(*moved[1])) / (2 * STEP)
            np.testing.assert_allclose((gradient * direction).sum(), wanted, rtol=1e-5, atol=1e-6)


def test_a_row_with_every_key_masked_has_no_gradient():
    q, k, v = (torch.rand(2, 3, dtype=torch.float64, requires_grad=True) for _ in range(3))
    mask = torch.tensor([[False, False], [True, False]])
    result = ww.attention("q [d], [k] [d], [k] e -> q e", q, k, v, mask=mask)
    assert torch.equal(result[0], torch.zeros(3, dtype=torch.float64))
    result.sum().backward()
    for each in (q, k, v):
        assert torch.isfinite(each.grad).all()
    assert torch.equal(q.grad[0], torch.zeros(3, dtype=torch.float64))


def test_values_that_are_set_have_gradients():
    x, values = (torch.rand(size, dtype=torch.float64, requires_grad=True) for size in (4, 3))
    result = ww.set_at("[a], b, b", x, torch.tensor([2, 0, -1]), values)
    (result * torch.tensor([1.0, 2.0, 3.0, 4.0])).sum().backward()
    assert x.grad.tolist() == [0, 2, 0, 0]
    assert values.grad.tolist() == [3, 1, 4]
