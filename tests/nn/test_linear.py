"""Linear against torch.nn.Linear and einsum, and the messages for expressions it cannot take."""

import pytest
import torch

import wirework.nn.torch as wn
from wirework.errors import AxisSizeError, SemanticError
from wirework.nn.linear import LinearDefinition

KINDS = [
    ("... [c_in -> c_out]", {"c_in": 6, "c_out": 5}, (2, 3, 6), "xyi,oi->xyo", (5, 6)),
    ("b [s... -> s2] c", {"s": (3, 4), "s2": 5}, (2, 3, 4, 6), "bijc,oij->boc", (5, 3, 4)),
    ("b [s2 -> s...] c", {"s2": 5, "s": (3, 4)}, (2, 5, 6), "bsc,ijs->bijc", (3, 4, 5)),
    ("b t [c p q -> d]", {"c": 2, "p": 3, "q": 4, "d": 5}, (2, 6, 2, 3, 4), "btcpq,dcpq->btd", (5, 2, 3, 4)),
    ("b [c -> h d]", {"c": 6, "h": 2, "d": 3}, (4, 6), "bc,hdc->bhd", (2, 3, 6)),
]


@pytest.mark.parametrize(("expression", "sizes", "shape", "einsum", "weight_shape"), KINDS)
def test_equals_einsum(expression, sizes, shape, einsum, weight_shape):
    layer = wn.Linear(expression, bias=False, **sizes)
    x = torch.randn(shape)
    assert layer.weight.shape == weight_shape
    torch.testing.assert_close(layer(x), torch.einsum(einsum, x, layer.weight), rtol=1e-4, atol=1e-5)


def test_a_group_axis_shares_the_weight():
    layer = wn.Linear("... (g [c -> d])", g=4, d=3)
    x = torch.randn(2, 4 * 5)
    y = layer(x)
    expected = torch.einsum("bgc,dc->bgd", x.reshape(2, 4, 5), layer.weight)
    torch.testing.assert_close(y, expected.reshape(2, 12) + layer.bias.repeat(4))


def test_equals_torch_linear_forward_and_backward():
    theirs, ours = torch.nn.Linear(6, 5), wn.Linear("... [c_in -> c_out]", c_in=6, c_out=5)
    ours.load_state_dict(theirs.state_dict())
    x1, x2 = (torch.linspace(-1, 1, 36).reshape(2, 3, 6).requires_grad_() for _ in range(2))
    torch.testing.assert_close(ours(x1), theirs(x2))
    ours(x1).square().sum().backward()
    theirs(x2).square().sum().backward()
    torch.testing.assert_close(x1.grad, x2.grad)
    torch.testing.assert_close(ours.weight.grad, theirs.weight.grad)
    torch.testing.assert_close(ours.bias.grad, theirs.bias.grad)


def test_features_and_repr():
    layer = wn.Linear("b [c -> h d]", c=6, h=2, d=3)
    assert (layer.in_features, layer.out_features) == (6, 6)
    assert repr(layer) == 'Linear("b [c -> h d]", c=6, h=2, d=3, bias=True)'


def test_initial_numbers():
    layer = wn.Linear("... [c_in -> c_out]", c_in=300, c_out=400)
    assert layer.weight.var().item() == pytest.approx(1 / 300, rel=2e-2)
    assert torch.equal(layer.bias, torch.zeros(400))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float64])
def test_dtype(dtype):
    layer = wn.Linear("... [c_in -> c_out]", c_in=3, c_out=4, dtype=dtype)
    assert layer(torch.ones(2, 3, dtype=dtype)).dtype == dtype
    lazy = wn.Linear("... [c_in -> c_out]", c_out=4, dtype=dtype)
    assert lazy(torch.ones(2, 3, dtype=dtype)).dtype == dtype


def test_autocast():
    layer = wn.Linear("... [c_in -> c_out]", c_out=4)
    with torch.autocast("cpu", torch.bfloat16):
        assert layer(torch.ones(2, 3)).dtype == torch.bfloat16
    assert layer.weight.dtype == torch.float32


def test_definition_spells_out_the_contraction():
    definition = LinearDefinition("... (g [c -> d])", sizes={"g": 4})
    assert definition.dot == "... (g [c]), d [c] -> ... (g d)"
    assert {name: str(axes) for name, axes in definition.parameters.items()} == {"weight": "d c", "bias": "d"}


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        (
            "b [c]",
            "Linear needs a bracket with its input and its output axes, such as [c_in -> c_out]\n"
            "\n"
            "    b [c]\n"
            "      ^^^",
        ),
        (
            "b c",
            "Linear needs a bracket with its input and its output axes, such as [c_in -> c_out]\n\n    b c",
        ),
        (
            "b [c, d -> e]",
            "Linear needs a bracket with its input and its output axes, such as [c_in -> c_out]\n"
            "\n"
            "    b [c, d -> e]\n"
            "      ^^^^^^^^^^^",
        ),
        (
            "b c -> b d",
            "Linear takes the axes of one array, without ',' or '->' outside brackets\n\n    b c -> b d",
        ),
        (
            "b [c -> c]",
            "axis c is on both sides of '->': call the new one c_out, for example\n\n    b [c -> c]\n       ^    ^",
        ),
    ],
)
def test_expressions_that_are_not_linear(expression, message):
    with pytest.raises(SemanticError) as raised:
        wn.Linear(expression)
    assert str(raised.value) == message


def test_a_misspelt_size():
    with pytest.raises(SemanticError) as raised:
        wn.Linear("... [c_in -> c_out]", c_oot=4)
    assert str(raised.value) == (
        "there is no axis called c_oot in the expression (did you mean c_out?)\n\n    ... [c_in -> c_out]"
    )


def test_a_size_that_an_input_cannot_show():
    with pytest.raises(AxisSizeError) as raised:
        wn.Linear("... [c_in -> c_out]")(torch.ones(2, 3))
    assert str(raised.value) == (
        'axis c_out of Linear("... [c_in -> c_out]") has no size yet: pass c_out=... or call build()'
    )
