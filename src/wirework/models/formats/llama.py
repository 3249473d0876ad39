"""Llama, Mistral, Qwen2 and Qwen3 as Hugging Face's transformers stores them, all under the same names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import astuple
from typing import Any

from wirework.checkpoint import Format, Names, rule
from wirework.errors import CheckpointError
from wirework.models.formats.reading import refuse

NAMES = Names(
    (
        rule("model.embed_tokens.weight", "tokens.weight"),
        rule("model.norm.weight", "norm.weight"),
        rule("lm_head.weight", "head.weight"),
        rule("model.layers.*.input_layernorm.weight", "blocks.*.norm1.weight"),
        rule("model.layers.*.post_attention_layernorm.weight", "blocks.*.norm2.weight"),
        rule(
            "model.layers.*.self_attn.{q,k,v}_proj.weight",
            "blocks.*.attn.in_proj_weight",
            "q c, k c, k c -> (q + k + k) c",
        ),
        rule("model.layers.*.self_attn.{q,k,v}_proj.bias", "blocks.*.attn.in_proj_bias", "q, k, k -> (q + k + k)"),
        rule("model.layers.*.self_attn.o_proj.*", "blocks.*.attn.out_proj.*"),
        rule("model.layers.*.self_attn.q_norm.weight", "blocks.*.attn.q_norm.weight"),
        rule("model.layers.*.self_attn.k_norm.weight", "blocks.*.attn.k_norm.weight"),
        rule("model.layers.*.mlp.*.*", "blocks.*.mlp.*.*"),
    ),
    prefix="model.",
    # With tied weights the output layer is the token table again; frequencies, which older files have, are computed.
    ignored=("lm_head.weight", "model.layers.*.self_attn.rotary_emb.inv_freq"),
)

# What transformers takes where a config.json says nothing.
LLAMA = {
    "vocab_size": 32000,
    "max_position_embeddings": 2048,
    "hidden_size": 4096,
    "num_hidden_layers": 32,
    "num_attention_heads": 32,
    "intermediate_size": 11008,
    "rms_norm_eps": 1e-6,
    "rope_theta": 10000.0,
}
MISTRAL = LLAMA | {
    "max_position_embeddings": 131072,
    "intermediate_size": 14336,
    "num_key_value_heads": 8,
    "sliding_window": 4096,
}
QWEN2 = LLAMA | {
    "vocab_size": 151936,
    "max_position_embeddings": 32768,
    "intermediate_size": 22016,
    "num_key_value_heads": 32,
    "sliding_window": 4096,
    "max_window_layers": 28,
}
DEFAULTS = {"llama": LLAMA, "mistral": MISTRAL, "qwen2": QWEN2, "qwen3": QWEN2 | {"head_dim": 128}}

# The keys of rope_parameters, in the order of the arguments of our scalings.
ROPE = {
    "default": (),
    "linear": ("factor",),
    "dynamic": ("factor", "max_position_embeddings"),
    "yarn": (
        "factor", "original_max_position_embeddings", "beta_fast", "beta_slow", "attention_factor", "mscale",
        "mscale_all_dim", "truncate",
    ),
    "llama3": ("factor", "original_max_position_embeddings", "low_freq_factor", "high_freq_factor"),
}  # fmt: skip
OPTIONAL = {"beta_fast": 32.0, "beta_slow": 1.0, "attention_factor": None, "mscale": None, "mscale_all_dim": None,
            "truncate": True}  # fmt: skip

ALL, QKV = ("q", "k", "v", "out"), ("q", "k", "v")


def read(written: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of a LlamaConfig."""
    family = written["model_type"]
    said = DEFAULTS[family] | written
    refuse(said, hidden_act=("silu", "swish"), pretraining_tp=(None, 1))
    return {
        "vocabulary": said["vocab_size"],
        "context": said["max_position_embeddings"],
        "dim": said["hidden_size"],
        "depth": said["num_hidden_layers"],
        "heads": said["num_attention_heads"],
        "mlp_dim": said["intermediate_size"],
        "kv_heads": said.get("num_key_value_heads"),
        "head_dim": said.get("head_dim"),
        "tied": said.get("tie_word_embeddings", False),
        "attention_bias": read_bias(family, said),
        "mlp_bias": family == "llama" and said.get("mlp_bias", False),
        "qk_norm": family == "qwen3",
        "dropout": said.get("attention_dropout") or 0.0,
        "epsilon": said["rms_norm_eps"],
        **read_windows(family, said),
        **read_rope(said),
    }


def read_bias(family: str, said: Mapping[str, Any]) -> tuple[str, ...]:
    """Which projections have a bias."""
    if family == "qwen2":
        return QKV
    return ALL if family != "mistral" and said.get("attention_bias") else ()


def read_windows(family: str, said: Mapping[str, Any]) -> dict[str, Any]:
    """The window, and the blocks that have none."""
    window = said.get("sliding_window")
    if family == "mistral":
        return {"window": window}
    if window is None or not said.get("use_sliding_window"):
        return {}
    first = said["max_window_layers"]
    kinds = said.get("layer_types") or [kind_of(block >= first) for block in range(said["num_hidden_layers"])]
    for kind in kinds:
        refuse({"layer_types": kind}, layer_types=(kind_of(False), kind_of(True)))
    full = tuple(block for block, kind in enumerate(kinds) if kind == kind_of(False))
    return {"window": window, "full_blocks": full} if len(full) < len(kinds) else {}


def read_rope(said: Mapping[str, Any]) -> dict[str, Any]:
    """How the turns go, from `rope_parameters`, or from `rope_theta` and `rope_scaling` as before transformers 5."""
    parameters = said.get("rope_scaling") or said.get("rope_parameters") or {}
    if any(isinstance(value, Mapping) for value in parameters.values()):
        raise CheckpointError("the configuration has rope_parameters that differ between layers: it may have only one")
    kind = parameters.get("rope_type") or parameters.get("type") or "default"
    refuse({"rope_type": kind}, rope_type=tuple(ROPE))
    refuse({**said, **parameters}, partial_rotary_factor=(None, 1))
    context = said["max_position_embeddings"]
    options = {**OPTIONAL, "original_max_position_embeddings": context}
    options |= {key: value for key, value in parameters.items() if value is not None}
    options |= {
        key: said[key] for key in ("max_position_embeddings", "original_max_position_embeddings") if key in said
    }
    for key in ROPE[kind]:
        if key not in options:
            raise CheckpointError(f"the configuration has rope_type={kind!r} without {key}")
    scaling = (kind, *(options[key] for key in ROPE[kind])) if ROPE[kind] else ()
    return {"rope_base": options.get("rope_theta", said["rope_theta"]), "rope_scaling": scaling}


def write(config: Any) -> dict[str, Any]:
    """What transformers reads."""
    family = family_of(config)
    return {
        "model_type": family,
        "architectures": [f"{family.capitalize()}ForCausalLM"],
        "vocab_size": config.vocabulary,
        "max_position_embeddings": config.context,
        "hidden_size": config.dim,
        "num_hidden_layers": config.depth,
        "num_attention_heads": config.heads,
        "num_key_value_heads": config.kv_count,
        "head_dim": config.head_size,
        "intermediate_size": config.mlp_dim,
        "hidden_act": "silu",
        "tie_word_embeddings": config.tied,
        "attention_bias": "out" in config.attention_bias,
        "mlp_bias": config.mlp_bias,
        "attention_dropout": config.dropout,
        "rms_norm_eps": config.epsilon,
        **write_windows(family, config),
        **write_rope(config),
    }


def family_of(config: Any) -> str:
    """The first of their models that has these options.

    Raises:
        CheckpointError: if there is none.
    """
    bias, plain = frozenset(config.attention_bias), not config.qk_norm and not config.mlp_bias
    uniform = bias in (frozenset(), frozenset(ALL))
    fits = {
        "llama": uniform and not config.qk_norm and config.window is None,
        "mistral": not bias and plain and not config.full_blocks,
        "qwen2": bias == frozenset(QKV) and plain,
        "qwen3": uniform and config.qk_norm and not config.mlp_bias,
    }
    found = next((family for family, fit in fits.items() if fit), None)
    if found is None:
        names = ("attention_bias", "mlp_bias", "qk_norm", "window", "full_blocks")
        options = ", ".join(f"{name}={getattr(config, name)!r}" for name in names)
        raise CheckpointError(f"none of Hugging Face's {', '.join(fits)} has all of {options}")
    return found


def write_windows(family: str, config: Any) -> dict[str, Any]:
    """Which layers have a window."""
    if family == "llama":
        return {}
    if family == "mistral":
        return {"sliding_window": config.window}
    kinds = [kind_of(config.window_of(block) is not None) for block in range(config.depth)]
    first = kinds.index(kind_of(True)) if kind_of(True) in kinds else config.depth
    used = config.window is not None
    return {
        "use_sliding_window": used,
        "sliding_window": config.window,
        "max_window_layers": first,
        "layer_types": kinds,
    }


def kind_of(window: bool) -> str:
    """What they call a layer with a window, and one without."""
    return "sliding_attention" if window else "full_attention"


def write_rope(config: Any) -> dict[str, Any]:
    """How the turns go, as transformers 5 reads it, and as versions before it do."""
    kind = config.rope_scaling[0] if config.rope_scaling else "default"
    values = astuple(config.scaling) if config.rope_scaling else ()
    options = {key: value for key, value in zip(ROPE[kind], values, strict=True) if value is not None}
    length = options.pop("max_position_embeddings", config.context)
    if length != config.context:
        raise CheckpointError(f"transformers scales dynamically from its context on: {length} is not {config.context}")
    scaling = {"rope_type": kind, **options}
    return {
        "rope_parameters": {"rope_theta": config.rope_base, **scaling},
        "rope_theta": config.rope_base,
        "rope_scaling": scaling if options else None,
    }


def sizes(config: Any) -> dict[str, int]:
    """Rows of queries and of keys in the weight that has both."""
    return {"q": config.heads * config.head_size, "k": config.kv_count * config.head_size}


def recognises(written: Mapping[str, Any]) -> bool:
    """Whether a config.json is of one of these models."""
    return written.get("model_type") in DEFAULTS


FORMATS = (Format("Hugging Face llama, mistral, qwen2, qwen3", NAMES, recognises, read, write, sizes),)
