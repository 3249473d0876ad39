"""The pictures of a run: learning curves, and test digits with what the model looked at."""

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
from torch import Tensor

from wirework.cli.checkpoint import write_atomically
from wirework.cli.digits import Digits, standardise
from wirework.cli.training import Record
from wirework.models.vit import ViT

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
    loss.set(title="Cross-entropy", xlabel="epoch", ylim=(0, None))
    draw_pair(accuracy, epochs, [r.train_accuracy for r in history], [r.test_accuracy for r in history])
    best_to_see = min(0.8, *(r.test_accuracy for r in history[len(history) // 4 :]))
    accuracy.set(title="Accuracy", xlabel="epoch", ylim=(best_to_see - 0.02, 1.005))
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
    axes.plot(epochs, train, color=TRAIN, marker=marker, label="training, distorted and smoothed")
    axes.plot(epochs, test, color=TEST, marker=marker, label="held-out test images")
    axes.grid(color="#e5e5e5", linewidth=0.8)
    axes.spines[["top", "right"]].set_visible(False)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.legend(frameon=False, fontsize=8)


@torch.no_grad()
def draw_predictions(model: ViT, digits: Digits, path: Path, columns: int = 10) -> None:
    """Test digits, each with its prediction, and below it what reached the class token.

    One digit of each class that was recognised, then those that were not, then more of the first kind.
    """
    model.eval()
    inputs = standardise(digits.test_images)
    probabilities = model(inputs).softmax(1).cpu()
    chosen = choose_digits(probabilities.argmax(1), digits.test_labels.cpu(), 2 * columns)
    attention = model.class_attention(inputs[chosen]).cpu()
    figure = Figure(figsize=(1.05 * columns, 5.9), layout="constrained")
    figure.suptitle("Held-out digits: what the model says, and where it looks", fontsize=11)
    cells = figure.subplots(4, columns)
    for place, index in enumerate(chosen):
        row, column = divmod(place, columns)
        image, label = digits.test_images[index, 0].cpu(), int(digits.test_labels[index])
        draw_digit(cells[2 * row, column], image, probabilities[index], label)
        draw_attention(cells[2 * row + 1, column], image, attention[place])
    save_figure(figure, path)


def choose_digits(predicted: Tensor, labels: Tensor, count: int) -> list[int]:
    """Indices: for each class the first that is right, then all that are wrong, then others in turn."""
    right = predicted == labels
    by_class = [torch.nonzero(right & (labels == label)).flatten().tolist() for label in range(10)]
    first = [indices[0] for indices in by_class if indices]
    wrong = torch.nonzero(~right).flatten().tolist()
    more = [indices[turn] for turn in range(1, count) for indices in by_class if len(indices) > turn]
    return (first + wrong + more)[:count]


def draw_digit(axes: Axes, image: Tensor, probabilities: Tensor, label: int) -> None:
    """The digit, what it was taken for, and how surely."""
    axes.imshow(image.numpy(), cmap="gray_r", vmin=0, vmax=1)
    predicted = int(probabilities.argmax())
    right = predicted == label
    text = f"{predicted}" if right else f"{predicted}, not {label}"
    axes.set_title(text, fontsize=12, color=RIGHT if right else WRONG, weight="bold", pad=3)
    axes.set_xlabel(f"{float(probabilities[predicted]):.0%}", fontsize=8, color=GREY, labelpad=2)
    frame(axes, "#bbbbbb" if right else WRONG)


def draw_attention(axes: Axes, image: Tensor, attention: Tensor) -> None:
    """The digit in ink on paper that is tinted by the attention map, from the least to the most."""
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


def save_samples(digits: Digits, folder: Path, scale: int = 16) -> None:
    """One test digit of each class as an image file, for `wirework predict`."""
    for label in range(10):
        image = digits.test_images[digits.test_labels == label][0, 0].cpu().numpy()
        pixels = np.kron(np.uint8(np.round(255 * (1 - image))), np.ones((scale, scale), np.uint8))
        write_atomically(folder / f"{label}.png", lambda path, pixels=pixels: Image.fromarray(pixels).save(path, "PNG"))
