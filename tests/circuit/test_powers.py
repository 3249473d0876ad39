"""Numbers that follow lengths: code that calculates with a length leaves its axis a symbol."""

import math
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import wirework as ww
from circuit.making import Maker
from wirework.circuit import Circuit
from wirework.circuit.powers import Power, formula
from wirework.polynomial import Polynomial

SIGNATURES = ("y k", "x k", "x k")
ROOTS = {
    "power": (lambda s, k: s * k**-0.5, "k**-0.5"),
    "divided by a power": (lambda s, k: s / k**0.5, "k**0.5"),
    "math": (lambda s, k: s / math.sqrt(k), "k**0.5"),
    "numpy": (lambda s, k: s / np.sqrt(k), "k**0.5"),
}
OTHERS = {
    "fourth root": (lambda s, k: s * k**-0.25, "k**-0.25"),
    "mean": (lambda s, k: s * (1 / k), "k**-1.0"),
    "whole": (lambda s, k: s * int(k), "k"),
    "not whole": (lambda s, k: s * float(k), "k**1.0"),
    "with a factor": (lambda s, k: s * (0.3 * k**-0.5), "0.3*k**-0.5"),
}


def attention(scaled):
    """Attention whose scores are scaled by what is made of their number of features."""

    def attention(q, k, v):
        scores = scaled(ww.dot("y [k], x [k] -> y x", q, k), k.shape[-1])
        return ww.dot("y [x], [x] k -> y k", ww.softmax("y [x]", scores), v)

    return attention


def arrays(y=4, x=5, k=6):
    rng = np.random.default_rng(0)
    return [rng.standard_normal(shape).astype(np.float32) for shape in ((y, k), (x, k), (x, k))]


def value_of(circuit):
    """The one number among the operations of a circuit."""
    (value,) = [node.options["value"] for node in circuit.nodes if node.kind in ("constant", "full")]
    return value


# -- tracing ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ROOTS | OTHERS)
def test_a_power_of_a_length_is_a_formula(name):
    scaled, text = (ROOTS | OTHERS)[name]
    circuit = ww.trace(attention(scaled), *SIGNATURES)
    assert {axis: str(size) for axis, size in circuit.axes.items()} == {"y": "y", "k": "k", "x": "x"}
    assert value_of(circuit) == text
    for k in (1, 6, 64):
        given = arrays(k=k)
        wanted = attention(scaled)(*given)
        np.testing.assert_allclose(circuit.run(*given), wanted, rtol=1e-5)


@pytest.mark.parametrize("name", [name for name in ROOTS | OTHERS if name != "whole"])
def test_torch(name):
    torch = pytest.importorskip("torch")
    scaled, text = (ROOTS | OTHERS)[name]

    def function(q, k, v):
        return torch.softmax(scaled(q @ k.T, k.shape[-1]), -1) @ v

    circuit = ww.trace(function, *SIGNATURES)
    assert value_of(circuit) == text
    for k in (3, 16):
        given = [torch.from_numpy(each) for each in arrays(k=k)]
        torch.testing.assert_close(circuit.run(*given), function(*given))


def test_torch_compiled():
    torch = pytest.importorskip("torch")
    circuit = ww.trace(attention(lambda s, k: s / math.sqrt(k)), *SIGNATURES)
    compiled = torch.compile(lambda *each: circuit.run(*each), backend="eager", dynamic=True, fullgraph=True)
    for k in (3, 16, 17):
        given = [torch.from_numpy(each) for each in arrays(k=k)]
        torch.testing.assert_close(compiled(*given), circuit.run(*given))


def test_scale_of_torch():
    torch = pytest.importorskip("torch")

    def function(q, k, v):
        return torch.nn.functional.scaled_dot_product_attention(q, k, v, scale=2 / math.sqrt(q.shape[-1]))

    circuit = ww.trace(function, "b h y c", "b h x c", "b h x c")
    assert [dict(node.options) for node in circuit.nodes] == [{"scale": "2.0*c**-0.5"}]
    given = [torch.randn(2, 3, 4, 8) for _ in range(3)]
    torch.testing.assert_close(circuit.run(*given), function(*given))


@pytest.mark.parametrize("name", ROOTS)
def test_jax(name):
    """JAX keeps numbers in single precision only."""
    jax = pytest.importorskip("jax")
    scaled, text = ROOTS[name]

    def function(q, k, v):
        return jax.nn.softmax(scaled(q @ k.T, k.shape[-1]), -1) @ v

    circuit = ww.trace(function, *SIGNATURES, backend="jax")
    assert value_of(circuit) == text
    for k in (3, 16):
        given = list(map(jax.numpy.asarray, arrays(k=k)))
        np.testing.assert_allclose(circuit.run(*given), function(*given), rtol=1e-5)
        np.testing.assert_allclose(jax.jit(circuit.run)(*given), function(*given), rtol=1e-5)


def test_a_factor_of_many_digits():
    power = formula(value_of(ww.trace(attention(lambda s, k: s * (math.e / k)), *SIGNATURES)))
    assert isinstance(power, Power)
    assert (str(power.size), power.exponent) == ("k", -1.0)
    assert power.coefficient == pytest.approx(math.e, rel=1e-14)


def test_products_of_lengths():
    def function(x):
        b, h, w, c = x.shape
        return ww.sum("b [h w] c", x) * (1.0 / float(h * w)) + 2.0 / (b * float(c))

    circuit = ww.trace(function, "b h w c")
    texts = [node.options["value"] for node in circuit.nodes if node.kind == "constant"]
    assert texts == ["(h*w)**-1.0", "2.0*(b*c)**-1.0"]
    x = np.random.default_rng(0).standard_normal((2, 3, 4, 5))
    np.testing.assert_allclose(circuit.run(x), function(x))


def test_parts_of_lengths():
    def function(x):
        heads = ww.rearrange("t (h c) -> h t c", x, h=4)
        return ww.dot("h t [c], h s [c] -> h t s", heads, heads) * heads.shape[-1] ** -0.5

    circuit = ww.trace(function, "t d")
    assert value_of(circuit) == "(d//4)**-0.5"
    x = np.random.default_rng(0).standard_normal((3, 24))
    np.testing.assert_allclose(circuit.run(x), function(x))


def test_what_no_power_explains_keeps_its_length():
    circuit = ww.trace(attention(lambda s, k: s / math.log(k)), *SIGNATURES)
    assert circuit.axes["k"].constant and circuit.axes["x"] == Polynomial.symbol("x")
    assert value_of(circuit) == math.log(int(circuit.axes["k"]))


def test_a_length_that_matters_otherwise():
    """Only the axis that the code goes by keeps its length; the other is still a symbol."""

    def function(q, k, v):
        return attention(lambda s, k: s * k**-0.5)(q, k, v) + (1 if q.shape[0] % 5 == 0 else 2)

    circuit = ww.trace(function, *SIGNATURES)
    assert circuit.axes["y"].constant
    assert circuit.axes["k"] == Polynomial.symbol("k")


def test_a_length_that_is_given():
    circuit = ww.trace(attention(lambda s, k: s * k**-0.5), *SIGNATURES, k=64)
    assert circuit.axes["k"] == 64 and value_of(circuit) == 0.125


# -- what is done with circuits -------------------------------------------------------------------------------------


def test_written_and_compared():
    circuit = ww.trace(attention(lambda s, k: s * k**-0.5), *SIGNATURES)
    for copy in (Circuit.from_json(circuit.to_json()), pickle.loads(pickle.dumps(circuit))):
        assert copy == circuit and circuit.same_as(copy)
        np.testing.assert_array_equal(copy.run(*arrays()), circuit.run(*arrays()))
    other = ww.trace(attention(lambda s, k: s * k**-0.25), *SIGNATURES)
    (difference,) = circuit.differences(other)
    assert "value=k**-0.5" in difference and "value=k**-0.25" in difference


def test_compared_under_other_names():
    def other(a, b, c):
        scores = ww.dot("i [d], j [d] -> i j", a, b) * b.shape[-1] ** -0.5
        return ww.dot("i [j], [j] d -> i d", ww.softmax("i [j]", scores), c)

    one = ww.trace(attention(lambda s, k: s * k**-0.5), *SIGNATURES)
    two = ww.trace(other, "i d", "j d", "j d")
    named = {"q": "a", "k": "b", "v": "c"}
    words = one.differences(two, names=False)
    assert all("is called" in each for each in words) and len(words) == len(named)


@pytest.mark.parametrize("name", ROOTS)
def test_fused(name):
    circuit = ww.trace(attention(ROOTS[name][0]), *SIGNATURES)
    (node,) = circuit.fuse().nodes
    assert (node.kind, dict(node.options)) == ("attention", {})
    for k in (2, 9):
        np.testing.assert_allclose(circuit.fuse().run(*arrays(k=k)), circuit.run(*arrays(k=k)), rtol=1e-4)


def test_fused_with_another_scale():
    (node,) = ww.trace(attention(lambda s, k: s / (2 * k)), *SIGNATURES).fuse().nodes
    assert dict(node.options) == {"scale": "(2*k)**-1.0"}


@pytest.mark.parametrize("scaled", ["sqrt", "rsqrt", "inverse"])
def test_fused_of_jax(scaled):
    jax = pytest.importorskip("jax")
    ways = {
        "sqrt": lambda s, k: s / jax.numpy.sqrt(k),
        "rsqrt": lambda s, k: s * jax.lax.rsqrt(jax.numpy.float32(k)),
        "inverse": lambda s, k: s * (1 / jax.numpy.sqrt(k)),
    }

    def function(q, k, v):
        return jax.nn.softmax(ways[scaled](q @ k.T, k.shape[-1]), -1) @ v

    fused = ww.trace(function, *SIGNATURES, backend="jax").fuse()
    assert [dict(node.options) for node in fused.nodes if node.kind == "attention"] == [{}]


def test_a_range_that_starts_at_no_size_is_no_mask():
    make = Maker("steps", k="k")
    x = make.input("k", "x")
    steps = make.node("arange", "-> k", [], "k", start="k**-0.5", step="k**-1.0")
    circuit = make.circuit(make.node("add", "k, k -> k", [x, steps]))
    np.testing.assert_allclose(circuit.run(np.zeros(4, np.float32)), np.arange(4) / 4 + 0.5)


def test_cost():
    circuit = ww.trace(attention(lambda s, k: s * k**-0.5), *SIGNATURES)
    cost = circuit.cost()
    assert "1344" not in str(cost.flops)
    given = ww.trace(attention(lambda s, k: s * k**-0.5), *SIGNATURES, k=64)
    assert cost.flops.substitute(k=64) == given.cost().flops


# -- powers -----------------------------------------------------------------------------------------------------------


@given(
    st.sampled_from(["k", "h*w", "c//12", "max(a, b)", "2*h + 1", "in"]),
    st.sampled_from([-2.0, -0.5, 0.25, 1.0]),
    st.floats(allow_nan=False, allow_infinity=False),
)
def test_powers_are_read_as_they_are_written(size, exponent, coefficient):
    power = Power(Polynomial.parse(size), exponent, coefficient)
    assert formula(str(power)) == power


@pytest.mark.parametrize("text", ["k**-0.5", "1e-05*(h*w)**-1.0", "-2.0*k**0.5"])
def test_text_of_powers(text):
    assert str(formula(text)) == text


@pytest.mark.parametrize("text", ["k**0.5 + 1", "(a)*(b)**0.5", "k**-1", "open('x')**0.5", "0.5*k"])
def test_other_text_is_refused(text):
    with pytest.raises(ValueError, match="is no"):
        formula(text)


def test_value_of_a_power():
    power = formula("0.5*(h*w)**-0.5")
    assert isinstance(power, Power)
    assert power.evaluate(h=2, w=8) == 0.125
    assert str(power.substitute(h=3)) == "0.5*(3*w)**-0.5"
    with pytest.raises(ValueError):
        power.evaluate(h=2)
