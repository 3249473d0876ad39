"""Conv against torch.nn.Conv and ConvTranspose in one, two and three dimensions, with channels first and last."""

import copy
import pickle

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

import wirework.nn.torch as wn
from wirework.errors import AxisSizeError, SemanticError

DTYPES = [torch.float32, torch.float64, torch.bfloat16]


def make_pair(draw, transposed):
    """A layer of torch.nn, ours with channels first, ours with channels last, and an input; all random."""
    n = draw(st.integers(1, 3))
    steps = lambda low, high: draw(st.lists(st.integers(low, high), min_size=n, max_size=n).map(tuple))  # noqa: E731
    groups, c, d = draw(st.tuples(st.integers(1, 3), st.integers(1, 3), st.integers(1, 3)))
    options = {"kernel": steps(1, 3), "stride": steps(1, 3), "padding": steps(0, 1), "dilation": steps(1, 2)}
    options["bias"] = draw(st.booleans())
    if transposed:
        longest = zip(options["stride"], options["dilation"], strict=True)
        options["output_padding"] = tuple(draw(st.integers(0, max(pair) - 1)) for pair in longest)
    else:
        options["padding"] = draw(st.sampled_from(["same", "valid", 2, options["padding"]]))
        options["padding_mode"] = draw(st.sampled_from(["zeros", "reflect", "replicate", "circular"]))
        if options["padding"] == "same":
            options["stride"] = 1
    dtype = draw(st.sampled_from(DTYPES))
    theirs_options = {"kernel_size" if name == "kernel" else name: value for name, value in options.items()}
    kind = getattr(nn, f"Conv{'Transpose' if transposed else ''}{n}d")
    theirs = kind(groups * c, groups * d, groups=groups, dtype=dtype, **theirs_options)
    channels, sizes = ("(g [c -> d])", {"g": groups}) if groups > 1 else ("[c -> d]", {})
    ours = [
        wn.Conv(expression, transposed=transposed, dtype=dtype, **options, **sizes)
        for expression in (f"b {channels} [s...]", f"b [s...] {channels}")
    ]
    for layer in ours:
        layer.load_state_dict(theirs.state_dict())
        assert list(layer.state_dict()) == list(theirs.state_dict())
    x = torch.randn(draw(st.integers(1, 2)), groups * c, *steps(5, 7), dtype=dtype)
    return theirs, *ours, x


@pytest.mark.parametrize("transposed", [False, True])
@given(data=st.data())
@settings(max_examples=100)
def test_equals_torch_forward_and_backward(transposed, data):
    theirs, first, last, x = make_pair(data.draw, transposed)
    inputs = [x.clone().requires_grad_() for _ in range(3)]
    expected, y = theirs(inputs[0]), first(inputs[1])
    z = last(inputs[2].movedim(1, -1)).movedim(-1, 1)
    close = {"rtol": 0.05, "atol": 0.1} if x.dtype == torch.bfloat16 else {"rtol": 1e-4, "atol": 1e-5}
    weights = torch.randn_like(expected)
    for output in (expected, y, z):
        assert output.dtype == x.dtype
        torch.testing.assert_close(output, expected, **close)
        (output * weights).sum().backward()
    for layer, mine in ((first, inputs[1]), (last, inputs[2])):
        torch.testing.assert_close(mine.grad, inputs[0].grad, **close)
        for name, parameter in theirs.named_parameters():
            grown = {"rtol": 0.1, "atol": 1.0} if x.dtype == torch.bfloat16 else {"rtol": 1e-3, "atol": 1e-4}
            torch.testing.assert_close(layer.get_parameter(name).grad, parameter.grad, **grown)


@pytest.mark.parametrize("mode", ["zeros", "reflect", "replicate", "circular"])
def test_padding_that_differs_between_the_sides(mode):
    ours = wn.Conv("b [c -> d] [h w]", kernel=(3, 2), padding=((0, 1), (2, 0)), padding_mode=mode, c=2, d=3)
    x = torch.randn(2, 2, 6, 5)
    padded = nn.functional.pad(x, (2, 0, 0, 1), mode="constant" if mode == "zeros" else mode)
    expected = nn.functional.conv2d(padded, ours.weight, ours.bias)
    torch.testing.assert_close(ours(x), expected, rtol=1e-4, atol=1e-5)


def test_same_padding_with_a_stride():
    ours = wn.Conv("b [c -> d] [t]", kernel=3, stride=2, padding="same", c=2, d=3)
    x = torch.randn(2, 2, 6)
    expected = nn.functional.conv1d(nn.functional.pad(x, (0, 1)), ours.weight, ours.bias, stride=2)
    torch.testing.assert_close(ours(x), expected)


def test_padding_modes_without_a_batch_and_with_two_batch_axes():
    layer = wn.Conv("[c -> d] [t]", kernel=3, padding=1, padding_mode="reflect", c=2, d=3)
    x = torch.randn(2, 7)
    expected = nn.functional.conv1d(nn.functional.pad(x, (1, 1), mode="reflect"), layer.weight, layer.bias)
    torch.testing.assert_close(layer(x), expected)
    frames = wn.Conv("b f [h w] [c -> d]", kernel=3, padding=1, padding_mode="circular", c=2, d=3)
    x = torch.randn(2, 4, 6, 6, 2)
    padded = nn.functional.pad(x.flatten(0, 1).movedim(-1, 1), (1, 1, 1, 1), mode="circular")
    expected = nn.functional.conv2d(padded, frames.weight, frames.bias).movedim(1, -1).unflatten(0, (2, 4))
    torch.testing.assert_close(frames(x), expected, rtol=1e-4, atol=1e-5)


def test_depthwise_equals_torch():
    theirs = nn.Conv2d(6, 6, 3, padding=1, groups=6)
    ours = wn.Conv("b [s...] (g [1 -> 1])", kernel=3, padding=1)
    ours.load_state_dict(theirs.state_dict())
    x = torch.randn(2, 6, 5, 5)
    torch.testing.assert_close(ours(x.movedim(1, -1)).movedim(-1, 1), theirs(x), rtol=1e-4, atol=1e-5)


def test_without_a_batch_and_with_two_batch_axes():
    layer = wn.Conv("[c -> d] [t]", kernel=3, c=2, d=3)
    x = torch.randn(2, 7)
    torch.testing.assert_close(layer(x), nn.functional.conv1d(x, layer.weight, layer.bias))
    frames = wn.Conv("b f [c -> d] [h w]", kernel=3, c=2, d=3)
    x = torch.randn(2, 4, 2, 6, 6)
    expected = nn.functional.conv2d(x.flatten(0, 1), frames.weight, frames.bias).unflatten(0, (2, 4))
    torch.testing.assert_close(frames(x), expected, rtol=1e-4, atol=1e-5)


def test_sizes_from_input_state_and_arguments():
    def seeded(**sizes):
        torch.manual_seed(3)
        return wn.Conv("b [c -> d] [s...]", d=5, **{"kernel": 3, **sizes})

    x = torch.randn(1, 4, 8, 8)
    eager, lazy, built = seeded(c=4, kernel=(3, 3)), seeded(), seeded()
    assert not eager.unbuilt and lazy.unbuilt and seeded(c=4).unbuilt
    wn.build(built, {"x": (1, 4, 8, 8)})
    assert torch.equal(lazy(x), eager(x)) and torch.equal(built(x), eager(x))
    loaded = wn.Conv("b [c -> d] [s...]", kernel=3)
    loaded.load_state_dict(eager.state_dict())
    assert torch.equal(copy.deepcopy(loaded)(x), eager(x))


def test_initial_numbers():
    assert wn.Conv("b [c -> d] [s...]", kernel=(3, 3), c=64, d=256).weight.var().item() == pytest.approx(
        1 / 576, rel=0.02
    )
    y = wn.Conv("b [c -> d] [s...]", kernel=(2, 2), stride=2, transposed=True, c=128, d=64)(torch.randn(4, 128, 16, 16))
    assert y.var().item() == pytest.approx(1, rel=0.1), "each output pixel sums c products"


@pytest.mark.parametrize("expression", ["b [s...] [c -> d]", "b [c -> d] [s...]"])
@pytest.mark.parametrize(
    "options", [{"padding": "same", "stride": 2}, {"padding": 1}, {"padding": 1, "padding_mode": "circular"}]
)
def test_compile_and_export(expression, options):
    layer = wn.Conv(expression, kernel=(3, 3), c=3, d=3, **options)
    compiled = torch.compile(layer, fullgraph=True, backend="eager")
    x = torch.randn(2, 3, 7, 3)
    torch.testing.assert_close(compiled(x), layer(x))
    torch.testing.assert_close(torch.export.export(layer, (x,)).module()(x), layer(x))
    torch.testing.assert_close(pickle.loads(pickle.dumps(layer))(x), layer(x))


@pytest.mark.parametrize("expression", ["b [s...] [c -> d]", "b [c -> d] [s...]"])
def test_inputs_that_do_not_fit(expression):
    layer = wn.Conv(expression, kernel=(3, 3), c=2, d=3)
    with pytest.raises(AxisSizeError, match="c"):
        layer(torch.randn(2, 5, 5, 5))
    padded = wn.Conv(expression, kernel=(3, 3), padding=1, padding_mode="reflect", c=2, d=3)
    for each in (layer, padded):
        with pytest.raises(SemanticError, match="conv slides over 1 axis of the input, but the kernel has 2"):
            each(torch.randn(2, 5, 5))
    small = wn.Conv(expression, kernel=(3, 3), padding=3, padding_mode="reflect", c=3, d=3)
    with pytest.raises(AxisSizeError) as raised:
        small(torch.randn(1, 3, 3, 3))
    reason = 'padding_mode="reflect" adds at most 2 places to an axis of 3, not 3'
    assert str(raised.value) == f'Conv("{expression}"): {reason}'


def test_messages():
    with pytest.raises(SemanticError, match="needs one bracket with its input and its output channels"):
        wn.Conv("b [s...] c", kernel=3)
    with pytest.raises(SemanticError, match="needs a bracket around its spatial axes"):
        wn.Conv("b s [c -> d]", kernel=3)
    with pytest.raises(SemanticError, match="kernel has 3 sizes for 2 spatial axes"):
        wn.Conv("b [h w] [c -> d]", kernel=(3, 3, 3))
    with pytest.raises(SemanticError, match="written by name"):
        wn.Conv("b [...] [c -> d]", kernel=3)
    with pytest.raises(SemanticError, match="there is no axis called e"):
        wn.Conv("b [h w] [c -> d]", kernel=3, e=2)
    with pytest.raises(SemanticError, match="pads with zeros only"):
        wn.Conv("b [h w] [c -> d]", kernel=3, transposed=True, padding_mode="circular")
    with pytest.raises(SemanticError, match="takes stride=1: give the padding as numbers"):
        wn.Conv("b [h w] [c -> d]", kernel=3, stride=2, padding="same", padding_mode="circular")
    with pytest.raises(SemanticError, match='is one of "zeros", "reflect", "replicate", "circular", not \'wrap\''):
        wn.Conv("b [h w] [c -> d]", kernel=3, padding_mode="wrap")
    with pytest.raises(SemanticError, match="spatial axes that are not flattened with others"):
        wn.Conv("b (p [s]) [c -> d]", kernel=3, padding_mode="circular")
    layer = wn.Conv("b [s...] [c -> d]", kernel=3, c=2, d=3)
    with pytest.raises(AxisSizeError, match=r"axis kernel of Conv\(.*\) has no size yet"):
        layer.weight.sum()
    assert repr(layer) == 'Conv("b [s...] [c -> d]", c=2, d=3, kernel=3, bias=True)'
    padded = wn.Conv("b [s...] [c -> d]", kernel=3, padding="same", padding_mode="reflect")
    assert repr(padded).endswith("kernel=3, padding='same', padding_mode='reflect', bias=True)")
    strided = wn.Conv("b [s...] [c -> d]", kernel=3, stride=2, transposed=True)
    assert repr(strided) == 'Conv("b [s...] [c -> d]", kernel=3, stride=2, transposed=True, bias=True)'
