"""The architectures by the names that the command has for them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from importlib import import_module
from typing import Any, Literal

from wirework import checkpoint
from wirework.errors import CheckpointError, SemanticError, did_you_mean
from wirework.models.model import NATIVE, Config, Model, not_read


@dataclass(frozen=True)
class Entry:
    """An architecture.

    Attributes:
        module, class_name: where it is.
        learns: what `wirework train` can train it on.
        small: the preset that it is trained with where no other is asked for.
    """

    module: str
    class_name: str
    learns: Literal["images", "text", "nothing"] = "nothing"
    small: str = ""

    def load(self) -> type[Model[Any]]:
        """The class."""
        return getattr(import_module(f"wirework.models.{self.module}"), self.class_name)


CATALOGUE = {
    "mlp": Entry("mlp", "DigitMLP", "images", "digits"),
    "attention": Entry("attention", "MultiHeadAttention"),
    "gpt2": Entry("gpt2", "GPT2", "text", "characters"),
    "llama": Entry("llama", "Llama", "text", "characters"),
    "bert": Entry("bert", "BERT"),
    "vit": Entry("vit", "ViT", "images", "digits"),
    "swin": Entry("swin", "Swin", "images", "digits"),
    "mixer": Entry("mixer", "Mixer", "images", "digits"),
    "resnet": Entry("resnet", "ResNet", "images", "fashion"),
    "unet": Entry("unet", "UNet"),
    "residual-unet": Entry("residual_unet", "ResidualUNet"),
    "visual-attention": Entry("visual_attention", "VisualAttention"),
}


def model_class(name: str) -> type[Model[Any]]:
    """An architecture by name.

    Raises:
        SemanticError: if there is none.
    """
    if name not in CATALOGUE:
        close = did_you_mean(name, CATALOGUE)
        raise SemanticError(f"there is no model called {name!r}{close}: choose from {', '.join(CATALOGUE)}")
    return CATALOGUE[name].load()


def sized(config: type[Config], preset: str, sizes: Mapping[str, Any], changes: Mapping[str, Any]) -> Config:
    """A preset with the sizes that data ask for, as far as it has such, and changes of its values."""
    known = {field.name for field in fields(config)}
    return config.preset(preset, **{name: size for name, size in sizes.items() if name in known} | dict(changes))


def from_pretrained(path: str, **options: Any) -> Model[Any]:
    """The model of a checkpoint, whichever architecture it is.

    Args:
        path: a folder with a `config.json`, or a repository of the Hugging Face hub.
        options: as those of `Model.from_pretrained`.

    Raises:
        CheckpointError: if no architecture here reads it, or as `Model.from_pretrained` does.
    """
    folder = checkpoint.find(path)
    written = checkpoint.read_config(folder if folder.is_dir() else folder.parent)
    entries = sorted(CATALOGUE.values(), key=lambda entry: entry.class_name != written.get(NATIVE))
    for entry in entries:
        if entry.load().reads(written):
            return entry.load().from_pretrained(folder, **options)
    raise CheckpointError(not_read("no architecture of wirework reads", written))
