"""Vision transformers as timm stores them: the name of an architecture, and what differs from it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from wirework.checkpoint import Format, Names, rule
from wirework.models.formats.reading import refuse

SIZES = {  # dim, depth, heads, features in the MLP for each of a token
    "tiny": (192, 12, 3, 4),
    "small": (384, 12, 6, 4),
    "medium": (512, 12, 8, 4),
    "base": (768, 12, 12, 4),
    "large": (1024, 24, 16, 4),
    "huge": (1280, 32, 16, 4),
    "giant": (1408, 40, 16, 48 / 11),
    "gigantic": (1664, 48, 16, 64 / 13),
}
DINOV2_GIANT = (1536, 40, 24, 2.66667 * 2)
ARCHITECTURE = re.compile(
    r"(?P<family>vit|deit|deit3)_(?P<size>\w+?)(?P<distilled>_distilled)?_patch(?P<patch>\d+)"
    r"(?:_(?P<image>\d+)|(?:_reg(?P<registers>\d+))?_(?P<dinov2>dinov2))"
)
RULES = (
    rule("patch_embed.proj.*", "patch_embed.*"),
    rule("pos_embed", "positions.weight", "1 n d -> n d"),
    rule("blocks.*.norm1.*", "blocks.*.attn.norm.*"),
    rule("blocks.*.attn.qkv.weight", "blocks.*.attn.module.in_proj_weight"),
    rule("blocks.*.attn.qkv.bias", "blocks.*.attn.module.in_proj_bias"),
    rule("blocks.*.attn.proj.*", "blocks.*.attn.module.out_proj.*"),
    rule("blocks.*.ls1.gamma", "blocks.*.attn.scale"),
    rule("blocks.*.norm2.*", "blocks.*.mlp.norm.*"),
    rule("blocks.*.mlp.{fc1,fc2}.*", "blocks.*.mlp.module.{fc1,fc2}.*"),
    rule("blocks.*.mlp.fc1.weight", "blocks.*.mlp.module.{gate_proj,up_proj}.weight", "(m + m) d -> m d, m d"),
    rule("blocks.*.mlp.fc1.bias", "blocks.*.mlp.module.{gate_proj,up_proj}.bias", "(m + m) -> m, m"),
    rule("blocks.*.mlp.fc2.*", "blocks.*.mlp.module.down_proj.*"),
    rule("blocks.*.ls2.gamma", "blocks.*.mlp.scale"),
    rule("head.*", "head.*"),
    rule("head_dist.*", "distillation_head.*"),
)


def names(config: Any) -> Names:
    """The names of timm's VisionTransformer, or of its distilled one."""
    norm = rule("fc_norm.*" if config.pooling == "mean" else "norm.*", "norm.*")
    if config.registers:
        second = "dist_token" if config.distilled else "reg_token"
        prefix = rule(f"{{cls_token,{second}}}", "prefix", "1 k d, 1 r d -> (k + r) d")
    else:
        prefix = rule("cls_token", "prefix", "1 k d -> k d")
    return Names((*RULES, norm, prefix), ignored=() if config.classes else ("head.*", "head_dist.*"))


def recognises(written: Mapping[str, Any]) -> bool:
    """Whether a configuration is of a vision transformer that ours can be."""
    found = ARCHITECTURE.fullmatch(written.get("architecture", ""))
    return found is not None and found["size"] in SIZES


def read(written: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of a ViTConfig."""
    name = ARCHITECTURE.fullmatch(written["architecture"])
    assert name is not None
    args = arguments(name, written)
    refuse(args, class_token=True, pre_norm=False, final_norm=True, qk_norm=False, proj_bias=True, pos_embed="learn")
    refuse(args, scale_attn_norm=False, scale_mlp_norm=False, pool_include_prefix=False, act_layer=None)
    refuse(args, global_pool=("token", "avg"), fc_norm=(None, args["global_pool"] == "avg"))
    gated = name["dinov2"] is not None and name["size"] == "giant"
    front = 1 + args["reg_tokens"]
    return {
        "image_size": args["img_size"],
        "patch_size": args["patch_size"],
        "channels": args["in_chans"],
        "classes": args["num_classes"],
        "dim": args["embed_dim"],
        "depth": args["depth"],
        "heads": args["num_heads"],
        "mlp_dim": int(args["embed_dim"] * args["mlp_ratio"]) // (2 if gated else 1),
        "gated": gated,
        "qkv_bias": args.get("qkv_bias", True),
        "layer_scale": args["init_values"],
        "registers": args["reg_tokens"],
        "placed": 0 if args["no_embed_class"] else front,
        "distilled": name["distilled"] is not None,
        "pooling": {"token": "class", "avg": "mean"}[args["global_pool"]],
        "dropout": args.get("proj_drop_rate", 0.0),
        "drop_path": args.get("drop_path_rate", 0.0),
    }


def arguments(name: re.Match[str], written: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of timm's VisionTransformer: as the name of an architecture says, or else the configuration."""
    dinov2, registers = name["dinov2"] is not None, int(name["registers"] or 0)
    sizes = DINOV2_GIANT if dinov2 and name["size"] == "giant" else SIZES[name["size"]]
    side = int(name["image"] or 518)
    trained = written.get("pretrained_cfg", written)  # older files are flat
    channels, *image = trained.get("input_size", (3, side, side))
    return {
        **dict(zip(("embed_dim", "depth", "num_heads", "mlp_ratio"), sizes, strict=True)),
        "img_size": image,
        "patch_size": int(name["patch"]),
        "in_chans": channels,
        "num_classes": written.get("num_classes", trained.get("num_classes", 1000)),
        "init_values": 1e-5 if dinov2 else 1e-6 if name["family"] == "deit3" else None,
        "global_pool": "token",
        "reg_tokens": 1 if name["distilled"] else registers,
        "no_embed_class": registers > 0 or name["family"] == "deit3",
        **(written.get("model_args") or {}),
    }


def write(config: Any) -> dict[str, Any]:
    """What timm reads: an architecture of the same kind, and all its arguments."""
    front = 1 + config.registers
    refuse(vars(config), epsilon=1e-6, pooling=("class", "mean"), placed=front if config.distilled else (0, front))
    if config.distilled:
        refuse(vars(config), registers=1, gated=False)
    hidden = config.mlp_dim * (2 if config.gated else 1)
    ratios = (hidden / config.dim, (hidden + 0.5) / config.dim)  # of which timm takes the whole part times dim
    vit = "vit_giant_patch14_dinov2" if config.gated else "vit_base_patch16_224"
    tokens = {} if config.distilled else {"reg_tokens": config.registers, "no_embed_class": not config.placed}
    return {
        "architecture": "deit_base_distilled_patch16_224" if config.distilled else vit,
        "num_classes": config.classes,
        "num_features": config.dim,
        "pretrained_cfg": {"input_size": [config.channels, *config.sides], "num_classes": config.classes},
        "model_args": {
            "img_size": list(config.sides),
            "patch_size": config.patch_size,
            "in_chans": config.channels,
            "num_classes": config.classes,
            "embed_dim": config.dim,
            "depth": config.depth,
            "num_heads": config.heads,
            "mlp_ratio": next(ratio for ratio in ratios if int(config.dim * ratio) == hidden),
            "qkv_bias": config.qkv_bias,
            "init_values": config.layer_scale,
            "global_pool": "avg" if config.pooling == "mean" else "token",
            "pos_drop_rate": config.dropout,
            "proj_drop_rate": config.dropout,
            "drop_path_rate": config.drop_path,
            **tokens,
        },
    }


TIMM_FORMAT = Format("timm vit", names, recognises, read, write, lambda config: {"k": 1})
