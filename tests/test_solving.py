"""Sizes as users ask for them: solve, solve_axes, solve_shapes, matches, check and typed."""

import inspect
import pickle

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import wirework as ww
from wirework.errors import AxisSizeError, RankError, SemanticError, SyntaxError


def ones(*shape: int) -> np.ndarray:
    return np.ones(shape)


# -- solve --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "shapes", "given", "sizes"),
    [
        ("a b", [(2, 3)], {}, {"a": 2, "b": 3}),
        ("a (b c)", [(2, 6)], {"b": 2}, {"a": 2, "b": 2, "c": 3}),
        ("a b, b c", [(2, 3), (3, 4)], {}, {"a": 2, "b": 3, "c": 4}),
        ("a [b]", [(2, 3)], {}, {"a": 2, "b": 3}),
        ("b (s w)... c", [(1, 8, 12, 3)], {"w": 4}, {"b": 1, "s": (2, 3), "w": (4, 4), "c": 3}),
        ("s...", [(2, 3)], {}, {"s": (2, 3)}),
        ("s...", [()], {}, {"s": ()}),
        ("... c", [(2, 3, 4)], {}, {"c": 4}),
        ("(a + b)", [(5,)], {"a": 2}, {"a": 2, "b": 3}),
        ("(a a)", [(9,)], {}, {"a": 3}),
        ("a b -> b c", [(2, 3)], {"c": 4}, {"a": 2, "b": 3, "c": 4}),
        ("a 3", [(2, 3)], {}, {"a": 2}),
        ("", [()], {}, {}),
    ],
)
def test_solve(text: str, shapes: list[tuple[int, ...]], given: dict, sizes: dict) -> None:
    arrays = [np.zeros(shape) for shape in shapes]
    assert ww.solve(text, *arrays, **given) == sizes
    assert ww.solve_axes(text, *arrays, **given) == sizes
    assert ww.check(text, *arrays, **given) == sizes


@pytest.mark.parametrize("library", [np, torch, jnp], ids=["numpy", "torch", "jax"])
def test_solve_takes_arrays_of_every_library(library) -> None:
    found = ww.solve("a (b c)", library.ones((2, 6)), b=3)
    assert found == {"a": 2, "b": 3, "c": 2}
    assert all(type(size) is int for size in found.values())


def test_solve_takes_arrays_of_different_libraries() -> None:
    assert ww.solve("a b, b c", torch.ones(2, 3), jnp.ones((3, 4))) == {"a": 2, "b": 3, "c": 4}


def test_solve_needs_nothing_but_a_shape() -> None:
    class Described:
        shape = (2, 6)

    assert ww.solve("a (b c)", Described(), b=2) == {"a": 2, "b": 2, "c": 3}


def test_sizes_can_be_passed_back() -> None:
    x = np.arange(96).reshape(1, 8, 12)
    sizes = ww.solve("b (s w)...", x, w=4)
    windows = ww.rearrange("b (s w)... -> (b s...) (w...)", x, **sizes)
    assert windows.shape == (6, 16)
    back = ww.rearrange("(b s...) (w...) -> b (s w)...", windows, **sizes)
    np.testing.assert_array_equal(back, x)


def test_given_sizes_can_be_named_like_parameters() -> None:
    assert ww.solve("(expression x)", ones(6), sizes={"expression": 2}) == {"expression": 2, "x": 3}
    assert ww.solve("(self x)", ones(6), **{"self": 2}) == {"self": 2, "x": 3}


def test_solve_shapes() -> None:
    assert ww.solve_shapes("a (b c) -> b c a, (a c)", ones(2, 6), b=2) == ((2, 6), (2, 3, 2), (6,))
    assert ww.solve_shapes("s... -> (s...) 1", ones(2, 3)) == ((2, 3), (6, 1))


@given(st.lists(st.tuples(st.sampled_from("abcde"), st.integers(0, 5)), max_size=6, unique_by=lambda pair: pair[0]))
def test_solve_reads_shapes(axes: list[tuple[str, int]]) -> None:
    text = " ".join(name for name, _ in axes)
    assert ww.solve(text, np.zeros([size for _, size in axes])) == dict(axes)


# -- matches --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "shapes", "fits"),
    [
        ("a b", [(2, 3)], True),
        ("a b", [(2,)], False),
        ("a a", [(2, 2)], True),
        ("a a", [(2, 3)], False),
        ("a b, b c", [(2, 3), (3, 4)], True),
        ("a b, b c", [(2, 3), (4, 4)], False),
        ("a ...", [()], False),
        ("a 3", [(2, 3)], True),
        ("a 3", [(2, 4)], False),
        ("(a b)", [(6,)], False),  # two sizes that nothing determines
    ],
)
def test_matches(text: str, shapes: list[tuple[int, ...]], fits: bool) -> None:
    assert ww.matches(text, *map(np.zeros, shapes)) is fits


def test_matches_with_sizes() -> None:
    assert ww.matches("a (b c)", ones(2, 6), b=3)
    assert not ww.matches("a (b c)", ones(2, 6), b=4)
    assert not ww.matches("a b", ones(2, 6), b=4)


def test_matches_refuses_what_is_no_question() -> None:
    with pytest.raises(SyntaxError):
        ww.matches("a (b", ones(2, 3))
    with pytest.raises(SemanticError):
        ww.matches("a, b", ones(2))
    with pytest.raises(SemanticError):
        ww.matches("a b", ones(2, 3), c=2)


# -- typed: what it accepts -----------------------------------------------------------------------------------


@ww.typed("b t c, c -> b t c")
def shift(x, by):
    """Add to every channel."""
    return x + by


@ww.typed("b (h c) -> b h c, b")
def split(x, h=2):
    return x.reshape(x.shape[0], h, -1), x[:, 0]


class Layer:
    """Methods of all kinds."""

    @ww.typed("b c -> b d")
    def forward(self, x, d):
        return np.ones((len(x), d))

    @classmethod
    @ww.typed("b c -> c b")
    def turned(cls, x):
        return x.T

    @staticmethod
    @ww.typed("b c -> b")
    def first(x):
        return x[:, 0]


def test_typed_keeps_the_function() -> None:
    assert shift.__name__ == "shift"
    assert shift.__doc__ == "Add to every channel."
    assert list(inspect.signature(shift).parameters) == ["x", "by"]
    assert pickle.loads(pickle.dumps(shift)) is shift


def test_typed_function() -> None:
    assert shift(ones(2, 3, 4), ones(4)).shape == (2, 3, 4)
    assert shift(by=ones(4), x=ones(2, 3, 4)).shape == (2, 3, 4)
    assert shift(torch.ones(2, 3, 4), torch.ones(4)).shape == (2, 3, 4)


def test_typed_methods() -> None:
    assert Layer().forward(ones(2, 3), 5).shape == (2, 5)
    assert Layer().forward(ones(2, 3), d=5).shape == (2, 5)
    assert Layer.turned(ones(2, 3)).shape == (3, 2)
    assert Layer.first(ones(2, 3)).shape == (2,)
    with pytest.raises(RankError, match=r"forward: 'b c' has 2 axes, but x has 1 dimension"):
        Layer().forward(ones(2), 5)


def test_typed_sizes_are_checked_against_defaults_too() -> None:
    assert [result.shape for result in split(ones(2, 6))] == [(2, 2, 3), (2,)]
    assert [result.shape for result in split(ones(2, 6), 3)] == [(2, 3, 2), (2,)]
    with pytest.raises(AxisSizeError, match=r"split: \(h c\) is 7, which is not divisible by h=2"):
        split(ones(2, 7))


def test_typed_leaves_out_what_is_none() -> None:
    @ww.typed("b t c, c, t -> b t c")
    def scaled(x, by=None, *, mask=None):
        return x if by is None else x * by

    assert scaled(ones(2, 3, 4)).shape == (2, 3, 4)
    assert scaled(ones(2, 3, 4), None).shape == (2, 3, 4)
    assert scaled(ones(2, 3, 4), ones(4)).shape == (2, 3, 4)
    assert scaled(ones(2, 3, 4), mask=ones(3)).shape == (2, 3, 4)
    with pytest.raises(AxisSizeError, match=r"axis t is 3 \(dimension 1 of x\), but also 5 \(dimension 0 of mask\)"):
        scaled(ones(2, 3, 4), mask=ones(5))


def test_typed_without_an_output_checks_arguments_only() -> None:
    @ww.typed("a b")
    def anything(x, *rest, **options):
        return x, rest, options

    assert anything(1 * ones(2, 3), 4, five=5)[1:] == ((4,), {"five": 5})
    with pytest.raises(RankError):
        anything(ones(2))


def test_typed_outputs_share_axes_with_inputs() -> None:
    @ww.typed("a b -> b a")
    def wrong(x):
        return x

    with pytest.raises(AxisSizeError) as caught:
        wrong(ones(2, 3))
    assert caught.value.expression == "a b -> b a"
    assert caught.value.spans == ((2, 3), (7, 8))
    assert wrong(ones(3, 3)).shape == (3, 3)


def test_typed_ellipses_and_groups() -> None:
    @ww.typed("b s... -> b (s...)")
    def flatten(x):
        return x.reshape(len(x), -1)

    assert flatten(ones(2, 3, 4)).shape == (2, 12)
    assert flatten(ones(2)).shape == (2, 1)


def test_typed_multiline_expressions() -> None:
    @ww.typed("""
        b t c,
        c
        -> b t c
    """)
    def shifted(x, by):
        return x + by

    with pytest.raises(AxisSizeError) as caught:
        shifted(ones(2, 3, 4), ones(5))
    assert str(caught.value).splitlines()[2:7] == [
        "            b t c,",
        "                ^",
        "            c",
        "            ^",
        "            -> b t c",
    ]


def test_errors_inside_a_typed_function_pass_as_they_are() -> None:
    @ww.typed("a b -> a")
    def broken(x):
        return ww.sum("a b", x)

    with pytest.raises(SemanticError) as caught:
        broken(ones(2, 3))
    assert caught.value.expression == "a b"
    with pytest.raises(TypeError, match="missing 1 required positional argument: 'by'"):
        shift(ones(2, 3, 4))


# -- inside compilers -----------------------------------------------------------------------------------------


@pytest.fixture
def fresh_compiler():
    torch._dynamo.reset()
    yield
    torch._dynamo.reset()


@pytest.mark.usefixtures("fresh_compiler")
def test_typed_compiles_as_one_graph() -> None:
    compiled = torch.compile(shift, fullgraph=True, backend="eager")
    for length in (3, 4, 5):
        assert compiled(torch.ones(2, length, 4), torch.ones(4)).shape == (2, length, 4)


@pytest.mark.usefixtures("fresh_compiler")
def test_typed_outputs_and_sizes_compile_as_one_graph() -> None:
    compiled = torch.compile(split, fullgraph=True, backend="eager")
    assert [result.shape for result in compiled(torch.ones(2, 6), 3)] == [(2, 3, 2), (2,)]


@pytest.mark.usefixtures("fresh_compiler")
def test_solve_compiles_as_one_graph() -> None:
    def swapped(x):
        return ww.rearrange("b (h c) -> h b c", x, **ww.solve("b (h c)", x, h=2))

    assert torch.compile(swapped, fullgraph=True, backend="eager")(torch.ones(2, 6)).shape == (2, 2, 3)


def test_solve_and_typed_inside_jit() -> None:
    assert jax.jit(shift)(jnp.ones((2, 3, 4)), jnp.ones(4)).shape == (2, 3, 4)
    assert jax.jit(lambda x: x * ww.solve("a b", x)["b"])(jnp.ones((2, 3))).sum() == 18
