"""Circuits that commands are about: of the architectures here, and of any function or module that can be imported."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, fields
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import wirework as ww
from wirework.arguments import is_coordinate
from wirework.cli.errors import UserError, need
from wirework.cli.explain import read_sizes
from wirework.errors import WireworkError, did_you_mean
from wirework.notation.parse import parse
from wirework.operations import OPERATIONS

if TYPE_CHECKING:
    from wirework.circuit.graph import Circuit
    from wirework.explaining import Explanation

SPACE = {1: ("s",), 2: ("h", "w"), 3: ("d", "h", "w")}  # what the axes of an image are called


def plain_sizes(texts: list[str]) -> dict[str, int]:
    """Sizes of single axes."""
    found = read_sizes(texts)
    for name, size in found.items():
        if not isinstance(size, int):
            raise UserError(f"{name} is one axis: write {name}={size[0] if size else 1}")
    return found  # type: ignore[return-value]


# -- architectures ---------------------------------------------------------------------------------------------


def architecture(
    model: str, preset: str | None, changes: Mapping[str, Any], sizes: Mapping[str, int]
) -> tuple[Any, str, dict[str, Any]]:
    """An architecture, none of whose weights is made, with its input and the sizes that this is known to have."""
    import torch

    from wirework.models.catalogue import model_class

    kind = model_class(model)
    config = kind.config_class.preset(preset or original(kind), **changes)
    with torch.device("meta"):
        made = kind(config).eval()
    return made, *signature_of(config, sizes)


def original(kind: Any) -> str:
    """The preset whose values are the configuration's own, or else the first."""
    own = {field.name: field.default for field in fields(kind.config_class)}
    presets = kind.config_class.presets
    return next((name for name, config in presets.items() if asdict(config) == own), next(iter(presets)))


def signature_of(config: Any, sizes: Mapping[str, int]) -> tuple[str, dict[str, Any]]:
    """The input of a model, and the sizes that its configuration, or the user, says it has."""
    if hasattr(config, "vocabulary"):
        return "b t: int64", {}
    if not hasattr(config, "channels"):
        return "b t d", {"d": config.dim}
    space = SPACE[getattr(config, "dimensions", 2)]
    sides = dict(zip(space, config.sides, strict=True)) if hasattr(config, "sides") else {}
    known = sides | {name: size for name, size in sizes.items() if name in sides}
    return f"b c {' '.join(space)}", {**known, "c": config.channels}


# -- one expression --------------------------------------------------------------------------------------------


def explained(explanation: Explanation, expression: str, given: Mapping[str, Any]) -> Circuit:
    """The circuit of one expression that was explained, with the axes that it names."""
    function = getattr(ww, explanation.operation)
    operands = [signature_of_operand(str(operand), explanation) for operand in parse(explanation.expression).inputs]
    numbers = [is_coordinate(OPERATIONS[explanation.operation], expression, place) for place in range(len(operands))]
    signatures = [f"{text}: int64" if whole else text for text, whole in zip(operands, numbers, strict=True)]
    words = {word for text in operands for word in re.findall(r"\w+", text)}
    sizes = {name: size for name, size in given.items() if name in words and isinstance(size, int)}
    need("torch")
    return ww.trace(lambda *arrays: function(expression, *arrays, **given), *signatures, backend="torch", **sizes)


def signature_of_operand(text: str, explanation: Explanation) -> str:
    """An operand without its brackets, and with a name for each axis that an ellipsis stands for."""

    def written_out(found: re.Match[str]) -> str:
        stem = found[1] or "d"
        return " ".join(name for name, _, _ in explanation.axes if re.fullmatch(stem + r"\d+", name))

    return re.sub(r"(\w*)\.\.\.", written_out, text.replace("[", "").replace("]", ""))


# -- anything else ---------------------------------------------------------------------------------------------


def imported(text: str, changes: Mapping[str, Any]) -> Any:
    """What `package.module:Name` or `path/to/file.py:Name` is: a function of arrays, or a module in eval mode.

    A class, and a function that needs no argument, makes the module; `changes` are arguments for it.
    """
    place, _, name = text.rpartition(":")
    found: Any = module_at(place)
    for part in name.split("."):
        if not hasattr(found, part):
            public = [each for each in dir(found) if not each.startswith("_")]
            raise UserError(f"{place} has no {name!r}{did_you_mean(part, public)}")
        found = getattr(found, part)
    if not callable(found):
        raise UserError(f"{text} is neither a function nor a module: it is of type {type(found).__name__}")
    if inspect.isclass(found) or (inspect.isfunction(found) and not needs_arguments(found)):
        found = made(text, found, changes)
    elif changes:
        raise UserError(f"--set is for what makes a module, and {text} is one already, or a function of arrays")
    evaluating = getattr(found, "eval", None)
    return found if evaluating is None else evaluating()


def module_at(place: str) -> ModuleType:
    """A Python module by its name or its file; the current folder is looked in, too."""
    path = Path(place)
    if place.endswith(".py") and not path.is_file():
        raise UserError(f"there is no file {place}")
    with looking_in(path.resolve().parent if place.endswith(".py") else Path.cwd()):
        try:
            return module_of_file(path) if place.endswith(".py") else importlib.import_module(place)
        except ModuleNotFoundError as error:
            missing = str(error.name)
            if place == missing or place.startswith(f"{missing}."):
                raise UserError(f"there is no Python module {missing!r} here or among the packages") from None
            raise UserError(f"{place} needs the package {missing!r}, which is not installed") from None
        except Exception as error:
            raise UserError(f"{place} cannot be imported: {said(error)}") from None


def module_of_file(path: Path) -> ModuleType:
    """The module that a file is."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules.setdefault(path.stem, module)  # dataclasses and pickles look their module up
    spec.loader.exec_module(module)
    return module


@contextmanager
def looking_in(folder: Path):
    """Let modules in a folder be found."""
    sys.path.insert(0, str(folder))
    try:
        yield
    finally:
        sys.path.remove(str(folder))


def needs_arguments(function: Callable[..., Any]) -> bool:
    """Whether a function cannot be called without arguments: it is then of arrays, and does not make a module."""
    parameters = inspect.signature(function).parameters.values()
    return any(
        each.kind == each.VAR_POSITIONAL
        or (each.default is each.empty and each.kind in (each.POSITIONAL_ONLY, each.POSITIONAL_OR_KEYWORD))
        for each in parameters
    )


def made(text: str, maker: Callable[..., Any], changes: Mapping[str, Any]) -> Callable[..., Any]:
    """What a class or a function makes, without weights where that can be."""
    try:
        inspect.signature(maker).bind(**changes)
    except TypeError as error:
        raise UserError(f"{text} cannot be made: {error}. Arguments are given as --set NAME=VALUE") from None
    except ValueError:
        pass  # a class of another language has no signature
    try:
        found = on_meta(maker, changes)
    except Exception as error:
        raise UserError(f"{text} cannot be made: {said(error)}") from None
    if not callable(found):
        raise UserError(f"{text} makes what is of type {type(found).__name__}: neither a function nor a module")
    return found


def on_meta(maker: Callable[..., Any], changes: Mapping[str, Any]) -> Any:
    """What is made, on torch's meta device; with its weights, if it looks at them."""
    if "torch" not in sys.modules:
        return maker(**changes)
    import torch

    try:
        with torch.device("meta"):
            return maker(**changes)
    except (RuntimeError, NotImplementedError):
        return maker(**changes)


def traced(
    text: str, function: Callable[..., Any], inputs: Sequence[str], sizes: Mapping[str, int], backend: str | None
) -> Circuit:
    """The circuit of what a user has written."""
    if not inputs:
        raise UserError(f'say what {text} is given: --input "b c h w", once for each array, and sizes: c=3 h=32 w=32')
    named = dict(each.split("=", 1) for each in inputs if is_named(each))
    plain = [each for each in inputs if not is_named(each)]
    try:
        return ww.trace(function, *plain, backend=backend, **named, **sizes)  # type: ignore[arg-type]
    except WireworkError:
        raise
    except Exception as error:
        shown = ", ".join(repr(each) for each in inputs)
        raise UserError(f"{text} cannot be run on {shown}: {said(error)}") from None


def is_named(text: str) -> bool:
    """Whether an input is given by its name: "mask=b t: bool"."""
    name, equals, _ = text.partition("=")
    return bool(equals) and name.strip().isidentifier()


def said(error: Exception) -> str:
    """What an error says, in one line."""
    return " ".join(f"{type(error).__name__}: {error}".split())
