"""The algebra of named axes: eight laws, each as programs that must give the same numbers.

The laws are those of neural circuit diagrams (Abbott, "Neural Circuit Diagrams", 2024). Run this file to
see every law with its programs and the largest difference between their results on random data.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

import wirework as ww

Sizes = dict[str, int]
Program = Callable[..., Any]


@dataclass(frozen=True)
class Law:
    """An equality of programs.

    Attributes:
        title: which law of the eight it is, and its name.
        says: the law in one sentence.
        arguments: the axes of each argument of the programs; `i: a` is a coordinate on axis a.
        programs: what must give the same results.
    """

    title: str
    says: str
    arguments: tuple[str, ...]
    programs: tuple[Program, ...]

    def data(self, rng: np.random.Generator, sizes: Sizes) -> list[np.ndarray]:
        """Random arguments for axes of some lengths."""
        return [
            np.asarray(rng.integers(sizes[axes[3:]]))
            if axes.startswith("i:")
            else rng.standard_normal([sizes[axis] for axis in axes.split()])
            for axes in self.arguments
        ]

    def difference(self, arrays: list[Any]) -> float:
        """The largest difference between the results of the first program and of any other."""
        first, *others = [np.asarray(program(*arrays)) for program in self.programs]
        assert all(first.shape == other.shape for other in others)
        return max(float(np.max(np.abs(first - other), initial=0)) for other in others)


# -- 1 -----------------------------------------------------------------------------------------------------------


def element(x, i, j):
    """X[i, j]."""
    return ww.get_at("[a b], , ->", x, i, j)


def column_of_row(x, i, j):
    """X[i, :][j]."""
    return ww.get_at("[b], ->", ww.get_at("[a] b, -> b", x, i), j)


def row_of_column(x, i, j):
    """X[:, j][i]."""
    return ww.get_at("[a], ->", ww.get_at("a [b], -> a", x, j), i)


# -- 2 -----------------------------------------------------------------------------------------------------------


def broadcast_then_index(x, i):
    """G over every row, then row i."""
    return ww.get_at("[a] c, -> c", ww.softmax("a [c]", x), i)


def index_then_apply(x, i):
    """Row i, then G."""
    return ww.softmax("[c]", ww.get_at("[a] c, -> c", x, i))


def mapped_then_index(x, i):
    """G mapped (vmap), then row i."""
    softmax = ww.adapt(lambda row: ww.softmax("[c]", row))
    return ww.get_at("[a] c, -> c", softmax("a [c] -> a [c]", x), i)


# -- 3 -----------------------------------------------------------------------------------------------------------


def lifted(x, y):
    """H with an axis more on one side."""
    return ww.dot("a [c], [c] -> a", x, y)


def mapped_over_one(x, y):
    """H for each row."""
    inner_product = ww.adapt(lambda row, other: ww.dot("[c], [c] ->", row, other))
    return inner_product("a [c], [c] -> a", x, y)


# -- 4 -----------------------------------------------------------------------------------------------------------


def index_the_result(x, y, i):
    """That is f(x, y)[i]."""
    return ww.get_at("[a] c, -> c", ww.maximum("a c, a c", x, y), i)


def index_the_operands(x, y, i):
    """That is f(x[i], y[i])."""
    return ww.maximum("c, c", ww.get_at("[a] c, -> c", x, i), ww.get_at("[a] c, -> c", y, i))


# -- 5 -----------------------------------------------------------------------------------------------------------


def dot_with_own_output(f, y):
    """F of every basis vector, dotted with y."""
    basis = np.eye(f.shape[0])
    outputs = ww.dot("k [a], [a] b c -> k b c", basis, f)
    return ww.dot("k [b c], [b c] -> k", outputs, y)


def transpose(f, y):
    """The transpose of F, of y."""
    return ww.dot("a [b c], [b c] -> a", f, y)


# -- 6 -----------------------------------------------------------------------------------------------------------


def snake(x):
    """The sum over i = j of x[i] delta[j, k]."""
    delta = np.eye(x.shape[0])
    product = ww.multiply("i, j k -> i j k", x, delta)
    return ww.sum("[i] k", ww.rearrange("i i k -> i k", product))


def identity(x):
    """Nothing is done to x."""
    return ww.rearrange("k", x)


# -- 7 -----------------------------------------------------------------------------------------------------------


def first_axis_first(x, f, g):
    """First f on a, then g on b."""
    return ww.dot("c [b], [b] d -> c d", ww.dot("[a] b, [a] c -> c b", x, f), g)


def second_axis_first(x, f, g):
    """First g on b, then f on a."""
    return ww.dot("[a] d, [a] c -> c d", ww.dot("a [b], [b] d -> a d", x, g), f)


def copy_then_add(x):
    """Two copies of x, added."""
    return ww.sum("[copy] a b", ww.rearrange("a b -> copy a b", x, copy=2))


def double(x):
    """Twice x."""
    return ww.multiply("a b, ", x, 2.0)


def all_heads_at_once(q, k, v):
    """The fused kernel."""
    return ww.attention("h q [c], h [k] [c], h [k] d -> h q d", q, k, v)


def head_by_head(q, k, v):
    """One head after the other."""
    heads = [ww.attention("q [c], [k] [c], [k] d -> q d", *each) for each in zip(q, k, v, strict=True)]
    return ww.rearrange(", ".join(["q d"] * len(heads)) + " -> (" + " + ".join(["1"] * len(heads)) + ") q d", *heads)


# -- 8 -----------------------------------------------------------------------------------------------------------


def step_by_step(q, k, v):
    """Transpose, outer product with a diagonal, inner product, scale, softmax, weighted sum."""
    turned = ww.rearrange("h k c -> h c k", k)
    diagonal = np.eye(q.shape[-1])
    spread = ww.multiply("h q c, c m -> h q c m", q, diagonal)
    scores = ww.dot("h q [c m], h [m] k -> h q k", spread, turned)
    scores = ww.divide("h q k, ", scores, np.sqrt(q.shape[-1]))
    weights = ww.softmax("h q [k]", scores)
    weighted = ww.multiply("h q k, h k d -> h q k d", weights, v)
    return ww.sum("h q [k] d", weighted)


def one_line(q, k, v):
    """In short: softmax(q k / sqrt(c)) v."""
    scores = ww.dot("h q [c], h k [c] -> h q k", q, k)
    return ww.dot("h q [k], h [k] d -> h q d", ww.softmax("h q [k]", scores / np.sqrt(q.shape[-1])), v)


LAWS = (
    Law("1. Subtensors", "The order in which axes are indexed does not matter: X[i, j] = X[i, :][j] = X[:, j][i].",
        ("a b", "i: a", "i: b"), (element, column_of_row, row_of_column)),
    Law("2. Broadcasting", "Indexing after broadcasting G over an axis is G after indexing, and what vmap gives.",
        ("a c", "i: a"), (broadcast_then_index, index_then_apply, mapped_then_index)),
    Law("3. Inner broadcasting", "Lifting one operand of H(x, y) is vmap(H, (0, None)).",
        ("a c", "c"), (lifted, mapped_over_one)),
    Law("4. Elementwise", "Elementwise operations commute with indexing.",
        ("a c", "a c", "i: a"), (index_the_result, index_the_operands)),
    Law("5. Linear transpose", "Broadcasting a linear F: a -> b c and taking the dot product with its own output is "
        "applying its transpose.", ("a b c", "b c"), (dot_with_own_output, transpose)),
    Law("6. Kronecker-dot identity", "An outer product with delta, then a dot product, is the identity (the snake).",
        ("a",), (snake, identity)),
    Law("7. Linear operations", "Linear operations on different axes commute.",
        ("a b", "a c", "b d"), (first_axis_first, second_axis_first)),
    Law("7. Linear operations", "Copying, then adding the copies, is doubling.", ("a b",), (copy_then_add, double)),
    Law("7. Linear operations", "Heads are independent of each other.",
        ("h a c", "h b c", "h b d"), (all_heads_at_once, head_by_head)),
    Law("8. Attention", "Step by step, in one line and by the fused kernel, attention is the same.",
        ("h a c", "h b c", "h b d"), (all_heads_at_once, step_by_step, one_line)),
)  # fmt: skip


def main() -> None:
    """Print every law, its programs and how far apart their results are."""
    rng = np.random.default_rng(0)
    sizes = {"a": 4, "b": 3, "c": 5, "d": 2, "h": 2}
    for law in LAWS:
        print(f"{law.title}\n  {law.says}\n")
        for program in law.programs:
            print("".join(f"    {line}\n" for line in inspect.getsource(program).rstrip().split("\n")))
        print(f"  largest difference: {law.difference(law.data(rng, sizes)):.1e}\n")


if __name__ == "__main__":
    main()
