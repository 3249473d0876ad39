"""BERT as Hugging Face's transformers stores it: alone, with the head that it was trained with, or with another."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from torch import Tensor

from wirework.checkpoint import Format, Names, rule
from wirework.models.formats.reading import refuse

LAYER = "bert.encoder.layer.*."
RULES = (
    rule("bert.embeddings.word_embeddings.weight", "tokens.weight"),
    rule("bert.embeddings.position_embeddings.weight", "positions.weight"),
    rule("bert.embeddings.token_type_embeddings.weight", "segments.weight"),
    rule("bert.embeddings.LayerNorm.*", "norm.*"),
    rule(
        LAYER + "attention.self.{query,key,value}.weight",
        "blocks.*.attn.in_proj_weight",
        "d c, d c, d c -> (d + d + d) c",
    ),
    rule(LAYER + "attention.self.{query,key,value}.bias", "blocks.*.attn.in_proj_bias", "d, d, d -> (d + d + d)"),
    rule(LAYER + "attention.output.dense.*", "blocks.*.attn.out_proj.*"),
    rule(LAYER + "attention.output.LayerNorm.*", "blocks.*.norm1.*"),
    rule(LAYER + "intermediate.dense.*", "blocks.*.mlp.fc1.*"),
    rule(LAYER + "output.dense.*", "blocks.*.mlp.fc2.*"),
    rule(LAYER + "output.LayerNorm.*", "blocks.*.norm2.*"),
    rule("bert.pooler.dense.*", "pooler.*"),
    rule("cls.predictions.transform.dense.*", "head.linear.*"),
    rule("cls.predictions.transform.LayerNorm.*", "head.norm.*"),
    rule("cls.predictions.bias", "head.bias"),
)
IGNORED = (
    "bert.embeddings.position_ids",  # 0, 1, 2 ...
    "cls.predictions.decoder.*",  # the table of tokens and the bias again
    "cls.seq_relationship.*",  # heads that we do not have
    "classifier.*",
    "qa_outputs.*",
)
HEAD = ("cls.predictions.bias", "cls.predictions.transform.*.*")
POOLER = ("bert.pooler.dense.*",)

WITH_HEAD = ("BertForMaskedLM", "BertForPreTraining")
WITHOUT_POOLER = ("BertForMaskedLM", "BertForTokenClassification", "BertForQuestionAnswering")


def names(config: Any) -> Names:
    """The names in a file, whose head and pooler are left out if the configuration has none."""
    unused = (*(HEAD if config.head == "none" else ()), *(() if config.pooler else POOLER))
    return Names(RULES, prefix="bert.", ignored=(*IGNORED, *unused))


class BERTFormat(Format):
    """Files of the first versions call the weight and bias of a norm gamma and beta."""

    def to_ours(
        self, weights: Mapping[str, Tensor], expected: Mapping[str, Tensor], config: Any, fresh: Iterable[str] = ()
    ) -> dict[str, Tensor]:
        """Our arrays from those in a file."""
        renamed = {
            name.replace("LayerNorm.gamma", "LayerNorm.weight").replace("LayerNorm.beta", "LayerNorm.bias"): array
            for name, array in weights.items()
        }
        return super().to_ours(renamed, expected, config, fresh)


def read(written: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of a BERTConfig."""
    refuse(written, hidden_act="gelu", position_embedding_type=("absolute", None))
    refuse(written, is_decoder=False, add_cross_attention=False)
    kind = next(iter(written.get("architectures") or ["BertModel"]))
    if kind in WITH_HEAD:
        refuse(written, tie_word_embeddings=True)
    return {
        "vocabulary": written.get("vocab_size", 30522),
        "context": written.get("max_position_embeddings", 512),
        "segments": written.get("type_vocab_size", 2),
        "dim": written.get("hidden_size", 768),
        "depth": written.get("num_hidden_layers", 12),
        "heads": written.get("num_attention_heads", 12),
        "mlp_dim": written.get("intermediate_size", 3072),
        "padding": written.get("pad_token_id", 0),
        "head": "mlm" if kind in WITH_HEAD else "none",
        "pooler": kind not in WITHOUT_POOLER,
        "dropout": written.get("hidden_dropout_prob", 0.1),
        "attention_dropout": written.get("attention_probs_dropout_prob", 0.1),
        "epsilon": written.get("layer_norm_eps", 1e-12),
    }


def write(config: Any) -> dict[str, Any]:
    """What transformers reads."""
    with_head = "BertForPreTraining" if config.pooler else "BertForMaskedLM"
    return {
        "model_type": "bert",
        "architectures": [with_head if config.head == "mlm" else "BertModel"],
        "vocab_size": config.vocabulary,
        "max_position_embeddings": config.context,
        "type_vocab_size": config.segments,
        "hidden_size": config.dim,
        "num_hidden_layers": config.depth,
        "num_attention_heads": config.heads,
        "intermediate_size": config.mlp_dim,
        "hidden_act": "gelu",
        "pad_token_id": config.padding,
        "hidden_dropout_prob": config.dropout,
        "attention_probs_dropout_prob": config.attention_dropout,
        "layer_norm_eps": config.epsilon,
        "position_embedding_type": "absolute",
        "tie_word_embeddings": True,
    }


FORMATS = (BERTFormat("Hugging Face bert", names, lambda written: written.get("model_type") == "bert", read, write),)
