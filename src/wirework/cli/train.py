"""`wirework train`: train a model on data that is at hand, and leave a folder of results."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from wirework.cli.errors import UserError, choose, need
from wirework.cli.options import Options

if TYPE_CHECKING:
    from wirework.cli.training import Trainer
    from wirework.models.vit import ViTConfig

DEFAULT = Options()


def train(
    model: Annotated[str, typer.Argument(help="The architecture: vit.")],
    data: Annotated[str, typer.Option(help="The data set: digits.")] = "digits",
    out: Annotated[Path | None, typer.Option(help="Folder for the results.  [default: results/MODEL-DATA]")] = None,
    epochs: Annotated[
        int | None, typer.Option(min=1, help=f"Passes over the training images.  [default: {DEFAULT.epochs}]")
    ] = None,
    seed: Annotated[
        int | None, typer.Option(min=0, help=f"Same seed, same numbers.  [default: {DEFAULT.seed}]")
    ] = None,
    batch_size: Annotated[
        int | None, typer.Option(min=1, help=f"Images in one step.  [default: {DEFAULT.batch_size}]")
    ] = None,
    learning_rate: Annotated[
        float | None, typer.Option(min=0.0, help=f"The highest one.  [default: {DEFAULT.learning_rate}]")
    ] = None,
    train_limit: Annotated[
        int | None, typer.Option(min=0, help="Use only so many training images.  [default: all]")
    ] = None,
    device: Annotated[str, typer.Option(help="Where to train: cpu, cuda or mps.")] = "cpu",
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the run in the folder.")] = False,
) -> None:
    """Train a small model on real data, and write weights, metrics and pictures to a folder.

    Ctrl-C stops it; `--resume` goes on from the last finished epoch, to the same result.

    **Examples**

    wirework train vit --data digits

    wirework train vit --data digits --epochs 10 --seed 1 --out results/short

    wirework train vit --data digits --out results/short --resume
    """
    choose("model", model, ["vit"])
    choose("data set", data, ["digits"])
    given = {
        "epochs": epochs,
        "seed": seed,
        "batch_size": batch_size,
        "learning_rate": learning_rate,
        "train_limit": train_limit,
    }
    folder = out or Path("results") / f"{model}-{data}"
    chosen = {name: value for name, value in given.items() if value is not None}
    train_vit_on_digits(folder, chosen, device, resume)


def train_vit_on_digits(folder: Path, given: dict[str, Any], device: str, resume: bool) -> None:
    """Train until done or interrupted, and write the results."""
    need("torch", "safetensors", "sklearn", "matplotlib", "PIL")
    from wirework.cli import checkpoint, results

    state = checkpoint.load_state(folder)
    if resume and state is None:
        raise UserError(f"there is no run in {folder} to resume: start one without --resume")
    if state is not None and not resume:
        note_lost_progress(folder, state)
    trainer, config = prepare(given, device, state if resume else None)
    options = trainer.options
    done = f", from epoch {trainer.epoch + 1}" if trainer.epoch else ""
    print(
        f"ViT with {sum(p.numel() for p in trainer.model.parameters()):,} parameters on "
        f"{trainer.train_count:,} digits, tested on {len(trainer.data.test_labels)}: "
        f"{options.epochs} epochs{done}, seed {options.seed}",
        flush=True,
    )
    finished = run(trainer, config, folder)
    if not finished:
        print(f"Stopped after epoch {trainer.epoch} of {options.epochs}. Go on with:")
        print(f"  wirework train vit --data digits --out {folder} --resume")
        raise typer.Exit(130)
    results.write(folder, trainer, config)
    results.announce(folder, trainer)


def prepare(given: dict[str, Any], device: str, state: dict[str, Any] | None) -> tuple[Trainer, ViTConfig]:
    """A trainer at its start, or where `state` was taken."""
    import torch

    from wirework.cli.digits import load_digits
    from wirework.cli.training import Trainer, use_device
    from wirework.models.vit import ViT, ViTConfig

    torch.set_num_threads(1)  # the tensors are too small for more, and sums do not depend on the machine
    if state is None:
        options, config = Options(**given), ViTConfig.preset("digits")
    else:
        options, config = Options(**state["options"]), ViTConfig(**state["config"])
        check_unchanged(given, options)
    torch.manual_seed(options.seed)
    trainer = Trainer(ViT(config), load_digits(), options, use_device(device))
    if state is not None:
        trainer.restore(state)
    return trainer, config


def check_unchanged(given: dict[str, Any], options: Options) -> None:
    """Refuse options that would make a resumed run end differently."""
    for name, value in given.items():
        started_with = getattr(options, name)
        if value != started_with:
            option = "--" + name.replace("_", "-")
            raise UserError(
                f"the run was started with {option} {started_with}, not {value}: "
                f"leave {option} out, or start a new run without --resume"
            )


def note_lost_progress(folder: Path, state: dict[str, Any]) -> None:
    """Say that an unfinished run is about to be replaced."""
    done, epochs = len(state["history"]), state["options"]["epochs"]
    if 0 < done < epochs:
        print(f"Starting over: {folder} held an unfinished run (epoch {done} of {epochs}; see --resume).")


def run(trainer: Trainer, config: ViTConfig, folder: Path) -> bool:
    """Train to the end, saving after every epoch. Whether the end was reached."""
    from wirework.cli import checkpoint
    from wirework.cli.display import catch_interrupt, show_training
    from wirework.cli.training import Progress

    class Stop(Exception):
        """The user has asked to stop."""

    epochs = trainer.options.epochs
    with catch_interrupt() as interrupt, show_training(epochs, trainer.epoch) as display:

        def report(step: Progress) -> None:
            display.step(step)
            if interrupt.requested:
                raise Stop

        if trainer.epoch == 0:
            checkpoint.save(folder, trainer, config)
        try:
            while trainer.epoch < epochs:
                display.epoch(trainer.run_epoch(report))
                checkpoint.save(folder, trainer, config)
        except Stop:
            return False
    return True
