"""What all architectures have as PyTorch modules: a configuration, and checkpoints in and out."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any, ClassVar, Generic, Self, TypeVar

import torch
from torch import Tensor, nn

from wirework import checkpoint
from wirework.checkpoint import Format
from wirework.errors import CheckpointError, did_you_mean
from wirework.models.config import Config

NATIVE = "wirework"  # the format that has our own names, and the key of its config.json that names the model

C = TypeVar("C", bound=Config)


class Model(nn.Module, Generic[C]):
    """A module with a configuration.

    Attributes:
        config: its sizes and options.
        config_class: what `config` is an instance of.
        formats: of the checkpoints of other projects that it can be. It is saved in the first that can express it.
    """

    config: C
    config_class: ClassVar[type[Config]]
    formats: ClassVar[tuple[Format, ...]] = ()

    def __init__(self, config: C) -> None:
        super().__init__()
        self.config = config

    @classmethod
    def preset(cls, name: str, **changes: Any) -> Self:
        """A model of a named configuration, with some values changed, and random weights.

        Raises:
            SemanticError: if there is none of that name, or no such value.
        """
        return cls(cls.config_class.preset(name, **changes))  # type: ignore[arg-type]

    @classmethod
    def from_pretrained(
        cls,
        path: str | Path,
        config: Config | None = None,
        *,
        fresh: Iterable[str] = (),
        dtype: torch.dtype | None = None,
        device: Any = "cpu",
        revision: str | None = None,
        **changes: Any,
    ) -> Self:
        """A model with the weights of a checkpoint, in eval mode.

        Args:
            path: a folder with a `config.json`, as `save_pretrained` writes it, here or in the projects of
                `formats`; a file of weights, with `config`; or a repository of the Hugging Face hub.
            config: instead of that of the folder.
            fresh: which parameters are not read but start anew, by names with `*`: `("head.*",)`.
            dtype: of the weights; `None`: as they are stored.
            revision: of the repository.
            changes: values of the configuration to change, such as `dropout=0.1`.

        Raises:
            CheckpointError: if files are missing or damaged, are not of this architecture, or do not fit.
        """
        found = checkpoint.find(path, revision)
        weights = checkpoint.read_weights(found)
        form: Format | None
        if config is None:
            form, config = cls.read_config(checkpoint.read_config(found if found.is_dir() else found.parent))
        else:
            form = cls.recognise(weights, config)
        config = replace(config, **changes)
        with torch.device("cpu" if fresh else "meta"):
            model = cls(config)  # type: ignore[arg-type]
        state = model.state_dict()
        read = native_weights(weights, state, fresh) if form is None else form.to_ours(weights, state, config, fresh)
        converted = {name: array.to(device, dtype) if array.is_floating_point() else array.to(device)
                     for name, array in read.items()}  # fmt: skip
        model.load_state_dict(converted, strict=False, assign=True)
        return model.to(device).eval()

    def save_pretrained(self, folder: str | Path, form: str | None = None, shard_size: int = 5 * 10**9) -> None:
        """Write a folder with a `config.json` and safetensors files.

        Args:
            form: the name of one of `formats`, or "wirework" for our own; `None`: the first of `formats` that can
                express the configuration, or else our own.
            shard_size: bytes in one file at most.

        Raises:
            CheckpointError: if the format that was asked for cannot express the configuration.
        """
        chosen, written = self.expressed() if form is None else self.expressed_in(self.format_called(form))
        state = self.state_dict()
        if chosen is not None:
            state = chosen.to_theirs(state, self.config)
        checkpoint.write_weights(Path(folder), state, shard_size)
        checkpoint.write_config(Path(folder), written)

    def expressed(self) -> tuple[Format | None, dict[str, Any]]:
        """The first format that can express the configuration, with its `config.json`; `None` is ours."""
        for form in self.formats:
            with contextlib.suppress(CheckpointError):
                return self.expressed_in(form)
        return self.expressed_in(None)

    def expressed_in(self, form: Format | None) -> tuple[Format | None, dict[str, Any]]:
        """A format, with its `config.json`."""
        return form, self.native_config() if form is None else form.write(self.config)

    def native_config(self) -> dict[str, Any]:
        """The `config.json` of our own format."""
        return {NATIVE: type(self).__name__, **asdict(self.config)}

    @classmethod
    def format_called(cls, name: str) -> Format | None:
        """A format by name; `None` is ours."""
        if name == NATIVE:
            return None
        known = {form.name: form for form in cls.formats}
        if name not in known:
            names = ", ".join([*known, NATIVE])
            raise CheckpointError(
                f"{cls.__name__} has no format {name!r}{did_you_mean(name, known)}: choose from {names}"
            )
        return known[name]

    @classmethod
    def reads(cls, written: Mapping[str, Any]) -> bool:
        """Whether a `config.json` is of this architecture."""
        return written.get(NATIVE) == cls.__name__ or any(form.recognises(written) for form in cls.formats)

    @classmethod
    def read_config(cls, written: Mapping[str, Any]) -> tuple[Format | None, Config]:
        """The format of a `config.json`, and what it says."""
        form = None
        if written.get(NATIVE) == cls.__name__:
            values = {name: value for name, value in written.items() if name != NATIVE}
        else:
            form = next((form for form in cls.formats if form.recognises(written)), None)
            if form is None:
                reads = ", ".join([*(form.name for form in cls.formats), NATIVE])
                raise CheckpointError(f"{not_read(f'{cls.__name__} does not read', written)}: it reads {reads}")
            values = form.read(written)
        try:
            return form, cls.config_class(**frozen(values))
        except TypeError as error:
            raise CheckpointError(f"the config.json is not one of {cls.__name__}: {error}") from None

    @classmethod
    def recognise(cls, weights: Mapping[str, Tensor], config: Config) -> Format | None:
        """The format in which weights have the most names that this model knows; `None` is ours."""
        with torch.device("meta"):
            ours = cls(config).state_dict()  # type: ignore[arg-type]

        def shared(form: Format | None) -> int:
            if form is None:
                return sum(name in weights for name in ours)
            try:
                names = form.names_for(config).without_prefix(weights)
                return sum(name in weights for pair in names.pairs(ours) for name in pair.theirs)
            except ValueError:  # the format has no name for some weight of such a model
                return 0

        return max((None, *cls.formats), key=shared)


def native_weights(
    weights: Mapping[str, Tensor], expected: Mapping[str, Tensor], fresh: Iterable[str]
) -> dict[str, Tensor]:
    """Weights that have our own names."""
    skipped = checkpoint.Names((), ignored=tuple(fresh))
    wanted = {name: tuple(array.shape) for name, array in expected.items() if not skipped.ignores(name)}
    checkpoint.fit(weights, wanted, filter(skipped.ignores, weights), "the weights do not fit the model")
    return {name: weights[name] for name in wanted}


def frozen(values: Mapping[str, Any]) -> dict[str, Any]:
    """Values of JSON as those of a frozen dataclass: lists become tuples."""
    return {name: as_tuple(value) for name, value in values.items()}


def as_tuple(value: Any) -> Any:
    """A list, and lists in it, as tuples; anything else as it is."""
    return tuple(map(as_tuple, value)) if isinstance(value, list) else value


def not_read(who: str, written: Mapping[str, Any]) -> str:
    """The message for a `config.json` of something else."""
    said = next((f"{key} {written[key]!r}" for key in (NATIVE, "model_type", "architecture") if key in written), None)
    return f"{who} a checkpoint of {said or 'an unnamed architecture'}"
