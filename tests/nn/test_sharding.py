"""Layers whose parameters are sharded by torch: FSDP and DTensor, here in a group of one process."""

import copy

import pytest
import torch
from torch import nn

import wirework.nn.torch as wn

dist = pytest.importorskip("torch.distributed")
if not dist.is_available() or not dist.is_gloo_available():
    pytest.skip("torch is built without torch.distributed and gloo", allow_module_level=True)

from torch.distributed.fsdp import fully_shard  # noqa: E402
from torch.distributed.tensor import DTensor, Replicate, Shard, distribute_module, distribute_tensor  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture(scope="module")
def mesh(tmp_path_factory):
    store = dist.FileStore(str(tmp_path_factory.mktemp("gloo") / "store"), 1)
    dist.init_process_group("gloo", store=store, rank=0, world_size=1)
    yield dist.init_device_mesh("cpu", (1,))
    dist.destroy_process_group()


class Model(nn.Module):
    """A layer of every kind: ids `b t` and pictures `b c h w` to logits `b t v`."""

    def __init__(self):
        super().__init__()
        self.tokens = wn.Embedding("[v] d", padding_idx=0, v=12, d=16)
        self.places = wn.LearnedPositions(10, d=16)
        self.patches = wn.Conv("b [c -> d] [s...]", kernel=(3, 3), stride=3, c=2, d=16)
        self.batch_norm = wn.Norm("[b] c [s...]", "b [c] s...", decay_rate=0.9, c=16)
        self.blocks = nn.ModuleList(make_block() for _ in range(2))
        self.norm = wn.Norm("... [c]", mean=False, bias=False, scale="1 + w", c=16)
        self.head = wn.Linear("... [d -> v]", bias=False, d=16, v=12)

    def forward(self, ids, pictures):
        patches = self.batch_norm(self.patches(pictures)).flatten(2).mT
        x = self.places(torch.cat([patches, self.tokens(ids)], 1))
        for block in self.blocks:
            x = block(x)
        return self.head(self.norm(x))


def make_block():
    attention = wn.Attention(
        4, 16, kv_heads=2, projection=wn.Split(), qk_norm=wn.QKNorm(), position=wn.Rotary("half", dim=4), mask=wn.causal
    )
    first = wn.Residual(attention, wn.Norm("... [c]", c=16))
    second = wn.Residual(wn.MLP(d=16, m=32, gated=True), wn.Norm("... [c]", c=16), layer_scale=0.1, d=16)
    return nn.Sequential(first, second)


def make_pair():
    """The same model twice, and its inputs."""
    torch.manual_seed(0)
    model = Model()
    return model, copy.deepcopy(model), (torch.randint(0, 12, (3, 5)), torch.randn(3, 2, 6, 6))


def whole(x):
    return x.full_tensor() if isinstance(x, DTensor) else x


def train(model, inputs):
    """The logits of three steps."""
    optimizer = torch.optim.AdamW(model.parameters(), 0.01)
    found = []
    for _ in range(3):
        optimizer.zero_grad()
        found.append(model(*inputs))
        found[-1].square().mean().backward()
        optimizer.step()
    return found


def shard(model, mesh):
    for block in model.blocks:
        fully_shard(block, mesh=mesh)
    return fully_shard(model, mesh=mesh)


def assert_same_state(sharded, model):
    """States agree, by name."""
    for (name, x), (other_name, y) in zip(sharded.state_dict().items(), model.state_dict().items(), strict=True):
        assert name == other_name
        torch.testing.assert_close(whole(x), y)


def test_training_under_fsdp(mesh):
    model, sharded, inputs = make_pair()
    shard(sharded, mesh)
    assert all(isinstance(parameter, DTensor) for parameter in sharded.parameters())
    for found, expected in zip(train(sharded, inputs), train(model, inputs), strict=True):
        torch.testing.assert_close(found, expected)
    assert_same_state(sharded, model)


def test_the_state_of_a_sharded_model_round_trips(mesh):
    model, sharded, inputs = make_pair()
    shard(sharded, mesh)
    train(sharded, inputs)
    again = shard(make_pair()[0], mesh)
    again.load_state_dict(sharded.state_dict())
    model.load_state_dict({name: whole(x) for name, x in sharded.state_dict().items()})
    assert_same_state(again, model)
    torch.testing.assert_close(again.eval()(*inputs), model.eval()(*inputs))


def test_fsdp_of_a_model_made_without_memory(mesh):
    model, _, inputs = make_pair()
    with torch.device("meta"):
        sharded = Model()
    shard(sharded, mesh).to_empty(device="cpu")
    names = dict(model.named_parameters())
    sharded.load_state_dict({
        name: distribute_tensor(x, mesh, [Shard(0)]) if name in names else x for name, x in model.state_dict().items()
    })  # fmt: skip
    torch.testing.assert_close(sharded.eval()(*inputs), model.eval()(*inputs))


LAYERS = {
    "linear": lambda: wn.Linear("... [c -> d]", c=16, d=8),
    "layer norm": lambda: wn.Norm("... [c]", c=16),
    "RMS norm": lambda: wn.Norm("... [c]", mean=False, bias=False, c=16),
    "RMS norm of Gemma": lambda: wn.Norm("... [c]", mean=False, bias=False, scale="1 + w", c=16),
    "RMS norm of Llama": lambda: wn.Norm("... [c]", mean=False, bias=False, scale="w after cast", c=16),
    "MLP": lambda: wn.MLP(d=16, m=32),
    "attention": lambda: wn.Attention(4, 16, backend="explicit"),
    "attention by head": lambda: wn.Attention(4, 16, kv_heads=2, projection=wn.Split(), backend="explicit"),
}


@pytest.mark.parametrize("placement", [Replicate(), Shard(0)], ids=str)
@pytest.mark.parametrize("name", LAYERS)
def test_parameters_that_are_distributed(mesh, name, placement):
    if name == "attention" and placement == Shard(0):
        pytest.skip("the queries, keys and values of a fused weight are apart along the sharded axis")
    layer = LAYERS[name]()

    def distribute(_, module, mesh):
        for key, parameter in module.named_parameters(recurse=False):
            module.register_parameter(key, nn.Parameter(distribute_tensor(parameter, mesh, [placement])))

    distributed = distribute_module(copy.deepcopy(layer), mesh, distribute)
    x = torch.randn(2, 5, 16)
    y, expected = distributed(distribute_tensor(x, mesh, [Replicate()])), layer(x)
    assert isinstance(y, DTensor)
    torch.testing.assert_close(whole(y), expected)
    whole(y).square().sum().backward()
    expected.square().sum().backward()
    for mine, other in zip(distributed.parameters(), layer.parameters(), strict=True):
        torch.testing.assert_close(whole(mine.grad), other.grad)


def test_made_on_meta_sharded_and_drawn(mesh):
    """The numbers are those that a model gets that was never sharded."""
    with torch.device("meta"):
        sharded = wn.Linear("... [c -> d]", c=6, d=4)
    fully_shard(sharded, mesh=mesh)
    sharded.to_empty(device="cpu")
    plain = wn.Linear("... [c -> d]", c=6, d=4)
    for layer in (sharded, plain):
        torch.manual_seed(3)
        layer.reset_parameters()
    assert isinstance(sharded.weight, DTensor)
    assert torch.equal(sharded.weight.full_tensor(), plain.weight)
