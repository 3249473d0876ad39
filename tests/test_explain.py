"""source and explain: in full for some calls, without error for every operation on every backend."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
import torch

import wirework as ww
from transcripts import Entry, read
from wirework.operations import OPERATIONS

TRANSCRIPT = Path(__file__).parent / "explanations.txt"
BACKENDS = ("numpy", "torch", "jax")


# -- one call of every operation ----------------------------------------------------------------------------

HEADS = "b q (h [d]), b [k] (h [d]), b [k] (h e) -> b q (h e)"
REDUCTIONS = ("sum", "mean", "var", "std", "prod", "min", "max", "any", "all", "count_nonzero", "logsumexp")
CALLS = {
    "rearrange": [("b (h w) c -> b c h w", [(2, 6, 3)], {"h": 2}), ("b s..., c -> b (1 + (s...)) c", [(2, 3, 4), (5,)], {})],
    **{name: [("b s... [c]", [(2, 3, 4)], {}), ("b (h [w]) -> b h", [(2, 6)], {"w": 3})] for name in REDUCTIONS},
    "argmin": [("a [b]", [(2, 3)], {})],
    "argmax": [("a [b c] -> a [2]", [(2, 3, 4)], {})],
    "dot": [("b [s... -> s2] c", [(2, 3, 4, 5), (3, 4, 6)], {}), ("a b, b c, c d -> a d", [(2, 3), (3, 4), (4, 5)], {})],
    **{name: [("a b [c]", [(2, 3, 4)], {})] for name in ("softmax", "log_softmax", "sort", "argsort", "cumsum", "cumprod")},
    "flip": [("a [b c]", [(2, 3, 4)], {})],
    "roll": [("a [b c]", [(2, 3, 4)], {"shift": (1, 2)})],
    "attention": [(HEADS, [(2, 5, 8), (2, 7, 8), (2, 7, 8)], {"h": 2, "causal": True})],
    "conv": [("b [s...] [c -> d]", [(2, 8, 8, 3), (3, 3, 3, 4)], {"padding": "same"})],
    "window": [("b [s] -> b s [w]", [(2, 8)], {"w": 3, "stride": 2})],
    "solve": [("a (b c)", [(2, 6)], {"b": 2})],
    "solve_shapes": [("a (b c)", [(2, 6)], {"b": 2})],
    "where": [("a b, a, b", [(2, 3), (2,), (3,)], {})],
}  # fmt: skip
PLACES = np.array([[0, 1], [1, 2]])
CALLS |= {
    name: [("a b, b", [(2, 3), (3,)], {})]
    for name, operation in OPERATIONS.items()
    if operation.family == "elementwise" and name not in CALLS
}
CALLS |= {
    "get_at": [("[h w] c, t [2] -> t c", [(3, 4, 5), PLACES], {})],
    **{
        name: [("[h w] c, t [2], t c", [(3, 4, 5), PLACES, (2, 5)], {})] for name in ("set_at", "add_at", "subtract_at")
    },
}


def test_every_operation_is_here() -> None:
    assert set(CALLS) == set(OPERATIONS)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("name", CALLS)
def test_every_operation_explains(name: str, backend: str) -> None:
    for expression, arguments, keywords in CALLS[name]:
        found = ww.explain(name, expression, *arguments, backend=backend, **keywords)
        assert found.operation == name
        assert found.backend == backend
        assert found.source.startswith(f"def {name}(")
        compile(found.source, "<source>", "exec")
        compile(found.loop, "<loop>", "exec")
        assert found.inputs == tuple(a if isinstance(a, tuple) else a.shape for a in arguments)
        assert found.flops_value >= 0
        assert not set("@#'") & set(found.expression), found.expression
        assert all(axis.isidentifier() for axis, _, _ in found.axes), found.axes
        assert json.loads(json.dumps(found.to_json()))["operation"] == name


@pytest.mark.parametrize("name", [name for name in CALLS if not name.startswith("solve")])
def test_explained_shapes_are_those_of_the_call(name: str) -> None:
    for expression, arguments, keywords in CALLS[name]:
        arrays = [np.ones(argument) if isinstance(argument, tuple) else argument for argument in arguments]
        found = ww.explain(name, expression, *arguments, **keywords)
        assert found.outputs == (getattr(ww, name)(expression, *arrays, **keywords).shape,)


# -- in full ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("entry", [pytest.param(entry, id=entry.call[:70]) for entry in read(TRANSCRIPT)])
def test_in_full(entry: Entry) -> None:
    found = eval(entry.call, {"ww": ww, "np": np})
    assert str(found).rstrip("\n") == entry.text


def test_colours_change_nothing_else() -> None:
    found = ww.explain("sum", "a [b]", (2, 3))
    plain = found.text()
    coloured = found.text(color=True)
    assert "\033[" in coloured
    assert re.sub(r"\033\[\d*m", "", coloured) == plain == str(found)


def test_as_data() -> None:
    assert ww.explain("dot", "a b, b c -> a c", (2, 3), (3, 4)).to_json() == {
        "operation": "dot",
        "expression": "a b, b c -> a c",
        "axes": [
            {"name": "a", "size": 2, "part": "loop"},
            {"name": "b", "size": 3, "part": "seen by the operation"},
            {"name": "c", "size": 4, "part": "loop"},
        ],
        "loop": ("for a in range(2):\n    for c in range(4):\n        out[a, c] = dot(x[a, :], y[:, c])"),
        "source": ww.source("dot", "a b, b c -> a c"),
        "backend": "numpy",
        "inputs": [[2, 3], [3, 4]],
        "outputs": [[2, 4]],
        "flops": {"formula": "2*a*b*c", "value": 48},
        "costs": {
            "contraction": {"formula": "2*a*b*c", "value": 48},
            "other": {"formula": "0", "value": 0},
            "multiply_adds": 24,
            "bytes": 4 * (6 + 12 + 8),
        },
    }


# -- which backend, which code ---------------------------------------------------------------------------------


def test_arrays_choose_the_backend() -> None:
    assert ww.explain("sum", "a [b]", (2, 3)).backend == "numpy"
    assert ww.explain("sum", "a [b]", np.ones((2, 3))).backend == "numpy"
    assert ww.explain("sum", "a [b]", torch.ones(2, 3)).backend == "torch"
    assert ww.explain("sum", "a [b]", torch.ones(2, 3), backend="jax").backend == "jax"


def test_source_is_the_code_that_runs() -> None:
    with ww.record_sources() as sources:
        ww.rearrange("b (h w) c -> b c h w", torch.ones(2, 6, 3), h=2)
    expected = ww.source("rearrange", "b (h w) c -> b c h w", "torch", given=("h",))
    assert sources == {("rearrange", "b (h w) c -> b c h w"): expected}


def test_id_is_rearrange() -> None:
    assert ww.source("id", "a b -> b a") == ww.source("rearrange", "a b -> b a")


def test_the_loop_is_what_the_operation_does() -> None:
    x = np.arange(24.0).reshape(2, 3, 4)
    found = ww.explain("sum", "a [b] c", x)
    out = np.zeros((2, 4))
    exec(found.loop, {"x": x, "out": out, "sum": np.sum})
    np.testing.assert_array_equal(out, ww.sum("a [b] c", x))


def test_the_loop_of_flattened_axes() -> None:
    x, y = np.random.default_rng(0).normal(size=(2, 3, 8)), np.random.default_rng(1).normal(size=(2, 5, 8))
    found = ww.explain("dot", "b q (h [c]), b k (h [c]) -> b h q k", x, y, h=2)
    out = np.zeros(found.outputs[0])
    exec(found.loop, {"x": x, "y": y, "out": out, "dot": np.dot})
    np.testing.assert_allclose(out, ww.dot("b q (h [c]), b k (h [c]) -> b h q k", x, y, h=2))


def test_shapes_stand_for_coordinates_too() -> None:
    assert ww.explain("get_at", "[v] c, t -> t c", (7, 4), (3,)).outputs == ((3, 4),)
    assert ww.explain("set_at", "[v] c, t, t c", (7, 4), (3,), (3, 4)).outputs == ((7, 4),)


def test_shapes_may_be_lists_and_huge() -> None:
    found = ww.explain("rearrange", "a b -> b a", [10**6, 10**6])
    assert found.outputs == ((10**6, 10**6),)
