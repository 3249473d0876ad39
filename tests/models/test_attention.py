"""Multi-head attention against nn.MultiheadAttention, a loop over heads, a class for one head, and our own layer."""

import pytest
import torch
from torch import nn

import wirework as ww
import wirework.nn.torch as wn
from models.parity import close, shake
from wirework.errors import SemanticError
from wirework.models.attention import MultiHeadAttention, MultiHeadAttentionConfig

CASES = {
    "self": MultiHeadAttentionConfig(dim=12, heads=3, head_dim=4),
    "causal": MultiHeadAttentionConfig(dim=12, heads=2, head_dim=6, causal=True),
    "bias": MultiHeadAttentionConfig(dim=8, heads=4, head_dim=2, bias=True),
    "cross": MultiHeadAttentionConfig(dim=8, context_dim=6, heads=2, head_dim=5, bias=True),
}


@pytest.fixture(params=CASES.values(), ids=CASES.keys())
def case(request):
    config = request.param
    model = shake(MultiHeadAttention(config), scale=1.0)
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(2, 7, config.dim, generator=generator)
    return model, x, torch.randn(2, 5, config.context_dim, generator=generator) if config.context_dim else None


class Head(nn.Module):
    """One head of self-attention, written for itself alone."""

    def __init__(self, model: MultiHeadAttention, h: int) -> None:
        super().__init__()
        config = model.config
        self.causal = config.causal
        self.query = nn.Linear(config.dim, config.head_dim, bias=config.bias)
        self.key = nn.Linear(config.context_dim or config.dim, config.head_dim, bias=config.bias)
        self.value = nn.Linear(config.context_dim or config.dim, config.head_dim, bias=config.bias)
        for mine, all_heads in ((self.query, model.q), (self.key, model.k), (self.value, model.v)):
            mine.load_state_dict({name: array[h] for name, array in all_heads.state_dict().items()})

    def forward(self, x, context):
        q, k, v = self.query(x), self.key(context), self.value(context)
        scores = q @ k.transpose(-2, -1) / q.shape[-1] ** 0.5
        if self.causal:
            scores = scores.masked_fill(torch.ones(scores.shape[-2:]).tril() == 0, -torch.inf)
        return scores.softmax(dim=-1) @ v


def test_equals_a_class_for_each_head(case):
    model, x, context = case
    heads = [Head(model, h)(x, x if context is None else context) for h in range(model.config.heads)]
    close(model(x, context), model.out(torch.stack(heads, dim=2)))


def test_equals_a_loop_over_batch_heads_and_queries(case):
    model, x, context = case
    config, asked = model.config, x if context is None else context
    q, k, v = model.q(x), model.k(asked), model.v(asked)
    mixed = torch.zeros(q.shape)
    for b in range(len(x)):
        for h in range(config.heads):
            for i in range(x.shape[1]):
                seen = i + 1 if config.causal else asked.shape[1]
                scores = torch.stack([q[b, i, h].dot(k[b, j, h]) for j in range(seen)]) / config.head_dim**0.5
                weights = scores.exp() / scores.exp().sum()
                mixed[b, i, h] = sum(weights[j] * v[b, j, h] for j in range(seen))
    close(model(x, context), model.out(mixed))


def test_equals_our_layer(case):
    model, x, context = case
    config = model.config
    layer = wn.Attention(
        config.heads,
        config.dim,
        head_dim=config.head_dim,
        context_dim=config.context_dim or None,
        bias=config.bias,
        projection=wn.Split(),
        mask=wn.causal if config.causal else None,
    )
    flat = {"weight": "h d m -> (h d) m", "bias": "h d -> (h d)"}
    state = {}
    for name in ("q", "k", "v"):
        state |= {f"{name}_proj.{x}": ww.rearrange(flat[x], a) for x, a in getattr(model, name).state_dict().items()}
    state["o_proj.weight"] = ww.rearrange("m h d -> m (h d)", model.out.weight)
    state |= {"o_proj.bias": model.out.bias} if config.bias else {}
    layer.load_state_dict(state)
    close(model(x, context), layer(x, context))
    close(model.weights(x, context), layer.weights(x, context))


@pytest.mark.parametrize("causal", [False, True])
def test_equals_torch(causal):
    reference = shake(nn.MultiheadAttention(12, 3, batch_first=True), scale=1.0)
    model = MultiHeadAttention(MultiHeadAttentionConfig(dim=12, heads=3, head_dim=4, causal=causal, bias=True))
    weights = ww.rearrange("(n h d) m -> n h d m", reference.in_proj_weight, n=3, h=3)
    biases = ww.rearrange("(n h d) -> n h d", reference.in_proj_bias, n=3, h=3)
    state = {f"{name}.weight": weights[i] for i, name in enumerate("qkv")}
    state |= {f"{name}.bias": biases[i] for i, name in enumerate("qkv")}
    state["out.weight"] = ww.rearrange("m (h d) -> m h d", reference.out_proj.weight, h=3)
    state["out.bias"] = reference.out_proj.bias
    model.load_state_dict(state)
    x = torch.randn(2, 6, 12, generator=torch.Generator().manual_seed(1))
    hidden = ~torch.ones(6, 6, dtype=torch.bool).tril() if causal else None
    theirs, shares = reference(x, x, x, attn_mask=hidden, average_attn_weights=False)
    close(model(x), theirs)
    close(model.weights(x), shares)
    model(x).square().sum().backward()
    theirs.square().sum().backward()
    gradient = ww.rearrange("(n h d) m -> n h d m", reference.in_proj_weight.grad, n=3, h=3)
    for i, name in enumerate("qkv"):
        close(getattr(model, name).weight.grad, gradient[i])
    close(model.out.weight.grad, ww.rearrange("m (h d) -> m h d", reference.out_proj.weight.grad, h=3))


def test_heads_are_independent():
    model = MultiHeadAttention(CASES["self"])
    x = torch.randn(1, 4, 12)
    before = model.weights(x)
    with torch.no_grad():
        model.q.weight[1] += 1
    changed = (model.weights(x) != before).flatten(2).any(dim=2)[0]
    assert changed.tolist() == [False, True, False]


def test_presets():
    sizes = {}
    with torch.device("meta"):
        for name in MultiHeadAttentionConfig.presets:
            sizes[name] = sum(parameter.numel() for parameter in MultiHeadAttention.preset(name).parameters())
    assert sizes == {"attention": 65_536, "causal": 65_536, "head": 2_048}


def test_saved_and_read_again(case, tmp_path):
    model, x, context = case
    model.save_pretrained(tmp_path)
    assert torch.equal(MultiHeadAttention.from_pretrained(tmp_path)(x, context), model(x, context))


def test_impossible_sizes():
    with pytest.raises(SemanticError) as caught:
        MultiHeadAttentionConfig(heads=0)
    assert str(caught.value) == "heads=0 is not above 0"


def test_compiles_and_exports(case):
    model, x, context = case
    close(torch.compile(model, fullgraph=True, backend="eager")(x, context), model(x, context))
    b, t = torch.export.Dim("b"), torch.export.Dim("t")
    shapes = {"x": {0: b, 1: t}, "context": None if context is None else {0: b}}
    exported = torch.export.export(model, (x, context), dynamic_shapes=shapes).module()
    longer = torch.cat([x, x], dim=1)
    close(exported(longer, context), model(longer, context))
