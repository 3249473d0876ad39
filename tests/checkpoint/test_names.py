"""Rules between the names of two projects, read both ways."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from wirework.checkpoint import Names, rule
from wirework.checkpoint.names import Pair

FUSED = rule("h.*.{q,k,v}.weight", "blocks.*.qkv", "d c, d c, d c -> (d + d + d) c")
SHARED = rule("{q,k,v}", "qkv", "q c, k c, k c -> (q + k + k) c")


def test_words_and_stars():
    assert FUSED.pair("blocks.7.qkv").theirs == ("h.7.q.weight", "h.7.k.weight", "h.7.v.weight")
    assert FUSED.pair("blocks.7.qkv.bias") is None
    assert FUSED.pair("blocks.7.8.qkv") is None
    several = rule("a.*.*.{x,y}", "b.*.c.*.{x,y}")
    assert several.pair("b.1.c.2.y") == Pair(("a.1.2.x", "a.1.2.y"), ("b.1.c.2.x", "b.1.c.2.y"))


@given(st.integers(1, 5), st.integers(1, 5))
def test_three_weights_become_one_and_come_apart_again(d, c):
    parts = [torch.randn(d, c) for _ in range(3)]
    pair = FUSED.pair("blocks.0.qkv")
    (whole,) = pair.to_ours(parts, {})
    assert torch.equal(whole, torch.cat(parts))
    assert all(map(torch.equal, pair.to_theirs([whole], {}), parts))


def test_sizes_that_do_not_follow_are_given():
    parts = [torch.randn(6, 2), torch.randn(3, 2), torch.randn(3, 2)]
    pair = SHARED.pair("qkv")
    (whole,) = pair.to_ours(parts, {"q": 6})
    assert all(map(torch.equal, pair.to_theirs([whole], {"q": 6, "unused": 1}), parts))


def test_the_first_rule_counts():
    names = Names((rule("special", "a.b"), rule("other.*", "a.*")))
    assert [pair.theirs for pair in names.pairs(["a.b", "a.c"])] == [("special",), ("other.c",)]


def test_what_no_rule_speaks_of():
    with pytest.raises(ValueError, match="no rule says what x is called"):
        Names(()).pairs(["x"])


def test_a_prefix_that_a_file_may_lack():
    names = Names((rule("model.a.*", "a.*"),), "model.", ("model.table",))
    assert names.without_prefix(["model.a.w"]) is names
    bare = names.without_prefix(["a.w", "table"])
    assert bare.pairs(["a.w"])[0].theirs == ("a.w",)
    assert bare.ignores("table") and not bare.ignores("model.table")
