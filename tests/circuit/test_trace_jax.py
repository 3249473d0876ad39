"""Functions of JAX are traced: their operations, expressions and sizes, and what the circuit then gives."""

import dataclasses
import functools
from typing import Any

import numpy as np
import pytest

import wirework as ww
from wirework.circuit import Circuit
from wirework.errors import NotSupportedError, SemanticError

jax = pytest.importorskip("jax")
import jax.numpy as jnp  # noqa: E402


def array(*shape, seed=0):
    return jnp.asarray(np.random.default_rng(seed).standard_normal(shape), jnp.float32) * 0.3


WEIGHT, BIAS, TABLE, KERNEL = array(16, 8), array(8), array(50, 8), array(3, 3, 4, 8)
SIZES = {"b": 2, "t": 6, "h": 8, "w": 6, "c": 16, "v": 9, "n": 5}
TOKENS = "b t: int64"


def trace(function, *signatures, **keywords):
    return ww.trace(function, *signatures, backend="jax", **keywords)


def inputs_of(circuit, seed=0):
    """Arrays for the inputs of a circuit, of small sizes."""
    rng = np.random.default_rng(seed)
    arrays = []
    for number in circuit.inputs:
        value = circuit.values[number]
        shape = [size.evaluate(**{name: SIZES[name] for name in size.names}) for size in circuit.shape(value)]
        whole = value.dtype.startswith("int") or value.dtype == "bool"
        found = rng.integers(0, 2, shape) if whole else rng.standard_normal(shape)
        arrays.append(np.asarray(found, value.dtype))
    return arrays


def written(circuit):
    """The operations with their expressions, without constants."""
    return [f"{node.kind}: {node.expression}" for node in circuit.nodes if node.kind != "constant"]


def check(circuit, function, arrays=None):
    """A circuit gives what the function gives: on JAX, also compiled, and on NumPy if nothing is opaque."""
    arrays = inputs_of(circuit) if arrays is None else arrays
    given = list(map(jnp.asarray, arrays))
    wanted = function(*given)
    for run in (circuit.run, jax.jit(lambda *each: circuit.run(*each))):
        got = run(*given)
        assert jax.tree.structure(got) == jax.tree.structure(wanted)
        for one, other in zip(jax.tree.leaves(got), jax.tree.leaves(wanted), strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-5)
            assert one.dtype == other.dtype
    if all(node.kind != "opaque" for node in circuit.nodes):
        held = {name: np.asarray(each) for name, each in circuit.held.items()}
        got = circuit.run(*arrays, parameters=held)
        for one, other in zip(jax.tree.leaves(got), jax.tree.leaves(wanted), strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-4)


def causal(x):
    return jnp.where(jnp.tril(jnp.ones((x.shape[1], x.shape[1]), bool)), 1.0, x[0])


def patches(x):
    b, h, w, c = x.shape
    return x.reshape(b, h // 2, 2, w // 2, 2, c).transpose(0, 1, 3, 2, 4, 5).reshape(b, -1, 4 * c)


def convolved(strides, padding, **options):
    numbers = ("NHWC", "HWIO", "NHWC")
    return lambda x: jax.lax.conv_general_dilated(x, KERNEL, strides, padding, dimension_numbers=numbers, **options)


def pooled(kind, start, window):
    tiles = (1, window, window, 1)
    return lambda x: jax.lax.reduce_window(x, start, kind, tiles, (1, 2, 2, 1), "VALID")


CASES = {
    "linear": (
        lambda x: x @ WEIGHT + BIAS, ["b t c"],
        ["dot: b t [c], [c] c2 -> b t c2", "add: b t c2, c2 -> b t c2"],
    ),
    "weight first": (lambda x: jnp.einsum("cd,btc->bdt", WEIGHT, x), ["b t c"], ["dot: b t [c], [c] c2 -> b c2 t"]),
    "einsum": (
        lambda x, y: jnp.einsum("btc,bsc->bts", x, y), ["b t c", "b n c"],
        ["dot: b t [c], b n [c] -> b t n"],
    ),
    "softmax": (lambda x: jax.nn.softmax(x, 1), ["b t c"], ["softmax: b [t] c -> b [t] c"]),
    "log_softmax": (jax.nn.log_softmax, ["b t c"], ["log_softmax: b t [c] -> b t [c]"]),
    "logsumexp": (
        lambda x: jax.scipy.special.logsumexp(x, -1), ["b t c"],
        ["logsumexp: b t [c] -> b t"],
    ),
    "gelu": (jax.nn.gelu, ["b t c"], ["gelu: b t c -> b t c"]),
    "activations": (
        lambda x: jax.nn.relu(jax.nn.silu(jax.nn.softplus(jax.nn.elu(jax.nn.leaky_relu(jax.nn.sigmoid(x)))))), ["b t"],
        [f"{kind}: b t -> b t" for kind in ("sigmoid", "leaky_relu", "elu", "softplus", "silu", "relu")],
    ),
    "standardize": (jax.nn.standardize, ["b t c"], ["normalise: b t [c] -> b t c"]),
    "mean": (lambda x: x.mean((1, 2)), ["b t c"], ["mean: b [t] [c] -> b"]),
    "var": (lambda x: x.var(-1), ["b t c"], ["var: b t [c] -> b t"]),
    "centred": (
        lambda x: x - x.mean(-1, keepdims=True), ["b t c"],
        ["mean: b t [c] -> b t", "subtract: b t c, b t -> b t c"],
    ),
    "heads": (
        lambda x: x.reshape(x.shape[0], x.shape[1], 4, -1).transpose(0, 2, 1, 3), ["b t 16"],
        ["rearrange: b t (h d) -> b t h d", "rearrange: b t h d -> b h t d"],
    ),
    "patches": (
        patches, ["b h w 4"],
        ["rearrange: b (h2 p) (w2 p2) n -> b h2 p w2 p2 n", "rearrange: b h2 p w2 p2 n -> b h2 w2 p p2 n",
         "rearrange: b h2 w2 p p2 n -> b (h2 w2) (p p2 n)"],
    ),
    "last": (lambda x: x[:, -1], ["b t c"], ["slice: b t c -> b c"]),
    "slices": (
        lambda x: x[:, 1:, None, ::2], ["b t 16"],
        ["slice: b t n -> b t2 n2", "rearrange: b t2 n2 -> b t2 1 n2"],
    ),
    "backwards": (lambda x: x[:, ::-1], ["b t c"], ["flip: b [t] c -> b [t] c"]),
    "embedding": (lambda i: TABLE[i], [TOKENS], ["get_at: [v] c, b t -> b t c"]),
    "take": (lambda i: jnp.take(TABLE, i, axis=0), [TOKENS], ["get_at: [v] c, b t -> b t c"]),
    "along": (
        lambda x, i: jnp.take_along_axis(x, i[..., None], -1), ["b t c", TOKENS],
        ["get_at: b t [c], b t -> b t 1"],
    ),
    "pairs": (lambda x, i, j: x[i, j], ["b t c", "n: int64", "n: int64"], ["get_at: [b] [t] c, n, n -> n c"]),
    "positions": (
        lambda x: x + TABLE[: x.shape[1]], ["b t c"],
        ["slice: n c -> t c", "add: b t c, t c -> b t c"],
    ),
    "concatenate": (
        lambda x: jnp.concatenate([x, x[:, :1]], 1), ["b t c"],
        ["slice: b t c -> b 1 c", "rearrange: b t c, b 1 c -> b (t + 1) c"],
    ),
    "split": (
        lambda x: jnp.split(x, 2, -1), ["b t 16"],
        ["rearrange: b t (n2 + n3) -> b t n2, b t n3"],
    ),
    "stack": (lambda x: jnp.stack([x, x], 1), ["b t"], ["rearrange: b t, b t -> b (1 + 1) t"]),
    "pad": (
        lambda x: jnp.pad(x, ((0, 0), (1, 2))), ["b t"],
        ["full: -> 1", "full: -> p", "rearrange: 1, b t, p -> b (1 + t + p)"],
    ),
    "one_hot": (
        lambda x: jax.nn.one_hot(x, 5), [TOKENS],
        ["arange: -> n", "equal: b t, n -> b t n", "cast: b t n -> b t n"],
    ),
    "causal": (
        causal, ["b t t2"],
        ["arange: -> t", "arange: -> t2", "greater_equal: t, t2 -> t t2", "slice: b t t2 -> 1 t t2",
         "where: t t2, , 1 t t2 -> t t2"],
    ),
    "arguments": (
        lambda x: (jnp.argmax(x, -1), jnp.argsort(x, -1), jnp.cumsum(x, 1)), ["b t"],
        ["argmax: b [t] -> b", "argsort: b [t] -> b [t]", "cumsum: b [t] -> b [t]"],
    ),
    "whole numbers": (lambda x: x // 2, [TOKENS], ["floor_divide: b t,  -> b t"]),
    "convolution": (convolved((2, 2), "SAME"), ["b h w 4"], ["conv: b [h] [w] [c], [p] [q] [c] c2 -> b h2 w2 c2"]),
    "padded convolution": (
        convolved((1, 1), [(1, 1), (1, 1)]), ["b h w 4"],
        ["conv: b [h] [w] [c], [p] [q] [c] c2 -> b h w c2"],
    ),
    "transposed convolution": (
        lambda x: jax.lax.conv_transpose(x, KERNEL, (2, 2), "VALID"), ["b h w 4"],
        ["flip: [p] [q] c c2 -> [p] [q] c c2", "conv: b [h] [w] [c], [p] [q] [c] c2 -> b h2 w2 c2"],
    ),
    "pooling": (
        pooled(jax.lax.max, -jnp.inf, 2), ["b h w 4"],
        ["max: b (h2 [p]) (w2 [q]) n -> b h2 w2 n"],
    ),
    "mean in windows": (
        lambda x: pooled(jax.lax.add, 0.0, 3)(x) / 9, ["b h w 4"],
        ["window: b [h] [w] n -> b h2 w2 n [p] [q]", "mean: b h2 w2 n [p] [q] -> b h2 w2 n"],
    ),
    "vmap": (lambda x: jax.vmap(lambda row: row @ WEIGHT)(x), ["b t c"], ["dot: b t [c], [c] c2 -> b t c2"]),
    "remat": (lambda x: jax.checkpoint(jnp.sin)(x), ["b t"], ["sin: b t -> b t"]),
    "nothing left": (lambda x: {"a": x, "b": [x, None]}, ["b t"], []),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_functions_of_jax(name):
    function, signatures, expected = CASES[name]
    sizes = {"c": 8} if name == "positions" else {"t": 6, "t2": 6} if name == "causal" else {}
    circuit = trace(function, *signatures, **sizes)
    assert written(circuit) == expected
    check(circuit, function)


OPAQUE = {
    "scan": lambda x: jax.lax.scan(lambda s, y: (jnp.tanh(s + y) * x.shape[1], s.sum()), x[:, 0], x.swapaxes(0, 1)),
    "cond": lambda x: jax.lax.cond(x.sum() > 0, lambda y: y * 2, lambda y: -y, x),
    "while_loop": lambda x: jax.lax.while_loop(lambda s: s[1] < 3, lambda s: (s[0] * 1.5, s[1] + 1), (x, 0))[0],
    "scatter": lambda x: x.at[:, 0].set(1.0),
    "random_bits": lambda x: x * jax.random.bernoulli(jax.random.key(0), 0.5, x.shape),
    "top_k": lambda x: jax.lax.top_k(x, 3),
    "cbrt": jnp.cbrt,
    "div": lambda x: jax.lax.div(x.astype(int), 2),
}


@pytest.mark.parametrize("name", OPAQUE)
def test_everything_else_is_opaque_and_runs_as_written(name):
    circuit = trace(OPAQUE[name], "b t c")
    assert f"jax.lax.{name}".replace("lax.random", "random") in [node.options.get("function") for node in circuit.nodes]
    assert set(circuit.axes) >= {"b", "t", "c"}
    check(circuit, OPAQUE[name])
    with pytest.raises(NotSupportedError, match="does not run on numpy"):
        circuit.run(*inputs_of(circuit))


def test_the_derivative_of_an_opaque_operation():
    circuit = trace(OPAQUE["scan"], "b t c")
    x = jnp.asarray(inputs_of(circuit)[0])
    wanted, got = (jax.grad(lambda x, f=f: f(x)[0].sum())(x) for f in (OPAQUE["scan"], circuit.run))
    np.testing.assert_allclose(got, wanted, rtol=1e-5, atol=1e-5)


# -- operations of wirework ---------------------------------------------------------------------------------------------


def attend(x):
    mask = jnp.tril(jnp.ones((x.shape[1], x.shape[1]), bool))
    return ww.attention("b q [c], b [k c], b [k] d -> b q d", x, x, jnp.tanh(x), mask=("q k", mask))


MIXED = {
    "dot": (
        lambda x: jnp.sin(ww.dot("b t [c], [c] d -> b t d", x, WEIGHT, bias=BIAS)),
        ["dot: b t [c], [c] d -> b t d", "sin: b t d -> b t d"],
    ),
    "attention": (
        attend,
        ["arange: -> t", "arange: -> t2", "greater_equal: t, t2 -> t t2", "tanh: b t c -> b t c",
         "attention: b t [c], b [t2] [c], b [t2] c2 -> b t c2"],
    ),
    "in a jitted function": (
        lambda x: jax.jit(lambda y: ww.mean("b [t] c", y))(jnp.exp(x)),
        ["exp: b t c -> b t c", "mean: b [t] c -> b c"],
    ),
    "in vmap": (
        lambda x: jax.vmap(lambda y: ww.softmax("[t] c", y))(jnp.exp(x)),
        ["exp: b t c -> b t c", "softmax: b [t] c -> b [t] c"],
    ),
    "sizes": (
        lambda x: ww.rearrange("b t (h c) -> b h t c", jnp.exp(x), h=4),
        ["exp: b t n -> b t n", "rearrange: b t (h c) -> b h t c"],
    ),
    "solve": (
        lambda x: jnp.exp(x).reshape(ww.solve("b t c", x)["b"], -1),
        ["exp: b t c -> b t c", "rearrange: b t c -> b (t c)"],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", MIXED)
def test_operations_of_wirework_appear_as_themselves(name):
    function, expected = MIXED[name]
    circuit = trace(function, "b t 16" if name == "sizes" else "b t c")
    assert written(circuit) == expected
    check(circuit, function)


def test_an_operation_of_wirework_fixes_an_axis():
    circuit = trace(lambda x: ww.dot("b [c], [c] d -> b d", jnp.sin(x), WEIGHT), "b c")
    assert circuit.axes["c"] == 16 and circuit.axes["b"].names == ("b",)


def test_a_jitted_function_that_ran_before_is_traced_anew():
    inner = jax.jit(lambda x: ww.softmax("b [t]", x))
    inner(jnp.ones((2, 3)))
    assert written(trace(lambda x: inner(x), "b t", b=2, t=3)) == ["softmax: b [t] -> b [t]"]
    assert inner(jnp.ones((2, 3))).shape == (2, 3)


def test_blocks_are_blocks_and_scopes():
    def function(x):
        with ww.block("Outer part"):
            x = jnp.sin(x)
            with jax.named_scope("inner"):
                x = jax.jit(jnp.cos)(jnp.einsum("bt->tb", x))
        return jnp.tan(x)

    circuit = trace(function, "b t")
    found = {node.kind: node.block for node in circuit.nodes}
    assert found["sin"] == ("Outer part",) and found["cos"] == ("Outer part", "inner")
    assert found["opaque"] == ()
    assert circuit.blocks[("Outer part", "inner")] == "inner"


# -- parameters -------------------------------------------------------------------------------------------------------

DIM, HEADS = 32, 4


def layer(seed):
    sizes = {"qkv": (DIM, 3 * DIM), "out": (DIM, DIM), "up": (DIM, 4 * DIM), "down": (4 * DIM, DIM), "bias": (4 * DIM,)}
    norms = {f"norm{n}": {"scale": array(DIM, seed=seed), "shift": array(DIM, seed=n)} for n in (1, 2)}
    return {name: array(*shape, seed=seed) for name, shape in sizes.items()} | norms


PARAMETERS = {"embed": array(50, DIM), "places": array(16, DIM), "blocks": [layer(1), layer(2)]}


def norm(p, x):
    mean, variance = x.mean(-1, keepdims=True), x.var(-1, keepdims=True)
    return (x - mean) * jax.lax.rsqrt(variance + 1e-5) * p["scale"] + p["shift"]


@jax.jit
def block(p, x):
    b, t, _ = x.shape
    with jax.named_scope("attention"):
        parts = jnp.split(norm(p["norm1"], x) @ p["qkv"], 3, -1)
        q, k, v = (part.reshape(b, t, HEADS, -1).transpose(0, 2, 1, 3) for part in parts)
        scores = q @ k.swapaxes(-1, -2) / jnp.sqrt(DIM // HEADS)
        scores = jnp.where(jnp.tril(jnp.ones((t, t), bool)), scores, -jnp.inf)
        mixed = jax.nn.softmax(scores, -1) @ v
        x = x + mixed.transpose(0, 2, 1, 3).reshape(b, t, DIM) @ p["out"]
    with jax.named_scope("mlp"):
        return x + jax.nn.gelu(norm(p["norm2"], x) @ p["up"] + p["bias"]) @ p["down"]


def language_model(parameters, tokens):
    x = parameters["embed"][tokens] + parameters["places"][: tokens.shape[1]]
    for p in parameters["blocks"]:
        x = block(p, x)
    return x @ parameters["embed"].T


@pytest.fixture(scope="module")
def circuit():
    return ww.trace(language_model, TOKENS, parameters=PARAMETERS)


def test_a_transformer_with_its_parameters(circuit):
    names = {value.name for value in circuit.parameters}
    assert {"embed", "places", "blocks.0.qkv", "blocks.1.norm2.scale"} <= names and len(names) == 20
    assert circuit.name == "language_model" and circuit.values[circuit.inputs[0]].name == "tokens"
    assert {axis for axis, size in circuit.axes.items() if size.constant is None} == {"b", "t", "t2"}
    assert all(node.kind != "opaque" for node in circuit.nodes)
    check(circuit, functools.partial(language_model, PARAMETERS))
    assert circuit.same_as(Circuit.from_json(circuit.to_json()))


def test_attention_in_it_is_found_and_blocks_are_folded(circuit):
    fused = circuit.fuse()
    assert [node.kind for node in fused.nodes].count("attention") == 2
    check(fused, functools.partial(language_model, PARAMETERS))
    (repeat,) = [part for part in circuit.tree().parts if hasattr(part, "count")]
    assert repeat.count == 2


def test_parameters_are_given_again_as_a_tree(circuit):
    tokens = jnp.asarray(inputs_of(circuit)[0])
    wanted = jax.jit(jax.grad(lambda p: language_model(p, tokens).sum()))(PARAMETERS)
    got = jax.jit(jax.grad(lambda p: circuit.run(tokens, parameters=p).sum()))(PARAMETERS)
    for one, other in zip(jax.tree.leaves(got), jax.tree.leaves(wanted), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-4)


def test_shapes_and_types_are_enough(circuit):
    shapes = jax.tree.map(lambda each: jax.ShapeDtypeStruct(each.shape, each.dtype), PARAMETERS)
    again = ww.trace(language_model, TOKENS, parameters=shapes)
    assert again.same_as(circuit) and not again.held
    with pytest.raises(SemanticError, match="needs 20 parameters"):
        again.run(jnp.zeros((1, 2), int))


def test_parameters_in_a_closure_or_bound_have_the_same_names(circuit):
    assert ww.trace(lambda tokens: language_model(PARAMETERS, tokens), TOKENS).same_as(circuit, names=False)
    assert ww.trace(functools.partial(language_model, PARAMETERS), TOKENS).same_as(circuit)


class Layer:
    """A layer as a person writes it."""

    def __init__(self):
        self.weight, self.scale, self.count = WEIGHT, jnp.arange(8), 3

    def __call__(self, x):
        return jnp.tanh(x @ self.weight) * self.scale

    def apply(self, x):
        return self(x)


@pytest.mark.parametrize(
    "function", [Layer(), Layer().apply, lambda x: jnp.tanh(x @ WEIGHT)], ids=["module", "method", "function"]
)
def test_arrays_that_a_function_holds(function):
    circuit = ww.trace(function, "b c")
    assert [value.name for value in circuit.parameters] in (["weight"], ["WEIGHT"])
    assert all(value.name == "scale" for value in circuit.buffers)
    check(circuit, function)


def test_small_arrays_without_a_name_are_constants_and_large_ones_are_held():
    circuit = trace(lambda x: x + jnp.asarray(np.arange(4.0)) + np.ones((4096, 4), "float32")[:1], "b 4")
    assert [node.options["value"] for node in circuit.nodes if node.kind == "constant"] == [
        [0.0, 1.0, 2.0, 3.0],
        [[1.0] * 4],
    ]
    large = np.ones((4, 5000), np.float32)
    circuit = trace(lambda x: x @ jnp.asarray(large), "b 4")
    assert [value.name for value in circuit.buffers] == ["held1"]
    check(circuit, lambda x: x @ jnp.asarray(large))


# -- sizes, and what is said to be JAX ----------------------------------------------------------------------------------


def test_lengths_are_formulas():
    circuit = trace(lambda x: jnp.repeat(x[:, 1:], 2, 1) * jnp.sqrt(x.shape[1]), "b t c")
    assert [str(size) for size in circuit.shape(circuit.outputs[0])] == ["b", "2*t - 2", "c"]
    assert [node.options["value"] for node in circuit.nodes if node.kind == "full"] == ["t"]


def test_code_that_needs_numbers_is_traced_with_numbers():
    circuit = trace(lambda x: x.reshape(len(range(x.shape[0])), -1) * 2, "b t c")
    assert [str(size) for size in circuit.shape(circuit.outputs[0])] == ["b", "c*t"]
    check(circuit, lambda x: x.reshape(x.shape[0], -1) * 2)


def test_a_length_that_makes_a_difference_is_fixed():
    assert trace(lambda x: x[:, :4] + array(4), "b t").axes["t"].names == ("t",)
    assert trace(lambda x: x @ WEIGHT, "b c").axes["c"] == 16
    assert trace(lambda x: x + BIAS, "b c").axes["c"] == 8


def test_inputs_by_name_and_their_types():
    circuit = trace(lambda x, mask: jnp.where(mask, x, 0), "b t", mask="b t: bool")
    assert [circuit.values[number].dtype for number in circuit.inputs] == ["float32", "bool"]
    assert trace(lambda x: x * 2, "b t: bfloat16").values[-1].dtype == "bfloat16"
    assert trace(lambda i: i + 1, "b: int64").values[0].dtype == ("int64" if jax.config.jax_enable_x64 else "int32")


def test_a_function_with_a_name_of_jaxs_is_not_mistaken_for_it():
    @jax.jit
    def gelu(x):
        return jnp.maximum(x, 0) * 2

    circuit = trace(lambda x: gelu(x), "b t")
    assert written(circuit) == ["maximum: b t,  -> b t", "multiply: b t,  -> b t"]
    check(circuit, gelu)


@pytest.mark.parametrize("function", [lambda x: x * float(x.sum()), lambda x: x if x.sum() else -x, np.asarray])
def test_elements_are_asked_for_in_vain(function):
    with pytest.raises(NotSupportedError, match="needs the elements of an array"):
        trace(lambda x: function(x), "b t")


@functools.partial(jax.tree_util.register_dataclass, data_fields=["weight", "bias"], meta_fields=[])
@dataclasses.dataclass
class Module:
    """A tree of arrays that can be called, as modules of Equinox are."""

    weight: Any
    bias: Any

    def __call__(self, x):
        return x @ self.weight + self.bias


def test_a_module_that_is_a_tree():
    circuit = ww.trace(Module(WEIGHT, BIAS), "b c")
    assert [value.name for value in circuit.parameters] == ["weight", "bias"]
    check(circuit, Module(WEIGHT, BIAS))
    shapes = [jax.ShapeDtypeStruct(each.shape, each.dtype) for each in (WEIGHT, BIAS)]
    assert ww.trace(Module(*shapes), "b c").same_as(circuit)


def test_an_opaque_equation_is_compared_and_is_lost_when_written():
    circuit = trace(OPAQUE["scan"], "b t c")
    other = trace(lambda x: jax.lax.scan(lambda s, y: (s + y, s.sum()), x[:, 0], x.swapaxes(0, 1)), "b t c")
    assert circuit.same_as(trace(OPAQUE["scan"], "b t c")) and not circuit.same_as(other)
    again = Circuit.from_json(circuit.to_json())
    assert again.same_as(circuit) and len(again.tree().parts) == 3
    with pytest.raises(NotSupportedError, match="trace it again"):
        again.run(*map(jnp.asarray, inputs_of(circuit)))


def test_only_known_backends_are_traced():
    with pytest.raises(NotSupportedError, match='"torch" or "jax"'):
        ww.trace(lambda x: x, "b", backend="tensorflow")
    with pytest.raises(SemanticError, match="takes 1 argument"):
        ww.trace(lambda x: jnp.sin(x), "b", "b")


@pytest.mark.parametrize("library", ["equinox", "flax"])
def test_modules_of_other_libraries(library):
    pytest.importorskip(library, reason=f"{library} is not installed")
    if library == "equinox":
        import equinox

        model = equinox.nn.Linear(16, 8, key=jax.random.key(0))
        circuit = ww.trace(model, "c")
    else:
        import flax.linen

        module = flax.linen.Dense(8)
        weights = module.init(jax.random.key(0), jnp.zeros((1, 16)))
        model = functools.partial(module.apply, weights)
        circuit = ww.trace(module.apply, "b c", parameters=weights)
    assert "dot" in [node.kind for node in circuit.nodes] and len(circuit.parameters) == 2
    check(circuit, model)
