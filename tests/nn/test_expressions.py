"""The expressions of the notation's description that use layers and parameters, as they stand there."""

import torch

import wirework as ww
import wirework.nn.torch as wn
from wirework.nn.torch import normal

IMAGE = torch.randn(2, 4, 4, 6)
TOKENS = torch.randn(2, 5, 8)


def test_layer_scale():
    torch.testing.assert_close(ww.multiply("... [c]", TOKENS, wn.param(init=1e-5)), TOKENS * 1e-5)


def test_prepend_class_token():
    token = wn.param(name="class_token")
    x = ww.rearrange("b s... c, c -> b (1 + (s...)) c", IMAGE, token)
    assert x.shape == (2, 17, 6)
    torch.testing.assert_close(x[:, 0], token.expand(2, 6))
    torch.testing.assert_close(x[:, 1:], IMAGE.reshape(2, 16, 6))


def test_positional_embedding():
    table = wn.param(name="pos_embed", init=normal(0.02))
    torch.testing.assert_close(ww.add("b [s... c]", IMAGE, table), IMAGE + table)
    assert table.shape == (4, 4, 6)
    assert 0.01 < table.std().item() < 0.03


def test_word_embedding():
    tokens, table = torch.randint(0, 50257, (2, 3)), wn.param(name="vocab_embed")
    x = ww.get_at("[v] c, b t -> b t c", table, tokens, v=50257, c=16)
    torch.testing.assert_close(x, table[tokens])


def test_layer_norm_by_hand():
    mean = ww.mean("... [c]", TOKENS, keepdims=True)
    var = ww.var("... [c]", TOKENS, keepdims=True)
    x = (TOKENS - mean) * torch.rsqrt(var + 1e-5)
    x = ww.add("... [c]", x, wn.param(name="bias"))
    x = ww.multiply("... [c]", x, wn.param(name="scale"))
    torch.testing.assert_close(x, wn.Norm("... [c]")(TOKENS))


def test_mlp_mixer():
    x = ww.dot("b [s...->s2] c", IMAGE, wn.param(name="weight1"), s2=7)
    assert x.shape == (2, 7, 6)
    x = ww.dot("b [s2->s...] c", x, wn.param(name="weight2"), s=(4, 4))
    assert x.shape == IMAGE.shape


def test_mlp_mixer_with_layers():
    x = wn.Linear("b [s...->s2] c", s2=7)(wn.Norm("... [c]")(IMAGE))
    assert x.shape == (2, 7, 6)
    assert wn.Linear("b [s2->s...] c", s=(4, 4))(x).shape == IMAGE.shape
