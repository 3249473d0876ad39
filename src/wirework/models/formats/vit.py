"""Vision transformers as Hugging Face's transformers stores them.

Which of transformers' four families a model belongs to follows from its configuration: a ViT is plain, a DeiT has one
register, which has a position, and a DINOv2 has layer scale, with registers or without.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from wirework.checkpoint import Format, Names, Rule, rule
from wirework.errors import CheckpointError
from wirework.models.formats.reading import refuse
from wirework.models.formats.vit_timm import TIMM_FORMAT

EMBEDDING = (
    rule("embeddings.patch_embeddings.projection.*", "patch_embed.*"),
    rule("embeddings.position_embeddings", "positions.weight", "1 n d -> n d"),
    rule("layernorm.*", "norm.*"),
)
ATTENTION = (
    rule(
        "encoder.layer.*.attention.attention.{query,key,value}.weight",
        "blocks.*.attn.module.in_proj_weight",
        "r c, r c, r c -> (r + r + r) c",
    ),
    rule(
        "encoder.layer.*.attention.attention.{query,key,value}.bias",
        "blocks.*.attn.module.in_proj_bias",
        "r, r, r -> (r + r + r)",
    ),
    rule("encoder.layer.*.attention.output.dense.*", "blocks.*.attn.module.out_proj.*"),
)
PLAIN = (
    rule("encoder.layer.*.layernorm_before.*", "blocks.*.attn.norm.*"),
    rule("encoder.layer.*.layernorm_after.*", "blocks.*.mlp.norm.*"),
    rule("encoder.layer.*.intermediate.dense.*", "blocks.*.mlp.module.fc1.*"),
    rule("encoder.layer.*.output.dense.*", "blocks.*.mlp.module.fc2.*"),
)
SCALED = (
    rule("encoder.layer.*.norm1.*", "blocks.*.attn.norm.*"),
    rule("encoder.layer.*.norm2.*", "blocks.*.mlp.norm.*"),
    rule("encoder.layer.*.layer_scale1.lambda1", "blocks.*.attn.scale"),
    rule("encoder.layer.*.layer_scale2.lambda1", "blocks.*.mlp.scale"),
    rule("encoder.layer.*.mlp.{fc1,fc2}.*", "blocks.*.mlp.module.{fc1,fc2}.*"),
    rule(
        "encoder.layer.*.mlp.weights_in.weight",
        "blocks.*.mlp.module.{gate_proj,up_proj}.weight",
        "(m + m) d -> m d, m d",
    ),
    rule("encoder.layer.*.mlp.weights_in.bias", "blocks.*.mlp.module.{gate_proj,up_proj}.bias", "(m + m) -> m, m"),
    rule("encoder.layer.*.mlp.weights_out.*", "blocks.*.mlp.module.down_proj.*"),
)
SECOND = {"deit": "distillation_token", "dinov2_with_registers": "register_tokens"}  # the name of the registers


def family_of(config: Any) -> str:
    """The model_type of transformers for a configuration of ours."""
    if config.layer_scale is not None:
        return "dinov2_with_registers" if config.registers else "dinov2"
    return "deit" if config.registers else "vit"


def hugging_face_names(config: Any) -> Names:
    """The names of one of the four families."""
    family = family_of(config)
    rules = [*EMBEDDING, *ATTENTION, *(SCALED if family.startswith("dinov2") else PLAIN)]
    if config.registers:
        rules.append(rule(f"embeddings.{{cls_token,{SECOND[family]}}}", "prefix", "1 k d, 1 r d -> (k + r) d"))
    else:
        rules.append(rule("embeddings.cls_token", "prefix", "1 k d -> k d"))
    inside = [Rule(tuple(f"{family}.{name}" for name in each.theirs), each.ours, each.expression) for each in rules]
    heads = [rule("cls_classifier.*" if config.distilled else "classifier.*", "head.*")]
    heads.append(rule("distillation_classifier.*", "distillation_head.*"))
    # A mask stands for hidden patches in training, and the pooler was trained on another task than any head here.
    unused = [f"{family}.embeddings.mask_token", f"{family}.pooler.dense.*", "decoder.*.*"]
    if not config.classes:
        unused += ["classifier.*", "cls_classifier.*", "distillation_classifier.*"]
    return Names((*inside, *heads), f"{family}.", tuple(unused))


def read_hugging_face(written: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of a ViTConfig."""
    refuse(written, hidden_act="gelu")
    architecture = (written.get("architectures") or [""])[0]
    classifies = "ForImageClassification" in architecture
    family = written["model_type"]
    common = {
        "image_size": written.get("image_size", 224),
        "channels": written.get("num_channels", 3),
        "classes": len(written.get("id2label", (0, 1))) if classifies else 0,
        "dim": written.get("hidden_size", 768),
        "depth": written.get("num_hidden_layers", 12),
        "heads": written.get("num_attention_heads", 12),
        "qkv_bias": written.get("qkv_bias", True),
        "antialias": family == "dinov2_with_registers",
        "dropout": written.get("hidden_dropout_prob", 0.0),
        "drop_path": written.get("drop_path_rate", 0.0),
    }
    if family.startswith("dinov2"):
        return common | read_dinov2(written, common["dim"], classifies)
    distilled = {"registers": 1, "placed": 2, "distilled": architecture.endswith("WithTeacher")}
    return common | {
        "patch_size": written.get("patch_size", 16),
        "mlp_dim": written.get("intermediate_size", 3072),
        "epsilon": written.get("layer_norm_eps", 1e-12),
        **(distilled if family == "deit" else {}),
    }


def read_dinov2(written: Mapping[str, Any], dim: int, classifies: bool) -> dict[str, Any]:
    """The arguments of a ViTConfig that only DINOv2 has, or has otherwise."""
    registers = written["model_type"] == "dinov2_with_registers"
    gated = written.get("use_swiglu_ffn", False)
    return {
        "patch_size": written.get("patch_size", 16 if registers else 14),
        "mlp_dim": dinov2_mlp_dim(dim, written.get("mlp_ratio", 4), gated),
        "gated": gated,
        "layer_scale": written.get("layerscale_value", 1.0),
        "registers": written.get("num_register_tokens", 4) if registers else 0,
        "pooling": "class and mean" if classifies else "class",
        "epsilon": written.get("layer_norm_eps", 1e-6),
    }


def dinov2_mlp_dim(dim: int, ratio: float, gated: bool) -> int:
    """Features in the MLP: if it is gated two thirds as many, rounded up to a multiple of 8."""
    hidden = int(dim * ratio)
    return -(-int(hidden * 2 / 3) // 8) * 8 if gated else hidden


def write_hugging_face(config: Any) -> dict[str, Any]:
    """What transformers reads."""
    family = family_of(config)
    scaled = family.startswith("dinov2")
    refuse(vars(config), placed=2 if family == "deit" else 1)
    refuse(vars(config), pooling="class and mean" if scaled and config.classes else "class")
    model = {"vit": "ViT", "deit": "DeiT", "dinov2": "Dinov2", "dinov2_with_registers": "Dinov2WithRegisters"}[family]
    task = "ForImageClassification" if config.classes else "Model"
    labels = {i: f"LABEL_{i}" for i in range(config.classes)}
    written = {
        "model_type": family,
        "architectures": [f"{model}{task}{'WithTeacher' if config.distilled else ''}"],
        "image_size": config.image_size,
        "patch_size": config.patch_size,
        "num_channels": config.channels,
        "hidden_size": config.dim,
        "num_hidden_layers": config.depth,
        "num_attention_heads": config.heads,
        "qkv_bias": config.qkv_bias,
        "hidden_act": "gelu",
        "hidden_dropout_prob": config.dropout,
        "attention_probs_dropout_prob": 0.0,
        "layer_norm_eps": config.epsilon,
        **({"id2label": labels, "label2id": {label: i for i, label in labels.items()}} if labels else {}),
    }
    if not scaled:
        refuse(vars(config), gated=False, drop_path=0.0, registers=(0, 1))
        return written | {"intermediate_size": config.mlp_dim}
    ratios = (ratio for ratio in range(1, 33) if dinov2_mlp_dim(config.dim, ratio, config.gated) == config.mlp_dim)
    ratio = next(ratios, None)
    if ratio is None:
        raise CheckpointError(f"Hugging Face's {model} has no mlp_dim={config.mlp_dim} for dim={config.dim}")
    return written | {
        "mlp_ratio": ratio,
        "use_swiglu_ffn": config.gated,
        "layerscale_value": config.layer_scale,
        "drop_path_rate": config.drop_path,
        **({"num_register_tokens": config.registers} if config.registers else {}),
    }


FAMILIES = ("vit", "deit", *SECOND, "dinov2")
FORMATS = (
    Format(
        "Hugging Face vit",
        hugging_face_names,
        lambda written: written.get("model_type") in FAMILIES,
        read_hugging_face,
        write_hugging_face,
        lambda config: {"k": 1},
    ),
    TIMM_FORMAT,
)
