"""Llama, Mistral, Qwen2 and Qwen3 against Hugging Face's: weights, logits, gradients, masks, caches, generation."""

import doctest
import json
from dataclasses import replace

import pytest
import torch

import wirework.nn.torch as wn
from models.parity import close, same_gradients, shake
from wirework.errors import CheckpointError, SemanticError
from wirework.models import llama
from wirework.models.formats.llama import read, write
from wirework.models.llama import Llama, LlamaConfig
from wirework.models.model import frozen

SMALL = {
    "vocab_size": 100, "hidden_size": 48, "num_hidden_layers": 3, "num_attention_heads": 6, "intermediate_size": 80,
    "num_key_value_heads": 2, "max_position_embeddings": 64, "eos_token_id": None, "bos_token_id": None,
}  # fmt: skip
KINDS = {
    "llama": ("Llama", {"num_key_value_heads": 6, "rms_norm_eps": 1e-3}),
    "llama, one head of keys": ("Llama", {"num_key_value_heads": 1, "head_dim": 16}),
    "llama, biases, tied": ("Llama", {"attention_bias": True, "mlp_bias": True, "tie_word_embeddings": True}),
    "llama 3": ("Llama", {"rope_parameters": {
        "rope_type": "llama3", "rope_theta": 5e5, "factor": 8.0, "original_max_position_embeddings": 16,
        "low_freq_factor": 1.0, "high_freq_factor": 4.0}}),
    "mistral": ("Mistral", {"sliding_window": 5, "head_dim": 16}),
    "mistral, no window": ("Mistral", {"sliding_window": None}),
    "qwen2": ("Qwen2", {"tie_word_embeddings": True}),
    "qwen2, some windows": ("Qwen2", {"use_sliding_window": True, "sliding_window": 5, "max_window_layers": 1}),
    "qwen3": ("Qwen3", {"head_dim": 16, "tie_word_embeddings": True}),
    "qwen3, some windows": ("Qwen3", {
        "head_dim": 8, "attention_bias": True, "use_sliding_window": True, "sliding_window": 7,
        "layer_types": ["sliding_attention", "full_attention", "sliding_attention"]}),
}  # fmt: skip
WINDOWS = ("mistral", "qwen2, some windows", "qwen3, some windows")
TOKENS = torch.randint(0, 100, (2, 16), generator=torch.Generator().manual_seed(1))


def reference_of(transformers, family, options, seed=0):
    config = getattr(transformers, f"{family}Config")(**{**SMALL, **options})
    return shake(getattr(transformers, f"{family}ForCausalLM")(config), seed=seed)


@pytest.fixture(params=KINDS)
def kind(request):
    return request.param


@pytest.fixture
def reference(kind, transformers):
    return reference_of(transformers, *KINDS[kind])


@pytest.fixture
def model(reference, tmp_path):
    reference.save_pretrained(tmp_path / "reference")
    return Llama.from_pretrained(tmp_path / "reference")


def test_logits_and_states(model, reference):
    theirs = reference(TOKENS, output_hidden_states=True)
    close(model(TOKENS), theirs.logits)
    close(model.features(TOKENS), theirs.hidden_states[-1])


def test_loss_and_gradients(model, reference, tmp_path):
    loss, expected = model.loss(TOKENS), reference(TOKENS, labels=TOKENS).loss
    close(loss, expected)
    loss.backward()
    expected.backward()
    same_gradients(model, reference, tmp_path / "gradients")


def test_padding_on_the_left(model, reference):
    there = torch.ones_like(TOKENS)
    there[1, :5] = 0
    positions = (there.cumsum(1) - 1).clamp(min=0)
    ours = model(TOKENS, mask=wn.padding(there.bool()), positions=positions)
    theirs = reference(TOKENS, attention_mask=there, position_ids=positions).logits
    close(ours[there.bool()], theirs[there.bool()])


@pytest.mark.parametrize("length", [None, 32], ids=["growing", "static"])
def test_caches_change_nothing(model, length):
    caches = model.caches(length)
    parts = [model(part, caches=caches) for part in TOKENS.split([5, 1, 7, 3], dim=1)]
    close(torch.cat(parts, 1), model(TOKENS))


def test_greedy_text_is_the_same(model, reference):
    ours = torch.stack(list(model.generate(TOKENS, 20)), 1)
    theirs = reference.generate(TOKENS, max_new_tokens=20, do_sample=False, eos_token_id=None, pad_token_id=0)
    assert ours.tolist() == theirs[:, 16:].tolist()


def test_what_is_saved_is_read_by_transformers(model, reference, transformers, tmp_path):
    model.save_pretrained(tmp_path / "saved")
    again = transformers.AutoModelForCausalLM.from_pretrained(tmp_path / "saved").eval()
    close(again(TOKENS).logits, reference(TOKENS).logits)
    assert Llama.from_pretrained(tmp_path / "saved").config == replace(
        model.config, head_dim=model.config.head_size, kv_heads=model.config.kv_count
    )


def test_half_precision(model, reference):
    ours, theirs = model.bfloat16()(TOKENS), reference.bfloat16()(TOKENS).logits
    assert ours.dtype == torch.bfloat16
    close(ours.float(), theirs.float(), 2e-2)


@pytest.mark.parametrize("kind", ["llama", "qwen2"])
def test_a_family_without_windows_is_written_under_its_name(model, kind, tmp_path):
    model.save_pretrained(tmp_path)
    assert json.loads((tmp_path / "config.json").read_text())["model_type"] == kind


@pytest.mark.parametrize("kind", ["qwen2"])
def test_a_base_model_without_prefix(reference, tmp_path):
    reference.model.save_pretrained(tmp_path)
    close(Llama.from_pretrained(tmp_path)(TOKENS), reference(TOKENS).logits)


@pytest.mark.parametrize("kind", WINDOWS)
def test_caches_of_blocks_with_a_window_keep_no_more(model, kind):
    config = model.config
    sizes = [cache.max_length for cache in model.caches(32)]
    assert sizes == [config.window_of(block) or 32 for block in range(config.depth)]
    assert {type(cache) for cache in model.caches(3)} == {wn.StaticCache}


# -- rotary embeddings ----------------------------------------------------------------------------------------

ROPES = {
    "linear": {"factor": 4.0},
    "dynamic": {"factor": 2.0},
    "yarn": {"factor": 4.0, "original_max_position_embeddings": 8},
    "yarn, all options": {
        "factor": 4.0, "original_max_position_embeddings": 8, "beta_fast": 16, "beta_slow": 2, "mscale": 1.0,
        "mscale_all_dim": 0.7, "truncate": False,
    },
    "yarn, attention factor": {"factor": 4.0, "original_max_position_embeddings": 8, "attention_factor": 1.3},
    "llama3": {
        "factor": 8.0, "original_max_position_embeddings": 8, "low_freq_factor": 1.0, "high_freq_factor": 4.0,
    },
}  # fmt: skip


@pytest.fixture(params=ROPES)
def rope(request):
    return {"rope_type": request.param.partition(",")[0], **ROPES[request.param]}


@pytest.fixture
def scaled(rope, transformers):
    options = {"max_position_embeddings": 12, "head_dim": 16, "rope_parameters": {"rope_theta": 500.0, **rope}}
    return reference_of(transformers, "Llama", options)


def test_scaled_turns(scaled, transformers, tmp_path):
    scaled.save_pretrained(tmp_path)
    model = Llama.from_pretrained(tmp_path)
    expected = scaled(TOKENS).logits
    close(model(TOKENS), expected)
    model.save_pretrained(tmp_path / "again")
    close(transformers.AutoModelForCausalLM.from_pretrained(tmp_path / "again").eval()(TOKENS).logits, expected)


@pytest.mark.parametrize("key", ["rope_type", "type"])
def test_turns_as_they_were_written_before_transformers_5(scaled, rope, key, tmp_path):
    written = scaled.config.to_dict()
    config = read(written)
    del written["rope_parameters"]
    kind = {key: rope.pop("rope_type")}
    assert read({**written, "rope_theta": 500.0, "rope_scaling": {**kind, **rope}}) == config


def test_turns_that_are_not_supported():
    for rope, message in [
        (
            {"rope_type": "longrope", "factor": 2.0},
            "the configuration has rope_type='longrope': "
            "only 'default', 'linear', 'dynamic', 'yarn' or 'llama3' is supported",
        ),
        ({"rope_type": "linear"}, "the configuration has rope_type='linear' without factor"),
        (
            {"rope_type": "default", "partial_rotary_factor": 0.5},
            "the configuration has partial_rotary_factor=0.5: only None or 1 is supported",
        ),
        (
            {"full_attention": {"rope_type": "default"}},
            "the configuration has rope_parameters that differ between layers: it may have only one",
        ),
    ]:
        with pytest.raises(CheckpointError) as caught:
            read({"model_type": "llama", "rope_parameters": rope})
        assert str(caught.value) == message


# -- configurations -------------------------------------------------------------------------------------------


def test_presets_have_the_published_sizes():
    with torch.device("meta"):
        sizes = {name: sum(p.numel() for p in Llama.preset(name).parameters()) for name in LlamaConfig.presets}
    assert sizes == {
        "characters": 804_224,
        "llama2_7b": 6_738_415_616,
        "llama3_8b": 8_030_261_248,
        "llama3_2_1b": 1_235_814_400,
        "llama3_1_405b": 405_853_388_800,
        "mistral_7b": 7_241_732_096,
        "qwen2_0_5b": 494_032_768,
        "qwen3_0_6b": 596_049_920,
    }


@pytest.mark.parametrize("name", LlamaConfig.presets)
def test_presets_can_be_written_and_read(name):
    written = write(LlamaConfig.preset(name))
    assert write(LlamaConfig(**frozen(read(written)))) == written
    assert written["model_type"].startswith(name.partition("_")[0].rstrip("23")) or name == "characters"


@pytest.mark.parametrize("family", ["Llama", "Mistral", "Qwen2", "Qwen3"])
def test_what_is_not_written_is_as_in_transformers(transformers, family):
    whole = read(getattr(transformers, f"{family}Config")().to_dict())
    brief = read({"model_type": family.lower()})
    config = LlamaConfig(**frozen(brief))
    assert {**brief, "head_dim": config.head_size, "kv_heads": config.kv_count} == {
        **whole, "head_dim": config.head_size, "kv_heads": config.kv_count,
    }  # fmt: skip
    assert whole["head_dim"] in (None, config.head_size) and whole["kv_heads"] in (None, config.kv_count)


def test_what_it_cannot_read():
    for written, message in [
        ({"hidden_act": "gelu"}, "the configuration has hidden_act='gelu': only 'silu' or 'swish' is supported"),
        ({"pretraining_tp": 2}, "the configuration has pretraining_tp=2: only None or 1 is supported"),
        (
            {"model_type": "qwen2", "use_sliding_window": True, "layer_types": ["chunked_attention"] * 32},
            "the configuration has layer_types='chunked_attention': "
            "only 'full_attention' or 'sliding_attention' is supported",
        ),
    ]:
        with pytest.raises(CheckpointError) as caught:
            read({"model_type": "llama", **written})
        assert str(caught.value) == message


def test_what_it_cannot_write():
    for config, message in [
        (
            LlamaConfig(window=4, mlp_bias=True),
            "none of Hugging Face's llama, mistral, qwen2, qwen3 has all of "
            "attention_bias=(), mlp_bias=True, qk_norm=False, window=4, full_blocks=()",
        ),
        (
            LlamaConfig(context=100, rope_scaling=("dynamic", 2.0, 50)),
            "transformers scales dynamically from its context on: 50 is not 100",
        ),
    ]:
        with pytest.raises(CheckpointError) as caught:
            write(config)
        assert str(caught.value) == message


def test_what_is_no_configuration():
    for options, message in [
        ({"heads": 5}, "dim=4096 is not divisible by heads=5"),
        ({"kv_heads": 5}, "heads=32 is not divisible by kv_heads=5"),
        ({"window": 0}, "window=0 leaves no token to see"),
        ({"depth": 2, "full_blocks": (2,)}, "full_blocks=(2,) are not all among the 2 blocks"),
        (
            {"rope_scaling": ("lama3", 8.0, 8192)},
            "there is no rope_scaling 'lama3' (did you mean llama3?): choose from linear, dynamic, yarn, llama3",
        ),
        (
            {"rope_scaling": ("llama3", 8.0)},
            "rope_scaling=('llama3', 8.0): Llama3Scaling.__init__() missing 1 required positional argument: 'length'",
        ),
    ]:
        with pytest.raises(SemanticError) as caught:
            LlamaConfig(**options)
        assert str(caught.value) == message


def test_weights_of_another_model(tmp_path):
    Llama(replace(TINY, depth=1)).save_pretrained(tmp_path)
    with pytest.raises(CheckpointError) as caught:
        Llama.from_pretrained(tmp_path, qk_norm=True)
    assert str(caught.value) == (
        "the weights do not fit the model, read as Hugging Face llama, mistral, qwen2, qwen3\n\n"
        "  2 missing:\n    model.layers.0.self_attn.q_norm.weight\n    model.layers.0.self_attn.k_norm.weight"
    )


def test_a_file_with_a_configuration(tmp_path):
    model = Llama(TINY)
    model.save_pretrained(tmp_path)
    again = Llama.from_pretrained(tmp_path / "model.safetensors", TINY)
    assert torch.equal(again(TOKENS), model(TOKENS))


def test_our_own_names(tmp_path):
    config = replace(TINY, rope_scaling=("yarn", 4.0, 16, 32.0, 1.0, None), full_blocks=(1,), window=3)
    model = Llama(config).eval()
    model.save_pretrained(tmp_path, form="wirework")
    again = Llama.from_pretrained(tmp_path)
    assert again.config == config
    assert torch.equal(again(TOKENS), model(TOKENS))


# -- as a module of torch -------------------------------------------------------------------------------------

TINY = LlamaConfig(vocabulary=100, context=32, dim=16, depth=2, heads=4, mlp_dim=32, kv_heads=2)
TINIES = {
    "llama": TINY,
    "some windows": replace(TINY, window=3, full_blocks=(1,), qk_norm=True),
    "dynamic": replace(TINY, rope_scaling=("dynamic", 2.0, 4)),
}


@pytest.mark.parametrize("config", TINIES.values(), ids=TINIES.keys())
def test_compiled_decoding_compiles_once(config):
    from torch._dynamo.testing import CompileCounter

    counter = CompileCounter()
    model = Llama(config).eval()
    tokens = TOKENS[:, :9]
    caches = model.caches(16)
    with torch.inference_mode():
        model(tokens[:, :5], caches=caches)
        step = torch.compile(model, backend=counter, fullgraph=True)
        found = [step(token, caches=caches) for token in tokens[:, 5:].split(1, dim=1)]
    assert counter.frame_count == 1
    close(torch.cat(found, 1)[:, -1], model(tokens)[:, -1])


def test_compiled_and_exported():
    model = Llama(TINIES["some windows"]).eval()
    expected = model(TOKENS)
    close(torch.compile(model, fullgraph=True, backend="eager")(TOKENS), expected)
    dynamic = ({0: torch.export.Dim("b"), 1: torch.export.Dim("t", min=4, max=32)},)
    exported = torch.export.export(model, (TOKENS[:, :7].contiguous(),), dynamic_shapes=dynamic).module()
    close(exported(TOKENS), expected)


def test_training_draws_other_weights_of_attention():
    model = Llama(replace(TINY, dropout=0.5))
    assert not torch.equal(model(TOKENS), model(TOKENS))
    assert torch.equal(model.eval()(TOKENS), model(TOKENS))
    model.train().loss(TOKENS).backward()
    assert all(parameter.grad.isfinite().all() for parameter in model.parameters())


def test_made_without_memory():
    with torch.device("meta"):
        model = Llama(TINY)
    assert {parameter.device.type for parameter in model.parameters()} == {"meta"}
    model = model.to_empty(device="cpu")
    model.reset_parameters()
    twin = Llama(TINY)
    twin.load_state_dict(model.state_dict())
    close(model(TOKENS), twin(TOKENS))


def test_first_weights():
    model = Llama(replace(TINY, dim=64, attention_bias=("q", "k", "v")))
    for name, parameter in model.named_parameters():
        if parameter.ndim > 1:
            assert 0.015 < parameter.std() < 0.025, name
        else:
            assert parameter.unique().tolist() == [0.0 if name.endswith("bias") else 1.0], name


def test_the_example_runs():
    results = doctest.testmod(llama)
    assert results.attempted and not results.failed
