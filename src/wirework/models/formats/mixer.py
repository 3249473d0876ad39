"""MLP-Mixers as timm stores them: the name of an architecture, and what differs from it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from wirework.checkpoint import Format, Names, rule
from wirework.errors import CheckpointError, joined
from wirework.models.formats.reading import refuse

RULES = (
    rule("stem.proj.*", "patch_embed.*"),
    rule("blocks.*.mlp_tokens.*.*", "blocks.*.mix_tokens.*.*"),
    rule("blocks.*.mlp_channels.*.*", "blocks.*.mix_features.*.*"),
    rule("blocks.*.*.*", "blocks.*.*.*"),
    rule("norm.*", "norm.*"),
    rule("head.*", "head.*"),
)
ARCHITECTURE = re.compile(r"mixer_(?P<size>[sbl])(?P<patch>16|32)_224")
SIZES = {"s": (512, 8), "b": (768, 12), "l": (1024, 24)}  # dim and depth


def names(config: Any) -> Names:
    """The names of timm's MlpMixer."""
    return Names(RULES, ignored=() if config.classes else ("head.*",))


def recognises(written: Mapping[str, Any]) -> bool:
    """Whether a configuration names one of the family."""
    return ARCHITECTURE.fullmatch(str(written.get("architecture"))) is not None


def read(written: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of a MixerConfig."""
    found = ARCHITECTURE.fullmatch(written["architecture"])
    assert found is not None
    trained = written.get("pretrained_cfg", written)  # older files have it alone
    channels, *sides = trained.get("input_size", (3, 224, 224))
    args = {"in_chans": channels, "img_size": sides, **(written.get("model_args") or {})}
    refuse(args, global_pool="avg", stem_norm=False)
    dim, depth = SIZES[found["size"]]
    ratio = args.get("mlp_ratio", (0.5, 4.0))
    tokens, features = ratio if isinstance(ratio, Sequence) else (ratio, ratio)
    return {
        "image_size": args["img_size"],
        "patch_size": int(found["patch"]),
        "channels": args["in_chans"],
        "classes": args.get("num_classes", written.get("num_classes", trained.get("num_classes", 1000))),
        "dim": dim,
        "depth": depth,
        "token_mlp_dim": int(tokens * dim),
        "feature_mlp_dim": int(features * dim),
        "dropout": args.get("proj_drop_rate", 0.0),
        "drop_path": args.get("drop_path_rate", 0.0),
    }


def write(config: Any) -> dict[str, Any]:
    """What timm reads: the architecture with these sizes, of which it lets no other argument change the first three.

    Raises:
        CheckpointError: if there is none.
    """
    size = next((size for size, known in SIZES.items() if known == (config.dim, config.depth)), None)
    if size is None or config.patch_size not in (16, 32):
        wanted = f"dim={config.dim}, depth={config.depth}, patch_size={config.patch_size}"
        known = f"(dim, depth)={joined(map(str, SIZES.values()), 'or')} and patch_size=16 or 32"
        raise CheckpointError(f"timm has no MLP-Mixer of {wanted}: only of {known}")
    return {
        "architecture": f"mixer_{size}{config.patch_size}_224",
        "num_classes": config.classes,
        "num_features": config.dim,
        "pretrained_cfg": {"input_size": (config.channels, *config.sides), "num_classes": config.classes},
        "model_args": {
            "img_size": config.sides,
            "in_chans": config.channels,
            "num_classes": config.classes,
            "mlp_ratio": [ratio(hidden, config.dim) for hidden in (config.token_mlp_dim, config.feature_mlp_dim)],
            "proj_drop_rate": config.dropout,
            "drop_path_rate": config.drop_path,
        },
    }


def ratio(hidden: int, dim: int) -> float:
    """A ratio of which timm takes the whole part times dim."""
    exact = hidden / dim
    return exact if int(exact * dim) == hidden else (hidden + 0.5) / dim


FORMATS = (Format("timm mixer", names, recognises, read, write),)
