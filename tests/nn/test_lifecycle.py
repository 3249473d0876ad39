"""Sizes that come later: what works before they are known, and that it makes no difference after."""

import copy
import io
import pickle

import pytest
import torch
from torch import nn

import wirework as ww
import wirework.nn.torch as wn
from wirework.errors import AxisSizeError


def make_model(**sizes):
    """A small network; with c, d and e given all its layers are eager."""
    c, d, e = (sizes.get(name) for name in "cde")
    known = lambda **pairs: {name: size for name, size in pairs.items() if size is not None}  # noqa: E731
    return nn.Sequential(
        wn.Linear("... [c -> d]", **known(c=c), d=8),
        wn.Norm("[b...] d", "b... [d]", decay_rate=0.9, **known(d=d)),
        nn.GELU(),
        wn.Linear("... [d -> e]", e=4, **known(d=e)),
    )


def lazy():
    return make_model()


def eager():
    return make_model(c=6, d=8, e=8)


class Scaled(nn.Module):
    """A parameter of the module's own, whose shape comes from the expression."""

    def __init__(self):
        super().__init__()
        self.scale = wn.param(name="scale", init=2.0)

    def forward(self, x):
        return ww.multiply("... [c]", x, self.scale)


X = torch.linspace(-1, 1, 18).reshape(3, 6)


def seeded(make):
    torch.manual_seed(7)
    return make()


def assert_equal_state(first, second):
    assert list(first.state_dict()) == list(second.state_dict())
    for one, two in zip(first.state_dict().values(), second.state_dict().values(), strict=True):
        assert torch.equal(one, two)


def test_all_sizes_given_means_eager():
    for layer in eager():
        assert not getattr(layer, "unbuilt", False)
    assert type(eager()[0].weight) is nn.Parameter


def test_eager_called_and_built_have_the_same_numbers():
    called, built = seeded(lazy), seeded(lazy)
    called.eval()(X)
    wn.build(built, {"input": (3, 6)})
    assert_equal_state(seeded(eager), called)
    assert_equal_state(seeded(eager), built)


def test_the_order_of_building_does_not_matter():
    first, second = seeded(lazy), seeded(lazy)
    first[3](torch.ones(1, 8))
    first.eval()(X)
    second.eval()(X)
    assert_equal_state(first, second)


def test_build_leaves_everything_else_as_it_is():
    model = lazy().train()
    model[2].eval()
    before = torch.get_rng_state()
    assert wn.build(model, {"input": (3, 6)}) is model
    assert torch.equal(torch.get_rng_state(), before)
    assert model[1].training and not model[2].training
    assert model[1].num_batches_tracked == 0
    assert torch.equal(model[1].running_mean, torch.zeros(8))
    assert all(type(parameter) is nn.Parameter for parameter in model.parameters())


def test_build_takes_shapes_dtypes_and_tensors():
    class Embedding(nn.Module):
        def __init__(self):
            super().__init__()
            self.table = wn.param()

        def forward(self, tokens, scale):
            return ww.get_at("[v] c, b t -> b t c", self.table, tokens, v=11, c=5) * scale

    model = wn.build(Embedding(), {"tokens": ((2, 3), torch.long), "scale": torch.empty(1, device="meta")})
    assert model.table.shape == (11, 5)


def test_build_says_what_it_could_not_find():
    class Forgetful(nn.Module):
        def __init__(self):
            super().__init__()
            self.used = wn.Linear("... [c -> d]", d=2)
            self.unused = wn.Linear("... [c_in -> c_out]", c_out=2)

        def forward(self, x):
            return self.used(x)

    with pytest.raises(AxisSizeError) as raised:
        wn.build(Forgetful(), {"x": (2, 3)})
    assert str(raised.value) == (
        "unused.weight still has no shape: the model did not use it. "
        'axis c_in of Linear("... [c_in -> c_out]") has no size yet: pass c_in=... or call build()'
    )


def test_before_the_first_call():
    model = lazy()
    assert sum(parameter.numel() for parameter in model.parameters()) == 0
    assert [parameter.ndim for parameter in model.parameters()] == [2, 1, 1, 1, 2, 1]
    assert all(isinstance(parameter, nn.Parameter) for parameter in model.parameters())
    assert set(model.state_dict()) == set(eager().state_dict())
    assert repr(model[0]) == 'Linear("... [c -> d]", d=8, bias=True)'
    assert isinstance(repr(model[0].weight), str)


@pytest.mark.parametrize("make", [lazy, Scaled])
@pytest.mark.parametrize(
    "duplicate", [copy.deepcopy, lambda model: pickle.loads(pickle.dumps(model))], ids=["deepcopy", "pickle"]
)
def test_copies_made_before_become_the_same(make, duplicate):
    model = seeded(make)
    twin = duplicate(model)
    assert torch.equal(model.eval()(X), twin.eval()(X))
    assert next(model.parameters()) is not next(twin.parameters())


def test_copies_made_after_are_ordinary():
    model = lazy().eval()
    y = model(X)
    buffer = io.BytesIO()
    torch.save(model, buffer)
    buffer.seek(0)
    for twin in (
        copy.deepcopy(model),
        pickle.loads(pickle.dumps(model)),
        torch.load(buffer, weights_only=False),
    ):
        assert torch.equal(twin(X), y)
        assert all(type(parameter) is nn.Parameter for parameter in twin.parameters())


@pytest.mark.parametrize("make", [lazy, Scaled])
@pytest.mark.parametrize("optimizer", [torch.optim.AdamW, lambda p: torch.optim.SGD(p, 0.1, momentum=0.9)])
def test_an_optimizer_made_before_trains(make, optimizer):
    model = make()
    steps = optimizer(model.parameters())
    parameters = list(model.parameters())
    for _ in range(2):
        steps.zero_grad()
        model(X).square().sum().backward()
        before = [parameter.detach().clone() for parameter in parameters]
        steps.step()
    assert all(one is two for one, two in zip(model.parameters(), parameters, strict=True))
    assert not torch.equal(before[0], parameters[0])


@pytest.mark.parametrize("assign", [False, True])
def test_loading_builds(assign):
    full, model = eager(), lazy()
    full(X)
    model.load_state_dict(full.state_dict(), assign=assign)
    assert not model[0].unbuilt
    assert type(model[0].weight) is nn.Parameter
    assert model[0].in_features == 6
    assert_equal_state(full, model)


@pytest.mark.parametrize("assign", [False, True])
def test_loading_builds_a_parameter_of_the_module(assign):
    full, model = Scaled(), Scaled()
    full(X)
    model.load_state_dict(full.state_dict(), assign=assign)
    assert type(model.scale) is nn.Parameter
    assert torch.equal(model(X), 2 * X)


def test_loading_a_state_without_shapes_leaves_the_layer_waiting():
    state, model = lazy().state_dict(), seeded(lazy)
    model.load_state_dict(state)
    assert model[0].unbuilt
    model.eval()(X)
    assert_equal_state(seeded(eager), model)


def test_loading_refuses_other_sizes():
    model = wn.Linear("... [c_in -> c_out]", c_out=64)
    with pytest.raises(AxisSizeError):
        model.load_state_dict(nn.Linear(3, 5).state_dict())
    with pytest.raises(RuntimeError, match="size mismatch"):
        wn.Linear("... [c_in -> c_out]", c_in=3, c_out=64).load_state_dict(nn.Linear(3, 5).state_dict())


def test_moves_and_conversions_before_the_first_call_count():
    assert lazy().double().eval()(X.double()).dtype == torch.float64
    model = lazy().to(torch.bfloat16)
    assert model.eval()(X.bfloat16()).dtype == torch.bfloat16
    frozen = lazy().requires_grad_(False).eval()
    frozen(X)
    assert not any(parameter.requires_grad for parameter in frozen.parameters())


def test_meta_device():
    with torch.device("meta"):
        model = eager()
    assert all(parameter.is_meta for parameter in model.parameters())
    model.to_empty(device="cpu")
    for layer in model:
        if hasattr(layer, "reset_parameters"):
            layer.reset_parameters()
    assert model.eval()(X).isfinite().all()


def test_inference_mode_does_not_leave_parameters_that_cannot_train():
    model = lazy()
    with torch.inference_mode():
        model.eval()(X)
    model.train()(X).sum().backward()
    assert model[0].weight.grad is not None


def test_reset_parameters_draws_anew():
    layer = wn.Linear("... [c -> d]", c=6, d=4)
    before = layer.weight.detach().clone()
    nn.init.ones_(layer.bias)
    layer.reset_parameters()
    assert not torch.equal(layer.weight, before)
    assert torch.equal(layer.bias, torch.zeros(4))


MESSAGE = 'axis c_in of Linear("... [c_in -> c_out]") has no size yet: pass c_in=... or call build()'


@pytest.mark.parametrize(
    "use",
    [
        lambda layer: nn.functional.linear(torch.ones(2, 3), layer.weight),
        lambda layer: layer.weight * 2,
        lambda layer: nn.init.ones_(layer.weight),
        lambda layer: layer.reset_parameters(),
        lambda layer: layer.in_features,
    ],
)
def test_using_an_unbuilt_layer_says_what_is_missing(use):
    with pytest.raises(AxisSizeError) as raised:
        use(wn.Linear("... [c_in -> c_out]", c_out=4))
    assert str(raised.value) == MESSAGE


def test_using_an_unbuilt_parameter():
    with pytest.raises(AxisSizeError) as raised:
        Scaled().scale + 1
    assert str(raised.value) == "parameter scale has no shape yet: use it in an operation, or call build()"


def test_an_ordinary_module_once_built():
    model = wn.build(lazy(), {"input": (3, 6)}).eval()
    assert type(model[0]) is wn.Linear
    assert torch.equal(torch.func.functional_call(model, dict(model.named_parameters()), (X,)), model(X))
    exported = torch.export.export(model, (X,), dynamic_shapes=({0: torch.export.Dim("n")},))
    torch.testing.assert_close(exported.module()(torch.cat([X, X])), model(torch.cat([X, X])))


@pytest.mark.parametrize("mode", ["train", "eval"])
def test_compile_fullgraph(mode):
    model = wn.build(nn.Sequential(lazy(), wn.Dropout("[b] ...", 0.0), Scaled()), {"input": (3, 6)})
    getattr(model, mode)()
    expected = copy.deepcopy(model)(X)
    compiled = torch.compile(model, fullgraph=True, backend="eager")
    torch.testing.assert_close(compiled(X), expected)


def test_compile_before_the_first_call_builds_first():
    model = seeded(lazy).eval()
    y = torch.compile(model, backend="eager")(X)
    torch.testing.assert_close(y, model(X))
    assert_equal_state(seeded(eager), model)


def test_inline_parameter_is_new_each_time():
    y = ww.add("... [c]", X, wn.param(init=wn.normal(0.5)))
    z = ww.add("... [c]", X, wn.param(init=wn.normal(0.5)))
    assert y.requires_grad and not torch.equal(y, z)


def test_existing_parameters():
    ready = nn.Parameter(torch.ones(6))
    assert wn.param(ready) is ready
    waiting = nn.UninitializedParameter()
    y = ww.multiply("... [c]", X, wn.param(waiting, init=3.0))
    assert type(waiting) is nn.Parameter
    torch.testing.assert_close(y, 3 * X)


@pytest.mark.parametrize(
    ("expression", "operation", "sizes", "expected"),
    [
        ("... [c]", "add", {}, "zeros"),
        ("... [c]", "multiply", {}, "ones"),
        ("... [c -> d]", "dot", {"d": 4000}, 1 / 6**0.5),
        ("b c, d -> b (c + d)", "rearrange", {"d": 4000}, 0.02),
    ],
)
def test_the_operation_decides_how_a_parameter_starts(expression, operation, sizes, expected):
    parameter = wn.param()
    getattr(ww, operation)(expression, X, parameter, **sizes)
    if isinstance(expected, str):
        assert torch.equal(parameter, getattr(torch, expected)(6))
    else:
        assert parameter.std().item() == pytest.approx(expected, rel=0.05)
