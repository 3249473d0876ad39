"""wirework against its peers and plain NumPy: einops 0.8.2, einx 0.4.3, np.einsum.

Random valid calls are given to a peer; where it takes them, results must agree. `differs_on_purpose` lists what
the language here means otherwise than einx, and why.
"""

import warnings
from random import Random

import einops
import einx
import numpy as np
import pytest
import torch
from hypothesis import assume, given, settings
from hypothesis import strategies as st
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

import wirework as ww

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
    if case.operation in ("rearrange", "id") and any(1 in shape or () == shape for shape in shapes):
        return "several operands, or parts of a concatenation, are paired by axes; einx leaves out those of length 1"
    return None


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
@settings(max_examples=max(EXAMPLES // 2, 1))
@given(data=st.data())
def test_einx_gives_the_same(family, data):
    case = data.draw(cases(lambda rng: natural(FAMILIES[family](rng))))
    assume(differs_on_purpose(case) is None)
    name = "id" if case.operation == "rearrange" else case.operation
    assume(hasattr(einx, name))
    text = " ".join(case.expression.split())  # einx takes no newlines
    arguments = [np.array(each) if isinstance(each, np.ndarray) else each
                 for each in (on(NUMPY, argument) for argument in case.arguments)]  # einx writes into its arguments
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
    """einops has no parentheses inside parentheses."""
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
