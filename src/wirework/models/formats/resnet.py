"""Pre-activation ResNets as timm's `resnetv2` and as Big Transfer in Hugging Face's transformers store them."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from wirework.checkpoint import Format, Names, rule
from wirework.errors import CheckpointError, joined
from wirework.models.formats.reading import refuse

BIG_TRANSFER = {"pool": "max zeros", "standardise": True}  # and group norm


def multiples(divisor: int, dims: Sequence[int]) -> tuple[int, ...]:
    """Numbers of channels. Others round them, and a quarter of them inside units, to multiples of 8; we do not."""
    if any(dim % divisor for dim in dims):
        found = ", ".join(map(str, dims))
        raise CheckpointError(f"the configuration has {found} channels: only multiples of {divisor} are supported")
    return tuple(dims)


def for_large_images(config: Any, project: str) -> None:
    """Refuse a model that begins or shrinks the image otherwise than those of other projects."""
    if (config.stem_kernel, config.stem_stride, config.early_stride) != (7, 2, False) or config.pool == "none":
        ours = "stem_kernel=7, stem_stride=2, early_stride=False and a pool"
        raise CheckpointError(f"{project} only has ResNets of {ours}: save this one in form='wirework'")


# -- timm. An architecture has a name, from which arguments differ ------------------------------------------------

TIMM_NAMES = Names(
    (
        rule("stem.conv.weight", "stem.weight"),
        rule("stages.*.blocks.*.downsample.conv.weight", "stages.*.*.project.weight"),
        rule("stages.*.blocks.*.*.*", "stages.*.*.*.*"),
        rule("norm.*", "norm.*"),
        rule("head.fc.weight", "head.weight", "k d 1 1 -> k d"),
        rule("head.fc.bias", "head.bias"),
    )
)
ARCHITECTURE = re.compile(r"resnetv2_(50|101|152)(?:x(\d)_bit)?")
ARCHITECTURES = (
    *("resnetv2_50", "resnetv2_101", "resnetv2_152"),
    *("resnetv2_50x1_bit", "resnetv2_50x3_bit", "resnetv2_101x1_bit", "resnetv2_101x3_bit"),
    *("resnetv2_152x2_bit", "resnetv2_152x4_bit"),
)
DEPTHS = {"50": (3, 4, 6, 3), "101": (3, 4, 23, 3), "152": (3, 8, 36, 3)}
WIDTHS = {"channels": (256, 512, 1024, 2048), "stem_chs": 64}
KNOWN = (
    *("layers", "channels", "stem_chs", "num_classes", "in_chans", "global_pool", "output_stride", "drop_rate"),
    *("drop_path_rate", "zero_init_last", "stem_type", "avg_down", "preact", "basic", "bottle_ratio"),
)


def is_timm(written: Mapping[str, Any]) -> bool:
    """Whether a configuration names one of the family."""
    return str(written.get("architecture", "")).startswith("resnetv2_")


def usual(architecture: str) -> tuple[dict[str, Any], int, bool]:
    """The sizes that an architecture has by its name, the factor of its channels, and whether it is Big Transfer."""
    refuse({"architecture": architecture}, architecture=ARCHITECTURES)
    size, factor = ARCHITECTURE.fullmatch(architecture).groups()  # type: ignore[union-attr]
    return {"layers": DEPTHS[size], **WIDTHS}, int(factor or 1), factor is not None


def read_timm(written: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of a ResNetConfig."""
    sizes, factor, bit = usual(written["architecture"].partition(".")[0])
    pretrained = written.get("pretrained_cfg", written)  # older files have it alone
    classes = written.get("num_classes", pretrained.get("num_classes", 1000))
    images = {"in_chans": pretrained.get("input_size", (3,))[0], "num_classes": classes}
    arguments = {**sizes, **images, **written.get("model_args", {})}
    refuse(arguments, output_stride=32, global_pool="avg", drop_rate=0.0, bottle_ratio=0.25)
    refuse(arguments, stem_type="fixed" if bit else "", avg_down=False, preact=True, basic=False)
    if unknown := sorted(arguments.keys() - KNOWN):
        raise CheckpointError(f"the configuration has {unknown[0]}={arguments[unknown[0]]!r}: it is not supported")
    found = {
        "channels": arguments["in_chans"],
        "classes": arguments["num_classes"],
        "stem_dim": multiples(8, [factor * arguments["stem_chs"]])[0],
        "dims": multiples(32, [factor * dim for dim in arguments["channels"]]),
        "depths": tuple(arguments["layers"]),
        "drop_path": arguments.get("drop_path_rate", 0.0),
    }
    return found | ({"groups": 32, **BIG_TRANSFER} if bit else {})


def write_timm(config: Any) -> dict[str, Any]:
    """What timm reads."""
    for_large_images(config, "timm")
    bit = config.groups > 0
    refuse(vars(config), **({"groups": 32, **BIG_TRANSFER} if bit else {"pool": "max", "standardise": False}))
    multiples(32, config.dims)
    multiples(8, [config.stem_dim])
    found = {name: changes(name, config) for name in ARCHITECTURES if name.endswith("_bit") == bit}
    possible = {name: changed for name, changed in found.items() if changed is not None}
    if not possible:
        allowed = joined(map(str, DEPTHS.values()), "or")
        raise CheckpointError(f"timm has no Big Transfer of depths={config.depths}: only of {allowed}")
    name, changed = min(possible.items(), key=lambda each: len(each[1]))
    others = {"num_classes": config.classes, "in_chans": config.channels, "drop_path_rate": config.drop_path}
    return {
        "architecture": name,
        "num_classes": config.classes,
        "num_features": config.dims[-1],
        "pretrained_cfg": {"input_size": (config.channels, 224, 224), "num_classes": config.classes},
        "model_args": others | changed,
    }


def changes(architecture: str, config: Any) -> dict[str, Any] | None:
    """The sizes in which our model differs from one of timm, as timm's arguments; `None`: it cannot be one."""
    sizes, factor, bit = usual(architecture)
    if any(dim % factor for dim in (*config.dims, config.stem_dim)) or (bit and config.depths != sizes["layers"]):
        return None
    channels = tuple(dim // factor for dim in config.dims)
    ours = {"layers": config.depths, "channels": channels, "stem_chs": config.stem_dim // factor}
    return {key: value for key, value in ours.items() if value != sizes[key]}


# -- transformers: Big Transfer alone -----------------------------------------------------------------------------

BIT_NAMES = Names(
    (
        rule("bit.embedder.convolution.weight", "stem.weight"),
        rule("bit.encoder.stages.*.layers.*.downsample.conv.weight", "stages.*.*.project.weight"),
        rule("bit.encoder.stages.*.layers.*.*.*", "stages.*.*.*.*"),
        rule("bit.norm.*", "norm.*"),
        rule("classifier.1.*", "head.*"),
    ),
    prefix="bit.",
)


def read_bit(written: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of a ResNetConfig."""
    refuse(written, layer_type="preactivation", hidden_act="relu", output_stride=32, width_factor=1)
    refuse(written, global_padding=None, embedding_dynamic_padding=False)
    labels = written.get("id2label")
    return {
        "channels": written.get("num_channels", 3),
        "classes": written.get("num_labels", 2) if labels is None else len(labels),
        "stem_dim": written.get("embedding_size", 64),
        "dims": multiples(32, written.get("hidden_sizes", (256, 512, 1024, 2048))),
        "depths": tuple(written.get("depths", (3, 4, 6, 3))),
        "groups": written.get("num_groups", 32),
        "drop_path": written.get("drop_path_rate", 0.0),
        **BIG_TRANSFER,
    }


def write_bit(config: Any) -> dict[str, Any]:
    """What transformers reads."""
    for_large_images(config, "transformers")
    refuse(vars(config), **BIG_TRANSFER)
    if not config.groups:
        raise CheckpointError("transformers has no Big Transfer with batch norm")
    return {
        "model_type": "bit",
        "architectures": ["BitForImageClassification"],
        "num_channels": config.channels,
        "id2label": {str(i): f"LABEL_{i}" for i in range(config.classes)},
        "label2id": {f"LABEL_{i}": i for i in range(config.classes)},
        "embedding_size": config.stem_dim,
        "hidden_sizes": list(multiples(32, config.dims)),
        "depths": list(config.depths),
        "num_groups": config.groups,
        "drop_path_rate": config.drop_path,
        "layer_type": "preactivation",
        "hidden_act": "relu",
        "global_padding": None,
        "embedding_dynamic_padding": False,
        "width_factor": 1,
    }


FORMATS = (
    Format("timm resnetv2", TIMM_NAMES, is_timm, read_timm, write_timm),
    Format("Hugging Face bit", BIT_NAMES, lambda written: written.get("model_type") == "bit", read_bit, write_bit),
)
