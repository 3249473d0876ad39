"""Functions of the user in the notation, against the loops they mean."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import wirework as ww
from strategies import Case, Scene, bracketing, cases
from targets import JAX_JIT, NUMPY, STRICT, TORCH, actual, compare, on, precise
from wirework import reference
from wirework.errors import NotSupportedError
from wirework.operations import adapted

LIBRARIES = {"numpy": np, "torch": torch, "jax": jnp}
FEW = max(settings().max_examples // 5, 1)


def functions(xp):
    """Functions of cells in some array library: of one cell, of two, with two results, with axes of its own."""
    return {
        "squares": lambda x: xp.sum(x * x),
        "product": lambda x, y: xp.sum(x) * xp.sum(y),
        "two": lambda x: (xp.sum(x), x * 2),
        "doubled": lambda x: xp.concatenate([x, x]),
    }


def make(rng):
    scene = Scene(rng)
    name = rng.choice(("squares", "product", "two", "doubled"))
    inside = [scene.axis(1) for _ in range(1 if name in ("two", "doubled") else rng.randint(1, 2))]
    outside = [scene.axis(1) for _ in range(rng.randint(0, 3))]
    operands = [scene.joined_brackets(scene.layout([*outside, *inside], wrap=bracketing(scene, inside)))]
    if name == "product":
        other = [axis for axis in outside if rng.random() < 0.5]
        operands.append(scene.layout([*other, inside[0]], wrap=bracketing(scene, inside)))
    outputs = [scene.layout(outside)]
    if name == "two":
        outputs.append(scene.layout([*outside, *inside], wrap=bracketing(scene, inside)))
    if name == "doubled":
        new = scene.names.pop()
        scene.lengths[new] = 2 * scene.lengths[inside[0]]
        outputs = [scene.layout([*outside, new], wrap=bracketing(scene, [new]))]
    given_sizes = scene.given(operands, [*outside, *inside])
    data = [scene.operand(terms, "float64") for terms in operands]
    return Case(name, scene.text(operands, outputs), data, given_sizes)


@pytest.mark.parametrize("target", [NUMPY, TORCH, JAX_JIT], ids=lambda target: target.name)
@settings(max_examples=FEW)
@given(data=st.data())
def test_vmap(target, data):
    case = data.draw(cases(make))
    operation = adapted(functions(np)[case.operation], "vmap")
    wanted = reference.run(operation, case.expression, *map(precise, case.arguments), **case.keywords)
    function = ww.adapt(functions(LIBRARIES[target.name])[case.operation])
    with jax.enable_x64(True):
        compare(case, actual(case, target, function), wanted if isinstance(wanted, tuple) else (wanted,))


@pytest.mark.parametrize("target", [NUMPY, TORCH], ids=lambda target: target.name)
def test_elementwise_and_reduce(target):
    xp = LIBRARIES[target.name]
    values = np.random.default_rng(0).random((2, 3, 4))
    x, y = target.array(values, "float64"), target.array(values[:, 0], "float64")
    hypot = ww.adapt(xp.hypot, kind="elementwise")
    np.testing.assert_allclose(target.values(hypot("a b c, a c -> c b a", x, y)), np.hypot(values, values[:, :1]).T)
    norm = ww.adapt(xp.linalg.norm, kind="reduce")
    np.testing.assert_allclose(target.values(norm("a [b] c", x)), np.linalg.norm(values, axis=1))
    np.testing.assert_allclose(target.values(norm("a b c -> c b", x)), np.linalg.norm(values, axis=0).T)


@pytest.mark.parametrize(
    "name", ["vmap", "take", "promote", "fail", "root", "np", "function", "x", "lambda", "expect_rank"]
)
def test_any_name_of_a_function(name):
    def function(x):
        return (x * x).sum()

    function.__name__ = name
    for target in (NUMPY, TORCH):
        result = ww.adapt(function)("a [b] -> a", on(target, target.array(np.ones((2, 3)), "float64")))
        assert result.tolist() == [3, 3]


def test_torch_gradients_and_compile():
    norm = ww.adapt(lambda x: (x * x).sum())
    x = torch.rand(2, 3, requires_grad=True)
    norm("a [b] -> a", x).sum().backward()
    torch.testing.assert_close(x.grad, 2 * x.detach())


def test_an_exception_of_the_function_comes_through():
    def function(x):
        raise ZeroDivisionError("of the user")

    with pytest.raises(ZeroDivisionError, match="of the user"):
        ww.adapt(function)("a [b] -> a", np.ones((2, 3)))


def test_the_array_api_has_nothing_to_map_with():
    with pytest.raises(NotSupportedError):
        ww.adapt(lambda x: x)("a [b] -> a [b]", STRICT.array(np.ones((2, 3)), "float64"))
