"""Weights on disk: reading and writing files, and translating the names that other projects give them."""

from wirework.checkpoint.files import read_config, read_weights, write_config, write_weights
from wirework.checkpoint.format import Format, fit
from wirework.checkpoint.hub import find
from wirework.checkpoint.names import Names, Rule, rule

__all__ = [
    "Format",
    "Names",
    "Rule",
    "find",
    "fit",
    "read_config",
    "read_weights",
    "rule",
    "write_config",
    "write_weights",
]
