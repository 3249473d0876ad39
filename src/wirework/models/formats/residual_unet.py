"""Residual U-Nets of monai, where they are called UNet.

A configuration has the arguments of the class, as the network_def of a bundle.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from wirework.checkpoint import Format, Names, Rule, rule
from wirework.errors import CheckpointError
from wirework.models.formats.reading import refuse
from wirework.models.formats.unet import ACTIVATIONS, NORMS, named

PARTS = (("conv", "conv"), ("adn.N", "norm"), ("adn.A", "activation"))
NEEDED = ("spatial_dims", "in_channels", "out_channels", "channels", "strides")
DEFAULTS = {
    **{"kernel_size": 3, "up_kernel_size": 3, "num_res_units": 0, "act": "prelu", "norm": "instance"},
    **{"dropout": 0.0, "bias": True, "adn_ordering": "NDA"},
}
ACTS = {"none": "none", "": "none", "prelu": "prelu", **ACTIVATIONS}
SLOPES = {"prelu": ("init", 0.25), "leakyrelu": ("negative_slope", 0.01)}  # its name, and its value where none is said
NORM_OPTIONS = ("affine", "eps", "momentum", "track_running_stats", "num_groups")
ACT_OPTIONS = ("inplace", "alpha", "approximate", "num_parameters", "init", "negative_slope")


def names(config: Any) -> Names:
    """The names of the arrays: each level has its step down, the levels below, and its step up."""
    rules: list[Rule] = []
    level, depth = "model", len(config.strides)
    for i in range(depth):
        up, below = f"up.{depth - 1 - i}", f"{level}.1.submodule"
        rules += step_down(f"{level}.0", f"down.{i}")
        rules += convolution(f"{level}.2.0" if config.units else f"{level}.2", f"{up}.enlarge")
        rules += residual(f"{level}.2.1", f"{up}.unit")
        level = below
    return Names((*rules, *step_down(level, "middle")))


def step_down(theirs: str, ours: str) -> Iterator[Rule]:
    """A residual unit, or one convolution."""
    yield from convolution(theirs, ours)
    yield from residual(theirs, ours)


def residual(theirs: str, ours: str) -> Iterator[Rule]:
    """A residual unit."""
    yield from convolution(f"{theirs}.conv.unit*", f"{ours}.convs.*")
    yield rule(f"{theirs}.residual.*", f"{ours}.project.*")


def convolution(theirs: str, ours: str) -> Iterator[Rule]:
    """A convolution and what follows it."""
    for a, b in PARTS:
        yield rule(f"{theirs}.{a}.*", f"{ours}.{b}.*")


def read(written: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of a ResidualUNetConfig."""
    said = {name: value for name, value in written.items() if not name.startswith("_")}
    if absent := [name for name in NEEDED if name not in said]:
        raise CheckpointError(f"the configuration has no {absent[0]}")
    only(said, (*NEEDED, *DEFAULTS))
    given = DEFAULTS | said
    return {
        "dimensions": given["spatial_dims"],
        "channels": given["in_channels"],
        "classes": given["out_channels"],
        "widths": given["channels"],
        "strides": given["strides"][: len(given["channels"]) - 1],  # monai ignores more
        "units": given["num_res_units"],
        "kernel": given["kernel_size"],
        "up_kernel": given["up_kernel_size"],
        "bias": given["bias"],
        "order": given["adn_ordering"].upper(),
        **read_norm(given["norm"]),
        **read_act(given["act"]),
        "dropout": read_dropout(given["dropout"]),
    }


def only(given: Mapping[str, Any], known: Iterable[str]) -> None:
    """Refuse what has no name that is known."""
    if unknown := sorted(given.keys() - set(known)):
        raise CheckpointError(f"the configuration has {unknown[0]}={given[unknown[0]]!r}: it is not supported")


def read_norm(value: Any) -> dict[str, Any]:
    """The norm after each convolution."""
    norm, options = named(value)
    norm = norm or "none"
    refuse({"norm": norm, **options}, norm=NORMS, eps=1e-5, momentum=0.1, track_running_stats=norm == "batch")
    only(options, NORM_OPTIONS)
    found = {"norm": norm, "affine": options.get("affine", norm != "instance")}
    if norm != "group":
        return found
    if "num_groups" not in options:
        raise CheckpointError("norm 'group' of the configuration has no num_groups")
    return {**found, "groups": options["num_groups"]}


def read_act(value: Any) -> dict[str, Any]:
    """The activation."""
    act, options = named(value)
    refuse({"act": act, **options}, act=tuple(ACTS), alpha=1.0, approximate="none", num_parameters=1)
    only(options, ACT_OPTIONS)
    option, usual = SLOPES.get(act, ("", None))
    return {"activation": ACTS[act]} | ({"slope": options.get(option, usual)} if option else {})


def read_dropout(value: Any) -> float:
    """The rate: a number, or a name and options."""
    if value is None or isinstance(value, int | float):
        return value or 0.0
    name, options = named(value)
    refuse({"dropout": name}, dropout="dropout")
    only(options, ("p", "inplace"))
    return options.get("p", 0.5)


def write(config: Any) -> dict[str, Any]:
    """What monai reads."""
    act = next(theirs for theirs, ours in ACTS.items() if ours == config.activation)
    options = {"affine": config.affine} | ({"num_groups": config.groups} if config.norm == "group" else {})
    return {
        "_target_": "UNet",
        "spatial_dims": config.dimensions,
        "in_channels": config.channels,
        "out_channels": config.classes,
        "channels": config.widths,
        "strides": config.strides,
        "kernel_size": config.kernel,
        "up_kernel_size": config.up_kernel,
        "num_res_units": config.units,
        "act": None if act == "none" else [act, {SLOPES[act][0]: config.slope}] if act in SLOPES else act,
        "norm": None if config.norm == "none" else [config.norm, options],
        "dropout": config.dropout,
        "bias": config.bias,
        "adn_ordering": config.order,
    }


def is_unet(written: Mapping[str, Any]) -> bool:
    """Whether a configuration names the class."""
    return str(written.get("_target_", "")).rpartition(".")[2].lower() == "unet"


FORMATS = (Format("monai UNet", names, is_unet, read, write),)
