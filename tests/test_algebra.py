"""The eight laws of the algebra, on random data of random sizes, and against the frameworks' own vmap."""

import importlib.util
import subprocess
import sys
from pathlib import Path

import jax
import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import wirework as ww

FILE = Path(__file__).parents[1] / "examples" / "algebra.py"
spec = importlib.util.spec_from_file_location("algebra", FILE)
algebra = importlib.util.module_from_spec(spec)
sys.modules["algebra"] = algebra  # dataclasses look their module up
spec.loader.exec_module(algebra)

sizes = st.fixed_dictionaries({axis: st.integers(1, 6) for axis in "abcdh"})
names = [f"{law.title}: {law.programs[0].__name__}" for law in algebra.LAWS]


@pytest.mark.parametrize("law", algebra.LAWS, ids=names)
@given(sizes=sizes, seed=st.integers(0, 2**32 - 1))
def test_law(law, sizes, seed):
    arrays = law.data(np.random.default_rng(seed), sizes)
    assert law.difference(arrays) <= 1e-9


@pytest.mark.parametrize("law", [law for law in algebra.LAWS if law.title[0] in "12347"], ids=lambda law: law.says)
@given(sizes=sizes, seed=st.integers(0, 2**32 - 1))
def test_law_in_torch(law, sizes, seed):
    arrays = [torch.from_numpy(np.array(array)) for array in law.data(np.random.default_rng(seed), sizes)]
    assert law.difference(arrays) <= 1e-9


@given(seed=st.integers(0, 2**32 - 1), a=st.integers(1, 4), c=st.integers(1, 4))
def test_broadcasting_is_vmap_of_torch(seed, a, c):
    x, y = (torch.rand(a, c, generator=torch.Generator().manual_seed(seed), dtype=torch.float64) for _ in range(2))
    mapped = torch.func.vmap(lambda row: ww.softmax("[c]", row))(x)
    torch.testing.assert_close(ww.softmax("a [c]", x), mapped)
    lifted = torch.func.vmap(lambda row, other: ww.dot("[c], [c] ->", row, other), (0, None))(x, y[0])
    torch.testing.assert_close(ww.dot("a [c], [c] -> a", x, y[0]), lifted)


def test_broadcasting_is_vmap_of_jax():
    x = jax.random.normal(jax.random.key(0), (3, 4))
    mapped = jax.vmap(lambda row: ww.softmax("[c]", row))(x)
    np.testing.assert_allclose(ww.softmax("a [c]", x), mapped, rtol=1e-6)
    lifted = jax.vmap(lambda row, other: ww.dot("[c], [c] ->", row, other), (0, None))(x, x[0])
    np.testing.assert_allclose(ww.dot("a [c], [c] -> a", x, x[0]), lifted, rtol=1e-6)


def test_the_example_prints_every_law():
    shown = subprocess.run([sys.executable, FILE], capture_output=True, text=True, check=True).stdout
    for number in range(1, 9):
        assert f"{number}. " in shown
    assert shown.count("largest difference") == len(algebra.LAWS)
