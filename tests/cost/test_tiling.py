"""The bounds on what tiled contractions move, against a search through all tilings."""

import math

import pytest

from cost.making import Making
from wirework.cost import cost
from wirework.cost.tiling import Transfers, attention, matmul
from wirework.errors import AxisSizeError
from wirework.polynomial import Polynomial


def best_matmul(a, b, c, memory):
    """The fewest values moved for tiles of the result of all sizes that fit, with a column and a row of operands."""
    least = math.inf
    for rows in range(1, min(a, memory) + 1):
        columns = min(c, (memory - rows) // (rows + 1))
        if columns >= 1:
            tiles = math.ceil(a / rows) * math.ceil(c / columns)
            least = min(least, math.ceil(c / columns) * a * b + math.ceil(a / rows) * b * c + a * c)
            assert tiles > 0
    return least


def best_attention(q, x, d, memory):
    """The fewest values moved, keeping some rows of queries and results, a row of keys and of values, and scores."""
    least = math.inf
    for rows in range(1, q + 1):
        for columns in (1, 2, 4, 8, 16):
            if 2 * rows * d + 2 * columns * d + rows * columns <= memory:
                least = min(least, 2 * q * d + math.ceil(q / rows) * 2 * x * d)
    return least


@pytest.mark.parametrize("memory", [1_000, 10_000, 100_000])
@pytest.mark.parametrize(("a", "b", "c"), [(512, 512, 512), (1024, 256, 768), (300, 2000, 700)])
def test_matmul_is_a_tight_bound(a, b, c, memory):
    bound, found = matmul(a, b, c).at(memory), best_matmul(a, b, c, memory)
    assert bound <= found <= 1.35 * bound


@pytest.mark.parametrize(("memory", "by_search", "by_formula"), [(8192, 1.45e8, 1.35e8), (98304, 1.258e7, 1.223e7)])
def test_attention_is_a_tight_bound(memory, by_search, by_formula):
    bound, found = attention(4096, 4096, 128).at(memory), best_attention(4096, 4096, 128, memory)
    assert bound == pytest.approx(by_formula, rel=5e-3)
    assert found == pytest.approx(by_search, rel=5e-3)
    assert bound <= found <= 1.1 * bound


def test_formulas_are_as_printed():
    a, b, c = map(Polynomial.symbol, "abc")
    assert str(matmul(a, b, c)) == "2*a*b*c/sqrt(M) + a*c"
    assert str(attention(a, b, c)) == "4*a*b*c**2/M + 2*a*c"
    assert str(attention(a, b, c) + matmul(a, b, c)) == ("2*a*b*c/sqrt(M) + 4*a*b*c**2/M + 3*a*c")
    assert str(Transfers()) == "0"


def test_a_product_is_made_once_for_each_axis_that_all_share():
    making = Making()
    x, y = making.input("b q (h k)"), making.input("b t (h k)")
    found = cost(making.circuit(making.node("dot", "b q (h [k]), b t (h [k]) -> b h q t", x, y))).tiled
    q, k, t = map(Polynomial.symbol, "qkt")
    assert found == matmul(q, k, t) * Polynomial.parse("b*h")


def test_heads_that_share_keys_are_more_queries():
    making = Making()
    q, k, v = making.input("b q g r d"), making.input("b k g d"), making.input("b k g e")
    out = making.node("attention", "b q g r [d], b [k] g [d], b [k] g e -> b q g r e", q, k, v)
    found = cost(making.circuit(out)).tiled
    d, e, keys = map(Polynomial.symbol, "dek")
    assert found == attention(Polynomial.parse("q*r"), keys, d, e) * Polynomial.parse("b*g")


def test_sizes_must_be_known_to_have_a_number():
    a = Polynomial.symbol("a")
    assert matmul(a, 2, 3).at(4, a=5) == 2 * 5 * 2 * 3 / 2 + 15
    with pytest.raises(AxisSizeError, match=r"a must be known: give a=\.\.\."):
        matmul(a, 2, 3).at(4)
    with pytest.raises(AxisSizeError, match="holds at least one value, not 0"):
        matmul(2, 2, 3).at(0)
