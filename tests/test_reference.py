"""The definition itself: its loops against results worked out by hand and against plain NumPy."""

import inspect

import numpy as np
import pytest

import wirework.reference as reference
from wirework.errors import WireworkError
from wirework.operations import adapted
from wirework.reference import run

X = np.arange(6.0).reshape(2, 3)
Y = np.arange(12.0).reshape(3, 4) - 5


def same(found, wanted):
    np.testing.assert_allclose(found, wanted, rtol=1e-12)
    assert np.shape(found) == np.shape(wanted)


@pytest.mark.parametrize(
    "expression, arrays, sizes, wanted",
    [
        ("a b -> b a", [X], {}, X.T),
        ("a b -> (b a)", [X], {}, X.T.reshape(-1)),
        ("(a b) -> b a", [np.arange(6)], {"a": 2}, [[0, 3], [1, 4], [2, 5]]),
        ("a -> a 2", [np.arange(2)], {}, [[0, 0], [1, 1]]),
        ("a a -> a", [Y[:, :3]], {}, [-5, 0, 5]),
        ("a b -> 1 a () b", [X], {}, X.reshape(1, 2, 1, 3)),
        ("a, b -> (a + b)", [np.arange(2), np.arange(3)], {}, [0, 1, 0, 1, 2]),
        ("a, -> (a + 1)", [np.arange(2), np.array(7)], {}, [0, 1, 7]),
        ("(a + 1) -> (1 + a)", [np.arange(3)], {}, [2, 0, 1]),
        ("b s... c, c -> b (1 + (s...)) c", [np.zeros((1, 2, 1, 2)), np.array([1, 2])], {}, [[[1, 2], [0, 0], [0, 0]]]),
        ("(a s)... -> a... s...", [np.arange(4).reshape(2, 2)], {"a": 2}, np.arange(4).reshape(2, 2, 1, 1)),
        ("a -> 0 a", [np.arange(2)], {}, np.zeros((0, 2))),
    ],
)
def test_rearrange(expression, arrays, sizes, wanted):
    same(run("rearrange", expression, *arrays, **sizes), np.asarray(wanted))


def test_several_results_are_a_tuple():
    first, second = run("id", "b (q + k) -> b q, k b", X, q=1)
    same(first, X[:, :1])
    same(second, X[:, 1:].T)


@pytest.mark.parametrize(
    "name, wanted",
    [
        ("sum", X.sum(1)), ("mean", X.mean(1)), ("var", X.var(1)), ("std", X.std(1)), ("prod", X.prod(1)),
        ("min", X.min(1)), ("max", X.max(1)), ("any", X.any(1)), ("all", X.all(1)),
        ("count_nonzero", np.count_nonzero(X, 1)), ("logsumexp", np.log(np.exp(X).sum(1))),
        ("argmin", X.argmin(1)), ("argmax", X.argmax(1)),
    ],
)  # fmt: skip
def test_reductions(name, wanted):
    same(run(name, "a [b]", X), wanted)
    same(run(name, "a b -> a", X), wanted)
    same(run(name, "a [b] -> a 2", X), np.stack([wanted, wanted], 1))
    same(run(name, "a [b]", X, keepdims=True), wanted[:, None])


def test_coordinates_of_the_largest():
    assert run("argmax", "[a b]", X) == 5
    same(run("argmax", "[a b] -> [2]", X), [1, 2])
    same(run("argmax", "[(a b)]", X.reshape(-1), a=2), 5)


def test_correction():
    same(run("var", "a [b]", X, correction=1), X.var(1, ddof=1))


def test_elementwise():
    same(run("add", "a b, a -> b a", X, np.array([10, 20])), (X + np.array([[10], [20]])).T)
    same(run("multiply", "a [b]", X, np.arange(3)), X * np.arange(3))
    same(run("add", "a, a, a", *np.arange(6).reshape(3, 2)), [6, 9])
    same(run("where", "a b, , a b", X > 2, -1.0, X), np.where(X > 2, -1.0, X))


def test_dot():
    same(run("dot", "a [b], [b] c -> c a", X, Y), (X @ Y).T)
    same(run("dot", "a [b -> c]", X, Y), X @ Y)
    same(run("dot", "a b ->", X), X.sum())
    same(run("dot", "a b, c ->", X, np.arange(3)), X.sum() * 3)
    same(run("dot", "a b, b c -> a c", X, Y, bias=np.arange(4)), X @ Y + np.arange(4))


def test_along():
    same(run("softmax", "a [b]", X), np.exp(X) / np.exp(X).sum(1, keepdims=True))
    same(run("softmax", "[a b]", X), np.exp(X) / np.exp(X).sum())
    same(run("sort", "[a] b", -X), np.sort(-X, 0))
    same(run("argsort", "a [b]", -X), [[2, 1, 0]] * 2)
    same(run("flip", "[a b]", X), X[::-1, ::-1])
    same(run("roll", "[a b]", X, shift=(1, -1)), np.roll(X, (1, -1), (0, 1)))
    same(run("roll", "[a b]", X, shift=1), np.roll(X, (1, 1), (0, 1)))
    same(run("cumsum", "a [b] -> [b] a", X), X.cumsum(1).T)
    same(run("cumprod", "a [b]", X), X.cumprod(1))


def test_indexing():
    same(run("get_at", "[a b], p [2] -> p", X, np.array([[0, 1], [-1, -3]])), [1, 3])
    same(run("get_at", "[a] b, p -> p b", X, np.array([1, 1])), X[[1, 1]])
    same(run("get_at", "a [b], a -> a", X, np.array([2, 0])), [2, 3])
    same(run("set_at", "[a] b, p, b", X, np.array([0]), np.full(3, 9.0)), [[9, 9, 9], [3, 4, 5]])
    same(run("add_at", "[a], p, p", np.zeros(2), np.array([1, 1, 0]), np.array([1, 2, 4])), [4, 3])
    same(run("subtract_at", "[a], p,", np.zeros(2), np.array([1, 1]), 1), [0, -2])


@pytest.mark.parametrize("place", [[2, 0], [-3, 0], [0, 3], [0, -4]])
def test_every_coordinate_stays_on_its_own_axis(place):
    with pytest.raises(IndexError):
        run("get_at", "[a b], [2] ->", X, np.array(place))


def attended(q, k, v, mask):
    scores = np.where(mask, q @ k.T / np.sqrt(q.shape[1]), -np.inf)
    raised = np.exp(scores - scores.max(1, keepdims=True))
    return raised / raised.sum(1, keepdims=True) @ v


def test_attention():
    rng = np.random.default_rng(0)
    q, k, v = rng.random((2, 4)), rng.random((3, 4)), rng.random((3, 5))
    expression = "q [d], [k] [d], [k] e -> q e"
    every, late = np.ones((2, 3), bool), np.array([[True, True, False], [True, True, True]])
    same(run("attention", expression, q, k, v), attended(q, k, v, every))
    same(run("attention", expression, q, k, v, causal=True), attended(q, k, v, late))
    same(run("attention", expression, q, k, v, mask=late), attended(q, k, v, late))
    same(run("attention", expression, q, k, v, mask=("k q", late.T)), attended(q, k, v, late))
    same(run("attention", expression, q, k, v, mask=late & False), np.zeros((2, 5)))
    same(run("attention", expression, q, k, v, scale=0.0), np.broadcast_to(v.mean(0), (2, 5)))
    same(run("attention", expression, q, k, v, bias=np.where(late, 0, -1e9)), attended(q, k, v, late))


def test_conv():
    x, w = np.arange(5.0).reshape(5, 1), np.array([1.0, 10.0]).reshape(2, 1, 1)
    same(run("conv", "[s] [c -> d]", x, w)[:, 0], [10, 21, 32, 43])
    same(run("conv", "[s] [c -> d]", x, w, stride=2)[:, 0], [10, 32])
    same(run("conv", "[s] [c -> d]", x, w, padding=1)[:, 0], [0, 10, 21, 32, 43, 4])
    same(run("conv", "[s] [c -> d]", x, w, dilation=3)[:, 0], [30, 41])
    same(run("conv", "[s] [c -> d]", x, w, padding="same")[:, 0], [10, 21, 32, 43, 4])
    same(run("conv", "[s] [c -> d]", x[:2] + 1, w, transposed=True, stride=2)[:, 0], [1, 10, 2, 20])


def test_window():
    same(run("window", "[s] -> s [w]", np.arange(4), w=2), [[0, 1], [1, 2], [2, 3]])
    same(run("window", "[s] -> [w] s", np.arange(4), w=2, stride=2), [[0, 2], [1, 3]])
    same(run("window", "[s] -> s [w]", np.arange(2), w=2, padding=1, fill=9), [[9, 0], [0, 1], [1, 9]])


def test_a_function_of_the_user():
    operation = adapted(lambda x, y: (x.sum() + y, x[:2]), "vmap")
    total, head = run(operation, "a [b], -> a, [c] a", X, 1)
    same(total, X.sum(1) + 1)
    same(head, X[:, :2].T)


def test_a_tensor_factory_is_told_its_shape():
    same(run("add", "a b, b", X, lambda shape: np.full(shape, shape[0])), X + 3)


def test_contradictions_are_errors():
    with pytest.raises(WireworkError):
        run("rearrange", "a a -> a", X)
    with pytest.raises(WireworkError):
        run("rearrange", "(a b) -> a b", np.arange(5), a=2)


def test_it_shares_nothing_with_the_engine():
    source = inspect.getsource(reference)
    for part in ("wirework.plan", "wirework.backends", "wirework.program", "wirework.engine"):
        assert part not in source
