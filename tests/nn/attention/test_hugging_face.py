"""Attention with the options of well-known models against their modules in transformers, with the same weights."""

from importlib import import_module

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

import wirework.nn.torch as wn
from nn.attention.close import assert_close, assert_same_gradients

pytest.importorskip("transformers", reason="the references are modules of transformers")

import transformers
from transformers.masking_utils import causal_mask_function, sdpa_mask, sliding_window_causal_mask_function

# transformers computes norms and softmax in float32
TOLERANCE = {torch.float64: 1e-6, torch.float32: 3e-5, torch.bfloat16: 4e-2}


class Reference:
    """A module of transformers, and the layer that must equal it."""

    def __init__(self, name: str, kind: str, **config) -> None:
        base = getattr(transformers, f"{kind}Config")
        self.config = base(attn_implementation="eager", attention_dropout=0.0, **config)
        self.modeling = import_module(f"transformers.models.{name}.modeling_{name}")
        self.module = getattr(self.modeling, f"{kind}Attention")(self.config, 0)
        for parameter in self.module.parameters():
            nn.init.normal_(parameter, std=0.5)

    def angles(self, length: int, dim: int, dtype: torch.dtype) -> tuple[torch.Tensor, torch.Tensor]:
        """Cosines and sines `1 t d` of angles that no two places share."""
        angles = torch.arange(length)[None, :, None] * torch.linspace(1, 0.1, dim)
        return angles.cos().to(dtype), angles.sin().to(dtype)

    def position(self, table):
        """Their rotation as a position transform."""
        interleaved = getattr(self.config, "rope_interleave", False)
        rotate = self.modeling.apply_rotary_pos_emb_interleave if interleaved else self.modeling.apply_rotary_pos_emb
        return lambda q, k, positions: rotate(q, k, *(each[:, positions] for each in table))


def compare(reference: Reference, layer: wn.Attention, shape, dtype, rotary, window=None, shift_norms=False):
    b, t, c = shape
    theirs, ours = reference.module.to(dtype), layer.to(dtype)
    ours.load_state_dict(theirs.state_dict())
    if shift_norms:
        with torch.no_grad():
            for norm in (ours.q_norm, ours.k_norm):
                norm.weight += 1
    table = reference.angles(t, rotary, dtype)
    ours.position = reference.position(table)
    function = causal_mask_function if window is None else sliding_window_causal_mask_function(window)
    seen = sdpa_mask(b, t, t, mask_function=function, allow_is_causal_skip=False)
    added = torch.zeros(seen.shape, dtype=dtype).masked_fill(~seen, torch.finfo(dtype).min)
    x1, x2 = (torch.linspace(-2, 3, b * t * c, dtype=dtype).sin().reshape(shape).requires_grad_() for _ in "12")
    for training in (True, False):
        y1 = ours.train(training)(x1)
        y2 = theirs.train(training)(x2, position_embeddings=table, attention_mask=added)[0]
        assert_close(y1, y2, TOLERANCE[dtype])
    assert_same_gradients(y1, y2, [x1, *ours.parameters()], [x2, *theirs.parameters()], TOLERANCE[dtype])
    cached(ours, x1.detach(), y1.detach(), dtype)


def cached(layer, x, y, dtype):
    """Decoding token by token gives the same."""
    with torch.no_grad():
        for cache in (wn.GrowingCache(), wn.StaticCache(x.shape[1] + 2)):
            steps = [layer(step, cache=cache) for step in x.split(1, dim=1)]
            assert_close(torch.cat(steps, 1), y, TOLERANCE[dtype])


def draws(test):
    sizes = st.tuples(*(st.integers(1, top) for top in (2, 6, 3, 2)), st.integers(1, 4))
    backends = st.sampled_from([None, "explicit"])
    return settings(max_examples=15)(given(sizes, st.sampled_from(sorted(TOLERANCE, key=str)), backends)(test))


def common(sizes, **more):
    """The configuration and the layer's arguments for batch, tokens, kv heads, repeats, head_dim / 2."""
    b, t, g, r, half = sizes
    h, d, c = g * r, 2 * half, 12
    config = dict(hidden_size=c, num_attention_heads=h, num_key_value_heads=g, head_dim=d, num_hidden_layers=1)
    arguments = dict(heads=h, dim=c, kv_heads=g, head_dim=d, mask=wn.causal, projection=wn.Split(), bias=False)
    return (b, t, c), config | {"rms_norm_eps": 1e-6} | more, arguments


@draws
def test_llama(sizes, dtype, backend):
    shape, config, arguments = common(sizes)
    reference = Reference("llama", "Llama", **config)
    compare(reference, wn.Attention(**arguments, backend=backend), shape, dtype, config["head_dim"])


@draws
def test_qwen3_norm_of_each_head(sizes, dtype, backend):
    shape, config, arguments = common(sizes)
    reference = Reference("qwen3", "Qwen3", **config)
    layer = wn.Attention(**arguments, qk_norm=wn.QKNorm(), backend=backend)
    compare(reference, layer, shape, dtype, config["head_dim"])


@draws
def test_olmo2_norm_over_all_heads(sizes, dtype, backend):
    shape, config, arguments = common(sizes)
    reference = Reference("olmo2", "Olmo2", **config)
    layer = wn.Attention(**arguments, qk_norm=wn.QKNorm(over="heads"), backend=backend)
    compare(reference, layer, shape, dtype, config["head_dim"])


@draws
def test_gemma2_softcap_and_window(sizes, dtype, backend):
    shape, config, arguments = common(
        sizes, attn_logit_softcapping=1.5, query_pre_attn_scalar=3, sliding_window=2, layer_types=["sliding_attention"]
    )
    reference = Reference("gemma2", "Gemma2", **config)
    arguments |= {"mask": wn.causal & wn.window(2), "scale": 3**-0.5}
    layer = wn.Attention(**arguments, scores=[wn.Softcap(1.5)], backend=backend)
    compare(reference, layer, shape, dtype, config["head_dim"], window=2)


@draws
def test_gpt_oss_sinks(sizes, dtype, backend):
    shape, config, arguments = common(sizes)
    reference = Reference("gpt_oss", "GptOss", **config, attention_bias=True)
    layer = wn.Attention(**{**arguments, "bias": True}, scores=[wn.Sinks()], backend=backend)
    compare(reference, layer, shape, dtype, config["head_dim"] // 2)


@draws
def test_qwen3_next_gate(sizes, dtype, backend):
    shape, config, arguments = common(sizes)
    reference = Reference("qwen3_next", "Qwen3Next", **config)
    layer = wn.Attention(**arguments, qk_norm=wn.QKNorm(), gate=True, backend=backend)
    compare(reference, layer, shape, dtype, 2 * max(1, config["head_dim"] // 4), shift_norms=True)


@pytest.mark.parametrize("query_rank", [None, 5])
@pytest.mark.parametrize("interleave", [False, True])
@pytest.mark.parametrize("bias", [False, True])
@pytest.mark.parametrize("dtype", sorted(TOLERANCE, key=str))
def test_deepseek_v3_latent(query_rank, interleave, bias, dtype):
    config = dict(
        hidden_size=6, num_attention_heads=3, num_key_value_heads=3, q_lora_rank=query_rank, kv_lora_rank=4,
        qk_nope_head_dim=3, qk_rope_head_dim=2, v_head_dim=5, attention_bias=bias, rope_interleave=interleave,
    )  # fmt: skip
    reference = Reference("deepseek_v3", "DeepseekV3", **config)
    layer = wn.Attention(
        3, 6, head_dim=3, value_dim=5, mask=wn.causal, bias=bias, projection=wn.Latent(4, 2, query_rank)
    )
    compare(reference, layer, (2, 5, 6), dtype, 2)
