"""Swins as Hugging Face's transformers and timm store them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from wirework.checkpoint import Format, Names, rule
from wirework.errors import CheckpointError
from wirework.models.formats.reading import refuse


def pads(project: str, padding: str, config: Any) -> None:
    """Refuse a model that shifts and pads its maps in another way than a project does.

    Raises:
        CheckpointError: unless there is no difference, as for the maps of an image of 224 x 224.
    """
    stages = zip(config.maps, config.windows, strict=True)
    whole = all(h % p == w % q == 0 and (h > p) == (w > q) for (h, w), (p, q) in stages)
    if config.padding != padding and not whole:
        sizes = f"image_size={config.image_size} and window={config.window}"
        other = f"which is not the same as {config.padding!r} for {sizes}"
        raise CheckpointError(f"{project} has padding={padding!r}, {other}")


# -- Hugging Face. Patches are merged at the end of a stage, not at the beginning of the next -------------------------

BLOCK = "swin.encoder.layers.*.blocks.*"
HUGGING_FACE_RULES = (
    rule("swin.embeddings.patch_embeddings.projection.*", "patch_embed.*"),
    rule("swin.embeddings.norm.*", "patch_norm.*"),
    rule("swin.embeddings.position_embeddings", "positions.weight", "1 n d -> n d"),
    rule(f"{BLOCK}.layernorm_before.*", "stages.*.blocks.*.norm1.*"),
    rule(
        f"{BLOCK}.attention.self.{{query,key,value}}.weight",
        "stages.*.blocks.*.attn.in_proj_weight",
        "r c, r c, r c -> (r + r + r) c",
    ),
    rule(
        f"{BLOCK}.attention.self.{{query,key,value}}.bias",
        "stages.*.blocks.*.attn.in_proj_bias",
        "r, r, r -> (r + r + r)",
    ),
    rule(
        f"{BLOCK}.attention.self.relative_position_bias_table",
        "stages.*.blocks.*.attn.score_bias.relative_position_bias_table",
    ),
    rule(f"{BLOCK}.attention.output.dense.*", "stages.*.blocks.*.attn.out_proj.*"),
    rule(f"{BLOCK}.layernorm_after.*", "stages.*.blocks.*.norm2.*"),
    rule(f"{BLOCK}.intermediate.dense.*", "stages.*.blocks.*.mlp.fc1.*"),
    rule(f"{BLOCK}.output.dense.*", "stages.*.blocks.*.mlp.fc2.*"),
    rule("swin.layernorm.*", "norm.*"),
    rule("classifier.*", "head.*"),
)
# A mask stands for hidden patches in training, and its decoder shows them; the index can be computed.
HUGGING_FACE_UNUSED = ("swin.embeddings.mask_token", "decoder.*.*", f"{BLOCK}.attention.self.relative_position_index")


def hugging_face_names(config: Any) -> Names:
    """The names of transformers' SwinForImageClassification; those of a SwinModel have no prefix."""
    stages = range(1, len(config.depths))
    merging = (rule(f"swin.encoder.layers.{i - 1}.downsample.*.*", f"stages.{i}.merge.*.*") for i in stages)
    unused = HUGGING_FACE_UNUSED if config.classes else (*HUGGING_FACE_UNUSED, "classifier.*")
    return Names((*merging, *HUGGING_FACE_RULES), "swin.", unused)


def read_hugging_face(written: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of a SwinConfig."""
    refuse(written, hidden_act="gelu", layer_norm_eps=1e-5)
    classifies = "SwinForImageClassification" in (written.get("architectures") or ())
    return {
        "image_size": written.get("image_size", 224),
        "patch_size": number(written, "patch_size", 4),
        "channels": written.get("num_channels", 3),
        "classes": len(written.get("id2label", (0, 1))) if classifies else 0,
        "dim": written.get("embed_dim", 96),
        "depths": written.get("depths", (2, 2, 6, 2)),
        "heads": written.get("num_heads", (3, 6, 12, 24)),
        "window": written.get("window_size", 7),
        "mlp_ratio": written.get("mlp_ratio", 4.0),
        "qkv_bias": written.get("qkv_bias", True),
        "absolute_positions": written.get("use_absolute_embeddings", False),
        "padding": "first",
        "dropout": written.get("hidden_dropout_prob", 0.0),
        "drop_path": written.get("drop_path_rate", 0.1),
    }


def write_hugging_face(config: Any) -> dict[str, Any]:
    """What transformers reads."""
    pads("transformers", "first", config)
    windows = {side for window in config.windows for side in window}
    if len(windows) > 1:
        found = ", ".join(map(str, config.windows))
        raise CheckpointError(f"transformers has one window_size for all stages: not {found}")
    labels = {str(i): f"LABEL_{i}" for i in range(config.classes)}
    return {
        "model_type": "swin",
        "architectures": ["SwinForImageClassification" if labels else "SwinModel"],
        "image_size": config.image_size,
        "patch_size": config.patch_size,
        "num_channels": config.channels,
        "embed_dim": config.dim,
        "depths": config.depths,
        "num_heads": config.heads,
        "window_size": windows.pop(),
        "mlp_ratio": config.mlp_ratio,
        "qkv_bias": config.qkv_bias,
        "use_absolute_embeddings": config.absolute_positions,
        "hidden_act": "gelu",
        "hidden_dropout_prob": config.dropout,
        "attention_probs_dropout_prob": config.dropout,
        "drop_path_rate": config.drop_path,
        "layer_norm_eps": 1e-5,
        **({"id2label": labels, "label2id": {label: int(i) for i, label in labels.items()}} if labels else {}),
    }


# -- timm. An architecture has a name, from which arguments differ ----------------------------------------------------

TIMM_RULES = (
    rule("patch_embed.proj.*", "patch_embed.*"),
    rule("patch_embed.norm.*", "patch_norm.*"),
    rule("layers.*.downsample.*.*", "stages.*.merge.*.*"),
    rule("layers.*.blocks.*.attn.qkv.weight", "stages.*.blocks.*.attn.in_proj_weight"),
    rule("layers.*.blocks.*.attn.qkv.bias", "stages.*.blocks.*.attn.in_proj_bias"),
    rule(
        "layers.*.blocks.*.attn.relative_position_bias_table",
        "stages.*.blocks.*.attn.score_bias.relative_position_bias_table",
    ),
    rule("layers.*.blocks.*.attn.proj.*", "stages.*.blocks.*.attn.out_proj.*"),
    rule("layers.*.blocks.*.mlp.*.*", "stages.*.blocks.*.mlp.*.*"),
    rule("layers.*.blocks.*.*.*", "stages.*.blocks.*.*.*"),
    rule("norm.*", "norm.*"),
    rule("head.fc.*", "head.*"),
)
TIMM_UNUSED = ("layers.*.blocks.*.attn.relative_position_index", "layers.*.blocks.*.attn_mask")  # of older files

ARCHITECTURE = re.compile(
    r"swin_(?:(?P<size>tiny|small|base|large)_patch4_window(?P<window>\d+)|s3_(?P<searched>tiny|small|base))_(?P<image>\d+)"
)
SIZES = {
    "tiny": {"embed_dim": 96, "depths": (2, 2, 6, 2), "num_heads": (3, 6, 12, 24)},
    "small": {"embed_dim": 96, "depths": (2, 2, 18, 2), "num_heads": (3, 6, 12, 24)},
    "base": {"embed_dim": 128, "depths": (2, 2, 18, 2), "num_heads": (4, 8, 16, 32)},
    "large": {"embed_dim": 192, "depths": (2, 2, 18, 2), "num_heads": (6, 12, 24, 48)},
}
SEARCHED = {  # Chen et al., Searching the Search Space of Vision Transformer, 2021; arXiv:2111.14725
    "tiny": {**SIZES["tiny"], "window_size": (7, 7, 14, 7)},
    "small": {**SIZES["small"], "window_size": (14, 14, 14, 7)},
    "base": {**SIZES["small"], "window_size": (7, 7, 14, 7), "depths": (2, 2, 30, 2)},
}


def timm_names(config: Any) -> Names:
    """The names of timm's SwinTransformer."""
    return Names(TIMM_RULES, ignored=TIMM_UNUSED if config.classes else (*TIMM_UNUSED, "head.fc.*"))


def is_timm(written: Mapping[str, Any]) -> bool:
    """Whether a configuration names one of the family."""
    return ARCHITECTURE.fullmatch(str(written.get("architecture"))) is not None


def usual(architecture: str) -> dict[str, Any]:
    """The arguments of timm's SwinTransformer that an architecture has by its name."""
    found = ARCHITECTURE.fullmatch(architecture)
    assert found is not None
    side = int(found["image"])
    common = {"img_size": (side, side), "patch_size": 4}
    if found["searched"]:
        return common | SEARCHED[found["searched"]]
    return common | SIZES[found["size"]] | {"window_size": int(found["window"])}


def read_timm(written: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of a SwinConfig."""
    trained = written.get("pretrained_cfg", written)  # older files have it alone
    channels, *sides = trained.get("input_size", (3, *usual(written["architecture"])["img_size"]))
    classes = written.get("num_classes", trained.get("num_classes", 1000))
    found = {"img_size": sides, "in_chans": channels, "num_classes": classes}
    args = usual(written["architecture"]) | found | (written.get("model_args") or {})
    refuse(args, global_pool="avg", head_dim=None, always_partition=False)
    return {
        "image_size": args["img_size"],
        "patch_size": number(args, "patch_size"),
        "channels": args["in_chans"],
        "classes": args["num_classes"],
        "dim": args["embed_dim"],
        "depths": args["depths"],
        "heads": args["num_heads"],
        "window": timm_window(args["window_size"]),
        "mlp_ratio": number(args, "mlp_ratio", 4.0),
        "qkv_bias": args.get("qkv_bias", True),
        "padding": "last",
        "dropout": args.get("proj_drop_rate", 0.0),
        "drop_path": args.get("drop_path_rate", 0.1),
    }


def timm_window(written: int | Sequence[Any]) -> int | tuple[int, ...]:
    """The side of a window, or that for each stage, from one number, a height and a width, or one of these for each."""
    if isinstance(written, int) or (len(written) == 2 and isinstance(written[0], int)):
        return number({"window_size": written}, "window_size")
    return tuple(number({"window_size": each}, "window_size") for each in written)


def write_timm(config: Any) -> dict[str, Any]:
    """What timm reads: an architecture of the same kind, and all its arguments."""
    pads("timm", "last", config)
    refuse(vars(config), absolute_positions=False)
    windows = (config.window,) * len(config.depths) if isinstance(config.window, int) else config.window
    return {
        "architecture": "swin_tiny_patch4_window7_224",
        "num_classes": config.classes,
        "num_features": config.dims[-1],
        "pretrained_cfg": {"input_size": (config.channels, *config.sides), "num_classes": config.classes},
        "model_args": {
            "img_size": config.sides,
            "patch_size": config.patch_size,
            "in_chans": config.channels,
            "num_classes": config.classes,
            "embed_dim": config.dim,
            "depths": config.depths,
            "num_heads": config.heads,
            "window_size": [(side, side) for side in windows],
            "mlp_ratio": config.mlp_ratio,
            "qkv_bias": config.qkv_bias,
            "proj_drop_rate": config.dropout,
            "attn_drop_rate": config.dropout,
            "drop_path_rate": config.drop_path,
        },
    }


def number(written: Mapping[str, Any], key: str, default: Any = None) -> Any:
    """A number, which may be written as several equal ones.

    Raises:
        CheckpointError: if they differ.
    """
    value = written.get(key, default)
    numbers = set(value) if isinstance(value, Sequence) else {value}
    if len(numbers) != 1:
        raise CheckpointError(f"the configuration has {key}={value}: only equal numbers are supported")
    return numbers.pop()


FORMATS = (
    Format(
        "Hugging Face swin",
        hugging_face_names,
        lambda written: written.get("model_type") == "swin",
        read_hugging_face,
        write_hugging_face,
    ),
    Format("timm swin", timm_names, is_timm, read_timm, write_timm),
)
