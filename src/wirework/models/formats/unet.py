"""U-Nets of other projects: monai's BasicUNet, and the frozen TensorFlow graph of deepbrain."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NoReturn

from wirework.checkpoint import Format, Names, Rule, rule
from wirework.errors import CheckpointError
from wirework.models.formats.reading import refuse

# -- monai's BasicUNet. A configuration has the arguments of the class, as the network_def of a bundle ------------

DEPTH = 4  # of every one
UPS = {"deconv": "transposed", "nontrainable": "linear"}
NORMS = ("none", "batch", "instance", "group")
ACTIVATIONS = {"relu": "relu", "leakyrelu": "leaky_relu", "elu": "elu", "gelu": "gelu", "swish": "silu"}


def monai_names(config: Any) -> Names:
    """The names of the arrays."""
    levels = [("conv_0", "down.0"), *((f"down_{i}.convs", f"down.{i}") for i in range(1, DEPTH))]
    levels += [
        (f"down_{DEPTH}.convs", "middle"),
        *((f"upcat_{DEPTH - i}.convs", f"up.{i}.convs") for i in range(DEPTH)),
    ]
    kinds = (("conv", "conv"), ("adn.N", "norm"))
    ups = (("preconv", "enlarge.0"), ("deconv", "enlarge"))
    return Names(
        (
            *(rule(f"{a}.conv_*.{x}.*", f"{b}.*.{y}.*") for a, b in levels for x, y in kinds),
            *(rule(f"upcat_{DEPTH - i}.upsample.{x}.*", f"up.{i}.{y}.*") for i in range(DEPTH) for x, y in ups),
            rule("final_conv.*", "head.*"),
        )
    )


def read_monai(written: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of a UNetConfig."""
    refuse(written, upsample=tuple(UPS))
    features = tuple(written.get("features", (32, 32, 64, 128, 256, 32)))
    if len(features) != DEPTH + 2:
        raise CheckpointError(f"the configuration has {len(features)} features: a BasicUNet has {DEPTH + 2}")
    act, act_options = named(written.get("act", ("leakyrelu", {"negative_slope": 0.1})))
    norm, norm_options = named(written.get("norm", ("instance", {"affine": True})))
    affine = {"affine": norm != "instance"}  # what it is where it is not written
    refuse({"act": act, **act_options}, act=tuple(ACTIVATIONS), alpha=1.0, approximate="none")
    refuse({"norm": norm, **affine, **norm_options}, norm=NORMS, affine=True, eps=1e-5, momentum=0.1)
    found = {
        "dimensions": written.get("spatial_dims", 3),
        "channels": written.get("in_channels", 1),
        "classes": written.get("out_channels", 2),
        "widths": features[:-1],
        "up_widths": (features[1], *(width // 2 for width in features[2:-1])),
        "out_widths": (features[-1], *features[1:DEPTH]),
        "convolutions": (2, 2, 2),
        "up": UPS[written.get("upsample", "deconv")],
        "up_kernel": 2,
        "up_bias": True,
        "bias": written.get("bias", True),
        "norm": norm,
        "activation": ACTIVATIONS[act],
        "dropout": written.get("dropout", 0.0),
    }
    slope = {"slope": act_options.get("negative_slope", 0.01)} if act == "leakyrelu" else {}
    return found | slope | ({"groups": norm_options["num_groups"]} if norm == "group" else {})


def named(value: Any) -> tuple[str, Mapping[str, Any]]:
    """A layer's name in lower case and its options, from a name or a pair of both."""
    name, options = value if isinstance(value, list | tuple) else (value, {})
    return str(name).lower(), options


def write_monai(config: Any) -> dict[str, Any]:
    """What monai reads."""
    act = {ours: theirs for theirs, ours in ACTIVATIONS.items()}[config.activation]
    options = {"instance": {"affine": True}, "group": {"num_groups": config.groups}}
    written = {
        "_target_": "BasicUNet",
        "spatial_dims": config.dimensions,
        "in_channels": config.channels,
        "out_channels": config.classes,
        "features": [*config.widths, config.outs[0]],
        "act": [act, {"negative_slope": config.slope}] if act == "leakyrelu" else act,
        "norm": None if config.norm == "none" else [config.norm, options.get(config.norm, {})],
        "bias": config.bias,
        "dropout": config.dropout,
        "upsample": "deconv" if config.up == "transposed" else "nontrainable",
    }
    resolved = {"up_widths": config.ups, "out_widths": config.outs}
    for name, value in read_monai(written).items():
        ours = resolved.get(name, getattr(config, name))
        if ours != value:
            raise CheckpointError(f"a BasicUNet of monai has {name}={value!r}, not {ours!r}")
    return written


# -- deepbrain's graph. Its layers are numbered in the order in which they are applied -----------------------------


def tensorflow_names(config: Any) -> Names:
    """The names of the variables that `tf.layers` made, whose arrays have the channels last."""
    depth, (down, middle, up) = config.depth, config.convolutions
    convs = [f"down.{i}.{j}.conv" for i in range(depth) for j in range(down)]
    convs += [f"middle.{j}.conv" for j in range(middle)]
    convs += [f"up.{i}.convs.{j}.conv" for i in range(depth) for j in range(up)]
    rules: list[Rule] = []
    for i, ours in enumerate([*convs, "head"]):
        theirs = "conv3d" + f"_{i}" * (i > 0)
        last = ours.removeprefix("up.").removesuffix(".convs.0.conv")  # what comes up is before the skip
        inputs = f"(u{last} + k{last}) d -> d (k{last} + u{last})" if last.isdigit() else "c d -> d c"
        rules.append(rule(f"{theirs}/kernel", f"{ours}.weight", f"x y z {inputs} x y z"))
        rules.append(rule(f"{theirs}/bias", f"{ours}.bias"))
    for i in range(depth):
        theirs = "conv3d_transpose" + f"_{i}" * (i > 0)
        rules.append(rule(f"{theirs}/kernel", f"up.{i}.enlarge.weight", "x y z d c -> c d x y z"))
        rules.append(rule(f"{theirs}/bias", f"up.{i}.enlarge.bias"))
    return Names(tuple(rules))


def tensorflow_sizes(config: Any) -> dict[str, int]:
    """The channels of what comes up to a level, and of the skip there."""
    levels = enumerate(reversed(list(zip(config.ups, config.widths[:-1], strict=True))))
    return {name: size for i, (u, k) in levels for name, size in ((f"u{i}", u), (f"k{i}", k))}


def only_weights(_: Any) -> NoReturn:
    """Refuse to read or write a configuration."""
    raise CheckpointError("a frozen TensorFlow graph is only read, as a file of weights with a configuration of ours")


def is_basic_unet(written: Mapping[str, Any]) -> bool:
    """Whether a configuration names the class."""
    return str(written.get("_target_", "")).rpartition(".")[2].lower() == "basicunet"


FORMATS = (
    Format("monai BasicUNet", monai_names, is_basic_unet, read_monai, write_monai),
    Format("deepbrain", tensorflow_names, lambda written: False, only_weights, only_weights, tensorflow_sizes),
)
