"""Layers that are made alike in torch and in Flax, each with an input."""

import numpy as np


def numbers(*shape):
    return np.random.default_rng(0).normal(size=shape).astype("float32")


LAYERS = {
    "linear": (lambda w, **k: w.Linear("... [c_in -> c_out]", c_in=6, c_out=5, **k), numbers(2, 3, 6)),
    "no bias": (lambda w, **k: w.Linear("b [s -> s2] c", bias=False, s=3, s2=4, **k), numbers(2, 3, 6)),
    "layer norm": (lambda w, **k: w.Norm("... [c]", c=6, **k), numbers(2, 3, 6)),
    "rms norm": (lambda w, **k: w.Norm("... [c]", mean=False, bias=False, scale="1 + w", c=6, **k), numbers(2, 3, 6)),
    "instance norm": (lambda w, **k: w.Norm("b [s...] c", c=6, **k), numbers(2, 3, 6)),
    "group norm": (lambda w, **k: w.Norm("b [s...] (g [c])", g=2, c=3, **k), numbers(2, 3, 6)),
    "batch norm": (lambda w, **k: w.Norm("[b...] c", c=6, decay_rate=0.9, **k), numbers(4, 3, 6)),
    "conv": (lambda w, **k: w.Conv("b [c -> d] [s...]", (3,), padding=1, c=3, d=4, **k), numbers(2, 3, 6)),
    "padded conv": (
        lambda w, **k: w.Conv("b [s...] [c -> d]", (3,), padding=1, padding_mode="reflect", c=6, d=4, **k),
        numbers(2, 5, 6),
    ),
    "mlp": (lambda w, **k: w.MLP(activation="gelu_tanh", d=6, m=8, **k), numbers(2, 3, 6)),
    "gated mlp": (lambda w, **k: w.MLP(gated=True, activation="silu", d=6, m=8, **k), numbers(2, 3, 6)),
    "residual": (
        lambda w, **k: w.Residual(
            w.MLP(d=6, m=8, **k), w.Norm("... [c]", c=6, **k), layer_scale=0.5, d=6, **k
        ),
        numbers(2, 3, 6),
    ),
    "attention": (lambda w, **k: w.Attention(2, 8, mask=w.causal, position=w.Rotary("half", 4), **k), numbers(2, 5, 8)),
    "attention with options": (
        lambda w, **k: w.Attention(
            4, 8, kv_heads=2, projection=w.Split(), qk_norm=w.QKNorm(), gate=True,
            scores=[w.Sinks(), w.Softcap(5.0), w.ALiBi(4)], **k,
        ),
        numbers(2, 5, 8),
    ),
    "latent attention": (
        lambda w, **k: w.Attention(2, 8, head_dim=4, projection=w.Latent(6, 4), **k),
        numbers(2, 5, 8),
    ),
    "relative bias": (lambda w, **k: w.Attention(2, 8, scores=[w.RelativeBias(5, 2, **k)], **k), numbers(2, 5, 8)),
    "bias by distance": (lambda w, **k: w.Attention(2, 8, scores=[w.T5Bias(2, **k)], **k), numbers(2, 5, 8)),
    "learned positions": (lambda w, **k: w.LearnedPositions(5, d=8, **k), numbers(2, 5, 8)),
    "sinusoidal": (lambda w, **k: w.Sinusoidal(8), numbers(2, 5, 8)),
}  # fmt: skip

INFERRED = {  # the same layer with its sizes left out and with them, and the shape of an input
    "linear": (lambda w, c=None, **k: w.Linear("... [c -> d]", d=5, **sizes(c=c), **k), 6, (2, 3, 6)),
    "norm": (lambda w, c=None, **k: w.Norm("[b...] c", decay_rate=0.9, **sizes(c=c), **k), 6, (2, 3, 6)),
    "conv": (lambda w, c=None, **k: w.Conv("b [s...] [c -> d]", (3,), d=4, **sizes(c=c), **k), 6, (2, 5, 6)),
    "mlp": (lambda w, c=None, **k: w.MLP("... [d -> m]", m=8, **sizes(d=c), **k), 6, (2, 3, 6)),
    "attention": (lambda w, c=None, **k: w.Attention(2, c, gate=True, kv_heads=1, **k), 8, (2, 5, 8)),
    "split attention": (lambda w, c=None, **k: w.Attention(2, c, projection=w.Split(), gate=True, **k), 8, (2, 5, 8)),
    "latent attention": (
        lambda w, c=None, **k: w.Attention(2, c, head_dim=4, projection=w.Latent(6, 4), **k), 8, (2, 5, 8),
    ),
    "residual": (
        lambda w, c=None, **k: w.Residual(w.MLP(m=8, **sizes(d=c), **k), layer_scale=0.1, **sizes(d=c), **k),
        6,
        (2, 3, 6),
    ),
    "learned positions": (lambda w, c=None, **k: w.LearnedPositions(5, **sizes(d=c), **k), 8, (2, 5, 8)),
}  # fmt: skip


def sizes(**given):
    return {name: size for name, size in given.items() if size is not None}
