"""Tracing operations of wirework and arithmetic, with and without torch; signatures, blocks, errors."""

import math
import subprocess
import sys
import textwrap

import numpy as np
import pytest

import wirework as ww
from wirework.circuit import Reference
from wirework.circuit.plain import Plain
from wirework.circuit.sizes import Comparisons, Size
from wirework.errors import AxisSizeError, NotSupportedError, SemanticError
from wirework.errors import SyntaxError as ExpressionError
from wirework.polynomial import Polynomial


@pytest.fixture
def without_torch(monkeypatch):
    """Trace as where torch is not loaded."""
    monkeypatch.setattr("wirework.circuit.tracing.framework_of", lambda *_: Plain())


def attention(x, w, o):
    q = ww.dot("b t [c], [c] h d -> b t h d", x, w)
    with ww.block("Attention"):
        a = ww.softmax("b h q [k]", ww.dot("b q h [d], b k h [d] -> b h q k", q, q) * 0.5)
        y = ww.dot("b h q [k], b [k] h d -> b q h d", a, q)
    return {"y": x + ww.dot("b q [h d], [h d] c -> b q c", y, o), "weights": (a, None)}


def pooled(x, w):
    y = ww.conv("b [h w] [c -> d]", x, w, stride=2, padding=1)
    return ww.max("b (h [p]) (w [q]) d", y, p=2, q=2) + 1


def many(x):
    tokens = ww.rearrange("b (t p) c, c -> b (1 + t) (p c)", x, ww.mean("[b t] c", x), p=1)
    first, rest = ww.rearrange("b (1 + t) c -> b c, b t c", tokens)
    sizes = ww.solve("b t c", rest)
    return ww.roll("b [t] c", rest, shift=sizes["t"] // 2), ww.argmax("b [c]", first), -(np.exp(first) ** 2)


FUNCTIONS = {
    "attention": (attention, ("b t c", "c h d", "h d c")),
    "convolution": (pooled, ("b h w c", "3 3 c d")),
    "rearrangements": (many, ("b t c",)),
}


def test_expressions_are_in_the_axes_of_the_circuit(without_torch):
    circuit = ww.trace(attention, "b t c", "c h d", "h d c")
    assert [(node.kind, node.expression, node.block) for node in circuit.nodes] == [
        ("dot", "b t [c], [c] h d -> b t h d", ()),
        ("dot", "b t h [d], b t2 h [d] -> b h t t2", ("Attention",)),
        ("constant", "->", ("Attention",)),
        ("multiply", "b h t t2,  -> b h t t2", ("Attention",)),
        ("softmax", "b h t [t2] -> b h t [t2]", ("Attention",)),
        ("dot", "b h t [t2], b [t2] h d -> b t h d", ("Attention",)),
        ("dot", "b t [h] [d], [h] [d] c -> b t c", ()),
        ("add", "b t c, b t c -> b t c", ()),
    ]
    assert circuit.structure == {"y": Reference(0), "weights": (Reference(1), None)}
    assert {name: str(size) for name, size in circuit.axes.items() if name != str(size)} == {"t2": "t"}


@pytest.mark.parametrize("name", ["attention", "convolution"])
def test_with_torch_the_circuit_is_the_same(name, monkeypatch):
    pytest.importorskip("torch")
    function, signatures = FUNCTIONS[name]
    with_torch = ww.trace(function, *signatures)
    monkeypatch.setattr("wirework.circuit.tracing.framework_of", lambda *_: Plain())
    assert ww.trace(function, *signatures) == with_torch


def test_it_runs_on_arrays(without_torch):
    shapes = {"attention": ((2, 3, 4), (4, 2, 5), (2, 5, 4)), "convolution": ((2, 8, 8, 3), (3, 3, 3, 4))}
    for name, dims in {**shapes, "rearrangements": ((2, 6, 4),)}.items():
        function, signatures = FUNCTIONS[name]
        arrays = [np.random.default_rng(0).normal(size=shape) for shape in dims]
        expected, found = function(*arrays), ww.trace(function, *signatures).run(*arrays)
        if isinstance(expected, dict):
            expected, found = expected["y"], found["y"]
        for one, other in zip(expected, found, strict=True):
            np.testing.assert_allclose(one, other, atol=1e-12)


def test_formulas_follow_the_lengths(without_torch):
    circuit = ww.trace(pooled, "b h w c", "3 3 c d")
    assert [str(size) for size in circuit.shape(circuit.outputs[0])] == ["b", "((h-1)//2+1)//2", "((w-1)//2+1)//2", "d"]
    assert [node.expression for node in circuit.nodes][:2] == [
        "b [h] [w] [c], [p] [q] [c] d -> b h2 w2 d",
        "b (h3 [p2]) (w3 [q2]) d -> b h3 w3 d",
    ]


def test_sizes_and_flattened_axes_in_signatures(without_torch):
    circuit = ww.trace(lambda x: ww.rearrange("b (h p) c -> b h p c", x, p=4), "b (h p) 3", p=4)
    assert circuit.values[circuit.inputs[0]].axes.startswith("b (h p) ")
    assert [str(size) for size in circuit.shape(circuit.outputs[0])] == ["b", "h", "4", "3"]


def test_an_axis_gets_the_length_that_an_operation_wants(without_torch):
    weight = np.ones((5, 3), "float32")
    circuit = ww.trace(lambda x: ww.dot("b [c], d [c] -> b d", x, weight), "b c")
    assert str(circuit.axes["c"]) == "3" and str(circuit.axes["b"]) == "b"


def test_no_torch_is_needed():
    program = """
        import sys
        import wirework as ww
        print(ww.trace(lambda x, y: ww.dot("b [c], c d -> b d", x, y) * 2, "b c", "c d").nodes[0].expression)
        print("torch" in sys.modules)
    """
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(program)], capture_output=True, text=True)
    assert done.stdout.split("\n")[:2] == ["b [c], [c] d -> b d", "False"], done.stderr


def test_a_block_without_a_trace_does_nothing():
    with ww.block("Anything"):
        pass


@pytest.mark.parametrize(
    ("call", "kind", "message"),
    [
        (lambda: ww.trace(np.tanh, 3), SemanticError, "a signature is an expression such as 'b t c'"),
        (lambda: ww.trace(np.tanh, "b t: int63"), SemanticError, "no type 'int63' \\(did you mean int32\\?\\)|int64"),
        (lambda: ww.trace(np.tanh, "b, c"), SemanticError, "a signature has the axes of one array"),
        (lambda: ww.trace(np.tanh, "b b"), SemanticError, "axis b stands twice in a signature"),
        (lambda: ww.trace(np.tanh, "b [c]"), SemanticError, "names, numbers and parentheses only"),
        (lambda: ww.trace(np.tanh, "b ("), ExpressionError, "never closed|not closed|missing"),
        (
            lambda: ww.trace(np.tanh, "b time", tine=3),
            SemanticError,
            "no signature has an axis tine .did you mean time",
        ),
        (lambda: ww.trace(np.tanh, "b t", t=-1), AxisSizeError, "axis t must be a whole number from 0 on, not -1"),
        (lambda: ww.trace(np.tanh, "b t", t=2.0), AxisSizeError, "axis t must be a whole number"),
        (lambda: ww.trace(3, "b t"), SemanticError, "a function or a module is traced, not 3"),
        (lambda: ww.trace(lambda x: x, "b", "c"), SemanticError, "takes 1 argument, but there are 2 signatures"),
    ],
)
def test_bad_input_gives_one_clear_error(call, kind, message):
    with pytest.raises(kind, match=message):
        call()


@pytest.mark.parametrize(
    "function",
    [lambda x: x if x.sum() > 0 else -x, lambda x: x[0], lambda x: np.linalg.norm(x), lambda x: x @ x],
)
def test_what_cannot_be_traced_is_refused(function, without_torch):
    with pytest.raises(NotSupportedError, match="needs the elements of an array, and while a function is traced"):
        ww.trace(function, "a b")


def test_errors_of_the_function_say_what_it_was_traced_with(without_torch):
    def refuses(x):
        raise KeyError("never")

    with pytest.raises(KeyError) as caught:
        ww.trace(refuses, "b t")
    assert caught.value.__notes__ == ["(traced with lengths of its own for b and t: if only some fit, give them)"]


def test_lengths_calculate_with_their_formulas():
    t = Size(12, Polynomial.symbol("t"), Comparisons())
    assert isinstance(t, int) and t == 12 and hash(t) == hash(12)
    for found, expected in {
        t + 1: "t + 1", 2 * t - 3: "2*t - 3", t // 5: "t//5", t % 5: "t%5", -t: "-t", t**2: "t**2", 20 - t: "-t + 20",
        math.ceil(t / 5): "-((-t)//5)", math.floor(t / 5): "t//5", divmod(t, 7)[1]: "t%7",
    }.items():  # fmt: skip
        assert str(found.formula) == expected
        assert found.formula.evaluate(t=12) == int(found)
    assert type(t - t) is int and type(t * 0.5) is float
    assert t != 13 and [(str(one), str(other)) for one, other in t.unequal] == [("t", "13")]
