"""Tokenizers: text to numbers and back.

>>> letters = Characters.of("hello")
>>> letters.encode("hole")
[1, 3, 2, 0]
>>> letters.decode([1, 0, 2, 3])
'helo'

`Tokenizer.from_folder` reads what lies beside a model: the `tokenizer.json` of Hugging Face's libraries, GPT-2's
`vocab.json` and `merges.txt`, BERT's `vocab.txt`, or the `characters.json` of `Characters`.
"""

from __future__ import annotations

import json
import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from wirework.errors import DataError, joined

if TYPE_CHECKING:
    import tokenizers

UNKNOWN = "\N{REPLACEMENT CHARACTER}"  # what bytes that are no character, or none yet, are decoded to
MOST_UNFINISHED = 3  # bytes of the longest character without its last, each of which may be a token


class Tokenizer(ABC):
    """Turns text into token ids, whole numbers from 0 on, and back."""

    @staticmethod
    def from_folder(folder: str | Path) -> Tokenizer:
        """The tokenizer that is stored in a folder.

        Raises:
            DataError: if there is none, or its files are damaged.
        """
        place = Path(folder).expanduser()
        for names, read in READERS.items():
            if all((place / name).is_file() for name in names):
                try:
                    return read(place)
                except DataError:
                    raise
                except Exception as error:  # the tokenizers library raises nothing more special
                    raise DataError(f"{place / names[0]} cannot be read: {error}") from None
        known = joined((" with ".join(names) for names in READERS), "nor")
        raise DataError(f"there is no tokenizer in {place}: neither {known}")

    @property
    @abstractmethod
    def vocabulary(self) -> int:
        """The number of different tokens."""

    @abstractmethod
    def encode(self, text: str, length: int | None = None) -> list[int]:
        """The tokens of a text, with those that the model expects around it.

        Args:
            length: leave out what goes beyond so many tokens.

        Raises:
            DataError: if the text has a character that there is no token for.
        """

    @abstractmethod
    def decode(self, ids: Iterable[int]) -> str:
        """The text of tokens. Special ones such as the end of a text have none, nor have ids that are no token's."""

    @abstractmethod
    def id_of(self, token: str) -> int | None:
        """The id of a token, such as `"<|endoftext|>"`, if there is one."""

    @abstractmethod
    def save(self, folder: str | Path) -> None:
        """Write the file that `from_folder` reads."""

    def stream(self, ids: Iterable[int]) -> Iterator[str]:
        """The text of tokens piece by piece, as they come; never a part of a character.

        A character may be spread over several tokens, and a token's text may depend on the one before it.
        """
        before = 0  # so many of the pending tokens have been given on, to show what depends on them
        pending: list[int] = []
        given = ""  # text of the pending tokens that has been given on
        for token in ids:
            pending.append(token)
            text = self.decode(pending)
            if text.endswith(UNKNOWN) and len(pending) - before <= MOST_UNFINISHED:
                continue
            done = without_end(text)
            if len(done) > len(given):
                yield done[len(given) :]
                given = done
            if done == text:
                pending = pending[before:]
                before, given = len(pending), self.decode(pending)
        rest = self.decode(pending)[len(given) :]
        if rest:
            yield rest


def without_end(text: str) -> str:
    """A text without a character at its end that may not be complete, each byte of which may look like one."""
    unknown = len(text) - len(text.rstrip(UNKNOWN))
    return text[: len(text) - min(unknown, MOST_UNFINISHED)]


class Characters(Tokenizer):
    """Each character is a token.

    Args:
        characters: all that there are, by id.
    """

    def __init__(self, characters: str) -> None:
        self.characters = characters
        self.ids = {character: i for i, character in enumerate(characters)}

    @staticmethod
    def of(text: str) -> Characters:
        """The characters of a text, sorted."""
        return Characters("".join(sorted(set(text))))

    @property
    def vocabulary(self) -> int:
        return len(self.characters)

    def encode(self, text: str, length: int | None = None) -> list[int]:
        unknown = sorted(set(text) - self.ids.keys())
        if unknown:
            raise DataError(f"there is no token for {joined(map(repr, unknown))}: the model knows {self.characters!r}")
        return [self.ids[character] for character in text[:length]]

    def decode(self, ids: Iterable[int]) -> str:
        return "".join(self.characters[i] for i in ids if 0 <= i < len(self.characters))

    def id_of(self, token: str) -> int | None:
        return self.ids.get(token)

    def save(self, folder: str | Path) -> None:
        content = json.dumps({"characters": self.characters}, indent=2) + "\n"
        write(Path(folder) / "characters.json", lambda path: path.write_text(content, encoding="utf-8"))


class Subwords(Tokenizer):
    """A tokenizer of Hugging Face's `tokenizers`.

    Args:
        inner: it. Its settings for padding and truncation are turned off.
    """

    def __init__(self, inner: tokenizers.Tokenizer) -> None:
        self.inner = inner
        inner.no_padding()
        inner.no_truncation()

    @property
    def vocabulary(self) -> int:
        return self.inner.get_vocab_size()

    def encode(self, text: str, length: int | None = None) -> list[int]:
        encoding = self.inner.encode(text, add_special_tokens=False)
        if length is not None:
            encoding.truncate(max(length - self.inner.num_special_tokens_to_add(is_pair=False), 0))
        return self.inner.post_process(encoding).ids

    def decode(self, ids: Iterable[int]) -> str:
        return self.inner.decode(list(ids))

    def id_of(self, token: str) -> int | None:
        return self.inner.token_to_id(token)

    def save(self, folder: str | Path) -> None:
        write(Path(folder) / "tokenizer.json", lambda path: self.inner.save(str(path)))


def write(path: Path, fill: Callable[[Path], object]) -> None:
    """Let `fill` write a file that then takes the place of `path`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    fill(beside)
    os.replace(beside, path)


# -- reading --------------------------------------------------------------------------------------------------


def library() -> Any:
    """The `tokenizers` library."""
    if find_spec("tokenizers") is None:
        raise DataError('reading this tokenizer needs the tokenizers library: pip install "wirework[io]"')
    import tokenizers

    return tokenizers


def read_characters(folder: Path) -> Tokenizer:
    """A tokenizer that `Characters.save` wrote."""
    written = json.loads((folder / "characters.json").read_text(encoding="utf-8"))
    if not isinstance(written, dict) or not isinstance(written.get("characters"), str):
        raise ValueError("it has no characters")
    return Characters(written["characters"])


def read_tokenizer(folder: Path) -> Tokenizer:
    """A tokenizer of the `tokenizers` library."""
    return Subwords(library().Tokenizer.from_file(str(folder / "tokenizer.json")))


def read_byte_pairs(folder: Path) -> Tokenizer:
    """GPT-2's: byte pair encoding of UTF-8 (Sennrich et al., 2016; arXiv:1508.07909)."""
    lib = library()
    model = lib.models.BPE.from_file(str(folder / "vocab.json"), str(folder / "merges.txt"))
    inner = lib.Tokenizer(model)
    inner.pre_tokenizer = lib.pre_tokenizers.ByteLevel(add_prefix_space=False)
    inner.decoder = lib.decoders.ByteLevel()
    inner.post_processor = lib.processors.ByteLevel(trim_offsets=False)
    return Subwords(with_special(inner, ["<|endoftext|>"]))


def read_word_pieces(folder: Path) -> Tokenizer:
    """BERT's: the longest pieces of words that are known (Wu et al., 2016; arXiv:1609.08144)."""
    lib = library()
    options = read_options(folder / "tokenizer_config.json")
    model = lib.models.WordPiece.from_file(str(folder / "vocab.txt"), unk_token="[UNK]")
    inner = lib.Tokenizer(model)
    inner.normalizer = lib.normalizers.BertNormalizer(
        lowercase=options.get("do_lower_case", True),
        strip_accents=options.get("strip_accents"),
        handle_chinese_chars=options.get("tokenize_chinese_chars", True),
    )
    inner.pre_tokenizer = lib.pre_tokenizers.BertPreTokenizer()
    inner.decoder = lib.decoders.WordPiece()
    ends = [(token, inner.token_to_id(token)) for token in ("[CLS]", "[SEP]")]
    inner.post_processor = lib.processors.TemplateProcessing(single="[CLS] $A [SEP]", special_tokens=ends)
    return Subwords(with_special(inner, ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]))


def read_options(path: Path) -> dict[str, Any]:
    """The settings beside a vocabulary, if there are any."""
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}


def with_special(inner: tokenizers.Tokenizer, tokens: list[str]) -> tokenizers.Tokenizer:
    """Mark tokens that stand for no text, as far as the vocabulary has them."""
    inner.add_special_tokens([token for token in tokens if inner.token_to_id(token) is not None])
    return inner


READERS: dict[tuple[str, ...], Callable[[Path], Tokenizer]] = {
    ("tokenizer.json",): read_tokenizer,
    ("vocab.json", "merges.txt"): read_byte_pairs,
    ("vocab.txt",): read_word_pieces,
    ("characters.json",): read_characters,
}
