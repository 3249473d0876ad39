"""Every operation, on random valid calls and every array library, gives what its loops give."""

import jax
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

import wirework as ww
from strategies import FAMILIES, cases
from targets import JAX, JAX_JIT, check, check_all

MORE = settings().max_examples * 3  # each on three libraries
SOME = max(settings().max_examples // 3, 1)  # JAX compiles every one of them
FEW = max(settings().max_examples // 20, 1)


@pytest.fixture(autouse=True, scope="module")
def double_precision():
    with jax.enable_x64(True):
        yield


@pytest.mark.filterwarnings("ignore:.*degrees of freedom")
@pytest.mark.parametrize("family", FAMILIES)
@settings(max_examples=MORE)
@given(data=st.data())
def test_as_the_loops_say(family, data):
    check_all(data.draw(cases(FAMILIES[family])))


@pytest.mark.parametrize("family", FAMILIES)
@settings(max_examples=SOME)
@given(data=st.data())
def test_as_the_loops_say_under_jit(family, data):
    check(data.draw(cases(FAMILIES[family])), JAX_JIT)


@pytest.mark.parametrize("family", FAMILIES)
@settings(max_examples=FEW)
@given(data=st.data())
def test_as_the_loops_say_on_jax(family, data):
    check(data.draw(cases(FAMILIES[family])), JAX)


# -- dtypes: what a library does by itself ---------------------------------------------------------------------

DTYPES = ("bool", "int8", "uint8", "int32", "int64", "float16", "bfloat16", "float32", "float64", "complex64")


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("expression", ["a b -> b a", "a b -> (b a) 2", "a b -> (a + a) b"])
def test_moving_keeps_the_dtype(expression, dtype):
    x = torch.zeros(2, 3, dtype=getattr(torch, dtype))
    arrays = [x, x] if "+" in expression else [x]
    left, right = expression.split(" -> ")
    result = ww.rearrange(f"{left}, {left} -> {right}" if len(arrays) > 1 else expression, *arrays)
    assert result.dtype == x.dtype


@pytest.mark.parametrize("dtype", [d for d in DTYPES if d not in ("bool", "complex64")])
@pytest.mark.parametrize("name", ["min", "max", "sort", "flip"])
def test_choosing_keeps_the_dtype(name, dtype):
    x = torch.zeros(2, 3, dtype=getattr(torch, dtype))
    assert getattr(ww, name)("a [b]", x).dtype == x.dtype


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
@pytest.mark.parametrize("name", ["mean", "var", "std", "sum", "prod", "logsumexp"])
def test_reducing_floats_keeps_the_dtype(name, dtype):
    x = torch.ones(2, 3, dtype=getattr(torch, dtype))
    assert getattr(ww, name)("a [b]", x).dtype == x.dtype


@pytest.mark.parametrize("dtype", ["bool", "int8", "uint8", "int32", "int64"])
@pytest.mark.parametrize("name", ["mean", "var", "std", "logsumexp"])
def test_means_of_integers_are_floats(name, dtype):
    values = np.ones((2, 3), dtype)
    assert getattr(ww, name)("a [b]", values).dtype.kind == "f"
    assert getattr(ww, name)("a [b]", torch.from_numpy(values)).dtype == torch.get_default_dtype()


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64", "int8", "uint8", "int32"])
@pytest.mark.parametrize("name", ["add", "subtract", "multiply", "maximum", "minimum"])
def test_a_python_number_follows_the_array(name, dtype):
    x = torch.ones(3, dtype=getattr(torch, dtype))
    number = 2 if "int" in dtype else 2.0
    assert getattr(ww, name)("a, -> a", x, number).dtype == x.dtype
    assert getattr(ww, name)(", a -> a", number, x).dtype == x.dtype
    if dtype != "bfloat16":
        values = np.ones(3, dtype)
        assert getattr(ww, name)("a, -> a", values, number).dtype == values.dtype


@pytest.mark.parametrize("one", ["bool", "int8", "int64", "float32", "float64"])
@pytest.mark.parametrize("other", ["bool", "int8", "int64", "float32", "float64"])
@pytest.mark.parametrize("name", ["add", "multiply", "maximum", "equal", "where"])
def test_two_arrays_promote_as_the_library_does(name, one, other):
    x, y = torch.ones(3, dtype=getattr(torch, one)), torch.ones(3, dtype=getattr(torch, other))
    native = {"add": torch.add, "multiply": torch.multiply, "maximum": torch.maximum, "equal": torch.eq}
    if name == "where":
        condition = torch.ones(3, dtype=torch.bool)
        result = ww.where("a, a, a", condition, x, y)
        assert result.dtype == torch.where(condition, x, y).dtype
        return
    assert getattr(ww, name)("a, a", x, y).dtype == native[name](x, y).dtype
    xn, yn = x.numpy(), y.numpy()
    assert getattr(ww, name)("a, a", xn, yn).dtype == getattr(np, name)(xn, yn).dtype


@pytest.mark.parametrize("one", ["bool", "int8", "int64", "float16", "float32", "float64"])
@pytest.mark.parametrize("other", ["bool", "int32", "int64", "float32", "float64"])
def test_dot_of_mixed_dtypes(one, other):
    x, y = torch.ones(2, 3, dtype=getattr(torch, one)), torch.ones(3, 2, dtype=getattr(torch, other))
    result = ww.dot("a b, b c -> a c", x, y)
    promoted = torch.promote_types(x.dtype, y.dtype)
    assert result.dtype == (torch.int64 if promoted == torch.bool else promoted)
    assert result.tolist() == [[3, 3], [3, 3]]


@pytest.mark.parametrize("rows", ["", "t ", "b t "])
@pytest.mark.parametrize("weight", ["[c] d", "d [c]"])
@pytest.mark.parametrize("after", ["{} d", "d {}"])
def test_a_bias_goes_with_a_weight_either_way_round(rows, weight, after):
    x, b = np.random.default_rng(0).standard_normal((2, 3, 4))[(0,) * (2 - rows.count(" "))], np.arange(5.0)
    w = np.random.default_rng(1).standard_normal((4, 5))
    expected = x @ w + b
    expected = expected if after.startswith("{") else np.moveaxis(expected, -1, 0)
    given_weight = w if weight.startswith("[") else w.T
    for convert in (np.asarray, torch.tensor, jax.numpy.asarray):
        text = f"{rows}[c], {weight} -> {after.format(rows)}"
        found = ww.dot(text, convert(x), convert(given_weight), bias=convert(b))
        np.testing.assert_allclose(np.asarray(found), expected)
