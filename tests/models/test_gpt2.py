"""GPT-2 against Hugging Face's: weights, logits, states, gradients, masks, caches, generation."""

import pytest
import torch

import wirework.nn.torch as wn
from models.parity import close, same_gradients, shake
from wirework.errors import CheckpointError, SemanticError
from wirework.models import GPT2, GPT2Config, Sampling

SIZES = {
    "small": {"n_embd": 48, "n_layer": 2, "n_head": 3},
    "wide MLP": {"n_embd": 32, "n_layer": 3, "n_head": 4, "n_inner": 200},
    "one head": {"n_embd": 16, "n_layer": 1, "n_head": 1, "layer_norm_epsilon": 1e-3},
}
TOKENS = torch.randint(0, 100, (2, 16), generator=torch.Generator().manual_seed(1))


@pytest.fixture(params=SIZES.values(), ids=SIZES.keys())
def reference(request, transformers):
    config = transformers.GPT2Config(
        vocab_size=100, n_positions=64, bos_token_id=0, eos_token_id=0, **request.param, attn_pdrop=0, resid_pdrop=0
    )
    return shake(transformers.GPT2LMHeadModel(config))


@pytest.fixture
def model(reference, tmp_path):
    reference.save_pretrained(tmp_path / "reference")
    return GPT2.from_pretrained(tmp_path / "reference")


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
    again = transformers.GPT2LMHeadModel.from_pretrained(tmp_path / "saved").eval()
    assert torch.equal(again(TOKENS).logits, reference(TOKENS).logits)


def test_a_base_model_without_prefix(reference, tmp_path):
    reference.transformer.save_pretrained(tmp_path)
    close(GPT2.from_pretrained(tmp_path)(TOKENS), reference(TOKENS).logits)


def test_presets_have_the_published_sizes():
    with torch.device("meta"):
        sizes = {name: sum(p.numel() for p in GPT2.preset(name).parameters()) for name in GPT2Config.presets}
    assert sizes["small"] == 124_439_808
    assert sizes["medium"] == 354_823_168
    assert sizes["large"] == 774_030_080
    assert sizes["xl"] == 1_557_611_200


def test_what_it_cannot_be(transformers, tmp_path):
    config = transformers.GPT2Config(n_embd=8, n_layer=1, n_head=1, activation_function="relu")
    transformers.GPT2LMHeadModel(config).save_pretrained(tmp_path)
    with pytest.raises(CheckpointError) as caught:
        GPT2.from_pretrained(tmp_path)
    assert str(caught.value) == (
        "the configuration has activation_function='relu': only 'gelu_new' or 'gelu_pytorch_tanh' is supported"
    )


class TestGenerate:
    model = GPT2(GPT2Config(vocabulary=11, context=8, dim=16, depth=1, heads=2, mlp_dim=16)).eval()
    prompt = torch.tensor([[1, 2, 3]])

    def test_the_context_ends(self):
        assert len(list(self.model.generate(self.prompt, 6))) == 6
        with pytest.raises(SemanticError, match="3 tokens and 7 more do not fit into a context of 8"):
            list(self.model.generate(self.prompt, 7))

    def test_rolling_goes_on(self):
        assert len(list(self.model.generate(self.prompt, 40, rolling=True))) == 40

    def test_nothing_to_go_on_from(self):
        with pytest.raises(SemanticError, match="no token"):
            list(self.model.generate(self.prompt[:, :0], 1))

    def test_a_seed_repeats(self):
        def text(seed):
            generator = torch.Generator().manual_seed(seed)
            return torch.cat(
                list(self.model.generate(self.prompt, 30, Sampling(2.0), generator, rolling=True))
            ).tolist()

        assert text(1) == text(1) != text(2)


class TestSampling:
    logits = torch.tensor([[0.0, 3.0, 1.0, 2.0]])

    def kept(self, **options):
        return Sampling(**options).restrict(self.logits).isfinite()[0].tolist()

    def test_top_k(self):
        assert self.kept(top_k=2) == [False, True, False, True]

    @pytest.mark.parametrize("p, kept", [(0.5, [1]), (0.7, [1, 3]), (0.95, [1, 2, 3]), (1.0, [0, 1, 2, 3])])
    def test_top_p(self, p, kept):
        assert self.kept(top_p=p) == [i in kept for i in range(4)]

    def test_equals_transformers(self, transformers):
        from transformers.generation import logits_process as reference

        logits = torch.randn(5, 50, generator=torch.Generator().manual_seed(0))
        for options, process in [
            ({"top_k": 7}, reference.TopKLogitsWarper(7)),
            ({"top_p": 0.6}, reference.TopPLogitsWarper(0.6)),
        ]:
            assert torch.equal(Sampling(**options).restrict(logits), process(None, logits.clone()))

    def test_frequencies(self):
        generator = torch.Generator().manual_seed(0)
        chosen = Sampling(temperature=2.0).choose(self.logits.expand(20_000, 4), generator)
        torch.testing.assert_close(
            chosen.bincount(minlength=4) / 20_000, (self.logits[0] / 2).softmax(0), atol=0.01, rtol=0
        )

    @pytest.mark.parametrize("options", [{"temperature": -1}, {"top_k": 0}, {"top_p": 0}, {"top_p": 1.5}])
    def test_nonsense(self, options):
        with pytest.raises(SemanticError):
            Sampling(**options)


def test_compiled_decoding_compiles_once():
    from torch._dynamo.testing import CompileCounter

    counter = CompileCounter()
    model = TestGenerate.model
    caches = model.caches(8)
    with torch.inference_mode():
        model(TestGenerate.prompt, caches=caches)
        step = torch.compile(model, backend=counter, fullgraph=True)
        found = [step(torch.tensor([[token]]), caches=caches) for token in (4, 5, 6)]
    assert counter.frame_count == 1
    close(torch.cat(found, 1), model(torch.tensor([[1, 2, 3, 4, 5, 6]]))[:, 3:])
