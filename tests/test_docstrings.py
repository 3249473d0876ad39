"""The examples in the docstrings run as they stand."""

import doctest

import numpy as np
import pytest

import wirework as ww
from wirework.docstrings import DOCUMENTS

OTHERS = ("adapt", "explain", "matches", "source", "typed")


@pytest.mark.parametrize("name", [*DOCUMENTS, *OTHERS])
def test_examples_run(name):
    function = getattr(ww, name)
    names = {"np": np, "ww": ww, **{other: getattr(ww, other) for other in (*DOCUMENTS, *OTHERS)}}
    tests = doctest.DocTestFinder(recurse=False).find(function, name, globs=names)
    assert any(test.examples for test in tests), f"{name} has no example"
    for test in tests:
        results = doctest.DocTestRunner().run(test)
        assert results.failed == 0


def test_no_placeholder_is_left():
    for name in DOCUMENTS:
        text = getattr(ww, name).__doc__
        assert "{name}" not in text and "{options}" not in text and "{{" not in text
