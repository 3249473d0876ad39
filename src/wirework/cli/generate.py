"""`wirework generate`: let a language model go on with a text."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any

import typer

from wirework.cli.errors import UserError, need

if TYPE_CHECKING:
    import torch

    from wirework.models.language_model import LanguageModel, Sampling


def generate(
    checkpoint: Annotated[str, typer.Option(help="A folder of `wirework train` or of a Hugging Face model.")],
    prompt: Annotated[str | None, typer.Option(help="What to go on from; without it, standard input.")] = None,
    tokens: Annotated[int, typer.Option(min=1, help="How many to write at most.")] = 200,
    temperature: Annotated[float, typer.Option(min=0.0, help="0: always the likeliest token.")] = 0.8,
    top_k: Annotated[int | None, typer.Option(min=1, help="Choose among so many of the likeliest.")] = None,
    top_p: Annotated[float | None, typer.Option(help="Choose among the likeliest with this probability.")] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Same seed, same text.")] = None,
    stop: Annotated[list[str] | None, typer.Option(help="End before this text; may be given more than once.")] = None,
    device: Annotated[str, typer.Option(help="cpu, cuda or mps.")] = "cpu",
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")] = False,
) -> None:
    """Write on from a prompt, token by token as they are chosen.

    The prompt and the text go to standard output, everything else to standard error.

    **Examples**

    wirework generate --checkpoint results/gpt2-shakespeare --prompt "ROMEO."

    wirework generate --checkpoint gpt2 --prompt "Once upon a time" --top-k 50 --seed 1

    echo "To be, or" | wirework generate --checkpoint results/gpt2-shakespeare --temperature 0 --stop "."
    """
    need("torch", "safetensors")
    import torch

    from wirework.checkpoint import find
    from wirework.cli.train import use_device
    from wirework.data.tokenizer import Tokenizer
    from wirework.models.catalogue import from_pretrained
    from wirework.models.language_model import LanguageModel, Sampling

    sampling = Sampling(temperature, top_k, top_p)
    text = read_prompt(prompt)
    place = use_device(device)
    folder = find(checkpoint)
    model = from_pretrained(str(folder), device=place)
    if not isinstance(model, LanguageModel):
        raise UserError(f"{checkpoint} holds a {type(model).__name__}, which writes no text")
    tokenizer = Tokenizer.from_folder(folder)
    generator = None if seed is None else torch.Generator(place).manual_seed(seed)
    written = Written(stop or [])
    start = time.perf_counter()
    if not as_json:
        print(text, end="", flush=True)
    chosen = written.counted(choose(model, tokenizer.encode(text), tokens, sampling, generator))
    for piece in written.pieces(tokenizer.stream(chosen)):
        if not as_json:
            print(piece, end="", flush=True)
    seconds = time.perf_counter() - start
    if as_json:
        record = {"prompt": text, "text": written.text, "tokens": written.count, "seconds": round(seconds, 3)}
        print(json.dumps(record | {"stopped": written.stopped}, indent=2))
        return
    print()
    if sys.stderr.isatty():
        print(f"{written.count} tokens in {seconds:.1f} s", file=sys.stderr)


def read_prompt(prompt: str | None) -> str:
    """The prompt that was given, or standard input if something is piped into it."""
    if prompt is None:
        if sys.stdin.isatty():
            raise UserError('there is nothing to go on from: give --prompt "...", or pipe a text into it')
        prompt = sys.stdin.read().rstrip("\n")
    if not prompt:
        raise UserError("the prompt is empty: give at least one character")
    return prompt


def choose(
    model: LanguageModel[Any], tokens: list[int], count: int, sampling: Sampling, generator: torch.Generator | None
) -> Iterator[int]:
    """The tokens that follow, one by one."""
    import torch

    prompt = torch.tensor([tokens], device=next(model.parameters()).device)
    return (int(token) for token in model.generate(prompt, count, sampling, generator, rolling=True))


class Written:
    """What has been written, and whether a stop string has ended it.

    Attributes:
        text: all of it.
        count: of tokens.
        stopped: the string that ended it, or `None`.
    """

    def __init__(self, stops: list[str]) -> None:
        self.stops = [stop for stop in stops if stop]
        self.text = ""
        self.count = 0
        self.stopped: str | None = None

    def counted(self, tokens: Iterator[int]) -> Iterator[int]:
        """The same tokens, counted as they pass."""
        for token in tokens:
            self.count += 1
            yield token

    def pieces(self, source: Iterator[str]) -> Iterator[str]:
        """The pieces of a source up to the first stop string; what may be its beginning is held back."""
        given = 0
        for piece in source:
            self.text += piece
            found = [(place, stop) for stop in self.stops if (place := self.text.find(stop)) >= 0]
            if found:
                place, self.stopped = min(found)
                self.text = self.text[:place]
                break
            safe = len(self.text) - self.held_back()
            yield self.text[given:safe]
            given = max(given, safe)
        yield self.text[given:]

    def held_back(self) -> int:
        """How many characters at the end could be the beginning of a stop string."""
        return max(
            (length for stop in self.stops for length in range(1, len(stop)) if self.text.endswith(stop[:length])),
            default=0,
        )
