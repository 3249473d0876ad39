"""Tracing code of torch's: what each function becomes, and that what is written down computes the same."""

import copy

import pytest

torch = pytest.importorskip("torch")
F = torch.nn.functional
from torch import nn  # noqa: E402

import wirework as ww  # noqa: E402
from wirework.errors import AxisSizeError, NotSupportedError  # noqa: E402


@pytest.fixture(autouse=True)
def same_numbers():
    torch.manual_seed(0)


def tensors(value):
    """All tensors in what a function returns."""
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list | tuple):
        return [each for inner in value for each in tensors(inner)]
    return [value] if isinstance(value, torch.Tensor) else []


def assert_runs_like(function, circuit, *arrays, parameters=None):
    with torch.no_grad():
        expected = tensors(function(*arrays))
        found = tensors(circuit.run(*arrays, parameters=parameters))
    assert len(expected) == len(found)
    for one, other in zip(expected, found, strict=True):
        torch.testing.assert_close(other, one)


def expressions(circuit):
    return [f"{node.kind}: {node.expression}" for node in circuit.nodes]


def in_place(x):
    y = x + 0
    y += 1
    y.mul_(x)
    return F.relu(y, inplace=True)


def set_items(x):
    y, z = x.clone(), torch.zeros(x.shape[1], x.shape[1])
    y[:, 0] = 0.0
    y[:, 1:3, 2:] = x[:, 1:3, 2:] * 2
    z[0] = 1.0
    z[:, 1] = 3.0
    return y, z


FUNCTIONS = {
    "activations": lambda x: (F.gelu(x), F.gelu(x, approximate="tanh"), F.silu(x), F.leaky_relu(x, 0.2), F.elu(x),
                              F.hardswish(x), F.softplus(x), F.relu6(x), F.mish(x), x.sigmoid(), x.tanh(), F.glu(x),
                              F.prelu(x, torch.full((1,), 0.2))),
    "single": lambda x: (x.exp(), x.abs().sqrt(), x.abs().log1p(), x.sin(), x.erf(), x.square(), x.sign(), x.round(),
                         x.clamp(-1, 1), x.clamp(min=0), x.abs().rsqrt(), x.neg(), -x, abs(x)),
    "arithmetic": lambda x: (2 - x) * x / 3 + x**2 - 1 / (x * x + 1) + 2**x + torch.add(x, x, alpha=3) + x // 2,
    "in place": in_place,
    "comparison": lambda x: (x > 0) & (x < 1) | ~(x == 0),
    "reductions": lambda x: (x.sum(-1), x.mean((0, 2)), x.amax(1, keepdim=True), x.var(-1), x.std(1, unbiased=False),
                             x.max(-1), x.argmax(-1), x.min(), x.prod(0), x.logsumexp(-1), x.mean(), (x > 0).any(1)),
    "softmax": lambda x: (x.softmax(-1), F.log_softmax(x, 1), F.softmax(x, 0)),
    "along": lambda x: (x.cumsum(1), torch.roll(x, (1, -2), (1, 2)), x.flip(1), x.sort(-1), x.argsort(1)),
    "cat": lambda x: (torch.cat([x, x, x[:, :2]], 1), torch.stack([x, x + 1], 1)),
    "parts": lambda x: (x.split(2, 2), x.split([1, 5], -1), x.chunk(2, -1), x.unbind(2)),
    "views": lambda x: (x.reshape(-1, 6), x.view(x.shape[0], -1), x.flatten(1), x.unflatten(-1, (2, 3)), x.mT,
                        x.permute(2, 0, 1), x.transpose(0, 2), x.unsqueeze(-1), x.unsqueeze(1).squeeze(1),
                        x.movedim(0, -1), x.view_as(x), x.contiguous(), x.detach()),
    "mixed axes": lambda x: (x.reshape(x.shape[0] * 3, -1, 2 * x.shape[1]), x.mT.transpose(0, 1).reshape(3, -1)),
    "repeats": lambda x: (x[:, :1].expand(-1, 4, -1), x[:, None].expand(x.shape[0], 3, *x.shape[1:]), x.repeat(1, 2, 1),
                          x.repeat_interleave(2, 1), x.sum(1, keepdim=True).expand_as(x), x[0].tile(2, 1)),
    "indices": lambda x: (x[:, 0], x[:, -1], x[0], x[:, 1:], x[:, :-1], x[..., ::2], x[:, None, :, 1:3],
                          x[1:, 2:4, -3:], x.narrow(1, 1, 2), x.select(2, 3)),
    "look-up": lambda x: (x[:, torch.tensor([0, 2])], x[torch.tensor([0, 1]), torch.tensor([1, 2])],
                          x.index_select(1, torch.tensor([1, 1])), x[:, torch.arange(x.shape[1])]),
    "set items": set_items,
    "matrices": lambda x: (x @ x.mT, torch.bmm(x, x.mT), x @ torch.ones(6, 3), x[0] @ x[1].T, x[:, 0] @ torch.ones(6),
                           torch.outer(x[0, 0], x[0, 1]), torch.baddbmm(torch.ones(1, 1, 1), x, x.mT)),
    "einsum": lambda x: (torch.einsum("btc,bsc->bts", x, x), torch.einsum("...c,...c", x, x)),
    "choices": lambda x: (torch.where(x > 0, x, 0.0), x.masked_fill(x < 0, 0.0), (x @ x.mT).tril(), x.triu(1)),
    "made": lambda x: (x + torch.zeros(x.shape[1], 1) + torch.ones_like(x) + torch.full((6,), 2.0)
                       + x.new_zeros(x.shape) + torch.arange(x.shape[1])[:, None] + torch.linspace(0, 1, 6)
                       + torch.tensor([1.0, 2, 3, 4, 5, 6]) + torch.eye(x.shape[1], 6)),
    "padding": lambda x: (F.pad(x, (1, 2)), F.pad(x, (0, 0, 1, 1), value=2.0), F.pad(x, (-1, 0))),
    "casts": lambda x: (x.to(torch.float64), x.int().float(), x.bool(), x.type_as(x), x.double()),
    "norms": lambda x: (F.layer_norm(x, (6,)), F.rms_norm(x, (6,)), F.group_norm(x.mT, 3), F.instance_norm(x),
                        F.normalize(x, dim=-1)),
    "resampling": lambda x: (F.interpolate(x, scale_factor=2), F.interpolate(x, size=9),
                             F.interpolate(x, scale_factor=2.0, mode="linear"),
                             F.pixel_shuffle(x[:, None].expand(-1, 4, -1, -1), 2), F.unfold(x[:, None], 2)),
    "pooling": lambda x: (F.adaptive_avg_pool1d(x, 3), F.adaptive_avg_pool1d(x, 1), F.avg_pool1d(x, 2),
                          F.max_pool1d(x, 3, 2, 1)),
    "attention": lambda x: (F.scaled_dot_product_attention(x, x, x),
                            F.scaled_dot_product_attention(x[:, None], x[:, None], x[:, None], is_causal=True),
                            F.scaled_dot_product_attention(x, x, x, torch.ones(x.shape[1], x.shape[1]).tril().bool())),
    "unknown": lambda x: (x.topk(2, -1), torch.diagonal(x, dim1=1, dim2=2), x.cummax(1)),
    "nested": lambda x: {"a": x, "b": [x + 1, (x, None, 3)]},
}  # fmt: skip


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_function_and_its_circuit_compute_the_same(name):
    circuit = ww.trace(FUNCTIONS[name], "b t c", c=6)
    assert circuit.axes["b"].names == ("b",) and circuit.axes["t"].names == ("t",)
    assert_runs_like(FUNCTIONS[name], circuit, torch.randn(2, 5, 6))


SPACE = (2, 4, 8, 10)
MODULES = {
    "conv": lambda: nn.Conv2d(4, 6, 3, padding=1),
    "conv with stride": lambda: nn.Conv2d(4, 6, (3, 5), stride=2, dilation=(1, 2), padding="valid", bias=False),
    "conv of one pixel": lambda: nn.Conv2d(4, 6, 1),
    "conv in groups": lambda: nn.Conv2d(4, 6, 3, groups=2),
    "conv by channel": lambda: nn.Conv2d(4, 8, 3, groups=4),
    "conv to same size": lambda: nn.Conv2d(4, 6, 3, padding="same"),
    "conv with other padding": lambda: nn.Conv2d(4, 6, 3, padding=1, padding_mode="reflect"),
    "transposed conv": lambda: nn.ConvTranspose2d(4, 6, 3, stride=2, padding=1, output_padding=1),
    "transposed conv in groups": lambda: nn.ConvTranspose2d(4, 6, 2, stride=2, groups=2),
    "batch norm": lambda: nn.BatchNorm2d(4).eval(),
    "batch norm in training": lambda: nn.BatchNorm2d(4),
    "group norm": lambda: nn.GroupNorm(2, 4),
    "instance norm": lambda: nn.InstanceNorm2d(4, affine=True),
    "max pool": lambda: nn.MaxPool2d(2),
    "max pool of overlapping windows": lambda: nn.MaxPool2d(3, 2, 1),
    "mean pool": lambda: nn.AvgPool2d(3, 2, 1),
    "mean over space": lambda: nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten()),
    "upsample": lambda: nn.Upsample(scale_factor=2),
    "upsample between": lambda: nn.Upsample(scale_factor=2, mode="bilinear"),
    "dropout": lambda: nn.Dropout(0.5).eval(),
}  # fmt: skip


@pytest.mark.parametrize("name", MODULES)
def test_a_module_on_images_and_its_circuit_compute_the_same(name):
    module = MODULES[name]()
    circuit = ww.trace(module, "b c h w")
    assert circuit.axes["h"].names == ("h",)
    assert_runs_like(copy.deepcopy(module), circuit, torch.randn(SPACE), parameters=module)


OTHER_MODULES = {
    "linear": (lambda: nn.Linear(6, 4), ("b t c",), ((2, 5, 6),)),
    "norm": (lambda: nn.LayerNorm((5, 6)), ("b t c",), ((2, 5, 6),)),
    "rms norm": (lambda: nn.RMSNorm(6), ("b t c",), ((2, 5, 6),)),
    "volumes": (lambda: nn.Conv3d(2, 3, 3, padding=1), ("b c d h w",), ((1, 2, 4, 5, 6),)),
    "sequences": (lambda: nn.Conv1d(2, 3, 3, stride=2), ("b c t",), ((2, 2, 9),)),
    "attention": (
        lambda: nn.MultiheadAttention(8, 2, batch_first=True).eval(),
        ("b t c", "b s c", "b s c"),
        ((2, 3, 8), (2, 5, 8), (2, 5, 8)),
    ),
    "encoder": (lambda: nn.TransformerEncoderLayer(8, 2, 16, batch_first=True).eval(), ("b t c",), ((2, 5, 8),)),
    "recurrent": (lambda: nn.LSTM(6, 4, batch_first=True), ("b t c",), ((2, 5, 6),)),
}


@pytest.mark.parametrize("name", OTHER_MODULES)
def test_a_module_and_its_circuit_have_the_same_shapes(name):
    make, signatures, shapes = OTHER_MODULES[name]
    module = make()
    circuit = ww.trace(module, *signatures)
    arrays = [torch.randn(shape) for shape in shapes]
    sizes = {}
    for signature, array in zip(signatures, arrays, strict=True):
        sizes.update(zip(signature.split(), array.shape, strict=True))
    expected = tensors(module(*arrays))
    for number, array in zip(circuit.outputs, expected, strict=True):
        assert tuple(size.evaluate(**sizes) for size in circuit.shape(number)) == tuple(array.shape)
    if name != "recurrent":
        assert_runs_like(module, circuit, *arrays, parameters=module)


def test_a_linear_layer_is_one_operation():
    circuit = ww.trace(nn.Linear(6, 8), "b t c")
    (node,) = circuit.nodes
    assert (node.kind, node.expression, node.keywords) == ("dot", "b t [c], c2 [c] -> b t c2", ("bias",))
    assert [value.name for value in circuit.parameters] == ["weight", "bias"]
    assert {name: str(size) for name, size in circuit.axes.items()} == {"b": "b", "t": "t", "c": "6", "c2": "8"}


class SelfAttention(nn.Module):
    def __init__(self, c=16, heads=4):
        super().__init__()
        self.heads, self.qkv, self.out, self.norm = heads, nn.Linear(c, 3 * c), nn.Linear(c, c), nn.LayerNorm(c)

    def forward(self, x):
        b, t, c = x.shape
        q, k, v = self.qkv(self.norm(x)).chunk(3, -1)
        q, k, v = (each.view(b, t, self.heads, c // self.heads).transpose(1, 2) for each in (q, k, v))
        with ww.block("Attention"):
            scores = q @ k.transpose(-2, -1) / (c // self.heads) ** 0.5
            mask = torch.tril(torch.ones(t, t, dtype=torch.bool))
            weights = scores.masked_fill(~mask, float("-inf")).softmax(-1)
            y = (weights @ v).transpose(1, 2).reshape(b, t, c)
        return x + self.out(y)


def test_names_flow_through_self_attention():
    module = SelfAttention()
    circuit = ww.trace(module, "b t c")
    found = expressions(circuit)
    for expected in (
        "normalise: b t [c] -> b t c",
        "dot: b t [c], c2 [c] -> b t c2",
        "rearrange: b t (h d) -> b t h d",
        "dot: b h t [d], b h [d] t2 -> b h t t2",
        "softmax: b h t [t2] -> b h t [t2]",
        "dot: b h t [t2], b h [t2] d -> b h t d",
        "dot: b t ([h d]), c ([h d]) -> b t c",
        "add: b t c, b t c -> b t c",
    ):
        assert expected in found, found
    assert str(circuit.axes["t2"]) == "t"
    assert {node.block for node in circuit.nodes if node.kind == "softmax"} == {("Attention",)}
    assert circuit.blocks[("qkv",)] == "Linear" and circuit.blocks[("Attention",)] == "Attention"
    assert_runs_like(module, circuit, torch.randn(2, 5, 16), parameters=module)


def test_dropout_is_dropped_in_evaluation_only():
    module = nn.Sequential(nn.Linear(4, 4), nn.Dropout(0.25))
    assert [node.kind for node in ww.trace(module, "b c").nodes] == ["dot", "dropout"]
    assert ww.trace(module, "b c").nodes[1].options["drop_rate"] == 0.25
    assert [node.kind for node in ww.trace(module.eval(), "b c").nodes] == ["dot"]


def test_shared_parameters_are_there_once():
    module = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 4))
    module[1].weight = module[0].weight
    circuit = ww.trace(module, "b c")
    assert [value.name for value in circuit.parameters] == ["0.weight", "0.bias", "1.bias"]
    assert circuit.nodes[0].inputs[1] == circuit.nodes[1].inputs[1]


def test_a_lambda_around_a_module_keeps_names_and_blocks():
    module = nn.Sequential(nn.Linear(4, 4), nn.ReLU())
    circuit = ww.trace(lambda x: module(x) * 2, "b c")
    assert [value.name for value in circuit.parameters] == ["0.weight", "0.bias"]
    assert [node.block for node in circuit.nodes] == [("0",), ("1",), (), ()]


def test_tensors_that_a_function_holds():
    weight, large, small = torch.randn(4, 3, requires_grad=True), torch.randn(1, 5000), torch.tensor([1.0, 2.0, 3.0])

    def function(x):
        return (x @ weight * small)[:, :1] + large

    circuit = ww.trace(function, "b c")
    assert [(value.role, value.name) for value in circuit.values if value.role in ("parameter", "buffer")] == [
        ("parameter", "weight"), ("buffer", "large"),
    ]  # fmt: skip
    assert [node.options["value"] for node in circuit.nodes if node.kind == "constant"] == [[1.0, 2.0, 3.0]]
    held = {"weight": weight.detach(), "large": large}
    assert_runs_like(function, circuit, torch.randn(2, 4), parameters=held)


def test_a_block_costs_a_compiled_function_nothing():
    def function(x):
        with ww.block("Attention"):
            return x * 2

    compiled = torch.compile(function, backend="eager", fullgraph=True)
    assert torch.equal(compiled(torch.ones(3)), 2 * torch.ones(3))


def test_inputs_by_name():
    def masked(x, *, mask):
        return x.masked_fill(mask, 0.0)

    circuit = ww.trace(masked, "b t", mask="b t: bool")
    assert [(circuit.values[number].name, circuit.values[number].dtype) for number in circuit.inputs] == [
        ("x", "float32"), ("mask", "bool"),
    ]  # fmt: skip


def test_code_that_compares_lengths_gets_those_it_wants():
    def picky(x):
        if x.shape[1] != 12 or x.shape[2] // 2 != 5:
            raise ValueError("12 by 10 only")
        return x * 2

    axes = ww.trace(picky, "b h w").axes
    assert [str(axes[name]) for name in "bhw"] == ["b", "12", "10"]


def test_code_whose_way_depends_on_a_length_fixes_it():
    def rows(x):
        return sum(row.mean() for row in x) if x.shape[0] % 32 == 0 else x

    circuit = ww.trace(lambda x: x.new_zeros(int(x.shape[0])) + x.mean(), "b t")
    assert circuit.axes["b"].constant is not None and str(circuit.axes["t"]) == "t"
    assert ww.trace(rows, "b t", b=3).nodes == ()


def test_lengths_that_a_function_limits_are_found():
    table = nn.Embedding(12, 4)

    def positions(ids):
        assert ids.shape[1] <= 12, "too long"
        return table(torch.arange(ids.shape[1]))

    circuit = ww.trace(positions, "b t: int64")
    assert [node.expression for node in circuit.nodes] == ["-> t", "[v] c, t -> t c"]


def test_elements_that_shapes_decide_are_known():
    def checked(x):
        places = torch.arange(x.shape[1])
        if bool((places.diff() == 1).all()) and places[0].item() == 0:
            return x * 2
        return x

    assert [node.kind for node in ww.trace(checked, "b t").nodes][-1] == "multiply"


@pytest.mark.parametrize(
    ("function", "name"),
    [
        (lambda x: x * x.mean().item(), "item"),
        (lambda x: x if x.sum() > 0 else -x, "__bool__"),
        (lambda x: x[x > 0], "__getitem__"),
        (lambda x: x.nonzero(), "nonzero"),
        (lambda x: x.tolist(), "tolist"),
    ],
)
def test_what_needs_elements_is_refused_by_name(function, name):
    def inside(x):
        with ww.block("Look"):
            return function(x)

    with pytest.raises(NotSupportedError, match=f"{name} needs the elements of an array") as caught:
        ww.trace(inside, "a b")
    assert "in block Look" in str(caught.value)


def test_a_view_that_changes_under_an_array_is_refused():
    def shared(x):
        y = x * 1
        y[:, :2].add_(1)
        return y

    with pytest.raises(NotSupportedError, match="changed in place"):
        ww.trace(shared, "a b")


def test_parameters_without_shape_are_refused():
    with pytest.raises(AxisSizeError, match="weight has no shape yet"):
        ww.trace(nn.LazyLinear(3), "b c")


class Untidy(nn.Module):
    """Keeps what it computes, draws numbers, counts its calls."""

    def __init__(self):
        super().__init__()
        self.register_buffer("mean", torch.zeros(4))
        self.norm, self.calls, self.last = nn.BatchNorm1d(4), 0, None

    def forward(self, x):
        self.calls += 1
        self.last = self.norm(x) + torch.rand(4)
        self.mean.add_(x.mean(0))
        if self.calls > 100:
            raise RuntimeError("too often")
        return self.last.item() if x.dim() == 1 else self.last


@pytest.mark.parametrize("refused", [False, True])
def test_modules_and_random_numbers_are_as_they_were(refused):
    module = Untidy()
    if refused:
        module.norm = nn.Identity()
    before, random = copy.deepcopy(module.state_dict()), torch.get_rng_state()
    with pytest.raises(NotSupportedError) if refused else torch.enable_grad():
        ww.trace(lambda x: module(x[0] if refused else x), "b c")
    assert module.calls == 0 and module.last is None
    assert torch.equal(torch.get_rng_state(), random)
    assert all(
        torch.equal(one, other) for one, other in zip(before.values(), module.state_dict().values(), strict=True)
    )
    assert not torch.nn.modules.module._global_forward_hooks and torch.is_grad_enabled()
    assert type(module(torch.ones(3, 4))) is torch.Tensor


def test_large_models_need_no_memory():
    with torch.device("meta"):
        module = nn.Sequential(*(nn.Linear(16384, 16384) for _ in range(64)))
    circuit = ww.trace(module, "b c")
    assert sum(circuit.elements(value).constant for value in circuit.parameters) == 64 * 16384 * 16385
    assert [node.expression for node in circuit.nodes[:2]] == ["b [c], c2 [c] -> b c2", "b [c2], c [c2] -> b c"]
