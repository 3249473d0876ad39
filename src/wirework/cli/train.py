"""`wirework train`: train a model on data that is at hand, and leave a folder of results."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from wirework.cli.errors import UserError, need

if TYPE_CHECKING:
    import torch

    from wirework.training.processes import Processes
    from wirework.training.run import Plan, Run


def train(
    model: Annotated[str, typer.Argument(help="The architecture; `wirework models` lists them.")],
    data: Annotated[str, typer.Option(help="digits, fashion-mnist, mnist or shakespeare.")] = "digits",
    out: Annotated[Path | None, typer.Option(help="Folder for the results.  [default: results/MODEL-DATA]")] = None,
    preset: Annotated[str | None, typer.Option(help="The sizes to start from.  [default: small ones]")] = None,
    set_: Annotated[
        list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="Change a size or option of the model.")
    ] = None,
    tokens: Annotated[str, typer.Option(help="What text is cut into: characters or gpt2.")] = "characters",
    epochs: Annotated[int | None, typer.Option(min=1, help="How often to test and save.")] = None,
    steps: Annotated[int | None, typer.Option(min=0, help="Steps of an epoch; 0: through all data once.")] = None,
    batch_size: Annotated[int | None, typer.Option(min=1, help="Images or pieces of text in one step.")] = None,
    accumulate: Annotated[int | None, typer.Option(min=1, help="Parts that a batch is cut into, one by one.")] = None,
    optimizer: Annotated[str | None, typer.Option(help="adamw or sgd.")] = None,
    learning_rate: Annotated[float | None, typer.Option(min=0.0, help="The highest one.")] = None,
    warmup: Annotated[float | None, typer.Option(min=0.0, max=1.0, help="Share of all steps while it rises.")] = None,
    weight_decay: Annotated[float | None, typer.Option(min=0.0, help="Of matrices.")] = None,
    distortion: Annotated[str | None, typer.Option(help="Of training images: none, bend or shift.")] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Same seed, same numbers.")] = None,
    train_limit: Annotated[int | None, typer.Option(min=0, help="Use only so many training examples.")] = None,
    precision: Annotated[str | None, typer.Option(help="float32, bfloat16 or float16.")] = None,
    compile_: Annotated[bool | None, typer.Option("--compile/--no-compile", help="Let torch.compile help.")] = None,
    threads: Annotated[int | None, typer.Option(min=0, help="0: one for each core.")] = None,
    device: Annotated[str, typer.Option(help="Where to train: cpu, cuda or mps.")] = "cpu",
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the run in the folder.")] = False,
) -> None:
    """Train a model on real data, and write weights, metrics and pictures to a folder.

    What is not given is taken from a recipe for the model and the data. Ctrl-C stops; `--resume` goes on from the
    last finished epoch, to the same result. Under `torchrun` all processes train one model.

    **Examples**

    wirework train vit --data digits

    wirework train resnet --data fashion-mnist --epochs 3 --seed 1 --out results/clothes

    wirework train gpt2 --data shakespeare --set depth=6 --set dim=192 --steps 500

    wirework train vit --data digits --resume

    torchrun --nproc-per-node 2 -m wirework.cli train gpt2 --data shakespeare
    """
    options = {
        "epochs": epochs, "steps": steps, "batch_size": batch_size, "accumulate": accumulate, "optimizer": optimizer,
        "learning_rate": learning_rate, "warmup": warmup, "weight_decay": weight_decay, "distortion": distortion,
        "seed": seed, "train_limit": train_limit, "precision": precision, "compile": compile_, "threads": threads,
    }  # fmt: skip
    wanted = {name: value for name, value in options.items() if value is not None}
    folder = out or Path("results") / f"{model}-{data}"
    train_model(model, data, folder, preset, changes_of(set_ or ()), tokens, wanted, device, resume)


def changes_of(texts: Sequence[str]) -> dict[str, Any]:
    """Values by name, from texts such as `depth=6`; a value is a JSON one, or else text."""
    changes = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or not name.isidentifier():
            raise UserError(f"--set takes NAME=VALUE, such as depth=6, not {text!r}")
        try:
            found = json.loads(value)
        except ValueError:
            found = value
        changes[name] = tuple(found) if isinstance(found, list) else found
    return changes


def train_model(
    model: str,
    data: str,
    folder: Path,
    preset: str | None = None,
    changes: Mapping[str, Any] | None = None,
    tokens: str = "characters",
    options: Mapping[str, Any] | None = None,
    device: str = "cpu",
    resume: bool = False,
) -> None:
    """Train until done or interrupted, and write the results."""
    need("torch", "safetensors", "sklearn", "matplotlib", "PIL")
    from wirework.training.folder import load_state
    from wirework.training.processes import joined
    from wirework.training.run import Plan, make_plan

    check_choices(options or {})
    plan = make_plan(model, data, preset, changes or {}, tokens, options or {})
    state = load_state(folder)
    if resume and state is None:
        raise UserError(f"there is no run in {folder} to resume: start one without --resume")
    if resume and state is not None:
        begun = Plan.from_json(state["run"])
        check_unchanged(begun, model, data, preset, changes or {}, options or {})
        plan = begun
    place = use_device(device)
    with joined(place) as processes:
        if state is not None and not resume and not processes.rank:
            note_lost_progress(folder, state)
        finished = work(plan, place, processes, folder, state if resume else None)
    if not finished:
        raise typer.Exit(130)


def work(plan: Plan, device: torch.device, processes: Processes, folder: Path, state: Mapping[str, Any] | None) -> bool:
    """Put a run together, go through it, and write its results. Whether the end was reached."""
    from wirework.cli import results
    from wirework.cli.notes import note
    from wirework.training.run import prepare

    run = prepare(plan, device, processes, state, tell=note)
    if not processes.rank:
        print(results.headline(run), flush=True)
    finished = go(run, folder)
    if finished and not processes.rank:
        results.write(folder, run)
        results.announce(folder, run)
    elif not processes.rank:
        print(f"Stopped after epoch {run.trainer.epoch} of {plan.options.epochs}. Go on with:")
        print(f"  wirework train {plan.model} --data {plan.data} --out {folder} --resume")
    return finished


def go(run: Run, folder: Path) -> bool:
    """Train to the end, saving after every epoch. Whether the end was reached."""
    from wirework.cli.display import catch_interrupt, show_training
    from wirework.training.trainer import Progress

    class Stop(Exception):
        """The user has asked to stop."""

    shown = run.trainer.processes.rank == 0
    with catch_interrupt() as interrupt, show_training(run.plan.options.epochs, run.trainer.epoch, shown) as display:

        def report(step: Progress) -> None:
            display.step(step)
            if run.trainer.processes.any(interrupt.requested):
                raise Stop

        try:
            run.go(folder, report, display.epoch)
        except Stop:
            return False
    return True


def check_choices(options: Mapping[str, Any]) -> None:
    """Refuse values of options that are words, if there is no such word."""
    from typing import get_args, get_type_hints

    from wirework.cli.errors import choose
    from wirework.training.options import Options

    for name, kind in get_type_hints(Options).items():
        if name in options and get_args(kind):
            choose(name.replace("_", " "), options[name], get_args(kind))


def check_unchanged(
    begun: Plan, model: str, data: str, preset: str | None, changes: Mapping[str, Any], options: Mapping[str, Any]
) -> None:
    """Refuse what would make a resumed run end differently."""
    asked: dict[str, Any] = {"model": model, "data": data, "--preset": preset or begun.preset}
    before: dict[str, Any] = {"model": begun.model, "data": begun.data, "--preset": begun.preset}
    for name, value in options.items():
        asked["--" + name.replace("_", "-")] = value
        before["--" + name.replace("_", "-")] = getattr(begun.options, name)
    for name, value in changes.items():
        asked[f"--set {name}"], before[f"--set {name}"] = value, begun.changes.get(name)
    for option, value in asked.items():
        if value != before[option]:
            raise UserError(
                f"the run was started with {option} {before[option]}, not {value}: "
                f"leave {option} out, or start a new run without --resume"
            )


def note_lost_progress(folder: Path, state: Mapping[str, Any]) -> None:
    """Say that an unfinished run is about to be replaced."""
    done, epochs = len(state["history"]), state["run"]["options"]["epochs"]
    if 0 < done < epochs:
        print(f"Starting over: {folder} held an unfinished run (epoch {done} of {epochs}; see --resume).")


def use_device(name: str) -> torch.device:
    """A device that is there."""
    import torch

    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        raise UserError(f"there is no device {name!r} here: {str(error).splitlines()[0]}") from None
    return device
