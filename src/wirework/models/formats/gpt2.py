"""GPT-2 as Hugging Face's transformers stores it. Its linear weights are `in out`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from wirework.checkpoint import Format, Names, rule
from wirework.models.formats.reading import refuse

NAMES = Names(
    (
        rule("transformer.wte.weight", "tokens.weight"),
        rule("transformer.wpe.weight", "positions.weight"),
        rule("transformer.ln_f.*", "norm.*"),
        rule("transformer.h.*.ln_1.*", "blocks.*.norm1.*"),
        rule("transformer.h.*.ln_2.*", "blocks.*.norm2.*"),
        rule("transformer.h.*.attn.c_attn.weight", "blocks.*.attn.in_proj_weight", "c r -> r c"),
        rule("transformer.h.*.attn.c_attn.bias", "blocks.*.attn.in_proj_bias"),
        rule("transformer.h.*.attn.c_proj.weight", "blocks.*.attn.out_proj.weight", "c r -> r c"),
        rule("transformer.h.*.attn.c_proj.bias", "blocks.*.attn.out_proj.bias"),
        rule("transformer.h.*.mlp.c_fc.weight", "blocks.*.mlp.fc1.weight", "c r -> r c"),
        rule("transformer.h.*.mlp.c_fc.bias", "blocks.*.mlp.fc1.bias"),
        rule("transformer.h.*.mlp.c_proj.weight", "blocks.*.mlp.fc2.weight", "c r -> r c"),
        rule("transformer.h.*.mlp.c_proj.bias", "blocks.*.mlp.fc2.bias"),
    ),
    prefix="transformer.",
    # The output layer is the token table again; the others are constant masks, which older files have.
    ignored=("lm_head.weight", "transformer.h.*.attn.bias", "transformer.h.*.attn.masked_bias"),
)


def read(written: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of a GPT2Config."""
    refuse(written, activation_function=("gelu_new", "gelu_pytorch_tanh"), tie_word_embeddings=True)
    refuse(written, add_cross_attention=False, scale_attn_weights=True, scale_attn_by_inverse_layer_idx=False)
    dim = written.get("n_embd", 768)
    return {
        "vocabulary": written.get("vocab_size", 50257),
        "context": written.get("n_positions", 1024),
        "dim": dim,
        "depth": written.get("n_layer", 12),
        "heads": written.get("n_head", 12),
        "mlp_dim": written.get("n_inner") or 4 * dim,
        "dropout": written.get("resid_pdrop", 0.1),
        "epsilon": written.get("layer_norm_epsilon", 1e-5),
    }


def write(config: Any) -> dict[str, Any]:
    """What transformers reads."""
    return {
        "model_type": "gpt2",
        "architectures": ["GPT2LMHeadModel"],
        "vocab_size": config.vocabulary,
        "n_positions": config.context,
        "n_embd": config.dim,
        "n_layer": config.depth,
        "n_head": config.heads,
        "n_inner": config.mlp_dim,
        "activation_function": "gelu_new",
        "embd_pdrop": config.dropout,
        "attn_pdrop": config.dropout,
        "resid_pdrop": config.dropout,
        "layer_norm_epsilon": config.epsilon,
        "tie_word_embeddings": True,
    }


FORMATS = (Format("Hugging Face gpt2", NAMES, lambda written: written.get("model_type") == "gpt2", read, write),)
