"""Attention without a framework: its options, its sizes, its computation."""

from wirework.nn.attention.definition import AttentionDefinition
from wirework.nn.attention.heads import HeadSizes, QKNorm, Sinks, Softcap
from wirework.nn.attention.latent import Latent
from wirework.nn.attention.places import Aligned, Places, Slots
from wirework.nn.attention.projections import Fused, Split

__all__ = [
    "Aligned", "AttentionDefinition", "Fused", "HeadSizes", "Latent", "Places", "QKNorm", "Sinks", "Slots",
    "Softcap", "Split",
]  # fmt: skip
