"""The arguments of layers as plain values, such as a file of JSON holds, and back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, is_dataclass
from typing import Any

from wirework.nn import masks
from wirework.nn.attention import Fused, Latent, QKNorm, Sinks, Softcap, Split
from wirework.nn.positions import DynamicScaling, LinearScaling, Llama3Scaling, PixelBands, YarnScaling

OPTIONS = {
    kind.__name__: kind for kind in (
        Fused, Split, Latent, QKNorm, Softcap, Sinks, LinearScaling, DynamicScaling, Llama3Scaling, YarnScaling,
        PixelBands, masks.Span, masks.Window, masks.Prefix, masks.Chunk, masks.Where, masks.Padding, masks.Between,
        masks.Document, masks.Given, masks.Both, masks.Either, masks.Not,
    )
}  # fmt: skip


def as_plain(value: Any, save: Callable[[Any], Any]) -> Any:
    """An argument of a layer as numbers, strings, lists and dictionaries.

    Args:
        save: does the same for what belongs to a framework: arrays, modules and functions.

    >>> as_plain(masks.causal, repr)
    {'option': 'Span', 'fields': {'before': None, 'after': 0}}
    """
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, list | tuple | set | frozenset):
        ordered = sorted(value) if isinstance(value, set | frozenset) else value
        return [as_plain(each, save) for each in ordered]
    if is_dataclass(value) and OPTIONS.get(type(value).__name__) is type(value):
        own = {each.name: as_plain(getattr(value, each.name), save) for each in fields(value) if each.init}
        return {"option": type(value).__name__, "fields": own}
    return save(value)


def from_plain(value: Any, load: Callable[[Any], Any]) -> Any:
    """What `as_plain` was given, with tuples for lists and sets.

    Args:
        load: the inverse of `save`, for dictionaries that it made.

    >>> from_plain({"option": "Span", "fields": {"before": None, "after": 0}}, str)
    causal
    """
    if isinstance(value, list | tuple):
        return tuple(from_plain(each, load) for each in value)
    if isinstance(value, dict) and "option" in value:
        return OPTIONS[value["option"]](**{name: from_plain(each, load) for name, each in value["fields"].items()})
    return load(value) if isinstance(value, dict) else value
