"""Running a circuit: the same numbers on NumPy, torch and JAX, and one clear error for what does not fit."""

import re

import numpy as np
import pytest

import wirework as ww
from circuit.making import Maker, attention, layers
from wirework.circuit import Reference
from wirework.errors import AxisSizeError, BackendError, NotSupportedError, RankError, SemanticError
from wirework.polynomial import Polynomial

BACKENDS = ("numpy", "torch", "jax")


def draw(*shape, seed=0):
    return np.random.default_rng(seed).normal(size=shape).astype("float32")


def on(backend, value):
    """Arrays of NumPy, also in a dictionary, on another backend."""
    if isinstance(value, dict):
        return {name: on(backend, each) for name, each in value.items()}
    if backend == "torch":
        return pytest.importorskip("torch").tensor(value)
    return pytest.importorskip("jax.numpy").asarray(value) if backend == "jax" else value


def one(kind, expression, arrays, axes=None, sizes=None, **options):
    """A circuit of one operation on inputs of these axes."""
    make = Maker("one", **(sizes or {}))
    inputs = [make.input(each, f"x{place}", dtype) for place, (each, dtype) in enumerate(arrays)]
    return make.circuit(make.node(kind, expression, inputs, axes, **options))


def weights_of(circuit, seed=1):
    return {
        value.name: draw(*map(int, circuit.shape(value)), seed=seed + place)
        for place, value in enumerate(circuit.parameters)
    }


# -- kinds of operations -------------------------------------------------------------------------------------------

F32, I64, BOOL = "float32", "int64", "bool"
ONE_EACH = {
    "dot": (one("dot", "b [c], [c] d -> b d", [("b c", F32), ("c d", F32)]), lambda x, y: x @ y, (2, 3), (3, 4)),
    "split": (
        one("rearrange", "b (h c) -> b h c", [("b m", F32)], sizes={"m": 6, "h": 2, "c": 3}),
        lambda x: x.reshape(2, 2, 3), (2, 6),
    ),
    "new axis": (
        one("rearrange", "b c -> b n c", [("b c", F32)], sizes={"n": 5}),
        lambda x: np.repeat(x[:, None], 5, 1), (2, 6),
    ),
    "join": (
        one("rearrange", "b c, b d -> b (c + d)", [("b c", F32), ("b d", F32)], "b m", {"m": "c + d"}),
        lambda x, y: np.concatenate([x, y], 1), (2, 3), (2, 4),
    ),
    "roll": (
        one("roll", "b [t] -> b [t]", [("b t", F32)], shift="-(t//2)"), lambda x: np.roll(x, -(x.shape[1] // 2), 1), (2, 5),
    ),
    "maximum of a number": (
        one("sum", "b [t] -> b", [("b t", F32)]), lambda x: x.sum(1), (2, 5),
    ),
    "function": (one("tanh", "b c -> b c", [("b c", F32)]), np.tanh, (2, 3)),
    "function, turned": (one("exp", "b c -> c b", [("b c", F32)]), lambda x: np.exp(x).T, (2, 3)),
    "power": (one("power", "b c -> b c", [("b c", F32)], exponent=3), lambda x: x**3, (2, 3)),
    "power of two": (one("power", "b, b -> b", [("b", F32), ("b", F32)]), lambda x, y: np.abs(x) ** y, (3,), (3,)),
    "slice": (
        one("slice", "t c d -> t2 d", [("t c d", F32)], "t2 d", {"t2": "t - 1"}, dims=[["1", "t", "1"], 2, [None, None, None]]),
        lambda x: x[1:, 2], (4, 3, 2),
    ),
    "slice in steps": (
        one("slice", "t -> t2", [("t", F32)], "t2", {"t2": "(t + 1)//2"}, dims=[[0, "t", 2]]), lambda x: x[::2], (5,),
    ),
    "normalise": (
        one("normalise", "b t [c] -> b t [c]", [("b t c", F32)], epsilon=0.1),
        lambda x: (x - x.mean(-1, keepdims=True)) / np.sqrt(x.var(-1, keepdims=True) + 0.1), (2, 3, 4),
    ),
    "normalise by the root": (
        one("normalise", "[c] b", [("c b", F32)], "c b", mean=False, epsilon=0.1),
        lambda x: x / np.sqrt((x**2).mean(0) + 0.1), (4, 3),
    ),
    "normalise groups": (
        one("normalise", "b (g [c]) [h w] -> b (g [c]) [h w]", [("b (g c) h w", F32)], "b (g c) h w", {"g": 2}, epsilon=0.0),
        lambda x: grouped(x), (2, 6, 3, 4),
    ),
    "dropout": (one("dropout", "b c -> b c", [("b c", F32)], drop_rate=0.5), lambda x: x, (2, 3)),
}  # fmt: skip


def grouped(x):
    apart = x.reshape(2, 2, 3, 3, 4)
    axes = (2, 3, 4)
    return ((apart - apart.mean(axes, keepdims=True)) / np.sqrt(apart.var(axes, keepdims=True))).reshape(x.shape)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("name", ONE_EACH)
def test_runs_each_kind(name, backend):
    circuit, meaning, *shapes = ONE_EACH[name]
    arrays = [draw(*shape, seed=place) for place, shape in enumerate(shapes)]
    arrays[0] = np.abs(arrays[0]) if name == "power of two" else arrays[0]
    found = circuit.run(*(on(backend, array) for array in arrays))
    assert type(found).__module__.partition(".")[0].startswith(backend[:3])
    np.testing.assert_allclose(np.asarray(found), meaning(*arrays), rtol=2e-5, atol=1e-5)


@pytest.mark.parametrize("backend", BACKENDS)
def test_makes_arrays_from_nothing(backend):
    make = Maker("ranges")
    x = make.input("b t", "x")
    places = make.node("arange", "-> t", [], dtype="int64", start="t", step=2)
    table = make.node("constant", "-> n d", [], value=[[1, 2], [3, 4]])
    make.sizes |= {"n": 2, "d": 2}
    filled = make.node("full", "-> b t", [], value=7)
    circuit = make.circuit(
        places, table, filled, x, structure={"p": Reference(0), "rest": [Reference(1), (Reference(2), 5)]}
    )
    found = circuit.run(on(backend, draw(2, 3)))
    assert list(found) == ["p", "rest"] and found["rest"][1][1] == 5
    np.testing.assert_array_equal(np.asarray(found["p"]), [3, 5, 7])
    assert str(found["p"].dtype).rpartition(".")[2] == ("int32" if backend == "jax" else "int64")
    np.testing.assert_array_equal(np.asarray(found["rest"][0]), [[1, 2], [3, 4]])
    np.testing.assert_array_equal(np.asarray(found["rest"][1][0]), np.full((2, 3), 7))


def test_numbers_follow_the_dtype_of_arrays():
    torch = pytest.importorskip("torch")
    circuit = attention()
    half = {name: torch.tensor(array).bfloat16() for name, array in weights_of(circuit).items()}
    x = torch.tensor(draw(2, 3, 8)).bfloat16()
    assert circuit.run(x, x, parameters=half).dtype == torch.bfloat16
    assert "0.5)" in circuit.source()


def test_a_number_that_is_returned_is_an_array():
    make = Maker("number")
    make.input("b", "x")
    circuit = make.circuit(make.node("constant", "->", [], value=3.0))
    assert circuit.run(np.ones(2, "float32")).shape == ()


@pytest.mark.parametrize("backend", BACKENDS)
def test_runs_a_whole_with_its_parameters(backend):
    circuit = attention(masked=True)
    x, y, weights = draw(2, 3, 8), draw(2, 5, 8, seed=7), weights_of(circuit)
    mask = np.random.default_rng(0).random((3, 5)) > 0.3
    mask[:, 0] = True
    given = on(backend, x), on(backend, y), on(backend, mask)
    found = circuit.run(*given, parameters=on(backend, weights))

    def heads(array, name):
        return (array @ weights[f"{name}.weight"]).reshape(*array.shape[:2], 2, 4).swapaxes(1, 2)

    q, k, v = heads(x, "query"), heads(y, "key"), heads(y, "value")
    scores = np.where(mask, q @ k.swapaxes(2, 3) * 0.5, -np.inf)
    raised = np.exp(scores - scores.max(-1, keepdims=True))
    wanted = (raised / raised.sum(-1, keepdims=True)) @ v
    wanted = wanted.swapaxes(1, 2).reshape(2, 3, 8) @ weights["out.weight"]
    np.testing.assert_allclose(np.asarray(found), wanted, rtol=1e-4, atol=1e-5)


# -- transformations -----------------------------------------------------------------------------------------------


def test_gradients_flow_on_torch_and_jax():
    torch, jax = pytest.importorskip("torch"), pytest.importorskip("jax")
    circuit = layers()
    x, weights = draw(2, 3, 4), weights_of(circuit)
    leaves = {name: torch.tensor(array, requires_grad=True) for name, array in weights.items()}
    circuit.run(torch.tensor(x), parameters=leaves).square().sum().backward()
    grads = jax.grad(lambda p: (circuit.run(on("jax", x), parameters=p) ** 2).sum())(on("jax", weights))
    for name, leaf in leaves.items():
        np.testing.assert_allclose(np.asarray(grads[name]), leaf.grad.numpy(), rtol=1e-5, atol=1e-5)


def test_runs_under_jit_and_vmap():
    jax = pytest.importorskip("jax")
    circuit = layers()
    x, weights = on("jax", draw(5, 2, 3, 4)), on("jax", weights_of(circuit))
    wanted = np.stack([np.asarray(circuit.run(each, parameters=weights)) for each in x])
    found = jax.jit(jax.vmap(lambda each: circuit.run(each, parameters=weights)))(x)
    np.testing.assert_allclose(np.asarray(found), wanted, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("warm", [True, False])
def test_runs_under_torch_compile(warm):
    torch = pytest.importorskip("torch")
    circuit = attention()
    weights = on("torch", weights_of(circuit))
    torch._dynamo.reset()

    @torch.compile(fullgraph=True, backend="eager", dynamic=True)
    def step(x, y):
        return circuit.run(x, y, parameters=weights)

    for length in (3, 4, 5):
        x, y = torch.tensor(draw(2, length, 8)), torch.tensor(draw(2, length + 3, 8))
        wanted = circuit.run(x, y, parameters=weights) if warm else None
        found = step(x, y)
        torch.testing.assert_close(found, circuit.run(x, y, parameters=weights) if wanted is None else wanted)


def test_takes_the_parameters_of_a_module():
    torch = pytest.importorskip("torch")
    make = Maker("linear", c=4, d=3)
    x = make.input("b c", "x")
    weight, bias = make.parameter("d c", "0.weight"), make.parameter("d", "0.bias")
    scale = make.buffer("d", "0.scale")
    y = make.node("dot", "b [c], d [c] -> b d", [x, weight, bias], keywords=["bias"])
    circuit = make.circuit(make.node("multiply", "b d, d -> b d", [y, scale]))
    module = torch.nn.Sequential(torch.nn.Linear(4, 3))
    module[0].register_buffer("scale", torch.arange(3.0))
    given = torch.tensor(draw(2, 4))
    torch.testing.assert_close(circuit.run(given, parameters=module), module(given) * torch.arange(3.0))


# -- training ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("backend", BACKENDS)
def test_drops_while_training(backend):
    circuit = one("dropout", "b c -> b c", [("b c", F32)], drop_rate=0.25)
    rng = {"numpy": np.random.default_rng(0), "torch": None}.get(backend, 0)
    if backend == "jax":
        rng = pytest.importorskip("jax").random.key(0)
    found = np.asarray(circuit.run(on(backend, np.ones((100, 100), "float32")), training=True, rng=rng))
    assert set(np.unique(found)) == {np.float32(0), np.float32(4 / 3)}
    assert 0.22 < (found == 0).mean() < 0.28


def test_training_without_a_generator():
    circuit = one("dropout", "b -> b", [("b", F32)], drop_rate=0.25)
    with pytest.raises(NotSupportedError, match="training=True needs rng= on numpy"):
        circuit.run(np.ones(3), training=True)


@pytest.mark.parametrize("backend", BACKENDS)
def test_weights_of_attention_are_dropped_while_training(backend):
    make = Maker("attention")
    q, k, v = make.input("b q c"), make.input("b k c"), make.input("b k d")
    expression = "b q [c], b [k] [c], b [k] d -> b q d"
    circuit = make.circuit(make.node("attention", expression, [q, k, v], scale=0.5, dropout=0.5))
    given = [on(backend, draw(2, 40, 4, seed=seed)) for seed in range(3)]
    rng = np.random.default_rng(0) if backend == "numpy" else None
    if backend == "jax":
        rng = pytest.importorskip("jax").random.key(0)
    still = np.asarray(circuit.run(*given))
    np.testing.assert_array_equal(still, np.asarray(circuit.run(*given)))
    assert np.abs(np.asarray(circuit.run(*given, training=True, rng=rng)) - still).max() > 0.01


# -- opaque operations ---------------------------------------------------------------------------------------------


def opaque(function, *arguments, outputs=("b t",), **named):
    make = Maker("opaque")
    x = make.input("b t", "x")
    numbers = tuple(make.value(axes, "float32") for axes in outputs)
    from wirework.circuit import Node

    make.nodes.append(
        Node("opaque", "b t -> b t", (x,), numbers, (), {"function": function, "arguments": (arguments, named)})
    )
    return make.circuit(*numbers)


def test_runs_an_opaque_function_as_written():
    torch = pytest.importorskip("torch")
    x = torch.tensor(draw(3, 4))
    found = opaque("torch.sort", Reference(0), descending=True, outputs=("b t", "b t")).run(x)
    torch.testing.assert_close(found, tuple(torch.sort(x, descending=True)))
    assert opaque("torch.Tensor.sum", Reference(0), dtype="float64").run(x).dtype == torch.float64
    found = opaque("torch.Tensor.topk", Reference(0), Polynomial.parse("t//2"), outputs=("b t", "b t")).run(x)
    torch.testing.assert_close(found, tuple(x.topk(2)))
    jnp = pytest.importorskip("jax.numpy")
    np.testing.assert_array_equal(opaque("jax.numpy.sort", Reference(0)).run(jnp.asarray(x)), np.sort(x))
    np.testing.assert_array_equal(opaque("numpy.sort", Reference(0)).run(x.numpy()), np.sort(x))


def test_an_opaque_function_that_changes_its_argument_changes_a_copy():
    torch = pytest.importorskip("torch")
    x = torch.tensor(draw(3, 4))
    before = x.clone()
    assert opaque("torch.Tensor.fill_", Reference(0), 2.0).run(x).eq(2).all()
    assert opaque("torch.Tensor.__setitem__", Reference(0), (slice(None), 1), 5.0).run(x)[:, 1].eq(5).all()
    torch.testing.assert_close(x, before)


def test_an_opaque_function_of_another_library():
    with pytest.raises(
        NotSupportedError, match=re.escape("torch.sort is run as it was written, so it does not run on numpy")
    ):
        opaque("torch.sort", Reference(0)).run(draw(2, 2))


@pytest.mark.parametrize(
    "function",
    [
        "torch.load",
        "torch.hub.load",
        "torch.os.system",
        "torch.save",
        "torch.nowhere",
        "torch.serialization.load",
        "torch.nn.Linear",
    ],
)
def test_a_circuit_cannot_call_anything_it_likes(function):
    torch = pytest.importorskip("torch")
    with pytest.raises(NotSupportedError, match="is no function on arrays that torch is known to have"):
        opaque(function, Reference(0)).run(torch.ones(2, 2))


@pytest.mark.parametrize("function", ["os.system", "builtins.eval", "numpy.save", "numpy.load", "numpy.lib.npyio.save"])
def test_nor_can_it_on_numpy(function):
    with pytest.raises(NotSupportedError):
        opaque(function, Reference(0)).run(draw(2, 2))


def test_source_can_hold_no_code_of_others():
    for options in ({"x=1) or print": 1}, {"class": 1}):
        with pytest.raises(NotSupportedError, match="is no name"):
            one("exp", "b -> b", [("b", F32)], **options).source()
    with pytest.raises(NotSupportedError, match="is no name"):
        opaque("torch.sort(1) or print", Reference(0)).source()
    with pytest.raises(NotSupportedError, match="no circuit can have an operation called 'print'"):
        one("print", "b -> b", [("b", F32)]).source()
    with pytest.raises(NotSupportedError, match="a function among the options of a circuit is no plain data"):
        one("exp", "b -> b", [("b", F32)], f=draw).source()


# -- names ---------------------------------------------------------------------------------------------------------


def test_axes_and_inputs_may_have_any_names():
    make = Maker("lambda", scale=2)
    x = make.input("if x1 (scale x)", "class")
    y = make.input("if x1", "weights")
    y = make.node("rearrange", "if x1 -> if x1 scale x", [y], dtype="float32")
    x = make.node("rearrange", "if x1 (scale x) -> if x1 scale x", [x])
    circuit = make.circuit(make.node("add", "if x1 scale x, if x1 scale x -> if x1 scale x", [x, y]))
    found = circuit.run(np.ones((2, 3, 10)), np.ones((2, 3)))
    np.testing.assert_array_equal(found, np.full((2, 3, 2, 5), 2))


def test_an_axis_may_be_called_like_an_option():
    make = Maker("f", scale=4)
    x = make.input("b m", "x")
    make.sizes |= {"m": 8, "causal": 2}
    circuit = make.circuit(make.node("rearrange", "b (scale causal) -> b scale causal", [x]))
    assert circuit.run(np.ones((2, 8))).shape == (2, 4, 2)


# -- sizes and errors ----------------------------------------------------------------------------------------------


def test_sizes_that_inputs_show_in_formulas():
    make = Maker("f", h=4, w="n//4", n="n")
    x = make.input("b (h w) (c c2)", "x")
    make.sizes |= {"c2": "c + 1", "c": 3, "w": "w"}
    circuit = make.circuit(make.node("rearrange", "b (h w) (c c2) -> b h w c c2", [x]))
    assert circuit.run(np.ones((2, 20, 12))).shape == (2, 4, 5, 3, 4)
    with pytest.raises(AxisSizeError, match=re.escape("(h w) must be 20 = 4*w, but is 22 in input x")):
        circuit.run(np.ones((2, 22, 12)))


def test_a_size_that_nothing_shows():
    make = Maker("f")
    x = make.input("(h c)", "x")
    circuit = make.circuit(make.node("rearrange", "(h c) -> h c", [x]))
    with pytest.raises(
        AxisSizeError, match=r"the sizes of axes h and c cannot be found from what f is given: say sizes=\{'h': ...\}"
    ):
        circuit.run(np.ones(6))
    assert circuit.run(np.ones(6), sizes={"h": 2}).shape == (2, 3)


def errors():
    circuit = attention(masked=True)
    weights = weights_of(circuit)
    x, y, mask = draw(2, 3, 8), draw(2, 5, 8), np.ones((3, 5), bool)
    wrong = {**weights, "out.weight": draw(8, 9)}
    few = {name: array for name, array in weights.items() if name != "out.weight"}
    return [
        ((x, y), weights, SemanticError, "attention takes 3 arrays (x, y and mask), not 2"),
        ((x, y, mask.T), weights, AxisSizeError, "axis q is 3 in input x and 5 in input mask\n\n  input mask: q k"),
        ((x, y[..., :7], mask), weights, AxisSizeError, "axis m must be 8, but is 7 in input y\n\n  input y: b k m"),
        ((x, y[0], mask), weights, RankError, "input y has 3 axes (b k m), but the array has 2 dimensions: (5, 8)"),
        ((x, y.tolist(), mask), weights, BackendError, "input y is a list, not an array"),
        ((x, y, mask), None, SemanticError,
         "attention needs 4 parameters that parameters= lacks: query.weight, key.weight, value.weight and 1 more"),
        ((x, y, mask), few, SemanticError, "attention needs 1 parameter that parameters= lacks: out.weight"),
        ((x, y, mask), {**weights, "out.wait": 1}, SemanticError,
         "attention has no parameter called out.wait (did you mean out.weight?)"),
        ((x, y, mask), wrong, AxisSizeError,
         "axis m must be 8, but is 9 in parameter out.weight\n\n  parameter out.weight: (h c) m"),
        ((x, y, mask), [1], BackendError, "parameters= is a mapping from names to arrays, or a module, not [1]"),
    ]  # fmt: skip


@pytest.mark.parametrize(("arrays", "parameters", "kind", "message"), errors())
def test_says_what_does_not_fit(arrays, parameters, kind, message):
    with pytest.raises(kind) as caught:
        attention(masked=True).run(*arrays, parameters=parameters)
    assert str(caught.value) == message


def test_arrays_of_two_libraries():
    torch, jnp = pytest.importorskip("torch"), pytest.importorskip("jax.numpy")
    circuit = one("add", "b, b -> b", [("b", F32), ("b", F32)])
    with pytest.raises(BackendError, match="arrays of torch and jax cannot be mixed"):
        circuit.run(torch.ones(2), jnp.ones(2))


def test_source_is_a_function_that_can_be_read():
    assert layers(1).source() == (
        "def layers(x, weights, b, t, drop=None):\n"
        '    x2 = normalise(x, "b t [c] -> b t", "b t c, b t -> b t c", epsilon=1e-05)\n'
        '    x3 = ww.dot("b t [c], [c] c2 -> b t c2", x2, weights["blocks.0.weight"])\n'
        "    del x2\n"
        "    x4 = f.gelu(x3)\n"
        "    del x3\n"
        '    x5 = ww.add("b t c, b t c -> b t c", x, x4)\n'
        "    del x4\n"
        "    return x5\n"
    )


def test_memory_is_let_go_after_the_last_use():
    """At no time do more than two of the arrays between the operations live."""
    import tracemalloc

    make = Maker("chain")
    x = make.input("n", "x")
    for _ in range(10):
        x = make.node("tanh", "n -> n", [x])
    circuit = make.circuit(make.node("sum", "[n] ->", [x], ""))
    array = np.zeros(1_000_000)
    circuit.run(array)
    tracemalloc.start()
    circuit.run(array)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 2.5 * array.nbytes


def test_operations_of_wirework_are_what_runs():
    with ww.record_sources() as sources:
        layers(1).run(draw(2, 3, 4), parameters=weights_of(layers(1)))
    assert ("dot", "b t [c], [c] c2 -> b t c2") in sources


def test_arrays_that_the_function_held_need_not_be_given():
    from dataclasses import replace

    make = Maker("held")
    x, table = make.input("b", "x"), make.buffer("b", "held1")
    circuit = make.circuit(make.node("add", "b, b -> b", [x, table]))
    with pytest.raises(SemanticError, match="held needs 1 parameter that parameters= lacks: held1"):
        circuit.run(np.ones(2))
    holding = replace(circuit, held={"held1": np.arange(2.0)})
    np.testing.assert_array_equal(holding.run(np.ones(2)), [1, 2])
    np.testing.assert_array_equal(holding.run(np.ones(2), parameters={"held1": np.zeros(2)}), [1, 1])
    assert holding == circuit and holding.to_json() == circuit.to_json()
