"""Attention that is written out becomes one operation, where this means the same, and nowhere else."""

import numpy as np
import pytest

import wirework as ww
from circuit.making import Maker, attention

INF = float("-inf")


class Written:
    """Attention step by step, on inputs q, k and v, with whatever else a test puts in between."""

    def __init__(self, q="b h q c", k="b h k c", v="b h k c", out="b h q c", softmax="k", compared="c", **sizes):
        self.make = Maker("written", **{"h": 2, "c": 4, "g": 2, "r": 3, "e": 4, **sizes})
        self.q, self.k, self.v = (self.make.input(axes, name) for axes, name in ((q, "q"), (k, "k"), (v, "v")))
        self.axes = (q, k, v, out)
        self.softmax_over, self.compared = softmax, compared

    def scores(self, layout="b h q k"):
        q, k, _, _ = self.axes
        self.layout = layout
        return self.make.node("dot", f"{q}, {k} -> {layout}", [self.q, self.k])

    def step(self, kind, scores, *others, front=(), **options):
        """An elementwise step: the scores, and other values as (number, axes); `front` ones stand before."""
        values = [*front, (scores, self.layout), *others]
        expression = f"{', '.join(axes for _, axes in values)} -> {self.layout}"
        return self.make.node(kind, expression, [number for number, _ in values], **options)

    def number(self, value):
        return self.make.node("constant", "->", [], value=value), ""

    def weights(self, scores):
        bracketed = " ".join(f"[{axis}]" if axis == self.softmax_over else axis for axis in self.layout.split())
        return self.make.node("softmax", f"{bracketed} -> {bracketed}", [scores], self.layout)

    def mixed(self, weights, swapped=False):
        _, _, v, out = self.axes
        operands = [(weights, self.layout), (self.v, v)][:: -1 if swapped else 1]
        expression = f"{', '.join(axes for _, axes in operands)} -> {out}"
        return self.make.node("dot", expression, [number for number, _ in operands])

    def circuit(self, *outputs):
        return self.make.circuit(*outputs)


def plain(**axes):
    layout = axes.pop("layout", "b h q k")
    w = Written(**axes)
    return w.circuit(w.mixed(w.weights(w.scores(layout))))


def scaled(kind, factor, before=False):
    w = Written()
    scores, number = w.scores(), w.number(factor)
    scores = w.step(kind, scores, front=[number]) if before else w.step(kind, scores, number)
    return w.circuit(w.mixed(w.weights(scores)))


def masked(axes, hides=False, biased=None, scale=None):
    w = Written()
    mask = w.make.input(axes, "mask", "bool"), axes
    scores = w.scores()
    scores = w.step("divide", scores, w.number(scale)) if scale else scores
    if biased == "first":
        scores = w.step("add", scores, (w.make.input("h q k", "bias"), "h q k"))
    if hides:
        scores = w.make.node("where", f"{axes}, , b h q k -> b h q k", [mask[0], w.number(INF)[0], scores])
    else:
        scores = w.make.node("where", f"{axes}, b h q k, -> b h q k", [mask[0], scores, w.number(INF)[0]])
    if biased == "last":
        scores = w.step("add", scores, (w.make.input("q k", "bias"), "q k"))
    return w.circuit(w.mixed(w.weights(scores)))


def biased(axes, front=False):
    w = Written()
    bias = w.make.input(axes, "bias"), axes
    scores = w.scores()
    scores = w.step("add", scores, front=[bias]) if front else w.step("add", scores, bias)
    return w.circuit(w.mixed(w.weights(scores)))


def causal(relation="greater_equal", start="k - q", q="q", layout="q k", hides=False, negated=False, grouped=False):
    heads, keys = ("b h r", "b h") if grouped else ("b h", "b h")
    w = Written(f"{heads} q c", f"{keys} k c", f"{keys} k c", f"{heads} q c")
    rows = w.make.node("arange", f"-> {q}", [], dtype="int64", start=start, step=1)
    columns = w.make.node("arange", "-> k", [], dtype="int64", start=0, step=1)
    pair = [rows, columns] if relation.startswith("greater") else [columns, rows]
    axes = "q, k" if relation.startswith("greater") else "k, q"
    mask = w.make.node(relation, f"{axes} -> {layout}", pair, dtype="bool")
    if negated:
        mask = w.make.node("logical_not", f"{layout} -> {layout}", [mask], dtype="bool")
    scores = w.scores(f"{heads} q k")
    branches = [(w.number(INF)[0], ""), (scores, w.layout)][:: 1 if hides else -1]
    expression = f"{layout}, {', '.join(axes for _, axes in branches)} -> {w.layout}"
    scores = w.make.node("where", expression, [mask, *(number for number, _ in branches)])
    return w.circuit(w.mixed(w.weights(scores)))


def tril():
    """The triangle of ones that torch.tril makes."""
    w = Written(q="b h t c", k="b h k c", out="b h t c", k_="t")
    w.make.sizes |= {"k": "t"}
    ones = w.make.node("full", "-> t k", [], dtype="bool", value=True)
    rows = w.make.node("arange", "-> t", [], dtype="int64", start=0, step=1)
    columns = w.make.node("arange", "-> k", [], dtype="int64", start=0, step=1)
    seen = w.make.node("greater_equal", "t, k -> t k", [rows, columns], dtype="bool")
    zero = w.make.node("constant", "->", [], dtype="bool", value=False)
    mask = w.make.node("where", "t k, t k, -> t k", [seen, ones, zero], dtype="bool")
    mask = w.make.node("rearrange", "t k -> 1 1 t k", [mask], dtype="bool")
    scores = w.scores("b h t k")
    least = w.number(INF)[0]
    scores = w.make.node("where", "1 1 t k, b h t k, -> b h t k", [mask, scores, least])
    return w.circuit(w.mixed(w.weights(scores)))


def stepwise():
    """With a cast, a dropout, and both before and after axes in other places."""
    w = Written(q="b q h c", k="b k h c", v="b k h c", out="b q h c")
    scores = w.scores("b q k h")
    scores = w.make.node("rearrange", "b q k h -> (b h) q k", [scores])
    scores = w.make.node("cast", "n q k -> n q k".replace("n", "(b h)"), [scores], dtype="float64")
    weights = w.make.node("softmax", "(b h) q [k] -> (b h) q [k]", [scores], "(b h) q k", dtype="float64")
    weights = w.make.node("cast", "(b h) q k -> (b h) q k", [weights], dtype="float32")
    weights = w.make.node("dropout", "(b h) q k -> (b h) q k", [weights], drop_rate=0.5)
    weights = w.make.node("rearrange", "(b h) q k -> b q k h", [weights])
    return w.circuit(w.make.node("dot", "b q [k] h, b [k] h c -> b q h c", [weights, w.v]))


def two_biases():
    """As in shifted windows: a second bias for each window, whose axis is apart."""
    w = Written(q="(b n) h q c", k="(b n) h k c", v="(b n) h k c", out="(b n) h q c", n=3)
    scores = w.scores("(b n) h q k")
    scores = w.step("add", scores, (w.make.input("h q k", "bias"), "h q k"))
    scores = w.make.node("rearrange", "(b n) h q k -> b n h q k", [scores])
    windows = w.make.input("n q k", "windows")
    scores = w.make.node(
        "add", "b n h q k, n 1 q k -> b n h q k", [scores, w.make.node("rearrange", "n q k -> n 1 q k", [windows])]
    )
    scores = w.make.node("rearrange", "b n h q k -> (b n) h q k", [scores])
    weights = w.make.node("softmax", "(b n) h q [k] -> (b n) h q [k]", [scores], "(b n) h q k")
    return w.circuit(w.mixed(weights))


FUSED = {
    "two biases": (two_biases(), {"scale": 1.0, "bias_axes": "n h q k"}),
    "plain": (plain(), {"scale": 1.0}),
    "no heads": (plain(q="q c", k="k c", v="k e", out="q e", layout="q k"), {"scale": 1.0}),
    "any layout": (plain(q="q c b h", k="k b h c", v="h k b e", out="q b h e", layout="q b k h"), {"scale": 1.0}),
    "groups": (plain(q="b g r q c", k="b g k c", v="b g k e", out="b q g r e", layout="b g r q k"), {"scale": 1.0}),
    "shared keys": (plain(q="b h q c", k="b k c", v="b k e", out="b h q e"), {"scale": 1.0}),
    "two axes of queries": (plain(q="b q x c", k="b k c", v="b k c", out="b q x c", layout="b q x k"), {"scale": 1.0}),
    "two axes compared": (plain(q="b q c e", k="b k c e", v="b k c", out="b q c", layout="b q k"), {"scale": 1.0}),
    "scaled": (scaled("multiply", 0.5), {"scale": 0.5}),
    "scaled from the left": (scaled("multiply", 0.5, before=True), {"scale": 0.5}),
    "divided": (scaled("divide", 4), {"scale": 0.25}),
    "negative": (scaled("multiply", -2), {"scale": -2.0}),
    "masked": (masked("q k"), {"scale": 1.0, "mask_axes": "q k"}),
    "masked in a batch": (masked("b q k"), {"scale": 1.0, "mask_axes": "b q k"}),
    "masked in full": (masked("b h q k", scale=2.0), {"scale": 0.5, "mask_axes": "b h q k"}),
    "masked keys": (masked("b k"), {"scale": 1.0, "mask_axes": "b k"}),
    "masked with ones": (masked("b 1 1 k"), {"scale": 1.0, "mask_axes": "b 1 1 k"}),
    "hidden": (masked("b q k", hides=True), {"scale": 1.0, "mask_axes": "b q k"}),
    "masked and biased": (masked("q k", biased="first"), {"scale": 1.0, "mask_axes": "q k", "bias_axes": "h q k"}),
    "biased and masked": (masked("b k", biased="last", scale=2), {"scale": 0.5, "mask_axes": "b k", "bias_axes": "q k"}),
    "biased": (biased("h q k"), {"scale": 1.0, "bias_axes": "h q k"}),
    "biased from the left": (biased("1 1 k", front=True), {"scale": 1.0, "bias_axes": "1 1 k"}),
    "causal": (causal(), {"scale": 1.0, "causal": True}),
    "causal the other way": (causal("less_equal"), {"scale": 1.0, "causal": True}),
    "causal by what is hidden": (causal("less", hides=True), {"scale": 1.0, "mask_axes": "q k"}),
    "causal by what is not": (causal(hides=True, negated=True), {"scale": 1.0, "causal": True}),
    "causal, strictly": (causal("greater", "k - q + 1"), {"scale": 1.0, "causal": True}),
    "not at the end": (causal(start=0), {"scale": 1.0, "mask_axes": "q k"}),
    "a triangle of ones": (tril(), {"scale": 1.0, "causal": True}),
    "causal groups": (causal(grouped=True), {"scale": 1.0, "mask_axes": "q k"}),
    "step by step": (stepwise(), {"scale": 1.0, "dropout": 0.5}),
    "swapped": (None, {"scale": 1.0}),
}  # fmt: skip


def swapped():
    w = Written(v="b h k e", out="b h q e")
    make = w.make
    w.layout = "b h q k"
    scores = make.node("dot", "b h k c, b h q c -> b h q k", [w.k, w.q])
    return w.circuit(w.mixed(w.weights(scores), swapped=True))


FUSED["swapped"] = (swapped(), FUSED["swapped"][1])
LENGTHS = {"b": 2, "n": 3, "q": 5, "k": 7, "t": 5, "x": 3, "h": 2, "c": 4, "g": 2, "r": 3, "e": 4}


def given(circuit, seed=0):
    rng = np.random.default_rng(seed)
    sizes = {name: LENGTHS[name] for name in circuit.axes if name in LENGTHS}
    arrays = []
    for number in circuit.inputs:
        shape = tuple(size.evaluate(**sizes) for size in circuit.shape(number))
        if circuit.values[number].dtype == "bool":
            arrays.append(rng.random(shape) > 0.3)
            arrays[-1][..., 0] = True
        else:
            arrays.append(rng.normal(size=shape).astype("float32"))
    return arrays


def hidden_once(circuit, arrays):
    """Masks that say what is hidden leave one key to see."""
    if any(node.kind == "where" and circuit.values[node.inputs[1]].dims == () for node in circuit.nodes):
        return [np.where(np.arange(a.shape[-1]) == 0, False, a) if a.dtype == bool else a for a in arrays]
    return arrays


@pytest.mark.parametrize("name", FUSED)
@pytest.mark.parametrize("backend", ["numpy", "torch", "jax"])
def test_means_the_same(name, backend):
    circuit, options = FUSED[name]
    fused = circuit.fuse()
    (node,) = [node for node in fused.nodes if node.kind == "attention"]
    assert dict(node.options) == options
    assert not any(node.kind in ("softmax", "dot", "constant", "dropout") for node in fused.nodes)
    arrays = hidden_once(circuit, given(circuit))
    if backend == "torch":
        arrays = [pytest.importorskip("torch").tensor(array) for array in arrays]
    if backend == "jax":
        arrays = [pytest.importorskip("jax.numpy").asarray(array) for array in arrays]
    wanted, found = circuit.run(*arrays), fused.run(*arrays)
    np.testing.assert_allclose(np.asarray(found), np.asarray(wanted), rtol=1e-4, atol=2e-6)


@pytest.mark.parametrize("name", FUSED)
def test_gradients_are_the_same(name):
    torch = pytest.importorskip("torch")
    circuit, _ = FUSED[name]
    grads = []
    for each in (circuit, circuit.fuse()):
        arrays = [torch.tensor(a, requires_grad=a.dtype == np.float32) for a in hidden_once(circuit, given(circuit))]
        each.run(*arrays).square().sum().backward()
        grads.append([array.grad for array in arrays if array.grad is not None])
    for wanted, found in zip(*grads, strict=True):
        torch.testing.assert_close(found, wanted, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("name", FUSED)
def test_fusing_again_changes_nothing(name):
    fused = FUSED[name][0].fuse()
    assert fused.fuse() is fused
    assert type(fused).from_json(fused.to_json()) == fused


def test_uses_the_fused_kernel_of_torch():
    torch = pytest.importorskip("torch")
    circuit = attention(masked=True)
    weights = {value.name: torch.randn(8, 8) for value in circuit.parameters}
    arrays = torch.randn(2, 3, 8), torch.randn(2, 5, 8), torch.ones(3, 5, dtype=torch.bool)
    with ww.record_sources() as sources:
        circuit.fuse().run(*arrays, parameters=weights)
    (source,) = [source for (operation, _), source in sources.items() if operation == "attention"]
    assert "scaled_dot_product_attention" in source


# -- what is left as it is -----------------------------------------------------------------------------------------


def left(change):
    w = Written()
    return change(w)


def softmax_over_queries(w):
    w.softmax_over = "q"
    return w.circuit(w.mixed(w.weights(w.scores())))


def scores_returned(w):
    scores = w.scores()
    return w.circuit(w.mixed(w.weights(scores)), scores)


def weights_returned(w):
    weights = w.weights(w.scores())
    return w.circuit(w.mixed(weights), weights)


def scores_used_twice(w):
    scores = w.scores()
    other = w.make.node("sum", "b h q [k] -> b h q", [scores])
    return w.circuit(w.mixed(w.weights(scores)), other)


def another_sum(w):
    return w.circuit(w.make.node("dot", "b [h] q [k], b [h] [k] c -> b q c", [w.weights(w.scores()), w.v]))


def scale_after_bias(w):
    scores = w.step("add", w.scores(), (w.make.input("q k", "bias"), "q k"))
    return w.circuit(w.mixed(w.weights(w.step("multiply", scores, w.number(0.5)))))


def finite_fill(w):
    mask = w.make.input("q k", "mask", "bool")
    scores = w.make.node("where", "q k, b h q k, -> b h q k", [mask, w.scores(), w.number(-100.0)[0]])
    return w.circuit(w.mixed(w.weights(scores)))


def scale_by_an_array(w):
    return w.circuit(w.mixed(w.weights(w.step("multiply", w.scores(), (w.make.input("h", "scale"), "h")))))


def divided_into(w):
    return w.circuit(w.mixed(w.weights(w.step("divide", w.scores(), front=[w.number(1.0)]))))


def another_step(w):
    return w.circuit(w.mixed(w.weights(w.make.node("tanh", "b h q k -> b h q k", [w.scores()]))))


def no_values(w):
    return w.circuit(w.make.node("sum", "b h q [k] -> b h q", [w.weights(w.scores())]))


def product_of_three(w):
    factor = w.make.input("h", "factor")
    scores = w.make.node("dot", "b h q c, b h k c, h -> b h q k", [w.q, w.k, factor])
    w.layout = "b h q k"
    return w.circuit(w.mixed(w.weights(scores)))


def biased_product(w):
    bias = w.make.input("k", "bias")
    w.layout = "b h q k"
    scores = w.make.node("dot", "b h q c, b h k c -> b h q k", [w.q, w.k, bias], keywords=["bias"])
    return w.circuit(w.mixed(w.weights(scores)))


LEFT = [
    softmax_over_queries, scores_returned, weights_returned, scores_used_twice, another_sum, scale_after_bias,
    finite_fill, scale_by_an_array, divided_into, another_step, no_values, product_of_three,
    biased_product,
]  # fmt: skip


@pytest.mark.parametrize("change", LEFT, ids=lambda change: change.__name__)
def test_what_means_something_else_is_left(change):
    circuit = left(change)
    assert circuit.fuse() is circuit
