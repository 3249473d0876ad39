"""The pictures of a run: learning curves, and held-out images with what the model looked at."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter
from PIL import Image
from torch import Tensor, nn

from wirework.checkpoint.files import write_atomically
from wirework.data.datasets import ImageData
from wirework.training.tasks import ImageTask
from wirework.training.trainer import Record

MOST_SHOWN = 1000  # held-out images among which those of the picture are found
TRAIN, TEST, RIGHT, WRONG, GREY = "#1f6fb4", "#d95f02", "#1b7837", "#c51b2b", "#666666"


def save_figure(figure: Figure, path: Path) -> None:
    """Write a figure as PNG, the same bytes for the same numbers."""
    FigureCanvasAgg(figure)
    options = {"format": "png", "dpi": 160, "metadata": {"Software": ""}}
    write_atomically(path, lambda beside: figure.savefig(beside, **options))


def draw_curves(history: Sequence[Record], path: Path) -> None:
    """Loss and accuracy after every epoch, in training and on the held-out images."""
    figure = Figure(figsize=(9, 3.6), layout="constrained")
    loss, accuracy = figure.subplots(1, 2)
    epochs = [record.epoch for record in history]
    draw_pair(loss, epochs, [r.train_loss for r in history], [r.test_loss for r in history])
    loss.set(title="Cross-entropy, in nats", xlabel="epoch", ylim=(0, None))
    draw_pair(accuracy, epochs, [r.train_accuracy for r in history], [r.test_accuracy for r in history])
    lowest = min(min(r.test_accuracy, r.train_accuracy) for r in history[len(history) // 4 :])
    highest = max(max(r.test_accuracy, r.train_accuracy) for r in history)
    accuracy.set(title="Accuracy", xlabel="epoch", ylim=(lowest - 0.05, min(highest + 0.05, 1.005)))
    accuracy.yaxis.set_major_formatter(PercentFormatter(1.0))
    accuracy.annotate(
        f"{history[-1].test_accuracy:.1%}",
        (epochs[-1], history[-1].test_accuracy),
        xytext=(0, -14),
        textcoords="offset points",
        ha="right",
        color=TEST,
        weight="bold",
    )
    save_figure(figure, path)


def draw_pair(axes: Axes, epochs: list[int], train: list[float], test: list[float]) -> None:
    """One quantity in training and in the test."""
    marker = "o" if len(epochs) == 1 else None
    axes.plot(epochs, train, color=TRAIN, marker=marker, label="training")
    axes.plot(epochs, test, color=TEST, marker=marker, label="held out")
    axes.grid(color="#e5e5e5", linewidth=0.8)
    axes.spines[["top", "right"]].set_visible(False)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.legend(frameon=False, fontsize=8)


@torch.no_grad()
def draw_predictions(model: nn.Module, task: ImageTask, path: Path, columns: int = 10) -> None:
    """Held-out images, each with its prediction, and below it what reached the class token if the model can tell.

    One image of each class that was recognised, then those that were not, then more of the first kind.
    """
    model.eval()
    count = min(task.held_out, MOST_SHOWN)
    inputs, labels = task.test_batch(torch.arange(count))
    probabilities = torch.cat([model(part) for part in inputs.split(256)]).softmax(1).cpu()
    chosen = choose_images(probabilities.argmax(1), labels.cpu(), len(task.data.classes), 2 * columns)
    looked = getattr(model, "class_attention", None)
    maps = None if looked is None else looked(inputs[chosen]).cpu()
    rows = 2 if maps is None else 4
    figure = Figure(figsize=(1.05 * columns, 1.5 * rows), layout="constrained")
    looks = "" if maps is None else ", and where it looks"
    figure.suptitle(f"Held-out {task.data.title}: what the model says{looks}", fontsize=11)
    cells = figure.subplots(rows, columns)
    for place, index in enumerate(chosen):
        row, column = divmod(place, columns)
        ink = torch.tensor(task.data.test_images[index]).float().mean(0) / task.data.full
        draw_image(cells[rows // 2 * row, column], ink, probabilities[index], int(labels[index]), task.data.classes)
        if maps is not None:
            draw_attention(cells[2 * row + 1, column], ink, maps[place])
    save_figure(figure, path)


def choose_images(predicted: Tensor, labels: Tensor, classes: int, count: int) -> list[int]:
    """Indices: for each class the first that is right, then all that are wrong, then others in turn."""
    right = predicted == labels
    by_class = [torch.nonzero(right & (labels == label)).flatten().tolist() for label in range(classes)]
    first = [indices[0] for indices in by_class if indices]
    wrong = torch.nonzero(~right).flatten().tolist()
    more = [indices[turn] for turn in range(1, count) for indices in by_class if len(indices) > turn]
    return (first + wrong + more)[:count]


def draw_image(axes: Axes, ink: Tensor, probabilities: Tensor, label: int, classes: Sequence[str]) -> None:
    """The image, what it was taken for, and how surely."""
    axes.imshow(ink.numpy(), cmap="gray_r", vmin=0, vmax=1)
    predicted = int(probabilities.argmax())
    right = predicted == label
    short = max(map(len, classes)) == 1
    text = classes[predicted] if right else f"{classes[predicted]},{' ' if short else chr(10)}not {classes[label]}"
    colour = RIGHT if right else WRONG
    axes.set_title(text, fontsize=12 if short else 8, color=colour, weight="bold", pad=3)
    axes.set_xlabel(f"{float(probabilities[predicted]):.0%}", fontsize=8, color=GREY, labelpad=2)
    frame(axes, "#bbbbbb" if right else WRONG)


def draw_attention(axes: Axes, image: Tensor, attention: Tensor) -> None:
    """The image in ink on paper that is tinted by the attention map, from the least to the most."""
    least, most = attention.min(), attention.max()
    heat = enlarge((attention - least) / (most - least).clamp(min=1e-9), "bicubic").clamp(0, 1).numpy()
    ink = enlarge(image, "nearest").numpy()
    paper = colormaps["YlOrRd"](0.75 * heat)[..., :3]
    axes.imshow(paper * (1 - 0.7 * ink[..., None]), interpolation="bilinear")
    frame(axes, "#bbbbbb")


def enlarge(map_: Tensor, mode: str, size: int = 128) -> Tensor:
    """A map with more pixels, for display."""
    return F.interpolate(map_[None, None], (size, size), mode=mode)[0, 0]


def frame(axes: Axes, colour: str) -> None:
    """A plain frame without ticks."""
    axes.set(xticks=[], yticks=[])
    for spine in axes.spines.values():
        spine.set_color(colour)


def save_samples(data: ImageData, folder: Path, side: int = 128) -> None:
    """One held-out image of each class as a file, dark on light, for `wirework predict`."""
    for label, name in enumerate(data.classes):
        image = data.test_images[data.test_labels == label][0].mean(0) / data.full
        scale = max(side // len(image), 1)
        pixels = np.kron(np.uint8(np.round(255 * (1 - image))), np.ones((scale, scale), np.uint8))
        path = folder / f"{file_name(name)}.png"
        write_atomically(path, lambda beside, pixels=pixels: Image.fromarray(pixels).save(beside, "PNG"))


def file_name(name: str) -> str:
    """The name of a class as that of a file."""
    return "".join(letter if letter.isalnum() else "-" for letter in name.lower())
