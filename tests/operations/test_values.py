"""Every operation, on random valid calls and every array library, gives what its loops give."""

import jax
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import FAMILIES, cases
from targets import JAX, check, check_all

MORE = settings().max_examples * 3  # each on three libraries
FEW = max(settings().max_examples // 4, 1)  # JAX compiles something for every new shape


@pytest.fixture(autouse=True, scope="module")
def double_precision():
    with jax.enable_x64(True):
        yield


@pytest.mark.parametrize("family", FAMILIES)
@settings(max_examples=MORE)
@given(data=st.data())
def test_as_the_loops_say(family, data):
    check_all(data.draw(cases(FAMILIES[family])))


@pytest.mark.parametrize("family", FAMILIES)
@settings(max_examples=FEW)
@given(data=st.data())
def test_as_the_loops_say_on_jax(family, data):
    check(data.draw(cases(FAMILIES[family])), JAX)
