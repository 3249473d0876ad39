"""wirework against its peers and plain NumPy: einops 0.8.2, einx 0.4.3, np.einsum.

Random valid calls are given to a peer; where it takes them, results must agree. `differs_on_purpose` lists what
the language here means otherwise than einx, and why.
"""

import pickle
import subprocess
import sys
import traceback
import warnings
from random import Random

import einops
import einx
import numpy as np
import pytest
import torch
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

import wirework as ww
import wirework.nn.torch as wn
from strategies import (
    FAMILIES,
    Case,
    Data,
    Scene,
    Unsolvable,
    cases,
    group_term,
    number_term,
)
from targets import NUMPY, actual, compare, on
from wirework.errors import SemanticError, WireworkError

EXAMPLES = settings().max_examples
CHECKED_BY_EINX = ("rearrange", "reduction", "elementwise", "dot", "along", "get_at", "write_at")
NATURAL = {"int32", "int64", "float32", "float64"}  # the peers convert or refuse some others


# -- einx ----------------------------------------------------------------------------------------------------------


def differs_on_purpose(case: Case) -> str | None:
    """Why einx 0.4.3 may give something else, if it may."""
    shapes = [argument.values.shape for argument in case.arguments if isinstance(argument, Data)]
    if any(0 in shape for shape in shapes):
        return "einx fails on axes of length 0"
    if repeated_axes(case.expression):
        return "einx takes some diagonals wrongly"
    if case.keywords.get("keepdims"):
        return "keepdims keeps each bracketed axis as a 1 of its own, as NumPy does; einx one for each bracket"
    if case.operation in ("argmin", "argmax") and "[" not in case.expression.partition("->")[2]:
        return "without a bracket in the output ours is the flat place; einx adds an axis for the coordinates"
    if case.operation[-3:] == "_at" and any(
        "int" in argument.dtype and (argument.values < 0).any()
        for argument in case.arguments[1 : None if case.operation == "get_at" else -1]
        if isinstance(argument, Data)
    ):
        return "negative coordinates count from the end of their own axis; einx flattens them"
    paired = case.operation in ("rearrange", "id") and ("," in case.expression or "+" in case.expression)
    if paired and (any(1 in shape or shape == () for shape in shapes) or has_part_of_length_1(case)):
        return "operands and parts of a concatenation are paired by axes; einx leaves out axes of length 1"
    return None


def has_part_of_length_1(case: Case) -> bool:
    """Whether some axis in an expression with a concatenation has length 1."""
    if "+" not in case.expression:
        return False
    arrays = [on(NUMPY, argument) for argument in case.arguments]
    try:
        sizes = ww.solve(case.expression.partition("->")[0], *arrays, **case.keywords)
    except WireworkError:
        return True  # a size for the output alone, or one that only the whole expression tells
    return 1 in sizes.values() or "1" in case.expression


def repeated_axes(expression: str) -> bool:
    """Whether an axis stands twice in an operand."""
    for operand in expression.replace("->", ",").split(","):
        for sign in "()[]+":
            operand = operand.replace(sign, " ")
        names = [name.removesuffix("...") for name in operand.split() if not name.isdigit()]
        if len(set(names)) < len(names):
            return True
    return False


@pytest.mark.parametrize("family", CHECKED_BY_EINX)
@settings(max_examples=max(EXAMPLES // 3, 1), suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_einx_gives_the_same(family, data):
    case = data.draw(cases(lambda rng: natural(FAMILIES[family](rng))))
    assume(differs_on_purpose(case) is None)
    name = "id" if case.operation == "rearrange" else case.operation
    assume(hasattr(einx, name))
    text = " ".join(case.expression.split())  # einx takes no newlines
    arguments = [
        np.array(each) if isinstance(each, np.ndarray) else each
        for each in (on(NUMPY, argument) for argument in case.arguments)
    ]  # einx writes into its arguments
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            theirs = getattr(einx, name)(text, *arguments, **case.keywords)
    except Exception:
        assume(False)  # einx refuses much that is valid here
    results = theirs if isinstance(theirs, tuple | list) else (theirs,)
    compare(case, actual(case, NUMPY), tuple(map(np.asarray, results)))


def natural(case: Case | None) -> Case | None:
    """A case whose dtypes and keywords both sides understand."""
    if case is None or not case.dtypes <= NATURAL or "sizes" in case.keywords:
        return None
    return case


@pytest.mark.parametrize(
    "expression, shapes, sizes",
    [
        ("a b, b c", [(2, 3), (3, 4)], {}),
        ("(a b) c", [(6, 4)], {"a": 2}),
        ("a s... , s...", [(2, 3, 4), (3, 4)], {}),
        ("b (s w)... c", [(2, 4, 6, 3)], {"w": 2}),
        ("a (b + c)", [(2, 5)], {"b": 1}),
    ],
)
def test_solve_as_einx_does(expression, shapes, sizes):
    arrays = [np.zeros(shape) for shape in shapes]
    ours = ww.solve(expression, *arrays, **sizes)
    theirs = einx.solve_axes(expression, *arrays, **sizes)
    assert set(ours) >= {name for name in theirs}
    for name, size in theirs.items():
        assert np.array_equal(np.asarray(ours[name]), np.asarray(size)), name
    assert ww.matches(expression, *arrays, **sizes) is True
    assert einx.matches(expression, *arrays, **sizes)


@pytest.mark.parametrize("expression, shape", [("a a", (2, 3)), ("a b", (2,))])
def test_no_match_as_einx_says(expression, shape):
    assert ww.matches(expression, np.zeros(shape)) is False
    assert not einx.matches(expression, np.zeros(shape))


# -- einops --------------------------------------------------------------------------------------------------------

PLAIN = ("a", "b", "c", "h", "w", "x", "y")


def einops_scene(rng: Random) -> Scene:
    scene = Scene(rng)
    scene.names = [name for name in scene.names if name in PLAIN]
    scene.style = False
    return scene


def flat_groups(terms):
    """Einops has no parentheses inside parentheses."""
    return [group_term(*(inner for inner in leaves(term))) if term.kind == "group" else term for term in terms]


def leaves(term):
    return [each for inner in term.inner for each in (leaves(inner) if inner.kind == "group" else [inner])]


def einops_axes(scene: Scene) -> list[str]:
    names = [scene.axis() for _ in range(scene.rng.randint(1, 4))]
    for name in names:
        scene.lengths[name] = scene.lengths[name] or 1  # einops cannot split a 0
    if scene.rng.random() < 0.4:
        names.append(scene.repeated(1, anonymous=True))
    return names


def pattern(rng: Random, kind: str) -> tuple[str, Data, dict[str, int]]:
    scene = einops_scene(rng)
    names = einops_axes(scene)
    source = flat_groups(scene.layout(names))
    if any(len([t for t in term.inner if t.kind == "repeat"]) for term in source):
        raise Unsolvable
    kept = [name for name in names if kind != "reduce" or rng.random() < 0.6]
    new = [scene.axis(1) for _ in range(rng.randint(1, 2))] if kind == "repeat" else []
    target = flat_groups(scene.layout([*kept, *new]))
    if kind == "repeat" and rng.random() < 0.3:
        target.append(number_term(2))
    given = {name: int(np.asarray(size)) for name, size in scene.given([source], [*names, *new]).items()}
    return scene.text([source], [target]), scene.operand(source, "float64"), given


@pytest.mark.parametrize("kind", ["rearrange", "repeat", "reduce"])
@settings(max_examples=EXAMPLES * 2)
@given(seed=st.integers(0, 2**48))
def test_einops_gives_the_same(kind, seed):
    try:
        expression, data, sizes = pattern(Random(seed), kind)
    except Unsolvable:
        assume(False)
    for array in (data.values, torch.from_numpy(np.array(data.values, order="C"))):
        if kind == "reduce":
            for name in ("sum", "mean", "min", "max", "prod"):
                theirs = einops.reduce(array, expression, name, **sizes)
                ours = getattr(ww, name)(expression, array, **sizes)
                np.testing.assert_allclose(np.asarray(ours), np.asarray(theirs), rtol=1e-12)
                assert ours.shape == theirs.shape
        else:
            theirs = getattr(einops, kind)(array, expression, **sizes)
            ours = ww.rearrange(expression, array, **sizes)
            assert np.array_equal(np.asarray(ours), np.asarray(theirs)) and ours.shape == theirs.shape


def test_einops_patterns_that_stack_a_list():
    images = [np.random.default_rng(i).random((4, 6)) for i in range(3)]
    theirs = einops.rearrange(images, "b h w -> h (b w)")
    np.testing.assert_array_equal(ww.rearrange("h a, h b, h c -> h (a + b + c)", *images), theirs)


# -- np.einsum -------------------------------------------------------------------------------------------------------

LETTERS = "abcdef"


@settings(max_examples=EXAMPLES * 5)
@given(seed=st.integers(0, 2**48))
def test_diagonals_as_einsum(seed):
    rng = Random(seed)
    lengths = {letter: rng.choice((0, 1, 2, 3)) if rng.random() < 0.1 else rng.randint(1, 3) for letter in LETTERS}
    letters = [rng.choice(LETTERS[:4]) for _ in range(rng.randint(1, 7))]
    kept = list(dict.fromkeys(letters))
    rng.shuffle(kept)
    x = np.random.default_rng(seed % 2**32).random([lengths[letter] for letter in letters])
    wanted = np.einsum(f"{''.join(letters)}->{''.join(kept)}", x)
    expression = f"{' '.join(letters)} -> {' '.join(kept)}"
    np.testing.assert_array_equal(ww.rearrange(expression, x), wanted)
    np.testing.assert_array_equal(ww.rearrange(expression, torch.from_numpy(x)), wanted)
    less = [letter for letter in kept if rng.random() < 0.6]
    summed = np.einsum(f"{''.join(letters)}->{''.join(less)}", x)
    np.testing.assert_allclose(ww.sum(f"{' '.join(letters)} -> {' '.join(less)}", x), summed, rtol=1e-12)


@settings(max_examples=EXAMPLES * 5)
@given(seed=st.integers(0, 2**48))
def test_dot_as_einsum(seed):
    rng = Random(seed)
    lengths = {letter: rng.randint(1, 4) for letter in LETTERS}
    operands = [[rng.choice(LETTERS) for _ in range(rng.randint(0, 4))] for _ in range(rng.randint(1, 4))]
    used = list(dict.fromkeys(letter for operand in operands for letter in operand))
    kept = [letter for letter in used if rng.random() < 0.5]
    rng.shuffle(kept)
    source = np.random.default_rng(seed % 2**32)
    arrays = [source.random([lengths[letter] for letter in operand]) for operand in operands]
    wanted = np.einsum(",".join(map("".join, operands)) + "->" + "".join(kept), *arrays)
    expression = ", ".join(map(" ".join, operands)) + " -> " + " ".join(kept)
    np.testing.assert_allclose(ww.dot(expression, *arrays), wanted, rtol=1e-10)
    np.testing.assert_allclose(ww.dot(expression, *map(torch.from_numpy, map(np.asarray, arrays))), wanted, rtol=1e-10)


def test_more_axes_than_letters():
    names = [f"a{i}" for i in range(30)]
    x = np.arange(4.0).reshape(2, 2, *(1,) * 28)
    expression = f"{' '.join(names)}, a1 b -> b {' '.join(names[2:])} a0"
    wanted = np.reshape(x.reshape(2, 2) @ np.ones((2, 3)), (2, 3)).T.reshape(3, *(1,) * 28, 2)
    np.testing.assert_array_equal(ww.dot(expression, x, np.ones((2, 3))), wanted)


# -- faults of the peers that must not be ours ---------------------------------------------------------------------


def both(values, dtype=None):
    """The same array in NumPy and torch."""
    values = np.asarray(values, dtype)
    return values, torch.from_numpy(values)


@pytest.mark.parametrize("expression", ["a a b c -> a b c", "a b c a b c -> a b c", "a b a -> b a", "a a a -> a"])
def test_fault_diagonals(expression):
    operand = expression.split(" ->")[0].replace(" ", "")
    for x in both(np.random.default_rng(0).random((2,) * len(operand))):
        np.testing.assert_array_equal(ww.rearrange(expression, x), np.einsum(expression.replace(" ", ""), x))


def test_fault_size_0():
    for x in both(np.zeros((0, 3))):
        assert ww.rearrange("a b -> (a b)", x).shape == (0,)
        assert ww.rearrange("(a c) b -> a c b", x, c=2).shape == (0, 2, 3)
        assert ww.get_at(
            "[v] b, t -> t b",
            ww.rearrange("a b -> b a", x),
            both(np.zeros(0, np.int64))[0] if isinstance(x, np.ndarray) else torch.zeros(0, dtype=torch.int64),
        ).shape == (0, 0)
        assert ww.rearrange("a b, c b -> (a + c) b", x, x).shape == (0, 3)
        first, second = ww.rearrange("(a + c) b -> a b, c b", x, a=0)
        assert first.shape == second.shape == (0, 3)
        assert ww.sum("[a] b", x).tolist() == [0, 0, 0]
        assert ww.softmax("a [b]", x).shape == (0, 3)
        assert ww.dot("a b, a c -> b c", x, x).tolist() == [[0] * 3] * 3


def test_fault_sizes_beyond_2_to_the_31():
    x = np.broadcast_to(np.zeros(1, np.int8), (2**33,))
    assert ww.solve("(a b)", x, a=2**16)["b"] == 2**17
    huge = torch.zeros(1, dtype=torch.int8).expand(2**33)
    assert ww.rearrange("(a b) -> b a", huge, a=2**31).shape == (4, 2**31)
    assert ww.rearrange("a -> a b", torch.zeros(2**20, device="meta"), b=2**20).shape == (2**20, 2**20)


@pytest.mark.parametrize("dtype", ["uint8", "int8", "int16", "int32", "int64"])
def test_fault_narrow_coordinates(dtype):
    values = np.arange(200 * 3).reshape(200, 3)
    places = np.array([0, 100, 127], dtype)
    for x, index in zip(both(values), both(places), strict=True):
        np.testing.assert_array_equal(ww.get_at("[v] c, t -> t c", x, index), values[places.astype(int)])
        pairs = np.stack([places, places % 3]).astype(dtype)
        pairs = pairs if isinstance(x, np.ndarray) else torch.from_numpy(pairs)
        np.testing.assert_array_equal(
            ww.get_at("[v c], [2] t -> t", x, pairs), values[places.astype(int), places.astype(int) % 3]
        )


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "int8"])
def test_fault_dtype_with_a_number(dtype):
    x = torch.ones(3, dtype=getattr(torch, dtype))
    assert ww.add("a, ", x, 1 if dtype == "int8" else 1.0).dtype == x.dtype


@pytest.mark.parametrize("dtype", ["bool", "uint8", "int64"])
def test_fault_mean_of_integers(dtype):
    for x in both([[0, 1], [1, 1]], dtype):
        np.testing.assert_allclose(ww.mean("a [b]", x), [0.5, 1])
        np.testing.assert_allclose(ww.var("a [b]", x), [0.25, 0])


def test_fault_two_axes():
    values = np.random.default_rng(0).random((2, 3, 4))
    for x in both(values):
        np.testing.assert_allclose(ww.prod("[a] b [c]", x), values.prod((0, 2)))
        np.testing.assert_allclose(ww.max("[a] b [c]", x), values.max((0, 2)))
        wanted = np.exp(values) / np.exp(values).sum((0, 2), keepdims=True)
        np.testing.assert_allclose(ww.softmax("[a] b [c]", x), wanted)


def test_fault_repeated_coordinates():
    for x, index, values in zip(both(np.zeros(2)), both([1, 1, 0]), both([1.0, 2.0, 4.0]), strict=True):
        assert ww.add_at("[a], b, b", x, index, values).tolist() == [4, 3]
        assert ww.subtract_at("[a], b, b", x, index, values).tolist() == [-4, -3]
        assert x.tolist() == [0, 0]


def test_fault_dot_of_mixed_dtypes():
    for x, y in zip(both(np.ones((2, 3)), np.float32), both(np.ones((3, 2), bool)), strict=False):
        assert ww.dot("a b, b c -> a c", x, y).tolist() == [[3, 3], [3, 3]]
        assert ww.dot("b c, b c ->", y, y) == 6


def test_fault_mistyped_keyword():
    with pytest.raises(SemanticError, match=r"did you mean heads\?"):
        ww.rearrange("(heads c) -> heads c", np.zeros(4), head=2)


def test_fault_nothing_to_reduce():
    with pytest.raises(SemanticError):
        ww.sum("a b", np.zeros((2, 3)))
    assert ww.sum("a [...]", np.ones(3)).tolist() == [1, 1, 1]
    with pytest.raises(SemanticError):
        ww.sum("5 b -> 5 b", np.zeros((5, 3)))


@pytest.mark.parametrize(
    "name", ["graph", "description", "expression", "shift", "backend", "sizes", "operation", "self"]
)
def test_fault_reserved_axis_names(name):
    assert ww.rearrange(f"({name} b) -> b {name}", np.arange(6), sizes={name: 2}).shape == (3, 2)
    rolled = ww.roll(f"[({name} b)]", np.arange(6), shift=1, sizes={name: 2})
    assert rolled.tolist() == [5, 0, 1, 2, 3, 4]
    if name not in ("shift", "sizes"):
        assert ww.rearrange(f"({name} b) -> b {name}", np.arange(6), **{name: 2}).shape == (3, 2)


def test_fault_an_option_never_hides_an_axis():
    with pytest.raises(SemanticError, match="shift"):
        ww.roll("[(shift b)]", np.arange(6), shift=2)


@pytest.mark.parametrize(
    "call",
    [
        lambda: ww.rearrange("(a b) -> a b", np.zeros(5), a=2),
        lambda: ww.dot("a b, b c -> a c", np.zeros((2, 3)), np.zeros((4, 2))),
        lambda: ww.rearrange("a (b -> c", np.zeros(5)),
        lambda: ww.get_at("[a], b -> b", np.zeros(2), np.array([5])),
        lambda: ww.rearrange("a b", np.zeros(2)),
        lambda: ww.sum("... [a] s... -> ...", torch.zeros(2, 3)),
    ],
)
def test_fault_long_tracebacks_and_errors_that_do_not_travel(call):
    for _ in range(2):  # a first call, and one that is looked up
        with pytest.raises(WireworkError) as info:
            call()
        frames = traceback.extract_tb(info.tb)
        below = [frame for frame in frames if frame.filename != __file__]
        assert len(below) <= 1, below
        copy = pickle.loads(pickle.dumps(info.value))
        assert str(copy) == str(info.value) and type(copy) is type(info.value)
        assert "unnamed" not in str(info.value) and "@" not in str(info.value)


def test_fault_a_mismatch_names_axis_and_argument():
    with pytest.raises(WireworkError) as info:
        ww.dot("a b, b c -> a c", np.zeros((2, 3)), np.zeros((4, 2)))
    message = str(info.value)
    assert "axis b" in message and "argument 1" in message and "argument 2" in message


@pytest.mark.parametrize("count", [64, 200])
def test_fault_many_operands(count):
    arrays = [np.full(1, i) for i in range(count)]
    names = [f"x{i}" for i in range(count)]
    joined = ww.rearrange(f"{', '.join(names)} -> ({' + '.join(names)})", *arrays)
    assert joined.tolist() == list(range(count))
    parts = ww.rearrange(f"({' + '.join(names)}) -> {', '.join(names)}", joined, **{name: 1 for name in names})
    assert [part.item() for part in parts] == list(range(count))


def test_fault_coordinates_read_the_next_row():
    for x, index in zip(both(np.arange(6).reshape(2, 3)), both([[0, 3]]), strict=True):
        with pytest.raises(IndexError):
            ww.get_at("[h w], p [2] -> p", x, index)
    for x, index in zip(both(np.arange(6).reshape(2, 3)), both([[0, -1], [-1, -3]]), strict=True):
        assert ww.get_at("[h w], p [2] -> p", x, index).tolist() == [2, 3]


def test_fault_several_ellipses():
    x = np.zeros((2, 4, 6, 3))
    assert ww.rearrange("b (s w)... c... -> b s... (w...) c...", x, w=2, c=(3,)).shape == (2, 2, 3, 4, 3)


# -- expressions that must run as they stand -----------------------------------------------------------------------


def test_layer_norm_by_hand():
    values = np.random.default_rng(0).random((2, 3, 5)) + 1e4
    for x in both(values):
        np.testing.assert_allclose(ww.mean("... [c]", x, keepdims=True), values.mean(-1, keepdims=True))
        np.testing.assert_allclose(ww.var("... [c]", x, keepdims=True), values.var(-1, keepdims=True))


def test_multi_head_attention():
    rng = np.random.default_rng(0)
    arrays = rng.random((2, 3, 8)), rng.random((2, 5, 8)), rng.random((2, 5, 8))
    for q, k, v in (arrays, map(torch.from_numpy, arrays)):
        a = ww.dot("b q (h c), b k (h c) -> b q k h", q, k, h=8)
        assert a.shape == (2, 3, 5, 8)
        a = ww.softmax("b q [k] h", a)
        x = ww.dot("b q k h, b k (h c) -> b q (h c)", a, v)
        fused = ww.attention("b q (h [c]), b [k] (h [c]), b [k] (h d) -> b q (h d)", q, k, v, h=8)
        np.testing.assert_allclose(x, fused, rtol=1e-9)


def test_shifted_windows():
    original = np.random.default_rng(0).random((2, 32, 48, 3))
    for x in both(original):
        consts = ww.solve("b (s w)... c", x, w=16)
        assert consts["s"] == (2, 3) and consts["w"] == (16, 16)
        shift = 8
        x = ww.roll("b [...] c", x, shift=-shift)
        np.testing.assert_array_equal(x, np.roll(original, (-8, -8), (1, 2)))
        rolled = x
        x = ww.rearrange("b (s w)... c -> (b s...) (w...) c", x, **consts)
        assert x.shape == (12, 256, 3)
        x = ww.rearrange("(b s...) (w...) c -> b (s w)... c", x, **consts)
        np.testing.assert_array_equal(x, rolled)


@pytest.fixture
def model():
    """A module in which parameters are made: they belong to the module that is being run."""

    def run(function, *arrays):
        class Model(torch.nn.Module):
            def forward(self, *arrays):
                return function(*arrays)

        return Model()(*arrays)

    return run


def test_expressions_with_parameters(model):
    x = torch.rand(2, 4, 4, 6)
    normal = torch.nn.init.normal_

    assert model(lambda x: ww.multiply("... [c]", x, wn.param(init=1e-5)), x).allclose(x * 1e-5)
    with_token = model(lambda x: ww.rearrange("b s... c, c -> b (1 + (s...)) c", x, wn.param(name="class_token")), x)
    assert with_token.shape == (2, 17, 6)
    assert torch.equal(with_token[:, 1:], x.reshape(2, 16, 6))
    init = lambda tensor: normal(tensor, std=0.02)  # noqa: E731
    assert model(lambda x: ww.add("b [s... c]", x, wn.param(name="pos_embed", init=init)), x).shape == x.shape
    tokens = torch.randint(0, 50257, (2, 5))
    embedded = model(
        lambda x: ww.get_at("[v] c, b t -> b t c", wn.param(name="vocab_embed"), x, v=50257, c=1024), tokens
    )
    assert embedded.shape == (2, 5, 1024)
    mixed = model(lambda x: ww.dot("b [s...->s2] c", x, wn.param(name="weight1"), s2=7), x)
    assert mixed.shape == (2, 7, 6)
    back = model(lambda x: ww.dot("b [s2->s...] c", x, wn.param(name="weight2"), s=(256, 256)), mixed)
    assert back.shape == (2, 256, 256, 6)


def test_expressions_as_layers():
    x = torch.rand(2, 4, 4, 6)
    assert wn.Norm("... [c]")(x).shape == x.shape
    mixed = wn.Linear("b [s...->s2] c", s2=7)(x)
    assert mixed.shape == (2, 7, 6)
    assert wn.Linear("b [s2->s...] c", s=(256, 256))(mixed).shape == (2, 256, 256, 6)


def test_importing_is_light():
    code = "import wirework, sys; assert not {'torch', 'jax', 'einx', 'einops'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)
